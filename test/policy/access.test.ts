import { describe, expect, test } from 'vitest';
import { parseIpAddress, parseIpPrefix } from '../../src/lib/ip-address.ts';
import {
  ADMIT_FORWARDER,
  ADMIT_OK,
  ADMIT_REFUSE,
  ADMIT_SILENT,
  ADMIT_STRANGER_REFUSE,
  ADMIT_STRANGER_SILENT,
  admit,
  admitIdentified,
  createAccess,
  isAdmitted,
  isSilent,
  type Access,
  type AccessOptions,
} from '../../src/policy/access.ts';
import { SEED } from './policy-input.ts';

const PREFIXES = ['127.0.0.0/8', '::1/128', '192.0.2.0/24', '2001:db8::/32'];

describe('who is known', () => {
  test('addresses of the configured prefixes and of subscribers, nobody else', () => {
    const access = anAccess({});
    expect(ask(access, '192.0.2.1')).toBe(ADMIT_OK);
    expect(ask(access, '::ffff:192.0.2.1')).toBe(ADMIT_OK);
    expect(ask(access, '2001:db8:ffff::1')).toBe(ADMIT_OK);
    expect(ask(access, '192.0.3.1')).toBe(ADMIT_STRANGER_REFUSE);
    expect(ask(access, '2001:db9::1')).toBe(ADMIT_STRANGER_REFUSE);
    expect(ask(access, '198.51.100.1', 0, true)).toBe(ADMIT_OK);
  });

  test('without prefixes everybody but subscribers is a stranger, loopback too', () => {
    const access = anAccess({ prefixes: [] });
    expect(ask(access, '127.0.0.1')).toBe(ADMIT_STRANGER_REFUSE);
    expect(ask(access, '127.0.0.1', 0, true)).toBe(ADMIT_OK);
  });
});

describe('the rate of a client', () => {
  test('the burst is answered, then nine times as much refused, then there is silence', () => {
    const counts = countOf(anAccess({}), '192.0.2.1', 2000, 0);
    expect(counts).toEqual({ [ADMIT_OK]: 100, [ADMIT_REFUSE]: 900, [ADMIT_SILENT]: 1000 });
  });

  test('after a quiet second the rate is answered again', () => {
    const access = anAccess({});
    countOf(access, '192.0.2.1', 2000, 0);
    const counts = countOf(access, '192.0.2.1', 200, 1000);
    expect(counts).toEqual({ [ADMIT_OK]: 10, [ADMIT_REFUSE]: 90, [ADMIT_SILENT]: 100 });
  });

  test('a client within its rate is never refused', () => {
    const access = anAccess({});
    for (let nowMs = 0; nowMs < 100_000; nowMs += 100) {
      expect(ask(access, '192.0.2.1', nowMs)).toBe(ADMIT_OK);
    }
  });

  test('IPv4 clients have a bucket each, IPv6 clients one a /56', () => {
    const access = anAccess({});
    countOf(access, '192.0.2.1', 100, 0);
    expect(ask(access, '192.0.2.1')).toBe(ADMIT_REFUSE);
    expect(ask(access, '192.0.2.2')).toBe(ADMIT_OK);
    countOf(access, '2001:db8:0:700::1', 100, 0);
    expect(ask(access, '2001:db8:0:7ff::2')).toBe(ADMIT_REFUSE);
    expect(ask(access, '2001:db8:0:800::1')).toBe(ADMIT_OK);
  });

  test('each worker has its share, and never less than one query', () => {
    const options = optionsOf({ burst: 100 });
    const access = createAccess(options, 4, SEED);
    expect(countOf(access, '192.0.2.1', 2000, 0)[ADMIT_OK]).toBe(25);
    const small = createAccess(optionsOf({ burst: 2 }), 4, SEED);
    expect(countOf(small, '192.0.2.1', 5, 0)[ADMIT_OK]).toBe(1);
  });

  test('loopback is not limited, and nobody is where the rate is 0', () => {
    for (const address of ['127.0.0.1', '127.9.9.9', '::1']) {
      expect(countOf(anAccess({}), address, 2000, 0)).toEqual({ [ADMIT_OK]: 2000 });
    }
    const unlimited = anAccess({ ratePerSecond: 0 });
    expect(countOf(unlimited, '192.0.2.1', 2000, 0)).toEqual({ [ADMIT_OK]: 2000 });
  });

  test('a clock that stands still or steps back gives nothing away', () => {
    const access = anAccess({});
    countOf(access, '192.0.2.1', 100, 1000);
    expect(ask(access, '192.0.2.1', 500)).toBe(ADMIT_REFUSE);
  });

  test('a client over its rate stays so while others come and go', () => {
    const access = anAccess({ bucketsMax: 4 });
    countOf(access, '192.0.2.1', 100, 0);
    for (let host = 2; host < 60; host++) {
      ask(access, `192.0.2.${host}`, host);
      expect(ask(access, '192.0.2.1', host + 0.5)).toBe(ADMIT_REFUSE);
    }
  });

  test('a flood of sources frees no client that is over its rate', () => {
    const access = anAccess({ bucketsMax: 4, prefixes: ['10.0.0.0/8', '192.0.2.0/24'] });
    countOf(access, '192.0.2.1', 100, 0);
    for (let host = 1; host < 200; host++) ask(access, `10.0.0.${host}`, 1);
    expect(ask(access, '192.0.2.1', 1)).toBe(ADMIT_REFUSE);
  });

  test('clients over their rate that share a set get no more together than a set of them may ask', () => {
    const access = anAccess({ bucketsMax: 8, prefixes: ['10.0.0.0/8'] });
    let answered = 0;
    for (let round = 0; round < 1000; round++) {
      for (let host = 1; host <= 12; host++) {
        if (ask(access, `10.0.0.${host}`, 0) === ADMIT_OK) answered++;
      }
    }
    // Eight bursts of a hundred.
    expect(answered).toBe(800);
  });

  test('a flood of sources takes no more memory, and a quiet client is answered through it', () => {
    const access = anAccess({ bucketsMax: 64, prefixes: ['10.0.0.0/8', '192.0.2.0/24'] });
    const address = Uint32Array.from(parseIpAddress('10.0.0.0')!);
    for (let host = 0; host < 50_000; host++) {
      address[3] = 0x0a000000 + host;
      // 250 queries a second; the buckets together may ask 640.
      access.nowMs[0] = host * 4;
      expect(admit(access, address, 0, false)).toBe(ADMIT_OK);
      if (host % 1000 === 0) expect(ask(access, '192.0.2.1', host * 4)).toBe(ADMIT_OK);
    }
  });
});

