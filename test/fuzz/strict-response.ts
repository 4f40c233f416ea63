/**
 * A strict reader of responses, for tests only and with no code of the server in it: every octet
 * must be accounted for. It says what is wrong with the response to a query, or null.
 *
 *     header     ID, opcode, RD and CD of the query; QR and RA set; Z clear; counts that agree
 *     question   the query's own octets; only FORMERR and NOTIMP may leave it out
 *     records    names that point back, RDATA that fills RDLENGTH, one OPT and only if asked for
 *     end        at the last octet, within what the client takes
 */

import { readWireName, type JudgedQuery } from './query-oracle.ts';

export interface StrictRecord {
  readonly section: 'answer' | 'authority' | 'additional';
  /** Uncompressed, lower-cased octets, each as two hexadecimal digits: `0377777700`. */
  readonly owner: string;
  readonly type: number;
  readonly ttl: number;
  readonly rdataAt: number;
  readonly rdataLength: number;
  /** The first name of the RDATA, as `owner` is written; empty for types without one. */
  readonly target: string;
}

const SECTIONS = ['answer', 'authority', 'additional'] as const;
/** Where the first name begins in the RDATA, how many names there are, octets behind them. */
const NAME_SHAPES = new Map<number, readonly [before: number, names: number, behind: number]>([
  [1, [4, 0, 0]],
  [2, [0, 1, 0]],
  [5, [0, 1, 0]],
  [6, [0, 2, 20]],
  [12, [0, 1, 0]],
  [15, [2, 1, 0]],
  [28, [16, 0, 0]],
  [33, [6, 1, 0]],
  [39, [0, 1, 0]],
]);
/** By octet: its two digits, ASCII letters as lower case. */
const LOWER_HEX = Array.from({ length: 256 }, (_, octet) =>
  (octet >= 0x41 && octet <= 0x5a ? octet + 0x20 : octet).toString(16).padStart(2, '0'),
);
const OPCODE_RD = 0x7900;
const CD = 0x0010;
const QR_RA = 0x8080;
const Z = 0x0040;

/** @param limit the most octets that may have been sent */
export function faultOf(
  response: Uint8Array,
  query: Uint8Array,
  judged: JudgedQuery,
  limit: number,
  records: StrictRecord[] = [],
): string | null {
  const header = headerFault(response, query, judged, limit);
  if (header !== null) return header;
  const questionEnd = word(response, 4) === 0 ? 12 : judged.questionEnd;
  for (let at = 12; at < questionEnd; at++) {
    if (response[at] !== query[at]) return `octet ${at} of the question is not the client's`;
  }
  let at = questionEnd;
  for (const [index, section] of SECTIONS.entries()) {
    for (let count = word(response, 6 + 2 * index); count > 0; count--) {
      const record = readRecord(response, at, section);
      if (typeof record === 'string') return `${section} at ${at}: ${record}`;
      at = record.rdataAt + record.rdataLength;
      records.push(record);
    }
  }
  if (at !== response.length) return `${response.length - at} octets behind the last record`;
  return optFault(response, judged, records);
}

/** RCODE with the upper bits of the OPT record. */
export function rcodeOf(response: Uint8Array, records: readonly StrictRecord[]): number {
  const opt = records.find(({ type }) => type === 41);
  return (response[3]! & 0xf) | (((opt?.ttl ?? 0) >>> 24) * 16);
}

/** What the client takes, and what we are ready to send over UDP (RFC 6891, RFC 9715). */
export function limitFor(judged: JudgedQuery, isStream: boolean): number {
  if (isStream) return 65_535;
  return Math.min(1232, Math.max(512, judged.payloadSize));
}

