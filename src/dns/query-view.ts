/**
 * A query, parsed in place into one reusable view. Strict over the whole message (RFC 1035, RFC
 * 6891, RFC 9619): whatever is not a well-formed query is told apart here, before anything is
 * answered or forwarded. The view points into the packet; it holds until the packet is rewritten.
 *
 * It does not judge what is asked for policy; it only refuses what no forwarder of ours answers
 * (other classes, transfers, meta-types). Nor does it believe what options say of the client: it notes
 * where they stand (`client-options` reads them), and whether they count is for `resolver/identify` to say.
 */

import { lowerCaseOctet, readUint16 } from '../lib/bytes.ts';
import type { HashSeed } from '../lib/half-siphash.ts';
import {
  CLASS_IN,
  FLAG_QR,
  HEADER_BYTES,
  OPCODE_QUERY,
  OPTION_CPE_ID,
  OPTION_ECS,
  OPTION_MAC,
  OPTION_MAC_TEXT,
  TYPE_ANY,
  TYPE_META_FIRST,
  TYPE_META_LAST,
  TYPE_OPT,
  UDP_PAYLOAD_BYTES_WITHOUT_EDNS,
} from './constants.ts';
import { LABEL_BYTES_MAX, NAME_BYTES_MAX, readName } from './name.ts';
import { createSuffixHashes, hashLabels, type SuffixHashes } from './suffix-hashes.ts';

/** A query to answer. */
export const PARSE_OK = 0;
/** Nothing may be sent: a cut header, or a response (answering one would make a loop). */
export const PARSE_SILENT = 1;
export const PARSE_FORMERR = 2;
export const PARSE_NOTIMP = 3;
export const PARSE_BADVERS = 4;
/** Another class, a zone transfer or another meta-type. */
export const PARSE_REFUSED = 5;
export type ParseStatus = 0 | 1 | 2 | 3 | 4 | 5;

const TYPE_IXFR = 251;
const OPTIONS_MAX = 32;
/** OPT, and what a client may add beside it (TSIG, SIG(0)); more is nobody's query. */
const ADDITIONAL_RECORDS_MAX = 8;
/** By ECS family. */
const ADDRESS_BITS = [0, 32, 128];
const unusedName = new Uint8Array(NAME_BYTES_MAX);

export interface QueryView {
  bytes: Uint8Array;
  /** Where the message begins in `bytes`; the question's name begins 12 octets later. */
  at: number;
  length: number;
  id: number;
  flags: number;
  qtype: number;
  qclass: number;
  /** Offset after the question; equals `at + 12` while no valid question was found. */
  questionEnd: number;
  /** The asked name, lower-cased wire octets with the root; its own case stays in the packet. */
  readonly name: Uint8Array;
  nameLength: number;
  readonly hashes: SuffixHashes;
  hasOpt: boolean;
  /** What the client takes over UDP, at least 512. */
  payloadSize: number;
  /** The DO bit (RFC 3225). */
  isDnssecOk: boolean;
  ednsVersion: number;
  /**
   * The data of the options that may say who asks, offsets in `bytes`. The length is 0 for an option
   * that is not there, and for one that stands there twice: nobody knows which of them was meant.
   */
  subnetAt: number;
  subnetLength: number;
  macAt: number;
  macLength: number;
  macTextAt: number;
  macTextLength: number;
  cpeIdAt: number;
  cpeIdLength: number;
}

export function createQueryView(): QueryView {
  return {
    bytes: new Uint8Array(0),
    at: 0,
    length: 0,
    id: 0,
    flags: 0,
    qtype: 0,
    qclass: 0,
    questionEnd: 0,
    name: new Uint8Array(NAME_BYTES_MAX),
    nameLength: 0,
    hashes: createSuffixHashes(),
    hasOpt: false,
    payloadSize: UDP_PAYLOAD_BYTES_WITHOUT_EDNS,
    isDnssecOk: false,
    ednsVersion: 0,
    subnetAt: 0,
    subnetLength: 0,
    macAt: 0,
    macLength: 0,
    macTextAt: 0,
    macTextLength: 0,
    cpeIdAt: 0,
    cpeIdLength: 0,
  };
}

