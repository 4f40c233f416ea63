/** The programs of `bench/load/c`, compiled where a compiler is installed. */

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

const SOURCES = 'bench/load/c';

/**
 * @param folder where the program goes
 * @returns its path
 * @throws where there is no compiler, or it does not compile
 */
export function compileProgram(name: string, folder: string): string {
  const path = join(folder, name);
  const args = ['-O2', '-Wall', '-o', path, join(SOURCES, `${name}.c`)];
  const { error, status, stderr } = spawnSync('cc', args, { encoding: 'utf8' });
  if (error !== undefined) throw new Error('a C compiler (cc) is not installed');
  if (status !== 0) throw new Error(`cc failed: ${stderr}`);
  return path;
}
