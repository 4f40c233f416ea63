/**
 * From resources as people write them to their one canonical form: defaults filled in or left out,
 * names and prefixes normalised, sets sorted. Equal policies have equal canonical JSON, which is what
 * makes `apply(export())` change nothing; the canonical form is also what export and audit show.
 */

import { parseDate } from '../lib/calendar.ts';
import { isIpv4Words, parseIpAddress } from '../lib/ip-address.ts';
import type { SubscriberRecord } from './canonical-household.ts';
import type { ListRecord } from './canonical-list.ts';
import {
  canonicalNames,
  canonicalRules,
  type RuleNames,
  type SafeSearchRecord,
  safeSearchOf,
  type ScheduleRecord,
  schedulesOf,
  sortedSet,
} from './canonical-settings.ts';
import {
  type BlockingModeName,
  type CategoryDocument,
  HOUSEHOLD_SETTINGS,
  type HouseholdSetting,
  LOG_LEVELS,
  type LogLevelName,
  type PlanDocument,
  type ResourceKind,
  type ServiceDocument,
} from './document.ts';
import { canonicalPrefix } from './prefix-key.ts';
import { quote } from '../lib/quote.ts';
import type { VerdictClassName } from './schema.ts';

/** Names in this category cannot be blocked by lists (row 2 of the decision). */
export const PROTECTED_CATEGORY = 'protected';
/** A service is the category of this id to the engine. */
export const SERVICE_PREFIX = 'service:';
/** What a plan that says nothing lets be written down, and what it allows a household to raise it to. */
export const DEFAULT_LOG: LogLevelName = 'nothing';
export const DEFAULT_LOG_MAX: LogLevelName = 'all';

export interface CategoryRecord {
  readonly id: string;
  readonly class: VerdictClassName;
  readonly title?: string;
  readonly edeCode?: 15 | 16;
  readonly neverReport?: true;
  readonly helpline?: true;
}

export interface ServiceRecord {
  readonly id: string;
  readonly title: string;
  readonly group: string;
  readonly names: readonly string[];
  readonly age?: number;
  readonly cannotBlock?: string;
  readonly alsoBreaks?: string;
  readonly sources?: readonly string[];
  readonly verifiedAt?: string;
}

export interface Quotas {
  readonly profiles?: number;
  readonly rules?: number;
  readonly schedules?: number;
}

/** What a plan keeps as JSON. */
export interface PlanSettings {
  readonly lockedOpen?: readonly string[];
  readonly safeSearch?: SafeSearchRecord;
  readonly schedules?: readonly ScheduleRecord[];
  /** Left out: everything. */
  readonly mayChange?: readonly HouseholdSetting[];
  readonly quotas?: Quotas;
  readonly minor?: true;
  readonly failMode?: 'open';
  readonly log?: LogLevelName;
  readonly logMax?: LogLevelName;
}

export interface PlanRecord extends RuleNames, PlanSettings {
  readonly id: string;
  readonly title?: string;
  readonly block: readonly string[];
  readonly locked?: readonly string[];
  readonly blockingMode: BlockingModeName;
  readonly blockAddress4?: string;
  readonly blockAddress6?: string;
  readonly maxTtlSeconds?: number;
}

export interface RecordOf {
  readonly category: CategoryRecord;
  readonly list: ListRecord;
  readonly service: ServiceRecord;
  readonly plan: PlanRecord;
  readonly subscriber: SubscriberRecord;
}

export type ResourceRecord = RecordOf[ResourceKind];

export function isSameRecord(a: ResourceRecord | undefined, b: ResourceRecord): boolean {
  return a !== undefined && JSON.stringify(a) === JSON.stringify(b);
}

export function canonicalCategory(
  document: CategoryDocument,
  path: string,
  faults: string[],
): CategoryRecord {
  const verdictClass = document.class ?? 'policy';
  if (document.edeCode !== undefined && verdictClass !== 'law') {
    faults.push(
      `${path}.edeCode: ${document.edeCode} goes with class law only, this is ${verdictClass}`,
    );
  }
  return {
    id: document.id,
    class: verdictClass,
    ...(document.title ? { title: document.title } : {}),
    ...(document.edeCode === undefined ? {} : { edeCode: document.edeCode }),
    ...(document.neverReport === true ? { neverReport: true } : {}),
    ...(document.helpline === true ? { helpline: true } : {}),
  };
}

export function canonicalService(
  document: ServiceDocument,
  path: string,
  faults: string[],
): ServiceRecord {
  const { title, group, age, cannotBlock, alsoBreaks, sources, verifiedAt } = document;
  if (typeof verifiedAt === 'string' && parseDate(verifiedAt) === null) {
    faults.push(
      `${path}.verifiedAt: there is no date ${quote(verifiedAt)}; valid: such as 2027-02-28`,
    );
  }
  return {
    id: document.id,
    title,
    group,
    names: canonicalNames(document.names, `${path}.names`, faults),
    ...(age === undefined ? {} : { age }),
    ...(cannotBlock ? { cannotBlock } : {}),
    ...(alsoBreaks ? { alsoBreaks } : {}),
    ...(sources === undefined || sources.length === 0 ? {} : { sources }),
    ...(typeof verifiedAt === 'string' ? { verifiedAt } : {}),
  };
}

