import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  createEventRing,
  EVENT_BLOCKED,
  EVENT_IS_BYPASS,
  EVENT_IS_CANARY,
  EVENT_IS_TUNNEL_LIKE,
  EVENT_PASSED,
  EVENT_USED,
} from '../../src/lib/event-ring.ts';
import {
  ANNA,
  BEN,
  type Bench,
  createBench,
  HOME,
  isInFiles,
  NOON,
  put,
  TODAY,
} from './support.ts';

const DAY = 86_400;
const HOUR = 3_600;
const FILE = 'query-log.sqlite';
const NAME = 'secret-name.example.org';
/** As it stands in the file: a label of the wire form. */
const OCTETS = 'secret-name';

const home = { subscriber: 'home-1' };
const newest = { ...home, after: '', limit: 100 };
const today = { ...home, from: TODAY, to: TODAY };

async function namesOf(bench: Bench): Promise<string[]> {
  return (await bench.queryLog.readLog(newest)).map(({ name }) => name);
}

function sampleOf(bench: Bench, name: string): number | undefined {
  return bench.queryLog.samples().find((sample) => sample.name === `stairgate_${name}`)?.value;
}

/** A round in which everything that waits is written. */
async function write(bench: Bench): Promise<void> {
  bench.clock.seconds += 10;
  await bench.queryLog.drain();
}

