/**
 * The record of a policy at one moment, from what never changes with the clock (the basis: plan,
 * household, profile) and what runs at that moment.
 *
 *     blocked = plan.block ∪ subscriber.block − subscriber.open ∪ profile.block − profile.open
 *               ∪ schedules ∪ used-up budgets − plan.lockedOpen ∪ plan.locked
 *     granted = grants − plan.locked
 *
 * read from left to right: a later word beats an earlier one, and the plan has the last.
 */

import { CATEGORY_COUNT_MAX, hasBit, MASK_WORDS, orMask, setBit } from '../blocklist/category.ts';
import { assert } from '../lib/assert.ts';
import * as layout from './image.ts';
import type {
  BlockingModeName,
  LogLevelName,
  NameRules,
  OwnSettings,
  PolicyPlan,
  SafeSearchSettings,
} from './policy-input.ts';
import { NO_SAFE_SEARCH } from './policy-input.ts';
import type { RuleSets } from './rule-sets.ts';
import { mostSafe, safeSearchWord } from './safe-search.ts';
import type { Span, TimedCause } from './timeline.ts';

/** While minutes are counted no answer outlives one, or the count would miss what a cache answers. */
const BUDGET_TTL_SECONDS_MAX = 60;

const NO_NAMES: NameRules = { allow: [], always: [], deny: [] };
const LOG_LEVEL_NAMES: readonly LogLevelName[] = ['nothing', 'counts', 'blocked', 'all'];

/** Of a plan, a household and a profile, whatever the clock says. */
export interface PolicyBasis {
  /** The record while nothing runs, but for masks, flags and rules that depend on what runs. */
  readonly words: Uint32Array;
  /** Masks of the plan: what the clock cannot open, and what it cannot close. */
  readonly locked: Uint32Array;
  readonly lockedOpen: Uint32Array;
  readonly safeSearch: SafeSearchSettings;
  readonly profileNames: NameRules;
  readonly bypassBit: number;
}

/** Numbers of things that the basis points at. */
export interface BasisPlace {
  readonly plan: number;
  readonly variant: number;
  /** −1 where there is no category `bypass`. */
  readonly bypassBit: number;
}

export function compileBasis(
  plan: PolicyPlan,
  own: OwnSettings | null,
  place: BasisPlace,
  rules: RuleSets,
): PolicyBasis {
  const [subscriber, profile] = [own?.subscriber ?? null, own?.profile ?? null];
  const words = new Uint32Array(layout.RECORD_WORDS);
  setBits(words, layout.RECORD_BLOCKED, plan.block);
  for (const settings of [subscriber, profile]) {
    setBits(words, layout.RECORD_BLOCKED, settings?.block ?? []);
    takeMask(words, layout.RECORD_BLOCKED, maskOf(settings?.open ?? []));
  }
  setBits(words, layout.RECORD_LOCKED, plan.locked);
  words[layout.RECORD_NEXT_RECORD] = layout.NOTHING;
  words[layout.RECORD_MAX_TTL] = plan.maxTtlSeconds ?? layout.NOTHING;
  words[layout.RECORD_PLAN_RULES] = rules.add(plan);
  words[layout.RECORD_SUBSCRIBER_RULES] = rules.add(subscriber ?? NO_NAMES);
  words[layout.RECORD_PROFILE_RULES] = rules.add(profile ?? NO_NAMES);
  words[layout.RECORD_BLOCKING_MODE] = blockingModeOf(plan.blockingMode);
  words[layout.RECORD_VARIANT] = place.variant;
  words[layout.RECORD_PLAN] = place.plan;
  const isAllowListOnly = [subscriber, profile].some((settings) => settings?.isAllowListOnly);
  const log = profile?.log ?? subscriber?.log ?? plan.log;
  words[layout.RECORD_FLAGS] =
    (isAllowListOnly ? layout.FLAG_ALLOW_LIST_ONLY : 0) |
    writeBlockAddresses(words, plan) |
    (logLevel(log, plan.logMax) << layout.FLAG_LOG_SHIFT);
  return {
    words,
    locked: maskOf(plan.locked),
    lockedOpen: maskOf(plan.lockedOpen),
    safeSearch: [plan, subscriber, profile]
      .map((settings) => settings?.safeSearch ?? NO_SAFE_SEARCH)
      .reduce(mostSafe),
    profileNames: profile ?? NO_NAMES,
    bypassBit: place.bypassBit,
  };
}

/** What a record says of the clock: why the internet is off, and the list of `timedTexts`. */
export interface RecordTexts {
  /** `TEXT_NONE` where it is on. */
  readonly off: number;
  readonly timed: number;
}

export const NO_TEXTS: RecordTexts = { off: layout.TEXT_NONE, timed: layout.TIMED_TEXTS_NONE };

