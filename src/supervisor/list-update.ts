/**
 * One update of one list: its content is fetched, from the first of its addresses that gives one that can
 * be a list, or read from its file, and proposed. The gate decides what becomes of it; whatever fails
 * here leaves the list as it is.
 *
 *     address, mirror, … ─▶ fetch ─┬─▶ as before ─▶ unchanged
 *          ▲                       ├─▶ a content ─▶ propose ─┬─▶ in force, held, unchanged
 *          └───────────────────────┴─▶ failed       refused ─┘
 */

import { AppError } from '../lib/errors.ts';
import {
  fetchList,
  type FetchOptions,
  type FetchProgress,
  ServerBusy,
  type Validators,
} from '../lists/fetch/fetch-list.ts';
import { describeUrlText } from '../lists/fetch/list-url.ts';
import {
  type FileOptions,
  type FileRead,
  readListFile,
  REST_MS,
} from '../lists/fetch/read-list-file.ts';
import { sealedBody } from '../lists/fetch/sealed-body.ts';
import type { ListRecord } from '../store/canonical-list.ts';
import type { SavedContent } from '../store/list-contents.ts';
import { countNames } from '../store/list-report.ts';
import type { ListSourceRow, ListVersions } from '../store/list-versions.ts';

/** A file that is being written is given so many times `REST_MS` to come to rest. */
const REST_ATTEMPTS = 5;
/** Ends of an update that say nothing about the source. */
const NO_FAULTS = ['STOPPING', 'RESOURCE_UNKNOWN'];
/** What is wrong with this machine will be so for the next address. */
const OWN_FAULTS = ['STORE_UNWRITABLE', 'STORE_DAMAGED', 'COMPILE_FAILED', 'LISTS_CHANGED'];

/** What the source is asked about next time. */
export interface SourceMark extends Validators {
  /** The address or the path that gave the content. */
  readonly url: string;
}

export interface UpdateResult {
  readonly outcome: 'unchanged' | 'in-force' | 'held' | 'failed';
  /** The version that came of it; null where none did. */
  readonly version: number | null;
  /** Names of it; null where nothing was looked at. */
  readonly entries: number | null;
  /** Of the gate, or one for each address that failed; for people. */
  readonly reasons: readonly string[];
  /** Well-known names that what came into force newly blocks. */
  readonly popular?: readonly string[];
  /** Null where it failed: what was known of the source still holds. */
  readonly mark: SourceMark | null;
  /** For how long a server asks not to be asked again. */
  readonly waitSeconds?: number;
}

export interface UpdateTools {
  readonly propose: ListVersions['propose'];
  readonly hasContent: (sha256: string) => boolean;
  readonly fetch: Omit<FetchOptions, 'onProgress'>;
  readonly file: Omit<FileOptions, 'onProgress'>;
  readonly onProgress: (progress: FetchProgress) => void;
  /** A content is there, and is looked at now. */
  readonly onLook: (content: SavedContent) => void;
  readonly pause: (ms: number) => Promise<void>;
}

/** @throws what is nobody's fault (the server stops, the list or this source of it is gone) or was not foreseen */
export async function updateList(
  row: ListSourceRow,
  actor: string,
  tools: UpdateTools,
): Promise<UpdateResult> {
  const { file } = row.stored.record;
  const attempts =
    file === undefined
      ? addressesOf(row).map((url) => () => fromAddress(row, url, actor, tools))
      : [() => fromFile(row, file, actor, tools)];
  const reasons: string[] = [];
  const waits: number[] = [];
  for (const attempt of attempts) {
    try {
      const result = await againWhereGone(attempt);
      if (result.outcome !== 'failed') return result;
      reasons.push(...result.reasons);
    } catch (error) {
      if (isNobodysFault(error)) throw error;
      const { signal, limits } = tools.fetch;
      if (isLate(signal)) {
        reasons.push(`the update took longer than ${limits.totalMs / 1000} s`);
        break;
      }
      signal.throwIfAborted();
      if (!(error instanceof AppError)) throw error;
      reasons.push(error.message);
      if (error instanceof ServerBusy) waits.push(error.waitSeconds);
      if (OWN_FAULTS.includes(error.code)) break;
    }
  }
  // An address that failed otherwise may be back any minute.
  const isBusy = waits.length > 0 && waits.length === attempts.length;
  const waitSeconds = isBusy ? Math.min(...waits) : 0;
  return { outcome: 'failed', version: null, entries: null, reasons, mark: null, waitSeconds };
}

