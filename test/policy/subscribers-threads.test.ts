import { rmSync } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { afterAll, expect, test } from 'vitest';
import type { IpPrefix } from '../../src/lib/ip-address.ts';
import { SubscriberWriter } from '../../src/policy/subscriber-writer.ts';
import { prepareThread } from '../support/thread-files.ts';
import { SEED } from './policy-input.ts';

/**
 * One writer and several readers that run at the same time. Who owns a key follows from the profile
 * number, so a reader that gets another's knows it.
 */
const READERS = 3;
const READER_FILES = [
  'policy/subscribers.ts',
  'lib/half-siphash.ts',
  'lib/ip-address.ts',
  'lib/assert.ts',
  'lib/errors.ts',
];

const OPERATIONS = 1_000_000;
const OPERATIONS_A_TURN = 4000;
/** However slow the machine is. */
const SECONDS_MAX = 6;
/** Keys that come and go: a window of so many that moves over all. */
const WINDOW = 4000;
const KEYS = 1 << 18;
/** Entries that stay: prefixes over 256 keys each, and single addresses. */
const COVERS = KEYS >>> 8;
const LASTING = 64;
const FIRST_COVER = KEYS;
const FIRST_LASTING = FIRST_COVER + COVERS;
/** Of one owner: an entry is given another of these each time that it is written. */
const PROFILES = 16;

/** Shared with the readers: whether to stop, and where the window is. */
const STOP = 0;
const WINDOW_AT = 1;

/** The reader's half of the keys below, and the check. */
const READER = `
  import { parentPort, workerData } from 'node:worker_threads';
  import { setImmediate as turn } from 'node:timers/promises';
  import { lookUpAddress, openSubscriberTable } from './policy/subscribers.js';
  const control = new Int32Array(workerData.control);
  let table = openSubscriberTable(workerData.buffer, workerData.seed);
  const address = new Uint32Array(4);
  const seen = { hits: 0, misses: 0, covered: 0, adopted: 0, wrong: 0, lost: 0 };
  parentPort.on('message', ({ buffer, generation }) => {
    table = openSubscriberTable(buffer, workerData.seed);
    seen.adopted++;
    parentPort.postMessage({ generation });
  });
  parentPort.postMessage('reading');
  let random = workerData.index + 1;
  while (Atomics.load(control, ${STOP}) === 0) {
    for (let round = 0; round < 2000; round++) {
      random = (Math.imul(random, 1664525) + 1013904223) >>> 0;
      const isLasting = (random >>> 28) === 0;
      const offset = (random >>> 8) % (isLasting ? ${LASTING} : ${WINDOW});
      const key = isLasting
        ? ${FIRST_LASTING} + offset
        : (Atomics.load(control, ${WINDOW_AT}) + offset) & ${KEYS - 1};
      const kind = isLasting ? 0 : key & 3;
      address[0] = [0, 0x20010db8, 0x20010dbb, 0x20010dba][kind];
      address[1] = [0, (key << 8) | 7, key, 0][kind];
      address[2] = [0xffff, 5, 5, key][kind];
      address[3] = [0x0a000000 + key, 6, 6, 1][kind];
      const profile = lookUpAddress(table, address, 0);
      const owner = profile < 0 ? -1 : Math.floor(profile / ${PROFILES});
      if (owner === key) seen.hits++;
      else if (kind === 2 && owner === ${FIRST_COVER} + (key >>> 8)) seen.covered++;
      else if (owner >= 0) seen.wrong++;
      else if (isLasting || kind === 2) seen.lost++;
      else seen.misses++;
    }
    await turn();
  }
  parentPort.postMessage(seen);
  parentPort.close();
`;

interface Seen {
  readonly hits: number;
  readonly misses: number;
  readonly covered: number;
  readonly adopted: number;
  /** Another's policy. */
  readonly wrong: number;
  /** Nothing, where an entry that stays holds the address. */
  readonly lost: number;
}

const thread = prepareThread(READER_FILES, READER);
afterAll(() => {
  rmSync(thread.folder, { recursive: true, force: true });
});

