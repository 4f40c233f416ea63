/**
 * An upstream that fails or lies in every way a script can. One server for all: the first label of
 * a name says what the upstream does with it. Honest answers hold HONEST, forged ones FORGED, and
 * whatever happened, no name may ever be answered with FORGED, at once or from the cache.
 */

import { createSocket } from 'node:dgram';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DecodedPacket } from 'dns-packet';
import {
  aQuery,
  askTcp,
  askUdp,
  decodeResponse,
  edesOf,
  type QueryBuilder,
} from '../support/dns-query.ts';
import {
  addressAnswer,
  answerTo,
  closedPort,
  nxdomainAnswer,
  patched,
  startFakeUpstream,
  type FakeUpstream,
  type ScriptedPacket,
  type UpstreamQuery,
  type UpstreamScript,
} from '../support/fake-upstream.ts';
import { TestServer } from '../support/server.ts';

const HONEST = '192.0.2.1';
const FORGED = '203.0.113.66';
/** What clients wait; every answer comes within it. */
const BOUND_MS = 5000;
const OPEN_CLIENT = '127.0.0.2';
/** Long enough for forged packets to come first, short enough for the first attempt. */
const HONEST_DELAY_MS = 60;

let upstream: FakeUpstream;
let server: TestServer;

beforeAll(async () => {
  upstream = await startFakeUpstream(byFirstLabel);
  server = await TestServer.start({ upstream: `127.0.0.1:${upstream.port}` });
  await server.apply(
    [
      'plans:',
      '  - { id: faults-kids, deny: [blocked.example] }',
      '  - { id: faults-open }',
      'subscribers:',
      '  - { id: home, plan: faults-kids, addresses: [127.0.0.1/32] }',
      `  - { id: open, plan: faults-open, addresses: [${OPEN_CLIENT}/32] }`,
    ].join('\n'),
  );
}, 90_000);

afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await upstream.close();
});

const honest = (query: UpstreamQuery): Buffer => addressAnswer(query, HONEST);
const forged = (query: UpstreamQuery): Buffer => addressAnswer(query, FORGED);
/** A forged packet at once, the honest one a moment later. */
const before = (
  query: UpstreamQuery,
  ...lies: (Uint8Array | ScriptedPacket)[]
): ScriptedPacket[] => [
  ...lies.map((lie) => (lie instanceof Uint8Array ? { bytes: lie } : lie)),
  { bytes: honest(query), delayMs: HONEST_DELAY_MS },
];
const swapCase = (query: UpstreamQuery, bytes: Buffer): Buffer => {
  const copy = Buffer.from(bytes);
  for (let at = 12; at < 12 + query.name.length + 1; at++) {
    const letter = copy[at]! | 0x20;
    if (copy[at]! >= 0x41 && letter >= 0x61 && letter <= 0x7a) copy[at] = copy[at]! ^ 0x20;
  }
  return copy;
};
const renamed = (
  query: UpstreamQuery,
  name: string,
  type = query.packet.questions[0]!.type,
): Buffer =>
  answerTo(
    {
      ...query,
      packet: { ...query.packet, questions: [{ ...query.packet.questions[0]!, name, type }] },
    },
    { answers: [{ name, type: 'A', ttl: 300, data: FORGED }] },
  );
const cname = (name: string, data: string, ttl = 300) => ({
  name,
  type: 'CNAME' as const,
  ttl,
  data,
});
const address = (name: string, data = HONEST) => ({ name, type: 'A' as const, ttl: 300, data });