describe('the log', () => {
  it('keeps a query whose event carries a name, and says everything of it', async () => {
    const bench = createBench();
    put(bench.ring, {
      kind: EVENT_BLOCKED,
      name: 'www.example.org',
      category: 0,
      row: 4,
      verdictClass: 2,
      qtype: 65,
      client: 0xabc,
    });
    put(bench.ring, { kind: EVENT_PASSED, name: 'a.example', second: NOON + 1, row: 12 });
    await bench.queryLog.drain();
    expect(await bench.queryLog.readLog(newest)).toEqual([
      {
        id: `${NOON + 1}-2`,
        at: NOON + 1,
        profile: 'anna',
        name: 'a.example',
        type: 'A',
        outcome: 'passed',
        row: 12,
        verdictClass: 'policy',
        category: null,
        client: null,
      },
      {
        id: `${NOON}-1`,
        at: NOON,
        profile: 'anna',
        name: 'www.example.org',
        type: 'HTTPS',
        outcome: 'blocked',
        row: 4,
        verdictClass: 'operator',
        category: 'adult',
        client: '00000abc',
      },
    ]);
  });

  it('has no row of an event without a name, of a use, or of a profile that is gone', async () => {
    const bench = createBench();
    put(bench.ring, { kind: EVENT_BLOCKED, category: 0 });
    put(bench.ring, { kind: EVENT_USED, name: 'used.example' });
    put(bench.ring, { kind: EVENT_BLOCKED, name: 'gone.example', profile: 99 });
    await write(bench);
    expect(await namesOf(bench)).toEqual([]);
    expect(sampleOf(bench, 'events_unknown_total')).toBe(1);
    expect(isInFiles(bench.dataDir, 'gone')).toBe(false);
    expect(isInFiles(bench.dataDir, 'used')).toBe(false);
  });

  it('is read page by page, newest first, of a household or of one profile', async () => {
    const bench = createBench();
    const other = createEventRing(1 << 12);
    bench.rings.push(other);
    // Two workers, so what is written later is not always younger; and one second holds several.
    for (let index = 0; index < 10; index++) {
      const second = NOON + Math.floor(index / 4);
      put(bench.ring, { kind: EVENT_PASSED, name: `a${index}.example`, second });
      put(other, { kind: EVENT_PASSED, name: `b${index}.example`, second, profile: BEN });
    }
    put(bench.ring, { kind: EVENT_PASSED, name: 'home.example', profile: HOME });
    await bench.queryLog.drain();
    const all = await bench.queryLog.readLog(newest);
    expect(all.length).toBe(21);
    expect(all.map(({ at }) => at)).toEqual(all.map(({ at }) => at).sort((a, b) => b - a));
    const pages = [];
    for (let after = ''; ;) {
      const page = await bench.queryLog.readLog({ ...home, after, limit: 4 });
      if (page.length === 0) break;
      pages.push(...page);
      after = page.at(-1)!.id;
    }
    expect(pages).toEqual(all);
    const ofBen = await bench.queryLog.readLog({ ...newest, profile: 'ben' });
    expect(ofBen.map(({ name }) => name[0])).toEqual(Array.from({ length: 10 }, () => 'b'));
    const own = await bench.queryLog.readLog({ ...newest, profile: null });
    expect(own.map(({ name }) => name)).toEqual(['home.example']);
    expect(await bench.queryLog.readLog({ ...newest, subscriber: 'home-2' })).toEqual([]);
  });

  it('keeps names for as many days as are set, and no longer', async () => {
    const bench = createBench();
    put(bench.ring, { kind: EVENT_BLOCKED, name: NAME });
    put(bench.ring, { kind: EVENT_BLOCKED, name: 'later.example', second: NOON + DAY });
    await bench.queryLog.drain();
    bench.clock.seconds = NOON + 7 * DAY;
    await bench.queryLog.drain();
    expect(await namesOf(bench)).toEqual(['later.example', NAME]);
    bench.clock.seconds += HOUR;
    await bench.queryLog.drain();
    expect(await namesOf(bench)).toEqual(['later.example']);
    expect(isInFiles(bench.dataDir, OCTETS)).toBe(false);
    // And at the start, whatever the server missed while it was down.
    await bench.queryLog.close();
    bench.clock.seconds += DAY;
    const second = bench.reopen();
    await second.drain();
    expect(await second.readLog(newest)).toEqual([]);
  });

  it('rewrites the file once a day, so that names do not age in its slack', async () => {
    const bench = createBench();
    const path = join(bench.dataDir, FILE);
    for (let index = 0; index < 2_000; index++) {
      put(bench.ring, { kind: EVENT_BLOCKED, name: `${index}.example` });
      if (index % 400 === 0) await write(bench);
    }
    await write(bench);
    bench.clock.seconds = NOON + 7 * DAY - HOUR;
    await bench.queryLog.drain();
    const before = statSync(path).size;
    bench.clock.seconds = NOON + 7 * DAY + HOUR;
    await bench.queryLog.drain();
    expect(await namesOf(bench)).toEqual([]);
    expect(statSync(path).size).toBe(before);
    bench.clock.seconds += 23 * HOUR;
    await bench.queryLog.drain();
    expect(statSync(path).size).toBeLessThan(before / 2);
  });

  it('does not keep for years what a clock that was wrong wrote', async () => {
    const bench = createBench();
    put(bench.ring, { kind: EVENT_BLOCKED, name: 'future.example', second: NOON + 999 * DAY });
    await bench.queryLog.drain();
    bench.clock.seconds += HOUR;
    await bench.queryLog.drain();
    expect(await namesOf(bench)).toEqual([]);
    expect(await bench.queryLog.readStatistics({ ...home, from: TODAY, to: TODAY + 399 })).toEqual(
      [],
    );
    expect(
      await bench.queryLog.readStatistics({ ...home, from: TODAY + 990, to: TODAY + 1010 }),
    ).toEqual([]);
  });

  it('stays within its octets: the oldest go first', async () => {
    const bytesMax = 300_000;
    const bench = createBench({
      limits: { retentionDays: 7, statisticsDays: 90, bytesMax },
    });
    const label = 'x'.repeat(50);
    for (let index = 0; index < 12_000; index++) {
      const name = `${label}.${index}.example`;
      put(bench.ring, { kind: EVENT_PASSED, name, second: NOON + index });
      if (index % 400 === 399) await write(bench);
      expect(
        statSync(join(bench.dataDir, FILE), { throwIfNoEntry: false })?.size ?? 0,
      ).toBeLessThan(2 * bytesMax);
    }
    const rows = sampleOf(bench, 'query_log_rows')!;
    expect(sampleOf(bench, 'query_log_bytes')!).toBeLessThan(bytesMax + 150_000);
    expect(rows).toBeLessThan(4_000);
    const entries = await bench.queryLog.readLog({ ...newest, limit: 9_999 });
    expect(entries.length).toBeGreaterThan(500);
    expect(entries.map(({ name }) => name)).toEqual(
      entries.map((_, index) => `${label}.${11_999 - index}.example`),
    );
    expect(sampleOf(bench, 'query_log_rows_lost_total')).toBe(0);
  });
});

