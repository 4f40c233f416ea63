/** Brings a fresh clone to a state that runs: installed packages and a build newer than the sources. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

export function ensureBuilt() {
  process.chdir(join(import.meta.dirname, '..'));
  if (isOlder('node_modules/.package-lock.json', 'package-lock.json')) {
    run(
      'npm',
      ['ci', '--no-audit', '--no-fund'],
      'npm ci failed. The package better-sqlite3 may have to be built from source: that needs python3, make and a C++ compiler (Debian: apt-get install python3 make g++).',
    );
  }
  if (newestIn('src') > timeOf('dist/main.js') || isOlder('dist/main.js', 'package-lock.json')) {
    run(
      process.execPath,
      ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json'],
      'The build failed; the lines above say where.',
    );
  }
}

/** Compiles the benches with the sources they measure, into `dist-bench`. */
export function compileBenches() {
  run(
    process.execPath,
    ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.bench.json'],
    'The benches do not compile.',
  );
}

/** Runs a command to its end; its failure ends this process with one sentence. */
export function run(command, args, failure) {
  const { status } = spawnSync(command, args, { stdio: 'inherit' });
  if (status === 0) return;
  console.error(failure);
  process.exit(status ?? 1);
}

function isOlder(path, than) {
  return timeOf(path) < timeOf(than);
}

function timeOf(path) {
  return existsSync(path) ? statSync(path).mtimeMs : 0;
}

function newestIn(folder) {
  return Math.max(
    ...readdirSync(folder, { withFileTypes: true, recursive: true })
      .filter((entry) => entry.isFile())
      .map((entry) => timeOf(join(entry.parentPath ?? entry.path, entry.name))),
  );
}
