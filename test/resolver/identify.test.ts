import { describe, expect, it } from 'vitest';
import { parseIpPrefix } from '../../src/lib/ip-address.ts';
import { aQuery, edesOf } from '../support/dns-query.ts';
import { KIDS_PROFILE, OPEN_PROFILE, profileNumber } from '../support/household.ts';
import { rawResponse } from '../support/raw-response.ts';
import { KIDS, OPEN, ResolverHarness, type HarnessOptions } from '../support/resolver-harness.ts';

/** Configured, and in no subscriber's addresses. */
const FORWARDER = '203.0.113.53';
const MAC = '02:00:5e:10:00:01';
const TABLET_MAC = '02:00:5e:10:00:02';
/** A device address in the household, and one that nobody knows. */
const TV = '192.0.2.9';
const GUEST = '192.0.2.10';

const OPTIONS: HarnessOptions = {
  lists: { adult: ['adult.example'] },
  access: { forwarders: [parseIpPrefix(`${FORWARDER}/32`)!], forwarderRatePerSecond: 1000 },
  clients: [TV, GUEST],
  cpeIds: ['cpe-7'],
  profiles: {
    anna: { macs: [MAC] },
    ben: { macs: [TABLET_MAC], addresses: ['10.0.0.7', '2001:db8:7::7'] },
    tv: { addresses: [TV] },
  },
};
const profile = (id: string): number => profileNumber(OPTIONS, id);

interface Options {
  readonly mac?: string;
  readonly macText?: string;
  readonly cpeId?: string;
  /** Octets of option 8. */
  readonly subnet?: readonly number[];
}

/** @param times how often each option stands there */
function queryWith({ mac, macText, cpeId, subnet }: Options, times = 1): Buffer {
  const said = [
    ...(mac === undefined
      ? []
      : [{ code: 65_001, data: Buffer.from(mac.replaceAll(':', ''), 'hex') }]),
    ...(macText === undefined ? [] : [{ code: 65_073, data: Buffer.from(macText) }]),
    ...(cpeId === undefined ? [] : [{ code: 65_074, data: Buffer.from(cpeId) }]),
    ...(subnet === undefined ? [] : [{ code: 8, data: Uint8Array.from(subnet) }]),
  ];
  const options = Array.from({ length: times }, () => said).flat();
  return aQuery().name('adult.example').edns({ options }).build();
}

function subnet4(address: string, bits = 32): number[] {
  return [
    0,
    1,
    bits,
    0,
    ...address
      .split('.')
      .map(Number)
      .slice(0, Math.ceil(bits / 8)),
  ];
}

/** The profile that a query was answered for; null where it was refused as nobody's. */
function identified(
  options: Options,
  client: string,
  harness = new ResolverHarness(OPTIONS),
  times = 1,
): number | null {
  const query = queryWith(options, times);
  const outcome = harness.resolve(query, { client });
  // OPEN blocks nothing, so its query is parked.
  if (outcome === 0) return harness.resolver.profile;
  const response = harness.ask(query, { client });
  if (response.rcode !== 'REFUSED') return harness.resolver.profile;
  expect(edesOf(response)[0]?.code).toBe(18);
  return null;
}

describe('the subscriber', () => {
  it('is who has the source address, whoever asks and without any option', () => {
    expect(identified({}, KIDS)).toBe(KIDS_PROFILE);
    expect(identified({}, OPEN)).toBe(OPEN_PROFILE);
  });

  it('is found by CPE id, by whole client address, by source, in this order', () => {
    const ofKids = subnet4(KIDS);
    const ofOpen = subnet4(OPEN);
    expect(identified({ subnet: ofKids }, FORWARDER)).toBe(KIDS_PROFILE);
    expect(identified({ subnet: ofOpen }, FORWARDER)).toBe(OPEN_PROFILE);
    expect(identified({ cpeId: 'cpe-7' }, FORWARDER)).toBe(KIDS_PROFILE);
    expect(identified({ cpeId: 'cpe-7', subnet: ofOpen }, FORWARDER)).toBe(KIDS_PROFILE);
    const access = { ...OPTIONS.access, forwarders: [parseIpPrefix(`${OPEN}/32`)!] };
    const harness = new ResolverHarness({ ...OPTIONS, access });
    expect(identified({ cpeId: 'cpe-7' }, OPEN, harness)).toBe(KIDS_PROFILE);
    expect(identified({ subnet: ofKids }, OPEN, harness)).toBe(KIDS_PROFILE);
    expect(identified({}, OPEN, harness)).toBe(OPEN_PROFILE);
  });

  it('of an identity that leads nowhere is found by the next way', () => {
    expect(identified({ cpeId: 'cpe-8', subnet: subnet4(KIDS) }, FORWARDER)).toBe(KIDS_PROFILE);
    const access = { ...OPTIONS.access, forwarders: [parseIpPrefix(`${OPEN}/32`)!] };
    const harness = new ResolverHarness({ ...OPTIONS, access });
    const nobody = subnet4('198.51.100.1');
    expect(identified({ cpeId: 'cpe-8', subnet: nobody }, OPEN, harness)).toBe(OPEN_PROFILE);
  });

  it('is nobody where neither the query of a forwarder nor its source says: refused, EDE 18', () => {
    expect(identified({}, FORWARDER)).toBeNull();
    expect(identified({ mac: MAC }, FORWARDER)).toBeNull();
    expect(identified({ cpeId: '' }, FORWARDER)).toBeNull();
    expect(identified({ subnet: subnet4('198.51.100.1') }, FORWARDER)).toBeNull();
    expect(identified({ subnet: subnet4(KIDS, 24) }, FORWARDER)).toBeNull();
    expect(identified({ subnet: [0, 0, 0, 0] }, FORWARDER)).toBeNull();
  });

  it('is never whom a client names that is no forwarder', () => {
    const claims = { cpeId: 'cpe-7', subnet: subnet4(KIDS), mac: MAC };
    expect(identified(claims, OPEN)).toBe(OPEN_PROFILE);
    expect(identified(claims, '198.51.100.1')).toBeNull();
  });
});

