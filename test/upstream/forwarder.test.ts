/** What upstream resolvers, networks and forgers do, and what becomes of the question. */

import { describe, expect, test } from 'vitest';
import {
  FORWARD_BAD_RESPONSES,
  FORWARD_NETWORK_ERROR,
  FORWARD_OVERLOADED,
  FORWARD_TIMEOUT,
} from '../../src/resolver/forwarder.ts';
import {
  addressAnswer,
  answerTo,
  closedPort,
  nxdomainAnswer,
  patched,
  type UpstreamQuery,
  type UpstreamScript,
} from '../support/fake-upstream.ts';
import { aForwarder, anUpstream, firstData } from './forwarding.ts';

const TC = 0x0200;
const AD = 0x0020;
const SERVFAIL = 2;
const REFUSED = 5;

const silent: UpstreamScript = () => null;
const good: UpstreamScript = (query) => addressAnswer(query, '192.0.2.1');

/** The right answer with another address: what an attacker would like to see cached. */
function forged(query: UpstreamQuery): Buffer {
  return addressAnswer(query, '203.0.113.66');
}

/** The answer with its question's letters all lower-case. */
function lowerCased(query: UpstreamQuery): Buffer {
  const answer = addressAnswer(query);
  const end = answer.indexOf(0, 12);
  for (let at = 12; at < end; at++) {
    const octet = answer[at] ?? 0;
    if (octet >= 0x41 && octet <= 0x5a) answer[at] = octet + 0x20;
  }
  return answer;
}

describe('an upstream that answers', () => {
  test('its response arrives with the name in lower case again', async () => {
    const upstream = await anUpstream(good);
    const { ask } = aForwarder([upstream]);
    const outcome = await ask('www.example.org');
    expect(firstData(outcome)).toBe('192.0.2.1');
    expect(outcome.response?.questions[0]?.name).toBe('www.example.org');
  });

  test('is asked with RD, an empty OPT of 1232 octets and nothing of the client but DO and CD', async () => {
    const upstream = await anUpstream(good);
    const { ask } = aForwarder([upstream]);
    await ask('www.example.org', { isDnssecOk: true, isCheckingDisabled: true });
    await ask('www.example.org');
    const [secure, plain] = upstream.queries.map(({ packet }) => packet);
    expect(secure).toMatchObject({ flag_rd: true, flag_cd: true, answers: [], authorities: [] });
    expect(secure?.additionals).toHaveLength(1);
    expect(secure?.additionals[0]).toMatchObject({ udpPayloadSize: 1232, flag_do: true });
    expect(secure?.additionals[0]?.options).toEqual([]);
    expect(plain).toMatchObject({ flag_rd: true, flag_cd: false });
    expect(plain?.additionals[0]).toMatchObject({ udpPayloadSize: 1232, flag_do: false });
  });

  test('sees a random ID, a random port and random case with each query', async () => {
    const upstream = await anUpstream(good);
    const { ask } = aForwarder([upstream]);
    for (let count = 0; count < 60; count++) await ask('abcdefghijklmnopqrstuvwxyz.example.org');
    const distinct = (values: unknown[]): number => new Set(values).size;
    expect(distinct(upstream.queries.map(({ raw }) => raw.readUInt16BE(0)))).toBeGreaterThan(55);
    // 60 draws of 256 sockets: about 53 of them differ, fewer than 35 never happens.
    expect(distinct(upstream.queries.map(({ sourcePort }) => sourcePort))).toBeGreaterThan(35);
    expect(distinct(upstream.queries.map(({ name }) => name))).toBe(60);
  });

  test('is believed about AD over loopback', async () => {
    const upstream = await anUpstream((query) => answerTo(query, { flags: AD }));
    const { ask } = aForwarder([upstream]);
    expect((await ask('www.example.org')).isAuthentic).toBe(true);
    upstream.use((query) => answerTo(query));
    expect((await ask('www.example.org')).isAuthentic).toBe(false);
  });

  test('may say NXDOMAIN, which is an answer', async () => {
    const upstream = await anUpstream((query) => nxdomainAnswer(query));
    const other = await anUpstream((query) => nxdomainAnswer(query));
    const { ask } = aForwarder([upstream, other]);
    expect((await ask('none.example.org')).response?.rcode).toBe('NXDOMAIN');
    expect(upstream.queries.length + other.queries.length).toBe(1);
  });

  test('may be reached over IPv6', async () => {
    const upstream = await anUpstream((query) => addressAnswer(query, '2001:db8::1'), {
      address: '::1',
    });
    const { ask } = aForwarder([upstream]);
    expect(firstData(await ask('www.example.org', { qtype: 'AAAA' }))).toBe('2001:db8::1');
  });

  test('may answer many questions at once, out of order', async () => {
    const upstream = await anUpstream((query) => [
      { bytes: addressAnswer(query), delayMs: 5 + ((query.index * 7) % 40) },
    ]);
    const { ask, forwarder } = aForwarder([upstream]);
    const names = Array.from({ length: 300 }, (_, index) => `name-${index}.example.org`);
    const outcomes = await Promise.all(names.map((name) => ask(name)));
    expect(outcomes.map(({ response }) => response?.questions[0]?.name)).toEqual(names);
    expect(forwarder.stats().pending).toBe(0);
  });
});

