import { describe, expect, it } from 'vitest';
import fc from 'fast-check';
import { FORWARD_TIMEOUT } from '../../src/resolver/forwarder.ts';
import { COUNT_GRANTED } from '../../src/resolver/query-record.ts';
import { aQuery, edesOf } from '../support/dns-query.ts';
import { ALL_SAFE } from '../support/household.ts';
import {
  QNAME,
  rawResponse,
  rrsigRdata,
  soaRdata,
  wire,
  type RawRecord,
} from '../support/raw-response.ts';
import {
  KIDS,
  OPEN,
  ResolverHarness,
  type Forwarded,
  type HarnessOptions,
} from '../support/resolver-harness.ts';

const SAFE: HarnessOptions = { safeSearch: ALL_SAFE };
const GOOGLE = 'forcesafesearch.google.com';

function address(owner: RawRecord['owner'], ttl = 300): RawRecord {
  return { owner, type: 1, ttl, rdata: [192, 0, 2, 80] };
}

/** Upstream answers a question for a target with these records. */
function answerWith(
  harness: ResolverHarness,
  question: Forwarded,
  answer: readonly RawRecord[],
  authority: readonly RawRecord[] = [],
  flags = 0x8180,
): void {
  const asked = { name: question.text, type: question.type };
  harness.upstreamAnswers(
    question,
    rawResponse({ flags, question: asked, answer: [...answer], authority: [...authority] }),
    true,
  );
}

