import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { WORD_HASH } from '../../src/cache/entry.ts';
import {
  createMessageCache,
  FAILURE_SECONDS_DEFAULT,
  LOOKUP_EXPIRING,
  LOOKUP_FRESH,
  LOOKUP_MISS,
  LOOKUP_STALE,
  LOOKUP_STALE_HELD,
  lookUp,
  readTargetMask,
  scopeOf,
  store,
  storeFailure,
  writeTargetMask,
  type MessageCache,
} from '../../src/cache/message-cache.ts';
import { createResponseView, parseResponse } from '../../src/dns/response-view.ts';
import { extractChain } from '../../src/dns/response-chain.ts';
import {
  ANSWER_FAILURE,
  createAnswerPointer,
  createVerifiedAnswer,
  writeAnswer,
  type VerifiedAnswer,
} from '../../src/dns/verified-answer.ts';
import { NaiveCache, type NaiveState } from '../support/naive-cache.ts';
import {
  QNAME,
  rawResponse,
  soaRdata,
  wire,
  type RawRecord,
  type RawResponse,
} from '../support/raw-response.ts';

const MIB = 1 << 20;
const NOW = 1000;
const scope = scopeOf(0, 1, false, false);
const view = createResponseView();
const found = createAnswerPointer();

/** FNV-1a: any hash of the name serves as the keyed one. */
function hashOf(name: readonly number[]): number {
  return name.reduce((hash, octet) => Math.imul(hash ^ octet, 0x01000193), 0);
}

function extract(response: RawResponse): VerifiedAnswer {
  const bytes = rawResponse(response);
  const answer = createVerifiedAnswer();
  expect(parseResponse(view, bytes, 0, bytes.length)).toBe(0);
  expect(extractChain(view, answer, false)).toBe(0);
  return answer;
}

function addressOf(name: string, ttl = 300, more: readonly RawRecord[] = []): VerifiedAnswer {
  const answer = [{ owner: QNAME, type: 1, ttl, rdata: [192, 0, 2, 1] }, ...more];
  return extract({ question: { name, type: 1 }, answer });
}

function put(
  cache: MessageCache,
  name: string,
  answer: VerifiedAnswer,
  now = NOW,
  key = scope,
): boolean {
  const octets = wire(name);
  return store(cache, answer, new Uint8Array(octets), octets.length, hashOf(octets), key, now);
}

function fail(cache: MessageCache, name: string, seconds: number, now = NOW): void {
  const octets = wire(name);
  const failure = extract({ question: { name, type: 1 }, flags: 0x8182 });
  storeFailure(
    cache,
    failure,
    new Uint8Array(octets),
    octets.length,
    hashOf(octets),
    scope,
    now,
    seconds,
  );
}

function look(cache: MessageCache, name: string, now = NOW, key = scope): number {
  const octets = wire(name);
  return lookUp(cache, found, new Uint8Array(octets), octets.length, hashOf(octets), key, now);
}

/** The TTLs of what the last look-up found, as they leave under a clamp. */
function ttlsOut(clamp = 0x7fffffff): number[] {
  const out = new Uint8Array(512);
  writeAnswer(found, out, 0, clamp);
  const fields = new DataView(out.buffer);
  const at = (index: number): number => found.ttlsAt + index * 2;
  return Array.from({ length: found.ttlCount }, (_, index) =>
    fields.getUint32((found.bytes[at(index)]! << 8) | found.bytes[at(index) + 1]!),
  );
}

