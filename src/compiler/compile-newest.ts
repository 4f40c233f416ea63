/** A compilation that finds its own seed: where two names collide, a new one is drawn. */

import { AppError } from '../lib/errors.ts';
import type { HashSeed } from '../lib/half-siphash.ts';
import type { Compiler } from './compiler.ts';
import type { CompileDone } from './messages.ts';
import { drawSeed } from './seed-file.ts';

/** With 48-bit tags a second collision in a row is a fault of ours, not chance. */
const SEEDS_MAX = 3;

export interface CompiledNewest {
  /** What it was compiled with; another than before where names collided. */
  readonly seed: HashSeed;
  readonly done: CompileDone;
}

/**
 * Compiles the newest revision with the seed, or with a new one that replaces it on the disk.
 * @param blocklistKey names the blocklist that need not be compiled again, or null
 */
export async function compileNewest(
  compiler: Pick<Compiler, 'compile'>,
  dataDir: string,
  seed: HashSeed,
  blocklistKey: string | null,
): Promise<CompiledNewest> {
  let kept = { seed, blocklistKey };
  for (let attempt = 1; ; attempt++) {
    try {
      return { seed: kept.seed, done: await compiler.compile(kept.seed, kept.blocklistKey) };
    } catch (error) {
      const isCollision = error instanceof AppError && error.code === 'COMPILE_COLLISION';
      if (!isCollision || attempt === SEEDS_MAX) throw error;
      kept = { seed: drawSeed(dataDir), blocklistKey: null };
    }
  }
}
