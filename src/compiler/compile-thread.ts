/**
 * The compile thread: reads one revision, compiles its images, puts them on the disk and hands them
 * to the main thread; it looks at new lists before they are accepted, and reads lists again for
 * `explain`. It is a thread of its own, of low priority, so that neither queries nor the API wait.
 */

import { parentPort } from 'node:worker_threads';
import { assert } from '../lib/assert.ts';
import { AppError, messageOf } from '../lib/errors.ts';
import { inThreadInspector } from '../lists/inspect-content.ts';
import { readPolicyData } from '../lists/read-policy-data.ts';
import { compileProfile } from './compile-profile.ts';
import { compileRevision } from './compile-revision.ts';
import { findEvidence } from './find-evidence.ts';
import { lowerThreadPriority } from './lower-priority.ts';
import type { CompileFailed, CompilerDone, CompilerRequest, InspectDone } from './messages.ts';
import type { InspectRequest } from './messages.ts';

assert(parentPort !== null, 'the compile thread is started as a worker');
const port = parentPort;
lowerThreadPriority();

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

function run(request: CompilerRequest): Promise<CompilerDone> {
  switch (request.kind) {
    case 'compile':
      return compileRevision(request, readPolicyData());
    case 'profile':
      return compileProfile(request, readPolicyData());
    case 'evidence':
      return findEvidence(request);
    case 'inspect':
      return inspect(request);
  }
}

async function inspect({ job, content, format }: InspectRequest): Promise<InspectDone> {
  return { kind: 'inspected', job, report: await inThreadInspector.inspect(content, format) };
}

function toFailure(job: number, error: unknown): CompileFailed {
  if (error instanceof AppError) {
    const { code, message, faults } = error;
    return { kind: 'failed', job, code, message, faults };
  }
  const message = `Working on the compile thread: ${messageOf(error)}`;
  return { kind: 'failed', job, code: 'COMPILE_FAILED', message, faults: [] };
}
