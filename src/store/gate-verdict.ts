/** The gate's judgement of what a look and a comparison found, in words that an editor understands. */

import type { RefusalReason } from '../blocklist/formats/list-format.ts';
import { quote } from '../lib/quote.ts';
import type { GateFindings, GateLimits, ListReport, NameSample } from './list-report.ts';

export const GATE_DEFAULTS: GateLimits = {
  shrinkPercentMax: 20,
  growthPercentMax: 50,
  badPercentMax: 10,
  isUrgent: false,
};

/** A sentence stays one that people read. */
const NAMES_SHOWN_MAX = 10;

/**
 * Refused lines that say nothing against the list: rules that DNS cannot express, addresses among names,
 * and what no list may hold, which the gate names one by one.
 */
const HONEST_REASONS = [
  'unsupported-rule',
  'unsupported-modifier',
  'unsupported-directive',
  'unsupported-trigger',
  'unsupported-action',
  'ip-address',
  'single-label',
  'public-suffix',
  'protected',
];

const WHY_NEVER: Readonly<Record<RefusalReason, string>> = {
  'single-label': 'it has one label only and would close all names that end in it',
  'public-suffix': 'it is a public suffix, below which anybody registers names',
  protected: 'it is a protected name, such as a helpline, and must stay reachable',
};

/**
 * The error budget, of a first version and of every later one.
 * @returns why the content is refused, or null
 */
export function judgeFirst(report: ListReport, { badPercentMax }: GateLimits): string | null {
  const bad = Object.entries(report.refused)
    .filter(([reason]) => !HONEST_REASONS.includes(reason))
    .reduce((sum, [, count]) => sum + count, 0);
  const lines = bad + report.entries + report.exceptions;
  if (bad * 100 <= lines * badPercentMax) return null;
  const first = report.faults.find(({ reason }) => !HONEST_REASONS.includes(reason));
  const where =
    first === undefined
      ? ''
      : `; the first is line ${first.line}: ${quote(first.text)} (${first.reason})`;
  return `${bad} of ${lines} lines are no names (${percent(bad, lines)} %; the limit is ${badPercentMax} %)${where}`;
}

/**
 * What holds an update back; of a first version nothing does, its well-known names are only shown.
 * @returns one sentence for each reason; empty: it passes
 */
export function judgeUpdate(findings: GateFindings, limits: GateLimits): readonly string[] {
  const popular = limits.isUrgent ? null : judgePopular(findings);
  return [
    ...judgeSize(findings, limits),
    ...(popular === null ? [] : [popular]),
    ...judgeNeverListable(findings),
  ];
}

/** By what changes: a list may keep its number of names and none of the names. */
function judgeSize(
  { entriesBefore: before, newlyOpened, newlyBlocked }: GateFindings,
  { shrinkPercentMax, growthPercentMax, isUrgent }: GateLimits,
): string[] {
  if (before === 0) return [];
  const judge = ({ count }: NameSample, limit: number, what: string): string[] => {
    if (count * 100 <= before * limit) return [];
    const names = count === 1 ? '1 name' : `${count} names`;
    return [
      `${names} would ${what}, ${percent(count, before)} % of the ${before} in force; the limit is ${limit} %`,
    ];
  };
  return [
    ...judge(newlyOpened, shrinkPercentMax, 'be open'),
    ...(isUrgent ? [] : judge(newlyBlocked, growthPercentMax, 'newly be blocked')),
  ];
}

function judgePopular({ popular }: GateFindings): string | null {
  if (popular.length === 0) return null;
  const names = popular.map(({ name, rank }) => {
    return rank === null ? name : `${name} (number ${rank} of those asked for here)`;
  });
  return `it would newly block ${popularWords(names)}; approve it if that is meant`;
}

/** Such as `2 well-known names: google.com, youtube.com`. @param names one at least */
export function popularWords(names: readonly string[]): string {
  const what = names.length === 1 ? 'a well-known name' : `${names.length} well-known names`;
  return `${what}: ${names.slice(0, NAMES_SHOWN_MAX).join(', ')}${andMore(names.length)}`;
}

function judgeNeverListable({ neverListable }: GateFindings): string[] {
  const shown = neverListable.slice(0, NAMES_SHOWN_MAX).map(({ name, line, reason }) => {
    return `line ${line} newly has ${quote(name)}, which no list can block: ${WHY_NEVER[reason]}`;
  });
  const more = neverListable.length - shown.length;
  return more === 0 ? shown : [...shown, `${more} more names that no list can block`];
}

/** Of a list of protected names. What it keeps no more, other lists close in the same second. */
export function judgeUnprotected({ newlyOpened: { count, names } }: GateFindings): string | null {
  if (count === 0) return null;
  const what = count === 1 ? '1 name' : `${count} names`;
  const shown = names.slice(0, NAMES_SHOWN_MAX).join(', ') + andMore(count);
  return `${what} would no longer be protected, so that any list could block ${count === 1 ? 'it' : 'them'}: ${shown}`;
}

function andMore(count: number): string {
  return count > NAMES_SHOWN_MAX ? ` and ${count - NAMES_SHOWN_MAX} more` : '';
}

/** A digit behind the point, or 20.1 % would be told to be over a limit of 20 %. */
function percent(part: number, whole: number): string {
  return ((part * 100) / whole).toFixed(1).replace(/\.0$/, '');
}
