/**
 * What of an upstream response may be believed: the chain of CNAMEs and DNAMEs that starts at the
 * asked name, the records of the asked type at its end, the SOA of a negative answer, and with DO
 * the signatures and denials that go with them. Everything else, however well meant, is left
 * behind: the upstream was asked one question (RELIABILITY: foreign records).
 *
 *     asked name ──DNAME, CNAME──▶ target 1 ──CNAME──▶ … ──▶ end of the chain
 *                                                            ├─ records of the asked type   positive
 *                                                            ├─ none, but a SOA             negative
 *                                                            └─ neither                     open
 *
 * Nothing is chased: an open chain, and one that comes back to a name it has passed, end there and
 * are passed on as far as they go. Work is bounded by names of the chain × records of the message.
 */

import { copyBytes, readUint16, readUint32 } from '../lib/bytes.ts';
import {
  CLASS_IN,
  FLAG_AD,
  HEADER_BYTES,
  RCODE_NOERROR,
  RCODE_NXDOMAIN,
  RCODE_YXDOMAIN,
  TYPE_CNAME,
  TYPE_DNAME,
  TYPE_HTTPS,
  TYPE_NSEC,
  TYPE_NSEC3,
  TYPE_RRSIG,
  TYPE_SOA,
  TYPE_SVCB,
} from './constants.ts';
import { lowerCaseName, NAME_BYTES_MAX, nameLength, namesEqual, readName } from './name.ts';
import { beginCopy, copyRecord, movedNameAt, OWNER_AS_CAME } from './record-copy.ts';
import {
  hashName,
  isNameAt,
  RESPONSE_MALFORMED,
  RESPONSE_OK,
  RESPONSE_TOO_MANY_TARGETS,
  type ResponseStatus,
  type ResponseView,
} from './response-view.ts';
import {
  ANSWER_FAILURE,
  ANSWER_NEGATIVE,
  ANSWER_OPEN,
  ANSWER_POSITIVE,
  TARGETS_MAX,
  type VerifiedAnswer,
} from './verified-answer.ts';

/** In RRSIG RDATA "type covered" comes first, in front of 16 more octets and the signer's name. */
const RRSIG_BYTES_MIN = 19;
/** Two root names and five numbers. */
const SOA_BYTES_MIN = 22;
const NO_TTL = 0x7fffffff;
const NONE = -1;

/**
 * Fills `answer` with the verified part of a parsed response.
 *
 * @param answer made by `createVerifiedAnswer`; overwritten, and of no use unless `RESPONSE_OK`
 * @param isDnssecOk DO was set in the query that this answers
 */
export function extractChain(
  view: ResponseView,
  answer: VerifiedAnswer,
  isDnssecOk: boolean,
): ResponseStatus {
  resetAnswer(view, answer);
  const { rcode } = view;
  if (rcode !== RCODE_NOERROR && rcode !== RCODE_NXDOMAIN && rcode !== RCODE_YXDOMAIN) {
    return RESPONSE_OK;
  }
  answer.lifetimeSeconds = NO_TTL;
  const chain = copyChain(view, answer, isDnssecOk);
  if (chain !== RESPONSE_OK) return chain;
  answer.answerCount = answer.ttlCount;
  const authority = copyAuthority(view, answer, isDnssecOk);
  if (authority !== RESPONSE_OK) return authority;
  answer.authorityCount = answer.ttlCount - answer.answerCount;
  if (!isCacheable(view, answer)) answer.lifetimeSeconds = 0;
  return RESPONSE_OK;
}

function resetAnswer(view: ResponseView, answer: VerifiedAnswer): void {
  beginCopy(view, answer);
  answer.targetCount = 0;
  answer.targetsLength = 0;
  answer.answerCount = 0;
  answer.authorityCount = 0;
  answer.kind = ANSWER_FAILURE;
  answer.rcode = view.rcode;
  answer.isAuthentic = (view.flags & FLAG_AD) !== 0;
  answer.lifetimeSeconds = 0;
  answer.ageSeconds = 0;
  answer.isStale = false;
  copyBytes(view.name, 0, view.chain, 0, view.nameLength);
  view.chainHash[0] = view.nameHash;
  view.chainLength = 1;
}

/** Data beside an rcode other than NOERROR contradicts it: passed on as it came, but not remembered. */
function isCacheable(view: ResponseView, answer: VerifiedAnswer): boolean {
  if (view.isTruncated) return false;
  if (answer.kind === ANSWER_NEGATIVE) return view.rcode !== RCODE_YXDOMAIN;
  return answer.kind === ANSWER_POSITIVE && view.rcode === RCODE_NOERROR;
}

