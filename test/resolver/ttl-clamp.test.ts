/**
 * No answer outlives the policy that it was given under: all ways out, before a policy that changes
 * in so many seconds.
 */

import { describe, expect, it } from 'vitest';
import type { DecodedPacket } from 'dns-packet';
import { parseIpAddress } from '../../src/lib/ip-address.ts';
import { FORWARD_TIMEOUT } from '../../src/resolver/forwarder.ts';
import { aQuery } from '../support/dns-query.ts';
import { ALL_SAFE, type PlanOptions } from '../support/household.ts';
import { QNAME, rawResponse, soaRdata, wire, type RawRecord } from '../support/raw-response.ts';
import { ResolverHarness, type Forwarded } from '../support/resolver-harness.ts';

const DAY = 86_400;
const ADDRESS = { owner: QNAME, type: 1, ttl: DAY, rdata: [192, 0, 2, 80] };
const SOA = { owner: 'org', type: 6, ttl: DAY, rdata: soaRdata(DAY) };

/** A household whose grant ends in `seconds`. */
function aHarness(seconds: number, plan: PlanOptions = {}): ResolverHarness {
  const options = {
    lists: { adult: ['adult.example'], games: ['games.example'] },
    plan: { block: ['adult', 'games'], ...plan },
    safeSearch: ALL_SAFE,
    records: [{ name: 'tv.lan', type: 1, rdata: Uint8Array.from([10, 0, 0, 7]) }],
  };
  const harness = new ResolverHarness(options);
  // An image that was compiled a minute ago holds what comes after the change, too.
  const now = harness.nowSeconds;
  harness.nowSeconds = now - 60;
  harness.install({ ...options, grants: [{ target: 'games', untilSecond: now + seconds }] });
  harness.nowSeconds = now;
  return harness;
}

interface Way {
  readonly title: string;
  readonly plan?: PlanOptions;
  readonly take: (harness: ResolverHarness, id: number) => DecodedPacket;
}

function asked(name: string, type = 'A'): Way['take'] {
  return (harness, id) => harness.ask(aQuery().id(id).name(name).type(type).build());
}

/** What upstream answers to every question of the ways below. */
function answerTo(
  harness: ResolverHarness,
  question: Forwarded,
  answer: readonly RawRecord[],
): void {
  const response = rawResponse({
    flags: answer.length === 0 ? 0x8183 : 0x8180,
    question: { name: question.text, type: question.type },
    answer: [...answer],
    authority: answer.length === 0 ? [SOA] : [],
  });
  harness.upstreamAnswers(question, response);
}

function fresh(name: string, answer: readonly RawRecord[]): Way['take'] {
  return (harness, id) => {
    answerTo(harness, harness.park(aQuery().id(id).name(name).build()), answer);
    return harness.takeLate()[0]!.response;
  };
}

function cached(name: string, answer: readonly RawRecord[]): Way['take'] {
  return (harness, id) => {
    fresh(name, answer)(harness, id);
    return asked(name)(harness, id);
  };
}

/** In the cache for two seconds, and stale when it is asked for. */
function stale(name: string): Way['take'] {
  return (harness, id) => {
    harness.nowMs -= 10_000;
    fresh(name, [{ ...ADDRESS, ttl: 2 }])(harness, id);
    harness.nowMs += 10_000;
    harness.upstreamFails(harness.park(aQuery().id(id).name(name).build()), FORWARD_TIMEOUT);
    return harness.takeLate()[0]!.response;
  };
}

const CHAIN = [
  { owner: QNAME, type: 5, ttl: DAY, rdata: wire('cdn.adult.example') },
  { ...ADDRESS, owner: 'cdn.adult.example' },
];
const BLOCK_PAGE = {
  blockingMode: 'address',
  blockAddress4: parseIpAddress('203.0.113.9'),
} as const;