describe('a stored answer', () => {
  const name = 'www.example.org';

  it('comes back octet for octet, with its counts and flags', () => {
    const cache = createMessageCache({ bytesMax: MIB });
    const answer = extract({
      question: { name, type: 1 },
      flags: 0x81a3,
      answer: [{ owner: QNAME, type: 5, rdata: wire('Gone.example.net') }],
      authority: [{ owner: 'example.net', type: 6, rdata: soaRdata(60) }],
    });
    expect(put(cache, name, answer)).toBe(true);
    expect(look(cache, name)).toBe(LOOKUP_FRESH);
    const { answerCount, authorityCount, rcode, isAuthentic, kind, targetCount, bodyLength } =
      answer;
    expect(found).toMatchObject({
      answerCount,
      authorityCount,
      rcode,
      isAuthentic,
      kind,
      targetCount,
    });
    expect({ rcode, isAuthentic }).toEqual({ rcode: 3, isAuthentic: true });
    expect([...found.bytes.subarray(found.bodyAt, found.bodyAt + found.bodyLength)]).toEqual([
      ...answer.bytes.subarray(0, bodyLength),
    ]);
    const { targetsAt, targetsLength } = found;
    expect([...found.bytes.subarray(targetsAt, targetsAt + targetsLength)]).toEqual(
      wire('gone.example.net'),
    );
  });

  it('is found only under its own name, type, DO, CD and group', () => {
    const cache = createMessageCache({ bytesMax: MIB });
    put(cache, name, addressOf(name));
    expect(look(cache, 'wwx.example.org')).toBe(LOOKUP_MISS);
    for (const other of [
      scopeOf(1, 1, false, false),
      scopeOf(0, 28, false, false),
      scopeOf(0, 1, true, false),
      scopeOf(0, 1, false, true),
    ]) {
      expect(look(cache, name, NOW, other)).toBe(LOOKUP_MISS);
    }
    expect(look(cache, name)).toBe(LOOKUP_FRESH);
  });

  it('is not confused with another name of the same hash', () => {
    const cache = createMessageCache({ bytesMax: MIB });
    const names = ['a.example', 'b.example', 'ab.example'].map(
      (text) => new Uint8Array(wire(text)),
    );
    for (const [index, octets] of names.entries()) {
      if (index < 2)
        store(cache, addressOf('x.example', 100 + index), octets, octets.length, 7, scope, NOW);
    }
    const lifetimes = names.map((octets) =>
      lookUp(cache, found, octets, octets.length, 7, scope, NOW) === LOOKUP_MISS
        ? 0
        : found.lifetimeSeconds,
    );
    expect(lifetimes).toEqual([100, 101, 0]);
  });

  it('is not confused with another question to the same name whose hash is the same', () => {
    const cache = createMessageCache({ bytesMax: MIB });
    const octets = new Uint8Array(wire(name));
    const other = scopeOf(0, 28, false, false);
    // The hash is that of the name, here 0, mixed by exclusive or with one of the scope.
    const hashes = [other, scope].map((key) => {
      store(cache, addressOf(name), octets, octets.length, 0, key, NOW);
      return cache.slab.words[cache.entry + WORD_HASH]! | 0;
    });
    store(cache, addressOf(name, 0), octets, octets.length, 0, other, NOW);
    const nameHash = hashes[0]! ^ hashes[1]!;
    expect(lookUp(cache, found, octets, octets.length, nameHash, other, NOW)).toBe(LOOKUP_MISS);
  });

  it('ages its TTLs, clamps them, and is stale when the smallest has run out', () => {
    const cache = createMessageCache({ bytesMax: MIB });
    const chain: RawRecord[] = [
      { owner: QNAME, type: 5, ttl: 100, rdata: wire('b.example.net') },
      { owner: 'b.example.net', type: 1, ttl: 300, rdata: [192, 0, 2, 1] },
    ];
    put(cache, name, extract({ question: { name, type: 1 }, answer: chain }));
    expect(look(cache, name, NOW + 40)).toBe(LOOKUP_FRESH);
    expect(ttlsOut()).toEqual([60, 260]);
    expect(ttlsOut(100)).toEqual([60, 100]);
    expect(look(cache, name, NOW + 99)).toBe(LOOKUP_FRESH);
    expect(look(cache, name, NOW + 100)).toBe(LOOKUP_STALE);
    expect(found.isStale).toBe(true);
    expect(ttlsOut()).toEqual([30, 30]);
    expect(ttlsOut(10)).toEqual([10, 10]);
  });

  it('is of use for a day past its time, and then no more', () => {
    const cache = createMessageCache({ bytesMax: MIB });
    put(cache, name, addressOf(name, 300));
    expect(look(cache, name, NOW + 300 + 86_399)).toBe(LOOKUP_STALE);
    expect(look(cache, name, NOW + 300 + 86_400)).toBe(LOOKUP_MISS);
  });

  it('is not fresh for longer than a day, a negative one not longer than an hour', () => {
    const cache = createMessageCache({ bytesMax: MIB });
    put(cache, name, addressOf(name, 1_000_000));
    expect(look(cache, name, NOW + 86_400)).toBe(LOOKUP_STALE);
    const authority = [{ owner: 'example.org', type: 6, ttl: 90_000, rdata: soaRdata(90_000) }];
    put(
      cache,
      'n.example.org',
      extract({ question: { name: 'n.example.org', type: 1 }, authority }),
    );
    expect(look(cache, 'n.example.org', NOW + 3599)).toBe(LOOKUP_FRESH);
    expect(look(cache, 'n.example.org', NOW + 3600)).toBe(LOOKUP_STALE);
  });

  it('that may not be cached is not, and takes an older one away', () => {
    const cache = createMessageCache({ bytesMax: MIB });
    put(cache, name, addressOf(name));
    expect(put(cache, name, extract({ question: { name, type: 1 }, flags: 0x8183 }))).toBe(false);
    expect(look(cache, name)).toBe(LOOKUP_MISS);
    expect(put(cache, name, addressOf(name, 0))).toBe(false);
    const txt = Array.from({ length: 60 }, (_, index) => ({
      owner: QNAME,
      type: 1,
      rdata: [192, 0, 2, index],
    }));
    expect(
      put(
        createMessageCache({ bytesMax: MIB, entryBytesMax: 900 }),
        name,
        addressOf(name, 300, txt),
      ),
    ).toBe(false);
    expect(
      put(
        createMessageCache({ bytesMax: MIB, entryBytesMax: 1000 }),
        name,
        addressOf(name, 300, txt),
      ),
    ).toBe(true);
  });

  it('that is asked often says once, in the last tenth of its life, that it should be fetched again', () => {
    const cache = createMessageCache({ bytesMax: MIB });
    put(cache, name, addressOf(name, 100));
    expect([1, 2, 3].map((second) => look(cache, name, NOW + second))).toEqual([1, 1, 1]);
    expect(look(cache, name, NOW + 90)).toBe(LOOKUP_FRESH);
    expect(look(cache, name, NOW + 91)).toBe(LOOKUP_EXPIRING);
    expect(look(cache, name, NOW + 92)).toBe(LOOKUP_FRESH);
    put(cache, 'rare.example.org', addressOf('rare.example.org', 100));
    expect(look(cache, 'rare.example.org', NOW + 99)).toBe(LOOKUP_FRESH);
  });

  it('keeps the categories of its targets for the image that they came from', () => {
    const cache = createMessageCache({ bytesMax: MIB });
    const answer = extract({
      question: { name, type: 1 },
      answer: [{ owner: QNAME, type: 5, rdata: wire('b.example.net') }],
      authority: [{ owner: 'example.net', type: 6, rdata: soaRdata(60) }],
    });
    put(cache, name, answer);
    const mask = new Uint32Array(8);
    expect(readTargetMask(cache, cache.entry, Uint32Array.of(1, 2), 0, mask)).toBe(false);
    writeTargetMask(
      cache,
      cache.entry,
      Uint32Array.of(1, 2),
      0,
      Uint32Array.of(1, 2, 3, 4, 5, 6, 7, 8),
    );
    look(cache, name);
    expect(readTargetMask(cache, cache.entry, Uint32Array.of(1, 3), 0, mask)).toBe(false);
    expect(readTargetMask(cache, cache.entry, Uint32Array.of(1, 2), 0, mask)).toBe(true);
    expect([...mask]).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(ttlsOut()).toHaveLength(2);
    // The new answer may lead elsewhere, though it takes the old one's place in memory.
    put(cache, name, answer);
    expect(readTargetMask(cache, cache.entry, Uint32Array.of(1, 2), 0, mask)).toBe(false);
  });
});

