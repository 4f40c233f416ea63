/**
 * The canonical form of what a plan, a household and a profile can all set: categories, names,
 * schedules, safe search. Lists whose order means nothing are sorted; schedules keep the order in
 * which they were written.
 */

import { formatDate, MINUTES_OF_DAY, parseDate, parseMinute } from '../lib/calendar.ts';
import {
  type LogLevelName,
  type SafeSearchDocument,
  SCHEDULE_NAMES_MAX,
  type ScheduleDocument,
  WEEKDAYS,
  type YoutubeLevel,
} from './document.ts';
import { canonicalName } from './rule-name.ts';
import { quote } from '../lib/quote.ts';

export type AllowedName = string | { readonly name: string; readonly always: true };

export interface RuleNames {
  readonly allow?: readonly AllowedName[];
  readonly deny?: readonly string[];
}

/** What is said, and nothing else: an engine that is switched off differs from one left unsaid. */
export interface SafeSearchRecord {
  readonly all?: boolean;
  readonly engines?: Readonly<Record<string, boolean>>;
  readonly youtube?: YoutubeLevel;
  readonly blockUnsafe?: boolean;
}

export interface ScheduleRecord {
  /** `internet`, `category:ID`, `service:ID`, `names`, `safe-search`. */
  readonly target: string;
  /** In the order of the week; left out where it is every day. */
  readonly days?: readonly string[];
  /** `2027-01-01` or `2027-01-01/2027-01-08`. */
  readonly dates?: readonly string[];
  readonly from: string;
  readonly to: string;
  readonly names?: readonly string[];
  readonly safeSearch?: SafeSearchRecord;
}

/** The part that a household and its profiles keep as JSON. */
export interface OwnRecord {
  readonly block?: readonly string[];
  readonly open?: readonly string[];
  readonly allowListOnly?: true;
  readonly safeSearch?: SafeSearchRecord;
  /** Empty is not left out: no schedules, whatever the household or the plan has. */
  readonly schedules?: readonly ScheduleRecord[];
  readonly log?: LogLevelName;
}

interface OwnDocument {
  readonly block?: readonly string[];
  readonly open?: readonly string[];
  readonly allowListOnly?: boolean;
  readonly safeSearch?: SafeSearchDocument;
  readonly schedules?: readonly ScheduleDocument[];
  readonly log?: LogLevelName;
}

interface RuleDocument {
  readonly allow?: readonly (string | { readonly name: string; readonly always: boolean })[];
  readonly deny?: readonly string[];
}

export type TargetKind = 'internet' | 'category' | 'names' | 'safe-search';

