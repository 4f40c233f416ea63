import { describe, expect, it } from 'vitest';
import { EVENT_USED } from '../../src/lib/event-ring.ts';
import { ANNA, BEN, createBench, NOON, put, TODAY } from './support.ts';

const TUBE = 1;
const GAMES = 3;
const MINUTE = 60;
/** The first second of the next local day in Minsk. */
const MIDNIGHT = Date.UTC(2026, 0, 15, 21) / 1000;

describe('budgets', () => {
  it('tell once that the minutes of a day are used up', async () => {
    const bench = createBench();
    bench.budgets.set(ANNA, [{ target: 'service:tube', minutesPerDay: 3 }]);
    for (let minute = 0; minute < 2; minute++) {
      put(bench.ring, { kind: EVENT_USED, category: TUBE, second: NOON + minute * MINUTE });
    }
    await bench.queryLog.drain();
    expect(bench.usedUp).toEqual([]);
    for (let minute = 2; minute < 9; minute++) {
      put(bench.ring, { kind: EVENT_USED, category: TUBE, second: NOON + minute * MINUTE });
      await bench.queryLog.drain();
    }
    expect(bench.usedUp).toEqual([`${ANNA} service:tube ${TODAY}`]);
    expect(await bench.queryLog.usage(ANNA, TODAY)).toEqual([
      { target: 'service:tube', minutes: 9, minutesPerDay: 3, isEstimate: true },
    ]);
  });

  it('that were forgotten count as the limit that was used up, read at once with them', async () => {
    const bench = createBench();
    bench.budgets.set(ANNA, [{ target: 'internet', minutesPerDay: 9 }]);
    bench.budgetStore.usedUpLimits.set(`${ANNA} internet ${TODAY}`, 7);
    expect(await bench.queryLog.usage(ANNA, TODAY)).toMatchObject([{ minutes: 7 }]);
    expect(bench.budgetStore.loads).toBe(1);
    put(bench.ring, { kind: EVENT_USED });
    await bench.queryLog.drain();
    expect(await bench.queryLog.usage(ANNA, TODAY), 'while it is used').toMatchObject([
      { minutes: 7 },
    ]);
    expect(bench.budgetStore.loads).toBe(3);
  });

  it('are kept apart by profile, target and day', async () => {
    const bench = createBench();
    const budgets = ['internet', 'category:games', 'service:tube'].map((target) => ({
      target,
      minutesPerDay: 1,
    }));
    bench.budgets.set(ANNA, budgets).set(BEN, budgets);
    put(bench.ring, { kind: EVENT_USED });
    put(bench.ring, { kind: EVENT_USED, category: GAMES, profile: BEN, second: MIDNIGHT - 1 });
    put(bench.ring, { kind: EVENT_USED, category: GAMES, profile: BEN, second: MIDNIGHT });
    await bench.queryLog.drain();
    expect(bench.usedUp).toEqual([
      `${ANNA} internet ${TODAY}`,
      `${BEN} category:games ${TODAY}`,
      `${BEN} category:games ${TODAY + 1}`,
    ]);
  });

  it('go on after a restart where they were', async () => {
    const bench = createBench();
    bench.budgets.set(ANNA, [{ target: 'internet', minutesPerDay: 10 }]);
    put(bench.ring, { kind: EVENT_USED, second: NOON });
    put(bench.ring, { kind: EVENT_USED, second: NOON + 20 * MINUTE });
    await bench.queryLog.close();
    const second = bench.reopen();
    expect(await second.usage(ANNA, TODAY)).toMatchObject([{ minutes: 2 }]);
    // Bridged with what the store knows: minutes 3 to 6 and 14 to 17.
    put(bench.ring, { kind: EVENT_USED, second: NOON + 3 * MINUTE });
    put(bench.ring, { kind: EVENT_USED, second: NOON + 17 * MINUTE });
    await second.drain();
    expect(bench.usedUp).toEqual([]);
    expect(await second.usage(ANNA, TODAY)).toMatchObject([{ minutes: 8 }]);
    put(bench.ring, { kind: EVENT_USED, second: NOON + 8 * MINUTE });
    await second.drain();
    expect(bench.usedUp).toEqual([`${ANNA} internet ${TODAY}`]);
  });

  it('are saved within thirty seconds, without a stop', async () => {
    const bench = createBench();
    put(bench.ring, { kind: EVENT_USED });
    await bench.queryLog.drain();
    bench.clock.seconds += 30;
    await bench.queryLog.drain();
    expect(bench.budgetStore.days.size).toBe(1);
  });

  it('are told again where the limit was raised and reached anew', async () => {
    const bench = createBench();
    const told = [`${ANNA} internet ${TODAY}`];
    bench.budgets.set(ANNA, [{ target: 'internet', minutesPerDay: 1 }]);
    put(bench.ring, { kind: EVENT_USED, second: NOON });
    await bench.queryLog.drain();
    bench.budgets.set(ANNA, [{ target: 'internet', minutesPerDay: 3 }]);
    put(bench.ring, { kind: EVENT_USED, second: NOON + MINUTE });
    await bench.queryLog.drain();
    expect(bench.usedUp).toEqual(told);
    put(bench.ring, { kind: EVENT_USED, second: NOON + 2 * MINUTE });
    await bench.queryLog.drain();
    expect(bench.usedUp).toEqual([...told, ...told]);
  });

  it('are told again where it failed', async () => {
    let calls = 0;
    const bench = createBench({
      onUsedUp: () => {
        if (++calls === 1) throw new Error('the disk is full');
      },
    });
    bench.budgets.set(ANNA, [{ target: 'internet', minutesPerDay: 1 }]);
    for (let minute = 0; minute < 3; minute++) {
      put(bench.ring, { kind: EVENT_USED, second: NOON + minute * MINUTE });
      await bench.queryLog.drain();
    }
    expect(calls).toBe(2);
  });

  it('outlive a store that fails, and never replace what it holds', async () => {
    const bench = createBench();
    bench.budgets.set(ANNA, [{ target: 'internet', minutesPerDay: 2 }]);
    put(bench.ring, { kind: EVENT_USED, second: NOON });
    await bench.queryLog.close();
    const second = bench.reopen();
    bench.budgetStore.isFailing = true;
    put(bench.ring, { kind: EVENT_USED, second: NOON + 60 * MINUTE });
    await second.drain();
    bench.clock.seconds += 30;
    await second.drain();
    bench.budgetStore.isFailing = false;
    bench.budgetStore.isUnreadable = true;
    bench.clock.seconds += 30;
    await second.drain();
    bench.budgetStore.isUnreadable = false;
    bench.clock.seconds += 30;
    put(bench.ring, { kind: EVENT_USED, second: NOON + 120 * MINUTE });
    await second.drain();
    expect(bench.usedUp).toEqual([`${ANNA} internet ${TODAY}`]);
    await second.close();
    expect(await bench.reopen().usage(ANNA, TODAY)).toMatchObject([{ minutes: 3 }]);
  });

  it('of a category that is gone are not counted', async () => {
    const bench = createBench();
    put(bench.ring, { kind: EVENT_USED, category: 77 });
    await bench.queryLog.close();
    expect(bench.budgetStore.days.size).toBe(0);
  });

  it('are forgotten in memory once they are saved and idle, and read again when needed', async () => {
    const bench = createBench();
    bench.budgets.set(ANNA, [{ target: 'internet', minutesPerDay: 9 }]);
    put(bench.ring, { kind: EVENT_USED });
    await bench.queryLog.drain();
    for (let hour = 0; hour < 4; hour++) {
      bench.clock.seconds += 3600;
      await bench.queryLog.drain();
    }
    // The store's copy is all there is now.
    bench.budgetStore.days.clear();
    expect(await bench.queryLog.usage(ANNA, TODAY)).toMatchObject([{ minutes: 0 }]);
  });
});
