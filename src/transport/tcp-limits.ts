/** What TCP clients may take, each an option of the server. All are per listening socket. */

export interface TcpLimits {
  /** Connections in all. Over it the one idle longest is closed, or the new one if none is idle. */
  readonly connectionsMax: number;
  /** Connections of one client network: an IPv4 address or an IPv6 /56. */
  readonly connectionsPerClientMax: number;
  /** Queries of one connection that await a response; at this number its input is not read on. */
  readonly inFlightMax: number;
  /** From a query or a response to the close of a connection on which nothing more happens. */
  readonly idleTimeoutMs: number;
  /** From the first octet of a message to its last. */
  readonly messageTimeoutMs: number;
  /** Octets of responses that one connection leaves unread before it is reset. */
  readonly unreadBytesMax: number;
  /** How long responses may lie unread before the connection is reset. */
  readonly unreadTimeoutMs: number;
  /** Connections whose responses lie unread, at one time; the next is reset. */
  readonly unreadConnectionsMax: number;
  /** Octets of unfinished and waiting queries of all connections; the next that needs more is closed. */
  readonly inputBytesMax: number;
  /** After this a query without a response no longer counts as in flight: none comes any more. */
  readonly inFlightExpiryMs: number;
  /** From our end of the stream to the client's, before the connection is torn down. */
  readonly lingerMs: number;
  /** How often deadlines are looked at: they are met up to this much late. */
  readonly sweepMs: number;
}

/** At most 64 MiB of unread responses (256 × 256 KiB) and 16 MiB of input, whatever clients do. */
export const TCP_LIMITS: TcpLimits = {
  connectionsMax: 2048,
  connectionsPerClientMax: 512,
  inFlightMax: 100,
  idleTimeoutMs: 20_000,
  messageTimeoutMs: 5_000,
  unreadBytesMax: 256 * 1024,
  unreadTimeoutMs: 10_000,
  unreadConnectionsMax: 256,
  inputBytesMax: 16 * 1024 * 1024,
  inFlightExpiryMs: 10_000,
  lingerMs: 1_000,
  sweepMs: 500,
};
