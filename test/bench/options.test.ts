/** A bench that is asked for what there is not says what there is, and measures and saves nothing. */

import { afterEach, describe, expect, test, vi } from 'vitest';
import { runNode } from '../support/run-node.ts';

class Exit extends Error {
  readonly code: unknown;

  constructor(code: unknown) {
    super(`exit ${String(code)}`);
    this.code = code;
  }
}

const BENCHES = {
  load: () => import('../../bench/load/load.ts'),
  disturbance: () => import('../../bench/load/disturbance.ts'),
  overload: () => import('../../bench/load/overload.ts'),
  sessions: () => import('../../bench/load/sessions.ts'),
};

const argv = process.argv;
// Each import of a bench registers what clears up after it.
process.setMaxListeners(100);

afterEach(() => {
  process.argv = argv;
  vi.restoreAllMocks();
});

/** What a bench prints before it ends; its own process is this one, and it gets no further. */
async function endOf(bench: keyof typeof BENCHES, ...args: readonly string[]) {
  vi.resetModules();
  vi.restoreAllMocks();
  process.argv = [...argv.slice(0, 2), ...args];
  vi.spyOn(process, 'exit').mockImplementation((code) => {
    throw new Exit(code);
  });
  let output = '';
  const print = (text: unknown): void => void (output += `${String(text)}\n`);
  vi.spyOn(console, 'log').mockImplementation(print);
  vi.spyOn(console, 'error').mockImplementation(print);
  const error: unknown = await BENCHES[bench]().catch((reason: unknown) => reason);
  if (!(error instanceof Exit)) throw new Error('the bench ended otherwise', { cause: error });
  return { code: error.code, output };
}

describe.each(Object.keys(BENCHES) as (keyof typeof BENCHES)[])('the bench %s', (bench) => {
  test('says its usage', async () => {
    for (const flag of ['--help', '-h']) {
      const { code, output } = await endOf(bench, flag);
      expect([code, output]).toEqual([
        0,
        expect.stringMatching(/^usage: npm run bench:load -- .+\n$/),
      ]);
    }
  });

  test.each([['--nonsense'], ['nonsense'], ['--smoke=x']])('does not know %s', async (argument) => {
    const { code, output } = await endOf(bench, argument);
    expect([code, output]).toEqual([1, expect.stringMatching(/^.+\nusage: .+\n$/)]);
  });
});

test.each([
  ['load', '--only', 'stairgate,nobody', '--only nobody: there is stairgate, stairgate-dgram, '],
  ['load', '--parts', 'compare', '--parts compare: there is comparison, growth, allocation'],
  ['load', '--names', 'many', '--names many: valid is a number above 0'],
  ['disturbance', '--only', 'lists', '--only lists: there is list, plan, subscribers, kill'],
  ['disturbance', '--cores', 'two', '--cores two: there is one, both'],
  ['overload', '--cores', 'two', '--cores two: there is one, both'],
  ['overload', '--seconds', '0', '--seconds 0: valid is a number above 0'],
  ['sessions', '--changes', '', '--changes : valid is a number above 0'],
] as const)('the bench %s %s %s names what there is', async (bench, option, value, fault) => {
  const { code, output } = await endOf(bench, option, value);
  expect(code).toBe(1);
  expect(output.startsWith(fault), output).toBe(true);
});

test('the scripts name the benches that there are, before they build anything', async () => {
  for (const args of [['--help'], ['nonsense'], ['resolver', '--nonsense']]) {
    const { code, output } = await runNode('scripts/bench.mjs', ...args);
    expect([args, code]).toEqual([args, args[0] === '--help' ? 0 : 1]);
    expect(output).toContain('resolver/resolve-query');
    expect(output).toContain('usage: npm run bench -- ');
  }
  const { code, output } = await runNode('scripts/bench-load.mjs', 'nonsense');
  expect([code, output]).toEqual([1, expect.stringContaining('disturbance, overload, sessions')]);
});
