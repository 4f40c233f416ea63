import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  DEVICE_ADDRESS,
  DEVICE_CLIENT_ID,
  DEVICE_KEY_BYTES_MAX,
  DEVICE_MAC,
  lookUpCpeId,
  lookUpDevice,
} from '../../src/policy/devices.ts';
import type { PolicyImage } from '../../src/policy/image.ts';
import type { PolicyCpeId, PolicyDevice } from '../../src/policy/policy-input.ts';
import { SEED, aPlan, anInput, compile, someProfiles } from './policy-input.ts';

const KINDS = { mac: DEVICE_MAC, address: DEVICE_ADDRESS, clientId: DEVICE_CLIENT_ID } as const;
const PROFILES = 100;
const MAC = Uint8Array.of(2, 0, 0x5e, 0x10, 0, 1);

const aKind = fc.constantFrom('mac' as const, 'address' as const, 'clientId' as const);
/** Few octets, so that households and kinds have the same keys. */
const aKey = fc
  .array(fc.constantFrom(0, 1), { minLength: 1, maxLength: 9 })
  .map((octets) => Uint8Array.from(octets));
const aDevice = fc.record({
  subscriber: fc.integer({ min: 1, max: 5 }),
  kind: aKind,
  key: aKey,
  profile: fc.integer({ min: 1, max: PROFILES - 1 }),
});
const identity = ({ subscriber, kind, key }: Omit<PolicyDevice, 'profile'>): string =>
  `${subscriber} ${kind} ${key.join()}`;

describe('devices', () => {
  test('lead to the profile of their own household, and no other household’s device does', () => {
    const devices = fc.uniqueArray(aDevice, { selector: identity, maxLength: 60 });
    const asked = fc.array(aDevice, { minLength: 20, maxLength: 20 });
    fc.assert(
      fc.property(devices, asked, (known, others) => {
        const policies = open(known, []);
        const profileOf = new Map(known.map((device) => [identity(device), device.profile]));
        for (const device of [...known, ...others]) {
          expect(find(policies, device)).toBe(profileOf.get(identity(device)) ?? -1);
          expect(lookUpCpeId(policies, SEED, device.key, 0, device.key.length)).toBe(-1);
        }
      }),
      { numRuns: 300 },
    );
  });

  test('are found in the middle of a packet, and only with their whole key', () => {
    const policies = open([{ subscriber: 7, kind: 'mac', key: MAC, profile: 9 }], []);
    const packet = Uint8Array.of(255, 255, 255, ...MAC, 255);
    expect(lookUpDevice(policies, SEED, 7, DEVICE_MAC, packet, 3, 6)).toBe(9);
    expect(lookUpDevice(policies, SEED, 7, DEVICE_MAC, packet, 3, 5)).toBe(-1);
    expect(lookUpDevice(policies, SEED, 7, DEVICE_MAC, packet, 3, 7)).toBe(-1);
    expect(lookUpDevice(policies, SEED, 7, DEVICE_MAC, packet, 4, 6)).toBe(-1);
  });

  test('leave no key of theirs in the image', () => {
    const policies = open([{ subscriber: 7, kind: 'mac', key: MAC, profile: 9 }], []);
    expect(Buffer.from(policies.buffer).includes(Buffer.from(MAC))).toBe(false);
  });

  test('of two households have nothing in common in the image, even where their keys are the same', () => {
    const devices = [1, 2].map((subscriber) => ({
      subscriber,
      kind: 'mac' as const,
      key: MAC,
      profile: 9,
    }));
    const { devices: table } = open(devices, []);
    const used = Array.from({ length: (table.length - 4) / 4 }, (_, slot) =>
      table.slice(4 + slot * 4, 8 + slot * 4),
    ).filter((words) => words[3] !== 0);
    expect(used.length).toBe(2);
    expect(used[0]![0]).not.toBe(used[1]![0]);
    expect(used[0]![1]).not.toBe(used[1]![1]);
  });

  test('a key longer than any that is stored leads nowhere', () => {
    const policies = open([{ subscriber: 7, kind: 'mac', key: MAC, profile: 9 }], []);
    const long = new Uint8Array(4096);
    for (const length of [DEVICE_KEY_BYTES_MAX, DEVICE_KEY_BYTES_MAX + 1, 4096]) {
      expect(lookUpDevice(policies, SEED, 7, DEVICE_CLIENT_ID, long, 0, length)).toBe(-1);
    }
  });

  test('a CPE id leads to its subscriber, whatever devices have the same octets', () => {
    const key = new TextEncoder().encode('box-0001');
    const devices = [{ subscriber: 3, kind: 'clientId' as const, key, profile: 4 }];
    const policies = open(devices, [{ key, subscriber: 12 }]);
    expect(lookUpCpeId(policies, SEED, key, 0, key.length)).toBe(12);
    expect(find(policies, { subscriber: 3, kind: 'clientId', key })).toBe(4);
    expect(find(policies, { subscriber: 12, kind: 'clientId', key })).toBe(-1);
  });
});

function open(devices: readonly PolicyDevice[], cpeIds: readonly PolicyCpeId[]): PolicyImage {
  const profiles = someProfiles({ planOf: new Uint8Array(PROFILES) });
  return compile(anInput(aPlan(), undefined, { profiles, devices, cpeIds }));
}

function find(policies: PolicyImage, device: Omit<PolicyDevice, 'profile'>): number {
  const { subscriber, kind, key } = device;
  return lookUpDevice(policies, SEED, subscriber, KINDS[kind], key, 0, key.length);
}
