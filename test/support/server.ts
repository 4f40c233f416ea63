/**
 * The built server as a process of its own, on ports the kernel chose, with a data folder that goes
 * when the test ends. `npm test` builds before it tests; a missing build is named.
 */

import { spawn, type ChildProcess } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url));
/** A whole run of tests may ask for one way of serving UDP (`vitest.config.ts`). */
const UDP_MODE = process.env['STAIRGATE_TEST_UDP'];
const UDP_CONFIG = UDP_MODE === undefined ? '' : `\nudp: ${UDP_MODE}\n`;
const START_WAIT_MS = 30_000;
const STOP_WAIT_MS = 15_000;

export interface CommandResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ServerOptions {
  readonly upstream: string;
  readonly workers?: number;
  /** Else one is made, and removed at the end. */
  readonly dataDir?: string;
  /** Host part of `--listen`; the port is chosen. More than one is possible. */
  readonly hosts?: readonly string[];
  readonly arguments?: readonly string[];
  /** The text of a configuration file. */
  readonly config?: string;
}

/** A running server; `await using` or `stop()` ends it. */
export class TestServer implements AsyncDisposable {
  readonly process: ChildProcess;
  readonly port: number;
  readonly adminPort: number;
  readonly dataDir: string;
  readonly #ownsDataDir: boolean;
  log = '';

  private constructor(
    process: ChildProcess,
    port: number,
    adminPort: number,
    dataDir: string,
    ownsDataDir: boolean,
  ) {
    this.process = process;
    this.port = port;
    this.adminPort = adminPort;
    this.dataDir = dataDir;
    this.#ownsDataDir = ownsDataDir;
    const collect = (chunk: Buffer): void => {
      this.log += chunk.toString();
    };
    process.stdout?.on('data', collect);
    process.stderr?.on('data', collect);
  }

  static async start(options: ServerOptions): Promise<TestServer> {
    requireBuild();
    const port = await freePort();
    const adminPort = await freePort();
    const dataDir = options.dataDir ?? (await makeFolder());
    const { hosts = ['127.0.0.1'], workers = 1 } = options;
    const config: string[] = [];
    const configText = (options.config ?? '') + UDP_CONFIG;
    if (configText !== '') {
      const path = join(dataDir, 'test-config.yaml');
      await writeFile(path, configText);
      config.push('--config', path);
    }
    const child = spawn(process.execPath, [
      '--single-threaded-gc',
      MAIN,
      'serve',
      ...config,
      ...hosts.flatMap((host) => ['--listen', `${host}:${port}`]),
      ...['--upstream', options.upstream, '--admin', `127.0.0.1:${adminPort}`],
      ...['--data-dir', dataDir, '--workers', String(workers)],
      ...(options.arguments ?? []),
    ]);
    const isOwn = options.dataDir === undefined;
    const server = new TestServer(child, port, adminPort, dataDir, isOwn);
    await server.#waitForLog('"msg":"serving"');
    return server;
  }

  get admin(): string {
    return `127.0.0.1:${this.adminPort}`;
  }

  /** Runs a CLI command against this server. */
  run(...args: readonly string[]): Promise<CommandResult> {
    return runCommand([...args, '--data-dir', this.dataDir, '--admin', this.admin]);
  }

  /** Applies a YAML document; throws with the command's output where it is refused. */
  async apply(document: string, ...flags: readonly string[]): Promise<CommandResult> {
    const path = join(this.dataDir, 'document.yaml');
    await writeFile(path, document);
    const result = await this.run('apply', path, ...flags);
    if (result.code !== 0) throw new Error(`apply failed:\n${result.stdout}\n${result.stderr}`);
    return result;
  }

  /** SIGTERM, and the exit code that followed. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    if (this.process.exitCode === null && this.process.signalCode === null) {
      const ended = new Promise((resolve) => this.process.once('exit', resolve));
      this.process.kill(signal);
      const hard = setTimeout(() => this.process.kill('SIGKILL'), STOP_WAIT_MS);
      await ended;
      clearTimeout(hard);
    }
    return this.process.exitCode;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    if (this.#ownsDataDir) await rm(this.dataDir, { recursive: true, force: true });
  }

  async #waitForLog(text: string): Promise<void> {
    const deadline = Date.now() + START_WAIT_MS;
    while (!this.log.includes(text)) {
      if (this.process.exitCode !== null || Date.now() > deadline) {
        this.process.kill('SIGKILL');
        throw new Error(`The server did not start:\n${this.log}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

/** Runs the CLI to its end. */
export function runCommand(args: readonly string[]): Promise<CommandResult> {
  requireBuild();
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [MAIN, ...args]);
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    child.on('close', (code) => {
      resolve({ code, stdout, stderr });
    });
  });
}

/** A folder that is the test's own. */
export function makeFolder(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'stairgate-test-'));
}

/**
 * A port on loopback that nothing uses, over UDP or TCP. It lies below those that the kernel hands
 * out by itself: a busy server has hundreds of these as UDP ports towards its upstreams, and one of
 * them would be taken before the server under test binds it.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 10_000 + randomInt(22_000);
    if ((await canBindUdp(port)) && (await canListenTcp(port))) return port;
  }
}

function canListenTcp(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.on('error', () => {
      resolve(false);
    });
    probe.listen(port, '127.0.0.1', () => {
      probe.close(() => {
        resolve(true);
      });
    });
  });
}

function canBindUdp(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createSocket('udp4');
    probe.on('error', () => {
      probe.close();
      resolve(false);
    });
    probe.bind(port, '127.0.0.1', () => {
      probe.close(() => {
        resolve(true);
      });
    });
  });
}

function requireBuild(): void {
  if (!existsSync(MAIN)) throw new Error('dist/main.js is missing: run `npm run build` first');
}
