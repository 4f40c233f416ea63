import { expect } from 'vitest';
import type { TestServer } from '../support/server.ts';

/** The same process, the same workers, no fault of ours counted or logged. */
export async function expectUnharmed(server: TestServer, pid: number | undefined): Promise<void> {
  expect(server.process.pid).toBe(pid);
  expect(server.process.exitCode).toBeNull();
  const metrics = await (await fetch(`http://${server.admin}/metrics`)).text();
  expect(metrics).toMatch(/^stairgate_internal_faults_total 0$/m);
  expect(metrics).toMatch(/^stairgate_worker_restarts_total 0$/m);
  expect(server.log).not.toMatch(/"level":(50|60|"error"|"fatal")/);
}
