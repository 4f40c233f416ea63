/**
 * The query path allocates nothing for what needs no upstream: its bench fails where it does. vitest
 * rewrites what it runs, so the bench is compiled as the product is and runs in a process of its own.
 */

import { expect, test } from 'vitest';
import { runNode } from '../support/run-node.ts';

test(
  'no way out of the query path that needs no upstream allocates',
  { timeout: 240_000 },
  async () => {
    const compiled = await runNode('node_modules/typescript/bin/tsc', '-p', 'tsconfig.bench.json');
    expect(compiled.code, compiled.output).toBe(0);
    const bench = 'dist-bench/bench/resolver/resolve-query.bench.js';
    const { code, output } = await runNode(bench, '--smoke');
    expect(code, output).toBe(0);
    expect(output.match(/ 0\.\d\d octets$/gm)).toHaveLength(14);
  },
);
