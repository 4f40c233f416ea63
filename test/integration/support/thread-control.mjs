/**
 * Preloaded into a server under test (`node --import …/thread-control.mjs?socket=PATH`), into its main
 * thread and its workers alike: what a test writes to the socket happens in the named thread. So the
 * product needs no door for tests.
 *
 *     die NAME      the thread ends        throw NAME   an exception that nobody catches
 *     hang NAME     it stands still        block MS     the main thread stands still for so long
 *
 * With `watchdogMs`, timers of the main thread that repeat every second, as that of the watchdog, repeat
 * as often as it says.
 */

import { syncBuiltinESMExports } from 'node:module';
import { createServer } from 'node:net';
import workerThreads from 'node:worker_threads';

const WATCHDOG_MS = 1000;
const { searchParams } = new URL(import.meta.url);
const channel = new workerThreads.BroadcastChannel('thread-control');

if (workerThreads.isMainThread) controlThreads();
else obey();
channel.unref();

function obey() {
  channel.onmessage = ({ data: { order, threadId } }) => {
    if (threadId !== workerThreads.threadId) return;
    if (order === 'die') process.exit(1);
    if (order === 'hang') for (;;);
    // Outside of the channel's handler, where it would be caught.
    if (order === 'throw') {
      setImmediate(() => {
        throw new Error('thrown by a test');
      });
    }
  };
}

function controlThreads() {
  const threadIds = new Map();
  workerThreads.Worker = class extends workerThreads.Worker {
    constructor(entry, options) {
      super(entry, options);
      threadIds.set(options.name, this.threadId);
    }
  };
  syncBuiltinESMExports();
  shortenWatchdog(Number(searchParams.get('watchdogMs') ?? WATCHDOG_MS));
  const server = createServer((socket) => {
    socket.on('data', (chunk) => {
      const [order, argument] = chunk.toString().split(' ');
      if (order === 'block') {
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, Number(argument));
      } else channel.postMessage({ order, threadId: threadIds.get(argument) });
      socket.end('done');
    });
  });
  server.listen(searchParams.get('socket'));
  server.unref();
}

function shortenWatchdog(watchdogMs) {
  const { setInterval } = globalThis;
  globalThis.setInterval = (callback, ms, ...args) =>
    setInterval(callback, ms === WATCHDOG_MS ? watchdogMs : ms, ...args);
}