describe('a silent upstream', () => {
  test('is followed by another one', async () => {
    const dead = await anUpstream(silent);
    const alive = await anUpstream(good);
    const { ask } = aForwarder([dead, alive]);
    for (let count = 0; count < 12; count++) {
      expect(firstData(await ask(`name-${count}.example.org`))).toBe('192.0.2.1');
    }
  });

  test('is asked at most four times, and the question fails in time', async () => {
    const dead = await anUpstream(silent);
    const { ask } = aForwarder([dead], { timeoutMs: 3600, slowMs: 100 });
    const outcome = await ask('www.example.org');
    expect(outcome.cause).toBe(FORWARD_TIMEOUT);
    expect(outcome.elapsedMs).toBeLessThan(3800);
    expect(dead.queries).toHaveLength(4);
    expect(outcome.slowCount).toBe(1);
  });

  test('is marked as down, hardly asked any more, and found again when it is back', async () => {
    const flaky = await anUpstream(silent);
    const steady = await anUpstream(good);
    const { ask, forwarder } = aForwarder([flaky, steady]);
    const isFlakyDown = (): boolean | undefined => forwarder.stats().upstreams[0]?.isDown;
    // The refresh copies reach it now and then; each is a failure.
    for (let count = 0; count < 600 && isFlakyDown() === false; count += 20) {
      await Promise.all(Array.from({ length: 20 }, () => ask('www.example.org')));
    }
    await expect.poll(isFlakyDown, { timeout: 3000 }).toBe(true);
    flaky.use(good);
    await expect
      .poll(async () => [await ask('www.example.org'), isFlakyDown()][1], { timeout: 4000 })
      .toBe(false);
  }, 15_000);
});

describe('a slow upstream', () => {
  test('is listened to although another attempt has begun', async () => {
    const upstream = await anUpstream((query) =>
      query.index === 0 ? [{ bytes: addressAnswer(query), delayMs: 700 }] : null,
    );
    const { ask } = aForwarder([upstream]);
    expect(firstData(await ask('www.example.org'))).toBe('192.0.2.1');
    expect(upstream.queries.length).toBeGreaterThan(1);
  });

  test('is told to the resolver once, so that it can serve stale, and its answer still comes', async () => {
    const upstream = await anUpstream((query) => [{ bytes: addressAnswer(query), delayMs: 300 }]);
    const { ask } = aForwarder([upstream], { slowMs: 100 });
    const outcome = await ask('www.example.org');
    expect(outcome.slowCount).toBe(1);
    expect(firstData(outcome)).toBe('192.0.2.1');
  });
});

