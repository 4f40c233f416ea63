/** Names of record types, for people and files (IANA, DNS parameters; RFC 3597, section 5). */

const TYPE_NUMBERS: Readonly<Record<string, number>> = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  PTR: 12,
  HINFO: 13,
  MX: 15,
  TXT: 16,
  AAAA: 28,
  SRV: 33,
  NAPTR: 35,
  DNAME: 39,
  DS: 43,
  RRSIG: 46,
  NSEC: 47,
  DNSKEY: 48,
  NSEC3: 50,
  TLSA: 52,
  SVCB: 64,
  HTTPS: 65,
  ANY: 255,
  CAA: 257,
};

const TYPE_NAMES = new Map(Object.entries(TYPE_NUMBERS).map(([name, number]) => [number, name]));

/** The number of `AAAA`, `https` or `TYPE65280`; −1 where the text is no type. */
export function parseRecordType(text: string): number {
  const name = text.toUpperCase();
  if (Object.hasOwn(TYPE_NUMBERS, name)) return TYPE_NUMBERS[name]!;
  const match = /^TYPE(\d{1,5})$/.exec(name);
  const number = match === null ? -1 : Number(match[1]);
  return number <= 0xffff ? number : -1;
}

export function formatRecordType(type: number): string {
  return TYPE_NAMES.get(type) ?? `TYPE${type}`;
}
