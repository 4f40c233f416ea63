/**
 * Real primaries of one zone on loopback: BIND, NSD and Knot, each with a TSIG key that transfers need,
 * a NOTIFY for whoever wants it, and a journal, so that they have differences to give.
 */

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Endpoint } from '../../../src/lib/endpoint.ts';
import { freePort } from '../../support/server.ts';

const START_WAIT_MS = 15_000;
const STOP_WAIT_MS = 10_000;
export const KEY_NAME = 'xfer';

export interface PrimaryKind {
  readonly name: string;
  readonly program: string;
  /** What to install where it is missing. */
  readonly debianPackage: string;
  readonly configure: (setup: PrimarySetup) => string;
  readonly arguments: (configPath: string) => readonly string[];
}

interface PrimarySetup {
  readonly folder: string;
  readonly zone: string;
  readonly port: number;
  readonly secret: string;
  /** Where NOTIFY goes; null: nowhere. */
  readonly notify: Endpoint | null;
}

const BIND: PrimaryKind = {
  name: 'BIND',
  program: 'named',
  debianPackage: 'bind9',
  configure: ({ folder, zone, port, secret, notify }) => `
key "${KEY_NAME}" { algorithm hmac-sha256; secret "${secret}"; };
options {
  directory "${folder}";
  listen-on port ${port} { 127.0.0.1; };
  listen-on-v6 { none; };
  pid-file none;
  session-keyfile none;
  recursion no;
  dnssec-validation no;
  notify explicit;
  notify-delay 0;
  ${notify === null ? '' : `also-notify { ${notify.address} port ${notify.port} key ${KEY_NAME}; };`}
  allow-transfer { key "${KEY_NAME}"; };
};
controls { };
zone "${zone}" { type primary; file "zone"; ixfr-from-differences yes; };
`,
  arguments: (configPath) => ['-g', '-n', '1', '-c', configPath],
};

const NSD: PrimaryKind = {
  name: 'NSD',
  program: 'nsd',
  debianPackage: 'nsd',
  configure: ({ folder, zone, port, secret, notify }) => `
server:
  ip-address: 127.0.0.1@${port}
  server-count: 1
  username: ""
  chroot: ""
  database: ""
  pidfile: ""
  zonesdir: "${folder}"
  zonelistfile: "${folder}/zone.list"
  xfrdfile: "${folder}/xfrd.state"
  xfrdir: "${folder}"
remote-control:
  control-enable: no
key:
  name: "${KEY_NAME}"
  algorithm: hmac-sha256
  secret: "${secret}"
zone:
  name: "${zone}"
  zonefile: "zone"
  store-ixfr: yes
  create-ixfr: yes
  provide-xfr: 127.0.0.1 ${KEY_NAME}
  ${notify === null ? '' : `notify: ${notify.address}@${notify.port} ${KEY_NAME}`}
`,
  arguments: (configPath) => ['-d', '-c', configPath],
};

const KNOT: PrimaryKind = {
  name: 'Knot',
  program: 'knotd',
  debianPackage: 'knot',
  configure: ({ folder, zone, port, secret, notify }) => `
server:
  rundir: "${folder}"
  listen: 127.0.0.1@${port}
  udp-workers: 1
  tcp-workers: 1
  background-workers: 1
log:
  - target: stderr
    any: info
database:
  storage: "${folder}"
key:
  - id: ${KEY_NAME}
    algorithm: hmac-sha256
    secret: ${secret}
remote:
  - id: us
    address: ${notify?.address ?? '127.0.0.1'}@${notify?.port ?? 9}
    key: ${KEY_NAME}
acl:
  - id: transfer
    address: 127.0.0.1
    key: ${KEY_NAME}
    action: transfer
zone:
  - domain: ${zone}
    storage: "${folder}"
    file: zone
    zonefile-load: difference
    journal-content: changes
    acl: transfer
    ${notify === null ? '' : 'notify: us'}
`,
  arguments: (configPath) => ['-c', configPath],
};

export const PRIMARY_KINDS: readonly PrimaryKind[] = [BIND, NSD, KNOT];

/** True where the program is there; else says on the console what to install. */
export function isInstalled({ name, program, debianPackage }: PrimaryKind): boolean {
  const isThere = spawnSync('which', [program]).status === 0;
  if (!isThere) {
    console.warn(`${name} is not tested: there is no ${program}; apt-get install ${debianPackage}`);
  }
  return isThere;
}

export class RealPrimary implements AsyncDisposable {
  readonly endpoint: Endpoint;
  readonly secret = randomBytes(32);
  readonly #kind: PrimaryKind;
  readonly #zone: string;
  readonly #folder = mkdtempSync(join(tmpdir(), 'stairgate-primary-'));
  #process: ChildProcess | null = null;
  log = '';

  private constructor(kind: PrimaryKind, zone: string, port: number, notify: Endpoint | null) {
    this.#kind = kind;
    this.#zone = zone;
    this.endpoint = { address: '127.0.0.1', port };
    const secret = this.secret.toString('base64');
    const setup = { folder: this.#folder, zone, port, secret, notify };
    writeFileSync(this.#configPath, kind.configure(setup));
  }

  static async start(
    kind: PrimaryKind,
    zone: string,
    serial: number,
    records: readonly string[],
    notify: Endpoint | null = null,
  ): Promise<RealPrimary> {
    const primary = new RealPrimary(kind, zone, await freePort(), notify);
    primary.#write(serial, records);
    await primary.start();
    return primary;
  }

  /** Starts it, or starts it again after `stop`. */
  async start(): Promise<void> {
    const process = spawn(this.#kind.program, this.#kind.arguments(this.#configPath));
    this.#process = process;
    const collect = (chunk: Buffer): void => {
      this.log += chunk.toString();
    };
    process.stdout.on('data', collect);
    process.stderr.on('data', collect);
    const deadline = Date.now() + START_WAIT_MS;
    while (!(await this.#isListening())) {
      if (process.exitCode !== null || Date.now() > deadline) {
        throw new Error(`${this.#kind.name} did not start:\n${this.log}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  async stop(): Promise<void> {
    const process = this.#process;
    this.#process = null;
    if (process === null || process.exitCode !== null) return;
    const ended = new Promise((resolve) => process.once('exit', resolve));
    process.kill('SIGTERM');
    const hard = setTimeout(() => process.kill('SIGKILL'), STOP_WAIT_MS);
    await ended;
    clearTimeout(hard);
  }

  /** Gives it a new version of the zone; it says so to whoever it notifies. */
  change(serial: number, records: readonly string[]): void {
    this.#write(serial, records);
    this.#process?.kill('SIGHUP');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  get #configPath(): string {
    return join(this.#folder, 'primary.conf');
  }

  #write(serial: number, records: readonly string[]): void {
    const lines = [
      `$ORIGIN ${this.#zone}.`,
      '$TTL 300',
      `@ SOA ns.example. host.example. ${serial} 60 30 3600 60`,
      '@ NS ns.example.',
      ...records,
    ];
    writeFileSync(join(this.#folder, 'zone'), `${lines.join('\n')}\n`);
  }

  #isListening(): Promise<boolean> {
    const { address, port } = this.endpoint;
    return new Promise((resolve) => {
      const probe = connect(port, address);
      probe.on('connect', () => {
        probe.destroy();
        resolve(true);
      });
      probe.on('error', () => {
        resolve(false);
      });
    });
  }
}
