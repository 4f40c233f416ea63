/** Versions of lists and what the gate says of them, in lines for people. */

import { AppError } from '../lib/errors.ts';
import { popularWords } from '../store/gate-verdict.ts';
import type { GateFindings } from '../store/list-report.ts';
import type { HeldList } from '../store/list-changes.ts';

/** Looking at twenty million names, twice, and their way to all workers. */
export const LIST_DEADLINE_MS = 600_000;
const NAMES_SHOWN_MAX = 20;

/** What is held is no success: the caller ends with it. */
export function heldError(held: readonly HeldList[]): AppError {
  const which = held.length === 1 ? '1 list keeps' : `${held.length} lists keep`;
  const sentence = `The gate holds back what is new: ${which} what they had; see "stairgate list held"`;
  return new AppError(
    'LISTS_HELD',
    sentence.replace('list keeps what they', 'list keeps what it'),
    {
      faults: held.flatMap(describeHeld),
    },
  );
}

export function describeHeld({ list, version, reasons }: HeldList): string[] {
  const which = version === null ? `list ${list}` : `list ${list}, version ${version}`;
  return reasons.map((reason) => `${which}: ${reason}`);
}

/** Such as `list x: newly blocks 2 well-known names: google.com, youtube.com`; nothing where there is none. */
export function describePopular(list: string, popular: readonly string[] = []): string[] {
  return popular.length === 0 ? [] : [`list ${list}: newly blocks ${popularWords(popular)}`];
}

/** Such as `+ bad.example` and `− good.example`, the first of each, with how many there are. */
export function describeDifference(
  found: Pick<GateFindings, 'entriesBefore' | 'entries' | 'newlyBlocked' | 'newlyOpened'>,
  namesMax: number = NAMES_SHOWN_MAX,
): string[] {
  const { entriesBefore, entries, newlyBlocked, newlyOpened } = found;
  return [
    `names: ${entriesBefore} → ${entries}`,
    ...describeNames('newly blocked', '+', newlyBlocked, namesMax),
    ...describeNames('newly open', '−', newlyOpened, namesMax),
  ];
}

function describeNames(
  what: string,
  mark: string,
  { count, names }: GateFindings['newlyBlocked'],
  namesMax: number,
): string[] {
  const shown = names.slice(0, namesMax);
  const rest = count - shown.length;
  return [
    `${what}: ${count}`,
    ...shown.map((name) => `  ${mark} ${name}`),
    ...(rest > 0 ? [`  … and ${rest} more`] : []),
  ];
}
