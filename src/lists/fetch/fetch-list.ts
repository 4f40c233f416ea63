/**
 * One fetch of a list, from its address to a file of its octets:
 *
 *     address ─▶ check ─▶ look up ─▶ connect ─▶ GET ─▶ 3xx: the next address, from the beginning
 *                                                 ├─▶ 304: unchanged
 *                                                 └─▶ 200: unpack ─▶ to disk ─▶ still the same there?
 *
 * Whatever goes wrong on the way ends in one sentence, and what was written is gone. Nothing that a
 * server sends decides how much memory, disk or time it gets. Whether the octets are a list, others say.
 */

import { type IncomingMessage, request as requestHttp, STATUS_CODES } from 'node:http';
import type { Readable } from 'node:stream';
import { AppError, messageOf } from '../../lib/errors.ts';
import type { SavedContent } from '../../store/list-contents.ts';
import { connectHost, type ConnectRules } from './connect-host.ts';
import type { FetchLimits } from './fetch-limits.ts';
import { describeUrlText, parseListUrl } from './list-url.ts';
import { type BodyCounts, parseEncoding, unpackBody } from './unpack-body.ts';

const REDIRECTS_MAX = 5;
const REDIRECTS = [301, 302, 303, 307, 308];
/** Too many requests; service unavailable. */
const BUSY = [429, 503];
const BUSY_SECONDS_MAX = 86_400;
const HEADER_BYTES_MAX = 16 * 1024;
/** A longer name of a content is not worth keeping. */
const VALIDATOR_LENGTH_MAX = 1_024;
const PROGRESS_MS = 500;

/** How a server names a content, to be asked whether it is still the same (RFC 9110, section 8.8). */
export interface Validators {
  readonly etag: string | null;
  readonly lastModified: string | null;
}

export interface FetchRequest {
  readonly url: string;
  readonly isHttpAllowed: boolean;
  /** Of the content that is there already; null: it is wanted in any case. */
  readonly validators: Validators | null;
}

export interface FetchProgress extends Readonly<BodyCounts> {
  /** Packed octets that the server announced; null: it did not. */
  readonly packedTotal: number | null;
}

export interface FetchOptions extends ConnectRules {
  /** Also addresses in place of names. */
  readonly isPrivateAllowed: boolean;
  readonly limits: FetchLimits;
  /** Writes the body to the disk; what it could not finish is gone when it rejects. */
  readonly receive: (body: Readable) => Promise<SavedContent>;
  readonly onProgress: (progress: FetchProgress) => void;
  /** Ends the fetch; its reason is thrown. */
  readonly signal: AbortSignal;
}

export type Fetched =
  | { readonly kind: 'unchanged' }
  | ({ readonly kind: 'content'; readonly content: SavedContent } & Validators);

/** A server that is busy, and says for how long (RFC 9110, section 10.2.3). */
export class ServerBusy extends AppError {
  readonly waitSeconds: number;

  constructor(message: string, waitSeconds: number) {
    super('LIST_FETCH_FAILED', message);
    this.waitSeconds = waitSeconds;
  }
}

/** @throws AppError `LIST_URL_REFUSED`, `LIST_FETCH_FAILED`, or what `receive` threw */
export async function fetchList(request: FetchRequest, options: FetchOptions): Promise<Fetched> {
  const first = await fetchOnce(request, options);
  if (first.kind === 'unchanged' || (await isStillThere(first, request, options))) return first;
  // It changed under our hands: what came may be half of one and half of the other.
  const second = await fetchOnce({ ...request, validators: null }, options);
  if (second.kind === 'unchanged') return second;
  const isSame = second.content.sha256 === first.content.sha256;
  if (isSame || (await isStillThere(second, request, options))) return second;
  throw failed([request.url], 'it changed while it was fetched, twice');
}

function fetchOnce(request: FetchRequest, options: FetchOptions): Promise<Fetched> {
  return withDeadline(options, async (signal) => {
    const { validators } = request;
    const condition = conditionOf(validators);
    const { response, way } = await open('GET', request, options, signal, condition);
    try {
      if (response.statusCode === 304 && validators !== null) return { kind: 'unchanged' };
      if (response.statusCode !== 200) throw refusalOf(way, response);
      const content = await readBody(response, options, signal).catch((error: unknown) => {
        throw asFailure(way, error, signal);
      });
      return { kind: 'content', content, ...validatorsOf(response) };
    } finally {
      response.destroy();
    }
  });
}

/**
 * Asks for the header once more. Only what a server says in both is compared, so one that says nothing
 * is believed.
 */
