import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Worker } from 'node:worker_threads';
import ts from 'typescript';
import { afterAll, expect, test } from 'vitest';
import { SubscriberWriter } from '../../src/policy/subscriber-writer.ts';
import { SEED } from './policy-input.ts';

/**
 * One writer and one reader that run at the same time. The reader needs plain JavaScript, so the
 * few files that it imports are stripped of their types into a temporary folder.
 */
const READER_FILES = [
  'policy/subscribers.ts',
  'lib/half-siphash.ts',
  'lib/ip-address.ts',
  'lib/assert.ts',
  'lib/errors.ts',
];
/** Every host's profile number follows from its address, so the reader knows a torn entry when it sees one. */
const READER = `
  import { parentPort, workerData } from 'node:worker_threads';
  import { lookUpAddress, openSubscriberTable } from './policy/subscribers.js';
  const stop = new Int32Array(workerData.stop);
  let table = openSubscriberTable(workerData.buffer, workerData.seed);
  const address = new Uint32Array([0, 0, 0xffff, 0]);
  const seen = { hits: 0, misses: 0, wrong: 0 };
  parentPort.postMessage('reading');
  for (let round = 0; Atomics.load(stop, 0) === 0; round++) {
    const host = Math.imul(round, 2654435761) >>> 0 & 511;
    address[3] = 0xc0000200 + host;
    const profile = lookUpAddress(table, address, 0);
    if (profile === -1) seen.misses++;
    else if (profile === host || profile === host + 1000) seen.hits++;
    else seen.wrong++;
  }
  parentPort.postMessage(seen);
`;

const folder = mkdtempSync(join(tmpdir(), 'stairgate-subscribers-'));
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

test('a reader on another thread sees whole entries or none while the writer works', async () => {
  const writer = new SubscriberWriter(SEED);
  const stop = new SharedArrayBuffer(4);
  const worker = startReader({ stop, buffer: writer.buffer, seed: SEED });
  const messages = messagesOf(worker);
  expect((await messages.next()).value).toBe('reading');

  const until = performance.now() + 300;
  for (let host = 0; performance.now() < until; host = (host + 1) & 511) {
    const prefix = { words: [0, 0, 0xffff, 0xc0000200 + host], length: 128 } as const;
    writer.insert(prefix, host);
    writer.insert(prefix, host + 1000);
    if ((host & 1) === 1) writer.delete(prefix);
  }
  Atomics.store(new Int32Array(stop), 0, 1);

  const seen = (await messages.next()).value as { hits: number; misses: number; wrong: number };
  expect(seen.wrong).toBe(0);
  expect(seen.hits).toBeGreaterThan(1000);
  expect(seen.misses).toBeGreaterThan(0);
});

function startReader(workerData: object): Worker {
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  writeFileSync(join(folder, 'reader.js'), READER);
  for (const file of READER_FILES) {
    const source = readFileSync(new URL(`../../src/${file}`, import.meta.url), 'utf8');
    const { outputText } = ts.transpileModule(source, {
      compilerOptions: {
        target: ts.ScriptTarget.ES2023,
        module: ts.ModuleKind.ESNext,
        verbatimModuleSyntax: true,
        rewriteRelativeImportExtensions: true,
      },
    });
    const target = join(folder, file.replace('.ts', '.js'));
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, outputText);
  }
  return new Worker(join(folder, 'reader.js'), { workerData });
}

async function* messagesOf(worker: Worker): AsyncGenerator<unknown, undefined> {
  const queue: unknown[] = [];
  let wake = (): void => undefined;
  let fault: unknown = null;
  worker.on('message', (message) => {
    queue.push(message);
    wake();
  });
  worker.on('error', (error) => {
    fault = error;
    wake();
  });
  for (;;) {
    if (fault !== null) throw fault as Error;
    if (queue.length > 0) yield queue.shift();
    else await new Promise<void>((resolve) => (wake = resolve));
  }
}
