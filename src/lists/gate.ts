/**
 * What no list may hold, whoever wrote it: a single label (`com` as an entry would block half of the
 * internet) and an ICANN public suffix (`co.uk`). Private suffixes such as `blogspot.com` may be
 * listed. Protected names need no gate: row 2 of the decision stands before all lists.
 */

import type { RefusalReason } from '../blocklist/formats/list-format.ts';
import { PublicSuffixes } from './public-suffixes.ts';

export type Gate = (name: Uint8Array, length: number, labelCount: number) => RefusalReason | null;

let publicSuffixes: PublicSuffixes | null = null;

/** The gate is a function of the name alone, so one may serve any number of lists. */
export function createGate(): Gate {
  const suffixes = (publicSuffixes ??= new PublicSuffixes());
  return (name, length, labelCount) => {
    if (labelCount < 2) return 'single-label';
    return suffixes.has(name, length) ? 'public-suffix' : null;
  };
}
