import { describe, expect, it } from 'vitest';
import {
  createEventRing,
  droppedEvents,
  EVENT_BLOCKED,
  EVENT_HAS_CATEGORY,
  EVENT_IS_BYPASS,
  EVENT_IS_CANARY,
  EVENT_IS_TUNNEL_LIKE,
  EVENT_PASSED,
  EVENT_USED,
  type RingEvent,
} from '../../src/lib/event-ring.ts';
import { FORWARD_TIMEOUT } from '../../src/resolver/forwarder.ts';
import { nameToText } from '../../src/dns/name.ts';
import { parseIpPrefix } from '../../src/lib/ip-address.ts';
import { aQuery } from '../support/dns-query.ts';
import { ALL_SAFE, bitOf, KIDS_PROFILE, profileNumber } from '../support/household.ts';
import { QNAME, rawResponse, wire, type RawRecord } from '../support/raw-response.ts';
import { KIDS, ResolverHarness, type HarnessOptions } from '../support/resolver-harness.ts';

const LISTS: HarnessOptions = {
  lists: {
    adult: ['adult.example'],
    court: ['ordered.example'],
    malware: ['bad.example'],
    bypass: ['vpn.example'],
    protected: ['help.example'],
    'self-harm': ['harm.example'],
    games: ['games.example'],
    'service:clips': ['clips.example', 'games.example'],
  },
};
const ADDRESS = { owner: QNAME, type: 1, ttl: 300, rdata: [192, 0, 2, 80] };
const LONG_LABEL = 'k5uxe3dpojsgs43fnz2gk4tfon2gs3thn4zdaxy7m5';

function aHarness(log: HarnessOptions['log'], more: HarnessOptions = {}): ResolverHarness {
  return new ResolverHarness({ ...LISTS, ...(log && { log }), ...more });
}

/** Asks and, where it has to, lets upstream answer; what was left behind. */
function eventsOf(
  harness: ResolverHarness,
  name: string,
  answer: readonly RawRecord[] = [ADDRESS],
): RingEvent[] {
  const before = harness.forwarded.length;
  harness.resolve(aQuery().name(name).build());
  for (const question of harness.forwarded.slice(before)) {
    expect(harness.takeEvents()).toEqual([]);
    const asked = { name: question.text, type: question.type };
    harness.upstreamAnswers(question, rawResponse({ question: asked, answer: [...answer] }));
  }
  return harness.takeEvents();
}

function nameOf(event: RingEvent | undefined): string | null {
  return event === undefined || event.name.length === 0 ? null : nameToText(event.name);
}