describe('statistics', () => {
  it('count what was passed and blocked, by category, with the first and last minute', async () => {
    const bench = createBench();
    put(bench.ring, { kind: EVENT_PASSED });
    put(bench.ring, { kind: EVENT_BLOCKED, category: 0, second: NOON + 90 });
    put(bench.ring, { kind: EVENT_BLOCKED, category: 0, second: NOON - 3 * HOUR });
    put(bench.ring, { kind: EVENT_BLOCKED, category: 1 });
    put(bench.ring, { kind: EVENT_BLOCKED, row: 8 });
    put(bench.ring, { kind: EVENT_PASSED, profile: BEN, category: 3 });
    await bench.queryLog.drain();
    expect(await bench.queryLog.readStatistics(today)).toEqual([
      {
        day: TODAY,
        profile: 'anna',
        passed: 1,
        blocked: 4,
        firstMinute: 9 * 60,
        lastMinute: 12 * 60 + 1,
        blockedByCategory: { adult: 2, 'service:tube': 1 },
        topBlocked: [],
      },
      {
        day: TODAY,
        profile: 'ben',
        passed: 1,
        blocked: 0,
        firstMinute: 720,
        lastMinute: 720,
        blockedByCategory: {},
        topBlocked: [],
      },
    ]);
  });

  it('add up over rounds, turn-overs and restarts', async () => {
    const bench = createBench();
    for (let round = 0; round < 5; round++) {
      put(bench.ring, { kind: EVENT_BLOCKED, category: 0, second: NOON + round * 60 });
      await bench.queryLog.drain();
      bench.clock.seconds += 10;
    }
    await bench.queryLog.close();
    const second = bench.reopen();
    put(bench.ring, { kind: EVENT_BLOCKED, category: 0, second: NOON - 60 });
    await second.drain();
    expect(await second.readStatistics({ ...today, profile: 'anna' })).toMatchObject([
      { blocked: 6, firstMinute: 719, lastMinute: 724, blockedByCategory: { adult: 6 } },
    ]);
    put(bench.ring, { kind: EVENT_PASSED, second: NOON + 60 });
    await second.drain();
    expect(await second.readStatistics({ ...today, profile: 'anna' })).toMatchObject([
      { passed: 1, blocked: 6, firstMinute: 719, lastMinute: 724 },
    ]);
  });

  it('do not tell which mandatory list has blocked', async () => {
    const bench = createBench();
    put(bench.ring, { kind: EVENT_BLOCKED, category: 0, row: 1, verdictClass: 1 });
    put(bench.ring, { kind: EVENT_BLOCKED, category: 3, row: 1, verdictClass: 1 });
    put(bench.ring, { kind: EVENT_BLOCKED, category: 3 });
    await bench.queryLog.drain();
    expect(await bench.queryLog.readStatistics(today)).toMatchObject([
      { blockedByCategory: { 'class:law': 2, games: 1 } },
    ]);
  });

  it('belong to the local day: Minsk is three hours ahead', async () => {
    const bench = createBench();
    const midnight = Date.UTC(2026, 0, 15, 21) / 1000;
    put(bench.ring, { kind: EVENT_PASSED, second: midnight - 1 });
    put(bench.ring, { kind: EVENT_PASSED, second: midnight });
    put(bench.ring, { kind: EVENT_PASSED, second: midnight - 2 });
    await bench.queryLog.drain();
    const days = await bench.queryLog.readStatistics({ ...home, from: TODAY, to: TODAY + 1 });
    expect(days).toMatchObject([
      { day: TODAY, passed: 2, firstMinute: 1439 },
      { day: TODAY + 1, passed: 1, firstMinute: 0, lastMinute: 0 },
    ]);
  });

  it('name the twenty names that were blocked most on the day, where names are kept', async () => {
    const bench = createBench();
    for (let name = 0; name < 25; name++) {
      for (let times = 0; times <= name; times++) {
        put(bench.ring, { kind: EVENT_BLOCKED, name: `n${name}.example` });
      }
    }
    for (let times = 0; times < 99; times++) {
      put(bench.ring, { kind: EVENT_BLOCKED, name: 'yesterday.example', second: NOON - DAY });
      put(bench.ring, { kind: EVENT_BLOCKED, name: 'tomorrow.example', second: NOON + DAY });
      put(bench.ring, { kind: EVENT_PASSED, name: 'passed.example' });
      put(bench.ring, { kind: EVENT_BLOCKED, name: 'of-ben.example', profile: BEN });
    }
    await bench.queryLog.drain();
    const [anna] = await bench.queryLog.readStatistics(today);
    expect(anna!.topBlocked).toEqual(
      Array.from({ length: 20 }, (_, index) => ({
        name: `n${24 - index}.example`,
        count: 25 - index,
      })),
    );
  });

  it('are kept as long as set, and outlive the names', async () => {
    const bench = createBench();
    put(bench.ring, { kind: EVENT_BLOCKED, name: NAME, category: 0 });
    await bench.queryLog.drain();
    bench.clock.seconds = NOON + 90 * DAY;
    await bench.queryLog.drain();
    expect(await bench.queryLog.readStatistics(today)).toMatchObject([
      { blocked: 1, topBlocked: [] },
    ]);
    bench.clock.seconds += DAY;
    await bench.queryLog.drain();
    expect(await bench.queryLog.readStatistics(today)).toEqual([]);
    const database = new Database(join(bench.dataDir, FILE), { readonly: true });
    expect(database.prepare('select count(*) from categories').pluck().get()).toBe(0);
    database.close();
  });

  it('of more days than can be read at once are refused', async () => {
    const bench = createBench();
    await expect(
      bench.queryLog.readStatistics({ ...home, from: 0, to: 400 }),
    ).rejects.toMatchObject({ code: 'QUERY_LOG_RANGE' });
  });
});