describe('SERVFAIL and REFUSED', () => {
  test('another upstream is asked', async () => {
    const broken = await anUpstream((query) => answerTo(query, { rcode: SERVFAIL }));
    const refusing = await anUpstream((query) => answerTo(query, { rcode: REFUSED }));
    const alive = await anUpstream(good);
    const { ask } = aForwarder([broken, refusing, alive]);
    for (let count = 0; count < 8; count++) {
      expect(firstData(await ask('www.example.org'))).toBe('192.0.2.1');
    }
  });

  test('where all upstreams say SERVFAIL, it is delivered at once', async () => {
    const upstreams = [
      await anUpstream((query) => answerTo(query, { rcode: SERVFAIL })),
      await anUpstream((query) => answerTo(query, { rcode: SERVFAIL })),
    ];
    const { ask } = aForwarder(upstreams);
    const outcome = await ask('www.example.org');
    expect(outcome.response?.rcode).toBe('SERVFAIL');
    expect(outcome.response?.questions[0]?.name).toBe('www.example.org');
    const counts = upstreams.map(({ queries }) => queries.length);
    // Now and then a copy goes to the other one, to learn how it fares.
    expect([
      [1, 1],
      [1, 2],
      [2, 1],
    ]).toContainEqual(counts);
    expect(outcome.elapsedMs).toBeLessThan(250);
  });

  test('where all upstreams say REFUSED, the question fails at once', async () => {
    const upstream = await anUpstream((query) => answerTo(query, { rcode: REFUSED }));
    const { ask } = aForwarder([upstream]);
    const outcome = await ask('www.example.org');
    expect(outcome.cause).toBe(FORWARD_BAD_RESPONSES);
    expect(outcome.elapsedMs).toBeLessThan(250);
  });

  test('a SERVFAIL in hand is delivered when the silent others have had their time', async () => {
    const broken = await anUpstream((query) => answerTo(query, { rcode: SERVFAIL }));
    const dead = await anUpstream(silent);
    const { ask } = aForwarder([dead, broken], { timeoutMs: 4500 });
    const outcome = await ask('www.example.org');
    expect(outcome.response?.rcode).toBe('SERVFAIL');
    expect(outcome.elapsedMs).toBeLessThan(1000);
  });
});

describe('packets that are not the answer are dropped and the right one still counts', () => {
  const cases: [string, (query: UpstreamQuery) => Uint8Array][] = [
    ['another ID', (query) => patched(forged(query), 0, [(query.raw[0] ?? 0) ^ 0x55])],
    ['QR clear', (query) => patched(forged(query), 2, [0x01])],
    ['another opcode', (query) => patched(forged(query), 2, [0x91])],
    ['QDCOUNT 0', (query) => patched(forged(query), 4, [0, 0])],
    ['QDCOUNT 2', (query) => patched(forged(query), 4, [0, 2])],
    ['another name', (query) => patched(forged(query), 13, [0x7a])],
    ['another type', (query) => patched(forged(query), 12 + 17 + 1, [28])],
    ['another class', (query) => patched(forged(query), 12 + 17 + 3, [3])],
    ['the name in another case', (query) => patched(forged(query), 13, flipped(query))],
    ['eleven octets', (query) => forged(query).subarray(0, 11)],
    ['an empty packet', () => new Uint8Array(0)],
    ['a header alone', (query) => forged(query).subarray(0, 12)],
    ['a cut record', (query) => forged(query).subarray(0, -15)],
    ['octets left over', (query) => Buffer.concat([forged(query), Buffer.from('tail')])],
    ['ANCOUNT too high', (query) => patched(forged(query), 6, [0xff, 0xff])],
    ['garbage after the question', (query) => garbageAfterQuestion(query)],
  ];

  test.each(cases)('%s', async (_fault, packet) => {
    const upstream = await anUpstream((query) =>
      query.index > 0
        ? null
        : [{ bytes: packet(query) }, { bytes: addressAnswer(query, '192.0.2.1'), delayMs: 20 }],
    );
    const { ask, forwarder } = aForwarder([upstream]);
    const outcome = await ask('www.example.org');
    expect(outcome.response?.answers).toHaveLength(1);
    expect(firstData(outcome)).toBe('192.0.2.1');
    expect(upstream.queries).toHaveLength(1);
    expect(forwarder.stats().counters.strays).toBe(1);
  });

  test.each(['port', 'address'] as const)('from another %s', async (from) => {
    const upstream = await anUpstream((query) => [
      { bytes: forged(query), from },
      { bytes: addressAnswer(query, '192.0.2.1'), delayMs: 20 },
    ]);
    const { ask } = aForwarder([upstream]);
    expect(firstData(await ask('www.example.org'))).toBe('192.0.2.1');
    expect(upstream.queries).toHaveLength(1);
  });

  test('a second answer to an answered question is dropped', async () => {
    const upstream = await anUpstream((query) => [
      { bytes: addressAnswer(query, '192.0.2.1') },
      { bytes: forged(query) },
    ]);
    const { ask, forwarder } = aForwarder([upstream]);
    expect(firstData(await ask('www.example.org'))).toBe('192.0.2.1');
    expect(firstData(await ask('www.example.org'))).toBe('192.0.2.1');
    expect(forwarder.stats().counters.faults).toBe(0);
  });

  test('where nothing else comes, the question fails in time and the upstream is not to blame', async () => {
    const upstream = await anUpstream((query) => [{ bytes: patched(forged(query), 0, [0, 0]) }]);
    const { ask, forwarder } = aForwarder([upstream]);
    const outcomes = await Promise.all(
      Array.from({ length: 8 }, (_, index) => ask(`name-${index}.example.org`)),
    );
    for (const { cause } of outcomes) expect(cause).toBe(FORWARD_BAD_RESPONSES);
    expect(forwarder.stats().upstreams[0]?.isDown).toBe(false);
  });

  test('twenty of them send the question over TCP', async () => {
    const upstream = await anUpstream((query) => {
      if (query.transport === 'tcp') return addressAnswer(query, '192.0.2.1');
      const id = query.raw.readUInt16BE(0);
      const guess = (step: number): Buffer =>
        patched(forged(query), 0, [((id + step) >>> 8) & 0xff, (id + step) & 0xff]);
      return Array.from({ length: 25 }, (_, step) => ({ bytes: guess(step + 1) }));
    });
    const { ask } = aForwarder([upstream]);
    expect(firstData(await ask('www.example.org'))).toBe('192.0.2.1');
    expect(upstream.queries.map(({ transport }) => transport)).toEqual(['udp', 'tcp']);
  });

  test('no number of them keeps the question past its time', async () => {
    const upstream = await anUpstream(
      (query) => Array.from({ length: 60 }, () => ({ bytes: patched(forged(query), 0, [0, 0]) })),
      { hasTcp: false },
    );
    const { ask } = aForwarder([upstream]);
    const outcome = await ask('www.example.org');
    expect(outcome.cause).toBe(FORWARD_BAD_RESPONSES);
    expect(upstream.queries.length).toBeLessThanOrEqual(4);
    expect(outcome.elapsedMs).toBeLessThan(1400);
  });
});

