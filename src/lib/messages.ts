/**
 * Every sentence that a client may read in a DNS response: the EXTRA-TEXT of Extended DNS Errors
 * (RFC 8914, section 2). They are turned into octets when the policy image is compiled;
 * the query path copies octets. Texts of mandatory (law) lists never name the category.
 */

/** Keeps the option small, so that it never is what truncates a response. */
export const EXTRA_TEXT_BYTES_MAX = 80;

export const MESSAGES = {
  en: {
    blockedByLaw: 'Blocked: legal order',
    blockedForSecurity: 'Blocked: {category} (security)',
    blockedByCategory: 'Filtered: {category} (plan {plan})',
    blockedByBypassControl: 'Filtered: filter bypass (plan {plan})',
    deniedByProfile: 'Filtered: on the deny list of the profile',
    deniedBySubscriber: 'Filtered: on the deny list of the household',
    deniedByPlan: 'Filtered: on the deny list of plan {plan}',
  },
} as const;

/** Replaces `{name}` by its value; every placeholder of the text must be given. */
export function fillMessage(text: string, values: Readonly<Record<string, string>>): string {
  return text.replace(/\{(\w+)\}/g, (placeholder, name: string) => values[name] ?? placeholder);
}

/** UTF-8 octets of a text, cut at a character boundary to `EXTRA_TEXT_BYTES_MAX`. */
export function messageBytes(text: string): Uint8Array {
  const target = new Uint8Array(EXTRA_TEXT_BYTES_MAX);
  const { written } = new TextEncoder().encodeInto(text, target);
  return target.slice(0, written);
}
