/**
 * The benches of overload and disturbance work: they start a server, ask it from many addresses,
 * change it meanwhile, and every answer is the one that was to be given (else they fail). At a few
 * hundred queries a second nothing may be lost, whatever is changed. Times are nobody's business
 * here: the machine is shared.
 */

import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DISTURBANCES, type DisturbanceResult } from '../../bench/load/disturbance-report.ts';
import type { OverloadResult } from '../../bench/load/overload-report.ts';
import { runNode } from '../support/run-node.ts';

const ROOT = join(import.meta.dirname, '../..');
/** Not where other tests compile at the same time. */
const COMPILED = 'dist-bench/disturbance-smoke';
const hasCompiler = spawnSync('cc', ['--version']).status === 0;

const title = hasCompiler
  ? 'the load from many addresses'
  : 'the load from many addresses (skipped: there is no C compiler, cc, for its program)';

describe.skipIf(!hasCompiler)(title, () => {
  const folder = mkdtempSync(join(tmpdir(), 'stairgate-smoke-'));

  beforeAll(async () => {
    expect(existsSync(join(ROOT, 'dist/main.js')), 'built: run `npm run build` first').toBe(true);
    const compiled = await runNode(
      ...['node_modules/typescript/bin/tsc', '-p', 'tsconfig.bench.json'],
      ...['--outDir', COMPILED, '--tsBuildInfoFile', `${COMPILED}/.tsbuildinfo`],
    );
    expect(compiled.code, compiled.output).toBe(0);
  }, 120_000);

  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  it('loses nothing while lists, plans and subscribers change and a worker dies', async () => {
    const result = await runBench<DisturbanceResult>('disturbance');
    expect(result.rows.map(({ disturbance }) => disturbance)).toEqual([...DISTURBANCES]);
    for (const { disturbance, sent, lost, during, ...row } of result.rows) {
      expect(row.mebibytesOverRounds?.first, disturbance).toBe(row.before.mebibytesMax);
      expect(row.mebibytesOverRounds?.last, disturbance).toBe(row.after.mebibytesMax);
      expect(sent, disturbance).toBeGreaterThan(100);
      expect(during.p99us, disturbance).toBeGreaterThan(0);
      // What the kernel had put into a dying worker's socket is gone.
      if (disturbance !== 'kill') expect(lost, disturbance).toBe(0);
    }
  }, 120_000);

  it('offers more than is answered, and the control plane answers meanwhile', async () => {
    const { settings } = await runBench<OverloadResult>('overload');
    const [setting] = settings;
    expect(setting?.rows.map(({ factor }) => factor)).toEqual([1, 1.5, 2, 3]);
    for (const { goodput, health, status, write } of setting?.rows ?? []) {
      expect(goodput).toBeGreaterThan(0);
      for (const { count, failed } of [health, status, write]) {
        expect(count).toBeGreaterThan(0);
        expect(failed).toBe(0);
      }
    }
  }, 120_000);

  async function runBench<Result>(name: string): Promise<Result> {
    const out = join(folder, `${name}.json`);
    const script = `${COMPILED}/bench/load/${name}.js`;
    const { code, output } = await runNode(script, '--smoke', '--cores', 'one', '--out', out);
    expect(code, output).toBe(0);
    return JSON.parse(readFileSync(out, 'utf8')) as Result;
  }
});