describe('a search engine', () => {
  it('is answered with a CNAME to its safe form, whose addresses are looked up under its own name', () => {
    const harness = new ResolverHarness(SAFE);
    const question = harness.park(aQuery().id(7).name('WWW.Google.com').edns().build());
    expect(question).toMatchObject({ text: GOOGLE, type: 1, group: 0 });
    answerWith(harness, question, [address(QNAME, 900)], [], 0x81a0);
    const [late] = harness.takeLate();
    expect(late?.response).toMatchObject({ id: 7, rcode: 'NOERROR', flag_ad: false });
    expect(late?.response.questions).toMatchObject([{ name: 'WWW.Google.com', type: 'A' }]);
    expect(late?.response.answers).toMatchObject([
      { name: 'WWW.Google.com', type: 'CNAME', ttl: 300, data: GOOGLE },
      { name: GOOGLE, type: 'A', ttl: 900, data: '192.0.2.80' },
    ]);
    expect(edesOf(late!.response)).toMatchObject([{ code: 4 }]);
  });

  it('from the cache is the same answer, the TTL of its addresses aged', () => {
    const harness = new ResolverHarness(SAFE);
    const query = aQuery().name('www.google.com').dnssecOk().ad().build();
    answerWith(harness, harness.park(query), [address(QNAME, 900)], [], 0x81a0);
    harness.takeLate();
    harness.passSeconds(100);
    const response = harness.ask(query);
    expect(response.answers).toMatchObject([
      { name: 'www.google.com', type: 'CNAME', ttl: 300, data: GOOGLE },
      { name: GOOGLE, type: 'A', ttl: 800, data: '192.0.2.80' },
    ]);
    expect(response.flag_ad).toBe(false);
    expect(edesOf(response)).toMatchObject([{ code: 4 }]);
    expect(harness.forwarded).toHaveLength(1);
  });

  it.each([
    ['by name', { grants: [{ target: 'names:www.google.com', untilSecond: 2_000_000_000 }] }],
    [
      'by category',
      {
        lists: { games: ['www.google.com'] },
        grants: [{ target: 'games', untilSecond: 2_000_000_000 }],
      },
    ],
  ])('that a grant opens is counted as granted, %s, and is safe all the same', (_how, granted) => {
    const harness = new ResolverHarness({ ...SAFE, ...granted });
    const query = aQuery().name('www.google.com').build();
    answerWith(harness, harness.park(query), [address(QNAME)]);
    expect(harness.takeLate()[0]?.response.answers).toMatchObject([{ type: 'CNAME' }, {}]);
    expect(harness.resolver.counters[COUNT_GRANTED]).toBe(1);
  });

  it('that is rewritten is never cached: who may see the real one gets the real one', () => {
    const harness = new ResolverHarness(SAFE);
    const query = aQuery().name('www.google.com').build();
    answerWith(harness, harness.park(query), [address(QNAME)]);
    harness.takeLate();
    const question = harness.park(query, { client: OPEN });
    expect(question.text).toBe('www.google.com');
    const real = { owner: QNAME, type: 1, ttl: 300, rdata: [192, 0, 2, 1] };
    answerWith(harness, question, [real]);
    expect(harness.takeLate()[0]?.response.answers).toMatchObject([{ data: '192.0.2.1' }]);
    expect(harness.ask(query).answers).toHaveLength(2);
    expect(harness.ask(query, { client: OPEN }).answers).toMatchObject([{ data: '192.0.2.1' }]);
  });

  it('shares its question with those who ask for the target itself, each with the answer to his own', () => {
    const harness = new ResolverHarness(SAFE);
    const question = harness.park(aQuery().id(1).name('www.google.com').build());
    expect(harness.resolve(aQuery().id(2).name(GOOGLE.toUpperCase()).build())).toBe(0);
    expect(harness.resolve(aQuery().id(3).name(GOOGLE).build(), { client: OPEN })).toBe(0);
    expect(harness.forwarded).toHaveLength(1);
    answerWith(harness, question, [address(QNAME)]);
    const byId = new Map(harness.takeLate().map(({ response }) => [response.id, response]));
    expect(byId.get(1)?.answers).toHaveLength(2);
    expect(byId.get(1)?.questions).toMatchObject([{ name: 'www.google.com' }]);
    expect(byId.get(2)?.answers).toMatchObject([{ name: GOOGLE.toUpperCase(), type: 'A' }]);
    expect(byId.get(3)?.answers).toMatchObject([{ name: GOOGLE, type: 'A' }]);
  });

  it('without an address of the asked family keeps its CNAME and has the SOA of the target', () => {
    const harness = new ResolverHarness(SAFE);
    const query = aQuery().name('www.google.com').type('AAAA').build();
    const soa = { owner: 'google.com', type: 6, ttl: 60, rdata: soaRdata(60) };
    answerWith(harness, harness.park(query), [], [soa]);
    for (const response of [harness.takeLate()[0]!.response, harness.ask(query)]) {
      expect(response).toMatchObject({
        rcode: 'NOERROR',
        answers: [{ name: 'www.google.com', type: 'CNAME', data: GOOGLE }],
        authorities: [{ name: 'google.com', type: 'SOA', ttl: 60, data: { minimum: 60 } }],
      });
    }
  });

  it.each(['HTTPS', 'SVCB', 'TXT', 'MX', 'TYPE65280'])(
    'has nothing of type %s, and nobody is asked',
    (type) => {
      const harness = new ResolverHarness(SAFE);
      const response = harness.ask(aQuery().name('www.google.com').type(type).edns().build());
      expect(response).toMatchObject({
        rcode: 'NOERROR',
        answers: [],
        authorities: [{ type: 'SOA', ttl: 300, data: { minimum: 300 } }],
      });
      expect(edesOf(response)).toMatchObject([{ code: 4 }]);
      expect(harness.forwarded).toEqual([]);
    },
  );

  it('asked for its CNAME has that one', () => {
    const response = new ResolverHarness(SAFE).ask(
      aQuery().name('www.Bing.com').type('CNAME').build(),
    );
    expect(response.answers).toMatchObject([
      { name: 'www.Bing.com', type: 'CNAME', ttl: 300, data: 'strict.bing.com' },
    ]);
  });

  it('whose safe form is an address has that one for A, and nothing of any other type', () => {
    const harness = new ResolverHarness(SAFE);
    expect(harness.ask(aQuery().name('YA.ru').build()).answers).toMatchObject([
      { name: 'YA.ru', type: 'A', ttl: 300, data: '213.180.193.56' },
    ]);
    for (const type of ['AAAA', 'HTTPS', 'CNAME', 'TXT']) {
      const response = harness.ask(aQuery().name('ya.ru').type(type).build());
      expect(response, type).toMatchObject({ rcode: 'NOERROR', answers: [] });
      expect(response.authorities, type).toHaveLength(1);
    }
    expect(harness.forwarded).toEqual([]);
  });

  it('that cannot be made safe is blocked where that is wanted, and resolves where it is not', () => {
    const query = aQuery().name('eu.startpage.com').edns().build();
    const response = new ResolverHarness(SAFE).ask(query);
    expect(response.rcode).toBe('NXDOMAIN');
    expect(edesOf(response)[0]?.code).toBe(17);
    const safeSearch = { ...ALL_SAFE, isBlockingUnsafe: false };
    new ResolverHarness({ safeSearch }).park(query);
  });

  it('has names of its own: what stands below or beside them is not rewritten', () => {
    const harness = new ResolverHarness(SAFE);
    for (const name of [
      'google.com',
      'mail.google.com',
      'a.www.google.com',
      'www.google.com.example',
    ]) {
      expect(harness.park(aQuery().name(name).build()).text).toBe(name);
    }
  });

  it('is made safe though an own name allows it, and blocked where an own name denies it', () => {
    const allowing = new ResolverHarness({ ...SAFE, allow: ['google.com'] });
    expect(allowing.park(aQuery().name('www.google.com').build()).text).toBe(GOOGLE);
    const denying = new ResolverHarness({ ...SAFE, deny: ['google.com'] });
    expect(denying.ask(aQuery().name('www.google.com').build()).rcode).toBe('NXDOMAIN');
  });

  it('is answered by a local record, where the operator has one', () => {
    const record = { name: 'www.google.com', type: 1, rdata: Uint8Array.from([10, 0, 0, 1]) };
    const harness = new ResolverHarness({ ...SAFE, records: [record] });
    expect(harness.ask(aQuery().name('www.google.com').build()).answers).toMatchObject([
      { data: '10.0.0.1' },
    ]);
  });

  it('is asked in the forward zone of its target', () => {
    const harness = new ResolverHarness({ ...SAFE, zones: [{ name: GOOGLE, group: 1 }] });
    expect(harness.park(aQuery().name('www.google.com').build()).group).toBe(1);
  });
});

