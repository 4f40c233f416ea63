/** From the configuration to what one worker is told: groups instead of zones, shares instead of totals. */

import { SLAB_BYTES_MIN } from '../cache/slab.ts';
import type { Config } from '../config/config.ts';
import type { Endpoint } from '../lib/endpoint.ts';
import type { HashSeed } from '../lib/half-siphash.ts';
import type { ListKey } from '../sealing/list-keys.ts';
import type { UdpMode, WorkerConfig } from '../worker/messages.ts';

/** What the configuration does not say but the start has found out. */
export interface WorkerPlace {
  readonly index: number;
  readonly count: number;
  readonly seed: HashSeed;
  /** With the ports that were really chosen. */
  readonly listen: readonly Endpoint[];
  readonly udp: UdpMode;
  readonly listKeys: readonly ListKey[];
}

export function workerConfigOf(config: Config, place: WorkerPlace): WorkerConfig {
  return {
    workerIndex: place.index,
    workerCount: place.count,
    seed: place.seed,
    listen: place.listen,
    upstreamGroups: [{ name: '.', upstreams: config.upstreams }, ...config.zones],
    records: config.records,
    udp: place.udp,
    access: config.access,
    tcp: {
      connectionsMax: shareOf(config.tcp.connectionsMax, place.count),
      connectionsPerAddressMax: shareOf(config.tcp.connectionsPerAddressMax, place.count),
      idleTimeoutMs: config.tcp.idleTimeoutMs,
    },
    cache: {
      ...config.cache,
      bytesMax: Math.max(SLAB_BYTES_MIN, shareOf(config.cache.bytesMax, place.count)),
    },
    pendingMax: shareOf(config.pendingMax, place.count),
    listKeys: place.listKeys,
  };
}

/** Rounded up: no worker goes without, so that the shares may come to more than the total. */
function shareOf(total: number, count: number): number {
  return Math.max(1, Math.ceil(total / count));
}
