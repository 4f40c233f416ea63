import { describe, expect, it } from 'vitest';
import type { HashSeed } from '../../src/lib/half-siphash.ts';
import { parseIpAddress, parseIpPrefix } from '../../src/lib/ip-address.ts';
import { compilePolicies } from '../../src/policy/compile.ts';
import { openPolicyImage } from '../../src/policy/check-image.ts';
import { type PolicyImage } from '../../src/policy/image.ts';
import { lookUpAddress, openSubscriberTable } from '../../src/policy/subscribers.ts';
import { SubscriberDirectory } from '../../src/supervisor/subscriber-directory.ts';
import type { AddressPage } from '../../src/store/compile-input.ts';
import { anInput, aPlan, someProfiles } from '../policy/policy-input.ts';

const SEED: HashSeed = [1, 2];
const OTHER_SEED: HashSeed = [3, 4];

/** An image that knows profiles 1 to `count`. */
function policiesOf(count: number): PolicyImage {
  const planOf = new Uint32Array(count + 1);
  planOf[0] = 0xffffffff;
  const nothing = new Uint8Array(count + 1);
  const profiles = someProfiles({ planOf, zoneOf: nothing, languageOf: nothing });
  return openPolicyImage(compilePolicies(anInput(aPlan(), undefined, { profiles }), SEED));
}

function change(prefix: string, profile: number) {
  return { prefix: parseIpPrefix(prefix)!, profile };
}

function pageOf(entries: readonly (readonly [string, number])[]): AddressPage {
  const prefixes = entries.map(([text]) => parseIpPrefix(text)!);
  return {
    count: entries.length,
    words: Uint32Array.from(prefixes.flatMap(({ words }) => words)),
    lengths: Uint8Array.from(prefixes.map(({ length }) => length)),
    profiles: Uint32Array.from(entries.map(([, profile]) => profile)),
  };
}

function aDirectory(...pages: (readonly (readonly [string, number])[])[]) {
  const seen = { reads: 0, buffers: 0, betweenPages: () => {} };
  const source = {
    count: () => Promise.resolve(4),
    pages: async function* () {
      seen.reads++;
      for (const page of pages) {
        yield pageOf(page);
        await Promise.resolve();
        seen.betweenPages();
      }
    },
  };
  const directory = new SubscriberDirectory(source, SEED, (_buffer, retire) => {
    seen.buffers++;
    retire();
  });
  const profileOf = (address: string): number =>
    directory.lookUp(Uint32Array.from(parseIpAddress(address)!));
  return { directory, seen, profileOf };
}

