/**
 * What no list may hold, whoever wrote it: a single label (`com` as an entry would block half of the
 * internet), an ICANN public suffix (`co.uk`), and, where lists of protected names are given, a name
 * that these cover (a helpline). Private suffixes such as `blogspot.com` may be listed.
 *
 * Row 2 of the decision passes protected names whatever lists hold. That the gate refuses them too is
 * for the editor, who is told the line, and for the mandatory lists, whose row stands before row 2.
 */

import { createMask, hasBit } from '../blocklist/category.ts';
import { compileBlocklist, type CompileList, type CompileOptions } from '../blocklist/compile.ts';
import type { RefusalReason } from '../blocklist/formats/list-format.ts';
import { lookUpCategories } from '../blocklist/lookup.ts';
import type { HashSeed } from '../lib/half-siphash.ts';
import { PublicSuffixes } from './public-suffixes.ts';

/** Why no list may hold a name, or null. @param name lower-cased wire octets with the root */
export type NameGate = (
  name: Uint8Array,
  length: number,
  labelCount: number,
) => RefusalReason | null;

/** The same where it depends on protected names too. */
export type Gate = CompileOptions['isRefused'];

let publicSuffixes: PublicSuffixes | null = null;

/** The gate is a function of the name alone, so one may serve any number of lists. */
export function createGate(): NameGate {
  const suffixes = (publicSuffixes ??= new PublicSuffixes());
  return (name, length, labelCount) => {
    if (labelCount < 2) return 'single-label';
    return suffixes.has(name, length) ? 'public-suffix' : null;
  };
}

/**
 * The same, with protected names.
 * @param lists those of the category of protected names, the only one that may hold them
 * @param seed of the hashes that the gate will be given
 */
export function createProtectingGate(lists: readonly CompileList[], seed: HashSeed): Gate {
  const gate = createGate();
  const [first] = lists;
  if (first === undefined) return gate;
  const protectedBit = first.categoryBit;
  const { blocklist } = compileBlocklist(lists, seed, { isRefused: gate });
  const mask = createMask();
  return (name, length, labelCount, hashes, categoryBit) => {
    const refusal = gate(name, length, labelCount);
    if (refusal !== null || categoryBit === protectedBit) return refusal;
    const isFound = lookUpCategories(blocklist, hashes, mask);
    return isFound && hasBit(mask, protectedBit) ? 'protected' : null;
  };
}
