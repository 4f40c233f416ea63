/**
 * The load bench works: it starts both servers, every mix is answered rightly (else it fails), and
 * its table is whole. What the figures are is nobody's business here: the machine is shared.
 *
 * It does not go through `npm run bench:load`: that installs packages and builds where they are out
 * of date, and a test must not do so under others that are running.
 */

import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { once } from 'node:events';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');

test('the load bench compares both servers in every mix', { timeout: 240_000 }, async () => {
  expect(existsSync(join(ROOT, 'dist/main.js')), 'built: run `npm run build` first').toBe(true);
  const compiled = await runNode('node_modules/typescript/bin/tsc', '-p', 'tsconfig.bench.json');
  expect(compiled.code, compiled.output).toBe(0);
  const { code, output } = await runNode('dist-bench/bench/load/load.js', '--smoke');
  expect(code, output).toBe(0);
  const rows = [...output.matchAll(/^2,000 +(\w+) +(\w+)((?: +[\d.]+(?: ×)?){3})$/gm)];
  expect(rows.map(([, mix, server]) => [mix, server])).toEqual(
    ['blocked', 'cached', 'mixed'].flatMap((mix) => [
      [mix, 'stairgate'],
      [mix, 'dns2'],
      [mix, 'ratio'],
    ]),
  );
});

async function runNode(
  ...args: readonly string[]
): Promise<{ code: number | null; output: string }> {
  const child = spawn(process.execPath, args, { cwd: ROOT });
  let output = '';
  const collect = (chunk: Buffer): void => void (output += chunk.toString());
  child.stdout.on('data', collect);
  child.stderr.on('data', collect);
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, output };
}
