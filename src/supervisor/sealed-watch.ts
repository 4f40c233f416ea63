/**
 * Watches over the sealed lists in force: since when every worker decides with a version, and whether it
 * is still fresh. Age is counted from the time of sealing, which is signed: a mirror that stands still
 * would answer every check with success and could not be told from one that has nothing new.
 *
 *     fresh ── three quarters of the deadline ─▶ ageing, a warning ── the deadline ─▶ overdue, an error
 *
 * Age is an alarm only: an old version stays in force.
 */

import { readSealedSection, type SealedRecord } from '../blocklist/sealed/sealed-section.ts';
import type { Clock } from '../lib/clock.ts';
import type { AttestedVersion } from '../sealing/attestation.ts';
import type { MetricSample, SealedListStatus } from './control-plane-contract.ts';
import type { Log } from './log.ts';
import type { OpenedImages } from './publisher.ts';

/** Part of the deadline after which the first alarm comes. */
const AGEING_AFTER = 0.75;
const CHECK_INTERVAL_MS = 60_000;
/** An alarm that nobody has ended is given again. */
const REPEAT_MS = 3_600_000;

type Freshness = SealedListStatus['freshness'];

interface Installed {
  readonly sha256: string;
  readonly sinceMs: number;
}

interface Alarm {
  readonly freshness: Freshness;
  readonly atMs: number;
}

export interface SealedWatchOptions {
  readonly images: () => OpenedImages | null;
  readonly freshnessSeconds: () => number;
  readonly clock: Clock;
  readonly log: Log;
}

export class SealedWatch {
  readonly #options: SealedWatchOptions;
  #installed: ReadonlyMap<string, Installed> = new Map();
  readonly #alarms = new Map<string, Alarm>();
  #timer: NodeJS.Timeout | null = null;

  constructor(options: SealedWatchOptions) {
    this.#options = options;
  }

  start(): void {
    this.#timer = setInterval(() => {
      this.check();
    }, CHECK_INTERVAL_MS);
    this.#timer.unref();
    this.check();
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
  }

  /** To be called when all workers have installed the images in force. */
  noteInstalled(): void {
    const nowMs = this.#options.clock.wallMs();
    const before = this.#installed;
    this.#installed = new Map(
      this.#records().map(({ list, sha256 }) => {
        const known = before.get(list);
        return [list, known?.sha256 === sha256 ? known : { sha256, sinceMs: nowMs }];
      }),
    );
    for (const list of this.#alarms.keys())
      if (!this.#installed.has(list)) this.#alarms.delete(list);
    this.check();
  }

  /** Gives the alarms that are due. */
  check(): void {
    const { clock, log, freshnessSeconds } = this.#options;
    const nowMs = clock.wallMs();
    for (const { list, serial, ageSeconds, freshness } of this.states()) {
      const last = this.#alarms.get(list);
      const isSame = last?.freshness === freshness;
      if (isSame && (freshness === 'fresh' || nowMs - last.atMs < REPEAT_MS)) continue;
      this.#alarms.set(list, { freshness, atMs: nowMs });
      const figures = { list, serial, ageSeconds, freshnessSeconds: freshnessSeconds() };
      if (freshness === 'overdue') {
        log.error(figures, 'a sealed list is older than it may be: get a newer version');
      } else if (freshness === 'ageing') {
        log.warn(figures, 'a sealed list will soon be older than it may be: get a newer version');
      } else if (last !== undefined) {
        log.info(figures, 'a sealed list is fresh again');
      }
    }
  }

  /** Those that every worker decides with. */
  states(): readonly SealedListStatus[] {
    const { clock, freshnessSeconds } = this.#options;
    const deadline = freshnessSeconds();
    return this.#inForce().map(({ record, sinceMs }) => {
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

  /** What may be attested of a list; null where no version of it is in force everywhere. */
  versionInForce(list: string, workers: number): AttestedVersion | null {
    const found = this.#inForce().find(({ record }) => record.list === list);
    if (found === undefined) return null;
    const { serial, sealedAtSecond, sha256, names } = found.record;
    return { list, serial, sealedAtSecond, sha256, names, inForceSinceMs: found.sinceMs, workers };
  }

  samples(): readonly MetricSample[] {
    return this.states().flatMap(({ list, serial, names, ageSeconds, freshness }) => {
      const gauge = (name: string, help: string, value: number): MetricSample => ({
        name: `stairgate_sealed_list_${name}`,
        help,
        kind: 'gauge',
        labels: { list },
        value,
      });
      return [
        gauge('age_seconds', 'Time since the version in force was sealed', ageSeconds),
        gauge('overdue', 'Whether it is older than it may be', freshness === 'overdue' ? 1 : 0),
        gauge('serial', 'The version in force', serial),
        gauge('names', 'Names of the version in force', names),
      ];
    });
  }

  #inForce(): { readonly record: SealedRecord; readonly sinceMs: number }[] {
    return this.#records().flatMap((record) => {
      const installed = this.#installed.get(record.list);
      if (installed?.sha256 !== record.sha256) return [];
      return [{ record, sinceMs: installed.sinceMs }];
    });
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
