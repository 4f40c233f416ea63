import { rmSync } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import {
  createEventRing,
  droppedEvents,
  EVENT_BLOCKED,
  EVENT_HAS_CATEGORY,
  EVENT_IS_BYPASS,
  openEventRing,
  readEvents,
  writeEvent,
  type EventRing,
} from '../../src/lib/event-ring.ts';
import { prepareThread } from '../support/thread-files.ts';

const NAME = Uint8Array.from([3, 0x77, 0x77, 0x77, 7, ...Buffer.from('example'), 0]);
const SMALLEST = 1024;

/** One event whose second tells it from others; its name is made of the same number. */
function write(ring: EventRing, second: number, nameLength: number): boolean {
  const name = new Uint8Array(255).fill(second & 0xff);
  return writeEvent(ring, second, second % 1000, 0, nameLength << 16, 0, name, nameLength);
}

/** A ring whose counts are about to pass 2^31, where they turn negative. */
function lateRing(size: number): EventRing {
  const ring = createEventRing(size);
  ring.words[0] = 2 ** 31 - size;
  ring.words[1] = 2 ** 31 - size;
  return ring;
}

describe('an event', () => {
  it('comes out as it went in, greatest numbers included', () => {
    const ring = createEventRing(SMALLEST);
    const outcome = EVENT_BLOCKED | (9 << 8) | (3 << 16) | (255 << 24);
    const question =
      0xfffe | (NAME.length << 16) | ((EVENT_HAS_CATEGORY | EVENT_IS_BYPASS | 0x80) << 24);
    const second = 0xfffffffe;
    expect(writeEvent(ring, second, 0xfffffe, outcome, question, -5, NAME, NAME.length)).toBe(true);
    expect(readEvents(ring, 10)).toEqual([
      {
        second,
        profile: 0xfffffe,
        kind: EVENT_BLOCKED,
        row: 9,
        verdictClass: 3,
        category: 255,
        qtype: 0xfffe,
        flags: EVENT_HAS_CATEGORY | EVENT_IS_BYPASS | 0x80,
        clientHash: 0xfffffffb,
        name: NAME,
      },
    ]);
    expect(readEvents(ring, 10)).toEqual([]);
  });

  it('is a copy that the next events do not change', () => {
    const ring = createEventRing(SMALLEST);
    write(ring, 7, 255);
    const [event] = readEvents(ring, 1);
    for (let second = 8; second < 20; second++) {
      write(ring, second, 255);
      readEvents(ring, 1);
    }
    expect(event!.name.every((octet) => octet === 7)).toBe(true);
  });

  it('that finds no room is dropped and counted, and what is there stays', () => {
    const ring = createEventRing(SMALLEST);
    let written = 0;
    while (write(ring, written, 100)) written++;
    expect(written).toBe(8);
    for (let more = 0; more < 3; more++) expect(write(ring, 99, 100)).toBe(false);
    expect(droppedEvents(ring)).toBe(4);
    expect(readEvents(ring, 100).map(({ second }) => second)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(write(ring, 8, 100)).toBe(true);
  });
});

describe('the ring', () => {
  it('is read in order, however reads and writes take turns, also where its counts pass 2^31', () => {
    const turns = fc.array(
      fc.oneof(
        fc.record({ names: fc.array(fc.nat(255), { maxLength: 12 }) }),
        fc.record({ take: fc.nat(8) }),
      ),
      { maxLength: 60 },
    );
    fc.assert(
      fc.property(turns, fc.boolean(), (steps, isLate) => {
        const ring = isLate ? lateRing(SMALLEST) : createEventRing(SMALLEST);
        const expected: [number, number][] = [];
        let second = 0;
        let dropped = 0;
        const check = (countMax: number): void => {
          for (const event of readEvents(ring, countMax)) {
            expect([event.second, event.name.length]).toEqual(expected.shift());
            expect(event.name.every((octet) => octet === (event.second & 0xff))).toBe(true);
          }
        };
        for (const step of steps) {
          if ('take' in step) check(step.take);
          else {
            for (const length of step.names) {
              second++;
              if (write(ring, second, length)) expected.push([second, length]);
              else dropped++;
            }
          }
        }
        check(1000);
        expect(expected).toEqual([]);
        expect(droppedEvents(ring)).toBe(dropped);
      }),
      { numRuns: 1000 },
    );
  });

  it('goes on where a worker died, and what that had not published is written over', () => {
    const first = createEventRing(SMALLEST);
    write(first, 1, 20);
    // An event that was being written: its words stand there, the count does not hold it.
    first.words[4 + 11] = 44;
    const second = openEventRing(first.buffer);
    write(second, 2, 30);
    expect(readEvents(second, 10).map((event) => event.second)).toEqual([1, 2]);
  });

  it('whose counts are damaged costs the reader no more than the ring', () => {
    const ring = createEventRing(SMALLEST);
    ring.words[0] = 500;
    expect(readEvents(ring, 10_000).length).toBeLessThan(50);
  });
});

/** The reader's thread: takes what there is until it is told how many were written, and checks each. */
const READER = `
  import { parentPort, workerData } from 'node:worker_threads';
  import { setImmediate as turn } from 'node:timers/promises';
  import { openEventRing, readEvents } from './lib/event-ring.js';
  const ring = openEventRing(workerData.ring);
  const control = new Int32Array(workerData.control);
  const seen = { events: 0, wrong: 0, outOfOrder: 0 };
  let last = 0;
  for (;;) {
    const isLast = Atomics.load(control, 0) === 1;
    const events = readEvents(ring, 500);
    for (const event of events) {
      seen.events++;
      if (event.second <= last) seen.outOfOrder++;
      last = event.second;
      const length = (event.second * 7) % 256;
      const octet = event.second & 0xff;
      const isWhole =
        event.name.length === length &&
        event.name.every((one) => one === octet) &&
        event.profile === event.second % 1000 &&
        event.clientHash === ((event.second ^ 0x5a5a5a5a) >>> 0);
      if (!isWhole) seen.wrong++;
    }
    if (isLast && events.length === 0) break;
    if (events.length === 0) await turn();
  }
  parentPort.postMessage(seen);
  parentPort.close();
`;

const thread = prepareThread(['lib/event-ring.ts', 'lib/bytes.ts'], READER);
afterAll(() => {
  rmSync(thread.folder, { recursive: true, force: true });
});

describe('a reader on another thread', () => {
  it('sees each event whole, in order and once, as many as were not dropped', async () => {
    const ring = lateRing(1 << 14);
    const control = new Int32Array(new SharedArrayBuffer(4));
    const workerData = { ring: ring.buffer, control: control.buffer };
    const worker = new Worker(thread.path, { workerData });
    const seen = new Promise((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', reject);
    });
    const name = new Uint8Array(255);
    const until = performance.now() + 5000;
    let second = 0;
    let written = 0;
    // Bursts that overflow the ring, and pauses in which the reader empties it.
    while (written < 200_000 && performance.now() < until) {
      for (let burst = 0; burst < 400; burst++) {
        second++;
        const length = (second * 7) % 256;
        name.fill(second & 0xff, 0, length);
        const hash = second ^ 0x5a5a5a5a;
        if (writeEvent(ring, second, second % 1000, 0, length << 16, hash, name, length)) written++;
      }
      await turn();
    }
    Atomics.store(control, 0, 1);
    expect(await seen).toEqual({ events: written, wrong: 0, outOfOrder: 0 });
    expect(droppedEvents(ring)).toBe(second - written);
    expect(written).toBeGreaterThan(5000);
  }, 30_000);
});