describe('YouTube', () => {
  it.each([
    [1, 'restrictmoderate.youtube.com'],
    [2, 'restrict.youtube.com'],
  ])('at level %i leads to %s', (youtube, target) => {
    const harness = new ResolverHarness({ safeSearch: { youtube } });
    for (const name of ['www.youtube.com', 'youtubei.googleapis.com']) {
      expect(harness.ask(aQuery().name(name).type('CNAME').build()).answers).toMatchObject([
        { name, data: target },
      ]);
    }
    harness.park(aQuery().name('www.bing.com').build());
  });
});

describe('what follows the target', () => {
  it('is judged as any other target, and the CNAME that was made is not', () => {
    const options = { ...SAFE, lists: { adult: ['cdn.example'], games: [GOOGLE] } };
    const harness = new ResolverHarness({ ...options, block: ['games'] });
    const query = aQuery().name('www.google.com').build();
    answerWith(harness, harness.park(query), [
      { owner: QNAME, type: 5, ttl: 60, rdata: wire('edge.cdn.example') },
      address('edge.cdn.example'),
    ]);
    expect(harness.takeLate()[0]?.response.rcode).toBe('NXDOMAIN');
    expect(harness.ask(query).rcode).toBe('NXDOMAIN');
    const other = aQuery().name('www.google.com').type('AAAA').build();
    answerWith(harness, harness.park(other), [
      { owner: QNAME, type: 28, ttl: 60, rdata: new Array<number>(16).fill(1) },
    ]);
    expect(harness.takeLate()[0]?.response.answers).toHaveLength(2);
  });

  it('stands behind the CNAME with every name whole, however it was compressed', () => {
    const label = fc.stringMatching(/^[a-z]{1,12}$/);
    const name = fc.array(label, { minLength: 1, maxLength: 5 }).map((labels) => labels.join('.'));
    fc.assert(
      fc.property(fc.array(name, { maxLength: 6 }), fc.boolean(), (names, isNegative) => {
        // Names that end in the target's, in each other's and in none's: all ways to compress.
        const targets = [
          ...new Set(
            names.map((text, index) => `${text}.${index % 2 === 0 ? GOOGLE : 'cdn.example'}`),
          ),
        ];
        const owners = [GOOGLE, ...targets];
        const soa = { owner: 'com', type: 6, ttl: 60, name: 'ns.com' };
        const hasSoa = isNegative && owners.at(-1)!.endsWith('com');
        const [answer = [], authority = []] = compressed(
          [
            ...targets.map((name, index) => ({ owner: owners[index]!, type: 5, name })),
            ...(isNegative ? [] : [{ owner: owners.at(-1)!, type: 1, name: null }]),
          ],
          hasSoa ? [soa] : [],
        );
        const harness = new ResolverHarness(SAFE);
        const query = aQuery().name('www.google.com').edns().build();
        answerWith(harness, harness.park(query, { isStream: true }), answer, authority);
        const { answers, authorities } = harness.takeLate()[0]!.response;
        const seen = answers.map((record) => [record.name, record.type, record.data]);
        expect(seen).toEqual([
          ['www.google.com', 'CNAME', GOOGLE],
          ...targets.map((target, index) => [owners[index], 'CNAME', target]),
          ...(isNegative ? [] : [[owners.at(-1), 'A', '192.0.2.80']]),
        ]);
        if (!hasSoa) return;
        expect(authorities).toMatchObject([
          { name: 'com', data: { mname: 'ns.com', rname: 'a.ns.com', minimum: 60 } },
        ]);
      }),
      { numRuns: 200 },
    );
  });

  it('is cut with TC where it does not fit, as any answer', () => {
    const harness = new ResolverHarness(SAFE);
    const query = aQuery().name('www.google.com').build();
    const many = Array.from({ length: 28 }, (_, index) => ({
      ...address(QNAME),
      rdata: [192, 0, 2, index],
    }));
    answerWith(harness, harness.park(query), many);
    const { response, bytes } = harness.takeLate()[0]!;
    expect(response).toMatchObject({ flag_tc: true, answers: [] });
    expect(bytes.length).toBeLessThanOrEqual(512);
    expect(harness.ask(query, { isStream: true }).answers).toHaveLength(29);
  });
});