describe('an upstream that does not keep case', () => {
  test('is asked over TCP, and after three such answers without 0x20', async () => {
    const upstream = await anUpstream(lowerCased);
    const { ask, forwarder } = aForwarder([upstream]);
    for (let count = 0; count < 3; count++) {
      expect(firstData(await ask('abcdefghijklmnop.example.org'))).toBe('192.0.2.1');
      expect(upstream.queries.at(-1)?.transport).toBe('tcp');
    }
    expect(forwarder.stats().upstreams[0]?.isAskedInMixedCase).toBe(false);
    await ask('abcdefghijklmnop.example.org');
    expect(upstream.queries.at(-1)).toMatchObject({
      transport: 'udp',
      name: 'abcdefghijklmnop.example.org',
    });
  });

  test('is found out without TCP too', async () => {
    const upstream = await anUpstream(lowerCased, { hasTcp: false });
    const { ask, forwarder } = aForwarder([upstream]);
    for (let count = 0; count < 2; count++) await ask('abcdefghijklmnop.example.org');
    await ask('abcdefghijklmnop.example.org');
    expect(forwarder.stats().upstreams[0]?.isAskedInMixedCase).toBe(false);
    expect(firstData(await ask('abcdefghijklmnop.example.org'))).toBe('192.0.2.1');
  });
});

describe('a truncated response', () => {
  const overTcp: UpstreamScript = (query) =>
    query.transport === 'tcp' ? addressAnswer(query) : answerTo(query, { flags: TC });

  test('is asked again over TCP', async () => {
    const upstream = await anUpstream(overTcp);
    const { ask } = aForwarder([upstream]);
    expect(firstData(await ask('www.example.org'))).toBe('192.0.2.1');
    expect(upstream.queries.map(({ transport }) => transport)).toEqual(['udp', 'tcp']);
  });

  test('may be cut in the middle of a record', async () => {
    const upstream = await anUpstream((query) =>
      query.transport === 'tcp'
        ? addressAnswer(query)
        : patched(addressAnswer(query), 2, [0x83]).subarray(0, -13),
    );
    const { ask } = aForwarder([upstream]);
    expect(firstData(await ask('www.example.org'))).toBe('192.0.2.1');
  });

  test('shares one connection among questions, and finds its own answer out of order', async () => {
    const upstream = await anUpstream((query) =>
      query.transport === 'tcp'
        ? [{ bytes: addressAnswer(query), delayMs: 40 - ((query.index * 13) % 40) }]
        : answerTo(query, { flags: TC }),
    );
    const { ask } = aForwarder([upstream]);
    const names = Array.from({ length: 8 }, (_, index) => `name-${index}.example.org`);
    const outcomes = await Promise.all(names.map((name) => ask(name)));
    expect(outcomes.map(({ response }) => response?.questions[0]?.name)).toEqual(names);
    expect(upstream.connectionCount).toBe(1);
  });

  test('is never delivered where TCP fails', async () => {
    const upstream = await anUpstream(overTcp, { hasTcp: false });
    const { ask } = aForwarder([upstream]);
    const outcome = await ask('www.example.org');
    expect(outcome.response).toBeNull();
    expect(outcome.cause).toBe(FORWARD_NETWORK_ERROR);
    expect(outcome.elapsedMs).toBeLessThan(1400);
  });

  test('with TC over TCP too is a bad response', async () => {
    const upstream = await anUpstream((query) => answerTo(query, { flags: TC }));
    const { ask } = aForwarder([upstream]);
    expect((await ask('www.example.org')).cause).toBe(FORWARD_BAD_RESPONSES);
  });
});

