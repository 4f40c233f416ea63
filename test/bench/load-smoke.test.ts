/**
 * The load bench works: what is installed starts, every mix is answered rightly, and the tables are
 * whole. What the figures are is nobody's business here: the machine is shared.
 *
 * It does not go through `npm run bench:load`: that installs packages and builds where they are out
 * of date, and a test must not do so under others that are running.
 */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runNode } from '../support/run-node.ts';

const ROOT = join(import.meta.dirname, '../..');

const COMPARED = [
  ...['stairgate', 'stairgate-dgram', 'unbound-local', 'unbound-rpz', 'dnsdist', 'pdns-recursor'],
  ...['knot-resolver', 'dnsmasq', 'bind', 'dns2', 'echo'],
];

test(
  'the load bench measures what is installed and names what is not',
  { timeout: 240_000 },
  async () => {
    expect(existsSync(join(ROOT, 'dist/main.js')), 'built: run `npm run build` first').toBe(true);
    const compiled = await runNode('node_modules/typescript/bin/tsc', '-p', 'tsconfig.bench.json');
    expect(compiled.code, compiled.output).toBe(0);
    const { code, output } = await runNode('dist-bench/bench/load/load.js', '--smoke');
    expect(code, output).toBe(0);
    // CPU time and queries a second in each of the three mixes, in more than one table.
    const measured = matches(output, /^\| ([\w-]+) +(?:\| +[\d.,]+ ){6}\|$/gm);
    const missing = output.slice(output.lastIndexOf('## Missing'));
    const notInstalled = matches(missing, /^- ([\w-]+): .*not installed$/gm);
    const failed = matches(missing, /^- ([^:\n]+): (?!.*not installed$)/gm);
    expect(failed, output).toEqual([]);
    const named = new Set([...measured, ...notInstalled]);
    expect([...named].toSorted(), output).toEqual(COMPARED.toSorted());
    expect(measured).toEqual(expect.arrayContaining(['stairgate', 'stairgate-dgram', 'dns2']));
  },
);

function matches(text: string, pattern: RegExp): string[] {
  return [...text.matchAll(pattern)].map(([, name]) => name!);
}
