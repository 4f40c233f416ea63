import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { compileBlocklist } from '../../src/blocklist/compile.ts';
import { emptyPolicies } from '../../src/policy/compile.ts';
import { openImages, type OpenedImages } from '../../src/supervisor/publisher.ts';
import { SealedWatch } from '../../src/supervisor/sealed-watch.ts';
import { aSealedFile, aSealedPart, LIST_KEY, SEALED_AT } from '../support/sealed.ts';

const SEED = [1, 2] as const;
const HOUR = 3600;

function imagesOf(...files: readonly Uint8Array[]): OpenedImages {
  const sealed = files.map((octets) => aSealedPart(0, octets));
  const { buffer } = compileBlocklist([], SEED, { isRefused: () => null, sealed });
  const images = { revision: 1, blocklist: buffer, policy: emptyPolicies(SEED) };
  return openImages(images, [LIST_KEY]);
}

function aWatch() {
  const lines: string[] = [];
  const log = (level: string) => (figures: object, text: string) => {
    lines.push(`${level} ${(figures as { list?: string }).list ?? ''}: ${text}`);
  };
  const state = {
    images: null as OpenedImages | null,
    nowSeconds: SEALED_AT,
    wanted: [] as readonly string[],
    freshnessSeconds: 4 * HOUR,
  };
  const watch = new SealedWatch({
    images: () => state.images,
    sealedLists: () => Promise.resolve(state.wanted),
    freshnessSeconds: () => state.freshnessSeconds,
    clock: { wallMs: () => state.nowSeconds * 1000, monotonicMs: () => 0 },
    log: { info: log('info'), warn: log('warn'), error: log('error') },
  });
  return { watch, state, takeLines: () => lines.splice(0) };
}

describe('the watch over sealed lists', () => {
  it('knows nothing before all workers have installed a version', () => {
    const { watch, state } = aWatch();
    expect(watch.states()).toEqual([]);
    state.images = imagesOf(aSealedFile('one.example.org\n'));
    expect(watch.states()).toEqual([]);
    expect(watch.versionInForce('court', 2)).toBeNull();
    watch.noteInstalled();
    expect(watch.states()).toMatchObject([{ list: 'court', serial: 1, freshness: 'fresh' }]);
  });

  it('keeps since when, as long as the version stays', () => {
    const { watch, state } = aWatch();
    state.images = imagesOf(aSealedFile('one.example.org\n'));
    state.nowSeconds = SEALED_AT + 60;
    watch.noteInstalled();
    state.nowSeconds = SEALED_AT + 120;
    state.images = imagesOf(aSealedFile('one.example.org\n'));
    watch.noteInstalled();
    const since = (): number | undefined => watch.versionInForce('court', 2)?.inForceSinceMs;
    expect(since()).toBe((SEALED_AT + 60) * 1000);
    state.images = imagesOf(aSealedFile('one.example.org\n', { serial: 2 }));
    // Published, but not by all.
    expect(since()).toBeUndefined();
    expect(watch.states()).toMatchObject([{ list: 'court', serial: 1 }]);
    watch.noteInstalled();
    expect(since()).toBe((SEALED_AT + 120) * 1000);
    expect(watch.versionInForce('court', 2)).toMatchObject({ serial: 2, names: 1, workers: 2 });
  });

  it('warns before the deadline, again at its end, and then every hour', () => {
    const { watch, state, takeLines } = aWatch();
    state.images = imagesOf(aSealedFile('one.example.org\n'));
    watch.noteInstalled();
    state.nowSeconds = SEALED_AT + 3 * HOUR - 1;
    watch.check();
    expect(takeLines()).toEqual([]);
    state.nowSeconds = SEALED_AT + 3 * HOUR;
    for (let round = 0; round < 5; round++) watch.check();
    expect(takeLines()).toEqual([
      'warn court: a sealed list will soon be older than it may be: get a newer version',
    ]);
    state.nowSeconds = SEALED_AT + 4 * HOUR;
    for (let minute = 0; minute < 60; minute++) {
      watch.check();
      state.nowSeconds += 60;
    }
    expect(takeLines()).toHaveLength(1);
    watch.check();
    expect(takeLines()).toEqual([
      'error court: a sealed list is older than it may be: get a newer version',
    ]);
    expect(watch.samples()).toContainEqual(
      expect.objectContaining({ name: 'stairgate_sealed_list_overdue', value: 1 }),
    );
    const newer = { serial: 2, sealedAtSecond: state.nowSeconds };
    state.images = imagesOf(aSealedFile('one.example.org\n', newer));
    watch.noteInstalled();
    expect(takeLines()).toEqual(['info court: a sealed list is fresh again']);
  });

  it('warns in time where the deadline is the shortest', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    const { watch, state, takeLines } = aWatch();
    onTestFinished(() => {
      watch.stop();
      vi.useRealTimers();
    });
    state.freshnessSeconds = 60;
    state.nowSeconds += 30;
    state.images = imagesOf(aSealedFile('one.example.org\n'));
    watch.noteInstalled();
    watch.start();
    for (; state.nowSeconds < SEALED_AT + 60; state.nowSeconds++) {
      await vi.advanceTimersByTimeAsync(1_000);
    }
    expect(takeLines()).toEqual([expect.stringContaining('warn court')]);
  });

  it('gives the alarm of a list that was never in force', async () => {
    const { watch, state, takeLines } = aWatch();
    state.wanted = ['court'];
    await watch.round();
    const missing = 'error court: a sealed list has no version in force: nothing of it is blocked';
    expect(takeLines()).toEqual([missing]);
    expect([watch.missing(), watch.states()]).toEqual([['court'], []]);
    expect(watch.samples()).toMatchObject([
      { name: 'stairgate_sealed_list_overdue', labels: { list: 'court' }, value: 1 },
    ]);
    watch.noteInstalled();
    await watch.round();
    expect(takeLines()).toEqual([]);
    state.nowSeconds += HOUR;
    await watch.round();
    expect(takeLines()).toEqual([missing]);
    const newer = { sealedAtSecond: state.nowSeconds };
    state.images = imagesOf(aSealedFile('one.example.org\n', newer));
    watch.noteInstalled();
    await watch.round();
    expect(takeLines()).toEqual(['info court: a sealed list is fresh again']);
    state.images = null;
    state.wanted = [];
    watch.noteInstalled();
    await watch.round();
    expect(takeLines()).toEqual([]);
    expect(watch.samples()).toEqual([]);
  });

  it('forgets a list that is no more', () => {
    const { watch, state } = aWatch();
    state.images = imagesOf(
      aSealedFile('one.example.org\n'),
      aSealedFile('one.example.org\n', { list: 'police' }),
    );
    watch.noteInstalled();
    expect(watch.states().map(({ list }) => list)).toEqual(['court', 'police']);
    state.images = imagesOf(aSealedFile('one.example.org\n', { list: 'police' }));
    watch.noteInstalled();
    expect(watch.states().map(({ list }) => list)).toEqual(['police']);
    expect(watch.versionInForce('court', 1)).toBeNull();
  });
});
