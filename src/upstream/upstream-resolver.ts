/** One upstream resolver: where it is, how it fares, and the two ways to it. */

import type { Endpoint } from '../lib/endpoint.ts';
import { isIpv4Words, parseIpAddress } from '../lib/ip-address.ts';
import { type CarrierContext, UdpCarrier } from './exchanges.ts';
import { UpstreamHealth } from './health.ts';
import { TcpCarrier } from './tcp-exchange.ts';

export class UpstreamResolver {
  readonly endpoint: Endpoint;
  /** AD is believed only over a link that nobody can write to: loopback. */
  readonly isTrusted: boolean;
  readonly health = new UpstreamHealth();
  readonly udp: UdpCarrier;
  readonly tcp: TcpCarrier;

  constructor(endpoint: Endpoint, context: CarrierContext) {
    this.endpoint = endpoint;
    this.isTrusted = isLoopback(endpoint.address);
    this.udp = new UdpCarrier(endpoint, context);
    this.tcp = new TcpCarrier(endpoint, context);
  }

  close(): void {
    this.udp.close();
    this.tcp.close();
  }
}

function isLoopback(address: string): boolean {
  const words = parseIpAddress(address);
  if (words === null) return false;
  if (isIpv4Words(words)) return words[3] >>> 24 === 127;
  return words[0] === 0 && words[1] === 0 && words[2] === 0 && words[3] === 1;
}
