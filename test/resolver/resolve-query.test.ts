import { describe, expect, it } from 'vitest';
import { NEVER_ANSWERED } from '../../src/lib/packet-batch.ts';
import { FORWARD_NETWORK_ERROR, FORWARD_TIMEOUT } from '../../src/resolver/forwarder.ts';
import { aQuery, decodeResponse, edesOf, wireName } from '../support/dns-query.ts';
import { writePrefix } from '../../src/policy/subscribers.ts';
import { QNAME, rawResponse, soaRdata, wire } from '../support/raw-response.ts';
import { KIDS, OPEN, ResolverHarness, type HarnessOptions } from '../support/resolver-harness.ts';

const ADULT: HarnessOptions = { lists: { adult: ['adult.example'] } };

/** `name A 192.0.2.80`, behind these CNAMEs. */
function addressResponse(name: string, ...targets: string[]): Uint8Array {
  const owners = [name, ...targets];
  const cnames = targets.map((target, index) => ({
    owner: owners[index]!,
    type: 5,
    ttl: 300,
    rdata: wire(target),
  }));
  const address = { owner: owners.at(-1)!, type: 1, ttl: 300, rdata: [192, 0, 2, 80] };
  return rawResponse({ question: { name, type: 1 }, answer: [...cnames, address] });
}

describe('a blocked name', () => {
  it('is NXDOMAIN with a SOA of ten seconds, and says who filtered what', () => {
    const harness = new ResolverHarness(ADULT);
    const response = harness.ask(aQuery().name('WWW.Adult.example').edns().build());
    expect(response.rcode).toBe('NXDOMAIN');
    expect(response.questions[0]?.name).toBe('WWW.Adult.example');
    expect(response.authorities).toMatchObject([{ type: 'SOA', ttl: 10, data: { minimum: 10 } }]);
    expect(edesOf(response)).toEqual([
      { code: 17, text: expect.stringContaining('adult') as string },
    ]);
    expect(harness.forwarded).toEqual([]);
  });

  it('gets no EDE and no OPT where the query had none', () => {
    const response = new ResolverHarness(ADULT).ask(aQuery().name('adult.example').build());
    expect(response).toMatchObject({ rcode: 'NXDOMAIN', additionals: [] });
  });

  it('is blocked for every type, HTTPS and ANY too', () => {
    const harness = new ResolverHarness(ADULT);
    for (const type of ['A', 'AAAA', 'MX', 'TXT', 'ANY', 64, 65, 65_280]) {
      const response = harness.ask(aQuery().name('adult.example').type(type).build());
      expect(response.rcode, `type ${type}`).toBe('NXDOMAIN');
    }
  });

  it('resolves for a subscriber whose plan does not block it', () => {
    const harness = new ResolverHarness(ADULT);
    const query = aQuery().name('adult.example').build();
    harness.park(query, { client: OPEN });
    expect(harness.ask(query, { client: KIDS }).rcode).toBe('NXDOMAIN');
  });

  it.each([
    ['nxdomain', 'NXDOMAIN', [], [17]],
    ['nodata', 'NOERROR', [], [17]],
    ['zero', 'NOERROR', ['0.0.0.0'], [17, 4]],
    ['address', 'NOERROR', ['198.51.100.1'], [17, 4]],
    ['refused', 'REFUSED', [], [17]],
  ] as const)('in mode %s is %s', (blockingMode, rcode, addresses, codes) => {
    const blockAddress4 = [0, 0, 0xffff, 0xc6336401] as const;
    const harness = new ResolverHarness({ ...ADULT, plan: { blockingMode, blockAddress4 } });
    const response = harness.ask(aQuery().name('adult.example').edns().build());
    expect(response.rcode).toBe(rcode);
    expect(response.answers.map((answer) => answer.data)).toEqual(addresses);
    expect(edesOf(response).map(({ code }) => code)).toEqual(codes);
  });

  it('in address mode has NODATA for the family without an address and for every other type', () => {
    const plan = { blockingMode: 'address', blockAddress4: [0, 0, 0xffff, 0xc6336401] } as const;
    const harness = new ResolverHarness({ ...ADULT, plan });
    for (const type of ['AAAA', 'HTTPS', 'TXT']) {
      const response = harness.ask(aQuery().name('adult.example').type(type).build());
      expect(response, type).toMatchObject({ rcode: 'NOERROR', answers: [] });
      expect(response.authorities).toHaveLength(1);
    }
  });

  it('in zero mode answers AAAA with ::', () => {
    const harness = new ResolverHarness({ ...ADULT, plan: { blockingMode: 'zero' } });
    const response = harness.ask(aQuery().name('adult.example').type('AAAA').build());
    expect(response.answers).toMatchObject([{ type: 'AAAA', data: '::', ttl: 10 }]);
  });

  it('of class law carries EDE 16 and no category, whatever anyone allows', () => {
    const harness = new ResolverHarness({
      lists: { court: ['ordered.example'] },
      allow: ['ordered.example'],
      plan: { allow: ['ordered.example'] },
    });
    for (const client of [KIDS, OPEN]) {
      const response = harness.ask(aQuery().name('ordered.example').edns().build(), { client });
      expect(response.rcode).toBe('NXDOMAIN');
      expect(edesOf(response)[0]?.code).toBe(16);
      expect(edesOf(response)[0]?.text).not.toContain('court');
    }
  });

  it('of a security category carries EDE 15', () => {
    const harness = new ResolverHarness({ lists: { malware: ['bad.example'] } });
    const response = harness.ask(aQuery().name('bad.example').edns().build());
    expect(edesOf(response)[0]?.code).toBe(15);
  });

  it('carries no TTL above the plan’s limit', () => {
    const harness = new ResolverHarness({ ...ADULT, plan: { maxTtlSeconds: 3 } });
    const response = harness.ask(aQuery().name('adult.example').build());
    expect(response.authorities).toMatchObject([{ ttl: 3 }]);
  });
});