test("readers on other threads never see another's policy, and no lasting entry vanishes, whatever the writer does", async () => {
  const readers: Reader[] = [];
  const writer: SubscriberWriter = new SubscriberWriter(SEED, {
    onBuffer: (buffer, generation) => {
      for (const { worker } of readers) worker.postMessage({ buffer, generation });
    },
  });
  for (let cover = 0; cover < COVERS; cover++) {
    const words = [0x20010dbb, cover << 8, 0, 0] as const;
    writer.insert({ words, length: 56 }, (FIRST_COVER + cover) * PROFILES);
  }
  for (let host = 0; host < LASTING; host++) {
    const key = FIRST_LASTING + host;
    writer.insert(ipv4(key), key * PROFILES);
  }
  writer.retire(writer.generation);
  const control = new Int32Array(new SharedArrayBuffer(8));
  for (let index = 0; index < READERS; index++) {
    const data = { index, control: control.buffer, buffer: writer.buffer, seed: SEED };
    readers.push(await startReader(data));
  }
  const firstGeneration = writer.generation;

  let random = 1;
  const until = performance.now() + SECONDS_MAX * 1000;
  for (let done = 0; done < OPERATIONS && performance.now() < until; done += OPERATIONS_A_TURN) {
    for (let operation = 0; operation < OPERATIONS_A_TURN; operation++) {
      random = (Math.imul(random, 1664525) + 1013904223) >>> 0;
      const windowAt = control[WINDOW_AT]!;
      const key = (windowAt + ((random >>> 8) % WINDOW)) & (KEYS - 1);
      if (random >>> 30 === 0) writer.delete(prefixOf(key));
      else writer.insert(prefixOf(key), key * PROFILES + ((random >>> 3) & (PROFILES - 1)));
      if (operation % 4 === 0) {
        writer.delete(prefixOf(windowAt));
        Atomics.store(control, WINDOW_AT, (windowAt + 1) & (KEYS - 1));
      }
    }
    await turn();
    writer.retire(Math.min(...readers.map(({ adopted }) => adopted())));
  }
  Atomics.store(control, STOP, 1);

  const rebuilds = writer.generation - firstGeneration;
  for (const { seen } of readers) {
    const { hits, misses, covered, adopted, wrong, lost } = await seen;
    expect({ wrong, lost }).toEqual({ wrong: 0, lost: 0 });
    expect(hits).toBeGreaterThan(10_000);
    expect(misses).toBeGreaterThan(1000);
    expect(covered).toBeGreaterThan(1000);
    expect(adopted).toBeGreaterThan(rebuilds / 2);
  }
  expect(rebuilds).toBeGreaterThan(20);
}, 40_000);

function prefixOf(key: number): IpPrefix {
  const kind = key & 3;
  if (kind === 0) return ipv4(key);
  if (kind === 1) return { words: [0x20010db8, key << 8, 0, 0], length: 56 };
  if (kind === 2) return { words: [0x20010dbb, key, 0, 0], length: 64 };
  return { words: [0x20010dba, 0, key, 1], length: 128 };
}

function ipv4(key: number): IpPrefix {
  return { words: [0, 0, 0xffff, 0x0a000000 + key], length: 128 };
}

interface Reader {
  readonly worker: Worker;
  /** The newest generation that it reported. */
  readonly adopted: () => number;
  readonly seen: Promise<Seen>;
}

async function startReader(workerData: object): Promise<Reader> {
  const worker = new Worker(thread.path, { workerData });
  let adopted = 0;
  let isReading = (): void => undefined;
  const reading = new Promise<void>((resolve) => (isReading = resolve));
  const seen = new Promise<Seen>((resolve, reject) => {
    worker.on('error', reject);
    worker.on('message', (message: 'reading' | { readonly generation: number } | Seen) => {
      if (message === 'reading') isReading();
      else if ('generation' in message) adopted = message.generation;
      else resolve(message);
    });
  });
  await Promise.race([reading, seen]);
  return { worker, adopted: () => adopted, seen };
}