describe('at level "all"', () => {
  it('a passed query leaves one event, when it is answered, with name and client', () => {
    const harness = aHarness('all');
    const [event, ...others] = eventsOf(harness, 'WWW.Example.org');
    expect(others).toEqual([]);
    expect(event).toMatchObject({
      kind: EVENT_PASSED,
      second: harness.nowSeconds,
      profile: KIDS_PROFILE,
      row: 12,
      verdictClass: 0,
      qtype: 1,
      flags: 0,
    });
    expect(nameOf(event)).toBe('www.example.org');
    const [cached] = eventsOf(harness, 'www.example.org');
    expect(cached).toMatchObject({ kind: EVENT_PASSED, clientHash: event?.clientHash });
    expect(cached?.clientHash).not.toBe(0);
  });

  it('a blocked query leaves row, class and category', () => {
    const harness = aHarness('all', { deny: ['chat.example'] });
    expect(eventsOf(harness, 'www.adult.example')).toMatchObject([
      {
        kind: EVENT_BLOCKED,
        row: 9,
        verdictClass: 3,
        category: bitOf('adult'),
        flags: EVENT_HAS_CATEGORY,
      },
    ]);
    expect(eventsOf(harness, 'bad.example')).toMatchObject([{ row: 9, verdictClass: 2 }]);
    expect(eventsOf(harness, 'chat.example')).toMatchObject([
      { kind: EVENT_BLOCKED, row: 8, category: 0, flags: 0 },
    ]);
  });

  it('what is blocked for a target is blocked under the asked name, fresh and from the cache', () => {
    const harness = aHarness('all');
    const chain = [
      { owner: QNAME, type: 5, ttl: 300, rdata: wire('cdn.adult.example') },
      { ...ADDRESS, owner: 'cdn.adult.example' },
    ];
    for (const turn of ['fresh', 'cached']) {
      const [event] = eventsOf(harness, 'www.example.org', chain);
      expect(event, turn).toMatchObject({ kind: EVENT_BLOCKED, category: bitOf('adult') });
      expect(nameOf(event), turn).toBe('www.example.org');
    }
  });

  it('answers of every kind leave one', () => {
    const record = { name: 'tv.lan', type: 1, rdata: Uint8Array.from([10, 0, 0, 7]) };
    const harness = aHarness('all', { records: [record], safeSearch: ALL_SAFE });
    for (const [name, row] of [
      ['tv.lan', 12],
      ['localhost', 3],
      ['www.google.com', 11],
      ['ya.ru', 11],
      ['startpage.com', 11],
    ] as const) {
      const events = eventsOf(harness, name);
      expect(events.map((event) => [event.row, nameOf(event)])).toEqual([[row, name]]);
    }
  });

  it('an answer that is cut short leaves none, the one that is asked for again does', () => {
    const harness = aHarness('all');
    const many = Array.from({ length: 40 }, () => ADDRESS);
    expect(eventsOf(harness, 'www.example.org', many)).toEqual([]);
    harness.ask(aQuery().name('www.example.org').build(), { isStream: true });
    expect(harness.takeEvents()).toHaveLength(1);
  });

  it('what nobody answered leaves none', () => {
    const harness = aHarness('all');
    harness.upstreamFails(harness.park(aQuery().name('www.example.org').build()), FORWARD_TIMEOUT);
    harness.ask(aQuery().name('www.example.org').build());
    harness.ask(aQuery().questions(2).build());
    expect(harness.takeEvents()).toEqual([]);
  });

  it('clients are told apart by a hash, also where they wait on one question', () => {
    const harness = aHarness('all', { clients: ['192.0.2.0/24'] });
    const query = aQuery().name('www.example.org').build();
    const question = harness.park(query, { client: '192.0.2.20' });
    harness.resolve(query, { client: '192.0.2.21' });
    const asked = { name: question.text, type: 1 };
    harness.upstreamAnswers(question, rawResponse({ question: asked, answer: [ADDRESS] }));
    const late = harness.takeEvents().map(({ clientHash }) => clientHash);
    const atOnce = ['192.0.2.21', '192.0.2.20'].map((client) => {
      harness.ask(query, { client });
      return harness.takeEvents()[0]!.clientHash;
    });
    expect(new Set(late).size).toBe(2);
    expect(late).toEqual(atOnce);
  });
});

describe('at a lower level', () => {
  it('"blocked" keeps names of what was blocked, "counts" no name, and neither the client', () => {
    for (const [log, blockedName] of [
      ['blocked', 'adult.example'],
      ['counts', null],
    ] as const) {
      const harness = aHarness(log);
      const [passed] = eventsOf(harness, 'www.example.org');
      const [blocked] = eventsOf(harness, 'adult.example');
      expect(passed, log).toMatchObject({ kind: EVENT_PASSED, clientHash: 0, row: 12 });
      expect(nameOf(passed), log).toBeNull();
      expect(blocked, log).toMatchObject({ kind: EVENT_BLOCKED, clientHash: 0, row: 9 });
      expect(nameOf(blocked), log).toBe(blockedName);
    }
  });

  it('"nothing" leaves nothing', () => {
    const harness = aHarness('nothing');
    for (const name of ['www.example.org', 'adult.example', 'localhost', 'ordered.example']) {
      expect(eventsOf(harness, name)).toEqual([]);
    }
  });

  it('is that of the profile, not of its household', () => {
    const device = '192.0.2.9';
    const more = {
      clients: [device],
      profiles: { anna: { addresses: [device], log: 'all' } },
    } as const;
    const harness = aHarness('nothing', more);
    const query = aQuery().name('adult.example').build();
    harness.ask(query, { client: KIDS });
    harness.ask(query, { client: device });
    expect(harness.takeEvents()).toMatchObject([{ profile: profileNumber(more, 'anna') }]);
  });
});