/** Parses `length` octets from `at` on; fields past the fault are left as they are at the fault. */
export function parseQuery(
  view: QueryView,
  seed: HashSeed,
  bytes: Uint8Array,
  at: number,
  length: number,
): ParseStatus {
  resetView(view, bytes, at, length);
  if (length < HEADER_BYTES) return PARSE_SILENT;
  view.id = readUint16(bytes, at);
  view.flags = readUint16(bytes, at + 2);
  if ((view.flags & FLAG_QR) !== 0) return PARSE_SILENT;
  if (((view.flags >>> 11) & 0xf) !== OPCODE_QUERY) return PARSE_NOTIMP;
  if (readUint16(bytes, at + 4) !== 1) return PARSE_FORMERR;
  if (!parseQuestion(view)) return PARSE_FORMERR;
  if (!parseRecords(view)) return PARSE_FORMERR;
  if (view.ednsVersion > 0) return PARSE_BADVERS;
  if (view.qclass !== CLASS_IN || isUnansweredType(view.qtype)) return PARSE_REFUSED;
  hashLabels(view.hashes, seed, view.name, 0);
  return PARSE_OK;
}

function resetView(view: QueryView, bytes: Uint8Array, at: number, length: number): void {
  view.bytes = bytes;
  view.at = at;
  view.length = length;
  view.questionEnd = at + HEADER_BYTES;
  view.nameLength = 0;
  view.hasOpt = false;
  view.payloadSize = UDP_PAYLOAD_BYTES_WITHOUT_EDNS;
  view.isDnssecOk = false;
  view.ednsVersion = 0;
  view.subnetAt = 0;
  view.subnetLength = 0;
  view.macAt = 0;
  view.macLength = 0;
  view.macTextAt = 0;
  view.macTextLength = 0;
  view.cpeIdAt = 0;
  view.cpeIdLength = 0;
}

/**
 * The one question: an uncompressed name (there is nothing before it to point to), type, class. Notes
 * where the labels begin, which is half of the hashing.
 */
function parseQuestion(view: QueryView): boolean {
  const { bytes, name, hashes } = view;
  const { labelAt } = hashes;
  const start = view.at + HEADER_BYTES;
  const end = view.at + view.length;
  let labelCount = 0;
  let offset = start;
  for (;;) {
    if (offset >= end) return false;
    const labelLength = bytes[offset]!;
    const next = offset + labelLength + 1;
    if (labelLength > LABEL_BYTES_MAX || next - start > NAME_BYTES_MAX || next > end) return false;
    if (labelLength === 0) break;
    labelAt[labelCount++] = offset - start;
    for (; offset < next; offset++) name[offset - start] = lowerCaseOctet(bytes[offset]!);
  }
  name[offset - start] = 0;
  offset++;
  if (offset + 4 > end) return false;
  hashes.labelCount = labelCount;
  view.nameLength = offset - start;
  view.qtype = readUint16(bytes, offset);
  view.qclass = readUint16(bytes, offset + 2);
  view.questionEnd = offset + 4;
  return true;
}

/** What follows the question: in a query only additional records (and the SOA of an IXFR). */
function parseRecords(view: QueryView): boolean {
  const { bytes, at } = view;
  const answerCount = readUint16(bytes, at + 6);
  const authorityCount = readUint16(bytes, at + 8);
  const additionalCount = readUint16(bytes, at + 10);
  if (answerCount !== 0 || additionalCount > ADDITIONAL_RECORDS_MAX) return false;
  if (authorityCount > (view.qtype === TYPE_IXFR ? 1 : 0)) return false;
  let offset = view.questionEnd;
  for (let record = 0; record < authorityCount + additionalCount; record++) {
    offset = parseRecord(view, offset);
    if (offset < 0) return false;
  }
  return offset === at + view.length;
}

