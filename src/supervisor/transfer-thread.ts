/**
 * The thread of one transfer. A zone may have millions of records, and its primary may be hostile:
 * here it takes time and memory from nobody, and gives all of it back at its end.
 */

import { parentPort, workerData } from 'node:worker_threads';
import { BACKGROUND_NICENESS, lowerThreadPriority } from '../compiler/lower-priority.ts';
import { assert } from '../lib/assert.ts';
import { AppError, messageOf } from '../lib/errors.ts';
import { runTransfer, type TransferJob } from '../lists/transfer/run-transfer.ts';
import type { TransferThreadResult } from './start-transfer.ts';

assert(parentPort !== null, 'the transfer thread is started as a worker');
const port = parentPort;
lowerThreadPriority(BACKGROUND_NICENESS);

runTransfer(workerData as TransferJob).then(
  (done) => {
    send({ kind: 'done', done });
  },
  (error: unknown) => {
    const code = error instanceof AppError ? error.code : 'TRANSFER_FAILED';
    send({ kind: 'failed', code, message: messageOf(error) });
  },
);

function send(result: TransferThreadResult): void {
  port.postMessage(result);
}