describe('names that are nobody’s business', () => {
  it('protected and never-reported ones leave nothing at any level, asked or as a target', () => {
    const budgets = [{ target: 'internet' }];
    const harness = aHarness('all', { budgets, plan: { block: ['self-harm'] } });
    expect(eventsOf(harness, 'www.help.example')).toEqual([]);
    expect(eventsOf(harness, 'harm.example')).toEqual([]);
    const chain = [
      { owner: QNAME, type: 5, ttl: 300, rdata: wire('www.harm.example') },
      { ...ADDRESS, owner: 'www.harm.example' },
    ];
    expect(eventsOf(harness, 'www.example.org', chain)).toEqual([]);
    expect(eventsOf(harness, 'www.example.org')).toEqual([]);
  });

  it('a law list leaves its class and never a name', () => {
    const [event] = eventsOf(aHarness('all'), 'www.ordered.example');
    expect(event).toMatchObject({ kind: EVENT_BLOCKED, row: 1, verdictClass: 1 });
    expect(nameOf(event)).toBeNull();
  });
});

describe('budgets', () => {
  const used = (events: readonly RingEvent[]): (number | null)[] =>
    events
      .filter(({ kind }) => kind === EVENT_USED)
      .map(({ flags, category }) => ((flags & EVENT_HAS_CATEGORY) === 0 ? null : category));
  const budgets = [{ target: 'games' }, { target: 'service:clips' }, { target: 'internet' }];

  it('each category of a passed name that is counted leaves an event, and the internet one', () => {
    const harness = aHarness('nothing', { budgets });
    const events = eventsOf(harness, 'www.games.example');
    expect(used(events)).toEqual([null, bitOf('games'), bitOf('service:clips')]);
    expect(events).toHaveLength(3);
    for (const event of events) {
      expect(event).toMatchObject({
        profile: KIDS_PROFILE,
        clientHash: 0,
        second: harness.nowSeconds,
      });
      expect(nameOf(event)).toBeNull();
    }
    expect(used(eventsOf(harness, 'clips.example'))).toEqual([null, bitOf('service:clips')]);
    expect(used(eventsOf(harness, 'www.example.org'))).toEqual([null]);
  });

  it('what was blocked, or is answered here, uses up nothing', () => {
    const harness = aHarness('nothing', { budgets, deny: ['games.example'] });
    for (const name of ['www.games.example', 'adult.example', 'localhost', 'x.invalid']) {
      expect(eventsOf(harness, name)).toEqual([]);
    }
  });

  it('without one for the internet, only what is counted leaves an event', () => {
    const harness = aHarness('all', { budgets: [{ target: 'games' }] });
    expect(used(eventsOf(harness, 'www.example.org'))).toEqual([]);
    const events = eventsOf(harness, 'games.example');
    expect(events.map(({ kind }) => kind)).toEqual([EVENT_PASSED, EVENT_USED]);
  });
});

