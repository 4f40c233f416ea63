/**
 * The oracle of the blocklist image: what lists mean, written as plainly as can be, over text names
 * and without tables, hashes or masks.
 */

import { COVER_BELOW, COVER_EXACT } from '../../src/blocklist/formats/list-format.ts';

export interface NaiveName {
  readonly name: string;
  readonly coverage: number;
}

export interface NaiveList {
  readonly categoryBit: number;
  /** `all`: an exception opens all below it; `longest`: the longest name that speaks decides. */
  readonly exceptionRule: 'all' | 'longest';
  readonly entries: readonly NaiveName[];
  readonly exceptions: readonly NaiveName[];
  /** Names that an editor has taken out, with all below them. */
  readonly corrections?: readonly string[];
}

/** The categories of a name in rising order: those of which any list covers it. */
export function naiveCategories(lists: readonly NaiveList[], name: string): number[] {
  const bits = lists.filter((list) => covers(list, name)).map((list) => list.categoryBit);
  return [...new Set(bits)].sort((a, b) => a - b);
}

export function covers(list: NaiveList, name: string): boolean {
  const corrections = list.corrections ?? [];
  if (corrections.some((one) => name === one || name.endsWith(`.${one}`))) return false;
  const entry = longestSpeaking(list.entries, name);
  const exception = longestSpeaking(list.exceptions, name);
  if (list.exceptionRule === 'all') return entry >= 0 && exception < 0;
  return entry > exception;
}

/** The length of the longest name of the list that speaks about `name`, −1 where none does. */
function longestSpeaking(names: readonly NaiveName[], name: string): number {
  const speaking = names.filter((candidate) => speaksAbout(candidate, name));
  return Math.max(-1, ...speaking.map((candidate) => candidate.name.length));
}

function speaksAbout(candidate: NaiveName, name: string): boolean {
  if (candidate.name === name) return (candidate.coverage & COVER_EXACT) !== 0;
  return name.endsWith(`.${candidate.name}`) && (candidate.coverage & COVER_BELOW) !== 0;
}
