/** Who is compared, and how each is started: every one a `start`, so that one that fails is missing. */

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { bind } from './peers/bind.ts';
import { dnsdist } from './peers/dnsdist.ts';
import { dnsmasq } from './peers/dnsmasq.ts';
import { knotResolver } from './peers/knot-resolver.ts';
import { pdnsRecursor } from './peers/pdns-recursor.ts';
import { startPeer } from './peers/peer.ts';
import { unboundLocalZones, unboundRpz } from './peers/unbound.ts';
import { restartStairgate, type BenchServer } from './servers.ts';
import type { Workload } from './workload.ts';
import { BASELINE, startBaseline } from './yardsticks.ts';

/** Those that an operator would pick instead; the best of them is what we are held against. */
const PEERS = [unboundLocalZones, unboundRpz, dnsdist, pdnsRecursor, knotResolver, dnsmasq, bind];

export const OURS = 'stairgate';
export const OURS_DGRAM = 'stairgate-dgram';
export const PEER_NAMES = PEERS.map(({ name }) => name);
/** All that `lineup` can start. */
export const SERVER_NAMES = [OURS, OURS_DGRAM, ...PEER_NAMES, BASELINE];

export interface Starter {
  readonly name: string;
  readonly start: () => Promise<BenchServer>;
}

export function lineup(folder: string, workload: Workload, upstreamPort: number): Starter[] {
  const ours = (name: string, config: string): Starter => ({
    name,
    start: () => {
      const own = join(folder, name);
      mkdirSync(own);
      return restartStairgate(own, workload, upstreamPort, { name, config });
    },
  });
  return [
    ours(OURS, ''),
    ours(OURS_DGRAM, 'udp: dgram\n'),
    ...PEERS.map((peer) => ({
      name: peer.name,
      start: () => startPeer(peer, folder, workload, upstreamPort),
    })),
    { name: BASELINE, start: () => startBaseline(workload.listPath, upstreamPort) },
  ];
}
