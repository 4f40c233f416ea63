/**
 * Keeps the lists that are zones of other servers: looks at each when its SOA says so, when a primary
 * notifies, when the server starts and when somebody asks, and proposes what came. It starts after
 * the workers serve: until then, and for as long as no primary answers, the last copy is in force.
 *
 *     start, refresh, retry, NOTIFY ─▶ due ─▶ look ─┬─ nothing new, or a content ─▶ the gate
 *                                       ▲           └─ failed: retry, later each time
 *                                       └────────────── not before a few seconds after the last
 *
 * A zone that no primary has confirmed for the `expire` of its SOA counts as expired. Its copy stays in
 * force all the same, with an error in the log and a metric: whoever silences a primary must not
 * thereby open what its list blocks.
 */

import type { Clock } from '../lib/clock.ts';
import { type Endpoint, formatEndpoint } from '../lib/endpoint.ts';
import { AppError, messageOf } from '../lib/errors.ts';
import type { NotifiedZone } from '../lists/transfer/answer-notify.ts';
import type { TransferDone } from '../lists/transfer/run-transfer.ts';
import { FIRST_TIMERS, secondsToNextLook } from '../lists/transfer/soa-timers.ts';
import type { TsigKey } from '../lists/transfer/tsig.ts';
import type { Proposal } from '../store/list-propose.ts';
import { countNames } from '../store/list-report.ts';
import type { ListState, ZoneCopyState } from '../store/list-states.ts';
import type { ListUpdates, ListUpdateState, MetricSample } from './control-plane-contract.ts';
import type { Log } from './log.ts';
import {
  createZone,
  isExpired,
  isLooking,
  isSameSource,
  type LastLook,
  timeText,
  type TransferredZone,
  updateStateOf,
  zoneSamples,
  type ZoneSource,
} from './transferred-zone.ts';
import { type LookTools, lookAtZone } from './zone-look.ts';

const TICK_MS = 1_000;
/** How often the document's lists are read again, besides after every change. */
const FOLLOW_MS = 60_000;
/** Looks at a time; each may be a transfer with a thread and the memory of a zone. */
const LOOKS_MAX = 2;
/** Looks at one zone are this far apart, however often its primaries notify; more where they fail. */
const LOOK_PAUSE_MS = 5_000;
/** Over this time the first looks after a start are spread. */
const START_SPREAD_MS = 5_000;
/** A page with more series of one metric would not be made. */
const ZONES_SHOWN_MAX = 1_000;
/** In the audit log; nobody's token has a space. */
const ACTOR = 'zone transfers';

/** What the transfers need of the store. */
export interface ZoneLists {
  sources(): Promise<readonly ZoneSource[]>;
  writeState(list: string, state: ListState): Promise<void>;
  hasContent(contentSha256: string): boolean;
  /** @throws AppError `RESOURCE_UNKNOWN` where the list is gone, or no more this zone of these primaries */
  propose(
    actor: string,
    source: ZoneSource,
    contentSha256: string,
    from: string,
  ): Promise<Pick<Proposal, 'outcome' | 'version' | 'report' | 'reasons' | 'popular'>>;
}

export interface ZoneTransfersOptions {
  readonly lists: ZoneLists;
  readonly keys: () => readonly TsigKey[];
  readonly tools: LookTools;
  /** Puts what was taken over in force. */
  readonly publish: () => Promise<unknown>;
  readonly clock: Clock;
  readonly log: Log;
  /** From 0 to 1. */
  readonly random: () => number;
}

export class ZoneTransfers implements ListUpdates {
  readonly #options: ZoneTransfersOptions;
  /** By list. */
  readonly #zones = new Map<string, TransferredZone>();
  /** Addresses of all of them. */
  #primaries: ReadonlySet<string> = new Set();
  readonly #looks = new Set<Promise<void>>();
  readonly #counts = { whole: 0, differences: 0, failed: 0 };
  #timer: NodeJS.Timeout | null = null;
  #followedAtMs = Number.NEGATIVE_INFINITY;
  #following: Promise<void> | null = null;
  #isStopped = false;