const WAYS: readonly Way[] = [
  { title: 'allowed, fresh', take: fresh('www.example.org', [ADDRESS]) },
  { title: 'allowed, cached', take: cached('www.example.org', [ADDRESS]) },
  { title: 'negative, fresh', take: fresh('no.example.org', []) },
  { title: 'negative, cached', take: cached('no.example.org', []) },
  { title: 'stale', take: stale('www.example.org') },
  { title: 'blocked', take: asked('adult.example') },
  { title: 'blocked, NODATA', plan: { blockingMode: 'nodata' }, take: asked('adult.example') },
  { title: 'blocked, zero', plan: { blockingMode: 'zero' }, take: asked('adult.example') },
  { title: 'blocked, block page', plan: BLOCK_PAGE, take: asked('adult.example') },
  { title: 'blocked for a target, fresh', take: fresh('a.example.org', CHAIN) },
  { title: 'blocked for a target, cached', take: cached('a.example.org', CHAIN) },
  { title: 'a local record', take: asked('tv.lan') },
  { title: 'a local name without the type', take: asked('tv.lan', 'AAAA') },
  { title: 'a special name', take: asked('localhost') },
  { title: 'a special name that does not exist', take: asked('x.invalid') },
  { title: 'ANY', take: asked('www.example.org', 'ANY') },
  { title: 'rewritten, fresh', take: fresh('www.google.com', [ADDRESS]) },
  { title: 'rewritten, cached', take: cached('www.google.com', [ADDRESS]) },
  { title: 'rewritten, negative', take: fresh('www.bing.com', []) },
  { title: 'rewritten, stale', take: stale('www.google.com') },
  { title: 'rewritten, no such type', take: asked('www.google.com', 'HTTPS') },
  { title: 'rewritten, the CNAME itself', take: asked('www.google.com', 'CNAME') },
  { title: 'rewritten, an address', take: asked('ya.ru') },
];

function ttlsOf({ answers, authorities }: DecodedPacket): number[] {
  const ttls = [...answers, ...authorities].map((record) => (record as { ttl: number }).ttl);
  expect(ttls.length).toBeGreaterThan(0);
  return ttls;
}

describe.each(WAYS)('$title', ({ plan, take }) => {
  it.each([1000, 61, 2, 1])(
    'before a change in %i seconds lives no longer than that',
    (seconds) => {
      for (const id of [0, 1, 0x7fff, 0xffff]) {
        const ttls = ttlsOf(take(aHarness(seconds, plan), id));
        expect(Math.max(...ttls)).toBeLessThan(seconds);
      }
    },
  );

  it('from the second of the change on lives as long as it would without one', () => {
    const ttls = ttlsOf(take(aHarness(0, plan), 7));
    expect(Math.max(...ttls)).toBeGreaterThanOrEqual(10);
  });
});

describe('a name that a grant opens', () => {
  const ask = (harness: ResolverHarness, id = 7): DecodedPacket =>
    asked('www.games.example')(harness, id);

  it('lives shorter and shorter, 0 in the last second, and is blocked from the next on', () => {
    const harness = aHarness(1000);
    cached('www.games.example', [ADDRESS])(harness, 7);
    for (let left = 1000; left > 0; left--) {
      const [ttl = -1] = ttlsOf(ask(harness, (left * 7919) & 0xffff));
      expect(ttl).toBeLessThan(left);
      expect(ttl).toBeGreaterThanOrEqual(Math.floor(((left - 1) * 15) / 16));
      harness.passSeconds(1);
    }
    expect(ask(harness).rcode).toBe('NXDOMAIN');
    expect(Math.max(...ttlsOf(ask(harness)))).toBe(10);
  });

  it('has a TTL that differs from query to query, so that not all ask again in one second', () => {
    const harness = aHarness(1000);
    cached('www.games.example', [ADDRESS])(harness, 7);
    const ttls = Array.from({ length: 64 }, (_, index) => ttlsOf(ask(harness, index * 1024))[0]);
    expect(new Set(ttls).size).toBeGreaterThan(30);
  });

  it('that is parked over the change is blocked when its answer comes', () => {
    const harness = aHarness(2);
    const question = harness.park(aQuery().name('www.games.example').build());
    harness.passSeconds(1);
    answerTo(harness, question, [ADDRESS]);
    expect(ttlsOf(harness.takeLate()[0]!.response)).toEqual([0]);
    harness.nowMs += 100_000_000;
    const next = harness.park(aQuery().name('www.games.example').build());
    harness.passSeconds(1);
    answerTo(harness, next, [ADDRESS]);
    expect(harness.takeLate()[0]!.response.rcode).toBe('NXDOMAIN');
  });
});
