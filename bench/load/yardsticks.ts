/** The two that nobody would run: the resolver made of dns2, and the echo in C that is the floor. */

import { freePort } from '../../test/support/server.ts';
import { SERVER_CORE, start, startScript } from './processes.ts';
import { awaitAnswer } from './query.ts';
import { isOverFor, running, versionIn, type BenchServer } from './servers.ts';

export const ECHO = 'echo';
export const BASELINE = 'dns2';

export async function startBaseline(listPath: string, upstreamPort: number): Promise<BenchServer> {
  const startedMs = performance.now();
  const args = [listPath, String(upstreamPort)];
  const { child, message } = await startScript(SERVER_CORE, 'dns2-baseline.js', ...args);
  const { port } = message as { readonly port: number };
  return running(BASELINE, versionIn('node_modules/dns2'), child, port, startedMs);
}

/** @param octets each answer is grown to this */
export async function startEcho(program: string, octets: number): Promise<BenchServer> {
  const startedMs = performance.now();
  const port = await freePort();
  const child = start(SERVER_CORE, [program, String(port), String(octets)]);
  await awaitAnswer(port, () => 'example.org', 0, isOverFor(child));
  return running(ECHO, '', child, port, startedMs);
}