describe('own names and special names', () => {
  it('an allow name of the household opens what a category blocks, a deny name closes the rest', () => {
    const harness = new ResolverHarness({
      ...ADULT,
      allow: ['good.adult.example'],
      deny: ['chat.example'],
    });
    harness.park(aQuery().name('www.good.adult.example').build());
    expect(harness.ask(aQuery().name('adult.example').build()).rcode).toBe('NXDOMAIN');
    expect(harness.ask(aQuery().name('x.chat.example').build()).rcode).toBe('NXDOMAIN');
  });

  it('a protected name resolves though a list blocks it', () => {
    const harness = new ResolverHarness({
      lists: { adult: ['help.example'], protected: ['help.example'] },
    });
    harness.park(aQuery().name('www.help.example').build());
  });

  it.each([
    ['localhost', 'A', 'NOERROR', '127.0.0.1'],
    ['a.localhost', 'AAAA', 'NOERROR', '::1'],
    ['localhost', 'TXT', 'NOERROR', undefined],
    ['x.invalid', 'A', 'NXDOMAIN', undefined],
    ['printer.local', 'A', 'NXDOMAIN', undefined],
    ['abc.onion', 'A', 'NXDOMAIN', undefined],
    ['home.arpa', 'A', 'NOERROR', undefined],
    ['tv.home.arpa', 'A', 'NXDOMAIN', undefined],
    ['_dns.resolver.arpa', 'SVCB', 'NOERROR', undefined],
    ['1.1.168.192.in-addr.arpa', 'PTR', 'NXDOMAIN', undefined],
    ['use-application-dns.net', 'A', 'NXDOMAIN', undefined],
  ])('%s %s is answered here: %s %s', (name, type, rcode, address) => {
    const harness = new ResolverHarness();
    const response = harness.ask(aQuery().name(name).type(type).build());
    expect(response.rcode).toBe(rcode);
    expect(response.answers[0]?.data).toBe(address);
    expect(harness.forwarded).toEqual([]);
  });

  it('a canary resolves where bypass control is off', () => {
    new ResolverHarness().park(aQuery().name('use-application-dns.net').build(), { client: OPEN });
  });

  it('a forward zone and a local record go before the special names', () => {
    const harness = new ResolverHarness({
      zones: [{ name: '168.192.in-addr.arpa', group: 1 }],
      records: [{ name: 'tv.home.arpa', type: 1, rdata: Uint8Array.from([10, 0, 0, 7]) }],
    });
    const question = harness.park(aQuery().name('1.1.168.192.in-addr.arpa').type('PTR').build());
    expect(question.group).toBe(1);
    const tv = harness.ask(aQuery().name('TV.home.arpa').build());
    expect(tv.answers).toMatchObject([{ data: '10.0.0.7' }]);
    expect(harness.ask(aQuery().name('tv.home.arpa').type('AAAA').build())).toMatchObject({
      rcode: 'NOERROR',
      answers: [],
    });
    expect(harness.ask(aQuery().name('other.home.arpa').build()).rcode).toBe('NXDOMAIN');
  });

  it('a CNAME of our own is followed as long as its target is ours too', () => {
    const address = Uint8Array.from([10, 0, 0, 7]);
    const alias = (
      name: string,
      target: string,
    ): { name: string; type: number; rdata: Uint8Array } => ({
      name,
      type: 5,
      rdata: wireName(target),
    });
    const harness = new ResolverHarness({
      records: [
        alias('tv.lan', 'box.lan'),
        alias('box.lan', 'host.lan'),
        { name: 'host.lan', type: 1, rdata: address },
        alias('out.lan', 'www.example.org'),
        alias('loop.lan', 'pool.lan'),
        alias('pool.lan', 'loop.lan'),
      ],
    });
    const ask = (name: string, type = 'A'): unknown =>
      harness
        .ask(aQuery().name(name).type(type).build())
        .answers.map((answer) => [answer.name, answer.type, answer.data]);
    expect(ask('TV.lan')).toEqual([
      ['TV.lan', 'CNAME', 'box.lan'],
      ['box.lan', 'CNAME', 'host.lan'],
      ['host.lan', 'A', '10.0.0.7'],
    ]);
    expect(ask('tv.lan', 'CNAME')).toEqual([['tv.lan', 'CNAME', 'box.lan']]);
    expect(ask('out.lan')).toEqual([['out.lan', 'CNAME', 'www.example.org']]);
    expect(ask('loop.lan')).toHaveLength(8);
  });

  it('a CNAME of our own that leads to a blocked name is blocked, as one of upstream is', () => {
    const rdata = wireName('hidden.example');
    const harness = new ResolverHarness({
      lists: { adult: ['hidden.example'] },
      records: [{ name: 'alias.lan', type: 5, rdata }],
    });
    const query = aQuery().name('alias.lan').build();
    expect(harness.ask(query).rcode).toBe('NXDOMAIN');
    expect(harness.ask(query, { client: OPEN }).answers).toHaveLength(1);
  });

  it('ANY is answered with HINFO, small and never forwarded (RFC 8482)', () => {
    const harness = new ResolverHarness();
    const response = harness.ask(aQuery().name('example.org').type('ANY').build());
    expect(response.answers).toMatchObject([{ type: 'HINFO', data: { cpu: 'RFC8482', os: '' } }]);
    expect(harness.forwarded).toEqual([]);
  });
});

