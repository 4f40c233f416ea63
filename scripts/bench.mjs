/**
 * `npm run bench`: compiles the benches with the sources they measure and runs each in a process of
 * its own. Compiled, because a test runner's import rewriting makes the query path two to three
 * times slower. Arguments pick benches by a part of their path: `npm run bench -- resolver`.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { compileBenches, ensureBuilt, run } from './ensure-built.mjs';

const USAGE = 'usage: npm run bench -- [PART-OF-A-NAME …]';
const ALL = readdirSync(join(import.meta.dirname, '../bench'), {
  recursive: true,
  encoding: 'utf8',
})
  .filter((path) => path.endsWith('.bench.ts'))
  .map((path) => path.replace(/\.bench\.ts$/, ''))
  .sort();

const wanted = process.argv.slice(2);
if (wanted.includes('--help') || wanted.includes('-h')) {
  console.log(`${USAGE}; there is ${ALL.join(', ')}`);
  process.exit(0);
}
for (const part of wanted) {
  if (ALL.some((name) => name.includes(part))) continue;
  console.error(`There is no bench "${part}"; there is ${ALL.join(', ')}\n${USAGE}`);
  process.exit(1);
}

ensureBuilt();
compileBenches();
for (const name of ALL) {
  if (wanted.length > 0 && !wanted.some((part) => name.includes(part))) continue;
  console.log(`\n${name}`);
  run(process.execPath, [`dist-bench/bench/${name}.bench.js`], `The bench ${name} failed.`);
}
