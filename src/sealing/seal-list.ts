/**
 * Seals a list: names in, a file without names out. It runs with the publisher, offline. What is wrong
 * with a line is told by its number and a reason, never by its text.
 */

import { createHash, type KeyObject } from 'node:crypto';
import type {
  FaultReason,
  ListContent,
  TextFormatName,
  RefusalReason,
} from '../blocklist/formats/list-format.ts';
import { COVER_BOTH, COVER_EXACT } from '../blocklist/formats/list-format.ts';
import { LIST_FORMATS } from '../blocklist/formats/parse-list.ts';
import {
  compareDigests,
  DIGEST_OCTETS,
  type SealedEntry,
  SEALED_NAMES_MAX,
  tagBitsFor,
  writeEntries,
  writeManifest,
} from '../blocklist/sealed/sealed-file.ts';
import { createSuffixHashes, hashSuffixes } from '../dns/suffix-hashes.ts';
import { writeUint32 } from '../lib/bytes.ts';
import { AppError } from '../lib/errors.ts';
import { deriveListKeys, keyCheckOf, type ListKey } from './list-keys.ts';
import { signOctets } from './signatures.ts';

const FAULTS_SHOWN = 20;

export interface SealOptions {
  readonly list: string;
  readonly key: ListKey;
  readonly publisher: string;
  /** The publisher's private key. */
  readonly signingKey: KeyObject;
  /** Higher than that of every version before. */
  readonly serial: number;
  readonly sealedAtSecond: number;
  /** For formats whose lines do not say it; left out: as the format does. */
  readonly coversSubdomains?: boolean;
  /** What may not stand in any list: whoever imports the file cannot see it any more. */
  readonly isRefused: (
    name: Uint8Array,
    length: number,
    labelCount: number,
  ) => RefusalReason | null;
}

export interface SealedResult {
  readonly octets: Uint8Array;
  readonly names: number;
}

/** @throws AppError `LIST_REFUSED` with every fault; a list is sealed whole or not at all */
export function sealList(
  content: ListContent,
  formatName: TextFormatName,
  options: SealOptions,
): SealedResult {
  const { list, key, publisher, signingKey, serial, sealedAtSecond } = options;
  const gathered = gatherNames(content, formatName, options);
  const names = gathered.entries.length;
  const tagBits = tagBitsFor(names);
  const tagLast = 2 ** tagBits - 1;
  const entries = writeEntries(
    gathered.entries.map((entry) => ({ ...entry, tag: (entry.tag & tagLast) >>> 0 })),
  );
  const manifest = writeManifest({
    list,
    keyId: key.id,
    publisher,
    names,
    serial,
    sealedAtSecond,
    tagBits,
    labelsMin: gathered.labelsMin,
    labelsMax: gathered.labelsMax,
    keyCheck: keyCheckOf(key.key, list),
    entriesSha256: createHash('sha256').update(entries).digest(),
  });
  const signature = signOctets(manifest, signingKey);
  return { octets: Buffer.concat([manifest, signature, entries]), names };
}

interface Gathered {
  /** In rising order of their digests; tags still with all their bits. */
  readonly entries: readonly SealedEntry[];
  readonly labelsMin: number;
  readonly labelsMax: number;
}

function gatherNames(
  content: ListContent,
  formatName: TextFormatName,
  { list, key, isRefused, coversSubdomains }: SealOptions,
): Gathered {
  const format = LIST_FORMATS[formatName];
  const { tagKey, digest } = deriveListKeys(key.key, list);
  const hashes = createSuffixHashes();
  const words = new Uint32Array(DIGEST_OCTETS / 4);
  const coverageOf = new Map<string, SealedEntry>();
  const faults: string[] = [];
  let labelsMin = Number.MAX_SAFE_INTEGER;
  let labelsMax = 0;
  const refuse = (line: number, reason: FaultReason | RefusalReason | 'exception'): void => {
    faults.push(`line ${line}: ${reason}`);
  };
  format.parse(content, {
    entry(name, length, lineCoverage, line) {
      hashSuffixes(hashes, tagKey, name, 0);
      const labels = hashes.labelCount;
      const refusal = isRefused(name, length, labels);
      if (refusal !== null) {
        refuse(line, refusal);
        return;
      }
      const isOfList = format.isCoverageOfList && coversSubdomains !== undefined;
      const listCoverage = coversSubdomains === true ? COVER_BOTH : COVER_EXACT;
      const coverage = isOfList ? listCoverage : lineCoverage;
      digest(name, 0, length, words);
      const id = words.join();
      const before = coverageOf.get(id);
      coverageOf.set(id, {
        digest: before?.digest ?? octetsOf(words),
        tag: hashes.low[labels] ?? 0,
        coverage: coverage | (before?.coverage ?? 0),
      });
      labelsMin = Math.min(labelsMin, labels);
      labelsMax = Math.max(labelsMax, labels);
    },
    // Without its name an exception could not be told apart from an entry.
    exception: (_name, _length, _coverage, line) => {
      refuse(line, 'exception');
    },
    reject: refuse,
  });
  if (faults.length > 0) throw refused(formatName, faults);
  if (coverageOf.size === 0) throw refused(formatName, ['it holds no names']);
  if (coverageOf.size > SEALED_NAMES_MAX) {
    throw refused(formatName, [
      `it holds ${coverageOf.size} names; valid: ${SEALED_NAMES_MAX} at most`,
    ]);
  }
  const entries = [...coverageOf.values()].sort((a, b) => compareDigests(a.digest, 0, b.digest, 0));
  return { entries, labelsMin, labelsMax };
}

function octetsOf(words: Uint32Array): Uint8Array {
  const octets = new Uint8Array(DIGEST_OCTETS);
  for (const [word, value] of words.entries()) writeUint32(octets, word * 4, value);
  return octets;
}

function refused(format: TextFormatName, faults: readonly string[]): AppError {
  const shown = faults.slice(0, FAULTS_SHOWN);
  const rest = faults.length - shown.length;
  const more = rest > 0 ? [`and ${rest} more`] : [];
  return new AppError(
    'LIST_REFUSED',
    `Sealing the list (read as ${format}): ${[...shown, ...more].join(' · ')}`,
    { faults: [...shown, ...more] },
  );
}