/** The record while these run, at an end that is open for ever. */
export function recordWhile(
  basis: PolicyBasis,
  running: readonly Span[],
  texts: RecordTexts,
  rules: RuleSets,
): Uint32Array {
  const words = basis.words.slice();
  const denied: Uint8Array[] = [];
  const granted: Uint8Array[] = [];
  let safeSearch = basis.safeSearch;
  let flags = texts.off === layout.TEXT_NONE ? 0 : layout.FLAG_INTERNET_OFF;
  for (const { cause, target } of running) {
    if (cause === 'budget') flags |= layout.FLAG_HAS_BUDGET;
    switch (target.kind) {
      case 'internet':
        if (cause === 'budget') flags |= layout.FLAG_BUDGET_INTERNET;
        break;
      case 'category':
        setBits(words, maskAtOf(cause), [target.bit]);
        break;
      case 'names':
        if (cause === 'grant') granted.push(...target.names);
        else if (cause !== 'budget') denied.push(...target.names);
        break;
      case 'safeSearch':
        if (cause === 'schedule') safeSearch = mostSafe(safeSearch, target.level);
        break;
    }
  }
  takeMask(words, layout.RECORD_BLOCKED, basis.lockedOpen);
  takeMask(words, layout.RECORD_BUDGET, basis.lockedOpen);
  takeMask(words, layout.RECORD_GRANTED, basis.locked);
  orMask(words, basis.locked, layout.RECORD_BLOCKED);
  if (denied.length > 0) {
    const { allow, always, deny } = basis.profileNames;
    const names = { allow, always, deny: distinct([...deny, ...denied]) };
    words[layout.RECORD_PROFILE_RULES] = rules.add(names);
  }
  words[layout.RECORD_GRANT_RULES] = rules.add({ ...NO_NAMES, allow: distinct(granted) });
  words[layout.RECORD_SAFE_SEARCH] = safeSearchWord(safeSearch);
  words[layout.RECORD_OFF_TEXT] = texts.off;
  words[layout.RECORD_TIMED_TEXTS] = texts.timed;
  if (isBypassControlled(words, basis.bypassBit)) flags |= layout.FLAG_BYPASS_CONTROL;
  if ((flags & layout.FLAG_HAS_BUDGET) !== 0) {
    const limit = Math.min(words[layout.RECORD_MAX_TTL]!, BUDGET_TTL_SECONDS_MAX);
    words[layout.RECORD_MAX_TTL] = limit;
  }
  words[layout.RECORD_FLAGS]! |= flags;
  return words;
}

/**
 * Categories that the clock alone blocks, and by what: a used-up budget is told before a schedule. What
 * the plan or the household blocks anyway is blocked by them.
 */
export function timedCausesOf(
  basis: PolicyBasis,
  running: readonly Span[],
): ReadonlyMap<number, TimedCause> {
  const causes = new Map<number, TimedCause>();
  for (const { cause, target } of running) {
    if (target.kind !== 'category' || (cause !== 'schedule' && cause !== 'usedUp')) continue;
    const isBlocked = hasBit(basis.words, target.bit, layout.RECORD_BLOCKED);
    if (isBlocked || hasBit(basis.locked, target.bit)) continue;
    if (causes.get(target.bit) !== 'usedUp') causes.set(target.bit, cause);
  }
  return causes;
}

export function blockingModeOf(mode: BlockingModeName): number {
  switch (mode) {
    case 'nxdomain':
      return layout.BLOCKING_NXDOMAIN;
    case 'nodata':
      return layout.BLOCKING_NODATA;
    case 'zero':
      return layout.BLOCKING_ZERO;
    case 'address':
      return layout.BLOCKING_ADDRESS;
    case 'refused':
      return layout.BLOCKING_REFUSED;
  }
}

/** The mask of a record in which a cause sets the bits of its categories. */
function maskAtOf(cause: Span['cause']): number {
  if (cause === 'grant') return layout.RECORD_GRANTED;
  return cause === 'budget' ? layout.RECORD_BUDGET : layout.RECORD_BLOCKED;
}

/** On while ways round the filter are blocked, and nobody has opened them for an hour. */
function isBypassControlled(words: Uint32Array, bypassBit: number): boolean {
  return (
    bypassBit >= 0 &&
    hasBit(words, bypassBit, layout.RECORD_BLOCKED) &&
    !hasBit(words, bypassBit, layout.RECORD_GRANTED)
  );
}

/** Returns the flags that say which addresses there are. */
function writeBlockAddresses(words: Uint32Array, plan: PolicyPlan): number {
  let flags = 0;
  if (plan.blockAddress4) {
    flags |= layout.FLAG_HAS_ADDRESS4;
    words[layout.RECORD_ADDRESS4] = plan.blockAddress4[3];
  }
  if (plan.blockAddress6) {
    flags |= layout.FLAG_HAS_ADDRESS6;
    words.set(plan.blockAddress6, layout.RECORD_ADDRESS6);
  }
  return flags;
}

/** The lesser of two; the order of the names is that of `LOG_…`. */
function logLevel(wanted: LogLevelName, most: LogLevelName): number {
  return Math.min(LOG_LEVEL_NAMES.indexOf(wanted), LOG_LEVEL_NAMES.indexOf(most));
}

/** One window and another may name the same. */
function distinct(names: readonly Uint8Array[]): Uint8Array[] {
  return [...new Map(names.map((name) => [name.join(), name])).values()];
}

function maskOf(bits: readonly number[]): Uint32Array {
  const mask = new Uint32Array(MASK_WORDS);
  setBits(mask, 0, bits);
  return mask;
}

/** Takes the bits of a mask away from that at word `at`. */
function takeMask(words: Uint32Array, at: number, mask: Uint32Array): void {
  for (let word = 0; word < MASK_WORDS; word++) words[at + word]! &= ~mask[word]!;
}

function setBits(words: Uint32Array, at: number, bits: readonly number[]): void {
  for (const bit of bits) {
    assert(bit >= 0 && bit < CATEGORY_COUNT_MAX, 'category bits are 0 to 255');
    setBit(words, bit, at);
  }
}
