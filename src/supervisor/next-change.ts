/** When a query will next be answered in another way: the chain of records, walked on from one of them. */

import {
  GLOBAL_UNTIL_SECOND,
  NOTHING,
  type PolicyImage,
  RECORD_NEXT_CHANGE,
  RECORD_NEXT_RECORD,
  RECORD_WORDS,
} from '../policy/image.ts';
import type { ExplainedChange, Explanation } from './control-plane-contract.ts';

type Words = Pick<Explanation, 'decision' | 'row' | 'reason'>;

/** @param describe what is decided with a record, and why */
export function findNextChange(
  policies: PolicyImage,
  record: number,
  describe: (record: number) => Words,
): ExplainedChange | null {
  const { records, globals } = policies;
  // What stands after that is not foreseen: it holds only where the image could not be renewed.
  const until = globals[GLOBAL_UNTIL_SECOND] ?? 0;
  const now = describe(record);
  let second = records[record * RECORD_WORDS + RECORD_NEXT_CHANGE] ?? 0;
  let next = records[record * RECORD_WORDS + RECORD_NEXT_RECORD] ?? NOTHING;
  while (second !== 0 && second < until && next !== NOTHING) {
    const { decision, row, reason } = describe(next);
    if (decision !== now.decision || row !== now.row || reason !== now.reason) {
      return { at: new Date(second * 1000).toISOString(), decision, row, reason };
    }
    second = records[next * RECORD_WORDS + RECORD_NEXT_CHANGE] ?? 0;
    next = records[next * RECORD_WORDS + RECORD_NEXT_RECORD] ?? NOTHING;
  }
  return null;
}
