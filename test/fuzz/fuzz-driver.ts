/**
 * The query path driven a million times: the resolver of the harness with batches that are used
 * again and again, and late responses as octets that are checked as strictly as the others.
 */

import { parseIpAddress } from '../../src/lib/ip-address.ts';
import { createPacketBatch, TCP_SLOT_BYTES, UDP_SLOT_BYTES } from '../../src/lib/packet-batch.ts';
import { resolveQuery } from '../../src/resolver/resolve-query.ts';
import type { Resolver } from '../../src/resolver/resolver.ts';
import {
  KIDS,
  ResolverHarness,
  type Forwarded,
  type HarnessOptions,
} from '../support/resolver-harness.ts';

export interface LateOctets {
  readonly port: number;
  readonly bytes: Uint8Array;
}

/** What stands in slots that the query does not fill: a reader that goes too far meets this. */
const GUARD = 0xa5;

export class FuzzDriver {
  readonly harness: ResolverHarness;
  readonly resolver: Resolver;
  /** Responses to parked clients since the last `takeLate`. */
  #late: LateOctets[] = [];
  /** The second slot of three, so that offsets and overruns show. */
  readonly #udp = createPacketBatch({
    slotCount: 3,
    slotBytes: UDP_SLOT_BYTES,
    transport: 0,
    isStream: false,
  });
  readonly #tcp = createPacketBatch({
    slotCount: 1,
    slotBytes: TCP_SLOT_BYTES,
    transport: 1,
    isStream: true,
  });
  readonly #client = parseIpAddress(KIDS)!;

  constructor(options: HarnessOptions) {
    this.harness = new ResolverHarness(options);
    this.resolver = {
      ...this.harness.resolver,
      sendLate: (_transport, _route, _addresses, _at, port, bytes, length) => {
        this.#late.push({ port, bytes: bytes.slice(0, length) });
      },
    };
    this.#udp.bytes.fill(GUARD);
  }

  get forwarded(): Forwarded[] {
    return this.harness.forwarded;
  }

  /** The outcome of `resolveQuery`; the response is a view that the next call overwrites. */
  resolve(query: Uint8Array, length: number, port: number, isStream: boolean): Uint8Array | number {
    const batch = isStream ? this.#tcp : this.#udp;
    const slot = isStream ? 0 : 1;
    const at = slot * batch.slotBytes;
    for (let index = 0; index < length; index++) batch.bytes[at + index] = query[index]!;
    batch.lengths[slot] = length;
    batch.addresses.set(this.#client, slot * 4);
    batch.ports[slot] = port;
    batch.nowMs[0] = this.harness.nowMs;
    batch.nowSeconds = this.harness.nowSeconds;
    const outcome = resolveQuery(this.resolver, batch, slot);
    return outcome > 0 ? batch.bytes.subarray(at, at + outcome) : outcome;
  }

  /** False where an octet outside the query's own slot was written. */
  areNeighboursWhole(): boolean {
    const { bytes, slotBytes } = this.#udp;
    return (
      bytes.subarray(0, slotBytes).every((octet) => octet === GUARD) &&
      bytes.subarray(slotBytes * 2).every((octet) => octet === GUARD)
    );
  }

  takeLate(): LateOctets[] {
    const late = this.#late;
    this.#late = [];
    return late;
  }
}