describe('marks', () => {
  it('canaries and names of category bypass are marked, blocked or not', () => {
    const blocking = aHarness('counts');
    const passing = aHarness('counts', { plan: { block: [] } });
    for (const name of [
      'use-application-dns.net',
      'mask.icloud.com',
      'mask-h2.icloud.com',
      'vpn.example',
    ]) {
      const flag = name === 'vpn.example' ? EVENT_IS_BYPASS : EVENT_IS_CANARY;
      const [blocked] = eventsOf(blocking, name);
      expect(blocked, name).toMatchObject({
        kind: EVENT_BLOCKED,
        flags: EVENT_HAS_CATEGORY | flag,
        category: bitOf('bypass'),
      });
      expect(eventsOf(passing, name), name).toMatchObject([{ kind: EVENT_PASSED, flags: flag }]);
    }
    expect(eventsOf(blocking, '_dns.resolver.arpa')).toMatchObject([{ flags: 0 }]);
  });

  it.each([
    [`${LONG_LABEL}.t.example`, true],
    [`${'abcdef0123456789'.repeat(3)}.t.example`, true],
    [`${'a'.repeat(50)}.${'b'.repeat(50)}.t.example`, true],
    ['anordinarybutverylongnameofabakeryinasmalltown.example', false],
    [`${LONG_LABEL.slice(0, 40)}.t.example`, false],
    ['d111111abcdef8.cdn.example', false],
    ['www.example.org', false],
  ])('the name %s looks like a tunnel: %s', (name, isTunnelLike) => {
    const [event] = eventsOf(aHarness('counts'), name);
    expect(event?.flags).toBe(isTunnelLike ? EVENT_IS_TUNNEL_LIKE : 0);
  });
});

describe('the ring', () => {
  it('that is full drops events and no answers', () => {
    const harness = aHarness('all');
    const ring = createEventRing(1024);
    const full = { ...harness.resolver, events: ring };
    Object.assign(harness, { resolver: full });
    const query = aQuery().name('adult.example').build();
    for (let time = 0; time < 100; time++) expect(harness.ask(query).rcode).toBe('NXDOMAIN');
    expect(droppedEvents(ring)).toBeGreaterThan(50);
  });

  it('may be missing', () => {
    const harness = aHarness('all');
    Object.assign(harness, { resolver: { ...harness.resolver, events: null } });
    expect(harness.ask(aQuery().name('adult.example').build()).rcode).toBe('NXDOMAIN');
  });
});

it('behind a CPE id each device has a hash of its own, also where it waits', () => {
  const forwarder = '203.0.113.53';
  const harness = aHarness('all', {
    cpeIds: ['cpe-1'],
    access: { forwarders: [parseIpPrefix(`${forwarder}/32`)!], forwarderRatePerSecond: 1000 },
  });
  const queryOf = (last: number): Uint8Array =>
    aQuery()
      .name('www.example.org')
      .edns({
        options: [
          { code: 65_074, data: Buffer.from('cpe-1') },
          { code: 8, data: Uint8Array.from([0, 1, 32, 0, 10, 0, 0, last]) },
        ],
      })
      .build();
  const question = harness.park(queryOf(1), { client: forwarder });
  harness.resolve(queryOf(2), { client: forwarder });
  const asked = { name: question.text, type: 1 };
  harness.upstreamAnswers(question, rawResponse({ question: asked, answer: [ADDRESS] }));
  const late = harness.takeEvents().map(({ clientHash }) => clientHash);
  const atOnce = [2, 1].map((last) => {
    harness.ask(queryOf(last), { client: forwarder });
    return harness.takeEvents()[0]!.clientHash;
  });
  expect(new Set(late).size).toBe(2);
  expect(late).toEqual(atOnce);
});

it('behind a forwarder the client is who was identified', () => {
  const forwarder = '203.0.113.53';
  const harness = aHarness('all', {
    access: { forwarders: [parseIpPrefix(`${forwarder}/32`)!], forwarderRatePerSecond: 1000 },
  });
  const options = [{ code: 8, data: Uint8Array.from([0, 1, 32, 0, 192, 0, 2, 7]) }];
  harness.ask(aQuery().name('adult.example').edns({ options }).build(), { client: forwarder });
  harness.ask(aQuery().name('adult.example').build(), { client: KIDS });
  const [behind, direct] = harness.takeEvents();
  expect(behind?.clientHash).toBe(direct?.clientHash);
});
