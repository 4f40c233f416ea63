/**
 * The built server as a bare process, for tests that end it at any moment, meet its refusal to start,
 * or steer its threads: nothing is waited for that the test does not ask for.
 */

import { spawn, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from '../../support/server.ts';

const MAIN = fileURLToPath(new URL('../../../dist/main.js', import.meta.url));
/** Generous: a loaded machine starts a server in seconds. */
const WAIT_MS = 45_000;

export interface ProcessOptions {
  readonly dataDir: string;
  /** Default: a port that refuses. */
  readonly upstream?: string;
  readonly workers?: number;
  readonly port?: number;
  readonly adminPort?: number;
  /** Before the script: `--import …`. */
  readonly nodeArguments?: readonly string[];
  /** After all others. */
  readonly arguments?: readonly string[];
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface ApiAnswer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

export class ServerProcess implements AsyncDisposable {
  readonly child: ChildProcess;
  readonly dataDir: string;
  readonly port: number;
  readonly adminPort: number;
  readonly exit: Promise<Exit>;
  /** Both outputs. */
  log = '';
  /** The error output alone. */
  errors = '';

  private constructor(child: ChildProcess, dataDir: string, port: number, adminPort: number) {
    this.child = child;
    this.dataDir = dataDir;
    this.port = port;
    this.adminPort = adminPort;
    child.stdout?.on('data', (chunk: Buffer) => (this.log += chunk.toString()));
    child.stderr?.on('data', (chunk: Buffer) => {
      this.log += chunk.toString();
      this.errors += chunk.toString();
    });
    this.exit = new Promise((resolve) => {
      child.on('close', (code, signal) => {
        resolve({ code, signal });
      });
    });
  }

  /** Starts the process and returns at once. */
  static async spawn(options: ProcessOptions): Promise<ServerProcess> {
    const { dataDir, upstream = '127.0.0.1:9', workers = 1 } = options;
    const port = options.port ?? (await freePort());
    const adminPort = options.adminPort ?? (await freePort());
    const child = spawn(process.execPath, [
      ...(options.nodeArguments ?? []),
      ...[
        '--single-threaded-gc',
        MAIN,
        'serve',
        '--listen',
        `127.0.0.1:${port}`,
        '--upstream',
        upstream,
      ],
      ...['--admin', `127.0.0.1:${adminPort}`, '--data-dir', dataDir],
      ...['--workers', String(workers), ...(options.arguments ?? [])],
    ]);
    return new ServerProcess(child, dataDir, port, adminPort);
  }

  /** Starts the process and waits until it serves. */
  static async start(options: ProcessOptions): Promise<ServerProcess> {
    const server = await ServerProcess.spawn(options);
    await server.logged('"msg":"serving"');
    return server;
  }

  /** Starts a process that should not come to serve; ends it where it does. */
  static async refused(options: ProcessOptions): Promise<Exit & { readonly sentence: string }> {
    await using server = await ServerProcess.spawn(options);
    await server.logged('"msg":"serving"').catch(() => undefined);
    if (server.isRunning) throw new Error(`The server started:\n${server.log}`);
    return { ...(await server.exit), sentence: server.errors.trim() };
  }

  get isRunning(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  /** Waits until the log holds a text, from `since` on; throws where the process ends before. */
  async logged(text: string, since = 0): Promise<void> {
    const deadline = Date.now() + WAIT_MS;
    while (!this.log.includes(text, since)) {
      if (!this.isRunning) await this.exit;
      if (this.log.includes(text, since)) return;
      if (!this.isRunning || Date.now() > deadline) {
        throw new Error(`The server never logged ${text}:\n${this.log}`);
      }
      await pause(5);
    }
  }

  /** Sends a signal, by default the one that cannot be caught, and waits for the end. */
  async end(signal: NodeJS.Signals = 'SIGKILL'): Promise<Exit> {
    this.child.kill(signal);
    const hard = setTimeout(() => this.child.kill('SIGKILL'), WAIT_MS);
    const exit = await this.exit;
    clearTimeout(hard);
    return exit;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end();
  }

  /** Asks the API; rejects where the connection breaks. */
  /** @param secret of a token; left out: the first admin's */
  async api(method: string, path: string, body?: unknown, secret?: string): Promise<ApiAnswer> {
    const token = secret ?? (await readFile(join(this.dataDir, 'admin.token'), 'utf8')).trim();
    const headers: Record<string, string> = { authorization: `Bearer ${token}` };
    if (body !== undefined) {
      const isOctets = body instanceof Uint8Array;
      headers['content-type'] = isOctets ? 'application/octet-stream' : 'application/json';
    }
    const response = await fetch(`http://127.0.0.1:${this.adminPort}/api/v1${path}`, {
      method,
      headers,
      ...(body === undefined
        ? {}
        : { body: body instanceof Uint8Array ? new Uint8Array(body) : JSON.stringify(body) }),
    });
    const text = await response.text();
    return {
      status: response.status,
      body: text === '' ? {} : (JSON.parse(text) as Record<string, unknown>),
    };
  }

  /** Uploads a list content. @returns its name */
  async upload(content: Uint8Array): Promise<string> {
    const sha256 = createHash('sha256').update(content).digest('hex');
    const { status, body } = await this.api('PUT', `/list-contents/${sha256}`, content);
    if (status >= 300) throw new Error(`Uploading: ${status} ${JSON.stringify(body)}`);
    return sha256;
  }

  /** As `stairgate apply` does it: resolves when all workers decide with the document. */
  async apply(document: unknown): Promise<ApiAnswer> {
    return this.api('POST', '/apply?wait=true', { document });
  }
}

/** Runs a command, and kills it where it takes longer. @returns its exit code, null where killed */
export async function runKilled(args: readonly string[], afterMs: number): Promise<number | null> {
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: 'ignore' });
  const timer = setTimeout(() => child.kill('SIGKILL'), afterMs);
  const code = await new Promise<number | null>((resolve) => child.on('exit', resolve));
  clearTimeout(timer);
  return code;
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
