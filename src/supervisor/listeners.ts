/** Which ports the workers bind, how many workers can share them, and how they read UDP. */

import { networkInterfaces } from 'node:os';
import type { Config } from '../config/config.ts';
import { formatEndpoint } from '../lib/endpoint.ts';
import type { Endpoint } from '../lib/endpoint.ts';
import { AppError } from '../lib/errors.ts';
import { loadLibc } from '../transport/libc.ts';
import { probePort } from '../transport/probe-port.ts';
import type { UdpMode } from '../worker/messages.ts';

export interface Listeners {
  /** What to bind; port 0 is replaced by one that is free for UDP and TCP. */
  readonly listen: readonly Endpoint[];
  readonly workerCount: number;
  readonly udp: UdpMode;
  /** Where the configuration could not be followed to the letter, one sentence each. */
  readonly remarks: readonly string[];
}

/**
 * @throws AppError `LISTEN_IN_USE` or `LISTEN_FAILED`: a port is never shared by accident;
 *   `UDP_BATCH_UNAVAILABLE` where the configuration insists on batches
 */
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
  const { libc, reason } = await loadLibc();
  if (libc !== null) {
    const udp = config.udp === 'dgram' ? 'dgram' : 'batch';
    return { listen, workerCount: config.workers, udp, remarks };
  }
  if (config.udp === 'batch') {
    const message = `Serving UDP in batches, as the key "udp" says: ${reason}; valid here: udp: auto`;
    throw new AppError('UDP_BATCH_UNAVAILABLE', message);
  }
  remarks.push(`one worker serves alone, a UDP packet at a time: ${reason}`);
  return { listen, workerCount: 1, udp: 'dgram', remarks };
}