/** The answer section, from the asked name to the end of the chain. */
function copyChain(
  view: ResponseView,
  answer: VerifiedAnswer,
  isDnssecOk: boolean,
): ResponseStatus {
  let owner = HEADER_BYTES;
  for (;;) {
    seekCurrent(view);
    const found = findRecord(view, view.qtype);
    if (found !== NONE) return copyEnd(view, answer, found, owner, isDnssecOk);
    answer.kind = ANSWER_OPEN;
    const cname = findRecord(view, TYPE_CNAME);
    const dname = findDname(view, cname);
    if (cname === NONE && dname === NONE) return RESPONSE_OK;
    const status = copyHop(view, answer, dname, cname, owner, isDnssecOk);
    if (status !== RESPONSE_OK) return status;
    // Without the CNAME of RFC 6672, section 3.1, the next owner stands nowhere yet.
    owner = cname === NONE ? OWNER_AS_CAME : movedNameAt(view, view.rdataAt[cname]!);
    if (view.nextLength === 0 || isInChain(view)) return RESPONSE_OK;
    if (!appendToChain(view, answer)) return RESPONSE_TOO_MANY_TARGETS;
  }
}

/** Copies the DNAME, the CNAME, or both, that lead on; `view.next` is then where they lead to. */
function copyHop(
  view: ResponseView,
  answer: VerifiedAnswer,
  dname: number,
  cname: number,
  owner: number,
  isDnssecOk: boolean,
): ResponseStatus {
  let status = copyDname(view, answer, dname, isDnssecOk);
  if (status !== RESPONSE_OK || cname === NONE) return status;
  status = copyRecord(view, answer, cname, owner, view.ttl[cname]!);
  if (status !== RESPONSE_OK) return status;
  view.nextLength = nameLength(view.scratch);
  copyBytes(view.scratch, 0, view.next, 0, view.nextLength);
  lowerCaseName(view.next, 0, view.nextLength);
  if (!isDnssecOk) return RESPONSE_OK;
  return copySignatures(view, answer, TYPE_CNAME, owner, view.ttl[cname]!);
}

function copyDname(
  view: ResponseView,
  answer: VerifiedAnswer,
  dname: number,
  isDnssecOk: boolean,
): ResponseStatus {
  // A chain may pass the same DNAME twice.
  if (dname === NONE || view.isCopied[dname] === 1) return RESPONSE_OK;
  const owner = ownerAbove(view, suffixOffset(view, view.ownerAt[dname]!));
  let status = copyRecord(view, answer, dname, owner, view.ttl[dname]!);
  if (status !== RESPONSE_OK || !isDnssecOk) return status;
  seekOwnerOf(view, dname);
  status = copySignatures(view, answer, TYPE_DNAME, owner, view.ttl[dname]!);
  seekCurrent(view);
  return status;
}

/** The records of the asked type at the end of the chain, the first of them `found`. */
function copyEnd(
  view: ResponseView,
  answer: VerifiedAnswer,
  found: number,
  owner: number,
  isDnssecOk: boolean,
): ResponseStatus {
  answer.kind = ANSWER_POSITIVE;
  if (view.qtype === TYPE_CNAME) {
    const status = copyDname(view, answer, findDname(view, found), isDnssecOk);
    if (status !== RESPONSE_OK) return status;
  }
  return copyRrset(view, answer, view.qtype, owner, isDnssecOk);
}

/** The records of a type at the sought owner, all with the smallest of their TTLs (RFC 2181, section 5.2). */
function copyRrset(
  view: ResponseView,
  answer: VerifiedAnswer,
  type: number,
  owner: number,
  isDnssecOk: boolean,
): ResponseStatus {
  let ttl = NO_TTL;
  for (let record = 0; record < view.answerEnd; record++) {
    if (isSought(view, record, type)) ttl = Math.min(ttl, view.ttl[record]!);
  }
  for (let record = 0; record < view.answerEnd; record++) {
    if (!isSought(view, record, type)) continue;
    const status = copyRecord(view, answer, record, owner, ttl);
    if (status !== RESPONSE_OK) return status;
    if (leadsOn(type) && !appendOwnTarget(view, answer)) return RESPONSE_TOO_MANY_TARGETS;
  }
  return isDnssecOk ? copySignatures(view, answer, type, owner, ttl) : RESPONSE_OK;
}

/** The answer section's signatures over a type at the sought owner; those asked for are there already. */
function copySignatures(
  view: ResponseView,
  answer: VerifiedAnswer,
  covered: number,
  owner: number,
  ttl: number,
): ResponseStatus {
  for (let record = 0; record < view.answerEnd; record++) {
    if (!isSought(view, record, TYPE_RRSIG) || coveredType(view, record) !== covered) continue;
    if (view.isCopied[record] === 1) continue;
    const status = copyRecord(view, answer, record, owner, Math.min(ttl, view.ttl[record]!));
    if (status !== RESPONSE_OK) return status;
  }
  return RESPONSE_OK;
}