describe('the radar', () => {
  const question = { ...today, profile: 'anna', language: 'en' as const };

  it('counts bypass names and canaries apart, and speaks only of the first', async () => {
    const bench = createBench();
    for (let times = 0; times < 4; times++) {
      put(bench.ring, { kind: EVENT_BLOCKED, row: 9, category: 2, flags: EVENT_IS_BYPASS });
      put(bench.ring, { kind: EVENT_BLOCKED, row: 3, flags: EVENT_IS_CANARY });
    }
    await bench.queryLog.drain();
    const counts = { bypass: 4, canaries: 4, tunnelMinutes: 0 };
    expect(await bench.queryLog.readRadar(question)).toEqual([
      { day: TODAY, profile: 'anna', ...counts, silence: null, sentence: null },
    ]);
    put(bench.ring, { kind: EVENT_PASSED, row: 12, category: 2, flags: EVENT_IS_BYPASS });
    put(bench.ring, { kind: EVENT_PASSED, row: 12, flags: EVENT_IS_CANARY });
    await bench.queryLog.drain();
    const [sign] = await bench.queryLog.readRadar(question);
    expect(sign).toMatchObject({ bypass: 5, canaries: 5 });
    expect(sign!.sentence).toMatch(/lead around the filter .*: 5\)/);
    const [russian] = await bench.queryLog.readRadar({ ...question, language: 'ru' });
    expect(russian!.sentence).toMatch(/обойти фильтр .*: 5\)/);
  });

  it('counts minutes of many tunnel-like names, each name once', async () => {
    const bench = createBench();
    const ask = (minute: number, count: number, name: (index: number) => string | undefined) => {
      for (let index = 0; index < count; index++) {
        const text = name(index);
        put(bench.ring, {
          kind: EVENT_PASSED,
          flags: EVENT_IS_TUNNEL_LIKE,
          second: NOON + minute * 60,
          ...(text === undefined ? {} : { name: text }),
        });
      }
    };
    ask(0, 19, (index) => `a${index}.example`);
    ask(1, 500, () => 'same.example');
    ask(2, 100, (index) => `b${index}.example`);
    ask(3, 20, () => undefined);
    await bench.queryLog.drain();
    expect(await bench.queryLog.readRadar(question)).toMatchObject([
      { tunnelMinutes: 2, sentence: null },
    ]);
    ask(4, 20, (index) => `c${index}.example`);
    await bench.queryLog.drain();
    const [sign] = await bench.queryLog.readRadar(question);
    expect(sign).toMatchObject({ tunnelMinutes: 3 });
    expect(sign!.sentence).toMatch(/packed into DNS.*: 3\)/);
  });

  it('tells of a profile that went silent while the household was heard', async () => {
    const bench = createBench();
    const ask = async (day: number, hours: readonly number[], profile: number) => {
      for (const hour of hours) {
        const second = NOON + day * DAY + (hour - 12) * HOUR;
        put(bench.ring, { kind: EVENT_PASSED, profile, second });
        await bench.queryLog.drain();
        // Written hour by hour, as on a real day.
        await bench.queryLog.readStatistics(today);
      }
    };
    const usual = [8, 9, 10, 11, 12, 13, 14, 15];
    for (const week of [-21, -14, -7]) await ask(week, usual, ANNA);
    await ask(0, [8], ANNA);
    await ask(0, [8, 9, 10, 11], BEN);
    // 11:59: the hour from eleven is not over.
    bench.clock.seconds = NOON - 60;
    await bench.queryLog.drain();
    expect(await bench.queryLog.readRadar(question)).toEqual([]);
    bench.clock.seconds = NOON;
    expect(await bench.queryLog.readRadar({ ...today, language: 'en' })).toEqual([
      {
        day: TODAY,
        profile: 'anna',
        bypass: 0,
        canaries: 0,
        tunnelMinutes: 0,
        silence: { fromHour: 9, untilHour: 12 },
        sentence: expect.stringMatching(/^From 9:00 to 12:00 nothing came/) as string,
      },
    ]);
    // Another weekday was not like that.
    bench.clock.seconds = NOON + DAY;
    expect(await bench.queryLog.readRadar({ ...question, from: TODAY + 1, to: TODAY + 1 })).toEqual(
      [],
    );
  });
});

