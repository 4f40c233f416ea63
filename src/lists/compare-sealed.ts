/**
 * What a sealed candidate would change, in numbers: nobody here knows the names, and so neither which of
 * them are well-known. Digests of two versions agree where the key does; under another key nobody can tell,
 * so there as many count as kept as both have.
 */

import type { ListContent } from '../blocklist/formats/list-format.ts';
import { readWhole } from '../blocklist/formats/list-window.ts';
import {
  compareDigests,
  ENTRIES_AT,
  ENTRY_OCTETS,
  isSealed,
  readManifest,
  SEALED_OCTETS_READ,
} from '../blocklist/sealed/sealed-file.ts';
import type { GateFindings } from '../store/list-report.ts';

/**
 * @param before what the list has, sealed or not; null: nothing yet
 * @param isMoved it is in force in another category: in that of the candidate nothing of it was blocked
 */
export function compareSealed(
  candidate: ListContent,
  before: ListContent | null,
  isMoved: boolean,
): GateFindings {
  const fresh = readWhole(candidate, SEALED_OCTETS_READ);
  const old = before === null ? new Uint8Array(0) : readWhole(before, SEALED_OCTETS_READ);
  const entries = readManifest(fresh).names;
  const entriesBefore = isSealed(old) ? readManifest(old).names : 0;
  const both = isMoved || entriesBefore === 0 ? 0 : countKept(fresh, old);
  return {
    entriesBefore,
    entries,
    newlyBlocked: { count: entries - both, names: [] },
    newlyOpened: { count: entriesBefore - both, names: [] },
    popular: [],
    neverListable: [],
  };
}

function countKept(fresh: Uint8Array, old: Uint8Array): number {
  const [after, before] = [readManifest(fresh), readManifest(old)];
  return after.keyId === before.keyId
    ? countCommon(fresh, old)
    : Math.min(after.names, before.names);
}

/** Entries with the same digest; both files are in rising order. */
function countCommon(a: Uint8Array, b: Uint8Array): number {
  let common = 0;
  let [aAt, bAt] = [ENTRIES_AT, ENTRIES_AT];
  while (aAt < a.length && bAt < b.length) {
    const order = compareDigests(a, aAt, b, bAt);
    if (order === 0) common++;
    if (order <= 0) aAt += ENTRY_OCTETS;
    if (order >= 0) bAt += ENTRY_OCTETS;
  }
  return common;
}