/**
 * Records as upstream resolvers write them: each name ends in a pointer to where its longest suffix
 * stood before, in an owner, in RDATA or in the question. `name` is in the RDATA of CNAME and SOA.
 */
function compressed(
  ...sections: readonly { owner: string; type: number; name: string | null }[][]
): RawRecord[][] {
  const placeOf = new Map<string, number>();
  const write = (text: string, at: number): number[] => {
    const labels = text.split('.');
    const octets: number[] = [];
    for (let index = 0; index < labels.length; index++) {
      const suffix = labels.slice(index).join('.');
      const place = placeOf.get(suffix);
      if (place !== undefined) return [...octets, 0xc0 | (place >>> 8), place & 0xff];
      placeOf.set(suffix, at + octets.length);
      octets.push(labels[index]!.length, ...Buffer.from(labels[index]!));
    }
    return [...octets, 0];
  };
  let at = 12;
  at += write(GOOGLE, at).length + 4;
  return sections.map((records) =>
    records.map(({ owner, type, name }) => {
      const ownerOctets = write(owner, at);
      const rdataAt = at + ownerOctets.length + 10;
      const rdata = name === null ? [192, 0, 2, 80] : write(name, rdataAt);
      if (type === 6) {
        rdata.push(...write(`a.${name!}`, rdataAt + rdata.length), ...soaRdata(60).slice(-20));
      }
      at = rdataAt + rdata.length;
      return { owner: ownerOctets, type, ttl: 60, rdata };
    }),
  );
}

