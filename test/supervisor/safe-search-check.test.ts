import { afterEach, describe, expect, it, vi } from 'vitest';
import { SafeSearchCheck } from '../../src/supervisor/safe-search-check.ts';
import type { SafeSearchTarget } from '../../src/lists/read-policy-data.ts';
import {
  addressAnswer,
  answerTo,
  closedPort,
  type FakeUpstream,
  nxdomainAnswer,
  startFakeUpstream,
  type UpstreamScript,
} from '../support/fake-upstream.ts';

const NOON = 1_795_348_800;

const TARGETS: readonly SafeSearchTarget[] = [
  { engine: 'one', name: 'safe.one.example', address: null },
  { engine: 'two', name: 'safe.two.example', address: '192.0.2.2' },
];

const running: FakeUpstream[] = [];

afterEach(async () => {
  vi.useRealTimers();
  await Promise.all(running.splice(0).map((upstream) => upstream.close()));
});

async function anUpstream(script: UpstreamScript, address = '127.0.0.1'): Promise<FakeUpstream> {
  const upstream = await startFakeUpstream(script, { address });
  running.push(upstream);
  return upstream;
}

/** A check that asks these upstreams, what it logged, and its samples as `engine ok` lines. */
function aCheck(...upstreams: readonly { address: string; port: number }[]) {
  const state = { warnings: [] as string[], nowSeconds: NOON, targetReads: 0 };
  const check = new SafeSearchCheck({
    targets: () => {
      state.targetReads++;
      return TARGETS;
    },
    upstreams: () => upstreams,
    clock: { monotonicMs: () => 0, wallMs: () => state.nowSeconds * 1000 },
    log: {
      info: () => undefined,
      error: () => undefined,
      warn: (_details, message) => state.warnings.push(message),
    },
  });
  const valuesOf = (metric: string): Record<string, number> => {
    const values: Record<string, number> = {};
    for (const { name, labels, value } of check.samples()) {
      if (name === `stairgate_safe_search_target_${metric}`) values[labels['engine'] ?? ''] = value;
    }
    return values;
  };
  return { check, state, valuesOf };
}

describe('the self-check of safe search', () => {
  it('counts a target with an address as good, and says when it looked', async () => {
    const upstream = await anUpstream((query) =>
      addressAnswer(query, query.name === 'safe.two.example' ? '192.0.2.2' : '192.0.2.1'),
    );
    const { check, state, valuesOf } = aCheck(upstream);
    expect(check.samples()).toEqual([]);
    await check.check();
    expect(valuesOf('ok')).toEqual({ one: 1, two: 1 });
    expect(valuesOf('checked_timestamp_seconds')).toEqual({ one: NOON, two: NOON });
    expect(state.warnings).toEqual([]);
    expect(upstream.queries.map(({ name, type }) => `${name} ${type}`).sort()).toEqual([
      'safe.one.example A',
      'safe.two.example A',
    ]);
  });

  it('follows a chain within the answer', async () => {
    const upstream = await anUpstream((query) =>
      answerTo(query, {
        answers: [
          { name: query.name, type: 'CNAME', ttl: 60, data: 'edge.example' },
          { name: 'edge.example', type: 'A', ttl: 60, data: '192.0.2.2' },
        ],
      }),
    );
    const { check, valuesOf } = aCheck(upstream);
    await check.check();
    expect(valuesOf('ok')).toEqual({ one: 1, two: 1 });
  });

  it.each<[string, UpstreamScript, number, string]>([
    ['a name that is gone', (query) => nxdomainAnswer(query), 0, 'has none'],
    ['a name without an address', (query) => answerTo(query), 0, 'has none'],
    [
      'another address than answers carry',
      (query) => addressAnswer(query, '192.0.2.99'),
      1,
      'safe.two.example should have 192.0.2.2 and has 192.0.2.99',
    ],
  ])('warns of %s', async (_what, script, one, words) => {
    const { check, state, valuesOf } = aCheck(await anUpstream(script));
    await check.check();
    expect(valuesOf('ok')).toEqual({ one, two: 0 });
    expect(state.warnings.join('\n')).toContain(words);
  });

  it('asks the next upstream resolver where one fails, and IPv6 ones alike', async () => {
    const refusing = await anUpstream((query) => answerTo(query, { rcode: 5 }));
    const good = await anUpstream((query) => addressAnswer(query, '192.0.2.2'), '::1');
    const closed = { address: '127.0.0.1', port: await closedPort() };
    const { check, valuesOf } = aCheck(closed, refusing, good);
    await check.check();
    expect(valuesOf('ok')).toEqual({ one: 1, two: 1 });
  });

  it('keeps the last result and its time where no upstream resolver answers', async () => {
    const upstream = await anUpstream((query) => addressAnswer(query, '192.0.2.2'));
    const { check, state, valuesOf } = aCheck(upstream);
    await check.check();
    upstream.use((query) => answerTo(query, { rcode: 2 }));
    state.nowSeconds += 86_400;
    await check.check();
    expect(valuesOf('ok')).toEqual({ one: 1, two: 1 });
    expect(valuesOf('checked_timestamp_seconds')).toEqual({ one: NOON, two: NOON });
    expect(state.warnings).toEqual([
      'checking safe search: no upstream resolver answered for safe.one.example, safe.two.example',
    ]);
  });

  it('asks three upstream resolvers at most', async () => {
    const counts: number[] = [];
    const upstreams = await Promise.all(
      [0, 1, 2, 3].map((index) =>
        anUpstream((query) => {
          counts[index] = (counts[index] ?? 0) + 1;
          return answerTo(query, { rcode: 2 });
        }),
      ),
    );
    await aCheck(...upstreams).check.check();
    expect(counts).toEqual([2, 2, 2]);
  });

  it('runs a minute after the start and then each day, until it is stopped', async () => {
    vi.useFakeTimers();
    const { check, state } = aCheck();
    check.start();
    await vi.advanceTimersByTimeAsync(59_999);
    expect(state.targetReads).toBe(0);
    await vi.advanceTimersByTimeAsync(1);
    expect(state.targetReads).toBe(1);
    await vi.advanceTimersByTimeAsync(3 * 86_400_000);
    expect(state.targetReads).toBe(4);
    check.stop();
    await vi.advanceTimersByTimeAsync(3 * 86_400_000);
    expect(state.targetReads).toBe(4);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('that is stopped meanwhile leaves nothing behind', async () => {
    const upstream = await anUpstream((query) => {
      check.stop();
      return addressAnswer(query);
    });
    const { check, state } = aCheck(upstream);
    await check.check();
    expect(check.samples()).toEqual([]);
    expect(state.warnings).toEqual([]);
  });

  it('says where its targets cannot be read', async () => {
    const warnings: string[] = [];
    const check = new SafeSearchCheck({
      targets: () => {
        throw new Error('no such file');
      },
      upstreams: () => [],
      clock: { monotonicMs: () => 0, wallMs: () => 0 },
      log: {
        info: () => undefined,
        error: () => undefined,
        warn: (_details, message) => warnings.push(message),
      },
    });
    await check.check();
    expect(warnings).toEqual(['checking the targets of safe search: no such file']);
  });
});
