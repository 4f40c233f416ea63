/**
 * One entry of the cache: a run of 32-bit words in a slab.
 *
 *     word  0       words of the entry; the top bit says that nobody can find it any more
 *           1       next entry with the same bucket, 0 = last
 *           2       hash of name and scope
 *           3       scope: type │ DO << 16 │ CD << 17 │ upstream group << 18
 *           4       second at which it was stored
 *           5, 6    fresh before this second; of use when upstream fails before that one
 *           7       before this second upstream need not be asked again (RFC 9520)
 *           8       name length │ target count << 8 │ kind << 13 │ rcode << 16 │ AD << 28
 *           9       looks: hits │ visits << 2 │ prefetch asked << 4   (written by look-ups)
 *          10       octets of the body │ TTL count << 16
 *          11       answer records │ authority records << 16
 *          12       octets of the targets
 *          13 … 22  only with targets: content id (two words), categories of the targets (eight)
 *           …       octets: name, lower-cased │ body │ ttls │ targets   (see `dns/verified-answer`)
 *
 * Seconds are monotonic. The first thirteen words are what a small answer costs beside its octets.
 */

import type { AnswerKind, VerifiedAnswer } from '../dns/verified-answer.ts';

export const WORD_SIZE = 0;
export const WORD_NEXT = 1;
export const WORD_HASH = 2;
export const WORD_SCOPE = 3;
export const WORD_STORED = 4;
export const WORD_FRESH_UNTIL = 5;
export const WORD_STALE_UNTIL = 6;
export const WORD_HELD_UNTIL = 7;
export const WORD_SHAPE = 8;
export const WORD_LOOKS = 9;
export const WORD_LENGTHS = 10;
export const WORD_COUNTS = 11;
export const WORD_TARGETS = 12;
export const WORD_CONTENT_ID = 13;
export const WORD_MASK = 15;

/** In `WORD_SIZE`, the sign: passed over when the ring comes to it. */
export const DEAD = 0x8000_0000 | 0;
export const SIZE_BITS = 0x7fff_ffff;

/** In `WORD_LOOKS`. */
export const HITS_MAX = 3;
export const VISIT = 1 << 2;
export const VISITS_BITS = 3 << 2;
export const PREFETCH_ASKED = 1 << 4;

const HEADER_WORDS = 13;
const CONTENT_ID_WORDS = 2;
export const MASK_WORDS = 8;

export function entryWords(answer: VerifiedAnswer, nameLength: number): number {
  const { bodyLength, ttlCount, targetCount, targetsLength } = answer;
  const octets = nameLength + bodyLength + ttlCount * 2 + targetsLength;
  return octetsFrom(targetCount) + ((octets + 3) >>> 2);
}

/** Words before the octets. */
export function octetsFrom(targetCount: number): number {
  return targetCount === 0 ? HEADER_WORDS : HEADER_WORDS + CONTENT_ID_WORDS + MASK_WORDS;
}

export function nameLengthOf(words: Int32Array, entry: number): number {
  return words[entry + WORD_SHAPE]! & 0xff;
}

export function targetCountOf(words: Int32Array, entry: number): number {
  return (words[entry + WORD_SHAPE]! >>> 8) & 0x1f;
}

export function kindOf(words: Int32Array, entry: number): AnswerKind {
  return ((words[entry + WORD_SHAPE]! >>> 13) & 7) as AnswerKind;
}

/** Writes what the entry keeps of the answer's fields. */
export function writeShape(
  words: Int32Array,
  entry: number,
  answer: VerifiedAnswer,
  nameLength: number,
): void {
  const authentic = answer.isAuthentic ? 1 << 28 : 0;
  words[entry + WORD_SHAPE] =
    nameLength | (answer.targetCount << 8) | (answer.kind << 13) | (answer.rcode << 16) | authentic;
  words[entry + WORD_LENGTHS] = answer.bodyLength | (answer.ttlCount << 16);
  words[entry + WORD_COUNTS] = answer.answerCount | (answer.authorityCount << 16);
  words[entry + WORD_TARGETS] = answer.targetsLength;
}

/** Reads back what `writeShape` wrote, and points the answer at the entry's octets. */
export function readShape(words: Int32Array, entry: number, answer: VerifiedAnswer): void {
  const shape = words[entry + WORD_SHAPE]!;
  const lengths = words[entry + WORD_LENGTHS]!;
  const counts = words[entry + WORD_COUNTS]!;
  answer.targetCount = (shape >>> 8) & 0x1f;
  answer.kind = ((shape >>> 13) & 7) as AnswerKind;
  answer.rcode = (shape >>> 16) & 0xfff;
  answer.isAuthentic = (shape & (1 << 28)) !== 0;
  answer.bodyLength = lengths & 0xffff;
  answer.ttlCount = lengths >>> 16;
  answer.answerCount = counts & 0xffff;
  answer.authorityCount = counts >>> 16;
  answer.targetsLength = words[entry + WORD_TARGETS]!;
  answer.bodyAt = (entry + octetsFrom(answer.targetCount)) * 4 + (shape & 0xff);
  answer.ttlsAt = answer.bodyAt + answer.bodyLength;
  answer.targetsAt = answer.ttlsAt + answer.ttlCount * 2;
}
