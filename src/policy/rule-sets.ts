/**
 * The rule sets of one image while it is compiled: equal lists of names, whoever wrote them and in
 * whatever order, share one set number.
 */

import { nameToText } from '../dns/name.ts';
import type { NameRules } from './policy-input.ts';
import type { NameTableEntry } from './rules.ts';
import { RULE_ALLOW, RULE_ALWAYS, RULE_DENY } from './rules.ts';

export class RuleSets {
  readonly #entries: NameTableEntry[] = [];
  readonly #setOf = new Map<string, number>();
  /** The names of a plan come once for each household. */
  readonly #setOfRules = new Map<NameRules, number>();

  /** What the table of names is compiled from. */
  get entries(): readonly NameTableEntry[] {
    return this.#entries;
  }

  /** The number of a set; 0 is the empty one. */
  add(rules: NameRules): number {
    const { allow, always, deny } = rules;
    if (allow.length + always.length + deny.length === 0) return 0;
    const known = this.#setOfRules.get(rules);
    if (known !== undefined) return known;
    const set = this.#find(rules);
    this.#setOfRules.set(rules, set);
    return set;
  }

  #find({ allow, always, deny }: NameRules): number {
    const key = [allow, always, deny].map(keyOf).join(' ; ');
    const known = this.#setOf.get(key);
    if (known !== undefined) return known;
    const set = this.#setOf.size + 1;
    this.#setOf.set(key, set);
    for (const name of allow) this.#entries.push({ set, name, value: RULE_ALLOW });
    for (const name of always) this.#entries.push({ set, name, value: RULE_ALWAYS });
    for (const name of deny) this.#entries.push({ set, name, value: RULE_DENY });
    return set;
  }
}

/** Order of writing does not matter, so it is not part of the key. */
function keyOf(names: readonly Uint8Array[]): string {
  return names
    .map((name) => nameToText(name))
    .sort()
    .join(' ');
}
