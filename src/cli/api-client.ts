/**
 * The API as the commands see it: one request, one answer or one clear error. The token comes from
 * the file that the server's first start wrote, so nobody types one on the same machine.
 */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ClientConfig } from '../config/config.ts';
import { formatEndpoint } from '../lib/endpoint.ts';
import { AppError, messageOf } from '../lib/errors.ts';

const REQUEST_DEADLINE_MS = 30_000;

export interface RequestOptions {
  /** Sent as JSON; octets are sent as they are. */
  readonly body?: unknown;
  /** Only if the resource is still at this revision; `absent`: only if there is none. */
  readonly ifAt?: number | 'absent' | undefined;
  readonly deadlineMs?: number;
}

/** The parts of problem+json that are shown (RFC 9457). */
interface Problem {
  readonly code?: string;
  readonly title?: string;
  readonly detail?: string;
  readonly faults?: readonly string[];
}

export class ApiClient {
  readonly #base: string;
  readonly #config: ClientConfig;

  constructor(config: ClientConfig) {
    const { address, port } = config.admin.listen;
    // A server that listens on a wildcard is reached on loopback.
    const host = address === '0.0.0.0' ? '127.0.0.1' : address === '::' ? '::1' : address;
    this.#base = `http://${formatEndpoint({ address: host, port })}`;
    this.#config = config;
  }

  get base(): string {
    return this.#base;
  }

  /** True where anything listens at the address. */
  async isListening(): Promise<boolean> {
    try {
      await this.#fetch('/healthz', { method: 'GET' }, REQUEST_DEADLINE_MS);
      return true;
    } catch (error) {
      if (isRefused(error)) return false;
      throw this.#unreachable(error);
    }
  }

  /** The status of a route that needs no token. */
  async probe(path: string): Promise<{ readonly status: number; readonly text: string }> {
    try {
      const response = await this.#fetch(path, { method: 'GET' }, REQUEST_DEADLINE_MS);
      return { status: response.status, text: await response.text() };
    } catch (error) {
      throw this.#unreachable(error);
    }
  }

  /**
   * Asks below `/api/v1`.
   * @throws AppError with the code of the API, `API_UNREACHABLE` or `TOKEN_UNREADABLE`
   */
  async request(method: string, path: string, options: RequestOptions = {}): Promise<unknown> {
    const { body, ifAt, deadlineMs = REQUEST_DEADLINE_MS } = options;
    const isOctets = body instanceof Uint8Array;
    const headers: Record<string, string> = { authorization: `Bearer ${this.#readToken()}` };
    if (ifAt === 'absent') headers['if-none-match'] = '*';
    else if (ifAt !== undefined) headers['if-match'] = `"${ifAt}"`;
    if (body !== undefined) {
      headers['content-type'] = isOctets ? 'application/octet-stream' : 'application/json';
    }
    const sent = isOctets ? new Uint8Array(body) : JSON.stringify(body);
    const init = { method, headers, ...(body === undefined ? {} : { body: sent }) };
    let response;
    let text;
    try {
      response = await this.#fetch(`/api/v1${path}`, init, deadlineMs);
      text = await response.text();
    } catch (error) {
      throw this.#unreachable(error);
    }
    const answer = parseJson(text);
    if (response.ok) return answer;
    throw toError(response.status, answer);
  }

  #fetch(path: string, init: RequestInit, deadlineMs: number): Promise<Response> {
    return fetch(`${this.#base}${path}`, { ...init, signal: AbortSignal.timeout(deadlineMs) });
  }

  #readToken(): string {
    const { admin, dataDir } = this.#config;
    const path = admin.tokenFile ?? join(dataDir, 'admin.token');
    try {
      const token = readFileSync(path, 'utf8').trim();
      // Else the fault of the request would show what the file holds.
      if (!/^[\x21-\x7e]+$/.test(token)) throw new Error('it holds no token');
      return token;
    } catch (error) {
      throw new AppError(
        'TOKEN_UNREADABLE',
        `Reading the token ${path}: ${messageOf(error)}; name the server's folder with --data-dir or the file with --admin-token-file`,
        { cause: error },
      );
    }
  }

  #unreachable(error: unknown): AppError {
    const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
    return new AppError(
      'API_UNREACHABLE',
      `Asking the server at ${this.#base}: ${messageOf(cause)}; name its API with --admin`,
      { cause: error },
    );
  }
}

/** `fetch` wraps the system's error, on a host with several addresses in an AggregateError. */
function isRefused(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : undefined;
  return (
    typeof cause === 'object' && cause !== null && 'code' in cause && cause.code === 'ECONNREFUSED'
  );
}

function parseJson(text: string): unknown {
  try {
    return text === '' ? null : JSON.parse(text);
  } catch {
    return { detail: text.slice(0, 200) };
  }
}

function toError(status: number, answer: unknown): AppError {
  const problem = (typeof answer === 'object' && answer !== null ? answer : {}) as Problem;
  const message = problem.detail ?? problem.title ?? `the server answered ${status}`;
  return new AppError(problem.code ?? `HTTP_${status}`, message, { faults: problem.faults ?? [] });
}