describe('what is not a query to answer', () => {
  it('is met with silence or the error that says so', () => {
    const harness = new ResolverHarness();
    expect(harness.resolve(aQuery().flags(0x8180).build())).toBe(NEVER_ANSWERED);
    expect(harness.resolve(new Uint8Array(5))).toBe(NEVER_ANSWERED);
    expect(harness.ask(aQuery().opcode(4).build())).toMatchObject({
      rcode: 'NOTIMP',
      questions: [],
    });
    expect(harness.ask(aQuery().questions(2).build()).rcode).toBe('FORMERR');
    expect(harness.ask(aQuery().type(252).build()).rcode).toBe('REFUSED');
    expect(harness.ask(aQuery().class(3).build()).rcode).toBe('REFUSED');
  });

  it('an EDNS version above 0 gets BADVERS, with our version and no echo of flags', () => {
    const outcome = new ResolverHarness().resolve(aQuery().edns({ version: 1 }).build());
    const bytes = outcome as Uint8Array;
    const opt = bytes.slice(-11);
    expect([...opt]).toEqual([0, 0, 41, 0x04, 0xd0, 1, 0, 0, 0, 0, 0]);
    expect(bytes[3]! & 0xf).toBe(0);
  });

  it('a stranger is refused with EDE 18, his malformed query meets silence', () => {
    const harness = new ResolverHarness();
    const client = '203.0.113.9';
    const response = harness.ask(aQuery().edns().build(), { client });
    expect(response.rcode).toBe('REFUSED');
    expect(edesOf(response)[0]?.code).toBe(18);
    expect(harness.resolve(aQuery().questions(2).build(), { client })).toBe(NEVER_ANSWERED);
    expect(harness.resolve(aQuery().opcode(2).build(), { client })).toBe(NEVER_ANSWERED);
  });

  it('a known client without a policy is refused too: never an open resolver', () => {
    const access = { prefixes: [{ words: [0, 0, 0xffff, 0xcb007100], length: 120 }] } as const;
    const harness = new ResolverHarness({ access });
    expect(harness.ask(aQuery().build(), { client: '203.0.113.9' }).rcode).toBe('REFUSED');
  });

  it('without images nothing is let through: SERVFAIL with EDE 14', () => {
    const harness = new ResolverHarness({
      access: { prefixes: [{ words: [0, 0, 0xffff, 0], length: 96 }] },
    });
    harness.resolver.images = null;
    const response = harness.ask(aQuery().edns().build());
    expect(response.rcode).toBe('SERVFAIL');
    expect(edesOf(response)[0]?.code).toBe(14);
  });
});