/** The SOA that makes a negative answer (RFC 2308), and with DO the proofs of denial. */
function copyAuthority(
  view: ResponseView,
  answer: VerifiedAnswer,
  isDnssecOk: boolean,
): ResponseStatus {
  if (answer.kind === ANSWER_OPEN) {
    const soa = findSoa(view);
    if (soa !== NONE) {
      if (view.rdataLength[soa]! < SOA_BYTES_MIN) return RESPONSE_MALFORMED;
      const owner = ownerAbove(view, suffixOffset(view, view.ownerAt[soa]!));
      const status = copyRecord(view, answer, soa, owner, negativeTtl(view, soa));
      if (status !== RESPONSE_OK) return status;
      answer.kind = ANSWER_NEGATIVE;
    }
  }
  return isDnssecOk ? copyDenial(view, answer) : RESPONSE_OK;
}

/** The SOA of a zone that holds the end of the chain; any other is foreign. */
function findSoa(view: ResponseView): number {
  for (let record = view.answerEnd; record < view.recordEnd; record++) {
    if (view.type[record] !== TYPE_SOA || view.class[record] !== CLASS_IN) continue;
    if (suffixOffset(view, view.ownerAt[record]!) !== NONE) return record;
  }
  return NONE;
}

/** RFC 2308, section 5: the smaller of the SOA's TTL and its MINIMUM. */
function negativeTtl(view: ResponseView, soa: number): number {
  const minimumAt = view.at + view.rdataAt[soa]! + view.rdataLength[soa]! - 4;
  const minimum = readUint32(view.bytes, minimumAt);
  return Math.min(view.ttl[soa]!, minimum > NO_TTL ? 0 : minimum);
}

/** They belong to this answer only and prove nothing about another question, so no owner is asked for. */
function copyDenial(view: ResponseView, answer: VerifiedAnswer): ResponseStatus {
  const isNegative = answer.kind === ANSWER_NEGATIVE;
  let ttl = isNegative ? answer.lifetimeSeconds : NO_TTL;
  for (let record = view.answerEnd; record < view.recordEnd; record++) {
    if (isDenial(view, record, isNegative)) ttl = Math.min(ttl, view.ttl[record]!);
  }
  for (let record = view.answerEnd; record < view.recordEnd; record++) {
    if (!isDenial(view, record, isNegative)) continue;
    const status = copyRecord(view, answer, record, OWNER_AS_CAME, ttl);
    if (status !== RESPONSE_OK) return status;
  }
  return RESPONSE_OK;
}

function isDenial(view: ResponseView, record: number, isNegative: boolean): boolean {
  if (view.class[record] !== CLASS_IN) return false;
  const type = view.type[record]!;
  const signed = type === TYPE_RRSIG ? coveredType(view, record) : type;
  if (signed === TYPE_NSEC || signed === TYPE_NSEC3) return true;
  return type === TYPE_RRSIG && signed === TYPE_SOA && isNegative;
}

/** The type that an RRSIG covers; 0 (no type) where its RDATA is too short to be one. */
function coveredType(view: ResponseView, record: number): number {
  if (view.rdataLength[record]! < RRSIG_BYTES_MIN) return 0;
  return readUint16(view.bytes, view.at + view.rdataAt[record]!);
}

/** From here on records of the chain's last name are sought. */
function seekCurrent(view: ResponseView): void {
  const at = (view.chainLength - 1) * NAME_BYTES_MAX;
  copyBytes(view.chain, at, view.sought, 0, nameLength(view.chain, at));
  view.soughtHash = view.chainHash[view.chainLength - 1]!;
}

/** From here on records with the same owner as this one are sought. */
function seekOwnerOf(view: ResponseView, record: number): void {
  const at = view.at + view.ownerAt[record]!;
  readName(view.bytes, view.at, view.at + view.length, at, view.sought);
  lowerCaseName(view.sought, 0, nameLength(view.sought));
  view.soughtHash = view.ownerHash[record]!;
}

/** The first answer record of a type at the sought owner. */
function findRecord(view: ResponseView, type: number): number {
  for (let record = 0; record < view.answerEnd; record++) {
    if (isSought(view, record, type)) return record;
  }
  return NONE;
}

function isSought(view: ResponseView, record: number, type: number): boolean {
  if (view.type[record] !== type || view.class[record] !== CLASS_IN) return false;
  if (view.ownerHash[record] !== view.soughtHash) return false;
  return isNameAt(view, view.ownerAt[record]!, view.sought, 0);
}

