/**
 * The order of the decision as people read it: twelve rows, which one spoke, and what each had before
 * it. The decision itself comes from `decide`; this only says what stands in the rows around it.
 */

import { bitsOf, createMask } from '../blocklist/category.ts';
import {
  DECIDE_BLOCK,
  LEVEL_GRANT,
  LEVEL_PLAN,
  LEVEL_PROFILE,
  LEVEL_SUBSCRIBER,
  type Decision,
} from '../policy/decide.ts';
import {
  GLOBAL_LAW,
  GLOBAL_PROTECTED,
  RECORD_BLOCKED,
  RECORD_GRANTED,
  RECORD_LOCKED,
  RECORD_WORDS,
  type PolicyImage,
} from '../policy/image.ts';
import type { ExplainedRow } from './control-plane-contract.ts';

/** As in the table at the head of `policy/decide`. */
const RULES = [
  'mandatory lists',
  'protected names',
  'special names and canaries',
  'categories and services that the plan locks',
  'running grants',
  'names that are always allowed',
  'internet off: bedtime, pause, time used up',
  'own names: of the profile, the household, the plan',
  'categories and services blocked now',
  'allow list only',
  'safe search',
  'pass',
] as const;

const ROW_SPECIAL = 3;
const ROW_SAFE_SEARCH = 11;

/**
 * @param record of the policy in force at the asked time
 * @param mask categories of the name
 * @param categoryOf ids by bit
 */
export function explainRows(
  decision: Readonly<Decision>,
  policies: PolicyImage,
  record: number,
  mask: Uint32Array,
  categoryOf: ReadonlyMap<number, string>,
): ExplainedRow[] {
  return RULES.map((rule, index) => {
    const row = index + 1;
    const categories = categoriesOf(policies, record, row, mask);
    return {
      row,
      rule,
      state: stateOf(decision, row),
      categories: categories.map((bit) => categoryOf.get(bit) ?? `bit ${bit}`),
      level: row === decision.row ? levelOf(decision.ruleLevel) : null,
    };
  });
}

/**
 * Rows are asked in order until one speaks. Row 11 is asked after every pass of rows 4 to 10 and 12,
 * so it may speak where an earlier row has let the name pass.
 */
function stateOf(decision: Readonly<Decision>, row: number): ExplainedRow['state'] {
  if (row === decision.row) return 'spoke';
  const isAskedLast = row === ROW_SAFE_SEARCH && decision.action !== DECIDE_BLOCK;
  if (isAskedLast && decision.row > ROW_SPECIAL) return 'silent';
  return row < decision.row ? 'silent' : 'not reached';
}

/** The categories of the name that the row looks at. */
function categoriesOf(
  policies: PolicyImage,
  record: number,
  row: number,
  mask: Uint32Array,
): number[] {
  const at = record * RECORD_WORDS;
  const { globals, records } = policies;
  switch (row) {
    case 1:
      return common(mask, globals, GLOBAL_LAW);
    case 2:
      return common(mask, globals, GLOBAL_PROTECTED);
    case 4:
      return common(mask, records, at + RECORD_LOCKED);
    case 5:
      return common(mask, records, at + RECORD_GRANTED);
    case 9:
      return common(mask, records, at + RECORD_BLOCKED);
    default:
      return [];
  }
}

function common(mask: Uint32Array, masks: Uint32Array, at: number): number[] {
  const both = createMask();
  for (let word = 0; word < both.length; word++) {
    both[word] = (mask[word] ?? 0) & (masks[at + word] ?? 0);
  }
  return bitsOf(both);
}

function levelOf(level: number): ExplainedRow['level'] {
  switch (level) {
    case LEVEL_PROFILE:
      return 'profile';
    case LEVEL_SUBSCRIBER:
      return 'household';
    case LEVEL_PLAN:
      return 'plan';
    case LEVEL_GRANT:
      return 'grant';
    default:
      return null;
  }
}
