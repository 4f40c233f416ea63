/**
 * A policy image from a disk that forgets, or from somebody who wants us to hang: whatever its octets,
 * either it is refused, or everything that reads it ends and stays inside.
 */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { sealImage } from '../../src/lib/image.ts';
import { compilePolicies } from '../../src/policy/compile.ts';
import { createDecision, decide, decideTarget } from '../../src/policy/decide.ts';
import { DEVICE_MAC, lookUpCpeId, lookUpDevice } from '../../src/policy/devices.ts';
import { openPolicyImage } from '../../src/policy/check-image.ts';
import {
  POLICY_HAS_DEVICES,
  RECORD_NEXT_CHANGE,
  RECORD_NEXT_RECORD,
  RECORD_OFF_TEXT,
  RECORD_SAFE_SEARCH,
  RECORD_TIMED_TEXTS,
  RECORD_VARIANT,
  RECORD_WORDS,
  SECTION_DEVICES,
  SECTION_GLOBALS,
  SECTION_PLACES,
  SECTION_POLICY_OF,
  SECTION_RECORDS,
  SECTION_RULES,
  SECTION_RULE_FILTER,
  SECTION_SAFE_NAMES,
  SECTION_TARGETS,
  SECTION_TEXT_OF,
  SECTION_TIMED_TEXTS,
  hasDevices,
  isNeverReported,
  logLevelOf,
  policyRecordOf,
  textAt,
  textLength,
  ttlLimitSeconds,
  type PolicyImage,
} from '../../src/policy/image.ts';
import type { PolicyInput, Schedule } from '../../src/policy/policy-input.ts';
import { isTargetAddress, targetNameAt, targetNameLength } from '../../src/policy/safe-search.ts';
import { SPECIAL_CANARY, SPECIAL_NONE } from '../../src/policy/special-names.ts';
import {
  ADULT,
  AT,
  HOUR,
  LAW,
  SEED,
  TIKTOK,
  aPlan,
  anInput,
  hashesOf,
  maskOf,
  names,
  settings,
  someProfiles,
} from './policy-input.ts';

const MAC = Uint8Array.of(2, 0, 0x5e, 0x10, 0, 1);
const NAMES = ['a.example', 'www.seek.example', 'www.tube.example', 'x.dark.example', 'b.a'];
const SECONDS = [0, AT, AT + 10 * HOUR, AT + 30 * HOUR, 0xffffffff];

const image = compilePolicies(anImageInput(), SEED);
const hashes = NAMES.map((name) => hashesOf(name));
const masks = [maskOf([]), maskOf([ADULT]), maskOf([LAW]), maskOf([0, 1, 40, 64, 200, 255])];