async function isStillThere(
  before: Validators,
  request: FetchRequest,
  options: FetchOptions,
): Promise<boolean> {
  if (before.etag === null && before.lastModified === null) return true;
  try {
    return await withDeadline(options, async (signal) => {
      const { response } = await open('HEAD', request, options, signal, {});
      response.destroy();
      if (response.statusCode !== 200) return true;
      const now = validatorsOf(response);
      if (before.etag !== null && now.etag !== null) return isSameEtag(before.etag, now.etag);
      return now.lastModified === null || now.lastModified === before.lastModified;
    });
  } catch {
    options.signal.throwIfAborted();
    return true;
  }
}

interface Opened {
  readonly response: IncomingMessage;
  readonly way: Way;
}

/** The address of the list, and where servers sent us on, the one that answered. */
type Way = readonly string[];

/** Runs the work under a deadline for all of it. */
async function withDeadline<Result>(
  { limits, signal }: FetchOptions,
  work: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const deadline = new AbortController();
  const timer = setTimeout(() => {
    deadline.abort(new Error(`it took longer than ${limits.totalMs / 1000} s in all`));
  }, limits.totalMs);
  try {
    return await work(AbortSignal.any([signal, deadline.signal]));
  } finally {
    clearTimeout(timer);
  }
}

/** Follows redirects, each checked like the first address. */
async function open(
  method: 'GET' | 'HEAD',
  request: FetchRequest,
  options: FetchOptions,
  signal: AbortSignal,
  condition: Readonly<Record<string, string>>,
): Promise<Opened> {
  const rules = {
    isHttpAllowed: request.isHttpAllowed,
    isPrivateAllowed: options.isPrivateAllowed,
  };
  let url = parseListUrl(request.url, rules);
  for (let hops = 0; ; hops++) {
    const way = [request.url, ...(hops === 0 ? [] : [url.href])];
    const response = await ask(method, url, options, signal, condition).catch((error: unknown) => {
      throw asFailure(way, error, signal);
    });
    if (!REDIRECTS.includes(response.statusCode ?? 0)) return { response, way };
    response.destroy();
    const { location } = response.headers;
    if (location === undefined) throw failed(way, 'the server sends us on and not where to');
    if (hops === REDIRECTS_MAX) {
      throw failed([request.url], `the server sends us on more than ${REDIRECTS_MAX} times`);
    }
    url = parseListUrl(location, rules, { url, words: `${wordsOfWay(way)}, which sent us on` });
  }
}

/** One request on a connection of its own. @returns the response, its body not yet read */
async function ask(
  method: 'GET' | 'HEAD',
  url: URL,
  options: FetchOptions,
  outer: AbortSignal,
  condition: Readonly<Record<string, string>>,
): Promise<IncomingMessage> {
  const { headerMs } = options.limits;
  const late = new AbortController();
  const timer = setTimeout(() => {
    late.abort(new Error(`no response within ${headerMs / 1000} s`));
  }, headerMs);
  const signal = AbortSignal.any([outer, late.signal]);
  try {
    const socket = await connectHost(url, options, signal);
    return await new Promise((resolve, reject) => {
      const request = requestHttp({
        createConnection: () => socket,
        method,
        path: `${url.pathname}${url.search}`,
        headers: {
          host: url.host,
          'user-agent': 'Stairgate',
          accept: 'text/plain, */*;q=0.5',
          'accept-encoding': 'gzip, br',
          ...condition,
        },
        maxHeaderSize: HEADER_BYTES_MAX,
      });
      const abort = (): void => {
        request.destroy(signal.reason as Error);
      };
      signal.addEventListener('abort', abort);
      request.on('response', (response) => {
        // Whoever reads the body hears of it too; an error that nobody hears would end the process.
        response.on('error', () => undefined);
        request.on('error', (error) => response.destroy(error));
        resolve(response);
      });
      request.on('error', reject);
      request.on('close', () => {
        signal.removeEventListener('abort', abort);
        // Where there was a response, this says nothing any more.
        reject(new Error('the connection ended without a response'));
      });
      request.end();
    });
  } finally {
    clearTimeout(timer);
  }
}

