/**
 * What the wire format alone says about a query, written a second time and differently: names are
 * read into arrays, nothing is shared with `dns/query-view`. The rules, in the order in which they
 * speak:
 *
 *     under 12 octets, QR = 1                          silence
 *     another opcode than QUERY                        NOTIMP
 *     QDCOUNT not 1; a name, record or option that     FORMERR
 *     is cut, too long or points anywhere but back;
 *     two OPTs; octets left over
 *     EDNS version above 0                             BADVERS
 *     another class than IN, a meta-type but ANY       REFUSED
 *
 * Of options that may say who asks it keeps where they stand; one that stands there twice says nothing.
 */

export type Verdict = 'silence' | 'NOTIMP' | 'FORMERR' | 'BADVERS' | 'REFUSED' | 'answer';

export interface JudgedQuery {
  verdict: Verdict;
  /** Offset after the question; 0 where it could not be read. */
  questionEnd: number;
  hasOpt: boolean;
  isDnssecOk: boolean;
  /** As the client wrote it; 512 without OPT. */
  payloadSize: number;
  /** Of options 8, 65001, 65073 and 65074: the offset of each and its data, as often as it stands there. */
  readonly clientOptions: { readonly code: number; readonly at: number; readonly length: number }[];
}

const CLIENT_OPTIONS = [8, 65_001, 65_073, 65_074];
const IXFR = 251;

/** Judges the first `length` octets; the result is written into `out` and returned. */
export function judgeQuery(
  bytes: Uint8Array,
  length: number,
  out: JudgedQuery = createJudgement(),
): JudgedQuery {
  const query = bytes.subarray(0, length);
  out.questionEnd = 0;
  out.hasOpt = false;
  out.isDnssecOk = false;
  out.payloadSize = 512;
  out.clientOptions.length = 0;
  out.verdict = verdictOn(query, out);
  return out;
}

export function createJudgement(): JudgedQuery {
  return {
    verdict: 'silence',
    questionEnd: 0,
    hasOpt: false,
    isDnssecOk: false,
    payloadSize: 512,
    clientOptions: [],
  };
}

/** Where the data of a client option stands and how long it is; length 0 where it says nothing. */
export function clientOptionOf(
  { clientOptions }: JudgedQuery,
  code: number,
): { at: number; length: number } {
  const found = clientOptions.filter((option) => option.code === code);
  return { at: found.at(-1)?.at ?? 0, length: found.length === 1 ? found[0]!.length : 0 };
}

/**
 * The offset after the name at `at`, or −1 where it is malformed: labels within 63 octets, 255 in
 * all, every pointer to a place before the one that led to it.
 * @param labels receives the octets of the name, uncompressed
 */
export function readWireName(message: Uint8Array, at: number, labels: number[] = []): number {
  let after = -1;
  let before = at;
  let cursor = at;
  for (;;) {
    const octet = message[cursor];
    if (octet === undefined) return -1;
    if (octet >= 0xc0) {
      const low = message[cursor + 1];
      if (low === undefined) return -1;
      if (after < 0) after = cursor + 2;
      cursor = (octet - 0xc0) * 256 + low;
      if (cursor >= before) return -1;
      before = cursor;
      continue;
    }
    if (octet > 63 || cursor + octet >= message.length) return -1;
    for (let index = 0; index <= octet; index++) labels.push(message[cursor + index]!);
    if (labels.length > 255) return -1;
    cursor += octet + 1;
    if (octet === 0) return after < 0 ? cursor : after;
  }
}

function verdictOn(query: Uint8Array, out: JudgedQuery): Verdict {
  if (query.length < 12 || query[2]! >= 0x80) return 'silence';
  if ((query[2]! & 0x78) !== 0) return 'NOTIMP';
  const [questions, answers, authorities, additionals] = [4, 6, 8, 10].map((at) => word(query, at));
  if (questions !== 1 || query[12] === undefined) return 'FORMERR';
  const name: number[] = [];
  const nameEnd = readWireName(query, 12, name);
  // Nothing stands before the question that it could point to.
  if (nameEnd !== 12 + name.length || nameEnd + 4 > query.length) return 'FORMERR';
  out.questionEnd = nameEnd + 4;
  const type = word(query, nameEnd);
  if (answers !== 0 || additionals! > 8) return 'FORMERR';
  if (authorities! > (type === IXFR ? 1 : 0)) return 'FORMERR';
  const version = readAdditionals(query, out, authorities! + additionals!);
  if (version < 0) return 'FORMERR';
  if (version > 0) return 'BADVERS';
  if (word(query, nameEnd + 2) !== 1) return 'REFUSED';
  const isMeta = type === 0 || type === 41 || (type > 127 && type < 255);
  return isMeta ? 'REFUSED' : 'answer';
}

/** The EDNS version, 0 without OPT; −1 where a record or option is malformed. */
function readAdditionals(query: Uint8Array, out: JudgedQuery, count: number): number {
  let at = out.questionEnd;
  let version = 0;
  for (let record = 0; record < count; record++) {
    const head = readWireName(query, at);
    if (head < 0 || head + 10 > query.length) return -1;
    const rdata = head + 10;
    const end = rdata + word(query, head + 8);
    if (end > query.length) return -1;
    if (word(query, head) === 41) {
      if (out.hasOpt || head !== at + 1 || !readOptions(query, out, rdata, end)) return -1;
      out.hasOpt = true;
      out.payloadSize = word(query, head + 2);
      version = query[head + 5]!;
      out.isDnssecOk = query[head + 6]! >= 0x80;
    }
    at = end;
  }
  return at === query.length ? version : -1;
}

function readOptions(query: Uint8Array, out: JudgedQuery, from: number, end: number): boolean {
  let at = from;
  for (let count = 0; at < end; count++) {
    if (at + 4 > end || count === 32) return false;
    const data = query.subarray(at + 4, at + 4 + word(query, at + 2));
    if (at + 4 + word(query, at + 2) > end) return false;
    const code = word(query, at);
    if (code === 8 && !isSubnet(data)) return false;
    if (CLIENT_OPTIONS.includes(code)) {
      out.clientOptions.push({ code, at: at + 4, length: data.length });
    }
    at += 4 + data.length;
  }
  return true;
}

/** RFC 7871, section 6: as many octets as the prefix needs, no bit beyond it, scope 0. */
function isSubnet(data: Uint8Array): boolean {
  const bits = new Map([
    [0, 0],
    [1, 32],
    [2, 128],
  ]).get(word(data, 0));
  const [, , prefix = 999, scope, ...address] = data;
  if (bits === undefined || prefix > bits || scope !== 0) return false;
  if (address.length !== Math.ceil(prefix / 8)) return false;
  const spare = address.length * 8 - prefix;
  return spare === 0 || (address.at(-1)! & ((1 << spare) - 1)) === 0;
}

function word(octets: Uint8Array, at: number): number {
  return (octets[at] ?? 0) * 256 + (octets[at + 1] ?? 0);
}