describe('an option that stands twice', () => {
  // The CPE id of the household, and a client that is somebody by its source address too.
  const access = { ...OPTIONS.access, forwarders: [parseIpPrefix(`${TV}/32`)!] };
  const identifiedTwice = (options: Options): number | null =>
    identified(options, TV, new ResolverHarness({ ...OPTIONS, access }), 2);

  it('says nothing, and the next way is tried', () => {
    const tv = profile('tv');
    expect(identifiedTwice({ cpeId: 'cpe-7' })).toBe(tv);
    expect(identifiedTwice({ subnet: subnet4(OPEN) })).toBe(tv);
    expect(identifiedTwice({ mac: MAC })).toBe(tv);
    expect(identifiedTwice({ macText: MAC })).toBe(tv);
  });

  it('leaves nobody where nothing else says who asks', () => {
    const harness = new ResolverHarness(OPTIONS);
    expect(identified({ cpeId: 'cpe-7' }, FORWARDER, harness, 2)).toBeNull();
    expect(identified({ subnet: subnet4(KIDS) }, FORWARDER, harness, 2)).toBeNull();
  });
});

describe('the profile', () => {
  it('is that of the MAC, as text before raw, then of the device address, then the subscriber’s own', () => {
    const subnet = subnet4(KIDS);
    expect(identified({ subnet, mac: MAC }, FORWARDER)).toBe(profile('anna'));
    expect(identified({ subnet, macText: MAC }, FORWARDER)).toBe(profile('anna'));
    expect(identified({ subnet, macText: 'AgBeEAAC' }, FORWARDER)).toBe(profile('ben'));
    expect(identified({ subnet, mac: MAC, macText: TABLET_MAC }, FORWARDER)).toBe(profile('ben'));
    const unknown = '02:00:5e:10:00:99';
    expect(identified({ subnet, mac: MAC, macText: unknown }, FORWARDER)).toBe(profile('anna'));
    expect(identified({ subnet: subnet4(TV), mac: unknown }, FORWARDER)).toBe(profile('tv'));
    expect(identified({ subnet: subnet4(GUEST), mac: unknown }, FORWARDER)).toBe(KIDS_PROFILE);
  });

  it('may be found by an address inside the house, where the subscriber is found by another way', () => {
    const inside = subnet4('10.0.0.7');
    expect(identified({ cpeId: 'cpe-7', subnet: inside }, FORWARDER)).toBe(profile('ben'));
    const ipv6 = [0x20, 1, 0xd, 0xb8, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7];
    const subnet = [0, 2, 128, 0, ...ipv6];
    expect(identified({ cpeId: 'cpe-7', subnet }, FORWARDER)).toBe(profile('ben'));
    const access = { ...OPTIONS.access, forwarders: [parseIpPrefix(`${KIDS}/32`)!] };
    const harness = new ResolverHarness({ ...OPTIONS, access });
    expect(identified({ subnet: inside }, KIDS, harness)).toBe(profile('ben'));
  });

  it('is found by the source address alone for a client that is no forwarder', () => {
    expect(identified({}, TV)).toBe(profile('tv'));
    expect(identified({ mac: MAC }, TV)).toBe(profile('tv'));
    expect(identified({ mac: MAC }, GUEST)).toBe(KIDS_PROFILE);
    expect(identified({ macText: MAC, subnet: subnet4(TV) }, KIDS)).toBe(KIDS_PROFILE);
  });

  it('is never one of another household', () => {
    expect(identified({ subnet: subnet4(OPEN), mac: MAC }, FORWARDER)).toBe(OPEN_PROFILE);
  });

  it('of an unknown device is the household’s default profile, where it has one', () => {
    const harness = new ResolverHarness({
      ...OPTIONS,
      defaultProfile: 'ben',
      profiles: { ...OPTIONS.profiles, ben: { deny: ['chat.example'] } },
    });
    const query = aQuery().name('chat.example').build();
    expect(harness.ask(query, { client: GUEST }).rcode).toBe('NXDOMAIN');
    harness.park(query, { client: TV });
  });

  it('is kept while the query is parked', () => {
    const harness = new ResolverHarness({
      ...OPTIONS,
      profiles: { ...OPTIONS.profiles, anna: { macs: [MAC], deny: ['hidden.example'] } },
    });
    const query = (mac: string, id: number): Buffer =>
      aQuery()
        .id(id)
        .name('www.example.org')
        .edns({
          options: [
            { code: 8, data: Uint8Array.from(subnet4(KIDS)) },
            { code: 65_001, data: Buffer.from(mac.replaceAll(':', ''), 'hex') },
          ],
        })
        .build();
    const question = harness.park(query(MAC, 1), { client: FORWARDER });
    harness.resolve(query(TABLET_MAC, 2), { client: FORWARDER });
    const alias = {
      owner: 'www.example.org',
      type: 5,
      ttl: 60,
      rdata: [6, ...Buffer.from('hidden'), 7, ...Buffer.from('example'), 0],
    };
    const asked = { name: 'www.example.org', type: 1 };
    harness.upstreamAnswers(question, rawResponse({ question: asked, answer: [alias] }));
    const rcodes = new Map(harness.takeLate().map(({ response }) => [response.id, response.rcode]));
    expect(rcodes).toEqual(
      new Map([
        [1, 'NXDOMAIN'],
        [2, 'NOERROR'],
      ]),
    );
  });
});

