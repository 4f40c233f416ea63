/**
 * `npm test`: installs, builds and runs every check, in the order in which a fault is cheapest to
 * find. `npm run check` is the same command.
 */
import { ensureBuilt, run } from './ensure-built.mjs';

ensureBuilt();
const checks = [
  ['format', 'prettier', ['--check', '--log-level', 'warn', '.']],
  ['types', 'tsc', ['-p', '.']],
  ['lint', 'eslint', ['--max-warnings', '0', '.']],
  ['floors', 'depcruise', ['--config', '.dependency-cruiser.cjs', 'src']],
  ['dead code', 'knip', []],
  ['tests', 'vitest', ['run', ...process.argv.slice(2)]],
];
for (const [what, command, args] of checks) {
  console.log(`\n── ${what}`);
  run(`node_modules/.bin/${command}`, args, `\nThe check "${what}" failed.`);
}