const SCRIPTS: Readonly<Record<string, UpstreamScript>> = {
  honest,
  silent: () => null,
  slow: (query) => [{ bytes: honest(query), delayMs: 1000 }],
  crawling: (query) => (query.name.length > 0 ? [{ bytes: honest(query), delayMs: 3000 }] : null),
  servfail: (query) => answerTo(query, { rcode: 2 }),
  refused: (query) => answerTo(query, { rcode: 5 }),
  notauth: (query) => answerTo(query, { rcode: 9 }),
  wrongid: (query) =>
    before(query, ...[1, 2, 255].map((bit) => patched(forged(query), 1, [query.raw[1]! ^ bit]))),
  onlywrongid: (query) => patched(forged(query), 0, [query.raw[0]! ^ 1]),
  flood: (query) => {
    if (query.transport === 'tcp') return honest(query);
    return Array.from({ length: 40 }, (_, index) => ({
      bytes: patched(forged(query), 0, [query.raw[0]! ^ (1 + index)]),
    }));
  },
  wrongname: (query) => before(query, renamed(query, 'victim.example.org')),
  wrongtype: (query) => before(query, renamed(query, query.name, 'TXT')),
  // A name that reads the same as text, but is one label with a dot in it.
  dottedname: (query) => before(query, dottedQuestion(query)),
  wrongcase: (query) => {
    if (query.transport === 'tcp') return honest(query);
    return swapCase(query, forged(query));
  },
  wrongaddress: (query) => before(query, { bytes: forged(query), from: 'address' }),
  wrongport: (query) => before(query, { bytes: forged(query), from: 'port' }),
  noqr: (query) => before(query, patched(forged(query), 2, [0x01])),
  opcode: (query) => before(query, patched(forged(query), 2, [0xa1])),
  noquestion: (query) => before(query, patched(forged(query), 4, [0, 0])),
  twoquestions: (query) => before(query, patched(forged(query), 4, [0, 2])),
  barerror: (query) =>
    before(
      query,
      Buffer.concat([query.raw.subarray(0, 2), Buffer.from([0x81, 0x81]), Buffer.alloc(8)]),
    ),
  garbage: (query) =>
    before(
      query,
      Buffer.from([]),
      query.raw.subarray(0, 2),
      Buffer.concat([query.raw.subarray(0, 2), Buffer.alloc(300, 0xc0)]),
    ),
  cutrecord: (query) => before(query, forged(query).subarray(0, -12)),
  trailing: (query) => before(query, Buffer.concat([forged(query), Buffer.from([0])])),
  manyrecords: (query) => before(query, patched(forged(query), 6, [0xff, 0xff])),
  truncated: (query) => (query.transport === 'tcp' ? honest(query) : withTc(forged(query))),
  emptytruncated: (query) => (query.transport === 'tcp' ? honest(query) : withTc(answerTo(query))),
  alwaystruncated: (query) => withTc(forged(query)),
  oversize: (query) =>
    answerTo(query, { answers: LARGE.map((data) => ({ ...data, name: query.name })) }),
  loop: (query) =>
    answerTo(query, {
      answers: [cname(query.name, 'loop.b.example'), cname('loop.b.example', query.name)],
    }),
  selfloop: (query) => answerTo(query, { answers: [cname(query.name, query.name)] }),
  longchain: (query) => {
    const names = [query.name, ...Array.from({ length: 40 }, (_, hop) => `hop${hop}.example.net`)];
    const hops = names.slice(1).map((name, index) => cname(names[index]!, name));
    return answerTo(query, { answers: [...hops, address(names.at(-1)!, FORGED)] });
  },
  leadsto: (query) =>
    answerTo(query, {
      answers: [cname(query.name, 'x.blocked.example'), address('x.blocked.example')],
    }),
  foreign: (query) =>
    answerTo(query, {
      answers: [
        address(query.name),
        address('bank.example.org', FORGED),
        cname('www.bank.example.org', 'forged.example'),
      ],
      authorities: [
        { name: 'example.org', type: 'NS', ttl: 9999, data: 'ns.forged.example' },
        address('ns.forged.example', FORGED),
      ],
    }),
  negative: (query) => nxdomainAnswer(query, 'example.org', 2),
  nosoa: (query) => answerTo(query, { rcode: 3 }),
  foreignsoa: (query) => nxdomainAnswer(query, 'forged.example', 3000),
  nodata: (query) => nodata(query),
  nodatanosoa: (query) => answerTo(query),
  short: (query) => addressAnswer(query, HONEST, 2),
  zerottl: (query) => addressAnswer(query, HONEST, 0),
  // Less than the shortest time after which a query is repeated.
  joined: (query) => [{ bytes: honest(query), delayMs: 150 }],
  dies: (query) => (isFirst(query) ? addressAnswer(query, HONEST, 1) : null),
};

