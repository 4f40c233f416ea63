/**
 * The sealed lists of a blocklist image: a section of words of its own, empty where there is none.
 *
 * It is a section of that image and no image of its own, because then a sealed list is published,
 * kept on the disk and found damaged like any other; and because the cache keeps the categories of
 * targets by the content id of the blocklist image, which so names the sealed lists too.
 *
 *     word 0      number of lists
 *     word 1 …    one record a list, 56 words:
 *
 *                      0   bit of its category         1   fewest labels      2   most labels of a name
 *                      3   bits of a tag               4   entries
 *                      5   word of the section at which its tags begin        6   … its entries begin
 *                      7   serial, high and low word   9   when it was sealed, high and low word
 *                     11   zero                       12   key check                         (4 words)
 *                     16   SHA-256 of the file                                               (8 words)
 *                     24   id of the list             40   id of its key, ASCII, zero-padded (16 words)
 *
 *     tags        one bit for each tag that there can be, set where an entry has it
 *     entries     5 words each, in rising order: four of the digest, then the coverage
 *
 * Words of digests are those of `digestWord`, so their order is that of the octets. No key is in it.
 */

import { readUint32, writeUint32 } from '../../lib/bytes.ts';
import {
  coverageOf,
  digestWord,
  ID_OCTETS,
  readManifest,
  SEALED_NAMES_MAX,
  tagOf,
} from './sealed-file.ts';

export const SEALED_ENTRY_WORDS = 5;

const RECORD_WORDS = 56;
const CATEGORY_AT = 0;
const LABELS_MIN_AT = 1;
const LABELS_MAX_AT = 2;
const TAG_BITS_AT = 3;
const NAMES_AT = 4;
const TAGS_WORD_AT = 5;
const ENTRIES_WORD_AT = 6;
const SERIAL_AT = 7;
const SEALED_AT_AT = 9;
const KEY_CHECK_AT = 12;
const KEY_CHECK_WORDS = 4;
const SHA256_AT = 16;
const SHA256_WORDS = 8;
const LIST_AT = 24;
const KEY_AT = 40;
const ID_WORDS = ID_OCTETS / 4;
const LISTS_MAX = 256;
const TAG_BITS_MAX = 27;

/** A sealed file in which `findSealedFault` has found none. */
export interface SealedPart {
  readonly categoryBit: number;
  readonly octets: Uint8Array;
  /** Of the file, hexadecimal. */
  readonly sha256: string;
}

/** A list as its record says; arrays share the memory of the section. */
export interface SealedRecord {
  readonly list: string;
  readonly keyId: string;
  readonly keyCheck: Uint8Array;
  /** Of the file, hexadecimal. */
  readonly sha256: string;
  readonly serial: number;
  readonly sealedAtSecond: number;
  readonly names: number;
  readonly categoryBit: number;
  readonly labelsMin: number;
  readonly labelsMax: number;
  readonly tagBits: number;
  /** One bit a tag. */
  readonly tags: Uint32Array;
  /** `SEALED_ENTRY_WORDS` each. */
  readonly entries: Uint32Array;
}

/** The words of the section; none where there are no lists. */
export function createSealedSection(parts: readonly SealedPart[]): Uint32Array {
  if (parts.length === 0) return new Uint32Array(0);
  const manifests = parts.map(({ octets }) => readManifest(octets));
  let length = 1 + parts.length * RECORD_WORDS;
  const places = manifests.map(({ tagBits, names }) => {
    const tagsAt = length;
    const entriesAt = tagsAt + tagWords(tagBits);
    length = entriesAt + names * SEALED_ENTRY_WORDS;
    return { tagsAt, entriesAt };
  });
  const words = new Uint32Array(length);
  words[0] = parts.length;
  for (const [index, part] of parts.entries()) {
    const manifest = manifests[index]!;
    const { tagsAt, entriesAt } = places[index]!;
    const at = 1 + index * RECORD_WORDS;
    words[at + CATEGORY_AT] = part.categoryBit;
    words[at + LABELS_MIN_AT] = manifest.labelsMin;
    words[at + LABELS_MAX_AT] = manifest.labelsMax;
    words[at + TAG_BITS_AT] = manifest.tagBits;
    words[at + NAMES_AT] = manifest.names;
    words[at + TAGS_WORD_AT] = tagsAt;
    words[at + ENTRIES_WORD_AT] = entriesAt;
    writeLong(words, at + SERIAL_AT, manifest.serial);
    writeLong(words, at + SEALED_AT_AT, manifest.sealedAtSecond);
    writeOctets(words, at + KEY_CHECK_AT, manifest.keyCheck);
    for (let word = 0; word < SHA256_WORDS; word++) {
      words[at + SHA256_AT + word] = Number.parseInt(part.sha256.slice(word * 8, word * 8 + 8), 16);
    }
    writeOctets(words, at + LIST_AT, asciiOf(manifest.list));
    writeOctets(words, at + KEY_AT, asciiOf(manifest.keyId));
    writeTags(words.subarray(tagsAt, entriesAt), part.octets, manifest.names);
    writeEntryWords(words, entriesAt, part.octets, manifest.names);
  }
  return words;
}

