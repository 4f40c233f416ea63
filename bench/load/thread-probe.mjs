/**
 * Preloaded into a server under load (`node --import …/thread-probe.mjs?file=PATH`), into its main
 * thread and its workers alike: every 100 ms it writes one line of JSON for each thread that serves
 * or controls, so that the product needs no gauge for it.
 *
 *     {"atMs":…,"thread":"main","lagMs":…,"runMs":…,"waitMs":…}
 *     {"atMs":…,"thread":"worker-0","lagMs":…,"runMs":…,"waitMs":…}
 *         how late its timers ran, at most; how long it ran, and how long it was ready to run while
 *         another thread had the core: a late timer that did not wait is our own doing
 *     {"atMs":…,"thread":"worker-0","pongMs":…}
 *         from a control message to its answer, as main sees it
 */

import { appendFileSync, readFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import workerThreads from 'node:worker_threads';

const EVERY_MS = 100;
const RESOLUTION_MS = 5;
const { searchParams } = new URL(import.meta.url);
const channel = new workerThreads.BroadcastChannel('thread-probe');

if (workerThreads.isMainThread) watchThreads(searchParams.get('file'));
else reportDelays((delays) => channel.postMessage({ threadId: workerThreads.threadId, delays }));
channel.unref();

function watchThreads(file) {
  const names = new Map();
  const write = (line) =>
    appendFileSync(file, `${JSON.stringify({ atMs: Date.now(), ...line })}\n`);
  reportDelays((delays) => write({ thread: 'main', ...delays }));
  channel.onmessage = ({ data: { threadId, delays } }) => {
    const thread = names.get(threadId);
    if (thread !== undefined) write({ thread, ...delays });
  };
  workerThreads.Worker = class extends workerThreads.Worker {
    constructor(entry, options) {
      super(entry, options);
      if (!options.name.startsWith('worker-')) return;
      names.set(this.threadId, options.name);
      sendPings(this, (pongMs) => write({ thread: options.name, pongMs }));
    }
  };
  syncBuiltinESMExports();
}

/** One at a time: while a worker owes an answer, it is not asked again. */
function sendPings(thread, report) {
  let sentAt = null;
  const timer = setInterval(() => {
    if (sentAt !== null) return;
    sentAt = performance.now();
    thread.postMessage({ kind: 'ping' });
  }, EVERY_MS).unref();
  thread.on('message', ({ kind }) => {
    if (kind !== 'pong' || sentAt === null) return;
    report(performance.now() - sentAt);
    sentAt = null;
  });
  thread.on('exit', () => clearInterval(timer));
}

function reportDelays(report) {
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delay.enable();
  let before = readTimes();
  setInterval(() => {
    const now = readTimes();
    const lagMs = Math.max(0, delay.max / 1e6 - RESOLUTION_MS);
    report({ lagMs, runMs: now.runMs - before.runMs, waitMs: now.waitMs - before.waitMs });
    delay.reset();
    before = now;
  }, EVERY_MS).unref();
}

/** What the kernel has counted for this thread. */
function readTimes() {
  const [run, wait] = readFileSync('/proc/thread-self/schedstat', 'utf8').split(' ').map(Number);
  return { runMs: run / 1e6, waitMs: wait / 1e6 };
}