describe('a large response', () => {
  const text = Array.from({ length: 20 }, () => 'x'.repeat(200));
  const large: UpstreamScript = (query) =>
    answerTo(query, { answers: [{ name: query.name, type: 'TXT', ttl: 60, data: text }] });

  test('larger than offered over UDP is taken, since it is verified', async () => {
    const upstream = await anUpstream(large);
    const { ask } = aForwarder([upstream]);
    const outcome = await ask('www.example.org', { qtype: 'TXT' });
    expect(outcome.raw?.length).toBeGreaterThan(4000);
  });

  test('of 60,000 octets over TCP is put together again', async () => {
    const answers = Array.from({ length: 14 }, (_, index) => ({
      name: 'example.org',
      type: 'TXT',
      ttl: index,
      data: text,
    }));
    const upstream = await anUpstream((query) =>
      query.transport === 'udp' ? answerTo(query, { flags: TC }) : answerTo(query, { answers }),
    );
    const { ask } = aForwarder([upstream]);
    const outcome = await ask('www.example.org', { qtype: 'TXT' });
    expect(outcome.raw?.length).toBeGreaterThan(55_000);
    expect(outcome.response?.answers).toHaveLength(14);
  });
});

describe('an upstream without EDNS', () => {
  test.each([
    ['FORMERR', 1],
    ['NOTIMP', 4],
  ])('that says %s is asked without OPT, and so from then on', async (_rcode, rcode) => {
    const upstream = await anUpstream((query) =>
      query.hasOpt ? answerTo(query, { rcode, hasOpt: false }) : addressAnswer(query),
    );
    const { ask, forwarder } = aForwarder([upstream]);
    expect(firstData(await ask('www.example.org'))).toBe('192.0.2.1');
    expect(firstData(await ask('www.example.org'))).toBe('192.0.2.1');
    expect(upstream.queries.map(({ hasOpt }) => hasOpt)).toEqual([true, false, false]);
    expect(forwarder.stats().upstreams[0]?.isAskedWithOpt).toBe(false);
  });

  test('that answers with a header alone is asked without OPT, for this question only', async () => {
    const header = (query: UpstreamQuery): Buffer =>
      Buffer.from([...query.raw.subarray(0, 2), 0x81, 0x81, 0, 0, 0, 0, 0, 0, 0, 0]);
    const upstream = await anUpstream((query) =>
      query.hasOpt ? header(query) : addressAnswer(query),
    );
    const { ask, forwarder } = aForwarder([upstream]);
    expect(firstData(await ask('www.example.org'))).toBe('192.0.2.1');
    // Anybody who guesses an ID could have sent it.
    expect(forwarder.stats().upstreams[0]?.isAskedWithOpt).toBe(true);
  });

  test('that says FORMERR to everything fails the question at once', async () => {
    const upstream = await anUpstream((query) => answerTo(query, { rcode: 1, hasOpt: false }));
    const { ask } = aForwarder([upstream]);
    const outcome = await ask('www.example.org');
    expect(outcome.cause).toBe(FORWARD_BAD_RESPONSES);
    expect(upstream.queries).toHaveLength(2);
  });
});

