/**
 * From resources as people write them to their one canonical form: defaults filled in or left out,
 * names and prefixes normalised, sets sorted. Equal policies have equal canonical JSON, which is what
 * makes `apply(export())` change nothing; the canonical form is also what export and audit show.
 */

import type { ListFormatName } from '../blocklist/formats/list-format.ts';
import { isIpv4Words, parseIpAddress } from '../lib/ip-address.ts';
import type {
  BlockingModeName,
  CategoryDocument,
  ListDocument,
  PlanDocument,
  ResourceKind,
  SubscriberDocument,
} from './document.ts';
import { canonicalPrefix } from './prefix-key.ts';
import { canonicalName } from './rule-name.ts';
import { quote } from '../lib/quote.ts';
import type { VerdictClassName } from './schema.ts';

/** Names in this category cannot be blocked by lists (row 2 of the decision). */
export const PROTECTED_CATEGORY = 'protected';
export const DEFAULT_TIMEZONE = 'UTC';

export interface CategoryRecord {
  readonly id: string;
  readonly class: VerdictClassName;
  readonly title?: string;
  readonly edeCode?: 15 | 16;
}

export interface ListRecord {
  readonly id: string;
  readonly category: string;
  /** Only where the document named it. */
  readonly format?: ListFormatName;
  readonly subdomains?: boolean;
  readonly contentSha256: string;
  readonly origin?: string;
}

interface RuleNames {
  readonly allow?: readonly string[];
  readonly deny?: readonly string[];
}

export interface PlanRecord extends RuleNames {
  readonly id: string;
  readonly title?: string;
  readonly block: readonly string[];
  readonly locked?: readonly string[];
  readonly blockingMode: BlockingModeName;
  readonly blockAddress4?: string;
  readonly blockAddress6?: string;
  readonly maxTtlSeconds?: number;
}

export interface SubscriberRecord extends RuleNames {
  readonly id: string;
  readonly plan: string;
  readonly timezone: string;
  readonly addresses: readonly string[];
}

export interface RecordOf {
  readonly category: CategoryRecord;
  readonly list: ListRecord;
  readonly plan: PlanRecord;
  readonly subscriber: SubscriberRecord;
}

export type ResourceRecord = RecordOf[ResourceKind];

export function isSameRecord(a: ResourceRecord | undefined, b: ResourceRecord): boolean {
  return a !== undefined && JSON.stringify(a) === JSON.stringify(b);
}

export function canonicalCategory(
  document: CategoryDocument,
  path: string,
  faults: string[],
): CategoryRecord {
  const verdictClass = document.class ?? 'policy';
  if (document.edeCode !== undefined && verdictClass !== 'law') {
    faults.push(
      `${path}.edeCode: ${document.edeCode} goes with class law only, this is ${verdictClass}`,
    );
  }
  return {
    id: document.id,
    class: verdictClass,
    ...(document.title ? { title: document.title } : {}),
    ...(document.edeCode === undefined ? {} : { edeCode: document.edeCode }),
  };
}

export function canonicalList(document: ListDocument, path: string, faults: string[]): ListRecord {
  if (document.url !== undefined) {
    faults.push(
      `${path}.url: ${quote(document.url)} cannot be fetched: lists from the network are not supported yet; valid: path, with the file downloaded before`,
    );
  } else if (document.path !== undefined) {
    faults.push(
      `${path}.path: ${quote(document.path)} is read by "stairgate apply" only; valid here: contentSha256 of an uploaded content`,
    );
  } else if (document.contentSha256 === undefined) {
    faults.push(
      `${path}: the content is missing; valid: path (through "stairgate apply") or contentSha256`,
    );
  }
  return {
    id: document.id,
    category: document.category,
    ...(document.format === undefined ? {} : { format: document.format }),
    ...(document.subdomains === undefined ? {} : { subdomains: document.subdomains }),
    contentSha256: document.contentSha256 ?? '',
    ...(document.origin ? { origin: document.origin } : {}),
  };
}