describe('a forwarded question', () => {
  it('is answered when upstream has answered, then from the cache, its TTL ageing', () => {
    const harness = new ResolverHarness();
    const question = harness.park(aQuery().id(7).name('Example.ORG').build());
    expect(question).toMatchObject({ text: 'example.org', group: 0, type: 1 });
    harness.upstreamAnswers(question, addressResponse('example.org'));
    const [late] = harness.takeLate();
    expect(late?.response).toMatchObject({
      id: 7,
      rcode: 'NOERROR',
      questions: [{ name: 'Example.ORG' }],
      answers: [{ name: 'Example.ORG', data: '192.0.2.80', ttl: 300 }],
    });
    harness.passSeconds(100);
    const cached = harness.ask(aQuery().id(8).name('EXAMPLE.org').build());
    expect(cached).toMatchObject({ id: 8, answers: [{ name: 'EXAMPLE.org', ttl: 200 }] });
    expect(harness.forwarded).toHaveLength(1);
  });

  it('is sent once for all who ask it, each answered with his own ID, case and policy', () => {
    const harness = new ResolverHarness({ lists: { adult: ['hidden.example'] } });
    const query = aQuery().name('www.example.org');
    const question = harness.park(query.id(1).build());
    expect(harness.resolve(aQuery().id(2).name('WWW.example.org').build(), { client: OPEN })).toBe(
      0,
    );
    expect(harness.forwarded).toHaveLength(1);
    harness.upstreamAnswers(question, addressResponse('www.example.org', 'x.hidden.example'));
    const late = harness.takeLate().map(({ response }) => response);
    expect(late.find(({ id }) => id === 1)).toMatchObject({ rcode: 'NXDOMAIN' });
    expect(late.find(({ id }) => id === 2)).toMatchObject({
      rcode: 'NOERROR',
      questions: [{ name: 'WWW.example.org' }],
    });
  });

  it('is not joined by one that differs in type, DO or CD', () => {
    const harness = new ResolverHarness();
    for (const query of [aQuery(), aQuery().type('AAAA'), aQuery().dnssecOk(), aQuery().cd()]) {
      harness.park(query.build());
    }
    expect(harness.forwarded).toHaveLength(4);
  });

  it('that leads to a blocked name is blocked, fresh and from the cache', () => {
    const harness = new ResolverHarness({ lists: { adult: ['hidden.example'] } });
    const query = aQuery().name('www.example.org').edns().build();
    harness.upstreamAnswers(
      harness.park(query),
      addressResponse('www.example.org', 'hidden.example'),
    );
    for (const response of [harness.takeLate()[0]?.response, harness.ask(query)]) {
      expect(response?.rcode).toBe('NXDOMAIN');
      expect(response && edesOf(response)[0]?.code).toBe(17);
    }
    expect(harness.ask(query, { client: OPEN }).answers).toHaveLength(2);
  });

  it('is judged by every target of the chain, not the first alone', () => {
    const harness = new ResolverHarness({ lists: { adult: ['hidden.example'] } });
    const query = aQuery().name('www.example.org').build();
    const chain = addressResponse(
      'www.example.org',
      'cdn.example',
      'edge.example',
      'hidden.example',
    );
    harness.upstreamAnswers(harness.park(query), chain);
    expect(harness.takeLate()[0]?.response.rcode).toBe('NXDOMAIN');
    expect(harness.ask(query).rcode).toBe('NXDOMAIN');
  });

  it('is decided again when the answer comes: a policy may have changed while it waited', () => {
    const harness = new ResolverHarness();
    const question = harness.park(aQuery().name('www.example.org').build());
    harness.install({ deny: ['example.org'] });
    harness.upstreamAnswers(question, addressResponse('www.example.org'));
    expect(harness.takeLate()[0]?.response.rcode).toBe('NXDOMAIN');
  });

  it('is asked for again before it runs out, if it is asked often', () => {
    const harness = new ResolverHarness();
    const query = aQuery().build();
    harness.upstreamAnswers(harness.park(query), addressResponse('example.org'));
    for (let hit = 0; hit < 3; hit++) harness.ask(query);
    expect(harness.forwarded).toHaveLength(1);
    harness.passSeconds(280);
    expect(harness.ask(query).answers).toMatchObject([{ ttl: 20 }]);
    expect(harness.ask(query).rcode).toBe('NOERROR');
    expect(harness.forwarded, 'one prefetch').toHaveLength(2);
    harness.upstreamAnswers(harness.forwarded[1]!, addressResponse('example.org'));
    expect(harness.ask(query).answers).toMatchObject([{ ttl: 300 }]);
    expect(harness.takeLate(), 'nobody waited').toHaveLength(1);
  });

  it('of a forward zone and of the default group are two questions with two cache entries', () => {
    const zones = [{ name: 'lan', group: 1 }];
    const harness = new ResolverHarness({ zones });
    const query = aQuery().name('tv.lan').build();
    const question = harness.park(query);
    const { local } = harness.resolver;
    harness.resolver.local = new ResolverHarness().resolver.local;
    harness.park(query);
    harness.upstreamAnswers(question, addressResponse('tv.lan'));
    harness.takeLate();
    expect(harness.resolve(query), 'the default group still waits').toBe(0);
    harness.resolver.local = local;
    expect(harness.ask(query).rcode).toBe('NOERROR');
  });

  it('echoes RD, CD and DO as they were asked, and no other flag', () => {
    const harness = new ResolverHarness(ADULT);
    const query = aQuery().name('adult.example').cd().dnssecOk().build();
    query[2] = query[2]! | 0x02;
    query[3] = query[3]! | 0x60;
    const bytes = harness.resolve(query) as Uint8Array;
    expect([bytes[2], bytes[3]]).toEqual([0x81, 0x93]);
    const opt = decodeResponse(bytes).additionals[0];
    expect(opt?.flag_do).toBe(true);
  });

  it('that is in the cache is judged anew after a list has changed', () => {
    const harness = new ResolverHarness();
    const query = aQuery().name('www.example.org').build();
    harness.upstreamAnswers(harness.park(query), addressResponse('www.example.org', 'cdn.example'));
    expect(harness.ask(query).rcode).toBe('NOERROR');
    harness.install({ lists: { adult: ['cdn.example'] } });
    expect(harness.ask(query).rcode).toBe('NXDOMAIN');
    harness.install({ deny: ['cdn.example'] });
    expect(harness.ask(query).rcode).toBe('NXDOMAIN');
    harness.install({});
    expect(harness.ask(query).rcode).toBe('NOERROR');
  });

  it('whose asked name the household allows may lead to a blocked category, but not to a law name', () => {
    const harness = new ResolverHarness({
      lists: { adult: ['cdn.example'], court: ['ordered.example'] },
      allow: ['www.example.org'],
    });
    const query = aQuery().name('www.example.org').build();
    harness.upstreamAnswers(harness.park(query), addressResponse('www.example.org', 'cdn.example'));
    expect(harness.ask(query).rcode).toBe('NOERROR');
    const other = aQuery().name('a.www.example.org').build();
    const answer = addressResponse('a.www.example.org', 'ordered.example');
    harness.upstreamAnswers(harness.park(other), answer);
    expect(harness.ask(other).rcode).toBe('NXDOMAIN');
  });

  it('meets SERVFAIL and EDE 22 when upstream is silent, and EDE 23 on a network error', () => {
    const harness = new ResolverHarness();
    for (const [cause, code] of [
      [FORWARD_TIMEOUT, 22],
      [FORWARD_NETWORK_ERROR, 23],
    ] as const) {
      const question = harness.park(aQuery().name(`n${code}.example`).edns().build());
      harness.upstreamFails(question, cause);
      const response = harness.takeLate()[0]!.response;
      expect(response.rcode).toBe('SERVFAIL');
      expect(edesOf(response)[0]?.code).toBe(code);
    }
  });

  it('that failed is not asked again for five seconds (RFC 9520): EDE 13', () => {
    const harness = new ResolverHarness();
    const query = aQuery().edns().build();
    harness.upstreamFails(harness.park(query), FORWARD_TIMEOUT);
    harness.passSeconds(4);
    const cached = harness.ask(query);
    expect(cached.rcode).toBe('SERVFAIL');
    expect(edesOf(cached)[0]?.code).toBe(13);
    harness.passSeconds(1);
    harness.park(query);
  });

  it.each([
    ['is slow', 'upstreamIsSlow'],
    ['fails', 'upstreamFails'],
  ] as const)('whose upstream %s gets the stale answer, EDE 3, TTL 30 at most', (_what, how) => {
    const harness = new ResolverHarness();
    const query = aQuery().edns().build();
    harness.upstreamAnswers(harness.park(query), addressResponse('example.org'));
    harness.takeLate();
    harness.passSeconds(400);
    harness[how](harness.park(query), FORWARD_TIMEOUT);
    const [late, ...others] = harness.takeLate();
    expect(others).toEqual([]);
    expect(late?.response).toMatchObject({ rcode: 'NOERROR', answers: [{ ttl: 30 }] });
    expect(late && edesOf(late.response)[0]?.code).toBe(3);
  });

  it('that is stale is still judged by policy', () => {
    const harness = new ResolverHarness();
    const query = aQuery().name('www.example.org').build();
    harness.upstreamAnswers(harness.park(query), addressResponse('www.example.org', 'cdn.example'));
    harness.takeLate();
    harness.passSeconds(400);
    harness.install({ lists: { adult: ['cdn.example'] } });
    harness.upstreamFails(harness.park(query), FORWARD_TIMEOUT);
    expect(harness.takeLate()[0]?.response.rcode).toBe('NXDOMAIN');
  });

  it('carries no TTL above a day, whatever upstream says', () => {
    const harness = new ResolverHarness();
    const answer = [{ owner: QNAME, type: 1, ttl: 0x7fffffff, rdata: [192, 0, 2, 80] }];
    const question = harness.park(aQuery().build());
    const response = { question: { name: 'example.org', type: 1 }, answer };
    harness.upstreamAnswers(question, rawResponse(response));
    expect(harness.takeLate()[0]?.response.answers).toMatchObject([{ ttl: 86_400 }]);
  });

  it('a negative answer is cached for its SOA’s time and clamped by the plan', () => {
    const harness = new ResolverHarness({ plan: { maxTtlSeconds: 20 } });
    const query = aQuery().name('no.example.org').build();
    const soa = { owner: 'example.org', type: 6, ttl: 600, rdata: soaRdata(60) };
    const response = { question: { name: 'no.example.org', type: 1 }, flags: 0x8183 };
    harness.upstreamAnswers(harness.park(query), rawResponse({ ...response, authority: [soa] }));
    const late = harness.takeLate()[0]!.response;
    expect(late).toMatchObject({ rcode: 'NXDOMAIN', authorities: [{ type: 'SOA', ttl: 20 }] });
    harness.passSeconds(59);
    expect(harness.ask(query)).toMatchObject({ rcode: 'NXDOMAIN', authorities: [{ ttl: 1 }] });
  });

  it('is cut to TC over UDP where it does not fit, and whole over TCP', () => {
    const harness = new ResolverHarness();
    const text = [255, ...new Array<number>(255).fill(97)];
    const answer = Array.from({ length: 6 }, (_, index) => ({
      owner: QNAME,
      type: 16,
      ttl: 60,
      rdata: [...text.slice(0, -1), 97 + index],
    }));
    const query = aQuery().type('TXT').edns({ payloadSize: 4096 }).build();
    const large = rawResponse({ question: { name: 'example.org', type: 16 }, answer });
    harness.upstreamAnswers(harness.park(query), large);
    const late = harness.takeLate()[0]!;
    expect(late.response).toMatchObject({ flag_tc: true, answers: [] });
    expect(late.bytes.length).toBeLessThanOrEqual(1232);
    expect(harness.ask(query)).toMatchObject({ flag_tc: true, answers: [] });
    expect(harness.ask(query, { isStream: true }).answers).toHaveLength(6);
  });

  it('is cut where the records fit but not the OPT behind them', () => {
    const harness = new ResolverHarness();
    const rdata = [
      250,
      ...new Array<number>(250).fill(97),
      215,
      ...new Array<number>(215).fill(97),
    ];
    const answer = [{ owner: QNAME, type: 16, ttl: 60, rdata }];
    const large = rawResponse({ question: { name: 'example.org', type: 16 }, answer });
    expect(large.length).toBe(508);
    const query = aQuery().type('TXT').edns({ payloadSize: 512 }).build();
    harness.upstreamAnswers(harness.park(query), large);
    expect(harness.takeLate()[0]?.response).toMatchObject({ flag_tc: true, answers: [] });
    expect(harness.ask(aQuery().type('TXT').build()).answers).toHaveLength(1);
  });

  it('carries AD only to those who ask for it, and only from a trusted upstream', () => {
    const harness = new ResolverHarness();
    const authentic = rawResponse({
      flags: 0x81a0,
      question: { name: 'example.org', type: 1 },
      answer: [{ owner: QNAME, type: 1, ttl: 300, rdata: [192, 0, 2, 80] }],
    });
    harness.upstreamAnswers(harness.park(aQuery().ad().build()), authentic, true);
    expect(harness.takeLate()[0]?.response.flag_ad).toBe(true);
    expect(harness.ask(aQuery().build()).flag_ad).toBe(false);
    harness.upstreamAnswers(harness.park(aQuery().dnssecOk().build()), authentic, false);
    expect(harness.takeLate()[0]?.response.flag_ad).toBe(false);
  });

  it('with an answer to another question is a failure, and nothing of it is cached', () => {
    const harness = new ResolverHarness();
    const question = harness.park(aQuery().build());
    harness.upstreamAnswers(question, addressResponse('evil.example'));
    expect(harness.takeLate()[0]?.response.rcode).toBe('SERVFAIL');
    harness.park(aQuery().name('evil.example').build());
  });

  it('that came too late for a slot used again meets nobody', () => {
    const harness = new ResolverHarness({ pendingMax: 1 });
    const first = harness.park(aQuery().name('a.example').build());
    harness.park(aQuery().name('b.example').build());
    expect(harness.takeLate()[0]?.response).toMatchObject({ rcode: 'SERVFAIL' });
    harness.upstreamAnswers(first, addressResponse('a.example'));
    expect(harness.takeLate()).toEqual([]);
  });
});