export function canonicalPlan(document: PlanDocument, path: string, faults: string[]): PlanRecord {
  const locked = sortedSet(document.locked ?? []);
  const mode = document.blockingMode ?? 'nxdomain';
  const address4 = canonicalAddress(document.blockAddress4, true, `${path}.blockAddress4`, faults);
  const address6 = canonicalAddress(document.blockAddress6, false, `${path}.blockAddress6`, faults);
  if (
    mode === 'address' &&
    document.blockAddress4 === undefined &&
    document.blockAddress6 === undefined
  ) {
    faults.push(
      `${path}.blockingMode: "address" needs blockAddress4 or blockAddress6, neither is there`,
    );
  }
  return {
    id: document.id,
    ...(document.title ? { title: document.title } : {}),
    block: sortedSet(document.block ?? []).filter((id) => !locked.includes(id)),
    ...(locked.length === 0 ? {} : { locked }),
    ...canonicalRules(document, path, faults),
    blockingMode: mode,
    ...(address4 === null ? {} : { blockAddress4: address4 }),
    ...(address6 === null ? {} : { blockAddress6: address6 }),
    ...(document.maxTtlSeconds === undefined ? {} : { maxTtlSeconds: document.maxTtlSeconds }),
    ...canonicalPlanSettings(document, locked, path, faults),
  };
}

function canonicalPlanSettings(
  document: PlanDocument,
  locked: readonly string[],
  path: string,
  faults: string[],
): PlanSettings {
  const lockedOpen = sortedSet(document.lockedOpen ?? []);
  for (const field of ['block', 'locked'] as const) {
    const both = field === 'locked' ? locked : (document.block ?? []);
    for (const id of lockedOpen.filter((open) => both.includes(open))) {
      faults.push(`${path}.lockedOpen: ${quote(id)} stands in ${field} too; valid: one of the two`);
    }
  }
  const { log, logMax } = document;
  if (log !== undefined && isAboveLog(log, logMax ?? DEFAULT_LOG_MAX)) {
    faults.push(`${path}.log: ${quote(log)} is above logMax; valid: ${logLevelsUpTo(logMax)}`);
  }
  const mayChange = HOUSEHOLD_SETTINGS.filter((kind) => document.mayChange?.includes(kind));
  const isFree = document.mayChange === undefined || mayChange.length === HOUSEHOLD_SETTINGS.length;
  const schedules = document.schedules ?? [];
  const quotas = canonicalQuotas(document.quotas ?? {});
  return {
    ...(lockedOpen.length === 0 ? {} : { lockedOpen }),
    ...safeSearchOf(document.safeSearch),
    ...(schedules.length === 0 ? {} : schedulesOf(schedules, path, faults)),
    ...(isFree ? {} : { mayChange }),
    ...(Object.keys(quotas).length === 0 ? {} : { quotas }),
    ...(document.minor === true ? { minor: true } : {}),
    ...(document.failMode === 'open' ? { failMode: 'open' } : {}),
    ...(log === undefined ? {} : { log }),
    ...(logMax === undefined ? {} : { logMax }),
  };
}

function canonicalQuotas({
  profiles,
  rules,
  schedules,
}: NonNullable<PlanDocument['quotas']>): Quotas {
  return {
    ...(profiles === undefined ? {} : { profiles }),
    ...(rules === undefined ? {} : { rules }),
    ...(schedules === undefined ? {} : { schedules }),
  };
}

export function isAboveLog(level: LogLevelName, ceiling: LogLevelName): boolean {
  return LOG_LEVELS.indexOf(level) > LOG_LEVELS.indexOf(ceiling);
}

export function logLevelsUpTo(ceiling: LogLevelName = DEFAULT_LOG_MAX): string {
  return LOG_LEVELS.slice(0, LOG_LEVELS.indexOf(ceiling) + 1).join(', ');
}

function canonicalAddress(
  text: string | undefined,
  isIpv4: boolean,
  path: string,
  faults: string[],
): string | null {
  if (text === undefined) return null;
  const words = parseIpAddress(text);
  const prefix = words !== null && isIpv4Words(words) === isIpv4 ? canonicalPrefix(text) : null;
  if (prefix !== null) return prefix.slice(0, prefix.indexOf('/'));
  const example = isIpv4
    ? 'an IPv4 address such as 192.0.2.1'
    : 'an IPv6 address such as 2001:db8::1';
  faults.push(`${path}: ${quote(text)} is not valid; valid: ${example}`);
  return null;
}