const TARGET_WORDS: Record<TargetKind, string> = {
  internet: 'internet',
  category: 'category:ID, service:ID',
  names: 'names',
  'safe-search': 'safe-search',
};
const ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const ID_IN_TARGET = /^(?:category|service):[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

export function canonicalOwn(document: OwnDocument, path: string, faults: string[]): OwnRecord {
  const block = sortedSet(document.block ?? []);
  const open = sortedSet(document.open ?? []);
  for (const id of open.filter((opened) => block.includes(opened))) {
    faults.push(`${path}.open: ${quote(id)} stands in block too; valid: one of the two`);
  }
  const { schedules, log } = document;
  return {
    ...(block.length === 0 ? {} : { block }),
    ...(open.length === 0 ? {} : { open }),
    ...(document.allowListOnly === true ? { allowListOnly: true } : {}),
    ...safeSearchOf(document.safeSearch),
    ...(schedules === undefined ? {} : schedulesOf(schedules, path, faults)),
    ...(log === undefined ? {} : { log }),
  };
}

export function schedulesOf(
  documents: readonly ScheduleDocument[],
  path: string,
  faults: string[],
): { schedules: readonly ScheduleRecord[] } {
  const count = documents.reduce((sum, { names = [] }) => sum + names.length, 0);
  if (count > SCHEDULE_NAMES_MAX) {
    faults.push(
      `${path}.schedules: they have ${count} names; valid: ${SCHEDULE_NAMES_MAX} at most in all, or a category with a list of them`,
    );
  }
  return {
    schedules: documents.map((document, index) =>
      canonicalSchedule(document, `${path}.schedules[${index}]`, faults),
    ),
  };
}

export function canonicalSchedule(
  document: ScheduleDocument,
  path: string,
  faults: string[],
): ScheduleRecord {
  const kinds = ['internet', 'category', 'names', 'safe-search'] as const;
  const target = canonicalTarget(document.target, kinds, `${path}.target`, faults);
  const days = WEEKDAYS.filter((day) => document.days?.includes(day));
  const dates = canonicalDates(document.dates ?? [], `${path}.dates`, faults);
  checkWindow(document, path, faults);
  const names = canonicalNames(document.names ?? [], `${path}.names`, faults);
  const safeSearch = safeSearchOf(document.safeSearch);
  if (target === 'names' && (document.names ?? []).length === 0) {
    faults.push(`${path}.names: target names needs the names; valid: such as [chat.example]`);
  } else if (target !== 'names' && document.names !== undefined) {
    faults.push(`${path}.names: it goes with target names only, this is ${quote(document.target)}`);
  }
  if (target === 'safe-search' && !('safeSearch' in safeSearch)) {
    faults.push(
      `${path}.safeSearch: target safe-search needs the level; valid: such as { youtube: strict }`,
    );
  } else if (target !== 'safe-search' && document.safeSearch !== undefined) {
    faults.push(
      `${path}.safeSearch: it goes with target safe-search only, this is ${quote(document.target)}`,
    );
  }
  return {
    target: target ?? document.target,
    ...(days.length === 0 || days.length === WEEKDAYS.length ? {} : { days }),
    ...(dates.length === 0 ? {} : { dates }),
    from: document.from,
    // A window that ends at midnight ends with its day.
    to: document.to === '00:00' ? '24:00' : document.to,
    ...(names.length === 0 ? {} : { names }),
    ...safeSearch,
  };
}

/** Null where the text names no target of these kinds; a bare id is a category. */
export function canonicalTarget(
  text: string,
  kinds: readonly TargetKind[],
  path: string,
  faults: string[],
): string | null {
  for (const kind of ['internet', 'names', 'safe-search'] as const) {
    if (text === kind && kinds.includes(kind)) return text;
  }
  const isOtherKind = text === 'internet' || text === 'names' || text === 'safe-search';
  if (kinds.includes('category') && !isOtherKind) {
    if (ID_IN_TARGET.test(text)) return text;
    if (ID.test(text)) return `category:${text}`;
  }
  const valid = kinds.map((kind) => TARGET_WORDS[kind]).join(', ');
  faults.push(`${path}: ${quote(text)} is no target; valid: ${valid}`);
  return null;
}

/** The category that a target is about, as `categories` names it; null for other targets. */
export function categoryOfTarget(target: string): string | null {
  if (target.startsWith('category:')) return target.slice('category:'.length);
  return target.startsWith('service:') ? target : null;
}

function checkWindow(
  { from, to }: { readonly from: string; readonly to: string },
  path: string,
  faults: string[],
): void {
  const fromMinute = parseMinute(from);
  const toMinute = parseMinute(to);
  if (fromMinute === null || fromMinute === MINUTES_OF_DAY) {
    faults.push(`${path}.from: ${quote(from)} is no time of day; valid: 00:00 to 23:59`);
  }
  if (toMinute === null) {
    faults.push(`${path}.to: ${quote(to)} is no time of day; valid: 00:01 to 24:00`);
  }
  if (fromMinute !== null && fromMinute === toMinute) {
    faults.push(
      `${path}.to: ${quote(to)} is from as well, so the window is empty; valid: another time, or from "00:00" to "24:00" for the whole day`,
    );
  }
}

function canonicalDates(texts: readonly string[], path: string, faults: string[]): string[] {
  const dates: string[] = [];
  for (const [index, text] of texts.entries()) {
    const [firstText = '', lastText = firstText] = text.split('/');
    const [first, last] = [parseDate(firstText), parseDate(lastText)];
    for (const [day, part] of [
      [first, firstText],
      [last, lastText],
    ] as const) {
      if (day !== null) continue;
      faults.push(`${path}[${index}]: there is no date ${quote(part)}; valid: such as 2027-02-28`);
      if (firstText === lastText) break;
    }
    if (first === null || last === null) continue;
    if (last < first) {
      faults.push(
        `${path}[${index}]: ${quote(text)} ends before it begins; valid: ${formatDate(last)}/${formatDate(first)}`,
      );
    }
    dates.push(first === last ? firstText : text);
  }
  return sortedSet(dates);
}

/** Keys in one order; what was not said stays unsaid. */
export function safeSearchOf(document: SafeSearchDocument | undefined): {
  readonly safeSearch?: SafeSearchRecord;
} {
  if (document === undefined) return {};
  const { all, engines, youtube, blockUnsafe } = document;
  const sorted = Object.entries(engines ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  const record = {
    ...(all === undefined ? {} : { all }),
    ...(sorted.length === 0 ? {} : { engines: Object.fromEntries(sorted) }),
    ...(youtube === undefined ? {} : { youtube }),
    ...(blockUnsafe === undefined ? {} : { blockUnsafe }),
  };
  return Object.keys(record).length === 0 ? {} : { safeSearch: record };
}

export function canonicalRules(document: RuleDocument, path: string, faults: string[]): RuleNames {
  const allow = canonicalAllow(document.allow ?? [], `${path}.allow`, faults);
  const deny = canonicalNames(document.deny ?? [], `${path}.deny`, faults);
  return {
    ...(allow.length === 0 ? {} : { allow }),
    ...(deny.length === 0 ? {} : { deny }),
  };
}

export function nameOf(allowed: AllowedName): string {
  return typeof allowed === 'string' ? allowed : allowed.name;
}

export function isAlways(allowed: AllowedName): boolean {
  return typeof allowed !== 'string';
}

/** Sorted by name; a name that is always allowed in one place is so in all. */
function canonicalAllow(
  documents: NonNullable<RuleDocument['allow']>,
  path: string,
  faults: string[],
): AllowedName[] {
  const plain: string[] = [];
  const always: string[] = [];
  for (const [index, document] of documents.entries()) {
    const isObject = typeof document !== 'string';
    const at = isObject ? `${path}[${index}].name` : `${path}[${index}]`;
    const name = readName(isObject ? document.name : document, at, faults);
    if (name === null) continue;
    (isObject && document.always ? always : plain).push(name);
  }
  if (always.length === 0) return sortedSet(plain);
  const isAlwaysAllowed = new Set(always);
  return sortedSet([...plain, ...always]).map((name) =>
    isAlwaysAllowed.has(name) ? { name, always: true } : name,
  );
}

export function canonicalNames(texts: readonly string[], path: string, faults: string[]): string[] {
  const names: string[] = [];
  for (const [index, text] of texts.entries()) {
    const name = readName(text, `${path}[${index}]`, faults);
    if (name !== null) names.push(name);
  }
  return sortedSet(names);
}

function readName(text: string, path: string, faults: string[]): string | null {
  const name = canonicalName(text);
  if (name === null) {
    faults.push(
      `${path}: ${quote(text)} is no domain name; valid: such as museum.example (63 octets a label, 255 in all)`,
    );
  }
  return name;
}

export function sortedSet(values: readonly string[]): string[] {
  if (values.length < 2) return [...values];
  return [...new Set(values)].sort();
}