it('a fault of ours in answering one client leaks nothing, and the others are answered', () => {
  const harness = new ResolverHarness();
  const { pending } = harness.resolver;
  const question = harness.park(aQuery().id(1).build(), { port: 1 });
  harness.resolve(aQuery().id(2).build(), { port: 2 });
  harness.failLateFor = 2;
  expect(() => {
    harness.upstreamAnswers(question, addressResponse('example.org'));
  }).toThrow();
  harness.upstreamFails(question, FORWARD_TIMEOUT);
  expect(harness.takeLate().map(({ port }) => port)).toEqual([1]);
  expect([pending.pendingCount, pending.waiterCount]).toEqual([0, 0]);
});

describe('limits', () => {
  it('when all slots wait, the oldest question is given up, and the newest goes on', () => {
    const harness = new ResolverHarness({ pendingMax: 4 });
    for (let index = 0; index < 6; index++) {
      harness.park(aQuery().id(index).name(`n${index}.example`).build(), { port: 1000 + index });
    }
    const late = harness.takeLate();
    expect(late.map(({ response }) => response.id)).toEqual([0, 1]);
    expect(late.every(({ response }) => response.rcode === 'SERVFAIL')).toBe(true);
    harness.upstreamAnswers(harness.forwarded[5]!, addressResponse('n5.example'));
    expect(harness.takeLate()[0]).toMatchObject({ port: 1005, response: { rcode: 'NOERROR' } });
  });

  it('who joins a question that waits already takes nobody’s place', () => {
    const harness = new ResolverHarness({ pendingMax: 2 });
    harness.park(aQuery().name('a.example').build());
    harness.park(aQuery().name('b.example').build());
    expect(harness.resolve(aQuery().name('b.example').build())).toBe(0);
    expect(harness.takeLate()).toEqual([]);
    expect(harness.forwarded).toHaveLength(2);
  });

  it('a question that has all the places is not given up for one more: that one is refused', () => {
    const harness = new ResolverHarness({ pendingMax: 2 });
    const asked = aQuery().name('many.example').build();
    const question = harness.park(asked);
    for (let count = 1; count < 4; count++) harness.resolve(asked);
    expect(harness.ask(asked).rcode).toBe('SERVFAIL');
    expect(harness.takeLate()).toEqual([]);
    harness.upstreamAnswers(question, addressResponse('many.example'));
    expect(harness.takeLate().map(({ response }) => response.rcode)).toEqual(
      Array.from({ length: 4 }, () => 'NOERROR'),
    );
  });

  it('another question takes the place of one of its clients, and the others go on waiting', () => {
    const harness = new ResolverHarness({ pendingMax: 2 });
    const asked = aQuery().name('many.example').build();
    const many = harness.park(asked);
    for (let count = 1; count < 4; count++) harness.resolve(asked);
    const other = harness.park(aQuery().name('other.example').build(), { port: 1 });
    expect(harness.takeLate().map(({ response }) => response.rcode)).toEqual(['SERVFAIL']);
    harness.upstreamAnswers(many, addressResponse('many.example'));
    expect(harness.takeLate()).toHaveLength(3);
    harness.upstreamAnswers(other, addressResponse('other.example'));
    expect(harness.takeLate()).toMatchObject([{ port: 1, response: { rcode: 'NOERROR' } }]);
  });

  it('a question that nobody waits for any more makes no room for a client: one of the next oldest goes too', () => {
    const harness = new ResolverHarness({ pendingMax: 2 });
    const stale = aQuery().name('stale.example').build();
    harness.upstreamAnswers(harness.park(stale), addressResponse('stale.example'));
    harness.passSeconds(400);
    harness.upstreamIsSlow(harness.park(stale));
    harness.park(aQuery().name('many.example').build());
    for (let count = 1; count < 4; count++) {
      harness.resolve(aQuery().name('many.example').build());
    }
    harness.takeLate();
    const newest = harness.park(aQuery().name('new.example').build(), { port: 1 });
    expect(harness.takeLate().map(({ response }) => response.rcode)).toEqual(['SERVFAIL']);
    harness.upstreamAnswers(newest, addressResponse('new.example'));
    expect(harness.takeLate()).toMatchObject([{ port: 1, response: { rcode: 'NOERROR' } }]);
  });

  it('one client may have only so many queries waiting; blocks and hits it still gets', () => {
    const harness = new ResolverHarness({ ...ADULT, waitersPerClientMax: 2 });
    const first = harness.park(aQuery().name('a.example').build());
    harness.park(aQuery().name('b.example').build());
    expect(harness.ask(aQuery().name('c.example').build()).rcode).toBe('REFUSED');
    expect(harness.ask(aQuery().name('adult.example').build()).rcode).toBe('NXDOMAIN');
    harness.park(aQuery().name('c.example').build(), { client: OPEN });
    harness.upstreamAnswers(first, addressResponse('a.example'));
    harness.park(aQuery().name('d.example').build());
  });

  it('an IPv6 client is one client, whichever address of its /56 it sends from', () => {
    const access = { prefixes: [{ words: [0x20010db8, 0, 0, 0], length: 32 }] } as const;
    const harness = new ResolverHarness({ access, waitersPerClientMax: 1 });
    const { images } = harness.resolver;
    const table = images!.subscribers;
    writePrefix(table, { words: [0x20010db8, 0, 0, 0], length: 32 }, 1);
    const query = (name: string): Uint8Array => aQuery().name(name).build();
    harness.park(query('a.example'), { client: '2001:db8:0:1::1' });
    const second = harness.ask(query('b.example'), { client: '2001:db8:0:2::9' });
    expect(second.rcode).toBe('REFUSED');
    harness.park(query('b.example'), { client: '2001:db8:0:100::1' });
  });

  it('a client over its rate is refused, far over it is dropped', () => {
    const access = { ratePerSecond: 1, burst: 2 };
    const harness = new ResolverHarness({ ...ADULT, access });
    const query = aQuery().name('adult.example').build();
    const outcomes = Array.from({ length: 30 }, () => harness.resolve(query));
    const rcodes = outcomes.map((outcome) =>
      typeof outcome === 'number' ? 'silence' : decodeResponse(outcome).rcode,
    );
    expect(rcodes.slice(0, 3)).toEqual(['NXDOMAIN', 'NXDOMAIN', 'REFUSED']);
    expect(rcodes.at(-1)).toBe('silence');
  });
});
