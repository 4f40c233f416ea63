/**
 * The header that every image shares. An image is an immutable, versioned byte layout in a
 * `SharedArrayBuffer`: compiled once, checked once when it is opened, then trusted.
 *
 *     word  0       magic "SGIM"
 *           1       kind (which reader) << 16 | version of that layout
 *           2       octets of the whole image
 *           3       number of sections
 *           4, 5    content id: two-lane checksum of all words from word 8 on
 *           6, 7    seed id: which installation's hash seed the content was compiled with
 *           8 …     offset and length in octets of each section, two words a section
 *           …       the sections, each on a 64-octet boundary, zero-padded
 *
 * Words are little-endian in memory: images do not travel between machines, and big-endian
 * machines are refused at start-up by the magic.
 */

import { AppError } from './errors.ts';

const MAGIC = 0x4d494753;
const HEADER_WORDS = 8;
const SECTION_ALIGN = 64;

export interface Image {
  readonly buffer: SharedArrayBuffer;
  /** The whole image as 32-bit words. */
  readonly words: Uint32Array;
  readonly bytes: Uint8Array;
}

/** Which reader an image is for. */
export const IMAGE_BLOCKLIST = 1;
export const IMAGE_POLICY = 2;

/** Allocates an image with zeroed sections of the given lengths in octets. */
export function createImage(
  kind: number,
  version: number,
  seedId: readonly [number, number],
  sectionLengths: readonly number[],
): Image {
  let at = alignUp((HEADER_WORDS + sectionLengths.length * 2) * 4);
  const places = sectionLengths.map((length) => {
    const place = { at, length };
    at = alignUp(at + length);
    return place;
  });
  const image = viewImage(new SharedArrayBuffer(at));
  image.words.set([MAGIC, (kind << 16) | version, at, places.length, 0, 0, seedId[0], seedId[1]]);
  for (const [index, place] of places.entries()) {
    image.words[HEADER_WORDS + index * 2] = place.at;
    image.words[HEADER_WORDS + index * 2 + 1] = place.length;
  }
  return image;
}

/** Writes the content id; the image must not be written after this. */
export function sealImage(image: Image): void {
  const [high, low] = checksum(image.words);
  image.words[4] = high;
  image.words[5] = low;
}

/**
 * Checks the header and the checksum of a buffer that was just compiled or comes from the disk.
 * @throws AppError `IMAGE_DAMAGED` with what is wrong
 */
export function openImage(buffer: SharedArrayBuffer, kind: number, version: number): Image {
  const image = trustImage(buffer, kind, version);
  const { words } = image;
  const [high, low] = checksum(words);
  if (words[4] !== high || words[5] !== low) throw damaged('the checksum does not agree');
  return image;
}

/**
 * Views a buffer that another thread of this process has opened: only the header is looked at, so
 * that it takes no time, however large the image is.
 * @throws AppError `IMAGE_DAMAGED` with what is wrong
 */
export function trustImage(buffer: SharedArrayBuffer, kind: number, version: number): Image {
  const fault = findHeaderFault(buffer, kind, version);
  if (fault !== null) throw damaged(fault);
  return viewImage(buffer);
}

export function sectionAt(image: Image, section: number): number {
  return image.words[HEADER_WORDS + section * 2]!;
}

export function sectionLength(image: Image, section: number): number {
  return image.words[HEADER_WORDS + section * 2 + 1]!;
}

/** A section as 32-bit words that share the image's memory. */
export function sectionWords(image: Image, section: number): Uint32Array {
  return new Uint32Array(
    image.buffer,
    sectionAt(image, section),
    sectionLength(image, section) >>> 2,
  );
}

/** A section as octets that share the image's memory. */
export function sectionBytes(image: Image, section: number): Uint8Array {
  return new Uint8Array(image.buffer, sectionAt(image, section), sectionLength(image, section));
}

/** Word of the header at which the seed id begins. */
export const SEED_ID_AT = 6;
/** The first of the two words of the header that hold the content id. */
export const CONTENT_ID_AT = 4;

/** Sixteen hexadecimal digits that name the content of an image. */
export function contentIdOf(image: Image): string {
  return (
    image.words[4]!.toString(16).padStart(8, '0') + image.words[5]!.toString(16).padStart(8, '0')
  );
}

function viewImage(buffer: SharedArrayBuffer): Image {
  return { buffer, words: new Uint32Array(buffer), bytes: new Uint8Array(buffer) };
}

function damaged(fault: string): AppError {
  return new AppError('IMAGE_DAMAGED', `Opening an image: ${fault}`);
}

function findHeaderFault(buffer: SharedArrayBuffer, kind: number, version: number): string | null {
  const octets = buffer.byteLength;
  if (octets < HEADER_WORDS * 4 || octets % 4 !== 0) return `${octets} octets are no image`;
  const words = new Uint32Array(buffer);
  if (words[0] !== MAGIC) return 'the magic number is missing';
  if (words[1] !== ((kind << 16) | version)) {
    return `kind and version are ${words[1]! >>> 16}.${words[1]! & 0xffff}, expected ${kind}.${version}`;
  }
  if (words[2] !== octets) return `it says ${words[2]!} octets but has ${octets}`;
  const sections = words[3]!;
  if (sections > 64 || (HEADER_WORDS + sections * 2) * 4 > octets)
    return 'the section table is cut';
  for (let index = 0; index < sections; index++) {
    const at = words[HEADER_WORDS + index * 2]!;
    if (at % SECTION_ALIGN !== 0 || at + words[HEADER_WORDS + index * 2 + 1]! > octets) {
      return `section ${index} lies outside`;
    }
  }
  return null;
}

/** Two multiply-rotate lanes over all words after the ids: finds damage, is no defence against forgery. */
function checksum(words: Uint32Array): [number, number] {
  let high = words[6]! ^ 0x9e3779b9;
  let low = words[7]! ^ 0x85ebca6b;
  for (let index = HEADER_WORDS; index < words.length; index++) {
    const word = words[index]!;
    high = Math.imul(((high << 5) | (high >>> 27)) ^ word, 0x2c1b3c6d);
    low = Math.imul(((low << 13) | (low >>> 19)) ^ word ^ index, 0x297a2d39);
  }
  return [high >>> 0, low >>> 0];
}

function alignUp(at: number): number {
  return Math.ceil(at / SECTION_ALIGN) * SECTION_ALIGN;
}
