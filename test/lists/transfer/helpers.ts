/** Short forms for the transfer tests. */

import { TransferStream } from '../../../src/lists/transfer/transfer-stream.ts';
import { type CopyLimits, ZoneCopy } from '../../../src/lists/transfer/zone-copy.ts';
import { soa, type TestRecord, wire, zoneMessage } from '../../support/zone-messages.ts';

export const ZONE = 'rpz.example';
export const AXFR = 252;
export const IXFR = 251;
export const COPY_LIMITS: CopyLimits = { recordsMax: 1_000, bytesMax: 1_000_000 };
const ID = 7;

/** A copy that holds these lines. */
export function copyOf(lines: Iterable<string>, limits = COPY_LIMITS): ZoneCopy {
  const copy = new ZoneCopy(limits);
  for (const line of lines) copy.add(line);
  return copy;
}

/** What the file of a copy holds besides its head, line by line. */
export function linesOf(copy: ZoneCopy): string[] {
  const text = Buffer.concat([...copy.pieces(wire(ZONE))]).toString('latin1');
  return text.split('\n').slice(2, -1);
}

/** Messages of a transfer, each with its share of the records. */
export function transferMessages(
  type: number,
  records: readonly TestRecord[],
  perMessage = records.length,
): Buffer[] {
  const messages: Buffer[] = [];
  for (let at = 0; at < records.length; at += perMessage) {
    const share = records.slice(at, at + perMessage);
    const hasQuestion = at === 0 || at % 2 === 0;
    messages.push(zoneMessage({ id: ID, zone: ZONE, type, records: share, hasQuestion }));
  }
  return messages;
}

/** Gives the messages to a new stream; throws what it throws. */
export function receive(
  messages: readonly Uint8Array[],
  copy: ZoneCopy,
  serial: number | null,
): TransferStream {
  const type = serial === null ? AXFR : IXFR;
  const stream = new TransferStream({ id: ID, zone: wire(ZONE), type }, copy, serial);
  for (const message of messages) stream.accept(message);
  return stream;
}

/** Differences from version to version, as a primary sends them. */
export function differences(
  versions: readonly {
    readonly serial: number;
    readonly removed: readonly TestRecord[];
    readonly added: readonly TestRecord[];
  }[],
  from: number,
): TestRecord[] {
  const newest = soa(versions.at(-1)?.serial ?? from);
  const records = [newest];
  let before = from;
  for (const { serial, removed, added } of versions) {
    records.push(soa(before), ...removed, soa(serial), ...added);
    before = serial;
  }
  return [...records, newest];
}
