/**
 * One transfer from its query to a content file: the differences to the copy that there is, and
 * where these do not fit or are not to be had, the whole zone.
 *
 *     copy and its serial ─▶ IXFR ─┬─────────────────▶ lines ─▶ DATA_DIR/lists/<sha256>
 *     none, or damaged ───▶ AXFR ◀─┘ mismatch, refused
 */

import { Readable } from 'node:stream';
import type { Soa } from '../../dns/canonical-rdata.ts';
import { isNewerSerial } from '../../dns/serial.ts';
import { assert } from '../../lib/assert.ts';
import { systemClock } from '../../lib/clock.ts';
import type { Endpoint } from '../../lib/endpoint.ts';
import { messageOf } from '../../lib/errors.ts';
import { ListContents } from '../../store/list-contents.ts';
import type { ConversationLimits } from './converse.ts';
import { askTransfer, type Primary, wireZone } from './primary.ts';
import { TransferError } from './transfer-error.ts';
import type { TransferStream } from './transfer-stream.ts';
import type { TsigKey } from './tsig.ts';
import { type CopyLimits, ZoneCopy } from './zone-copy.ts';

/** A copy of the zone that is on the disk. */
export interface BaseCopy {
  readonly contentSha256: string;
  readonly serial: number;
}

export interface TransferJob {
  readonly dataDir: string;
  readonly zone: string;
  readonly endpoint: Endpoint;
  readonly key: TsigKey | null;
  /** Null: the whole zone is taken. */
  readonly base: BaseCopy | null;
  readonly limits: CopyLimits & ConversationLimits;
}

export interface TransferDone {
  /** What came: nothing, the whole zone, or differences. */
  readonly outcome: 'unchanged' | 'whole' | 'differences';
  readonly soa: Soa;
  readonly contentSha256: string;
  readonly recordCount: number;
  /** Why the whole zone was taken though there was a copy; null where it was not. */
  readonly wholeBecause: string | null;
}

/** @throws TransferError, or AppError `STORE_UNWRITABLE` */
export async function runTransfer(job: TransferJob): Promise<TransferDone> {
  const { base, limits } = job;
  const primary: Primary = {
    endpoint: job.endpoint,
    zone: wireZone(job.zone),
    key: job.key,
    clock: systemClock,
  };
  const contents = new ListContents(job.dataDir);
  const copy = new ZoneCopy(limits);
  let wholeBecause: string | null = null;
  if (base !== null) {
    wholeBecause = await readBase(copy, contents, base, primary.zone);
    if (wholeBecause === null) {
      try {
        const stream = await askTransfer(primary, copy, base.serial, limits);
        return await save(stream, copy, base, { contents, zone: primary.zone, wholeBecause });
      } catch (error) {
        if (!(error instanceof TransferError) || !error.mayAskForWhole) throw error;
        wholeBecause = error.message;
      }
    }
    copy.clear();
  }
  const stream = await askTransfer(primary, copy, null, limits);
  return save(stream, copy, base, { contents, zone: primary.zone, wholeBecause });
}

/** Returns why the copy is of no use, null where it is read. */
async function readBase(
  copy: ZoneCopy,
  contents: ListContents,
  { contentSha256 }: BaseCopy,
  zone: Uint8Array,
): Promise<string | null> {
  try {
    const isWhole = await copy.read(contents.pathOf(contentSha256), contentSha256, zone);
    return isWhole ? null : 'our copy is damaged or of another zone';
  } catch (error) {
    return `our copy cannot be read: ${messageOf(error)}`;
  }
}

interface Target {
  readonly contents: ListContents;
  readonly zone: Uint8Array;
  readonly wholeBecause: string | null;
}

async function save(
  stream: TransferStream,
  copy: ZoneCopy,
  base: BaseCopy | null,
  { contents, zone, wholeBecause }: Target,
): Promise<TransferDone> {
  const { soa } = stream;
  assert(soa !== null, 'a stream that is done has an SOA');
  const recordCount = copy.recordCount;
  // A primary that went back to an old version must not take us along.
  if (base !== null && !isNewerSerial(soa.serial, base.serial)) {
    const { contentSha256 } = base;
    return { outcome: 'unchanged', soa, contentSha256, recordCount, wholeBecause };
  }
  const { sha256: contentSha256 } = await contents.take(Readable.from(copy.pieces(zone)));
  return { outcome: stream.outcome, soa, contentSha256, recordCount, wholeBecause };
}
