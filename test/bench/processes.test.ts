import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, it, onTestFinished } from 'vitest';
import { startCpuMeter } from '../../bench/load/processes.ts';

const BUSY_MS = 300;
/** Burns time on its main thread or in a worker that ends, as it is told, and says what that was. */
const PROGRAM = `
  const { Worker } = require('node:worker_threads');
  const burn = 'const end = performance.now() + ${BUSY_MS}; while (performance.now() < end);';
  process.on('message', async (where) => {
    const before = process.cpuUsage();
    if (where === 'main') eval(burn);
    else await new Promise((done) => new Worker(burn, { eval: true }).on('exit', done));
    const { user, system } = process.cpuUsage(before);
    process.send((user + system) / 1000);
  });
  process.send('ready');
`;

it.runIf(process.platform === 'linux').each(['main', 'a worker that ends'])(
  'CPU time of %s is counted',
  async (where) => {
    const child = spawn(process.execPath, ['-e', PROGRAM], { stdio: ['ignore', 'pipe', 2, 'ipc'] });
    onTestFinished(() => void child.kill());
    await once(child, 'message');
    const readCpuMs = startCpuMeter(child.pid!);
    child.send(where);
    const [spentMs] = (await once(child, 'message')) as [number];
    expect(spentMs).toBeGreaterThan(50);
    expect(Math.abs(readCpuMs() - spentMs)).toBeLessThan(45);
  },
);