async function readBody(
  response: IncomingMessage,
  options: FetchOptions,
  signal: AbortSignal,
): Promise<SavedContent> {
  const { limits, onProgress, receive } = options;
  const counts: BodyCounts = { packed: 0, unpacked: 0, lines: 0 };
  const packedTotal = lengthOf(response);
  if (packedTotal !== null && packedTotal > limits.bytesMax) {
    throw new Error(`it has ${packedTotal} octets, more than lists.bytesMax`);
  }
  const encoding = parseEncoding(response.headers['content-encoding']);
  const abort = (): void => {
    response.destroy(signal.reason as Error);
  };
  signal.addEventListener('abort', abort);
  const pace = keepPace(response, counts, limits);
  const progress = setInterval(() => {
    onProgress({ ...counts, packedTotal });
  }, PROGRESS_MS);
  let body: Readable | null = null;
  try {
    signal.throwIfAborted();
    body = await unpackBody(response, encoding, limits.bytesMax, counts);
    return await receive(body);
  } catch (error) {
    if (!isCut(error)) throw error;
    const of = packedTotal === null ? '' : ` of ${packedTotal}`;
    throw new Error(`the connection ended after ${counts.packed}${of} octets`);
  } finally {
    body?.destroy();
    clearInterval(pace);
    clearInterval(progress);
    signal.removeEventListener('abort', abort);
    onProgress({ ...counts, packedTotal });
  }
}

/** Who sends next to nothing is cut off long before the deadline for all of it. */
function keepPace(
  response: IncomingMessage,
  counts: Readonly<BodyCounts>,
  { paceMs, bytesPerSecondMin }: FetchLimits,
): NodeJS.Timeout {
  let before = 0;
  return setInterval(() => {
    if (counts.packed - before < (bytesPerSecondMin * paceMs) / 1000) {
      response.destroy(new Error(`it comes at less than ${bytesPerSecondMin} octets a second`));
    }
    before = counts.packed;
  }, paceMs);
}

function conditionOf(validators: Validators | null): Record<string, string> {
  const { etag, lastModified } = validators ?? { etag: null, lastModified: null };
  return {
    ...(etag === null ? {} : { 'if-none-match': etag }),
    ...(lastModified === null ? {} : { 'if-modified-since': lastModified }),
  };
}

function validatorsOf({ headers }: IncomingMessage): Validators {
  return { etag: kept(headers.etag), lastModified: kept(headers['last-modified']) };
}

/** It goes into the next request as it is. */
function kept(text: string | undefined): string | null {
  const isKept = text !== undefined && /^[\x20-\x7e]+$/.test(text);
  return isKept && text.length <= VALIDATOR_LENGTH_MAX ? text : null;
}

/** A weak one names the same list, packed in another way. */
function isSameEtag(one: string, other: string): boolean {
  return one.replace(/^W\//, '') === other.replace(/^W\//, '');
}

function lengthOf({ headers }: IncomingMessage): number | null {
  const text = headers['content-length'];
  return text === undefined ? null : Number(text);
}

function refusalOf(way: Way, response: IncomingMessage): AppError {
  const fault = failed(way, statusWords(response));
  const isBusy = BUSY.includes(response.statusCode ?? 0);
  const waitSeconds = isBusy ? secondsOf(response.headers['retry-after']) : 0;
  return waitSeconds === 0 ? fault : new ServerBusy(fault.message, waitSeconds);
}

/** Seconds, or a date; 0 where it is neither. */
function secondsOf(text = ''): number {
  const seconds = /^\d{1,9}$/.test(text)
    ? Number(text)
    : Math.ceil((Date.parse(text) - Date.now()) / 1000);
  return seconds > 0 ? Math.min(seconds, BUSY_SECONDS_MAX) : 0;
}

function statusWords({ statusCode = 0 }: IncomingMessage): string {
  const words = STATUS_CODES[statusCode];
  return `the server answered ${statusCode}${words === undefined ? '' : ` ${words}`}`;
}

function isCut(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : null;
  return code === 'ECONNRESET' || code === 'ERR_STREAM_PREMATURE_CLOSE';
}

/** Sentences stay as they are; of anything else the signal's reason says it better, where there is one. */
function asFailure(way: Way, error: unknown, signal: AbortSignal): AppError {
  const cause: unknown = signal.aborted ? signal.reason : error;
  return cause instanceof AppError ? cause : failed(way, wordsOf(cause));
}

function wordsOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (code === 'HPE_HEADER_OVERFLOW') {
    return `the header of the response has more than ${HEADER_BYTES_MAX} octets`;
  }
  // Of the parser of HTTP, in a header and behind the end of a body.
  if (code.startsWith('HPE_')) {
    return 'the response is no valid HTTP, or its body is longer than announced';
  }
  // Of zlib, and of brotli.
  const isUnpacking = /^Z_|^ERR__|^ERR_BROTLI/.test(code);
  return isUnpacking ? `the packed body is damaged or cut (${messageOf(error)})` : messageOf(error);
}

function failed(way: Way, why: string): AppError {
  return new AppError('LIST_FETCH_FAILED', `${wordsOfWay(way)}: ${why}`);
}

function wordsOfWay(way: Way): string {
  return `Fetching ${way.map(describeUrlText).join(', which sent us on to ')}`;
}
