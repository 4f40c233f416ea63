/** What forwarding counts; plain numbers that only grow. */

export interface ForwardCounters {
  /** Questions given to the forwarder. */
  questions: number;
  /** Queries sent, over UDP and TCP. */
  attempts: number;
  tcpAttempts: number;
  probes: number;
  /** Verified responses. */
  responses: number;
  /** Of these, cut ones (TC). */
  truncated: number;
  /** Attempts that waited longer than their upstream usually takes. */
  timeouts: number;
  /** Attempts that the network or a full table ended. */
  losses: number;
  /** Packets that were not the answer to anything that waited: forged, late, malformed. */
  strays: number;
  /** Attempts whose answer came in another case only. */
  caseMismatches: number;
  /** Questions that ended without a response. */
  failures: number;
  /** Questions given up, the oldest first, because too many were under way. */
  overloads: number;
  /** Exceptions in handling a packet. */
  faults: number;
}

export function createForwardCounters(): ForwardCounters {
  return {
    questions: 0,
    attempts: 0,
    tcpAttempts: 0,
    probes: 0,
    responses: 0,
    truncated: 0,
    timeouts: 0,
    losses: 0,
    strays: 0,
    caseMismatches: 0,
    failures: 0,
    overloads: 0,
    faults: 0,
  };
}
