/**
 * Watches over the sealed lists in force: since when every worker decides with a version, and whether it
 * is still fresh. Age is counted from the time of sealing, which is signed: a mirror that stands still
 * would answer every check with success and could not be told from one that has nothing new.
 *
 *     fresh ── three quarters of the deadline ─▶ ageing, a warning ── the deadline ─▶ overdue, an error
 *
 * Age is an alarm only: an old version stays in force. A list that has no version yet is overdue: nothing of
 * what it is meant to block is blocked.
 */

import { readSealedSection, type SealedRecord } from '../blocklist/sealed/sealed-section.ts';
import type { Clock } from '../lib/clock.ts';
import { messageOf } from '../lib/errors.ts';
import type { AttestedVersion } from '../sealing/attestation.ts';
import type { MetricSample, SealedListStatus } from './control-plane-contract.ts';
import type { Log } from './log.ts';
import type { OpenedImages } from './publisher.ts';

/** Part of the deadline after which the first alarm comes. */
const AGEING_AFTER = 0.75;
/** Below the last quarter of the shortest deadline, which is a minute. */
const CHECK_INTERVAL_MS = 10_000;
/** An alarm that nobody has ended is given again. */
const REPEAT_MS = 3_600_000;

type Freshness = SealedListStatus['freshness'];

interface Installed {
  readonly record: SealedRecord;
  readonly sinceMs: number;
}

interface Alarm {
  readonly freshness: Freshness;
  readonly atMs: number;
}

export interface SealedWatchOptions {
  readonly images: () => OpenedImages | null;
  /** The ids of those that the policy has, in force or not. */
  readonly sealedLists: () => Promise<readonly string[]>;
  readonly freshnessSeconds: () => number;
  readonly clock: Clock;
  readonly log: Log;
}

export class SealedWatch {
  readonly #options: SealedWatchOptions;
  #installed: ReadonlyMap<string, Installed> = new Map();
  #wanted: readonly string[] = [];
  readonly #alarms = new Map<string, Alarm>();
  #timer: NodeJS.Timeout | null = null;

  constructor(options: SealedWatchOptions) {
    this.#options = options;
  }

  start(): void {
    this.#timer = setInterval(() => {
      void this.round();
    }, CHECK_INTERVAL_MS);
    this.#timer.unref();
    void this.round();
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
  }

  /** To be called when all workers have installed the images in force. */
  noteInstalled(): void {
    const nowMs = this.#options.clock.wallMs();
    const before = this.#installed;
    this.#installed = new Map(
      this.#records().map((record) => {
        const known = before.get(record.list);
        const isSame = known?.record.sha256 === record.sha256;
        return [record.list, { record, sinceMs: isSame ? known.sinceMs : nowMs }];
      }),
    );
    // What has just gone was removed, unless the next round finds it in the policy still.
    const isGone = (list: string): boolean => before.has(list) && !this.#installed.has(list);
    this.#wanted = this.#wanted.filter((list) => !isGone(list));
    this.check();
  }

  /** Looks which lists there are, and gives the alarms that are due; the timer does the same. */
  async round(): Promise<void> {
    try {
      this.#wanted = await this.#options.sealedLists();
    } catch (error) {
      this.#options.log.warn({}, `reading which lists are sealed: ${messageOf(error)}`);
    }
    this.check();
  }

  /** Gives the alarms that are due. */
  check(): void {
    const { clock, log, freshnessSeconds } = this.#options;
    const nowMs = clock.wallMs();
    const missing = this.missing();
    for (const list of this.#alarms.keys()) {
      if (!this.#installed.has(list) && !missing.includes(list)) this.#alarms.delete(list);
    }
    for (const list of missing) {
      if (!this.#isDue(list, 'overdue', nowMs)) continue;
      log.error({ list }, 'a sealed list has no version in force: nothing of it is blocked');
    }
    for (const { list, serial, ageSeconds, freshness } of this.states()) {
      const isNew = !this.#alarms.has(list);
      if (!this.#isDue(list, freshness, nowMs)) continue;
      const figures = { list, serial, ageSeconds, freshnessSeconds: freshnessSeconds() };
      if (freshness === 'overdue') {
        log.error(figures, 'a sealed list is older than it may be: get a newer version');
      } else if (freshness === 'ageing') {
        log.warn(figures, 'a sealed list will soon be older than it may be: get a newer version');
      } else if (!isNew) {
        log.info(figures, 'a sealed list is fresh again');
      }
    }
  }

  /** Those that every worker decides with, or did until the swap that is under way. */
  states(): readonly SealedListStatus[] {
    const { clock, freshnessSeconds } = this.#options;
    const deadline = freshnessSeconds();
    return [...this.#installed.values()].map(({ record, sinceMs }) => {
      const { list, serial, sealedAtSecond, sha256, names } = record;
      const ageSeconds = Math.max(0, Math.floor(clock.wallMs() / 1000) - sealedAtSecond);
      return {
        list,
        serial,
        sealedAt: new Date(sealedAtSecond * 1000).toISOString(),
        sha256,
        names,
        inForceSince: new Date(sinceMs).toISOString(),
        ageSeconds,
        freshness: freshnessOf(ageSeconds, deadline),
      };
    });
  }

  /** Those that the policy has, and nobody decides with. */
  missing(): readonly string[] {
    return this.#wanted.filter((list) => !this.#installed.has(list));
  }

  /** What may be attested of a list; null where no version of it is in force everywhere. */
  versionInForce(list: string, workers: number): AttestedVersion | null {
    const found = this.#installed.get(list);
    if (found === undefined) return null;
    const published = this.#records().find((record) => record.list === list);
    if (published?.sha256 !== found.record.sha256) return null;
    const { serial, sealedAtSecond, sha256, names } = found.record;
    return { list, serial, sealedAtSecond, sha256, names, inForceSinceMs: found.sinceMs, workers };
  }

  samples(): readonly MetricSample[] {
    const inForce = this.states().flatMap(({ list, serial, names, ageSeconds, freshness }) => [
      gauge(list, 'age_seconds', 'Time since the version in force was sealed', ageSeconds),
      overdueGauge(list, freshness === 'overdue'),
      gauge(list, 'serial', 'The version in force', serial),
      gauge(list, 'names', 'Names of the version in force', names),
    ]);
    return [...inForce, ...this.missing().map((list) => overdueGauge(list, true))];
  }

  /** Notes the alarm where it is due. */
  #isDue(list: string, freshness: Freshness, nowMs: number): boolean {
    const last = this.#alarms.get(list);
    const isSame = last?.freshness === freshness;
    if (isSame && (freshness === 'fresh' || nowMs - last.atMs < REPEAT_MS)) return false;
    this.#alarms.set(list, { freshness, atMs: nowMs });
    return true;
  }

  #records(): readonly SealedRecord[] {
    const images = this.#options.images();
    return images === null ? [] : readSealedSection(images.opened.blocklist.sealed);
  }
}

function freshnessOf(ageSeconds: number, deadlineSeconds: number): Freshness {
  if (ageSeconds >= deadlineSeconds) return 'overdue';
  return ageSeconds >= deadlineSeconds * AGEING_AFTER ? 'ageing' : 'fresh';
}

function overdueGauge(list: string, isOverdue: boolean): MetricSample {
  return gauge(
    list,
    'overdue',
    'Whether it is older than it may be, or missing',
    isOverdue ? 1 : 0,
  );
}

function gauge(list: string, name: string, help: string, value: number): MetricSample {
  return { name: `stairgate_sealed_list_${name}`, help, kind: 'gauge', labels: { list }, value };
}
