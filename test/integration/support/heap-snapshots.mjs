/**
 * Preloaded into a server under test (`node --import …/heap-snapshots.mjs?folder=PATH`): at SIGUSR2 the
 * heaps of its main thread and its workers are written to the folder, and then the file `done`. So the
 * product needs no door for tests. The compile thread is left out: it ends by itself after a quiet while,
 * and Node does not survive that in the middle of a snapshot.
 */

import { createWriteStream, writeFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { writeHeapSnapshot } from 'node:v8';
import workerThreads from 'node:worker_threads';

const folder = new URL(import.meta.url).searchParams.get('folder');
const threads = new Set();

if (workerThreads.isMainThread) {
  workerThreads.Worker = class extends workerThreads.Worker {
    constructor(entry, options) {
      super(entry, options);
      if (options.name === 'compiler') return;
      threads.add(this);
      this.once('exit', () => threads.delete(this));
    }
  };
  syncBuiltinESMExports();
  process.on('SIGUSR2', () => void writeAll());
}

async function writeAll() {
  for (const [index, thread] of [...threads].entries()) {
    const target = createWriteStream(join(folder, `thread-${index}.heapsnapshot`));
    await pipeline(await thread.getHeapSnapshot(), target);
  }
  writeHeapSnapshot(join(folder, 'main.heapsnapshot'));
  writeFileSync(join(folder, 'done'), '');
}