describe('the subscriber directory', () => {
  it('is filled from the store; the longest prefix counts, and a later entry replaces an equal one', async () => {
    const { directory, profileOf } = aDirectory(
      [
        ['192.0.2.0/24', 1],
        ['2001:db8::/32', 2],
      ],
      [
        ['192.0.2.7/32', 2],
        ['2001:db8::/32', 3],
      ],
    );
    expect(await directory.refresh(SEED, policiesOf(3), 'a')).toBe(true);
    expect(profileOf('192.0.2.1')).toBe(1);
    expect(profileOf('192.0.2.7')).toBe(2);
    expect(profileOf('2001:db8::1')).toBe(3);
    expect(profileOf('198.51.100.1')).toBe(-1);
  });

  it('is read again only where the addresses or the seed changed', async () => {
    const { directory, seen, profileOf } = aDirectory([['192.0.2.0/24', 1]]);
    const policies = policiesOf(3);
    await directory.refresh(SEED, policies, 'a');
    expect(await directory.refresh(SEED, policies, 'a')).toBe(false);
    expect(await directory.refresh(SEED, policies, 'b')).toBe(true);
    expect(await directory.refresh(OTHER_SEED, policies, 'b')).toBe(true);
    expect(seen.reads).toBe(3);
    expect(profileOf('192.0.2.1')).toBe(1);
  });

  it('follows sessions at once', async () => {
    const { directory, profileOf } = aDirectory([['192.0.2.0/24', 1]]);
    const policies = policiesOf(3);
    await directory.refresh(SEED, policies, 'a');
    directory.settle(policies);
    directory.change([change('192.0.2.9/32', 2)]);
    expect(profileOf('192.0.2.9')).toBe(2);
    directory.change([change('192.0.2.9/32', -1)]);
    expect(profileOf('192.0.2.9')).toBe(1);
  });

  it('changes the table that workers still read too, until all have the new one', async () => {
    const { directory } = aDirectory([['192.0.2.0/24', 1]]);
    const policies = policiesOf(3);
    await directory.refresh(SEED, policies, 'a');
    directory.settle(policies);
    const old = openSubscriberTable(directory.buffer, SEED);
    const profileInOld = (text: string): number =>
      lookUpAddress(old, Uint32Array.from(parseIpAddress(text)!), 0);
    await directory.refresh(SEED, policies, 'b');
    directory.change([change('192.0.2.9/32', 2)]);
    expect(profileInOld('192.0.2.9')).toBe(2);
    directory.settle(policies);
    directory.change([change('192.0.2.9/32', 3)]);
    expect(profileInOld('192.0.2.9')).toBe(2);
  });

  it('loses no session that arrives while the table is being filled', async () => {
    const { directory, seen, profileOf } = aDirectory([['192.0.2.0/24', 1]], [['192.0.2.9/32', 1]]);
    let isFirst = true;
    seen.betweenPages = () => {
      if (isFirst) directory.change([change('192.0.2.9/32', 2)]);
      isFirst = false;
    };
    await directory.refresh(SEED, policiesOf(3), 'a');
    expect(profileOf('192.0.2.9')).toBe(2);
  });

  it('loses no session that arrives when the table is just filled, whichever turn it takes', async () => {
    for (let turns = 0; turns < 12; turns++) {
      const { directory, seen, profileOf } = aDirectory([['192.0.2.0/24', 1]]);
      let later = Promise.resolve();
      seen.betweenPages = () => {
        for (let turn = 0; turn < turns; turn++) later = later.then(() => undefined);
        later = later.then(() => {
          directory.change([change('192.0.2.9/32', 2)]);
        });
      };
      await directory.refresh(SEED, policiesOf(3), 'a');
      await later;
      expect([turns, profileOf('192.0.2.9')]).toEqual([turns, 2]);
    }
  });

  it('holds a session back until the image knows its subscriber', async () => {
    const { directory, profileOf } = aDirectory([['192.0.2.0/24', 1]]);
    await directory.refresh(SEED, policiesOf(3), 'a');
    directory.settle(policiesOf(3));
    directory.change([change('192.0.2.9/32', 4), change('192.0.2.10/32', 5)]);
    expect(profileOf('192.0.2.9')).toBe(1);
    directory.change([change('192.0.2.10/32', 2)]);
    directory.settle(policiesOf(5));
    expect(profileOf('192.0.2.9')).toBe(4);
    expect(profileOf('192.0.2.10')).toBe(2);
  });

  it('leaves out of the store what the image does not know yet, since that is published next', async () => {
    const { directory, profileOf } = aDirectory([
      ['192.0.2.0/24', 1],
      ['192.0.2.9/32', 4],
    ]);
    await directory.refresh(SEED, policiesOf(3), 'a');
    directory.settle(policiesOf(3));
    expect(profileOf('192.0.2.9')).toBe(1);
    await directory.refresh(SEED, policiesOf(4), 'b');
    directory.settle(policiesOf(4));
    expect(profileOf('192.0.2.9')).toBe(4);
  });

  it('says when it outgrew its buffer', async () => {
    const { directory, seen, profileOf } = aDirectory([]);
    await directory.refresh(SEED, policiesOf(3), 'a');
    for (let host = 0; host < 1000; host++) {
      directory.change([change(`198.51.${100 + (host >> 8)}.${host & 255}/32`, 3)]);
    }
    expect(seen.buffers).toBeGreaterThan(0);
    expect(directory.entryCount).toBe(1000);
    expect(profileOf('198.51.103.1')).toBe(3);
  });

  it('hands over no buffer of a table that was replaced, though it still follows the changes', async () => {
    const { directory, seen } = aDirectory();
    const policies = policiesOf(1);
    await directory.refresh(SEED, policies, 'first');
    directory.settle(policies);
    const host = (index: number) => change(`10.0.${index >> 8}.${index & 255}/32`, 1);
    // Just below 70 % of the least number of slots.
    for (let index = 0; index < 710; index++) directory.change([host(index)]);
    await directory.refresh(SEED, policies, 'second');
    const { buffer } = directory;
    seen.buffers = 0;
    for (let index = 710; index < 800; index++) directory.change([host(index)]);
    expect(seen.buffers).toBe(0);
    expect(directory.buffer).toBe(buffer);
    directory.settle(policies);
  });

  it('leaves an address where it led while the image that knows its profile is on its way', async () => {
    const { directory, seen, profileOf } = aDirectory([['10.0.0.0/8', 1]]);
    await directory.refresh(SEED, policiesOf(1), 'first');
    directory.settle(policiesOf(1));
    seen.betweenPages = () => {
      directory.change([change('10.0.0.1/32', 2)]);
    };
    const workersRead = directory.buffer;
    const asked = Uint32Array.from(parseIpAddress('10.0.0.1')!);
    await directory.refresh(SEED, policiesOf(2), 'second');
    expect(lookUpAddress(openSubscriberTable(workersRead, SEED), asked, 0)).toBe(1);
    directory.settle(policiesOf(2));
    expect(profileOf('10.0.0.1')).toBe(2);
  });
});