describe('a failure', () => {
  const name = 'www.example.org';

  it('is remembered for its seconds, at least one and at most five minutes', () => {
    const cache = createMessageCache({ bytesMax: MIB });
    fail(cache, name, FAILURE_SECONDS_DEFAULT);
    expect(look(cache, name, NOW + 4)).toBe(LOOKUP_FRESH);
    expect(found).toMatchObject({ kind: ANSWER_FAILURE, rcode: 2, answerCount: 0, bodyLength: 0 });
    expect(look(cache, name, NOW + 5)).toBe(LOOKUP_MISS);
    fail(cache, name, 0, NOW + 10);
    expect(look(cache, name, NOW + 10)).toBe(LOOKUP_FRESH);
    fail(cache, name, 9999, NOW + 20);
    expect(look(cache, name, NOW + 320)).toBe(LOOKUP_MISS);
  });

  it('is never fetched again ahead of its time, however often it is asked', () => {
    const cache = createMessageCache({ bytesMax: MIB });
    fail(cache, name, 300);
    for (let ask = 0; ask < 5; ask++) expect(look(cache, name, NOW + 299)).toBe(LOOKUP_FRESH);
  });

  it('holds an older answer instead of taking its place', () => {
    const cache = createMessageCache({ bytesMax: MIB });
    put(cache, name, addressOf(name, 100));
    expect(look(cache, name, NOW + 200)).toBe(LOOKUP_STALE);
    fail(cache, name, 5, NOW + 200);
    expect(look(cache, name, NOW + 204)).toBe(LOOKUP_STALE_HELD);
    expect(found.answerCount).toBe(1);
    expect(look(cache, name, NOW + 205)).toBe(LOOKUP_STALE);
  });

  it('is replaced by the answer that comes after it, and store itself takes none', () => {
    const cache = createMessageCache({ bytesMax: MIB });
    fail(cache, name, 60);
    put(cache, name, addressOf(name, 100));
    look(cache, name);
    expect(found.answerCount).toBe(1);
    expect(put(cache, name, extract({ question: { name, type: 1 }, flags: 0x8182 }))).toBe(false);
    expect(look(cache, name)).toBe(LOOKUP_FRESH);
  });
});

