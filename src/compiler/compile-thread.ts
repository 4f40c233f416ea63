/**
 * The compile thread: reads one revision, compiles its images, puts them on the disk and hands them
 * to the main thread; and it reads lists again for `explain`. It is a thread of its own so that
 * neither queries nor the API wait.
 */

import { parentPort } from 'node:worker_threads';
import { assert } from '../lib/assert.ts';
import { AppError, messageOf } from '../lib/errors.ts';
import { compileRevision } from './compile-revision.ts';
import { findEvidence } from './find-evidence.ts';
import type { CompileFailed, CompilerRequest, CompilerResponse } from './messages.ts';

assert(parentPort !== null, 'the compile thread is started as a worker');
const port = parentPort;

port.on('message', (request: CompilerRequest) => {
  run(request).then(
    (done) => {
      port.postMessage(done);
    },
    (error: unknown) => {
      port.postMessage(toFailure(request.job, error));
    },
  );
});

function run(request: CompilerRequest): Promise<CompilerResponse> {
  return request.kind === 'compile' ? compileRevision(request) : findEvidence(request);
}

function toFailure(job: number, error: unknown): CompileFailed {
  if (error instanceof AppError) {
    const { code, message, faults } = error;
    return { kind: 'failed', job, code, message, faults };
  }
  const message = `Compiling the images: ${messageOf(error)}`;
  return { kind: 'failed', job, code: 'COMPILE_FAILED', message, faults: [] };
}
