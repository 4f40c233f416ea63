/** What holds for a profile now and as far as the image foresees: its chain of records in words. */

import { bitsOf, createMask, MASK_WORDS } from '../blocklist/category.ts';
import {
  FLAG_ALLOW_LIST_ONLY,
  FLAG_INTERNET_OFF,
  FLAG_LOG_SHIFT,
  NOTHING,
  type PolicyImage,
  policyRecordOf,
  RECORD_BLOCKED,
  RECORD_FLAGS,
  RECORD_GRANTED,
  RECORD_LOCKED,
  RECORD_NEXT_CHANGE,
  RECORD_NEXT_RECORD,
  RECORD_SAFE_SEARCH,
  RECORD_WORDS,
  SAFE_BLOCK_UNSAFE,
  GLOBAL_UNTIL_SECOND,
  SAFE_ENGINES_MAX,
  SAFE_YOUTUBE_SHIFT,
} from '../policy/image.ts';
import { LOG_LEVELS, YOUTUBE_LEVELS } from '../store/document.ts';
import type { PolicyState } from './control-plane-contract.ts';

const ENGINE_BITS = (1 << SAFE_ENGINES_MAX) - 1;

/**
 * The first holds now, each other from the end of the one before; empty for a profile that the image
 * does not know.
 * @param idOf the id of a category by its bit
 */
export function policyStates(
  policies: PolicyImage,
  profile: number,
  nowSeconds: number,
  idOf: (bit: number) => string,
): PolicyState[] {
  const states: PolicyState[] = [];
  const until = policies.globals[GLOBAL_UNTIL_SECOND] ?? 0;
  let record = policyRecordOf(policies, profile, nowSeconds);
  while (record >= 0) {
    const word = (place: number): number => policies.records[record * RECORD_WORDS + place] ?? 0;
    const next = word(RECORD_NEXT_RECORD);
    // At an open end nobody knows yet what follows, and what stands after the image's end holds only
    // where it could not be renewed.
    const second = word(RECORD_NEXT_CHANGE);
    const change = next === NOTHING || second >= until ? 0 : second;
    const safeSearch = word(RECORD_SAFE_SEARCH);
    const flags = word(RECORD_FLAGS);
    states.push({
      until: change === 0 ? null : new Date(change * 1000).toISOString(),
      isInternetOff: (flags & FLAG_INTERNET_OFF) !== 0,
      isAllowListOnly: (flags & FLAG_ALLOW_LIST_ONLY) !== 0,
      blocked: blockedOf(word).map(idOf),
      safeSearch: {
        isOn: (safeSearch & ENGINE_BITS) !== 0,
        youtube: YOUTUBE_LEVELS[(safeSearch >>> SAFE_YOUTUBE_SHIFT) & 3] ?? 'strict',
        isBlockingUnsafe: (safeSearch & SAFE_BLOCK_UNSAFE) !== 0,
      },
      log: LOG_LEVELS[(flags >>> FLAG_LOG_SHIFT) & 3] ?? 'nothing',
    });
    record = change === 0 ? -1 : next;
  }
  return states;
}

/** Running grants open what is blocked; what the plan locks they never hold. */
function blockedOf(word: (place: number) => number): number[] {
  const mask = createMask();
  for (let index = 0; index < MASK_WORDS; index++) {
    const blocked = word(RECORD_BLOCKED + index) & ~word(RECORD_GRANTED + index);
    mask[index] = blocked | word(RECORD_LOCKED + index);
  }
  return bitsOf(mask);
}