const LARGE = Array.from({ length: 12 }, (_, index) => ({
  type: 'TXT' as const,
  ttl: 300,
  data: [Buffer.alloc(250, 0x61 + index)],
}));

function byFirstLabel(query: UpstreamQuery): ReturnType<UpstreamScript> {
  const script = SCRIPTS[/^[a-z]+/.exec(query.name.toLowerCase())?.[0] ?? ''];
  return (script ?? honest)(query);
}

describe.concurrent('an upstream that lies is waited out, and the honest answer counts:', () => {
  it.each([
    ['wrong ID', 'wrongid'],
    ['forty packets with wrong IDs, then TCP', 'flood'],
    ['another name in the question', 'wrongname'],
    ['another type in the question', 'wrongtype'],
    ['a label with a dot in the question', 'dottedname'],
    ['wrong case, then TCP', 'wrongcase'],
    ['another address', 'wrongaddress'],
    ['another port', 'wrongport'],
    ['QR not set', 'noqr'],
    ['another opcode', 'opcode'],
    ['no question', 'noquestion'],
    ['two questions', 'twoquestions'],
    ['FORMERR in a header alone', 'barerror'],
    ['garbage', 'garbage'],
    ['a record that is cut', 'cutrecord'],
    ['trailing octets', 'trailing'],
    ['65,535 records', 'manyrecords'],
    ['TC with forged records, then TCP', 'truncated'],
    ['TC with nothing, then TCP', 'emptytruncated'],
    ['an answer after a second', 'slow'],
    ['an answer after three seconds, when others were asked for long', 'crawling'],
    ['records of other names beside the answer', 'foreign'],
  ])(
    '%s',
    async (_, label) => {
      const name = `${label}.example.org`;
      const first = await askBounded(aQuery().name(name));
      expect(first).toMatchObject({ rcode: 'NOERROR', answers: [{ name, data: HONEST }] });
      expect(first.answers).toHaveLength(1);
      const sent = questionsAbout(name);
      const again = await askBounded(aQuery().name(name));
      expect(again.answers).toMatchObject([{ name, data: HONEST }]);
      expect(questionsAbout(name), 'from the cache').toBe(sent);
    },
    30_000,
  );
});

describe.concurrent('an upstream that has no answer leads to SERVFAIL in bounded time:', () => {
  it.each([
    ['silence', 'silent', [22]],
    ['nothing but wrong IDs', 'onlywrongid', [22]],
    ['SERVFAIL', 'servfail', []],
    ['REFUSED', 'refused', [22]],
    ['another RCODE', 'notauth', [22]],
    ['TC over TCP too', 'alwaystruncated', [22]],
    ['a chain of forty names', 'longchain', []],
  ] as const)(
    '%s',
    async (_, label, edes) => {
      const name = `${label}.example.org`;
      const first = await askBounded(aQuery().name(name).edns());
      expect(first).toMatchObject({ rcode: 'SERVFAIL', answers: [] });
      expect(edesOf(first).map(({ code }) => code)).toEqual(edes);
      const sent = questionsAbout(name);
      expect(sent, 'at most four attempts').toBeLessThanOrEqual(4);
      // RFC 9520: the failure is remembered for a while, and nothing else is.
      const again = await askBounded(aQuery().name(name).edns());
      expect(again).toMatchObject({ rcode: 'SERVFAIL', answers: [] });
      expect(edesOf(again).map(({ code }) => code)).toEqual([13]);
      expect(questionsAbout(name)).toBe(sent);
    },
    30_000,
  );
});

