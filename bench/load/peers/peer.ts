/** What the bench knows of a peer: a program, how it is configured, and how it is started. */

import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf } from '../../../src/lib/errors.ts';
import { freePort } from '../../../test/support/server.ts';
import { collectOutput, findProgram, hasEnded, SERVER_CORE, start, stop } from '../processes.ts';
import { awaitAnswer } from '../query.ts';
import { running, type BenchServer } from '../servers.ts';
import { writeNames, type Workload } from '../workload.ts';

/** A list of a million names must be loaded by then. */
const START_WAIT_MS = 180_000;
const RCODE_NXDOMAIN = 3;

export interface PeerSetup {
  /** Its own, and empty. */
  readonly folder: string;
  readonly port: number;
  /** Free for what else it listens on. */
  readonly controlPort: number;
  readonly upstreamPort: number;
  readonly workload: Workload;
}

export interface Peer {
  readonly name: string;
  readonly program: string;
  /** The argument that makes it print its version. */
  readonly versionFlag: string;
  /** Writes its configuration, and the list in its form; returns the arguments to start it with in the foreground. */
  configure(setup: PeerSetup): readonly string[];
  /** Makes the running program read its list again; null = it must be started again for that. */
  readonly reload: ((setup: PeerSetup, pid: number) => Promise<void>) | null;
}

/** What many programs take as a wish to read their files again. */
export function reloadBySignal(_setup: PeerSetup, pid: number): Promise<void> {
  process.kill(pid, 'SIGHUP');
  return Promise.resolve();
}

/** @throws with the reason where the peer is not installed or does not come to answer rightly */
export async function startPeer(
  peer: Peer,
  benchFolder: string,
  workload: Workload,
  upstreamPort: number,
): Promise<BenchServer> {
  const program = findProgram(peer.program);
  if (program === null) throw new Error('not installed');
  const folder = join(benchFolder, peer.name);
  mkdirSync(folder);
  const port = await freePort();
  const setup = { folder, port, controlPort: await freePort(), upstreamPort, workload };
  const args = peer.configure(setup);
  const startMs = performance.now();
  const child = start(SERVER_CORE, [program, ...args], 'pipe');
  const output = collectOutput(child);
  const isOver = (): boolean => hasEnded(child) || performance.now() - startMs > START_WAIT_MS;
  try {
    await awaitAnswer(port, workload.blockedProbe, RCODE_NXDOMAIN, isOver);
  } catch (error) {
    await stop(child);
    throw new Error(`did not start: ${messageOf(error)}; ${output()}`, { cause: error });
  }
  const version = versionOf(program, peer.versionFlag);
  const server = running(peer.name, version, child, port, startMs);
  const { reload } = peer;
  if (reload === null) return server;
  return {
    ...server,
    prepareListUpdate: (names) => {
      writeNames(workload.listPath, names);
      peer.configure({ ...setup, workload: { ...workload, names } });
      return () => reload(setup, server.pid);
    },
  };
}

/** The first number with dots that the program prints about itself. */
function versionOf(program: string, flag: string): string {
  const { stdout, stderr } = spawnSync(program, [flag], { encoding: 'utf8' });
  return /\d+\.\d+(?:\.\d+)*/.exec(stdout + stderr)?.[0] ?? '';
}
