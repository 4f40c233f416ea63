/** A transfer as the main thread sees it: a job for a thread of its own, which ends with it. */

import { Worker } from 'node:worker_threads';
import { AppError } from '../lib/errors.ts';
import type { TransferDone, TransferJob } from '../lists/transfer/run-transfer.ts';

/** About ten million records. Past it the thread dies, and the transfer fails. */
const HEAP_MEBIBYTES_MAX = 2048;
/** Lines are kept or dropped at once; more room for the young would only be filled. */
const YOUNG_MEBIBYTES = 16;
/** After the deadline of the conversation there is the file to be written, no more. */
const WRITE_MS = 300_000;

const BUILT_ENTRY = new URL('transfer-thread.js', import.meta.url);

export type TransferThreadResult =
  | { readonly kind: 'done'; readonly done: TransferDone }
  | { readonly kind: 'failed'; readonly code: string; readonly message: string };

export interface RunningTransfer {
  /** @throws AppError of the transfer, or `TRANSFER_FAILED` where its thread ended */
  readonly done: Promise<TransferDone>;
  /** Gives it up. */
  readonly stop: () => void;
}

export function startTransfer(job: TransferJob): RunningTransfer {
  const thread = new Worker(BUILT_ENTRY, {
    name: 'transfer',
    workerData: job,
    resourceLimits: {
      maxOldGenerationSizeMb: HEAP_MEBIBYTES_MAX,
      maxYoungGenerationSizeMb: YOUNG_MEBIBYTES,
    },
  });
  const stop = (): void => void thread.terminate();
  // Twice: differences may be asked for in vain.
  const deadline = setTimeout(stop, 2 * job.limits.totalMs + WRITE_MS);
  const done = new Promise<TransferDone>((resolve, reject) => {
    let cause = 'the thread ended';
    thread.on('message', (result: TransferThreadResult) => {
      if (result.kind === 'done') resolve(result.done);
      else reject(new AppError(result.code, result.message));
    });
    thread.on('error', (error: Error) => {
      cause = error.message;
    });
    thread.on('exit', () => {
      clearTimeout(deadline);
      reject(new AppError('TRANSFER_FAILED', cause));
    });
  });
  return { done, stop };
}