describe('what upstream may not bring in', () => {
  it('an answer to another question, or a record beside the chain, is not in the cache', async () => {
    await askBounded(aQuery().name('foreign.again.example.org'));
    for (const name of ['victim.example.org', 'bank.example.org', 'ns.forged.example']) {
      const sent = questionsAbout(name);
      const response = await askBounded(aQuery().name(name));
      expect(response.answers, name).toMatchObject([{ data: HONEST }]);
      expect(questionsAbout(name), name).toBeGreaterThan(sent);
    }
    const alias = await askBounded(aQuery().name('www.bank.example.org').type('CNAME'));
    expect(JSON.stringify(alias)).not.toContain('forged');
  });

  it('a chain that leads to a blocked name is blocked, fresh and cached, and open for another plan', async () => {
    const query = aQuery().name('leadsto.example.org').edns();
    for (const time of ['fresh', 'cached']) {
      const response = await askBounded(query);
      expect(response, time).toMatchObject({ rcode: 'NXDOMAIN', answers: [] });
      expect(edesOf(response)[0]?.code, time).toBe(17);
    }
    const open = decodeResponse(await askUdp(server.port, query.build(), { from: OPEN_CLIENT }));
    expect(open.answers).toHaveLength(2);
  });

  it('a CNAME loop ends: what is known of it is passed on and not cached', async () => {
    const response = await askBounded(aQuery().name('loop.example.org'));
    const sent = questionsAbout('loop.example.org');
    expect(response.answers).toMatchObject([{ type: 'CNAME' }, { type: 'CNAME' }]);
    await askBounded(aQuery().name('loop.example.org'));
    expect(questionsAbout('loop.example.org')).toBeGreaterThan(sent);
    const self = await askBounded(aQuery().name('selfloop.example.org'));
    expect(self.answers).toHaveLength(1);
  });

  it('an answer too long for UDP is passed on as TC, and whole over TCP from the cache', async () => {
    const query = aQuery().name('oversize.example.org').type('TXT').edns().build();
    const cut = decodeResponse(await askUdp(server.port, query));
    expect(cut).toMatchObject({ flag_tc: true, answers: [] });
    const sent = questionsAbout('oversize.example.org');
    expect(decodeResponse(await askTcp(server.port, query)).answers).toHaveLength(LARGE.length);
    expect(questionsAbout('oversize.example.org')).toBe(sent);
  });

  it('no name of this file was ever answered with a forged address', async () => {
    for (const label of Object.keys(SCRIPTS)) {
      if (['longchain', 'crawling', 'slow', 'silent', 'onlywrongid'].includes(label)) continue;
      const response = await askBounded(aQuery().name(`${label}.example.org`));
      expect(JSON.stringify(response.answers), label).not.toContain(FORGED);
    }
  }, 60_000);
});

