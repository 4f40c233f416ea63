/**
 * `npm run bench:load`: builds the server, compiles the benches and runs the load bench; with
 * `disturbance`, `overload` or `sessions` as its first argument one of the others under load; with
 * `all` each of them, and then the page.
 */
import { compileBenches, ensureBuilt, run } from './ensure-built.mjs';

const OTHERS = ['disturbance', 'overload', 'sessions'];
const ALL = 'all';

const [first, ...rest] = process.argv.slice(2);
const isOther = OTHERS.includes(first);
if (first !== undefined && !isOther && first !== ALL && !first.startsWith('-')) {
  console.error(`There is no load bench "${first}"; there is ${[...OTHERS, ALL].join(', ')}`);
  console.error(`usage: npm run bench:load -- [${[...OTHERS, ALL].join(' | ')}] [--help]`);
  process.exit(1);
}
const runs =
  first === ALL
    ? [['load'], ...OTHERS.map((other) => [other]), ['load', '--page']]
    : [isOther ? [first, ...rest] : ['load', ...process.argv.slice(2)]];

ensureBuilt();
compileBenches();
for (const [script, ...args] of runs) {
  run(process.execPath, [`dist-bench/bench/load/${script}.js`, ...args], 'The load bench failed.');
}
