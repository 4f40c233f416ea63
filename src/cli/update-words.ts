/** Updates of lists in lines for people. */

import { describePopular } from './list-words.ts';
import type { ListUpdateState } from '../supervisor/control-plane-contract.ts';

const MEGABYTE = 1_000_000;

/** Such as `ut1-adult: fetching, 12.3 of 45.6 MB, 512,000 lines, about 20 s left`. */
export function describeProgress({ list, phase, progress }: ListUpdateState): string {
  if (progress === null) return `${list}: ${phase}`;
  const { octets, octetsTotal, lines, names, secondsLeft } = progress;
  return [
    `${list}: ${phase}`,
    octetsTotal === null
      ? `${megabytes(octets)} MB`
      : `${megabytes(octets)} of ${megabytes(octetsTotal)} MB`,
    `${countText(lines)} lines`,
    ...(names === null ? [] : [`${countText(names)} names`]),
    ...(secondsLeft === null ? [] : [`about ${secondsLeft} s left`]),
  ].join(', ');
}

/** What came of it: one line, and one for each reason. */
export function describeUpdate({ list, last }: ListUpdateState): string[] {
  if (last === null) return [`${list}: nothing is known of its last update`];
  const { outcome, version, entries, reasons, popular } = last;
  const number = version === null ? '' : `version ${version} `;
  const names = entries === null ? '' : `, ${countText(entries)} names`;
  const words = {
    unchanged: 'unchanged',
    'in-force': `${number}is in force${names}`,
    held: `${number}is held${names}`,
    failed: 'failed; the list keeps what it has',
  }[outcome];
  return [
    `${list}: ${words}`,
    ...reasons.map((reason) => `  ! ${reason}`),
    ...describePopular(list, popular).map((line) => `  ${line}`),
  ];
}

function megabytes(octets: number): string {
  return (octets / MEGABYTE).toFixed(1);
}

/** Digits in threes, whatever the locale. */
function countText(count: number): string {
  return count.toLocaleString('en-US');
}