describe('eviction', () => {
  const nameOf = (index: number): string => `n${index}.example.org`;

  it('keeps the cache within its memory and everything that is still found right', () => {
    const cache = createMessageCache({ bytesMax: MIB });
    const txt = [{ owner: QNAME, type: 1, rdata: [192, 0, 2, 7] }];
    const answers = [
      addressOf('n.example.org', 100),
      addressOf('n.example.org', 200, txt.concat(txt, txt)),
    ];
    const lifetimes = new Map<string, number>();
    const keep = (name: string, which: number): void => {
      put(cache, name, answers[which]!);
      lifetimes.set(name, answers[which]!.lifetimeSeconds);
    };
    for (let index = 0; index < 30_000; index++) {
      keep(nameOf(index), index % 2);
      // Again and again the ones from before: now of the same length, now of another.
      const again = nameOf(Math.floor(index * 0.9));
      if (index % 3 === 0) keep(again, (index % 4) >>> 1);
      if (look(cache, again) === LOOKUP_MISS) continue;
      expect(found.lifetimeSeconds).toBe(lifetimes.get(again));
    }
    const { slab } = cache;
    const octets = slab.words.byteLength + slab.buckets.byteLength + slab.ghosts.byteLength;
    expect(octets).toBeLessThanOrEqual(MIB);
    const there = [...lifetimes].filter(([name]) => look(cache, name) !== LOOKUP_MISS);
    expect(there).toHaveLength(slab.entryCount);
    expect(there.length).toBeGreaterThan(3000);
    for (const [name, lifetime] of there) {
      look(cache, name);
      expect(found.lifetimeSeconds).toBe(lifetime);
    }
  });

  it('drops nothing before its memory has once been full', () => {
    const cache = createMessageCache({ bytesMax: MIB });
    const answer = addressOf('n.example.org');
    for (let index = 0; index < 5000; index++) put(cache, nameOf(index), answer);
    expect(cache.slab).toMatchObject({ entryCount: 5000, evictionCount: 0 });
  });

  it('takes in what is asked often, though its memory is full of names that were asked once', () => {
    const cache = createMessageCache({ bytesMax: MIB });
    const answer = addressOf('n.example.org');
    for (let index = 0; index < 10_000; index++) put(cache, nameOf(index), answer);
    const hot = Array.from({ length: 100 }, (_, index) => `hot${index}.example.org`);
    for (const name of hot) put(cache, name, answer);
    let missed = 0;
    for (let flood = 10_000; flood < 20_000; flood++) {
      put(cache, nameOf(flood), answer);
      if (look(cache, hot[flood % hot.length]!) === LOOKUP_MISS) missed++;
    }
    expect(missed).toBe(0);
  });

  it('spares what is asked again and again while names that are asked once flood in', () => {
    const cache = createMessageCache({ bytesMax: MIB });
    const answer = addressOf('n.example.org');
    for (let index = 0; index < 500; index++) put(cache, `hot${index}.example.org`, answer);
    let missed = 0;
    for (let flood = 0; flood < 20_000; flood++) {
      put(cache, nameOf(flood), answer);
      if (flood % 2 === 0 && look(cache, `hot${(flood / 2) % 500}.example.org`) === LOOKUP_MISS)
        missed++;
    }
    expect(missed).toBe(0);
  });
});

