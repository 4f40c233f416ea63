/**
 * IP addresses as four 32-bit words of an IPv6 address; IPv4 is ::ffff:a.b.c.d (RFC 4291, section
 * 2.5.5.2), so that one code path serves both and `::ffff:192.0.2.1` is the same client as
 * `192.0.2.1`. Prefix lengths are those of the 128-bit form: an IPv4 /24 is /120 here.
 */

export type AddressWords = readonly [number, number, number, number];

export interface IpPrefix {
  /** The network address; octets past the length are zero. */
  readonly words: AddressWords;
  /** 0 to 128, in the 128-bit form. */
  readonly length: number;
}

const IPV4_MAPPED_WORD = 0xffff;

/** True where the words hold an IPv4 address. */
export function isIpv4Words(words: ArrayLike<number>, at = 0): boolean {
  return words[at] === 0 && words[at + 1] === 0 && words[at + 2] === IPV4_MAPPED_WORD;
}

/** Parses `192.0.2.1` or `2001:db8::1`; null where the text is neither. No zone index (`%eth0`). */
export function parseIpAddress(text: string): AddressWords | null {
  return text.includes(':') ? parseIpv6(text) : parseIpv4(text);
}

/** Parses `192.0.2.0/24`, `2001:db8::/32` or a bare address; null where it is none, or where bits are set past the length. */
export function parseIpPrefix(text: string): IpPrefix | null {
  const slash = text.indexOf('/');
  const words = parseIpAddress(slash < 0 ? text : text.slice(0, slash));
  if (words === null) return null;
  const isIpv4 = !text.includes(':');
  const lengthText = slash < 0 ? (isIpv4 ? '32' : '128') : text.slice(slash + 1);
  if (!/^(0|[1-9]\d{0,2})$/.test(lengthText)) return null;
  const written = Number(lengthText);
  if (written > (isIpv4 ? 32 : 128)) return null;
  const length = isIpv4 ? written + 96 : written;
  for (let word = 0; word < 4; word++) {
    if ((words[word]! & ~prefixWordMask(length, word)) !== 0) return null;
  }
  return { words, length };
}

/** The mask of one of the four words under a prefix of `length` bits, as an unsigned 32-bit value. */
export function prefixWordMask(length: number, word: number): number {
  const bits = Math.min(32, Math.max(0, length - word * 32));
  return bits === 0 ? 0 : (0xffffffff << (32 - bits)) >>> 0;
}

/**
 * All masks, `PREFIX_MASKS[length * 4 + word]`, for the query path: a mask that a function returns
 * is above 2^31 and would be boxed, 16 octets a word.
 */
export const PREFIX_MASKS = Uint32Array.from({ length: 129 * 4 }, (_, index) =>
  prefixWordMask(index >>> 2, index & 3),
);

/** RFC 5952 text; IPv4 dotted. */
export function formatIpAddress(words: ArrayLike<number>, at = 0): string {
  if (isIpv4Words(words, at)) {
    const word = words[at + 3]!;
    return `${word >>> 24}.${(word >>> 16) & 0xff}.${(word >>> 8) & 0xff}.${word & 0xff}`;
  }
  const groups: number[] = [];
  for (let index = 0; index < 4; index++) {
    const word = words[at + index]!;
    groups.push(word >>> 16, word & 0xffff);
  }
  const zeros = longestZeroRun(groups);
  const text = (from: number, to: number): string =>
    groups
      .slice(from, to)
      .map((group) => group.toString(16))
      .join(':');
  if (zeros.length < 2) return text(0, 8);
  return `${text(0, zeros.start)}::${text(zeros.start + zeros.length, 8)}`;
}

/** Text of a prefix in the form that `parseIpPrefix` reads. */
export function formatIpPrefix(prefix: IpPrefix): string {
  const isIpv4 = prefix.length >= 96 && isIpv4Words(prefix.words);
  return `${formatIpAddress(prefix.words)}/${isIpv4 ? prefix.length - 96 : prefix.length}`;
}

function parseIpv4(text: string): AddressWords | null {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  if (match === null) return null;
  let word = 0;
  for (const part of match.slice(1)) {
    if (part.length > 1 && part.startsWith('0')) return null;
    const octet = Number(part);
    if (octet > 255) return null;
    word = word * 256 + octet;
  }
  return [0, 0, IPV4_MAPPED_WORD, word];
}

function parseIpv6(text: string): AddressWords | null {
  if (text.length > 45) return null;
  let body = text;
  const tail = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(text);
  if (tail !== null) {
    const ipv4 = parseIpv4(tail[2]!);
    if (ipv4 === null) return null;
    body = `${tail[1]!}${(ipv4[3] >>> 16).toString(16)}:${(ipv4[3] & 0xffff).toString(16)}`;
  }
  const halves = body.split('::');
  if (halves.length > 2) return null;
  const head = splitGroups(halves[0]!);
  const rest = halves.length === 2 ? splitGroups(halves[1]!) : [];
  if (head === null || rest === null) return null;
  const missing = 8 - head.length - rest.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return null;
  const groups = [...head, ...Array.from({ length: missing }, () => 0), ...rest];
  const word = (index: number): number => groups[index * 2]! * 65_536 + groups[index * 2 + 1]!;
  return [word(0), word(1), word(2), word(3)];
}

function splitGroups(text: string): number[] | null {
  if (text === '') return [];
  const parts = text.split(':');
  return parts.every((part) => /^[0-9a-fA-F]{1,4}$/.test(part))
    ? parts.map((part) => Number.parseInt(part, 16))
    : null;
}

function longestZeroRun(groups: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  let start = 0;
  for (let index = 0; index < groups.length; index++) {
    if (groups[index] !== 0) start = index + 1;
    else if (index + 1 - start > best.length) best = { start, length: index + 1 - start };
  }
  return best;
}
