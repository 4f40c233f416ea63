/**
 * One look at a zone: is there a newer version, and if so, take it. The primaries are asked in turn;
 * the first that can help is enough.
 *
 *     SOA of a primary ──┬─ our serial ───────────▶ nothing new
 *                        ├─ an older one ─────────▶ the next primary: this one has gone back
 *                        ├─ a newer one ──▶ transfer ──▶ a content
 *                        └─ no answer, or a wrong one ──▶ the next primary
 */

import type { Soa } from '../dns/canonical-rdata.ts';
import { isNewerSerial } from '../dns/serial.ts';
import { type Endpoint, formatEndpoint } from '../lib/endpoint.ts';
import { AppError, messageOf } from '../lib/errors.ts';
import type { BaseCopy, TransferDone } from '../lists/transfer/run-transfer.ts';
import { boundTimers } from '../lists/transfer/soa-timers.ts';
import type { TsigKey } from '../lists/transfer/tsig.ts';
import type { ZoneCopyState } from '../store/list-states.ts';

/** For all primaries together: one that sends slowly does not keep other zones waiting for hours. */
const LOOK_SECONDS_MAX = 1_800;

export interface LookedZone {
  readonly zone: string;
  readonly endpoints: readonly Endpoint[];
  readonly key: TsigKey | null;
}

export interface LookTools {
  readonly askSoa: (zone: LookedZone, endpoint: Endpoint) => Promise<Soa>;
  readonly transfer: (
    zone: LookedZone,
    endpoint: Endpoint,
    base: BaseCopy | null,
    totalMs: number,
  ) => Promise<TransferDone>;
  readonly nowSeconds: () => number;
}

export interface LookResult {
  readonly copy: ZoneCopyState;
  readonly endpoint: Endpoint;
  /** Null: the primary has nothing newer. */
  readonly done: TransferDone | null;
}

/**
 * @param base the newest copy, where it is on the disk; null: the zone is taken whole
 * @throws AppError `TRANSFER_FAILED` with what was wrong with each primary
 */
export async function lookAtZone(
  zone: LookedZone,
  base: BaseCopy | null,
  tools: LookTools,
): Promise<LookResult> {
  const { endpoints } = zone;
  const faults: string[] = [];
  const endSeconds = tools.nowSeconds() + LOOK_SECONDS_MAX;
  for (const [index, endpoint] of endpoints.entries()) {
    // An equal share of it, and what those before did not need.
    const secondsLeft = endSeconds - tools.nowSeconds();
    if (secondsLeft <= 0) {
      faults.push(`${formatEndpoint(endpoint)}: the others took all the time`);
      continue;
    }
    const totalMs = (secondsLeft * 1000) / (endpoints.length - index);
    try {
      return await lookAtPrimary(zone, endpoint, base, totalMs, tools);
    } catch (error) {
      faults.push(`${formatEndpoint(endpoint)}: ${messageOf(error)}`);
    }
  }
  const message = `Transferring the zone ${zone.zone}: ${faults.join(' · ')}`;
  throw new AppError('TRANSFER_FAILED', message, { faults });
}

async function lookAtPrimary(
  zone: LookedZone,
  endpoint: Endpoint,
  base: BaseCopy | null,
  totalMs: number,
  { askSoa, transfer, nowSeconds }: LookTools,
): Promise<LookResult> {
  const soa = await askSoa(zone, endpoint);
  if (base?.serial === soa.serial) {
    const copy = stateOf(zone, base.contentSha256, soa, nowSeconds());
    return { copy, endpoint, done: null };
  }
  if (base !== null && !isNewerSerial(soa.serial, base.serial)) throw goneBack(soa, base);
  const done = await transfer(zone, endpoint, base, totalMs);
  // It may have gone back in between.
  const isOlder = done.outcome === 'unchanged' && done.soa.serial !== base?.serial;
  if (base !== null && isOlder) throw goneBack(done.soa, base);
  return { copy: stateOf(zone, done.contentSha256, done.soa, nowSeconds()), endpoint, done };
}

function goneBack({ serial }: Soa, base: BaseCopy): AppError {
  return new AppError(
    'TRANSFER_FAILED',
    `it has gone back to serial ${serial} from ours, ${base.serial}; where that is meant, update the list by hand, which takes the zone whole`,
  );
}

function stateOf(
  { zone }: LookedZone,
  contentSha256: string,
  soa: Soa,
  reachedAt: number,
): ZoneCopyState {
  return { zone, contentSha256, serial: soa.serial, ...boundTimers(soa), reachedAt };
}