export function canonicalPlan(document: PlanDocument, path: string, faults: string[]): PlanRecord {
  const locked = sortedSet(document.locked ?? []);
  const mode = document.blockingMode ?? 'nxdomain';
  const address4 = canonicalAddress(document.blockAddress4, true, `${path}.blockAddress4`, faults);
  const address6 = canonicalAddress(document.blockAddress6, false, `${path}.blockAddress6`, faults);
  if (
    mode === 'address' &&
    document.blockAddress4 === undefined &&
    document.blockAddress6 === undefined
  ) {
    faults.push(
      `${path}.blockingMode: "address" needs blockAddress4 or blockAddress6, neither is there`,
    );
  }
  return {
    id: document.id,
    ...(document.title ? { title: document.title } : {}),
    block: sortedSet(document.block ?? []).filter((id) => !locked.includes(id)),
    ...(locked.length === 0 ? {} : { locked }),
    ...canonicalRules(document, path, faults),
    blockingMode: mode,
    ...(address4 === null ? {} : { blockAddress4: address4 }),
    ...(address6 === null ? {} : { blockAddress6: address6 }),
    ...(document.maxTtlSeconds === undefined ? {} : { maxTtlSeconds: document.maxTtlSeconds }),
  };
}

export function canonicalSubscriber(
  document: SubscriberDocument,
  path: string,
  faults: string[],
): SubscriberRecord {
  const timezone = document.timezone ?? DEFAULT_TIMEZONE;
  if (!isTimezone(timezone)) {
    faults.push(
      `${path}.timezone: ${quote(timezone)} is no IANA time zone; valid: such as Europe/Minsk, America/New_York, UTC`,
    );
  }
  const addresses: string[] = [];
  for (const [index, text] of (document.addresses ?? []).entries()) {
    const prefix = canonicalPrefix(text);
    if (prefix !== null) addresses.push(prefix);
    else {
      faults.push(
        `${path}.addresses[${index}]: ${quote(text)} is no address or prefix (no bits may be set past its length); valid: such as 192.0.2.7, 192.0.2.0/24, 2001:db8:7::/56`,
      );
    }
  }
  return {
    id: document.id,
    plan: document.plan,
    timezone,
    addresses: sortedSet(addresses),
    ...canonicalRules(document, path, faults),
  };
}

function canonicalRules(
  document: { readonly allow?: readonly string[]; readonly deny?: readonly string[] },
  path: string,
  faults: string[],
): RuleNames {
  const allow = canonicalNames(document.allow ?? [], `${path}.allow`, faults);
  const deny = canonicalNames(document.deny ?? [], `${path}.deny`, faults);
  return {
    ...(allow.length === 0 ? {} : { allow }),
    ...(deny.length === 0 ? {} : { deny }),
  };
}

function canonicalNames(texts: readonly string[], path: string, faults: string[]): string[] {
  const names: string[] = [];
  for (const [index, text] of texts.entries()) {
    const name = canonicalName(text);
    if (name !== null) names.push(name);
    else {
      faults.push(
        `${path}[${index}]: ${quote(text)} is no domain name; valid: such as museum.example (63 octets a label, 255 in all)`,
      );
    }
  }
  return sortedSet(names);
}

function canonicalAddress(
  text: string | undefined,
  isIpv4: boolean,
  path: string,
  faults: string[],
): string | null {
  if (text === undefined) return null;
  const words = parseIpAddress(text);
  const prefix = words !== null && isIpv4Words(words) === isIpv4 ? canonicalPrefix(text) : null;
  if (prefix !== null) return prefix.slice(0, prefix.indexOf('/'));
  const example = isIpv4
    ? 'an IPv4 address such as 192.0.2.1'
    : 'an IPv6 address such as 2001:db8::1';
  faults.push(`${path}: ${quote(text)} is not valid; valid: ${example}`);
  return null;
}

function sortedSet(values: readonly string[]): string[] {
  if (values.length < 2) return [...values];
  return [...new Set(values)].sort();
}

/** Building a formatter takes microseconds and a million subscribers share a few zones. */
const knownTimezones = new Map<string, boolean>();
const TIMEZONES_KNOWN_MAX = 2_000;

function isTimezone(timezone: string): boolean {
  const known = knownTimezones.get(timezone);
  if (known !== undefined) return known;
  let isValid = true;
  try {
    new Intl.DateTimeFormat('en', { timeZone: timezone });
  } catch {
    isValid = false;
  }
  if (knownTimezones.size < TIMEZONES_KNOWN_MAX) knownTimezones.set(timezone, isValid);
  return isValid;
}