describe('a deletion', () => {
  function askEverything(bench: Bench, profile: number, name: string): void {
    put(bench.ring, {
      kind: EVENT_BLOCKED,
      profile,
      name,
      category: 2,
      flags: EVENT_IS_BYPASS,
    });
    put(bench.ring, { kind: EVENT_USED, profile });
  }

  it('is proven by counts before and after, and leaves no octet of a name in the files', async () => {
    const bench = createBench();
    for (let index = 0; index < 2_000; index++) {
      // Rows of both in every page, and enough of them for pages to be split and merged.
      put(bench.ring, { kind: EVENT_BLOCKED, name: `${OCTETS}.${index}.example` });
      put(bench.ring, { kind: EVENT_PASSED, name: `kept.${index}.example`, profile: BEN });
      if (index % 400 === 0) await write(bench);
    }
    askEverything(bench, ANNA, NAME);
    askEverything(bench, BEN, 'kept.example');
    await write(bench);
    // Still in the ring, still in memory, and in the file.
    askEverything(bench, ANNA, NAME);
    expect(isInFiles(bench.dataDir, OCTETS)).toBe(true);
    const result = await bench.queryLog.deleteProfileData([ANNA]);
    expect(result).toEqual({
      before: { log: 2_002, statistics: 2, radar: 1, budgets: 1 },
      after: { log: 0, statistics: 0, radar: 0, budgets: 0 },
    });
    expect(isInFiles(bench.dataDir, OCTETS)).toBe(false);
    expect(isInFiles(bench.dataDir, 'kept')).toBe(true);
    bench.clock.seconds += 60;
    await bench.queryLog.drain();
    await bench.queryLog.close();
    expect([...bench.budgetStore.days.keys()]).toEqual([`${BEN} internet ${TODAY}`]);
    expect(isInFiles(bench.dataDir, OCTETS)).toBe(false);
    const ofAnna = { ...today, profile: 'anna' };
    expect(await bench.reopen().readStatistics(ofAnna)).toEqual([]);
  });

  it('takes all that was asked before, however much stands in the rings, and nothing comes after', async () => {
    const bench = createBench();
    // More than a round takes: 24 octets an event.
    const rings = [createEventRing(1 << 21), createEventRing(1 << 21)];
    bench.rings.push(...rings);
    let events = 0;
    for (const ring of rings) while (put(ring, { kind: EVENT_PASSED })) events++;
    expect(events).toBeGreaterThan(150_000);
    const { after } = await bench.queryLog.deleteProfileData([ANNA]);
    expect(after).toMatchObject({ log: 0, statistics: 0 });
    expect(sampleOf(bench, 'events_read_total')).toBe(events);
    bench.clock.seconds += 60;
    await bench.queryLog.drain();
    expect(await bench.queryLog.readStatistics(today)).toEqual([]);
  });

  it('does not wait for what comes meanwhile', async () => {
    const bench = createBench({
      learn: () => {
        // A worker that is never silent.
        for (let event = 0; event < 4_000; event++) put(bench.ring, { kind: EVENT_PASSED });
        return Promise.resolve();
      },
    });
    put(bench.ring, { kind: EVENT_PASSED });
    expect((await bench.queryLog.deleteProfileData([ANNA])).after.statistics).toBe(0);
  });

  it('leaves nothing in the slack of pages that an earlier one has merged', async () => {
    const bench = createBench();
    for (let index = 0; index < 3_000; index++) {
      const profile = [HOME, BEN, ANNA][index % 3]!;
      const label = profile === ANNA ? OCTETS : 'other';
      put(bench.ring, { kind: EVENT_BLOCKED, profile, name: `${label}.${index}.example` });
      if (index % 400 === 0) await write(bench);
    }
    await bench.queryLog.deleteProfileData([BEN]);
    await bench.queryLog.deleteProfileData([ANNA]);
    expect(isInFiles(bench.dataDir, OCTETS)).toBe(false);
    expect((await bench.queryLog.readLog({ ...newest, limit: 9_999 })).length).toBe(1_000);
  });

  it('counts and removes budget minutes that were saved', async () => {
    const bench = createBench();
    bench.budgets.set(ANNA, [{ target: 'internet', minutesPerDay: 10 }]);
    askEverything(bench, ANNA, NAME);
    await bench.queryLog.drain();
    bench.clock.seconds += 30;
    await bench.queryLog.drain();
    const { before, after } = await bench.queryLog.deleteProfileData([ANNA, BEN]);
    expect([before.budgets, after.budgets]).toEqual([1, 0]);
    expect(await bench.queryLog.usage(ANNA, TODAY)).toMatchObject([{ minutes: 0 }]);
  });

  it('is not called proven where another process holds the old octets', async () => {
    const bench = createBench();
    askEverything(bench, ANNA, NAME);
    await bench.queryLog.drain();
    const reader = new Database(join(bench.dataDir, FILE), { readonly: true });
    reader.exec('begin');
    reader.prepare('select count(*) from log').get();
    await expect(bench.queryLog.deleteProfileData([ANNA])).rejects.toMatchObject({
      code: 'QUERY_LOG_UNAVAILABLE',
    });
    reader.close();
    expect((await bench.queryLog.deleteProfileData([ANNA])).after.log).toBe(0);
    expect(isInFiles(bench.dataDir, OCTETS)).toBe(false);
  });
});

