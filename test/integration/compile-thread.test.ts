/** A list of 500,000 names comes in: who works on it, who waits, and what is said about it. */

import { readdirSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { getPriority } from 'node:os';
import { expect, it, onTestFinished } from 'vitest';
import { makeFolder } from '../support/server.ts';
import { pause, ServerProcess } from './support/server-process.ts';

const NAMES = 500_000;
/** Of all threads of a process; the second field of `stat` may hold blanks. */
const NICE_FIELD = 18 - 2;

function nicesOf(pid: number): Map<string, number> {
  const tasks = readdirSync(`/proc/${pid}/task`);
  return new Map(
    tasks.map((task) => {
      const stat = readFileSync(`/proc/${pid}/task/${task}/stat`, 'utf8');
      return [task, Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[NICE_FIELD])];
    }),
  );
}

async function aServer(): Promise<ServerProcess> {
  const dataDir = await makeFolder();
  const server = await ServerProcess.start({ dataDir });
  onTestFinished(async () => {
    await server.end();
    await rm(dataDir, { recursive: true, force: true });
  });
  return server;
}

async function aLargeDocument(server: ServerProcess): Promise<object> {
  const names = Array.from({ length: NAMES }, (_, index) => `n${index}.listed.example.com\n`);
  const contentSha256 = await server.upload(Buffer.from(names.join('')));
  return {
    categories: [{ id: 'listed', class: 'policy' }],
    lists: [{ id: 'large', category: 'listed', format: 'domains', contentSha256 }],
  };
}

it('the API answers while a large list is accepted and compiled', async () => {
  const server = await aServer();
  const document = await aLargeDocument(server);
  const beganAt = performance.now();
  let elapsedMs = 0;
  const applied = server.apply(document).finally(() => (elapsedMs = performance.now() - beganAt));
  const waits: number[] = [];
  while (elapsedMs === 0) {
    const askedAt = performance.now();
    expect(await server.api('GET', '/plans')).toMatchObject({ status: 200 });
    waits.push(performance.now() - askedAt);
    await pause(2);
  }
  expect(await applied).toMatchObject({
    status: 200,
    body: { isInForce: true, listReports: { large: { entries: NAMES } } },
  });
  // Reading the list takes a good third of the time, and compiling it half: nobody waited for either.
  expect(Math.max(...waits), waits.join(' ')).toBeLessThan(elapsedMs / 4);
}, 60_000);

it.runIf(process.platform === 'linux')(
  'main gives way to the workers, and the compile thread, which looks at the list too, to both',
  async () => {
    const server = await aServer();
    await server.apply(await aLargeDocument(server));
    const nices = nicesOf(server.child.pid!);
    const own = getPriority();
    expect(nices.get(String(server.child.pid))).toBe(Math.max(own, 5));
    expect([...nices.values()].filter((nice) => nice === 10)).toHaveLength(1);
    expect([...nices.values()]).toContain(own);
  },
  60_000,
);

it('time and memory of a compilation are figures of the server', async () => {
  const server = await aServer();
  await server.apply(await aLargeDocument(server));
  const { body } = await server.api('GET', '/status');
  const { compileMs, compileOctetsMax } = body['images'] as Record<string, number>;
  expect(compileMs).toBeGreaterThan(10);
  // Table and image, and the heap of a thread that has read the policy data.
  expect(compileOctetsMax).toBeGreaterThan(NAMES * 27);
  expect(compileOctetsMax).toBeLessThan(NAMES * 62 + 70_000_000);
  const metrics = await (await fetch(`http://127.0.0.1:${server.adminPort}/metrics`)).text();
  expect(metrics).toContain(`stairgate_compile_peak_bytes ${compileOctetsMax}`);
  expect(metrics).toMatch(/^stairgate_compile_seconds \d/m);
}, 60_000);
