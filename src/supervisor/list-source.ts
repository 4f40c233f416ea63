/**
 * What is known of a list that the server fetches, between two updates and during one: what the store
 * keeps, and besides that what need not outlive the server.
 */

import { isDeepStrictEqual } from 'node:util';
import type { FetchProgress } from '../lists/fetch/fetch-list.ts';
import { describeUrlText } from '../lists/fetch/list-url.ts';
import {
  FILE_SECONDS,
  secondsToNextAttempt,
  secondsToNextUpdate,
  UPDATE_SECONDS_DEFAULT,
} from '../lists/fetch/update-times.ts';
import { isUrgentList } from '../store/canonical-list.ts';
import type { SavedContent } from '../store/list-contents.ts';
import type { ListState } from '../store/list-states.ts';
import type { ListSourceRow } from '../store/list-versions.ts';
import type { ListUpdateState } from './control-plane-contract.ts';
import { addressesOf, type UpdateResult } from './list-update.ts';

export interface ListSource {
  row: ListSourceRow;
  /** Updates that have ended since the start. */
  runs: number;
  phase: ListUpdateState['phase'];
  /** Null: it is its time. */
  wantedBy: string | null;
  startedMs: number;
  progress: FetchProgress | null;
  /** What is being looked at, and since when. */
  looked: (SavedContent & { readonly startedMs: number }) | null;
  /** Of a file, which is looked at too often to write it down each time; null: the store has it. */
  dueMs: number | null;
  checkedAt: number | null;
  failures: number | null;
  /** The list is gone, or from elsewhere: nothing is fetched before it was read anew. */
  isOutdated: boolean;
  last: ListUpdateState['last'];
}

/** How far the look at a content is. */
export interface LookedSoFar {
  readonly octets: number;
  readonly names: number;
}

export function createSource(row: ListSourceRow): ListSource {
  return {
    row,
    runs: 0,
    phase: 'idle',
    wantedBy: null,
    startedMs: 0,
    progress: null,
    looked: null,
    dueMs: null,
    checkedAt: null,
    failures: null,
    isOutdated: false,
    last: null,
  };
}

/** Whether nothing of it is under way. */
export function isResting({ phase }: ListSource): boolean {
  return phase === 'idle' || phase === 'waiting';
}

/** Whether it is to be put in force without delay. */
export function isUrgent({ row }: Pick<ListSource, 'row'>): boolean {
  return isUrgentList(row.stored.record);
}

/**
 * At once, where the list is new, was a zone until now (whose state has no address), or has got another
 * address since it was fetched last.
 */
export function dueMsOf({ row, dueMs }: ListSource): number {
  if (dueMs !== null) return dueMs;
  const { url, nextAt } = row.state;
  if (row.kind === 'file') return 0;
  return url !== undefined && placesOf(row).includes(url) ? (nextAt ?? 0) * 1000 : 0;
}

/** Whether both are the same list, from the same source, with the same content. */
export function isSameSource(one: ListSourceRow, other: ListSourceRow): boolean {
  const isSameContent = one.stored.contentSha256 === other.stored.contentSha256;
  return isSameContent && isFromSamePlaces(one, other);
}

export function isFromSamePlaces(one: ListSourceRow, other: ListSourceRow): boolean {
  return isDeepStrictEqual(placesOf(one), placesOf(other));
}

/** @param random from 0 to 1, 1 excluded */
export function stateAfter(
  row: ListSourceRow,
  { outcome, reasons, mark, waitSeconds = 0 }: UpdateResult,
  nowMs: number,
  random: number,
): ListState {
  const nowSeconds = Math.floor(nowMs / 1000);
  const interval =
    row.kind === 'file'
      ? FILE_SECONDS
      : (row.stored.record.updateSeconds ?? UPDATE_SECONDS_DEFAULT);
  if (mark === null) {
    const before = stateOfSource(row);
    const failures = before.failures + 1;
    // What is mandatory cannot wait for longer than it waits for good news.
    const wait = isUrgent({ row }) ? Math.min(waitSeconds, interval) : waitSeconds;
    return {
      ...before,
      failures,
      lastError: reasons.join('; ') || outcome,
      nextAt: nowSeconds + Math.max(secondsToNextAttempt(failures, interval, random), wait),
    };
  }
  const { url, etag, lastModified } = mark;
  return {
    url,
    ...(etag === null ? {} : { etag }),
    ...(lastModified === null ? {} : { lastModified }),
    checkedAt: nowSeconds,
    nextAt: nowSeconds + secondsToNextUpdate(interval, random),
    failures: 0,
    lastError: null,
  };
}

/** Of a source that never gave anything, what another one left says nothing but when the list was last good. */
function stateOfSource(row: ListSourceRow): ListState {
  const { url, checkedAt } = row.state;
  const places = placesOf(row);
  const [place = ''] = places;
  if (url !== undefined && places.includes(url)) return row.state;
  const good = checkedAt === undefined ? {} : { checkedAt };
  return { url: place, ...good, failures: 0, lastError: null };
}

/** Its path, or its addresses in the order in which they are asked. */
function placesOf(row: ListSourceRow): readonly string[] {
  const { file } = row.stored.record;
  return file === undefined ? addressesOf(row) : [file];
}

/** As the API shows it. */
export function updateStateOf(
  source: ListSource,
  look: LookedSoFar | null,
  nowMs: number,
): ListUpdateState {
  const { row, phase, runs, last } = source;
  const { record } = row.stored;
  const { nextAt, failures, lastError } = row.state;
  return {
    list: record.id,
    source: record.file ?? describeUrlText(record.url ?? ''),
    phase,
    run: runs,
    progress: isResting(source) ? null : progressOf(source, look, nowMs),
    checkedAt: timeText(source.checkedAt ?? row.state.checkedAt),
    nextAt: timeText(nextAt),
    failures,
    lastError,
    last,
  };
}

function progressOf(
  { progress, startedMs, looked }: ListSource,
  look: LookedSoFar | null,
  nowMs: number,
): ListUpdateState['progress'] {
  const { packed = 0, packedTotal = null, unpacked = 0, lines = 0 } = progress ?? {};
  return {
    startedAt: new Date(startedMs).toISOString(),
    octets: packed,
    octetsTotal: packedTotal,
    unpackedOctets: unpacked,
    lines,
    names: look?.names ?? null,
    secondsLeft:
      looked === null
        ? secondsLeft(nowMs - startedMs, packed, packedTotal)
        : secondsLeft(nowMs - looked.startedMs, look?.octets ?? 0, looked.octets),
  };
}

/** By what was done of all, at the same pace; null where that says nothing. */
function secondsLeft(elapsedMs: number, done: number, total: number | null): number | null {
  if (total === null || done === 0) return null;
  return Math.max(0, Math.ceil((elapsedMs * (total - done)) / done / 1000));
}

function timeText(seconds: number | undefined): string | null {
  return seconds === undefined ? null : new Date(seconds * 1000).toISOString();
}
