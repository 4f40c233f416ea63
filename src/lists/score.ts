/**
 * How good a configuration is, measured with labelled names: of the names of a category how many its
 * lists hold and how many are blocked (recall), and of what must stay open how much is not.
 *
 * Both belong together: who blocks everything has a recall of 100 %.
 */

import { AppError } from '../lib/errors.ts';
import type { LabelledNames } from './labelled-names.ts';

/** What was decided on a name; of a decision in bulk. */
export interface DecidedName {
  readonly name: string;
  readonly decision: string;
  /** Of the order of decision. */
  readonly row: number;
  /** The one that decided, if one did. */
  readonly category: string | null;
  /** All that hold the name. */
  readonly categories: readonly string[];
}

export interface CategoryScore {
  readonly category: string;
  readonly names: number;
  /** Held by a list of this category. */
  readonly listed: number;
  /** Blocked, by whatever. */
  readonly blocked: number;
  /** Not held by a list of this category. */
  readonly missing: readonly string[];
}

export interface OpenScore {
  readonly set: string;
  readonly names: number;
  readonly blocked: number;
  /** What blocks them: a category, or the row of the order of decision. */
  readonly overBlocked: readonly { readonly name: string; readonly by: string }[];
}

export interface Score {
  readonly categories: readonly CategoryScore[];
  readonly open: readonly OpenScore[];
}

const ROW_INTERNET_OFF = 7;

/**
 * @param decided of each labelled name
 * @throws AppError `SCORE_INTERNET_OFF` where nothing can be measured at that time
 */
export function scoreNames(
  labelled: LabelledNames,
  decided: ReadonlyMap<string, DecidedName>,
): Score {
  const decisionsOf = (names: readonly string[]): DecidedName[] =>
    names.flatMap((name) => decided.get(name) ?? []);
  if ([...decided.values()].some(({ row }) => row === ROW_INTERNET_OFF)) {
    throw new AppError(
      'SCORE_INTERNET_OFF',
      'Scoring: the internet is off at that time, so everything is blocked; give another with --at',
    );
  }
  return {
    categories: [...labelled.blocked].map(([category, names]) =>
      categoryScore(category, decisionsOf(names)),
    ),
    open: [...labelled.open].map(([set, names]) => openScore(set, decisionsOf(names))),
  };
}

function categoryScore(category: string, decisions: readonly DecidedName[]): CategoryScore {
  const missing = decisions.filter(({ categories }) => !categories.includes(category));
  return {
    category,
    names: decisions.length,
    listed: decisions.length - missing.length,
    blocked: decisions.filter(isBlocked).length,
    missing: missing.map(({ name }) => name),
  };
}

function openScore(set: string, decisions: readonly DecidedName[]): OpenScore {
  const blocked = decisions.filter(isBlocked);
  return {
    set,
    names: decisions.length,
    blocked: blocked.length,
    overBlocked: blocked.map(({ name, category, row }) => ({ name, by: category ?? `row ${row}` })),
  };
}

function isBlocked({ decision }: DecidedName): boolean {
  return decision === 'block';
}
