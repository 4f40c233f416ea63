/**
 * The compile thread: reads one revision, compiles its images, puts them on the disk and hands them
 * to the main thread; it looks at new lists before they are accepted, and reads lists again for
 * `explain` and for editors. It is a thread of its own, of low priority, so that neither queries nor the API wait.
 */

import { parentPort } from 'node:worker_threads';
import { assert } from '../lib/assert.ts';
import { AppError, messageOf } from '../lib/errors.ts';
import { createInspector } from '../lists/inspector.ts';
import { readUsage } from '../lists/list-usage.ts';
import { readPolicyData } from '../lists/read-policy-data.ts';
import { compilePlan } from './compile-plan.ts';
import { compileProfile } from './compile-profile.ts';
import { compileRevision } from './compile-revision.ts';
import { findEvidence } from './find-evidence.ts';
import { BACKGROUND_NICENESS, lowerThreadPriority } from './lower-priority.ts';
import { readNewestInput } from './newest-input.ts';
import type {
  CompareDone,
  CompareRequest,
  CompileFailed,
  CompilerDone,
  CompilerRequest,
  InspectDone,
  InspectRequest,
  UsageDone,
  UsageRequest,
} from './messages.ts';

assert(parentPort !== null, 'the compile thread is started as a worker');
const port = parentPort;
lowerThreadPriority(BACKGROUND_NICENESS);

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
    case 'plan':
      return compilePlan(request, readPolicyData());
    case 'evidence':
      return findEvidence(request);
    case 'inspect':
      return inspect(request);
    case 'compare':
      return compare(request);
    case 'usage':
      return usage(request);
  }
}

async function inspect(request: InspectRequest): Promise<InspectDone> {
  const { job, dataDir, content, format, sealing, progress } = request;
  const inspector = createInspector(dataDir, [], sealing, progress);
  const report = await inspector.inspect(content, format);
  return { kind: 'inspected', job, report };
}

async function compare(request: CompareRequest): Promise<CompareDone> {
  const { job, dataDir, candidate, format, comparison, asked } = request;
  const findings = await createInspector(dataDir, asked).compare(candidate, format, comparison);
  return { kind: 'compared', job, findings };
}

async function usage({ job, dataDir, asked }: UsageRequest): Promise<UsageDone> {
  const { lists } = await readNewestInput(dataDir);
  return { kind: 'used', job, usage: readUsage(lists, asked) };
}

function toFailure(job: number, error: unknown): CompileFailed {
  if (error instanceof AppError) {
    const { code, message, faults } = error;
    return { kind: 'failed', job, code, message, faults };
  }
  const message = `Working on the compile thread: ${messageOf(error)}`;
  return { kind: 'failed', job, code: 'COMPILE_FAILED', message, faults: [] };
}