describe('against a Map', () => {
  const names = ['a.example', 'b.example', 'a.b.example'];
  const states: NaiveState[] = ['miss', 'fresh', 'expiring', 'stale', 'held'];
  const step = fc.record({
    what: fc.constantFrom('store', 'fail', 'look', 'look', 'look'),
    name: fc.constantFrom(...names),
    isDnssecOk: fc.boolean(),
    ttl: fc.constantFrom(0, 1, 20, 100),
    wait: fc.constantFrom(0, 0, 1, 7, 40),
  });

  it('the cache says the same after any steps', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const cache = createMessageCache({ bytesMax: MIB, staleSeconds: 60 });
        const naive = new NaiveCache(60);
        let now = NOW;
        for (const { what, name, isDnssecOk, ttl, wait } of steps) {
          now += wait;
          const key = scopeOf(0, 1, isDnssecOk, false);
          const naiveKey = `${name} ${key}`;
          if (what === 'store') {
            put(cache, name, addressOf(name, ttl), now, key);
            naive.store(naiveKey, String(ttl), ttl, now);
          } else if (what === 'fail' && !isDnssecOk) {
            fail(cache, name, 5, now);
            naive.storeFailure(naiveKey, 'failure', 5, now);
          } else if (what === 'look') {
            const expected = naive.lookUp(naiveKey, now);
            expect(states[look(cache, name, now, key)]).toBe(expected.state);
            if (expected.state === 'miss') continue;
            expect(found.ageSeconds).toBe(expected.age);
            const isFailure = found.kind === ANSWER_FAILURE;
            expect(isFailure ? 'failure' : String(found.lifetimeSeconds)).toBe(expected.body);
          }
        }
      }),
      { numRuns: 150 },
    );
  });
});
