/**
 * Whether a name is an ICANN public suffix (`co.uk`), answered from its wire octets: no text is made
 * of a name, since a list has millions. The rules are those of the package tldts, read once into a hash set.
 *
 *     co.uk            the name itself                                   2 co 2 uk 0
 *     *.kawasaki.jp    each name directly below, kept under the label *  1 *  8 kawasaki 2 jp 0
 *     !city.…          names that such a rule does not mean, in a set of their own
 *
 * The hash runs from the last octet to the first, so that of a name's parent is met on the way.
 */

import {
  edgeChild,
  edgeLength,
  edgeStart,
  exceptionsRoot,
  labelText,
  nodeFlags,
  rulesRoot,
} from 'tldts/dist/cjs/src/data/trie.js';

const FLAG_ICANN = 1;
const ASTERISK = 0x2a;

const HASH_START = 0x811c9dc5 | 0;

export class PublicSuffixes {
  readonly #rules: WireNames;
  readonly #exceptions: WireNames;

  constructor() {
    const rules: Uint8Array[] = [];
    const exceptions: Uint8Array[] = [];
    const offsets = offsetsOfLabels();
    gatherRules(rulesRoot, Uint8Array.of(0), offsets, rules, exceptions);
    gatherRules(exceptionsRoot, Uint8Array.of(0), offsets, exceptions, []);
    this.#rules = new WireNames(rules);
    this.#exceptions = new WireNames(exceptions);
  }

  /** @param name lower-cased wire octets with the root; at least one label */
  has(name: Uint8Array, length: number): boolean {
    const parentAt = (name[0] ?? 0) + 1;
    // A wildcard rule covers any label below its name.
    if (length - parentAt > this.#rules.lengthMax) return false;
    const parentHash = hashBackwards(HASH_START, name, length - 1, parentAt);
    const hash = hashBackwards(parentHash, name, parentAt - 1, 0);
    if (this.#rules.has(name, 0, length, hash)) return true;
    return (
      this.#rules.hasBelowAsterisk(name, parentAt, length, parentHash) &&
      !this.#exceptions.has(name, 0, length, hash)
    );
  }
}

/** The names of all rules at and below a node whose name is `suffix`. */
function gatherRules(
  node: number,
  suffix: Uint8Array,
  offsets: Uint32Array,
  rules: Uint8Array[],
  exceptions: Uint8Array[],
): void {
  const edges = edgesOf(node, offsets);
  const isForAll = edges.some(({ label, isRule }) => label === '*' && isRule);
  for (const { label, child, isRule } of edges) {
    // Rules stand there in Unicode and as A-labels; names have only these.
    if (!/^[\x21-\x7e]+$/.test(label)) continue;
    const name = Uint8Array.from([label.length, ...Buffer.from(label), ...suffix]);
    if (isRule) rules.push(name);
    else if (isForAll) exceptions.push(name);
    gatherRules(child, name, offsets, rules, exceptions);
  }
}

interface Edge {
  readonly label: string;
  readonly child: number;
  /** A rule ends with this label. */
  readonly isRule: boolean;
}

function edgesOf(node: number, offsets: Uint32Array): Edge[] {
  const edges: Edge[] = [];
  for (let edge = edgeStart[node] ?? 0; edge < (edgeStart[node + 1] ?? 0); edge++) {
    const at = offsets[edge] ?? 0;
    const child = edgeChild[edge] ?? 0;
    const isRule = ((nodeFlags[child] ?? 0) & FLAG_ICANN) !== 0;
    edges.push({ label: labelText.slice(at, at + (edgeLength[edge] ?? 0)), child, isRule });
  }
  return edges;
}

function offsetsOfLabels(): Uint32Array {
  const offsets = new Uint32Array(edgeLength.length);
  for (let edge = 1; edge < offsets.length; edge++) {
    offsets[edge] = (offsets[edge - 1] ?? 0) + (edgeLength[edge - 1] ?? 0);
  }
  return offsets;
}

/** An open-addressing set over wire names; a slot is the place of a name in one run of octets, plus 1. */
class WireNames {
  readonly lengthMax: number;
  readonly #slots: Uint32Array;
  readonly #octets: Uint8Array;

  constructor(names: readonly Uint8Array[]) {
    this.lengthMax = names.reduce((most, { length }) => Math.max(most, length), 0);
    this.#octets = Buffer.concat(names);
    // At most a quarter full: most names are none of them and end at the first slot.
    this.#slots = new Uint32Array(2 ** Math.ceil(Math.log2(names.length * 4 + 1)));
    let at = 0;
    for (const name of names) {
      this.#slots[this.#emptySlot(hashBackwards(HASH_START, name, name.length - 1, 0))] = at + 1;
      at += name.length;
    }
  }

  has(name: Uint8Array, start: number, end: number, hash: number): boolean {
    const mask = this.#slots.length - 1;
    for (let slot = slotOf(hash, mask); ; slot = (slot + 1) & mask) {
      const place = this.#slots[slot] ?? 0;
      if (place === 0) return false;
      if (this.#isAt(place - 1, name, start, end)) return true;
    }
  }

  /** True for the name `*` under [start, end). */
  hasBelowAsterisk(name: Uint8Array, start: number, end: number, parentHash: number): boolean {
    const mask = this.#slots.length - 1;
    const hash = mix(mix(parentHash, ASTERISK), 1);
    for (let slot = slotOf(hash, mask); ; slot = (slot + 1) & mask) {
      const place = this.#slots[slot] ?? 0;
      if (place === 0) return false;
      const isAsterisk = this.#octets[place] === ASTERISK && this.#octets[place - 1] === 1;
      if (isAsterisk && this.#isAt(place + 1, name, start, end)) return true;
    }
  }

  #emptySlot(hash: number): number {
    const mask = this.#slots.length - 1;
    let slot = slotOf(hash, mask);
    while (this.#slots[slot] !== 0) slot = (slot + 1) & mask;
    return slot;
  }

  /** Both end with a root, so an equal run of octets is an equal name. */
  #isAt(place: number, name: Uint8Array, start: number, end: number): boolean {
    for (let index = start; index < end; index++) {
      if (this.#octets[place + index - start] !== name[index]) return false;
    }
    return true;
  }
}

/** Feeds the octets from `from` down to `to`. */
function hashBackwards(hash: number, name: Uint8Array, from: number, to: number): number {
  for (let index = from; index >= to; index--) hash = mix(hash, name[index] ?? 0);
  return hash;
}

/** FNV-1a. */
function mix(hash: number, octet: number): number {
  return Math.imul(hash ^ octet, 0x01000193);
}

function slotOf(hash: number, mask: number): number {
  return (hash ^ (hash >>> 15)) & mask;
}
