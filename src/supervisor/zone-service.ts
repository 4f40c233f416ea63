/** The zones of other servers, put together: timing, threads, keys, and who hears NOTIFY. */

import { isDeepStrictEqual } from 'node:util';
import type { Config } from '../config/config.ts';
import type { Clock } from '../lib/clock.ts';
import { AppError } from '../lib/errors.ts';
import { NotifyListener } from '../lists/transfer/notify-listener.ts';
import { askSoa, SOA_LIMITS, wireZone } from '../lists/transfer/primary.ts';
import type { TsigKey } from '../lists/transfer/tsig.ts';
import { readTsigKeys } from '../lists/transfer/tsig-key-file.ts';
import type { ListRecord } from '../store/canonical-list.ts';
import type { Store } from '../store/store.ts';
import type { MetricSample } from './control-plane-contract.ts';
import type { Log } from './log.ts';
import { type RunningTransfer, startTransfer } from './start-transfer.ts';
import type { LookTools } from './zone-look.ts';
import { type ZoneLists, ZoneTransfers } from './zone-transfers.ts';

const RECORDS_MAX = 10_000_000;
const CONVERSATION = {
  connectMs: 5_000,
  silenceMs: 30_000,
  pace: { everyMs: 20_000, bytesPerSecondMin: 1_024 },
};

export interface ZoneServiceOptions {
  readonly store: Store;
  readonly config: () => Pick<Config, 'lists'>;
  readonly publish: () => Promise<unknown>;
  readonly clock: Clock;
  readonly log: Log;
}

export class ZoneService {
  readonly transfers: ZoneTransfers;
  readonly #options: ZoneServiceOptions;
  readonly #listener: NotifyListener;
  readonly #running = new Set<RunningTransfer>();
  readonly #end = new AbortController();
  #keys: readonly TsigKey[] = [];

  constructor(options: ZoneServiceOptions) {
    const { store, config, publish, clock, log } = options;
    this.#options = options;
    this.transfers = new ZoneTransfers({
      lists: zoneListsOf(store),
      keys: () => this.#keys,
      tools: this.#tools(),
      publish,
      clock,
      log,
      random: Math.random,
    });
    this.#listener = new NotifyListener({
      endpoints: config().lists.notify,
      isPrimary: (address) => this.transfers.isPrimary(address),
      zones: () => this.transfers.notifiedZones(),
      onNotify: (lists) => {
        this.transfers.notify(lists);
      },
      clock,
    });
  }

  /**
   * Reads the keys and listens for NOTIFY.
   * @throws AppError `TSIG_KEY_UNUSABLE`, `LISTEN_IN_USE`, `LISTEN_FAILED`
   */
  async open(): Promise<void> {
    this.#keys = readTsigKeys(this.#options.config().lists.tsigKeys);
    await this.#listener.open();
  }

  start(): void {
    this.transfers.start();
  }

  /** To be called when the lists may have changed. */
  wake(): void {
    this.transfers.wake();
  }

  /** Takes over the keys of a new configuration. @throws AppError `TSIG_KEY_UNUSABLE`; the old ones stay */
  reload({ lists }: Pick<Config, 'lists'>): void {
    this.#keys = readTsigKeys(lists.tsigKeys);
    this.transfers.wake();
  }

  /** Gives up what is under way. */
  async stop(): Promise<void> {
    this.#listener.close();
    this.#end.abort();
    const stopped = this.transfers.stop();
    for (const { stop } of this.#running) stop();
    await stopped;
  }

  samples(): readonly MetricSample[] {
    const counters = Object.entries({ ...this.#listener.counters }).map(
      ([outcome, value]): MetricSample => ({
        name: 'stairgate_notifies_total',
        help: 'NOTIFY messages by what came of them',
        kind: 'counter',
        labels: { outcome },
        value,
      }),
    );
    return [...this.transfers.samples(), ...counters];
  }

  #tools(): LookTools {
    const { store, config, clock } = this.#options;
    const { signal } = this.#end;
    return {
      askSoa: ({ zone, key }, endpoint) =>
        askSoa({ endpoint, zone: wireZone(zone), key, clock }, { ...SOA_LIMITS, signal }),
      transfer: async ({ zone, key }, endpoint, base, totalMs) => {
        if (signal.aborted) throw new AppError('STOPPING', 'the server is stopping');
        const { bytesMax } = config().lists;
        const limits = { ...CONVERSATION, totalMs, recordsMax: RECORDS_MAX, bytesMax };
        const { dataDir } = store;
        const transfer = startTransfer({ dataDir, zone, endpoint, key, base, limits });
        this.#running.add(transfer);
        return await transfer.done.finally(() => this.#running.delete(transfer));
      },
      nowSeconds: () => Math.floor(clock.wallMs() / 1000),
    };
  }
}

function zoneListsOf({ listVersions, contents }: Store): ZoneLists {
  return {
    sources: async () =>
      (await listVersions.sources()).flatMap(({ stored: { record }, state }) => {
        const { id, transfer } = record;
        if (transfer === undefined) return [];
        const { zone, primaries, tsigKey = null } = transfer;
        return [{ list: id, zone, primaries, tsigKey, state }];
      }),
    writeState: (list, state) => listVersions.writeState(list, state),
    hasContent: (contentSha256) => contents.has(contentSha256),
    propose: (actor, { list, zone, primaries }, contentSha256, source) => {
      const isStillSource = ({ transfer }: ListRecord): boolean =>
        transfer?.zone === zone && isDeepStrictEqual(transfer.primaries, primaries);
      return listVersions.propose({ actor }, { list, contentSha256, source, isStillSource });
    },
  };
}