describe('an upstream that is not there', () => {
  test('is followed by another one at once', async () => {
    const alive = await anUpstream(good);
    const { ask } = aForwarder([{ address: '127.0.0.1', port: await closedPort() }, alive]);
    for (let count = 0; count < 12; count++) {
      const outcome = await ask('www.example.org');
      expect(firstData(outcome)).toBe('192.0.2.1');
      expect(outcome.elapsedMs).toBeLessThan(200);
    }
  });

  test('alone: it is tried once more and then the question fails', async () => {
    const { ask, forwarder } = aForwarder([{ address: '127.0.0.1', port: await closedPort() }]);
    const outcome = await ask('www.example.org');
    expect(outcome.cause).toBe(FORWARD_NETWORK_ERROR);
    expect(outcome.elapsedMs).toBeLessThan(1000);
    expect(forwarder.stats().counters.attempts).toBe(2);
  });

  test('an address that cannot be sent to is a network error too', async () => {
    const { ask } = aForwarder([{ address: '255.255.255.255', port: 53 }]);
    expect((await ask('www.example.org')).cause).toBe(FORWARD_NETWORK_ERROR);
  });

  test('a group without upstreams, and a group that does not exist, fail the question', async () => {
    const { ask } = aForwarder([]);
    expect((await ask('www.example.org')).cause).toBe(FORWARD_NETWORK_ERROR);
    expect((await ask('www.example.org', { group: 7 })).cause).toBe(FORWARD_NETWORK_ERROR);
  });
});

describe('bounds', () => {
  test('six refusing upstreams cost four queries', async () => {
    const refuse: UpstreamScript = (query) => answerTo(query, { rcode: REFUSED });
    const upstreams = [];
    for (let count = 0; count < 6; count++) upstreams.push(await anUpstream(refuse));
    const { ask } = aForwarder(upstreams);
    expect((await ask('www.example.org')).cause).toBe(FORWARD_BAD_RESPONSES);
    expect(upstreams.flatMap(({ queries }) => queries)).toHaveLength(4);
  });

  test('past the limit the oldest questions are given up, and the newest are answered', async () => {
    const upstream = await anUpstream((query) => [{ bytes: addressAnswer(query), delayMs: 50 }]);
    const { ask } = aForwarder([upstream], { pendingMax: 3 });
    const outcomes = await Promise.all(
      Array.from({ length: 5 }, (_, index) => ask(`name-${index}.example.org`)),
    );
    expect(outcomes.map(({ cause }) => cause)).toEqual([
      FORWARD_OVERLOADED,
      FORWARD_OVERLOADED,
      null,
      null,
      null,
    ]);
  });

  test('groups have upstreams of their own', async () => {
    const home = await anUpstream((query) => addressAnswer(query, '198.51.100.7'));
    const world = await anUpstream(good);
    const { ask } = aForwarder([world], {
      groups: [
        { name: 'default', upstreams: [world] },
        { name: 'lan', upstreams: [home] },
      ],
    });
    expect(firstData(await ask('printer.lan', { group: 1 }))).toBe('198.51.100.7');
    expect(world.queries).toHaveLength(0);
  });

  test('sockets are recycled and never more than 256', async () => {
    const upstream = await anUpstream(good);
    const { ask, forwarder } = aForwarder([upstream]);
    for (let round = 0; round < 40; round++) {
      await Promise.all(Array.from({ length: 50 }, () => ask('www.example.org')));
    }
    expect(forwarder.stats().upstreams[0]?.udpSockets).toBeLessThanOrEqual(256);
  });

  test('after close nothing is called back and nothing is sent', async () => {
    const upstream = await anUpstream((query) => [{ bytes: addressAnswer(query), delayMs: 30 }]);
    const { ask, forwarder } = aForwarder([upstream]);
    const later = aForwarder([upstream]);
    let isCalledBack = false;
    void ask('www.example.org').then(() => {
      isCalledBack = true;
    });
    await expect.poll(() => upstream.queries.length, { interval: 5 }).toBe(1);
    forwarder.close();
    expect((await ask('www.example.org')).cause).toBe(FORWARD_NETWORK_ERROR);
    // What is asked later is answered later.
    await later.ask('www.example.org');
    expect(isCalledBack).toBe(false);
    expect(upstream.queries).toHaveLength(2);
  });
});

function flipped(query: UpstreamQuery): number[] {
  return [(query.raw[13] ?? 0) ^ 0x20];
}

function garbageAfterQuestion(query: UpstreamQuery): Buffer {
  const answer = forged(query);
  const garbage = Buffer.alloc(400, 0xc1);
  return Buffer.concat([answer.subarray(0, query.raw.length - 11), garbage]);
}
