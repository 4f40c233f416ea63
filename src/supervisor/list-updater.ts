/**
 * Keeps the lists that come from an address or a file of this machine: looks for a new content when it is
 * time, when a file changes and when somebody asks, and proposes it. Two lists are under way at a time,
 * and one more that is urgent or sealed.
 *
 *     time, file, somebody ─▶ due ─▶ fetching ─▶ looking ─▶ publishing ─▶ idle
 *                              ▲         └──────────┴─ failed: later, each time twice as late
 *                              └──────────────────────────────────────────┘
 *
 * When a list is looked for next stands in the store, so a restart fetches nothing before its time.
 * Nothing that a source does reaches beyond its own list: the content in force stays, and why stands in
 * the state, in the log and on the metrics page.
 */

import type { Clock } from '../lib/clock.ts';
import { AppError, messageOf } from '../lib/errors.ts';
import type { FetchLimits } from '../lists/fetch/fetch-limits.ts';
import { lookUpHost } from '../lists/fetch/look-up-host.ts';
import { findAddressFault } from '../lists/fetch/public-address.ts';
import { FileWatch } from '../lists/fetch/watch-files.ts';
import type { Config } from '../config/config.ts';
import type { ListContents } from '../store/list-contents.ts';
import { countNames } from '../store/list-report.ts';
import type { ListSourceRow, ListVersions } from '../store/list-versions.ts';
import type { ListUpdateState, MetricSample } from './control-plane-contract.ts';
import {
  createSource,
  dueMsOf,
  isFromSamePlaces,
  isResting,
  isSameSource,
  isUrgent,
  type ListSource,
  type LookedSoFar,
  stateAfter,
  updateStateOf,
} from './list-source.ts';
import { updateList, type UpdateResult, type UpdateTools } from './list-update.ts';
import { listUpdateSamples } from './list-update-samples.ts';
import type { Log } from './log.ts';
import { upstreamsOf } from './upstreams-of.ts';

/** In the audit log; nobody's token has a space. */
const ACTOR = 'list updates';
const UPDATES_MAX = 2;
/** After a start there is better to do. */
const FIRST_LOOK_MS = 2_000;
/** What the document says of sources is read this often, besides after each change. */
const LOOK_MS_MAX = 60_000;
const LOOK_MS_MIN = 100;

export interface ListUpdaterOptions {
  readonly lists: Pick<ListVersions, 'propose' | 'sources' | 'writeState' | 'versions'>;
  readonly contents: Pick<ListContents, 'take' | 'has'>;
  readonly config: () => Pick<Config, 'lists' | 'upstreams' | 'zones'>;
  /** Puts what was taken over in force. */
  readonly publish: () => Promise<unknown>;
  /** How far the look at a content is; null where nobody looks at it. */
  readonly lookProgress: (sha256: string) => LookedSoFar | null;
  readonly times: Omit<FetchLimits, 'bytesMax'>;
  readonly clock: Clock;
  readonly log: Log;
  /** From 0 to 1, 1 excluded. */
  readonly random: () => number;
}

export class ListUpdater {
  readonly #options: ListUpdaterOptions;
  readonly #sources = new Map<string, ListSource>();
  readonly #underWay = new Set<Promise<void>>();
  readonly #watch: FileWatch;
  readonly #end = new AbortController();
  readonly #counts = { unchanged: 0, 'in-force': 0, held: 0, failed: 0 };
  #heldCount = 0;
  #timer: NodeJS.Timeout | null = null;
  #looking: Promise<void> | null = null;

