/** What is known, while the server runs, of a list that is a zone of another server; and how it is shown. */

import { isDeepStrictEqual } from 'node:util';
import { assert } from '../lib/assert.ts';
import { type Endpoint, formatEndpoint, parseEndpoint } from '../lib/endpoint.ts';
import { wireZone } from '../lists/transfer/primary.ts';
import type { ListState } from '../store/list-states.ts';
import type { ListUpdateState, MetricSample } from './control-plane-contract.ts';

const DNS_PORT = 53;
const NO_PROGRESS = {
  octets: 0,
  octetsTotal: null,
  unpackedOctets: 0,
  lines: 0,
  names: null,
  secondsLeft: null,
};

/** A list that is a zone of another server. */
export interface ZoneSource {
  readonly list: string;
  readonly zone: string;
  /** Each with its port. */
  readonly primaries: readonly string[];
  readonly tsigKey: string | null;
  readonly state: ListState;
}

export type LastLook = NonNullable<ListUpdateState['last']>;

export interface TransferredZone {
  readonly source: ZoneSource;
  readonly endpoints: readonly Endpoint[];
  readonly wire: Uint8Array;
  state: ListState;
  /** By the monotonic clock. */
  dueAtMs: number;
  /** Before then no NOTIFY leads to a look. */
  restUntilMs: number;
  phase: ListUpdateState['phase'];
  startedAtMs: number;
  /** Who asked for it by hand; then it is taken whole. */
  wantedBy: string | null;
  /** Looks that have ended since the start. */
  runs: number;
  last: LastLook | null;
  isExpiryTold: boolean;
}

/** @param known what was known of it as it was before; undefined: nothing */
export function createZone(
  source: ZoneSource,
  known: TransferredZone | undefined,
  dueAtMs: number,
): TransferredZone {
  return {
    source,
    endpoints: source.primaries.map(endpointOf),
    wire: wireZone(source.zone),
    state: stateOfZone(source.state),
    dueAtMs,
    restUntilMs: Number.NEGATIVE_INFINITY,
    phase: 'idle',
    startedAtMs: 0,
    wantedBy: null,
    runs: known === undefined ? 0 : runsAfter(known),
    last: null,
    isExpiryTold: false,
  };
}

/**
 * Of an address or a file that the list had, nothing but when it was last good: once the zone has given a
 * content, "not modified" from that address would say nothing of it any more.
 */
function stateOfZone(state: ListState): ListState {
  if (state.url === undefined) return state;
  const { checkedAt } = state;
  return { ...(checkedAt === undefined ? {} : { checkedAt }), failures: 0, lastError: null };
}

export function isLooking({ phase }: TransferredZone): boolean {
  return phase !== 'idle' && phase !== 'waiting';
}

/** Whether no primary has confirmed the copy for the `expire` of its SOA. */
export function isExpired({ state: { zone } }: TransferredZone, nowSeconds: number): boolean {
  return zone !== undefined && nowSeconds - zone.reachedAt > zone.expireSeconds;
}

/** What the state says of it is another matter. */
export function isSameSource(a: ZoneSource, b: ZoneSource): boolean {
  return isDeepStrictEqual({ ...a, state: null }, { ...b, state: null });
}

export function updateStateOf(zone: TransferredZone): ListUpdateState {
  const { source, endpoints, phase, runs, startedAtMs, last } = zone;
  const { checkedAt, nextAt, failures, lastError } = zone.state;
  const startedAt = new Date(startedAtMs).toISOString();
  return {
    list: source.list,
    source: `zone ${source.zone} of ${endpoints.map(formatEndpoint).join(', ')}`,
    phase,
    run: runs,
    // How long a zone is, nobody says before its end.
    progress: isLooking(zone) ? { ...NO_PROGRESS, startedAt } : null,
    checkedAt: timeText(checkedAt),
    nextAt: timeText(nextAt),
    failures,
    lastError,
    last,
  };
}

export function zoneSamples(zone: TransferredZone, nowSeconds: number): MetricSample[] {
  const { list } = zone.source;
  const gauge = (name: string, help: string, value: number): MetricSample => ({
    name: `stairgate_zone_${name}`,
    help,
    kind: 'gauge',
    labels: { list },
    value,
  });
  const { zone: copy, failures } = zone.state;
  const expired = 'Whether no primary has confirmed the copy for the expire of its SOA';
  const reached = 'When a primary last confirmed the copy';
  return [
    gauge('expired', expired, isExpired(zone, nowSeconds) ? 1 : 0),
    gauge('reached_timestamp_seconds', reached, copy?.reachedAt ?? 0),
    gauge('serial', 'Serial of the newest copy', copy?.serial ?? 0),
    gauge('failures', 'Looks in a row that failed', failures),
  ];
}

export function timeText(seconds: number | undefined): string | null {
  return seconds === undefined ? null : new Date(seconds * 1000).toISOString();
}

/** Of a zone whose settings change: whoever waits for a look at what it was waits no longer. */
function runsAfter(zone: TransferredZone): number {
  return zone.runs + (isLooking(zone) || zone.wantedBy !== null ? 1 : 0);
}

/** The document has been checked. */
function endpointOf(text: string): Endpoint {
  const endpoint = parseEndpoint(text, DNS_PORT);
  assert(endpoint !== null, 'primaries are checked with the document');
  return endpoint;
}
