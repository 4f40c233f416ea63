/** The servers that are compared, each with the same list and the same upstream. */

import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../../test/support/server.ts';
import { SERVER_CORE, start, startScript, stop } from './processes.ts';

const MAIN = 'dist/main.js';

export interface BenchServer {
  readonly name: string;
  readonly pid: number;
  readonly port: number;
  stop(): Promise<void>;
}

/** The built server, one worker, the list as category `adult` of the only plan that is asked. */
export async function startStairgate(
  folder: string,
  listPath: string,
  upstreamPort: number,
): Promise<BenchServer> {
  const dataDir = join(folder, 'data');
  mkdirSync(dataDir);
  const document = join(folder, 'document.yaml');
  writeFileSync(
    document,
    `lists: [{ id: bench, category: adult, format: domains, path: ${JSON.stringify(listPath)} }]
plans: [{ id: bench, block: [adult] }]
subscribers: [{ id: bench, plan: bench, addresses: [127.0.0.1/32] }]
`,
  );
  const port = await freePort();
  const admin = `127.0.0.1:${await freePort()}`;
  const where = ['--data-dir', dataDir, '--admin', admin];
  const child = start(SERVER_CORE, [
    ...[process.execPath, MAIN, 'serve', ...where, '--workers', '1'],
    ...['--listen', `127.0.0.1:${port}`, '--upstream', `127.0.0.1:${upstreamPort}`],
  ]);
  await waitForOutput(child, '"msg":"serving"');
  const apply = start(SERVER_CORE, [process.execPath, MAIN, 'apply', document, ...where]);
  const output = collect(apply);
  const [code] = (await once(apply, 'exit')) as [number | null];
  if (code !== 0) {
    await stop(child);
    throw new Error(`stairgate apply failed:\n${output()}`);
  }
  return running('stairgate', child, port);
}

export async function startBaseline(listPath: string, upstreamPort: number): Promise<BenchServer> {
  const args = [listPath, String(upstreamPort)];
  const { child, message } = await startScript(SERVER_CORE, 'dns2-baseline.js', ...args);
  return running('dns2', child, (message as { readonly port: number }).port);
}

function running(name: string, child: ChildProcess, port: number): BenchServer {
  // What nobody reads would fill the pipe.
  child.stdout?.resume();
  return { name, pid: child.pid ?? 0, port, stop: () => stop(child) };
}

async function waitForOutput(child: ChildProcess, text: string): Promise<void> {
  const output = collect(child);
  while (!output().includes(text)) {
    if (child.exitCode !== null) throw new Error(`The server did not start:\n${output()}`);
    await Promise.race([once(child.stdout ?? child, 'data'), once(child, 'exit')]);
  }
}

function collect(child: ChildProcess): () => string {
  let output = '';
  child.stdout?.on('data', (chunk: Buffer) => (output += chunk.toString()));
  return () => output;
}