/** The records of a section in which `findSectionFault` has found none. */
export function readSealedSection(words: Uint32Array): SealedRecord[] {
  if (words.length === 0) return [];
  return Array.from({ length: words[0]! }, (_, index) => {
    const at = 1 + index * RECORD_WORDS;
    const tagBits = words[at + TAG_BITS_AT]!;
    const names = words[at + NAMES_AT]!;
    const tagsAt = words[at + TAGS_WORD_AT]!;
    const entriesAt = words[at + ENTRIES_WORD_AT]!;
    return {
      list: textOf(words, at + LIST_AT),
      keyId: textOf(words, at + KEY_AT),
      keyCheck: octetsOf(words, at + KEY_CHECK_AT, KEY_CHECK_WORDS),
      sha256: Array.from(words.subarray(at + SHA256_AT, at + SHA256_AT + SHA256_WORDS), hex).join(
        '',
      ),
      serial: readLong(words, at + SERIAL_AT),
      sealedAtSecond: readLong(words, at + SEALED_AT_AT),
      names,
      categoryBit: words[at + CATEGORY_AT]!,
      labelsMin: words[at + LABELS_MIN_AT]!,
      labelsMax: words[at + LABELS_MAX_AT]!,
      tagBits,
      tags: words.subarray(tagsAt, tagsAt + tagWords(tagBits)),
      entries: words.subarray(entriesAt, entriesAt + names * SEALED_ENTRY_WORDS),
    };
  });
}

/** What would make a look-up leave the section, or null. */
export function findSectionFault(words: Uint32Array): string | null {
  if (words.length === 0) return null;
  const lists = words[0]!;
  if (lists === 0 || lists > LISTS_MAX || 1 + lists * RECORD_WORDS > words.length) {
    return 'the sealed lists are cut';
  }
  for (let at = 1; at < 1 + lists * RECORD_WORDS; at += RECORD_WORDS) {
    const tagBits = words[at + TAG_BITS_AT]!;
    const names = words[at + NAMES_AT]!;
    if (tagBits < 5 || tagBits > TAG_BITS_MAX || names === 0 || names > SEALED_NAMES_MAX) {
      return 'the numbers of a sealed list are none';
    }
    const tagsEnd = words[at + TAGS_WORD_AT]! + tagWords(tagBits);
    const entriesEnd = words[at + ENTRIES_WORD_AT]! + names * SEALED_ENTRY_WORDS;
    if (tagsEnd > words.length || entriesEnd > words.length) return 'a sealed list is cut';
    if (words[at + CATEGORY_AT]! > 255) return 'the category of a sealed list is none';
  }
  return null;
}

function tagWords(tagBits: number): number {
  return 2 ** tagBits / 32;
}

function writeTags(tags: Uint32Array, octets: Uint8Array, names: number): void {
  for (let entry = 0; entry < names; entry++) {
    const tag = tagOf(octets, entry);
    tags[tag >>> 5]! |= 1 << (tag & 31);
  }
}

function writeEntryWords(words: Uint32Array, at: number, octets: Uint8Array, names: number): void {
  for (let entry = 0; entry < names; entry++, at += SEALED_ENTRY_WORDS) {
    for (let word = 0; word < 4; word++) words[at + word] = digestWord(octets, entry, word);
    words[at + 4] = coverageOf(octets, entry);
  }
}

function writeLong(words: Uint32Array, at: number, value: number): void {
  words[at] = Math.floor(value / 2 ** 32);
  words[at + 1] = value >>> 0;
}

function readLong(words: Uint32Array, at: number): number {
  return words[at]! * 2 ** 32 + words[at + 1]!;
}

/** @param octets a multiple of four, or zeros follow */
function writeOctets(words: Uint32Array, at: number, octets: Uint8Array): void {
  const padded = new Uint8Array(Math.ceil(octets.length / 4) * 4);
  padded.set(octets);
  for (let octet = 0; octet < padded.length; octet += 4) {
    words[at + octet / 4] = readUint32(padded, octet);
  }
}

function octetsOf(words: Uint32Array, at: number, count: number): Uint8Array {
  const octets = new Uint8Array(count * 4);
  for (let word = 0; word < count; word++) writeUint32(octets, word * 4, words[at + word]!);
  return octets;
}

function asciiOf(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

function textOf(words: Uint32Array, at: number): string {
  const octets = octetsOf(words, at, ID_WORDS);
  return String.fromCharCode(
    ...octets.subarray(0, octets.indexOf(0) < 0 ? undefined : octets.indexOf(0)),
  );
}

function hex(word: number): string {
  return word.toString(16).padStart(8, '0');
}