/** A content that came may be gone again: a sealed list was given the same text, and had it deleted. */
async function againWhereGone(attempt: () => Promise<UpdateResult>): Promise<UpdateResult> {
  try {
    return await attempt();
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== 'CONTENT_UNKNOWN') throw error;
    return attempt();
  }
}

/** In the order in which they are asked. */
export function addressesOf({ stored: { record } }: ListSourceRow): readonly string[] {
  return record.url === undefined ? [] : [record.url, ...(record.mirrors ?? [])];
}

async function fromAddress(
  row: ListSourceRow,
  url: string,
  actor: string,
  tools: UpdateTools,
): Promise<UpdateResult> {
  const validators = isKnown(row, url, tools) ? validatorsOf(row) : null;
  const isHttpAllowed = row.stored.record.allowHttp === true;
  const { fetch, onProgress } = tools;
  const receive = receiverOf(row, fetch.receive);
  const options = { ...fetch, receive, onProgress };
  const fetched = await fetchList({ url, isHttpAllowed, validators }, options);
  if (fetched.kind === 'unchanged') return unchanged({ url, ...validatorsOf(row) });
  const { content, etag, lastModified } = fetched;
  return propose(row, content, describeUrlText(url), { url, etag, lastModified }, actor, tools);
}

async function fromFile(
  row: ListSourceRow,
  path: string,
  actor: string,
  tools: UpdateTools,
): Promise<UpdateResult> {
  const stamp = isKnown(row, path, tools) ? (row.state.etag ?? null) : null;
  const read = await readAtRest(row, path, stamp, tools);
  if (read.kind === 'unchanged') return unchanged({ url: path, ...validatorsOf(row) });
  const mark = { url: path, etag: read.stamp, lastModified: null };
  return propose(row, read.content, path, mark, actor, tools);
}

async function readAtRest(
  row: ListSourceRow,
  path: string,
  stamp: string | null,
  { file, onProgress, pause }: UpdateTools,
): Promise<FileRead> {
  const options = { ...file, receive: receiverOf(row, file.receive), onProgress };
  const isSealed = isSealedRow(row);
  for (let attempt = 1; ; attempt++) {
    try {
      return await readListFile({ path, stamp, isSealed }, options);
    } catch (error) {
      const isChanging = error instanceof AppError && error.code === 'LIST_FILE_CHANGING';
      if (!isChanging || attempt === REST_ATTEMPTS) throw error;
    }
    await pause(REST_MS);
  }
}

function receiverOf(row: ListSourceRow, receive: FetchOptions['receive']): FetchOptions['receive'] {
  return isSealedRow(row) ? (body) => receive(sealedBody(body)) : receive;
}

function isSealedRow({ stored }: ListSourceRow): boolean {
  return stored.record.sealed === true;
}

async function propose(
  { stored }: ListSourceRow,
  content: SavedContent,
  source: string,
  mark: SourceMark,
  actor: string,
  tools: UpdateTools,
): Promise<UpdateResult> {
  const list = stored.record.id;
  const { sha256: contentSha256 } = content;
  tools.onLook(content);
  // Who edits the list meanwhile does not get what it was before.
  const isStillSource = ({ url, mirrors = [], file }: ListRecord): boolean =>
    [url, ...mirrors, file].includes(mark.url);
  const proposal = await tools.propose({ actor }, { list, contentSha256, source, isStillSource });
  const { outcome, version, report } = proposal;
  const entries = report === null ? null : countNames(report);
  if (outcome !== 'refused') {
    const { reasons, popular } = proposal;
    return { outcome, version, entries, reasons, popular, mark };
  }
  const reasons = proposal.reasons.map((reason) => `${source}: ${reason}`);
  return { outcome: 'failed', version, entries, reasons, mark: null };
}

function isNobodysFault(error: unknown): boolean {
  return error instanceof AppError && NO_FAULTS.includes(error.code);
}

function isLate({ reason }: AbortSignal): boolean {
  return reason instanceof DOMException && reason.name === 'TimeoutError';
}

function unchanged(mark: SourceMark): UpdateResult {
  return { outcome: 'unchanged', version: null, entries: null, reasons: [], mark };
}

/** Whether "unchanged" would be an answer: of a content that did not come from there it says nothing. */
function isKnown(
  { stored, state }: ListSourceRow,
  url: string,
  { hasContent }: UpdateTools,
): boolean {
  const isNamed = state.etag !== undefined || state.lastModified !== undefined;
  return isNamed && state.url === url && hasContent(stored.contentSha256);
}

function validatorsOf({ state }: ListSourceRow): Validators {
  return { etag: state.etag ?? null, lastModified: state.lastModified ?? null };
}