/**
 * A DNAME above the sought name; `view.next` is then the name that it leads to, empty where that
 * would be too long. Where the name also has a CNAME, a DNAME counts only if both say the same:
 * what stands at the name itself is believed first.
 */
function findDname(view: ResponseView, cname: number): number {
  for (let record = 0; record < view.answerEnd; record++) {
    if (view.type[record] !== TYPE_DNAME || view.class[record] !== CLASS_IN) continue;
    const above = suffixOffset(view, view.ownerAt[record]!);
    if (above <= 0 || !substitute(view, record, above)) continue;
    if (cname === NONE) return record;
    if (view.nextLength > 0 && leadsToNext(view, cname)) return record;
  }
  return NONE;
}

/** Where in the sought name the name at an offset of the message begins; −1 where it is not at or above it. */
function suffixOffset(view: ResponseView, offset: number): number {
  const { sought, scratch } = view;
  readName(view.bytes, view.at, view.at + view.length, view.at + offset, scratch);
  const suffix = nameLength(sought) - nameLength(scratch);
  let at = 0;
  while (at < suffix) at += sought[at]! + 1;
  return at === suffix && isNameAt(view, offset, sought, at) ? at : NONE;
}

/** A pointer into the question, where the sought name is the asked one; other names move as they came. */
function ownerAbove(view: ResponseView, suffix: number): number {
  const isRoot = view.sought[suffix] === 0;
  return view.chainLength === 1 && !isRoot ? HEADER_BYTES + suffix : OWNER_AS_CAME;
}

/** RFC 6672, section 2.2: the labels in front of `above`, then the DNAME's target. False where that cannot be read. */
function substitute(view: ResponseView, dname: number, above: number): boolean {
  if (!readRdataName(view, dname)) return false;
  const targetLength = nameLength(view.scratch);
  view.nextLength = above + targetLength > NAME_BYTES_MAX ? 0 : above + targetLength;
  if (view.nextLength === 0) return true;
  copyBytes(view.sought, 0, view.next, 0, above);
  copyBytes(view.scratch, 0, view.next, above, targetLength);
  lowerCaseName(view.next, 0, view.nextLength);
  return true;
}

function leadsToNext(view: ResponseView, cname: number): boolean {
  return readRdataName(view, cname) && namesEqual(view.scratch, 0, view.next, 0);
}

function readRdataName(view: ResponseView, record: number): boolean {
  const at = view.at + view.rdataAt[record]!;
  const end = at + view.rdataLength[record]!;
  return readName(view.bytes, view.at, end, at, view.scratch) >= 0;
}

/** True where the chain has been at `view.next` before: it would go round. */
function isInChain(view: ResponseView): boolean {
  for (let index = 0; index < view.chainLength; index++) {
    if (namesEqual(view.chain, index * NAME_BYTES_MAX, view.next, 0)) return true;
  }
  return false;
}

function appendToChain(view: ResponseView, answer: VerifiedAnswer): boolean {
  if (!appendTarget(answer, view.next, view.nextLength)) return false;
  copyBytes(view.next, 0, view.chain, view.chainLength * NAME_BYTES_MAX, view.nextLength);
  view.chainHash[view.chainLength++] = hashName(view.next, 0, view.nextLength);
  return true;
}

/** True for the types whose RDATA ends in, or is, the name that a client goes on to. */
function leadsOn(type: number): boolean {
  return type === TYPE_SVCB || type === TYPE_HTTPS || type === TYPE_CNAME || type === TYPE_DNAME;
}

/** The target that was just copied; "." stands for the owner or for nothing (RFC 9460, section 2.5). */
function appendOwnTarget(view: ResponseView, answer: VerifiedAnswer): boolean {
  const { scratch } = view;
  if (scratch[0] === 0 || namesEqual(scratch, 0, view.name, 0)) return true;
  const length = nameLength(scratch);
  lowerCaseName(scratch, 0, length);
  let at = answer.targetsAt;
  for (let index = 0; index < answer.targetCount; index++) {
    if (namesEqual(answer.bytes, at, scratch, 0)) return true;
    at += nameLength(answer.bytes, at);
  }
  return appendTarget(answer, scratch, length);
}

function appendTarget(answer: VerifiedAnswer, name: Uint8Array, length: number): boolean {
  if (answer.targetCount === TARGETS_MAX) return false;
  copyBytes(name, 0, answer.bytes, answer.targetsAt + answer.targetsLength, length);
  answer.targetsLength += length;
  answer.targetCount++;
  return true;
}
