/**
 * What the resolver asks of whoever talks to upstream resolvers. The contract lives here, on the
 * resolver's floor; `upstream/` implements it above, and tests put a script in its place.
 */

/** No upstream answered in time. */
export const FORWARD_TIMEOUT = 1;
/** No upstream could be reached: refused, unreachable, no socket. */
export const FORWARD_NETWORK_ERROR = 2;
/** Upstreams answered, but with nothing that can be used (REFUSED, malformed, forged). */
export const FORWARD_BAD_RESPONSES = 3;
/** Too many questions are under way, and this one was the oldest. */
export const FORWARD_OVERLOADED = 4;

export type ForwardCause =
  | typeof FORWARD_TIMEOUT
  | typeof FORWARD_NETWORK_ERROR
  | typeof FORWARD_BAD_RESPONSES
  | typeof FORWARD_OVERLOADED;

export interface ForwardQuestion {
  /** Index of the upstream group: 0 the default, others those of forward zones. */
  readonly group: number;
  /** Lower-cased wire form; the forwarder reads it until it has called back. */
  readonly name: Uint8Array;
  readonly nameLength: number;
  readonly type: number;
  readonly isDnssecOk: boolean;
  readonly isCheckingDisabled: boolean;
}

export interface Forwarder {
  /**
   * Asks upstream. Never throws and never calls back before it returns.
   * @param pending the resolver's number for this question, handed back in the result
   */
  forward(pending: number, question: ForwardQuestion): void;
}

/** `onResponse` or `onFailure` is called exactly once for each `forward`, `onSlow` at most once before it. */
export interface ForwardResult {
  /**
   * A verified response: address, port, ID, QR, opcode and question agree, and its records lie
   * within it. RCODE is NOERROR, NXDOMAIN, YXDOMAIN or, where no upstream did better, SERVFAIL.
   * The question's name is lower-case again; owner names may carry the 0x20 case.
   *
   * @param bytes the message from offset 0; the callee's until it returns, it may write to it
   * @param isUpstreamAuthentic the upstream set AD and the link to it is trusted (loopback)
   */
  onResponse(
    pending: number,
    bytes: Uint8Array,
    length: number,
    isUpstreamAuthentic: boolean,
  ): void;
  onFailure(pending: number, cause: ForwardCause): void;
  /** 1.8 s have passed and the wait goes on: time to serve stale (RFC 8767, section 5). */
  onSlow(pending: number): void;
}
