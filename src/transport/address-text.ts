/**
 * The text of a peer's address, as Node hands it out, into the four words of a batch, without an
 * allocation: this runs once a packet. It trusts the form (the kernel's address, printed by
 * libuv) and refuses what does not fit it; `lib/ip-address` is the parser for what people write.
 */

const DOT = 0x2e;
const COLON = 0x3a;
const IPV4_MAPPED_WORD = 0xffff;

/** Groups of the address at hand; the query path is single-threaded in a worker. */
const groups = new Uint16Array(8);

/** Writes the words from `at` on; false where the text is no address. A `%zone` is passed over. */
export function writeAddressWords(text: string, words: Uint32Array, at: number): boolean {
  for (let index = 0; index < text.length && index < 5; index++) {
    if (text.charCodeAt(index) === COLON) return writeIpv6Words(text, words, at);
  }
  const word = parseIpv4(text, 0, text.length);
  if (word < 0) return false;
  writeMapped(words, at, word);
  return true;
}

function writeMapped(words: Uint32Array, at: number, ipv4: number): void {
  words[at] = 0;
  words[at + 1] = 0;
  words[at + 2] = IPV4_MAPPED_WORD;
  words[at + 3] = ipv4;
}

/** The address as an unsigned number, or -1. */
function parseIpv4(text: string, from: number, to: number): number {
  let word = 0;
  let octet = 0;
  let digits = 0;
  let dots = 0;
  for (let index = from; index < to; index++) {
    const code = text.charCodeAt(index);
    if (code === DOT) {
      if (digits === 0 || octet > 255) return -1;
      word = word * 256 + octet;
      octet = 0;
      digits = 0;
      dots++;
    } else {
      if (code < 0x30 || code > 0x39 || digits === 3) return -1;
      octet = octet * 10 + (code - 0x30);
      digits++;
    }
  }
  return dots === 3 && digits > 0 && octet <= 255 ? word * 256 + octet : -1;
}

function writeIpv6Words(text: string, words: Uint32Array, at: number): boolean {
  const zone = text.indexOf('%');
  const end = zone < 0 ? text.length : zone;
  const count = parseGroups(text, end);
  if (count < 0) return false;
  for (let word = 0; word < 4; word++) {
    words[at + word] = (groups[word * 2] ?? 0) * 65_536 + (groups[word * 2 + 1] ?? 0);
  }
  return true;
}

/** Fills `groups`; -1 where the text has no eight groups and no `::` that stands for the rest. */
function parseGroups(text: string, end: number): number {
  groups.fill(0);
  let count = 0;
  let gap = -1;
  let index = 0;
  if (text.charCodeAt(0) === COLON) {
    if (text.charCodeAt(1) !== COLON) return -1;
    gap = 0;
    index = 2;
  }
  while (index < end) {
    if (count === 8) return -1;
    let value = 0;
    const from = index;
    while (index < end) {
      const digit = hexDigit(text.charCodeAt(index));
      if (digit < 0) break;
      value = value * 16 + digit;
      index++;
    }
    if (index < end && text.charCodeAt(index) === DOT)
      return closeWithIpv4(text, from, end, count, gap);
    if (index === from || index - from > 4) return -1;
    groups[count++] = value;
    if (index === end) break;
    if (text.charCodeAt(index) !== COLON || index + 1 === end) return -1;
    index++;
    if (text.charCodeAt(index) === COLON) {
      if (gap >= 0) return -1;
      gap = count;
      index++;
    }
  }
  return spreadGroups(count, gap);
}

/** The dotted tail of `::ffff:192.0.2.1`. */
function closeWithIpv4(
  text: string,
  from: number,
  end: number,
  count: number,
  gap: number,
): number {
  const word = parseIpv4(text, from, end);
  if (word < 0 || count > 6) return -1;
  groups[count] = word >>> 16;
  groups[count + 1] = word & 0xffff;
  return spreadGroups(count + 2, gap);
}

/** Moves the groups after `::` to the end. */
function spreadGroups(count: number, gap: number): number {
  if (gap < 0) return count === 8 ? 8 : -1;
  if (count === 8) return -1;
  const missing = 8 - count;
  groups.copyWithin(gap + missing, gap, count);
  groups.fill(0, gap, gap + missing);
  return 8;
}

function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const lower = code | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

/** The zone of a link-local address (`eth0` of `fe80::1%eth0`), or the empty text. */
export function zoneOf(text: string): string {
  // Only fe80::/10 carries one; this check spares every other packet the search.
  if (text.charCodeAt(0) !== 0x66 || text.charCodeAt(1) !== 0x65) return '';
  const percent = text.indexOf('%');
  return percent < 0 ? '' : text.slice(percent + 1);
}
