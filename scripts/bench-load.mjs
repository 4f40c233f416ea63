/**
 * `npm run bench:load`: builds the server, compiles the benches and runs the load bench; with
 * `disturbance`, `overload` or `sessions` as its first argument one of the others under load.
 */
import { compileBenches, ensureBuilt, run } from './ensure-built.mjs';

const OTHERS = ['disturbance', 'overload', 'sessions'];

const [first, ...rest] = process.argv.slice(2);
const isOther = OTHERS.includes(first);
if (first !== undefined && !isOther && !first.startsWith('-')) {
  console.error(`There is no load bench "${first}"; there is ${OTHERS.join(', ')}`);
  console.error(`usage: npm run bench:load -- [${OTHERS.join(' | ')}] [--help]`);
  process.exit(1);
}
const script = isOther ? first : 'load';
const args = isOther ? rest : process.argv.slice(2);

ensureBuilt();
compileBenches();
run(process.execPath, [`dist-bench/bench/load/${script}.js`, ...args], 'The load bench failed.');
