/** The upstream of all servers: NSD with a wildcard zone where it is installed, else the scripted one. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../../test/support/server.ts';
import {
  collectOutput,
  findProgram,
  hasEnded,
  LOAD_CORE,
  start,
  startScript,
  stop,
} from './processes.ts';
import { awaitAnswer } from './query.ts';

const START_WAIT_MS = 10_000;

export interface Upstream {
  readonly name: string;
  readonly port: number;
  stop(): Promise<void>;
}

export async function startUpstream(folder: string): Promise<Upstream> {
  const program = findProgram('nsd');
  if (program !== null) return startNsd(program, folder);
  const { child, message } = await startScript(LOAD_CORE, 'upstream.js');
  const { port } = message as { readonly port: number };
  return { name: 'scripted', port, stop: () => stop(child) };
}

async function startNsd(program: string, folder: string): Promise<Upstream> {
  const port = await freePort();
  const zonePath = join(folder, 'example.org.zone');
  const configPath = join(folder, 'nsd.conf');
  writeFileSync(
    zonePath,
    `$TTL 86400
@ SOA ns.example.org. root.example.org. 1 3600 900 86400 3600
@ NS ns.example.org.
* A 192.0.2.80
`,
  );
  writeFileSync(
    configPath,
    `server:
  ip-address: 127.0.0.1@${port}
  server-count: 1
  username: ""
  chroot: ""
  database: ""
  pidfile: ""
  zonesdir: "${folder}"
  zonelistfile: "${folder}/zone.list"
  xfrdfile: "${folder}/xfrd.state"
  rrl-ratelimit: 0
  rrl-whitelist-ratelimit: 0
  minimal-responses: yes
remote-control:
  control-enable: no
zone:
  name: example.org
  zonefile: "${zonePath}"
`,
  );
  const child = start(LOAD_CORE, [program, '-d', '-c', configPath], 'pipe');
  const output = collectOutput(child);
  const deadlineMs = performance.now() + START_WAIT_MS;
  const isOver = (): boolean => hasEnded(child) || performance.now() > deadlineMs;
  try {
    await awaitAnswer(port, () => 'www.example.org', 0, isOver);
  } catch (error) {
    await stop(child);
    throw new Error(`NSD did not start: ${output()}`, { cause: error });
  }
  return { name: 'NSD', port, stop: () => stop(child) };
}
