/**
 * `npm run bench`: compiles the benches with the sources they measure and runs each in a process of
 * its own. Compiled, because a test runner's import rewriting makes the query path two to three
 * times slower. Arguments pick benches by a part of their path: `npm run bench -- resolver`.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { compileBenches, ensureBuilt, run } from './ensure-built.mjs';

ensureBuilt();
compileBenches();
const wanted = process.argv.slice(2);
const benches = readdirSync('dist-bench/bench', { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.bench.js'))
  .filter((path) => wanted.length === 0 || wanted.some((part) => path.includes(part)))
  .sort();
for (const path of benches) {
  console.log(`\n${path.replace(/\.bench\.js$/, '')}`);
  run(process.execPath, [join('dist-bench/bench', path)], `The bench ${path} failed.`);
}
