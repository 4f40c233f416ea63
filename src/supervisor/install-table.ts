/**
 * Hands a subscriber table that outgrew its buffer over to all workers, between two publications. The
 * one that it replaces is let go by this thread too, which writes it until every worker has the new one.
 */

import { messageOf } from '../lib/errors.ts';
import { collectReplaced } from '../worker/collect-garbage.ts';
import type { Log } from './log.ts';
import type { WorkerPool } from './worker-pool.ts';

/**
 * @param revision of the images in force, which stay
 * @param retire lets go of the replaced table
 */
export async function installTable(
  pool: Pick<WorkerPool, 'install'>,
  revision: number,
  subscribers: SharedArrayBuffer,
  retire: () => void,
  log: Log,
): Promise<void> {
  const parts = { blocklist: null, policy: null, subscribers };
  try {
    await pool.install({ revision, ...parts, seed: null });
  } catch (error) {
    // Writes go on to both tables, so nobody works on an old state; the next growth tries again.
    log.error({}, `installing a subscriber table: ${messageOf(error)}`);
    return;
  }
  retire();
  collectReplaced(parts);
}