function headerFault(
  response: Uint8Array,
  query: Uint8Array,
  judged: JudgedQuery,
  limit: number,
): string | null {
  if (response.length < 12) return 'no whole header';
  if (response.length > limit) return `${response.length} octets where ${limit} are allowed`;
  if (word(response, 0) !== word(query, 0)) return 'another ID';
  const flags = word(response, 2);
  if ((flags & QR_RA) !== QR_RA) return 'QR or RA is not set';
  if ((flags & Z) !== 0) return 'Z is set';
  if (((flags ^ word(query, 2)) & (OPCODE_RD | CD)) !== 0) return 'opcode, RD or CD differ';
  const questions = word(response, 4);
  const rcode = flags & 0xf;
  const mayDrop = judged.verdict === 'FORMERR' || judged.verdict === 'NOTIMP';
  if (questions !== 1 && !(questions === 0 && mayDrop)) return `QDCOUNT ${questions}`;
  if (mayDrop && (rcode === 0 || rcode === 3)) return `rcode ${rcode} for what is no query`;
  const isCut = (flags & 0x0200) !== 0;
  if (isCut && (word(response, 6) !== 0 || word(response, 8) !== 0)) return 'TC with records';
  return null;
}

function readRecord(
  response: Uint8Array,
  at: number,
  section: StrictRecord['section'],
): StrictRecord | string {
  const owner: number[] = [];
  const head = readWireName(response, at, owner);
  if (head < 0) return 'a malformed owner';
  if (head + 10 > response.length) return 'a cut record';
  const type = word(response, head);
  const rdataAt = head + 10;
  const rdataLength = word(response, head + 8);
  const end = rdataAt + rdataLength;
  if (end > response.length) return 'RDATA behind the end';
  if (type !== 41 && word(response, head + 2) !== 1) return 'a class other than IN';
  const ttl = word(response, head + 4) * 65_536 + word(response, head + 6);
  if (type !== 41 && ttl > 0x7fffffff) return 'a TTL with its top bit set';
  const target: number[] = [];
  if (!isRdataWhole(response, type, rdataAt, end, target)) return `type ${type}: malformed RDATA`;
  const names = { owner: nameKey(owner), target: nameKey(target) };
  return { section, type, ttl, rdataAt, rdataLength, ...names };
}

function isRdataWhole(
  response: Uint8Array,
  type: number,
  rdataAt: number,
  end: number,
  target: number[],
): boolean {
  const shape = NAME_SHAPES.get(type);
  if (shape === undefined) return true;
  const [before, names, behind] = shape;
  let at = rdataAt + before;
  for (let name = 0; name < names; name++) {
    // A name of the RDATA ends within it, though it may point to what stands before.
    at = readWireName(response.subarray(0, end), at, name === 0 ? target : []);
    if (at < 0) return false;
  }
  return at + behind === end;
}

function optFault(
  response: Uint8Array,
  judged: JudgedQuery,
  records: readonly StrictRecord[],
): string | null {
  const opts = records.filter(({ type }) => type === 41);
  const isQuestionKept = word(response, 4) === 1;
  if (opts.length !== (judged.hasOpt && isQuestionKept ? 1 : 0))
    return `${opts.length} OPT records`;
  const [opt] = opts;
  if (opt === undefined) return null;
  if (opt.section !== 'additional' || opt.owner !== '00') return 'an OPT where none may be';
  const isDnssecOk = (opt.ttl & 0x8000) !== 0;
  if (isDnssecOk !== judged.isDnssecOk) return 'DO is not the client’s';
  if ((opt.ttl & 0xff7fff) !== 0) return 'an EDNS version or flag that is not ours';
  for (let at = opt.rdataAt; at < response.length;) {
    if (word(response, at) !== 15) return `option ${word(response, at)}`;
    at += 4 + word(response, at + 2);
    if (at > response.length) return 'a cut option';
  }
  return null;
}

/** Hexadecimal digits of the lower-cased octets. */
export function nameKey(octets: readonly number[] | Uint8Array): string {
  let key = '';
  for (const octet of octets) key += LOWER_HEX[octet]!;
  return key;
}

function word(octets: Uint8Array, at: number): number {
  return octets[at]! * 256 + octets[at + 1]!;
}