describe('the file', () => {
  it('is closed to others, with its companions', async () => {
    const bench = createBench();
    put(bench.ring, { kind: EVENT_BLOCKED, name: NAME });
    await write(bench);
    for (const file of [FILE, `${FILE}-wal`, `${FILE}-shm`]) {
      expect(statSync(join(bench.dataDir, file)).mode & 0o777, file).toBe(0o600);
    }
  });

  it('that is no database is set aside with a line, and a new one begins', async () => {
    const bench = createBench();
    const path = join(bench.dataDir, FILE);
    writeFileSync(path, 'no database at all, but long enough to be taken for one'.repeat(99));
    put(bench.ring, { kind: EVENT_BLOCKED, name: NAME });
    await write(bench);
    expect(await namesOf(bench)).toEqual([NAME]);
    expect(bench.lines.join()).toMatch(/^The query log is damaged: .*QUERY_LOG_DAMAGED/);
    const damaged = join(bench.dataDir, 'query-log.damaged.sqlite');
    expect(readFileSync(damaged, 'utf8')).toMatch(/^no database/);
    // It may hold names: it goes when they are due.
    bench.clock.seconds = Date.now() / 1000 + 8 * DAY;
    await write(bench);
    expect(existsSync(damaged)).toBe(false);
  });

  it('that is damaged while it is used is set aside too', async () => {
    const bench = createBench();
    for (let index = 0; index < 3_000; index++) {
      put(bench.ring, { kind: EVENT_BLOCKED, name: `${index}.${'x'.repeat(60)}.example` });
      if (index % 400 === 0) await write(bench);
    }
    await bench.queryLog.close();
    const path = join(bench.dataDir, FILE);
    const octets = readFileSync(path);
    const queryLog = bench.reopen();
    expect((await queryLog.readLog(newest)).length).toBe(100);
    // Opening has read all pages; another's write makes SQLite forget them.
    const other = new Database(path);
    other.exec('create table elsewhere (x)');
    writeFileSync(path, octets.fill(0xff, 8_192), { flag: 'r+' });
    await expect(queryLog.readStatistics(today)).rejects.toMatchObject({
      code: 'QUERY_LOG_UNAVAILABLE',
    });
    other.close();
    put(bench.ring, { kind: EVENT_BLOCKED, name: NAME });
    await queryLog.drain();
    expect((await queryLog.readLog(newest)).map(({ name }) => name)).toEqual([NAME]);
  });

  it('that cannot be had costs rows, which are counted, and comes back', async () => {
    const bench = createBench();
    const path = join(bench.dataDir, FILE);
    const database = new Database(path);
    database.exec('begin exclusive');
    put(bench.ring, { kind: EVENT_BLOCKED, name: NAME });
    await write(bench);
    expect(sampleOf(bench, 'query_log_rows_lost_total')).toBe(1);
    for (let round = 0; round < 5; round++) await bench.queryLog.drain();
    expect(bench.lines.length).toBe(1);
    await expect(bench.queryLog.readLog(newest)).rejects.toMatchObject({
      code: 'QUERY_LOG_UNAVAILABLE',
    });
    database.close();
    bench.clock.seconds += 60;
    put(bench.ring, { kind: EVENT_BLOCKED, name: NAME });
    await write(bench);
    expect(await namesOf(bench)).toEqual([NAME]);
  });

  it('on a disk that is full costs rows, which are counted, until there is room', async (context) => {
    const bench = createBench();
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', bench.dataDir]);
    } catch {
      return context.skip('only a user who may mount can fill a disk');
    }
    onTestFinished(async () => {
      await bench.queryLog.close();
      execFileSync('umount', ['-l', bench.dataDir]);
    });
    const ask = async (count: number) => {
      for (let index = 0; index < count; index++) {
        put(bench.ring, { kind: EVENT_BLOCKED, name: `${index}.example` });
      }
      await write(bench);
    };
    await ask(1);
    const ballast = join(bench.dataDir, 'ballast');
    try {
      writeFileSync(ballast, Buffer.alloc(1 << 20));
    } catch {
      // What there was room for is written.
    }
    await ask(900);
    expect(sampleOf(bench, 'query_log_rows_lost_total')).toBeGreaterThanOrEqual(500);
    expect(bench.lines.join()).toMatch(/dropped and counted .*full/);
    expect((await bench.queryLog.readLog(newest)).length).toBeGreaterThan(0);
    rmSync(ballast);
    const lost = sampleOf(bench, 'query_log_rows_lost_total');
    await ask(900);
    expect(sampleOf(bench, 'query_log_rows_lost_total')).toBe(lost);
    expect((await bench.queryLog.readStatistics(today))[0]!.blocked).toBe(1801);
  });

  it('names no name in a line of the server, an error or a metric', async () => {
    const bench = createBench();
    await write(bench);
    const database = new Database(join(bench.dataDir, FILE));
    database.exec('drop table log');
    database.close();
    put(bench.ring, { kind: EVENT_BLOCKED, name: NAME });
    await write(bench);
    expect(bench.lines.length).toBeGreaterThan(0);
    const error: unknown = await bench.queryLog.readLog(newest).catch((reason: unknown) => reason);
    const said = [...bench.lines, String(error), JSON.stringify(bench.queryLog.samples())].join();
    expect(said).not.toContain(OCTETS);
  });
});