describe('strangers', () => {
  test('refusals are limited per IPv4 /24 and IPv6 /48', () => {
    const access = anAccess({ strangerRatePerSecond: 5 });
    const expected = { [ADMIT_STRANGER_REFUSE]: 10, [ADMIT_STRANGER_SILENT]: 90 };
    expect(countOf(access, '198.51.100.1', 100, 0)).toEqual(expected);
    expect(ask(access, '198.51.100.200')).toBe(ADMIT_STRANGER_SILENT);
    expect(ask(access, '198.51.101.1')).toBe(ADMIT_STRANGER_REFUSE);
    expect(countOf(access, '2001:db9:1::1', 100, 0)).toEqual(expected);
    expect(ask(access, '2001:db9:1:ffff::1')).toBe(ADMIT_STRANGER_SILENT);
    expect(ask(access, '2001:db9:2::1')).toBe(ADMIT_STRANGER_REFUSE);
    expect(ask(access, '198.51.100.1', 1000)).toBe(ADMIT_STRANGER_REFUSE);
  });

  test('with a rate of 0 they hear nothing at all', () => {
    const access = anAccess({ strangerRatePerSecond: 0 });
    expect(ask(access, '198.51.100.1')).toBe(ADMIT_STRANGER_SILENT);
  });

  test('a flood of strangers does not touch the buckets of clients', () => {
    const access = anAccess({ bucketsMax: 4 });
    countOf(access, '192.0.2.1', 100, 0);
    for (let net = 0; net < 250; net++) ask(access, `198.51.${net}.1`, 1);
    expect(ask(access, '192.0.2.1', 1)).toBe(ADMIT_REFUSE);
  });
});

