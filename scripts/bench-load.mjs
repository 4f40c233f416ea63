/** `npm run bench:load`: builds the server, compiles the benches and runs the load bench. */
import { compileBenches, ensureBuilt, run } from './ensure-built.mjs';

ensureBuilt();
compileBenches();
run(
  process.execPath,
  ['dist-bench/bench/load/load.js', ...process.argv.slice(2)],
  'The load bench failed.',
);