describe('profiles', () => {
  it('are learned before they are asked about, also by who only reads', async () => {
    const known = new Set<number>();
    const bench = createBench({
      learn: (numbers) => {
        for (const number of numbers) known.add(number);
        return Promise.resolve();
      },
      householdOf: (number) =>
        known.has(number)
          ? { subscriber: 'home-1', profile: 'anna', number, zone: 'Europe/Minsk' }
          : null,
      budgetsOf: (number) => (known.has(number) ? [{ target: 'internet', minutesPerDay: 9 }] : []),
    });
    put(bench.ring, { kind: EVENT_BLOCKED, name: NAME });
    await bench.queryLog.drain();
    known.clear();
    expect(await bench.queryLog.readLog(newest)).toMatchObject([{ profile: 'anna' }]);
    known.clear();
    expect(await bench.queryLog.usage(ANNA, TODAY)).toMatchObject([{ minutesPerDay: 9 }]);
  });

  it('that cannot be learned now cost events, which are counted, and a line a minute', async () => {
    const bench = createBench({
      learn: () => Promise.reject(new Error('the store is busy')),
      householdOf: () => null,
    });
    const ask = async () => {
      put(bench.ring, { kind: EVENT_BLOCKED, name: NAME });
      await bench.queryLog.drain();
    };
    for (let round = 0; round < 5; round++) await ask();
    expect(sampleOf(bench, 'events_unknown_total')).toBe(5);
    expect(bench.lines.length).toBe(1);
    bench.clock.seconds += 60;
    await ask();
    expect(bench.lines.length).toBe(2);
  });

  it('that stand for another count for that one', async () => {
    const bench = createBench({
      householdOf: () => ({
        subscriber: 'home-1',
        profile: 'anna',
        number: ANNA,
        zone: 'Europe/Minsk',
      }),
    });
    put(bench.ring, { kind: EVENT_BLOCKED, name: NAME, profile: HOME });
    await bench.queryLog.drain();
    expect(await bench.queryLog.readLog({ ...newest, profile: 'anna' })).toMatchObject([
      { name: NAME, profile: 'anna' },
    ]);
  });
});