  constructor(options: ZoneTransfersOptions) {
    this.#options = options;
  }

  /** Every zone is looked at soon: a NOTIFY may have come while nobody listened. */
  start(): void {
    this.#timer = setInterval(() => {
      this.tick();
    }, TICK_MS);
    this.#timer.unref();
    this.tick();
  }

  /** To be called when the lists may have changed. */
  wake(): void {
    this.#followedAtMs = Number.NEGATIVE_INFINITY;
  }

  /** Nothing new begins. Whoever has the tools ends what they have under way. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    if (this.#timer !== null) clearInterval(this.#timer);
    await Promise.all(this.#looks);
  }

  /** Whether any zone has this primary; the address as `formatIpAddress` writes it. */
  isPrimary(address: string): boolean {
    return this.#primaries.has(address);
  }

  /** What a NOTIFY is held against. */
  notifiedZones(): readonly NotifiedZone[] {
    return [...this.#zones.values()].map(({ source, wire, endpoints }) => ({
      list: source.list,
      zone: wire,
      addresses: endpoints.map(({ address }) => address),
      key: this.#keyOf(source),
      isKeyNeeded: source.tsigKey !== null,
    }));
  }

  /** Has the zones of these lists looked at, soon. */
  notify(lists: readonly string[]): void {
    for (const list of lists) {
      const zone = this.#zones.get(list);
      if (zone === undefined) continue;
      const soonMs = Math.max(this.#nowMs(), zone.restUntilMs);
      zone.dueAtMs = Math.min(zone.dueAtMs, soonMs);
    }
    this.tick();
  }

  /** Whether the list is a zone of another server. */
  async has(list: string): Promise<boolean> {
    if (!this.#zones.has(list)) await this.#followAfresh();
    return this.#zones.has(list);
  }

  /** Takes the whole zone of a list, even where its primary has gone back to an older version. */
  async update(list: string, actor: string): Promise<ListUpdateState> {
    if (this.#isStopped) throw new AppError('STOPPING', 'Updating lists: the server is stopping');
    await this.#followAfresh();
    const zone = this.#zoneOf(list);
    if (zone.phase === 'idle') {
      zone.wantedBy = actor;
      zone.phase = 'waiting';
      zone.dueAtMs = this.#nowMs();
      this.tick();
    }
    return { ...updateStateOf(zone), run: zone.runs + 1 };
  }

  async state(list: string): Promise<ListUpdateState> {
    await this.has(list);
    return updateStateOf(this.#zoneOf(list));
  }

  /** Reads which lists are zones. */
  follow(): Promise<void> {
    this.#following ??= this.#follow().finally(() => {
      this.#following = null;
    });
    return this.#following;
  }

  /** What was read before the call may be older than what the caller has written. */
  async #followAfresh(): Promise<void> {
    await this.#following?.catch(() => undefined);
    await this.follow();
  }

  async #follow(): Promise<void> {
    const { lists, random } = this.#options;
    const sources = await lists.sources();
    const named = new Set(sources.map(({ list }) => list));
    for (const list of this.#zones.keys()) {
      if (!named.has(list)) this.#zones.delete(list);
    }
    for (const source of sources) {
      const known = this.#zones.get(source.list);
      if (known !== undefined && isSameSource(known.source, source)) continue;
      const spreadMs = known === undefined ? random() * START_SPREAD_MS : 0;
      this.#zones.set(source.list, createZone(source, known, this.#nowMs() + spreadMs));
    }
    const endpoints = [...this.#zones.values()].flatMap((zone) => zone.endpoints);
    this.#primaries = new Set(endpoints.map(({ address }) => address));
  }

  /** Begins what is due. */
  tick(): void {
    if (this.#isStopped) return;
    const nowMs = this.#nowMs();
    if (nowMs - this.#followedAtMs >= FOLLOW_MS) {
      this.#followedAtMs = nowMs;
      this.follow().catch((error: unknown) => {
        this.#options.log.warn({}, `reading which lists are zones: ${messageOf(error)}`);
      });
    }
    for (const zone of [...this.#zones.values()].sort((a, b) => a.dueAtMs - b.dueAtMs)) {
      this.#tellExpiry(zone);
      if (this.#looks.size >= LOOKS_MAX || isLooking(zone) || zone.dueAtMs > nowMs) continue;
      this.#look(zone);
    }
  }

  samples(): readonly MetricSample[] {
    const zones = [...this.#zones.values()].slice(0, ZONES_SHOWN_MAX);
    return [
      ...zones.flatMap((zone) => zoneSamples(zone, this.#nowSeconds())),
      ...Object.entries(this.#counts).map(([outcome, value]): MetricSample => ({
        name: 'stairgate_zone_transfers_total',
        help: 'Zones taken whole, by their differences, and looks that failed',
        kind: 'counter',
        labels: { outcome },
        value,
      })),
    ];
  }

  #look(zone: TransferredZone): void {
    zone.phase = 'fetching';
    zone.startedAtMs = this.#options.clock.wallMs();
    // A NOTIFY that comes meanwhile may be about a version that this look does not see.
    zone.dueAtMs = Number.POSITIVE_INFINITY;
    const startedMs = this.#nowMs();
    zone.restUntilMs = startedMs + LOOK_PAUSE_MS;
    const look = this.#lookOnce(zone, startedMs).finally(() => {
      zone.phase = 'idle';
      zone.wantedBy = null;
      zone.runs++;
      zone.restUntilMs = this.#nowMs() + restMs(startedMs, this.#nowMs());
      this.#looks.delete(look);
    });
    this.#looks.add(look);
  }

  /** Never rejects: what was wrong stands in the state. */
  async #lookOnce(zone: TransferredZone, startedMs: number): Promise<void> {
    const { lists, log, random } = this.#options;
    const { list } = zone.source;
    let state: ListState;
    try {
      state = await this.#lookAndPropose(zone);
    } catch (error) {
      if (isGone(error)) {
        // What it is now is read at once.
        this.wake();
        zone.dueAtMs = this.#nowMs() + LOOK_PAUSE_MS;
        return;
      }
      this.#counts.failed++;
      const failures = zone.state.failures + 1;
      const lastError = messageOf(error);
      state = { ...zone.state, failures, lastError };
      this.#note(zone, { outcome: 'failed', version: null, entries: null, reasons: [lastError] });
      if (!this.#isStopped) log.warn({ list, failures }, lastError);
    }
    const seconds = secondsToNextLook(state.zone ?? FIRST_TIMERS, state.failures, random());
    zone.state = { ...state, nextAt: this.#nowSeconds() + seconds };
    const isNotified = zone.dueAtMs !== Number.POSITIVE_INFINITY;
    const soonestMs = isNotified ? restMs(startedMs, this.#nowMs()) : Number.POSITIVE_INFINITY;
    zone.dueAtMs = this.#nowMs() + Math.min(soonestMs, seconds * 1000);
    if (!this.#isWanted(zone)) return;
    await lists.writeState(list, zone.state).catch((error: unknown) => {
      // The next look begins from the state before, which costs a transfer.
      log.warn({ list }, `keeping the state of a zone: ${messageOf(error)}`);
    });
  }

  async #lookAndPropose(zone: TransferredZone): Promise<ListState> {
    const { source, endpoints, state } = zone;
    const key = this.#keyOf(source);
    if (source.tsigKey !== null && key === null) {
      throw new AppError(
        'TSIG_KEY_UNKNOWN',
        `Transferring the zone ${source.zone}: the configuration has no TSIG key "${source.tsigKey}"`,
      );
    }
    const base = zone.wantedBy === null ? this.#baseOf(zone) : null;
    const looked = { zone: source.zone, endpoints, key };
    const { copy, endpoint, done } = await lookAtZone(looked, base, this.#options.tools);
    zone.isExpiryTold = false;
    const checked = { ...state, zone: copy, checkedAt: copy.reachedAt, failures: 0 };
    if (done === null) {
      this.#note(zone, { outcome: 'unchanged', version: null, entries: null, reasons: [] });
      // What was refused of the copy is still wrong with it.
      return { ...checked, lastError: state.failures > 0 ? null : state.lastError };
    }
    return { ...checked, lastError: await this.#propose(zone, copy, endpoint, done) };
  }

  /** @returns why the content was refused; null where it was not */
  async #propose(
    zone: TransferredZone,
    { contentSha256, serial }: ZoneCopyState,
    endpoint: Endpoint,
    { outcome: taken, recordCount, wholeBecause }: TransferDone,
  ): Promise<string | null> {
    const { lists, log, publish } = this.#options;
    const { list, zone: name } = zone.source;
    if (!this.#isWanted(zone)) {
      throw new AppError('TRANSFER_FAILED', `Transferring the zone ${name}: it is wanted no more`);
    }
    this.#counts[taken === 'differences' ? 'differences' : 'whole']++;
    const details = { list, serial, records: recordCount, wholeBecause };
    log.info(details, `zone ${name}: ${taken} taken from ${formatEndpoint(endpoint)}`);
    zone.phase = 'looking';
    const from = `zone ${name}, serial ${serial}, from ${formatEndpoint(endpoint)}`;
    const actor = zone.wantedBy ?? ACTOR;
    const proposal = await lists.propose(actor, zone.source, contentSha256, from);
    const { outcome, version, report, reasons, popular } = proposal;
    const entries = report === null ? null : countNames(report);
    const isRefused = outcome === 'refused';
    this.#note(zone, {
      outcome: isRefused ? 'failed' : outcome,
      version,
      entries,
      reasons,
      popular,
    });
    if (reasons.length > 0) {
      log.warn(
        { list, version },
        `zone ${name}, serial ${serial}, is ${outcome}: ${reasons.join('; ')}`,
      );
    }
    if (outcome === 'in-force') {
      zone.phase = 'publishing';
      // A failure is logged and shown by `status`; it is repeated by itself.
      await publish().catch(() => undefined);
    }
    return isRefused ? reasons.join('; ') : null;
  }

  #note(zone: TransferredZone, last: Omit<LastLook, 'at'>): void {
    zone.last = { at: new Date(this.#options.clock.wallMs()).toISOString(), ...last };
  }

  /** The list may be another zone by now, or the server may have been told to stop. */
  #isWanted(zone: TransferredZone): boolean {
    return !this.#isStopped && this.#zones.get(zone.source.list) === zone;
  }

  /** The newest copy, where it is still there and of this zone. */
  #baseOf({ source, state }: TransferredZone): ZoneCopyState | null {
    const copy = state.zone;
    const isOfZone = copy?.zone === source.zone;
    return isOfZone && this.#options.lists.hasContent(copy.contentSha256) ? copy : null;
  }

  #keyOf({ tsigKey }: ZoneSource): TsigKey | null {
    return this.#options.keys().find(({ name }) => name === tsigKey?.toLowerCase()) ?? null;
  }

  #tellExpiry(zone: TransferredZone): void {
    if (zone.isExpiryTold || !isExpired(zone, this.#nowSeconds())) return;
    zone.isExpiryTold = true;
    const { source, state } = zone;
    const since = timeText(state.zone?.reachedAt) ?? '';
    this.#options.log.error(
      { list: source.list },
      `zone ${source.zone} has expired: no primary has confirmed it since ${since}; its last copy stays in force`,
    );
  }

  #zoneOf(list: string): TransferredZone {
    const zone = this.#zones.get(list);
    if (zone !== undefined) return zone;
    throw new AppError(
      'LIST_WITHOUT_SOURCE',
      `Updating the list "${list}": it is no zone of another server`,
    );
  }

  #nowMs(): number {
    return this.#options.clock.monotonicMs();
  }

  #nowSeconds(): number {
    return Math.floor(this.#options.clock.wallMs() / 1000);
  }
}

/** As long as the look took: whoever sends NOTIFY has us busy with a zone half of the time at most. */
function restMs(startedMs: number, endedMs: number): number {
  return Math.max(LOOK_PAUSE_MS, endedMs - startedMs);
}

function isGone(error: unknown): boolean {
  return error instanceof AppError && error.code === 'RESOURCE_UNKNOWN';
}