  constructor(options: ListUpdaterOptions) {
    this.#options = options;
    this.#watch = new FileWatch(() => {
      for (const source of this.#sources.values()) {
        if (source.row.kind === 'file') source.dueMs = 0;
      }
      this.wake();
    });
  }

  start(): void {
    this.#lookIn(FIRST_LOOK_MS);
  }

  /** To be called when the lists may have changed. */
  wake(): void {
    if (this.#timer !== null) this.#lookIn(LOOK_MS_MIN);
  }

  /** Gives up what is under way; nothing of it stays on the disk. */
  async stop(): Promise<void> {
    this.#end.abort(new AppError('STOPPING', 'Updating lists: the server is stopping'));
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#watch.close();
    await this.#looking;
    await Promise.all(this.#underWay);
  }

  /**
   * Looks for a new content now; where that is under way, it is that update which counts.
   * @returns the state, with the number of runs of this update when it has ended
   * @throws AppError `RESOURCE_UNKNOWN`, `LIST_WITHOUT_SOURCE`, `STOPPING`
   */
  async update(list: string, actor: string): Promise<ListUpdateState> {
    this.#end.signal.throwIfAborted();
    await this.#lookAfresh();
    const source = this.#sourceOf(list);
    if (source.phase === 'idle') {
      source.phase = 'waiting';
      source.wantedBy = actor;
      this.#startDue();
    }
    return { ...this.#stateOf(list), run: source.runs + 1 };
  }

  /** @throws AppError `LIST_WITHOUT_SOURCE` */
  async state(list: string): Promise<ListUpdateState> {
    if (!this.#sources.has(list)) await this.#lookAfresh();
    return this.#stateOf(list);
  }

  samples(): readonly MetricSample[] {
    return listUpdateSamples(
      [...this.#sources.values()].map(({ row, checkedAt }) => ({
        list: row.stored.record.id,
        checkedAt: checkedAt ?? row.state.checkedAt ?? null,
        failures: row.state.failures,
      })),
      this.#counts,
      this.#heldCount,
      this.#nowSeconds(),
    );
  }

  /** Reads what sources there are, starts what is due, and sets the time of the next look. */
  look(): Promise<void> {
    this.#looking ??= this.#look()
      .catch((error: unknown) => {
        this.#options.log.error({}, `looking for lists to update: ${messageOf(error)}`);
      })
      .finally(() => {
        this.#looking = null;
      });
    return this.#looking;
  }

  /** Resolves when nothing is under way. */
  async settled(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.all(this.#underWay);
  }

  /** What was read before the call may be older than what the caller has written. */
  async #lookAfresh(): Promise<void> {
    await this.#looking;
    await this.look();
  }

  async #look(): Promise<void> {
    const { lists } = this.#options;
    const resting = [...this.#sources.values()].filter(isResting);
    const runs = new Map(resting.map((source) => [source, source.runs]));
    const rows = (await lists.sources()).filter(({ kind }) => kind === 'url' || kind === 'file');
    this.#heldCount = (await lists.versions({ state: 'held' })).length;
    if (this.#end.signal.aborted) return;
    const ids = new Set(rows.map(({ stored }) => stored.record.id));
    for (const [id, source] of this.#sources) {
      if (!ids.has(id) && isResting(source)) this.#sources.delete(id);
    }
    for (const row of rows) this.#follow(row, runs);
    this.#watch.follow(rows.flatMap(({ stored: { record } }) => record.file ?? []));
    this.#startDue();
    if (this.#timer !== null) this.#lookIn(this.#msToNextLook());
  }

  /** @param runs of the sources that rested when the row was read */
  #follow(row: ListSourceRow, runs: ReadonlyMap<ListSource, number>): void {
    const { id } = row.stored.record;
    const source = this.#sources.get(id);
    if (source === undefined) {
      this.#sources.set(id, createSource(row));
      return;
    }
    source.isOutdated = false;
    // When the old path was to be looked at says nothing of the new one.
    if (!isFromSamePlaces(row, source.row)) source.dueMs = null;
    // What an update notes meanwhile is newer than the state that was read.
    const isNewest = isResting(source) && runs.get(source) === source.runs;
    const state = isNewest ? row.state : source.row.state;
    const failures = row.kind === 'file' ? (source.failures ?? state.failures) : state.failures;
    source.row = { ...row, state: { ...state, failures } };
  }

  #startDue(): void {
    if (this.#end.signal.aborted) return;
    const nowMs = this.#options.clock.wallMs();
    const due = [...this.#sources.values()]
      .filter(({ isOutdated }) => !isOutdated)
      .filter((one) => one.phase === 'waiting' || (one.phase === 'idle' && dueMsOf(one) <= nowMs))
      .sort((a, b) => Number(isUrgent(b)) - Number(isUrgent(a)) || dueMsOf(a) - dueMsOf(b));
    for (const source of due) {
      // Slow sources of other lists do not keep what is urgent waiting.
      const most = UPDATES_MAX + (isUrgent(source) ? 1 : 0);
      if (this.#underWay.size < most) this.#begin(source);
      else source.phase = 'waiting';
    }
  }

  #begin(source: ListSource): void {
    const actor = source.wantedBy ?? ACTOR;
    source.phase = 'fetching';
    source.startedMs = this.#options.clock.wallMs();
    source.progress = null;
    source.looked = null;
    const update = this.#run(source, actor).finally(() => {
      source.phase = 'idle';
      source.wantedBy = null;
      source.runs++;
      this.#underWay.delete(update);
      this.#startDue();
      this.wake();
    });
    this.#underWay.add(update);
  }

  /** Never rejects. */
  async #run(source: ListSource, actor: string): Promise<void> {
    const { log, publish } = this.#options;
    const asked = source.row;
    const list = asked.stored.record.id;
    try {
      const came = await updateList(asked, actor, this.#toolsFor(source));
      const result = await this.#withHeld(list, came);
      await this.#note(source, asked, result);
      if (result.outcome !== 'in-force') return;
      source.phase = 'publishing';
      // A failure is logged and shown by `status`; it is repeated by itself.
      await publish().catch(() => undefined);
    } catch (error) {
      // Of a list or a source that is gone, and of a stop, nothing is to be said.
      source.isOutdated = isGone(error);
      if (isGone(error) || this.#end.signal.aborted) return;
      log.error({ list }, `updating a list: ${messageOf(error)}`);
      await this.#note(source, asked, failure(messageOf(error)));
    }
  }

  /** A source that has nothing new may have what waits for somebody since it was fetched. */
  async #withHeld(list: string, result: UpdateResult): Promise<UpdateResult> {
    if (result.outcome !== 'unchanged' || this.#heldCount === 0) return result;
    const [held] = await this.#options.lists.versions({ list, state: 'held' });
    if (held === undefined) return result;
    const { version, reasons, report } = held;
    return { ...result, outcome: 'held', version, reasons, entries: countNames(report) };
  }

  #toolsFor(source: ListSource): UpdateTools {
    const { contents, lists, times, clock } = this.#options;
    const { lists: limits, upstreams, zones } = this.#options.config();
    const { bytesMax, allowPrivate: isPrivateAllowed, folders } = limits;
    // For all addresses of the list, and all that each of them is asked.
    const signal = AbortSignal.any([this.#end.signal, AbortSignal.timeout(times.totalMs)]);
    const receive: UpdateTools['fetch']['receive'] = (body) => contents.take(body, bytesMax);
    return {
      propose: (context, proposal) => lists.propose(context, proposal),
      hasContent: (sha256) => contents.has(sha256),
      fetch: {
        isPrivateAllowed,
        findFault: isPrivateAllowed ? () => null : findAddressFault,
        lookUp: (host, ending) => lookUpHost(host, upstreamsOf(host, { upstreams, zones }), ending),
        limits: { ...times, bytesMax },
        receive,
        signal,
      },
      file: { folders, bytesMax, receive, wallMs: () => clock.wallMs() },
      onProgress: (progress) => {
        source.progress = progress;
      },
      onLook: (content) => {
        source.phase = 'looking';
        source.looked = { ...content, startedMs: clock.wallMs() };
      },
      pause: (ms) => pause(ms, signal),
    };
  }

  /**
   * Keeps what came of an update, and says it. Never rejects.
   * @param asked the list as it was when it was asked for
   */
  async #note(source: ListSource, asked: ListSourceRow, result: UpdateResult): Promise<void> {
    source.isOutdated = result.version === null && !(await this.#isStill(asked));
    if (source.isOutdated) return;
    const { row } = source;
    const { lists, clock, log, random } = this.#options;
    const before = row.state;
    const list = row.stored.record.id;
    const { outcome, version, entries, reasons, popular = [] } = result;
    this.#counts[outcome]++;
    const at = new Date(clock.wallMs()).toISOString();
    source.last = { at, outcome, version, entries, reasons, popular };
    const state = stateAfter(row, result, clock.wallMs(), random());
    const nextMs = (state.nextAt ?? 0) * 1000;
    const isFile = row.kind === 'file';
    source.dueMs = isFile ? nextMs : null;
    source.checkedAt = isFile ? (state.checkedAt ?? null) : null;
    source.failures = isFile ? state.failures : null;
    source.row = { ...row, state };
    // A file is looked at twice a minute: nobody wants to read each time that it is as it was.
    const isAsBefore =
      before.lastError === state.lastError &&
      before.etag === state.etag &&
      before.url === state.url;
    if (isFile && isAsBefore) return;
    this.#tell(list, result, state.failures);
    await lists.writeState(list, state).catch((error: unknown) => {
      // What the store has is older now, and would have it fetched at once.
      source.dueMs = nextMs;
      log.warn({ list }, `keeping the state of a list: ${messageOf(error)}`);
    });
  }

  /** What came of the source that a list had says nothing of the one that it has. */
  async #isStill(asked: ListSourceRow): Promise<boolean> {
    const { id } = asked.stored.record;
    // Where nothing can be read, what came is told all the same.
    const rows = await this.#options.lists.sources().catch(() => null);
    const now = rows?.find(({ stored }) => stored.record.id === id);
    return rows === null || (now !== undefined && isSameSource(now, asked));
  }

  #tell(list: string, result: UpdateResult, failures: number): void {
    const { log } = this.#options;
    const { outcome, version, entries, popular = [] } = result;
    const reasons = result.reasons.join('; ');
    if (outcome === 'in-force') {
      const wellKnown = popular.length === 0 ? {} : { wellKnownNames: popular.length };
      log.info({ list, version, entries, ...wellKnown }, 'a list was updated');
    }
    if (outcome === 'held') log.warn({ list, version }, `an update of a list is held: ${reasons}`);
    if (outcome === 'failed')
      log.warn({ list, failures }, `a list could not be updated: ${reasons}`);
  }

  #stateOf(list: string): ListUpdateState {
    const source = this.#sourceOf(list);
    const { clock, lookProgress } = this.#options;
    const look = source.looked === null ? null : lookProgress(source.looked.sha256);
    return updateStateOf(source, look, clock.wallMs());
  }

  #sourceOf(list: string): ListSource {
    const source = this.#sources.get(list);
    if (source !== undefined) return source;
    throw new AppError(
      'LIST_WITHOUT_SOURCE',
      `Updating the list "${list}": the server does not fetch it; valid: a list with url or file`,
    );
  }

  #msToNextLook(): number {
    const next = [...this.#sources.values()].filter(({ phase }) => phase === 'idle').map(dueMsOf);
    const ms = Math.min(LOOK_MS_MAX, ...next.map((due) => due - this.#options.clock.wallMs()));
    return Math.max(LOOK_MS_MIN, ms);
  }

  #lookIn(ms: number): void {
    if (this.#end.signal.aborted) return;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.look(), ms).unref();
  }

  #nowSeconds(): number {
    return Math.floor(this.#options.clock.wallMs() / 1000);
  }
}

function failure(reason: string): UpdateResult {
  return { outcome: 'failed', version: null, entries: null, reasons: [reason], mark: null };
}

function isGone(error: unknown): boolean {
  return error instanceof AppError && error.code === 'RESOURCE_UNKNOWN';
}

/** Ends early where the server stops. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener('abort', end);
  });
}
