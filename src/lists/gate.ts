/**
 * What no list may hold, whoever wrote it: a single label (`com` as an entry would block half of the
 * internet) and an ICANN public suffix (`co.uk`). Private suffixes such as `blogspot.com` may be
 * listed. Protected names need no gate: row 2 of the decision stands before all lists.
 */

import { getPublicSuffix } from 'tldts';
import type { RefusalReason } from '../blocklist/formats/list-format.ts';
import { nameToText } from '../dns/name.ts';

export type Gate = (name: Uint8Array, length: number, labelCount: number) => RefusalReason | null;

/** No ICANN suffix has more labels; names with more are never looked up. */
const SUFFIX_LABELS_MAX = 4;

/**
 * Generic top-level domains under which ICANN's part of the list has nothing, so their names need no
 * look-up: they are most of any list, and a look-up costs as much as the rest of the parsing.
 */
const FLAT_TLDS = ['com', 'net', 'org', 'info', 'xyz', 'top', 'online', 'site', 'club', 'shop'];
const FLAT_TAILS = FLAT_TLDS.map((tld) => Uint8Array.from([tld.length, ...Buffer.from(tld), 0]));

const ICANN_ONLY = {
  allowPrivateDomains: false,
  detectIp: false,
  extractHostname: false,
  validateHostname: false,
};

/** The gate is a function of the name alone, so one may serve any number of lists. */
export function createGate(): Gate {
  return (name, length, labelCount) => {
    if (labelCount < 2) return 'single-label';
    if (labelCount > SUFFIX_LABELS_MAX || FLAT_TAILS.some((tail) => endsWith(name, length, tail))) {
      return null;
    }
    const text = nameToText(name);
    return getPublicSuffix(text, ICANN_ONLY) === text ? 'public-suffix' : null;
  };
}

function endsWith(name: Uint8Array, length: number, tail: Uint8Array): boolean {
  for (let index = 1; index <= tail.length; index++) {
    if (name[length - index] !== tail[tail.length - index]) return false;
  }
  return true;
}
