/**
 * A batch of queries in memory that is allocated once: where a transport puts what it received and
 * where the query path leaves what is to be sent, in place.
 *
 *     bytes      │ slot 0: query, then its response │ slot 1 │ …      slotBytes each
 *     lengths    octets received; then octets to send, `ANSWERED_LATER` or `NEVER_ANSWERED`
 *     addresses  four 32-bit words a slot: the source as IPv6, IPv4 as ::ffff:a.b.c.d
 *     ports      source port
 *     routes     a number that the transport understands when a late response is sent
 *
 * The transport owns the batch; the query path may use a slot only until it returns.
 */

export interface PacketBatch {
  readonly slotCount: number;
  /** Octets of a slot: the longest query that is taken and the longest response that fits. */
  readonly slotBytes: number;
  readonly bytes: Uint8Array;
  readonly lengths: Int32Array;
  readonly addresses: Uint32Array;
  readonly ports: Uint16Array;
  readonly routes: Uint32Array;
  /** Index of the transport in the worker's table, for responses that come later. */
  readonly transport: number;
  /** True on TCP: the response may fill the slot; false on UDP: EDNS decides. */
  readonly isStream: boolean;
  /**
   * Monotonic milliseconds, read once a batch. One number in an array, since a fraction in a field
   * is boxed wherever V8 has seen batches of more than one shape: 16 octets a query.
   */
  readonly nowMs: Float64Array;
  /** Whole seconds since the Unix epoch, read once a batch. */
  nowSeconds: number;
}

/** Nothing to send now: the query is parked and its response comes through the transport's `send`. */
export const ANSWERED_LATER = 0;
/** Silence for good. */
export const NEVER_ANSWERED = -1;

/** Octets of a UDP slot: no query or response over UDP is longer. */
export const UDP_SLOT_BYTES = 4096;
/** Octets of a TCP slot: the longest DNS message (RFC 7766, section 8). */
export const TCP_SLOT_BYTES = 65_535;

/** @param options.bytes memory for the slots, where the transport has its own */
export function createPacketBatch(options: {
  slotCount: number;
  slotBytes: number;
  transport: number;
  isStream: boolean;
  bytes?: Uint8Array;
}): PacketBatch {
  const { slotCount, slotBytes, transport, isStream } = options;
  return {
    slotCount,
    slotBytes,
    bytes: options.bytes ?? new Uint8Array(slotCount * slotBytes),
    lengths: new Int32Array(slotCount),
    addresses: new Uint32Array(slotCount * 4),
    ports: new Uint16Array(slotCount),
    routes: new Uint32Array(slotCount),
    transport,
    isStream,
    nowMs: new Float64Array(1),
    nowSeconds: 0,
  };
}