describe.concurrent('the cache', () => {
  it('keeps NXDOMAIN and NODATA for the time of their SOA, and then asks again (RFC 2308)', async () => {
    for (const [name, rcode] of [
      ['negative.cache.example.org', 'NXDOMAIN'],
      ['nodata.cache.example.org', 'NOERROR'],
    ] as const) {
      const first = await askBounded(aQuery().name(name));
      expect(first).toMatchObject({ rcode, answers: [], authorities: [{ type: 'SOA', ttl: 2 }] });
      const sent = questionsAbout(name);
      expect((await askBounded(aQuery().name(name))).rcode).toBe(rcode);
      expect(questionsAbout(name)).toBe(sent);
      await untilAsked(name, sent + 1);
    }
  }, 30_000);

  it('does not keep a negative answer without a SOA, or with one of a foreign zone', async () => {
    for (const name of [
      'nosoa.cache.example.org',
      'nodatanosoa.cache.example.org',
      'foreignsoa.cache.example.org',
    ]) {
      const first = await askBounded(aQuery().name(name));
      expect(first).toMatchObject({ answers: [], authorities: [] });
      const sent = questionsAbout(name);
      await askBounded(aQuery().name(name));
      expect(questionsAbout(name), name).toBeGreaterThan(sent);
    }
  });

  it('lets TTLs age, and asks again when they have run out; TTL 0 is never kept', async () => {
    const name = 'short.cache.example.org';
    expect((await askBounded(aQuery().name(name))).answers).toMatchObject([{ ttl: 2 }]);
    const ttls = await untilAsked(name, questionsAbout(name) + 1);
    expect(Math.min(...ttls)).toBeLessThan(2);
    const zero = aQuery().name('zerottl.cache.example.org');
    expect((await askBounded(zero)).answers).toMatchObject([{ ttl: 0 }]);
    const sent = questionsAbout('zerottl.cache.example.org');
    await askBounded(zero);
    expect(questionsAbout('zerottl.cache.example.org')).toBeGreaterThan(sent);
  }, 30_000);

  it('answers with what is stale when upstream has died, TTL 30, EDE 3 (RFC 8767)', async () => {
    const name = 'dies.cache.example.org';
    await askBounded(aQuery().name(name));
    await sleep(2100);
    const response = await askBounded(aQuery().name(name).edns());
    expect(response).toMatchObject({ rcode: 'NOERROR', answers: [{ ttl: 30, data: HONEST }] });
    expect(edesOf(response).map(({ code }) => code)).toEqual([3]);
  }, 30_000);

  it('joins identical questions: one upstream query, and each client has his own ID and case', async () => {
    const names = [
      'joined.cache.example.org',
      'JOINED.cache.example.org',
      'joined.cache.EXAMPLE.org',
    ];
    const asked = Array.from({ length: 30 }, (_, id) =>
      askUdp(
        server.port,
        aQuery()
          .id(id)
          .name(names[id % 3]!)
          .build(),
      ),
    );
    const responses = (await Promise.all(asked)).map(decodeResponse);
    for (const [id, response] of responses.entries()) {
      expect(response).toMatchObject({ id, questions: [{ name: names[id % 3] }] });
    }
    // One question, which a slow machine may have repeated; not thirty.
    expect(questionsAbout('joined.cache.example.org')).toBeLessThanOrEqual(4);
  });
});

describe('several upstreams', () => {
  it('names of a forward zone go to its upstreams alone, others never there', async () => {
    const zone = await startFakeUpstream((query) => addressAnswer(query, '198.51.100.7'));
    const config = `zones: [{ name: home.arpa, upstreams: ['127.0.0.1:${zone.port}'] }]\n`;
    await using other = await TestServer.start({ upstream: `127.0.0.1:${upstream.port}`, config });
    const ask = async (name: string): Promise<DecodedPacket> =>
      decodeResponse(await askUdp(other.port, aQuery().name(name).build()));
    expect((await ask('printer.home.arpa')).answers).toMatchObject([{ data: '198.51.100.7' }]);
    expect((await ask('zone.example.org')).answers).toMatchObject([{ data: HONEST }]);
    expect((await ask('nothome.arpa')).answers).toMatchObject([{ data: HONEST }]);
    const inZone = new Set(zone.queries.map(({ name }) => name.toLowerCase()));
    expect([...inZone]).toEqual(['printer.home.arpa']);
    expect(questionsAbout('printer.home.arpa')).toBe(0);
    await zone.close();
  }, 60_000);

  it.each(['refuses', 'is silent'])(
    'one of two that %s costs no answer',
    async (how) => {
      const hole = createSocket('udp4');
      await new Promise<void>((resolve) => {
        hole.bind(0, '127.0.0.1', resolve);
      });
      const dead = how === 'refuses' ? await closedPort() : hole.address().port;
      await using other = await TestServer.start({
        upstream: `127.0.0.1:${dead}`,
        arguments: ['--upstream', `127.0.0.1:${upstream.port}`],
      });
      for (let index = 0; index < 12; index++) {
        const name = `honest.${how.length}.${index}.example.org`;
        const startMs = performance.now();
        const bytes = await askUdp(other.port, aQuery().name(name).build(), {
          timeoutMs: BOUND_MS,
        });
        expect(decodeResponse(bytes).answers).toMatchObject([{ data: HONEST }]);
        // Known as dead by then, it is not waited for.
        if (index > 8) expect(performance.now() - startMs).toBeLessThan(1500);
      }
      hole.close();
    },
    60_000,
  );

  it('an upstream that never keeps case is learnt: UDP counts again after three times over TCP', async () => {
    const plain = await startFakeUpstream((query) => {
      const response = honest(query);
      return Buffer.concat([
        response.subarray(0, 12),
        Buffer.from(
          response
            .subarray(12, 12 + query.name.length + 1)
            .toString('latin1')
            .toLowerCase(),
          'latin1',
        ),
        response.subarray(12 + query.name.length + 1),
      ]);
    });
    await using other = await TestServer.start({ upstream: `127.0.0.1:${plain.port}` });
    let learnt = 0;
    for (let index = 0; index < 7; index++) {
      if (index === 4) learnt = plain.count('tcp');
      const name = `plain-case-of-letters${index}.example.org`;
      const bytes = await askUdp(other.port, aQuery().name(name).build(), { timeoutMs: BOUND_MS });
      expect(decodeResponse(bytes).answers).toMatchObject([{ name, data: HONEST }]);
    }
    expect(learnt).toBeGreaterThanOrEqual(3);
    expect(plain.count('tcp')).toBe(learnt);
    await plain.close();
  }, 60_000);

  it('a failure is remembered for as long as the configuration says (RFC 9520)', async () => {
    // Whole seconds by the clock: one second may be over at once.
    const config = 'cache: { failureTtlSeconds: 2 }\n';
    await using other = await TestServer.start({ upstream: `127.0.0.1:${upstream.port}`, config });
    const query = aQuery().name('servfail.configured.example.org').edns().build();
    const codes: (number | undefined)[] = [];
    // By default it would be five seconds.
    for (const deadline = Date.now() + 4000; Date.now() < deadline && codes.length < 40;) {
      const response = decodeResponse(await askUdp(other.port, query));
      expect(response.rcode).toBe('SERVFAIL');
      codes.push(edesOf(response)[0]?.code);
      if (codes.length > 1 && codes.at(-1) !== 13) break;
      await sleep(100);
    }
    expect(codes[1]).toBe(13);
    expect(codes.at(-1)).toBeUndefined();
  }, 60_000);
});