describe('an image with a changed octet', () => {
  test('and its old checksum is refused', () => {
    const octets = new Uint8Array(copyOf(image));
    octets[octets.length - 1]! ^= 1;
    expectRefused(octets.buffer, /checksum/);
  });

  test('and a checksum to match is refused or does no harm', () => {
    let refused = 0;
    for (let at = 12; at < image.byteLength; at += at < 512 ? 1 : 7) {
      if (isHarmless([{ at, octet: 0xff ^ (at & 1) }])) continue;
      refused++;
    }
    expect(refused).toBeGreaterThan(200);
  });

  test('and others is refused or does no harm', () => {
    const aChange = fc.record({
      at: fc.integer({ min: 12, max: image.byteLength - 1 }),
      octet: fc.oneof(fc.constantFrom(0, 1, 2, 0x7f, 0x80, 0xff), fc.integer({ min: 0, max: 255 })),
    });
    const changes = fc.array(aChange, { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(changes, (all) => {
        isHarmless(all);
      }),
      { numRuns: 800 },
    );
  });
});

describe('an image that was made to harm is refused:', () => {
  const records = (word: number): number => wordOf(SECTION_RECORDS, word);
  const last = new Uint32Array(image)[wordOf(SECTION_GLOBALS, 1)]! - 1;
  const refusals: readonly (readonly [string, number, number, RegExp])[] = [
    ['a chain that leads to itself', records(RECORD_NEXT_RECORD), 0, /record 0: the next/],
    [
      'a next record that does not exist',
      records(RECORD_NEXT_RECORD),
      99_999,
      /record 0: the next/,
    ],
    [
      'a chain that goes back in time',
      records(last * RECORD_WORDS + RECORD_NEXT_CHANGE),
      0xfffffff0,
      /ends before/,
    ],
    [
      'a next record that is never reached',
      records(last * RECORD_WORDS + RECORD_NEXT_CHANGE),
      0,
      /never leads/,
    ],
    ['a profile without record', wordOf(SECTION_POLICY_OF, 0), 99_999, /a profile has a record/],
    ['timed texts outside', records(RECORD_TIMED_TEXTS), 99_999, /timed texts at 99999 lie/],
    ['timed texts without end', wordOf(SECTION_TIMED_TEXTS, 1), 0xffffff, /timed texts at 1 lie/],
    ['timed texts of no text', wordOf(SECTION_TIMED_TEXTS, 3), 99_999, /timed text at 2/],
    ['timed texts where none are', wordOf(SECTION_TIMED_TEXTS, 0), 1, /timed texts 0 are not/],
    [
      'the same with devices',
      wordOf(SECTION_POLICY_OF, 0),
      POLICY_HAS_DEVICES + 99_999,
      /a profile/,
    ],
    ['a variant that does not exist', records(RECORD_VARIANT), 999, /variant 999/],
    ['a text that does not exist', records(RECORD_OFF_TEXT), 999_999, /text 999999/],
    [
      'a text of a category that does not exist',
      wordOf(SECTION_TEXT_OF, 3),
      999_999,
      /a category has/,
    ],
    ['a text beyond the end', wordOf(SECTION_PLACES, 2), 0xfffffff0, /text 1 lies outside/],
    ['a text longer than any', wordOf(SECTION_PLACES, 3), 81, /text 1 lies outside/],
    ['an engine without target', records(RECORD_SAFE_SEARCH), 1 << 15, /safe search is/],
    ['a level of YouTube without target', records(RECORD_SAFE_SEARCH), 3 << 16, /safe search is/],
    ['a target beyond the end', wordOf(SECTION_TARGETS, 1), 0xfffffff0, /no name/],
    ['a target cut short', wordOf(SECTION_TARGETS, 2), 3, /no name/],
    [
      'a table of names whose probes leave it',
      wordOf(SECTION_RULES, 0),
      1 << 20,
      /slots do not fill/,
    ],
    ['a rule that means nothing', wordOf(SECTION_RULES, firstUsed(SECTION_RULES)), 4, /above 3/],
    [
      'a device of a profile that does not exist',
      wordOf(SECTION_DEVICES, firstUsed(SECTION_DEVICES)),
      99,
      /devices/,
    ],
    [
      'an engine that does not exist',
      wordOf(SECTION_SAFE_NAMES, firstUsed(SECTION_SAFE_NAMES)),
      19,
      /safe search/,
    ],
    ['a filter that hides a name', wordOf(SECTION_RULE_FILTER, 0), 0x12345678, /filter/],
    ['masks that are wider than said', wordOf(SECTION_GLOBALS, 6), 1, /masks/],
    ['masks that leave the records', wordOf(SECTION_GLOBALS, 6), 0xffff, /masks/],
    ['a category `bypass` beyond 255', wordOf(SECTION_GLOBALS, 3), 256, /category 256/],
  ];
  test.each(refusals)('%s', (_, word, value, fault) => {
    const copy = copyOf(image);
    new Uint32Array(copy)[word] = value;
    expectRefused(sealed(copy), fault);
  });
});

/** Chains, devices, safe search, grants, a used-up budget, names of every kind. */
function anImageInput(): PolicyInput {
  const bedtime: Schedule = {
    target: { kind: 'internet' },
    days: 127,
    dates: null,
    fromMinute: 21 * 60,
    toMinute: 7 * 60,
  };
  const safeSearch = { engines: 3, youtube: 1, isBlockingUnsafe: true };
  const grants = [
    {
      target: { kind: 'names', names: names({ allow: ['c.example'] }).allow } as const,
      untilSecond: AT + HOUR,
    },
  ];
  const target = { kind: 'category', bit: TIKTOK } as const;
  const budgets = [{ target, usedUpUntilSecond: AT + HOUR }];
  const rules = names({ allow: ['a.example'], always: ['b.example'], deny: ['x.a.example'] });
  const ownOf = new Map([
    [1, { subscriber: settings(rules), profile: settings({ grants, budgets, block: [ADULT] }) }],
  ]);
  return anInput(
    aPlan({ schedules: [bedtime], safeSearch, failMode: 'open', block: [255] }),
    undefined,
    {
      profiles: someProfiles({ planOf: [0, 0, 0], ownOf }),
      devices: [{ subscriber: 1, kind: 'mac', key: MAC, profile: 2 }],
      cpeIds: [{ key: MAC, subscriber: 1 }],
    },
  );
}

function copyOf(buffer: SharedArrayBuffer): SharedArrayBuffer {
  const copy = new SharedArrayBuffer(buffer.byteLength);
  new Uint8Array(copy).set(new Uint8Array(buffer));
  return copy;
}

function sealed(buffer: SharedArrayBuffer): SharedArrayBuffer {
  sealImage({ buffer, words: new Uint32Array(buffer), bytes: new Uint8Array(buffer) });
  return buffer;
}

/** Word of the image at which the word of a section lies; the table of sections begins at word 8. */
function wordOf(section: number, word: number): number {
  return new Uint32Array(image)[8 + section * 2]! / 4 + word;
}

/** The value of the first slot in use of a table, as a word of its section. */
function firstUsed(section: number): number {
  const words = new Uint32Array(image);
  let word = 7;
  while (words[wordOf(section, word)] === 0) word += 4;
  return word;
}

function expectRefused(buffer: SharedArrayBuffer, message: RegExp): void {
  const refusal = { code: 'IMAGE_DAMAGED', message: expect.stringMatching(message) as string };
  expect(() => openPolicyImage(buffer)).toThrow(expect.objectContaining(refusal));
}

/** False where the image is refused; throws where it is not but something else goes wrong. */
function isHarmless(changes: readonly { at: number; octet: number }[]): boolean {
  const copy = copyOf(image);
  const octets = new Uint8Array(copy);
  for (const { at, octet } of changes) octets[at] = octet;
  let policies: PolicyImage;
  try {
    policies = openPolicyImage(sealed(copy));
  } catch (error) {
    expect(error).toMatchObject({ code: 'IMAGE_DAMAGED' });
    return false;
  }
  for (const second of SECONDS) askEverything(policies, second);
  return true;
}

function askEverything(policies: PolicyImage, second: number): void {
  const [asked, target] = [createDecision(), createDecision()];
  for (let profile = -1; profile <= policies.profileCount; profile++) {
    hasDevices(policies, profile);
    const record = policyRecordOf(policies, profile, second);
    if (record < 0) continue;
    expectInside(ttlLimitSeconds(policies, record, second, 0xffff), 0x7fffffff);
    expectInside(logLevelOf(policies, record), 3);
    for (const one of hashes) {
      for (const mask of masks) {
        decide(asked, policies, record, one, mask, SPECIAL_NONE);
        expectReadable(policies, asked.text, asked.safeTarget);
        decideTarget(target, policies, record, one, mask, asked);
        expectReadable(policies, target.text, -1);
        decide(asked, policies, record, one, mask, SPECIAL_CANARY);
        isNeverReported(policies, mask);
      }
    }
  }
  expectInside(lookUpDevice(policies, SEED, 1, DEVICE_MAC, MAC, 0, 6) + 1, policies.profileCount);
  expectInside(lookUpCpeId(policies, SEED, MAC, 0, 6) + 1, policies.profileCount);
}

function expectReadable(policies: PolicyImage, text: number, target: number): void {
  expectInside(textLength(policies, text), 80);
  expectInside(textAt(policies, text), policies.texts.length);
  if (target < 0 || isTargetAddress(policies, target)) return;
  const end = targetNameAt(policies, target) + targetNameLength(policies, target);
  expectInside(end, policies.targetNames.length);
}

/** A million matchers would take a minute; what was read out of bounds is `undefined`, and fails too. */
function expectInside(value: number, most: number): void {
  if (!(value >= 0 && value <= most)) expect(value).toBeLessThanOrEqual(most);
}