describe('rounds', () => {
  it('write names by the thousand or after ten seconds, and before somebody reads', async () => {
    const bench = createBench();
    put(bench.ring, { kind: EVENT_BLOCKED, name: NAME });
    await bench.queryLog.drain();
    expect(sampleOf(bench, 'query_log_rows_written_total')).toBe(0);
    expect(await namesOf(bench)).toEqual([NAME]);
    put(bench.ring, { kind: EVENT_BLOCKED, name: NAME });
    await write(bench);
    expect(sampleOf(bench, 'query_log_rows_written_total')).toBe(2);
    const big = createEventRing(1 << 20);
    bench.rings.push(big);
    for (let index = 0; index < 6_000; index++) put(big, { kind: EVENT_BLOCKED, name: NAME });
    await bench.queryLog.drain();
    expect(sampleOf(bench, 'query_log_rows_written_total')).toBe(5_002);
    expect(sampleOf(bench, 'query_log_rows_lost_total')).toBe(1_000);
    // What the log had no place for is counted all the same.
    expect((await bench.queryLog.readStatistics(today))[0]!.blocked).toBe(6_002);
  });

  it('read the rings by themselves', async () => {
    const bench = createBench();
    bench.queryLog.start();
    put(bench.ring, { kind: EVENT_BLOCKED, name: NAME });
    await expect.poll(() => namesOf(bench)).toEqual([NAME]);
  });

  it('count what the workers dropped, by seat', async () => {
    const bench = createBench();
    const small = createEventRing(64);
    bench.rings.push(small);
    for (let times = 0; times < 5; times++) put(small, { kind: EVENT_PASSED });
    await bench.queryLog.drain();
    // The successor of a worker writes on in the same ring.
    for (let times = 0; times < 4; times++) put(small, { kind: EVENT_PASSED });
    const dropped = bench.queryLog
      .samples()
      .filter(({ name }) => name === 'stairgate_events_dropped_total');
    expect(dropped.map(({ labels, value }) => [labels['worker'], value])).toEqual([
      ['0', 0],
      ['1', 5],
    ]);
    await bench.queryLog.drain();
    expect(sampleOf(bench, 'events_read_total')).toBe(4);
  });

  it('let others have their turn, however full the rings are', async () => {
    const bench = createBench();
    const big = createEventRing(1 << 20);
    bench.rings.push(big);
    while (put(big, { kind: EVENT_PASSED }));
    let turns = 0;
    const interval = setInterval(() => turns++, 0);
    await bench.queryLog.drain();
    clearInterval(interval);
    expect(sampleOf(bench, 'events_read_total')).toBeGreaterThan(40_000);
    expect(turns).toBeGreaterThan(5);
  });

  it('take everything at the end', async () => {
    const bench = createBench();
    put(bench.ring, { kind: EVENT_BLOCKED, name: NAME });
    put(bench.ring, { kind: EVENT_USED });
    await bench.queryLog.close();
    bench.clock.seconds += 3_600;
    await expect(bench.queryLog.readLog(newest)).rejects.toMatchObject({
      code: 'QUERY_LOG_UNAVAILABLE',
    });
    const queryLog = bench.reopen();
    expect(await queryLog.readLog(newest)).toMatchObject([{ name: NAME }]);
    expect(await queryLog.readStatistics(today)).toMatchObject([{ blocked: 1 }]);
    expect(bench.budgetStore.days.size).toBe(1);
  });
});
