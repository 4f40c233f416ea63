/**
 * `npm run bench:load`: builds the server, compiles the benches and runs the load bench; with
 * `disturbance`, `overload` or `sessions` as its first argument one of the others under load.
 */
import { compileBenches, ensureBuilt, run } from './ensure-built.mjs';

const [first, ...rest] = process.argv.slice(2);
const isOther = ['disturbance', 'overload', 'sessions'].includes(first);
const script = isOther ? first : 'load';
const args = isOther ? rest : process.argv.slice(2);

ensureBuilt();
compileBenches();
run(process.execPath, [`dist-bench/bench/load/${script}.js`, ...args], 'The load bench failed.');