describe('forwarders', () => {
  const FORWARDER = '198.51.100.53';
  const options = { forwarders: ['198.51.100.53/32', '2001:db8:53::/64'] };

  test('are known without standing among the prefixes, and nobody else is one', () => {
    const access = anAccess({ ...options, forwarderRatePerSecond: 1000 });
    expect(ask(access, FORWARDER)).toBe(ADMIT_FORWARDER);
    expect(ask(access, '2001:db8:53::1')).toBe(ADMIT_FORWARDER);
    expect(ask(access, '198.51.100.54')).toBe(ADMIT_STRANGER_REFUSE);
    expect(ask(access, '192.0.2.1')).toBe(ADMIT_OK);
    expect(ask(access, FORWARDER, 0, true)).toBe(ADMIT_FORWARDER);
  });

  test('have a rate of their own, far above that of a client', () => {
    const access = anAccess({ ...options, forwarderRatePerSecond: 1000 });
    const counts = countOf(access, FORWARDER, 20_000, 0);
    expect(counts).toEqual({
      [ADMIT_FORWARDER]: 1000,
      [ADMIT_REFUSE]: 9000,
      [ADMIT_SILENT]: 10_000,
    });
    expect(ask(access, FORWARDER, 1)).toBe(ADMIT_FORWARDER);
    expect(ask(access, '192.0.2.1')).toBe(ADMIT_OK);
  });

  test('on loopback are not limited', () => {
    const access = anAccess({ forwarders: ['127.0.0.0/8'], forwarderRatePerSecond: 1 });
    expect(countOf(access, '127.0.0.2', 100, 0)).toEqual({ [ADMIT_FORWARDER]: 100 });
  });

  test('a client behind one has the bucket that it would have by itself', () => {
    const access = anAccess({ ...options, forwarderRatePerSecond: 1000 });
    const identified = (address: string): boolean =>
      admitIdentified(access, Uint32Array.from([7, ...parseIpAddress(address)!]), 1);
    const answers = Array.from({ length: 150 }, () => identified('203.0.113.7'));
    expect(answers.filter(Boolean)).toHaveLength(100);
    expect(identified('203.0.113.8')).toBe(true);
    expect(ask(access, '203.0.113.7', 0, true)).toBe(ADMIT_REFUSE);
    expect(identified('127.0.0.1')).toBe(true);
  });

  test('a client behind one is not limited where nobody is', () => {
    const access = anAccess({ ...options, ratePerSecond: 0, burst: 0, forwarderRatePerSecond: 9 });
    const address = Uint32Array.from(parseIpAddress('203.0.113.7')!);
    expect(admitIdentified(access, address, 0)).toBe(true);
  });
});

test('silence is told from what gets an answer, and both from what policy may answer', () => {
  const all = [
    ADMIT_OK,
    ADMIT_REFUSE,
    ADMIT_SILENT,
    ADMIT_STRANGER_REFUSE,
    ADMIT_STRANGER_SILENT,
    ADMIT_FORWARDER,
  ];
  expect(all.filter(isSilent)).toEqual([ADMIT_SILENT, ADMIT_STRANGER_SILENT]);
  expect(all.filter(isAdmitted)).toEqual([ADMIT_OK, ADMIT_FORWARDER]);
});

type Overrides = Partial<Omit<AccessOptions, 'prefixes' | 'forwarders'>> & {
  prefixes?: readonly string[];
  forwarders?: readonly string[];
};

function anAccess(overrides: Overrides): Access {
  return createAccess(optionsOf(overrides), 1, SEED);
}

function optionsOf(overrides: Overrides): AccessOptions {
  const { prefixes = PREFIXES, forwarders = [], ...others } = overrides;
  const parse = (texts: readonly string[]) => texts.map((text) => parseIpPrefix(text)!);
  return {
    ratePerSecond: 10,
    burst: 100,
    ...others,
    prefixes: parse(prefixes),
    forwarders: parse(forwarders),
  };
}

function ask(access: Access, address: string, nowMs = 0, isKnownSubscriber = false): number {
  const words = Uint32Array.from([7, ...parseIpAddress(address)!]);
  access.nowMs[0] = nowMs;
  return admit(access, words, 1, isKnownSubscriber);
}

function countOf(
  access: Access,
  address: string,
  times: number,
  nowMs: number,
): Record<number, number> {
  const counts: Record<number, number> = {};
  for (let time = 0; time < times; time++) {
    const admission = ask(access, address, nowMs);
    counts[admission] = (counts[admission] ?? 0) + 1;
  }
  return counts;
}