/** One record after the question; returns the offset after it, or −1. */
function parseRecord(view: QueryView, start: number): number {
  const { bytes } = view;
  const end = view.at + view.length;
  // Nobody needs the owner, but a pointer that leads anywhere but back makes the query malformed.
  const isRoot = bytes[start] === 0;
  const nameEnd = isRoot ? start + 1 : readName(bytes, view.at, end, start, unusedName);
  if (nameEnd < 0 || nameEnd + 10 > end) return -1;
  const rdataAt = nameEnd + 10;
  const rdataEnd = rdataAt + readUint16(bytes, nameEnd + 8);
  if (rdataEnd > end) return -1;
  if (readUint16(bytes, nameEnd) === TYPE_OPT) {
    // RFC 6891, section 6.1.1: one OPT, its owner the root.
    if (view.hasOpt || !isRoot || !parseOptions(view, rdataAt, rdataEnd)) return -1;
    view.hasOpt = true;
    view.payloadSize = Math.max(UDP_PAYLOAD_BYTES_WITHOUT_EDNS, readUint16(bytes, nameEnd + 2));
    view.ednsVersion = bytes[nameEnd + 5]!;
    view.isDnssecOk = (bytes[nameEnd + 6]! & 0x80) !== 0;
  }
  return rdataEnd;
}

/** False where they are malformed; else notes those that may say who asks. */
function parseOptions(view: QueryView, start: number, end: number): boolean {
  const { bytes } = view;
  let offset = start;
  for (let count = 0; offset < end; count++) {
    if (count === OPTIONS_MAX || offset + 4 > end) return false;
    const code = readUint16(bytes, offset);
    const dataAt = offset + 4;
    const dataEnd = dataAt + readUint16(bytes, offset + 2);
    if (dataEnd > end) return false;
    if (code === OPTION_ECS && !isClientSubnetValid(bytes, dataAt, dataEnd)) return false;
    if (code === OPTION_ECS || code >= OPTION_MAC) noteOption(view, code, dataAt, dataEnd - dataAt);
    offset = dataEnd;
  }
  return true;
}

/** The codes in local use are conventions, so one of an unknown form is no fault of the query. */
function noteOption(view: QueryView, code: number, at: number, length: number): void {
  switch (code) {
    case OPTION_ECS:
      view.subnetLength = view.subnetAt === 0 ? length : 0;
      view.subnetAt = at;
      return;
    case OPTION_MAC:
      view.macLength = view.macAt === 0 ? length : 0;
      view.macAt = at;
      return;
    case OPTION_MAC_TEXT:
      view.macTextLength = view.macTextAt === 0 ? length : 0;
      view.macTextAt = at;
      return;
    case OPTION_CPE_ID:
      view.cpeIdLength = view.cpeIdAt === 0 ? length : 0;
      view.cpeIdAt = at;
  }
}

/**
 * RFC 7871, sections 6 and 7.1.2: the address is cut to the prefix, the scope is 0 in a query.
 * Family 0 stands for "no address at all": what `dig +subnet=0` sends to ask for privacy.
 */
function isClientSubnetValid(bytes: Uint8Array, at: number, end: number): boolean {
  if (end - at < 4) return false;
  const family = readUint16(bytes, at);
  const prefixLength = bytes[at + 2]!;
  const bits = ADDRESS_BITS[family] ?? -1;
  if (prefixLength > bits || bytes[at + 3] !== 0) return false;
  if (end - at - 4 !== (prefixLength + 7) >>> 3) return false;
  const bitsInLastOctet = prefixLength & 7;
  return bitsInLastOctet === 0 || (bytes[end - 1]! & (0xff >>> bitsInLastOctet)) === 0;
}

/** Type 0 is reserved; OPT and 128 to 255 are no data, but for ANY (RFC 8482 answers it). */
function isUnansweredType(type: number): boolean {
  if (type === TYPE_ANY) return false;
  return type === 0 || type === TYPE_OPT || (type >= TYPE_META_FIRST && type <= TYPE_META_LAST);
}
