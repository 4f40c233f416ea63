import { describe, expect, test } from 'vitest';
import {
  createEventRing,
  EVENT_ASKED,
  type EventRing,
  writeEvent,
} from '../../src/lib/event-ring.ts';
import { AskedNames } from '../../src/query-log/asked-names.ts';
import { TopList } from '../../src/query-log/top-list.ts';
import { SeededRandom } from '../fuzz/random.ts';
import { wireName } from '../support/dns-query.ts';

describe('a top list', () => {
  test('counts exactly while all have room', () => {
    const list = new TopList(10);
    for (const key of 'abacabad') list.add(key);
    expect(list.top(3, 1)).toEqual([
      { key: 'a', count: 4 },
      { key: 'b', count: 2 },
      { key: 'c', count: 1 },
    ]);
    expect(list.top(10, 2)).toHaveLength(2);
  });

  test('never grows past its capacity, keeps what is frequent and claims nothing that is not so', () => {
    const list = new TopList(100);
    const random = new SeededRandom(3);
    const counts = new Map<string, number>();
    for (let index = 0; index < 100_000; index++) {
      // A third are twenty names, the rest come hardly ever again.
      const key =
        random.below(3) === 0 ? `often${random.below(20)}` : `seldom${random.below(50_000)}`;
      counts.set(key, (counts.get(key) ?? 0) + 1);
      list.add(key);
    }
    expect(list.size).toBe(100);
    const top = list.top(100, 500);
    expect(top.map(({ key }) => key).sort()).toEqual(
      Array.from({ length: 20 }, (_, index) => `often${index}`).sort(),
    );
    for (const { key, count } of list.top(100, 1)) {
      expect(count, key).toBeLessThanOrEqual(counts.get(key)!);
    }
  });

  test('forgets by halves', () => {
    const list = new TopList(10);
    for (const key of 'aaaaabbc') list.add(key);
    list.halve();
    expect(list.top(10, 1)).toEqual([
      { key: 'a', count: 2 },
      { key: 'b', count: 1 },
    ]);
    for (const key of 'ccccc') list.add(key);
    expect(list.top(1, 1)).toEqual([{ key: 'c', count: 5 }]);
  });
});

describe('the most asked names', () => {
  const clock = { nowMs: 0, monotonicMs: () => clock.nowMs, wallMs: () => clock.nowMs };

  function askedNames(rings: readonly EventRing[]): AskedNames {
    const chance = new SeededRandom(7);
    const random = (): number => chance.below(1 << 20) / (1 << 20);
    return new AskedNames({ clock, rings: () => rings, queriesASample: 10, random });
  }

  function ask(ring: EventRing, name: string, times: number): void {
    const wire = wireName(name);
    for (let done = 0; done < times; done++) {
      writeEvent(ring, 0, 0, EVENT_ASKED, wire.length << 16, 0, wire, wire.length);
    }
  }

  test('are those of all workers together, and those asked seldom are not shown', () => {
    const rings = [createEventRing(4096), createEventRing(4096)];
    const names = askedNames(rings);
    ask(rings[0]!, 'www.example.org', 3);
    ask(rings[1]!, 'www.example.org', 3);
    ask(rings[0]!, 'often.example', 20);
    ask(rings[1]!, 'once.example', 3);
    names.drain();
    expect(names.top()).toEqual([
      { name: 'often.example', count: 200 },
      { name: 'www.example.org', count: 60 },
    ]);
    clock.nowMs += 86_400_000;
    names.drain();
    expect(names.top()).toEqual([{ name: 'often.example', count: 100 }]);
  });

  test('count those asked seldom in sums, and show them to nobody', () => {
    const ring = createEventRing(65_536);
    const names = askedNames([ring]);
    ask(ring, 'often.example', 20);
    for (let index = 0; index < 600; index++) ask(ring, `n${index}.example`, 1);
    names.drain();
    expect(names.top()).toHaveLength(1);
    const { often, seldom, queriesASeldom } = names.totals();
    expect(often).toEqual([{ name: 'often.example', count: 200 }]);
    expect([new Set(seldom).size, seldom.length * queriesASeldom]).toEqual([600, 6_000]);
    clock.nowMs += 86_400_000;
    names.drain();
    const later = names.totals();
    const left = later.seldom.length * later.queriesASeldom;
    expect(left).toBeGreaterThan(2_900);
    expect(left).toBeLessThan(3_100);
    for (let index = 0; index < 300; index++) ask(ring, `today${index}.example`, 1);
    names.drain();
    const now = names.totals();
    const ofToday = now.seldom.filter((name) => name.startsWith('today')).length;
    expect(ofToday * now.queriesASeldom, 'what is new counts in full').toBe(3_000);
  });

  test('are sampled evenly where there are more than can be counted', () => {
    const ring = createEventRing(65_536);
    const names = askedNames([ring]);
    // A quarter of what comes, early and late, is of one kind; no name comes twice.
    for (let index = 0; index < 60_000; index++) {
      ask(ring, `n${index}.${index % 4 === 0 ? 'a' : 'b'}.example`, 1);
      if (index % 500 === 499) names.drain();
    }
    const { seldom, queriesASeldom } = names.totals();
    expect(seldom.length).toBe(16_384);
    const ofKind = seldom.filter((name) => name.endsWith('a.example'));
    expect(ofKind.length * queriesASeldom).toBeGreaterThan(145_000);
    expect(ofKind.length * queriesASeldom).toBeLessThan(155_000);
    const early = seldom.filter((name) => Number(name.slice(1).split('.')[0]) < 30_000);
    expect(early.length * queriesASeldom).toBeGreaterThan(290_000);
    expect(early.length * queriesASeldom).toBeLessThan(310_000);
  });

  test('hold an update back only where they have a share of all queries', () => {
    const ring = createEventRing(65_536);
    const names = askedNames([ring]);
    const often = (): string[] => {
      names.drain();
      return names.popular().map(({ name }) => name);
    };
    ask(ring, 'c2.example', 4);
    expect(often()).toEqual(['c2.example']);
    for (let round = 0; round < 24; round++) {
      ask(ring, 'www.example.org', 500);
      names.drain();
    }
    expect(often(), 'with 4 in 12,004').toEqual(['www.example.org']);
    expect(names.top()).toHaveLength(2);
    ask(ring, 'c2.example', 3);
    expect(often()).toEqual(['www.example.org', 'c2.example']);
    clock.nowMs += 86_400_000;
    expect(often(), 'half of all').toEqual(['www.example.org']);
    ask(ring, 'c2.example', 1);
    expect(often(), '4 in 6,004').toEqual(['www.example.org', 'c2.example']);
  });
});