/** Asks over UDP and fails where the answer takes longer than a client waits. */
async function askBounded(builder: QueryBuilder): Promise<DecodedPacket> {
  const startMs = performance.now();
  const bytes = await askUdp(server.port, builder.build(), { timeoutMs: 2 * BOUND_MS });
  expect(performance.now() - startMs).toBeLessThan(BOUND_MS);
  const response = decodeResponse(bytes);
  expect(JSON.stringify(response.answers)).not.toContain(FORGED);
  return response;
}

/** Asks until upstream has been asked so often, and returns the TTLs of the answers meanwhile. */
async function untilAsked(name: string, times: number): Promise<number[]> {
  const ttls: number[] = [];
  for (const deadline = Date.now() + 8000; questionsAbout(name) < times;) {
    expect(Date.now(), `upstream asked again for ${name}`).toBeLessThan(deadline);
    const { answers } = await askBounded(aQuery().name(name));
    ttls.push(...answers.map(({ ttl }) => ttl ?? -1));
    await sleep(100);
  }
  return ttls;
}

function questionsAbout(name: string): number {
  return upstream.queries.filter((query) => query.name.toLowerCase() === name.toLowerCase()).length;
}

function isFirst(query: UpstreamQuery): boolean {
  return questionsAbout(query.name) === 1;
}

function withTc(response: Buffer): Buffer {
  return patched(response, 2, [response[2]! | 0x02]);
}

function nodata(query: UpstreamQuery): Buffer {
  const response = nxdomainAnswer(query, 'example.org', 2);
  return patched(response, 3, [response[3]! & 0xf0]);
}

/** The question `dottedname.example` + `org` as `dottedname\.example` would be: one label less. */
function dottedQuestion(query: UpstreamQuery): Buffer {
  const response = forged(query);
  const first = response[12]!;
  const second = response[13 + first]!;
  return patched(patched(response, 12, [first + 1 + second]), 13 + first, [0x2e]);
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