describe('behind a forwarder', () => {
  const limited = { ...OPTIONS, access: { ...OPTIONS.access, ratePerSecond: 10, burst: 10 } };

  /** How many of these queries are not refused. */
  function answeredOf(harness: ResolverHarness, times: number, options: Options): number {
    let answered = 0;
    for (let time = 0; time < times; time++) {
      const { rcode } = harness.ask(queryWith(options), { client: FORWARDER });
      if (rcode === 'NXDOMAIN') answered++;
      else expect(rcode).toBe('REFUSED');
    }
    return answered;
  }

  it('each client has a rate of its own, and over it is refused, never met with silence', () => {
    const harness = new ResolverHarness(limited);
    expect(answeredOf(harness, 500, { subnet: subnet4(KIDS) })).toBe(10);
    expect(answeredOf(harness, 5, { subnet: subnet4(TV) })).toBe(5);
    expect(answeredOf(harness, 20, { cpeId: 'cpe-7' })).toBe(10);
  });

  it('a CPE id is counted for its subscriber, not for the forwarder that is a subscriber too', () => {
    const access = { ...limited.access, forwarders: [parseIpPrefix(`${OPEN}/32`)!] };
    const harness = new ResolverHarness({ ...limited, access });
    const ask = (options: Options): Uint8Array | number =>
      harness.resolve(queryWith(options), { client: OPEN });
    for (let time = 0; time < 20; time++) ask({ cpeId: 'cpe-7' });
    expect(ask({})).toBe(0);
  });

  it('the devices of one subscriber share its rate', () => {
    const harness = new ResolverHarness(limited);
    const answered =
      answeredOf(harness, 10, { cpeId: 'cpe-7', mac: MAC }) +
      answeredOf(harness, 10, { cpeId: 'cpe-7', mac: TABLET_MAC, subnet: subnet4('10.0.0.7') });
    expect(answered).toBe(10);
  });

  it('each client has its own number of queries that may wait', () => {
    const harness = new ResolverHarness({ ...OPTIONS, waitersPerClientMax: 2 });
    const ask = (name: string, address: string): Uint8Array | number => {
      const options = [{ code: 8, data: Uint8Array.from(subnet4(address)) }];
      const query = aQuery().name(name).edns({ options }).build();
      return harness.resolve(query, { client: FORWARDER });
    };
    expect([ask('a.example', KIDS), ask('b.example', KIDS)]).toEqual([0, 0]);
    expect(ask('c.example', KIDS)).not.toBe(0);
    expect([ask('c.example', OPEN), ask('d.example', OPEN)]).toEqual([0, 0]);
    expect(ask('e.example', OPEN)).not.toBe(0);
  });
});

it('nothing that identifies a client goes upstream', () => {
  const harness = new ResolverHarness(OPTIONS);
  const options = { cpeId: 'cpe-7', mac: MAC, subnet: subnet4(OPEN) };
  const query = Buffer.from(queryWith(options));
  const other = aQuery()
    .name('www.example.org')
    .edns({ options: [{ code: 65_074, data: Buffer.from('cpe-7') }] })
    .build();
  expect(harness.ask(query, { client: FORWARDER }).rcode).toBe('NXDOMAIN');
  const question = harness.park(other, { client: FORWARDER });
  expect(Object.keys(question).sort()).toEqual([
    'group',
    'handle',
    'isCheckingDisabled',
    'isDnssecOk',
    'name',
    'nameLength',
    'text',
    'type',
  ]);
});