describe('where the target cannot be resolved', () => {
  it('there is SERVFAIL with the reason, never the real address', () => {
    const harness = new ResolverHarness(SAFE);
    const query = aQuery().name('www.google.com').edns().build();
    harness.upstreamFails(harness.park(query), FORWARD_TIMEOUT);
    expect(harness.takeLate()[0]?.response.rcode).toBe('SERVFAIL');
    const again = harness.ask(query);
    expect(again.rcode).toBe('SERVFAIL');
    expect(edesOf(again)[0]?.code).toBe(13);
  });

  it('a stale answer of the target is used, and says both', () => {
    const harness = new ResolverHarness(SAFE);
    const query = aQuery().name('www.google.com').edns().build();
    answerWith(harness, harness.park(query), [address(QNAME, 10)]);
    harness.takeLate();
    harness.passSeconds(60);
    harness.upstreamFails(harness.park(query), FORWARD_TIMEOUT);
    const { response } = harness.takeLate()[0]!;
    expect(response.answers).toMatchObject([{ type: 'CNAME' }, { type: 'A', ttl: 30 }]);
    expect(edesOf(response).map(({ code }) => code)).toEqual([3, 4]);
  });
});

describe('a policy that changes while the question is under way', () => {
  const query = aQuery().name('www.google.com').edns().build();

  it('to safe search: the real answer that comes is not given, the client asks again', () => {
    const harness = new ResolverHarness();
    const question = harness.park(query);
    harness.install(SAFE);
    answerWith(harness, question, [address(QNAME)]);
    expect(harness.takeLate()[0]?.response).toMatchObject({ rcode: 'SERVFAIL', answers: [] });
    expect(harness.park(query).text).toBe(GOOGLE);
  });

  it('away from safe search: the target’s answer is not given for another name', () => {
    const harness = new ResolverHarness(SAFE);
    const question = harness.park(query);
    harness.install({});
    answerWith(harness, question, [address(QNAME)]);
    expect(harness.takeLate()[0]?.response).toMatchObject({ rcode: 'SERVFAIL', answers: [] });
    expect(harness.park(query).text).toBe('www.google.com');
  });

  it('to another level of YouTube: the other target is asked for the next time', () => {
    const harness = new ResolverHarness({ safeSearch: { youtube: 1 } });
    const ofYoutube = aQuery().name('www.youtube.com').build();
    const question = harness.park(ofYoutube);
    harness.install({ safeSearch: { youtube: 2 } });
    answerWith(harness, question, [address(QNAME)]);
    expect(harness.takeLate()[0]?.response.rcode).toBe('SERVFAIL');
    expect(harness.park(ofYoutube).text).toBe('restrict.youtube.com');
  });

  it('to a safe form that is an address: that one is given at once', () => {
    const harness = new ResolverHarness();
    const question = harness.park(aQuery().name('ya.ru').build());
    harness.install(SAFE);
    answerWith(harness, question, [address(QNAME)]);
    expect(harness.takeLate()[0]?.response.answers).toMatchObject([{ data: '213.180.193.56' }]);
  });

  it('to a block: the name is blocked', () => {
    const harness = new ResolverHarness(SAFE);
    const question = harness.park(query);
    harness.install({ ...SAFE, deny: ['google.com'] });
    answerWith(harness, question, [address(QNAME)]);
    expect(harness.takeLate()[0]?.response.rcode).toBe('NXDOMAIN');
  });
});

it('DO and CD are those of the client, and no signature stands beside the CNAME that was made', () => {
  const harness = new ResolverHarness(SAFE);
  const plain = harness.park(aQuery().name('www.google.com').build(), { client: KIDS });
  const signed = harness.park(aQuery().name('www.google.com').dnssecOk().cd().build());
  expect(plain).toMatchObject({ isDnssecOk: false, isCheckingDisabled: false });
  expect(signed).toMatchObject({ text: GOOGLE, isDnssecOk: true, isCheckingDisabled: true });
  const rrsig = rrsigRdata(1, 'google.com');
  answerWith(harness, signed, [address(QNAME), { owner: QNAME, type: 46, ttl: 300, rdata: rrsig }]);
  const { answers } = harness.takeLate()[0]!.response;
  expect(answers.map(({ type, name }) => [type, name])).toEqual([
    ['CNAME', 'www.google.com'],
    ['A', GOOGLE],
    ['RRSIG', GOOGLE],
  ]);
});
