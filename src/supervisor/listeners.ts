/** Which ports the workers bind, and how many workers can share them. */

import { networkInterfaces } from 'node:os';
import type { Config } from '../config/config.ts';
import { formatEndpoint } from '../lib/endpoint.ts';
import type { Endpoint } from '../lib/endpoint.ts';
import { loadBoundSockets } from '../transport/bound-socket.ts';
import { probePort } from '../transport/probe-port.ts';

export interface Listeners {
  /** What to bind; port 0 is replaced by one that is free for UDP and TCP. */
  readonly listen: readonly Endpoint[];
  readonly workerCount: number;
  /** Where the configuration could not be followed to the letter, one sentence each. */
  readonly remarks: readonly string[];
}

/** @throws AppError `LISTEN_IN_USE` or `LISTEN_FAILED`: a port is never shared by accident */
export async function chooseListeners(config: Config): Promise<Listeners> {
  const remarks: string[] = [];
  const listen: Endpoint[] = [];
  const hasIpv6 = Object.values(networkInterfaces()).some((addresses) =>
    addresses?.some(({ family }) => family === 'IPv6'),
  );
  for (const endpoint of config.listen) {
    const { address, port } = endpoint;
    // The default listens on ::1 too, and many containers have no IPv6 at all.
    if (address.includes(':') && !hasIpv6 && config.listen.length > 1) {
      remarks.push(`${formatEndpoint(endpoint)} is left out: this machine has no IPv6`);
      continue;
    }
    listen.push({ address, port: await probePort(address, port) });
  }
  const { sockets, reason } = await loadBoundSockets();
  if (sockets === null && config.workers > 1) remarks.push(`one worker serves alone: ${reason}`);
  return { listen, workerCount: sockets === null ? 1 : config.workers, remarks };
}
