/**
 * What the messages of a transfer say, record by record (RFC 5936, section 2.2; RFC 1995, section 4):
 *
 *     whole          SOA₉  records…  SOA₉
 *     differences    SOA₉  [ SOA₇ removed…  SOA₈ added… ]  [ SOA₈ removed…  SOA₉ added… ]  SOA₉
 *     nothing new    SOA₇                             the serial that we have, or an older one
 *
 * Asked for differences, a primary may send any of the three; the second record tells. The copy
 * changes as the records come, so it is of use only after `isDone`, and only if nothing was thrown.
 *
 *     start ─▶ choosing ─▶ removing ⇄ adding ─▶ done          serials only rise, and the last is the
 *       │         └─▶ whole ─────────────────▶ done          first, so there is no going in circles
 *       └─ nothing new ──────────────────────▶ done
 */

import {
  CANONICAL_RDATA_BYTES_MAX,
  readSoa,
  type Soa,
  writeCanonicalRdata,
} from '../../dns/canonical-rdata.ts';
import { CLASS_IN, TYPE_SOA } from '../../dns/constants.ts';
import { namesEqual } from '../../dns/name.ts';
import { readRecord, type RecordCursor } from '../../dns/record-cursor.ts';
import { isNewerSerial } from '../../dns/serial.ts';
import { type Asked, readResponseHead } from './response-head.ts';
import { TransferError } from './transfer-error.ts';
import type { ZoneCopy } from './zone-copy.ts';
import { LineWriter } from './zone-line.ts';

type StreamState = 'start' | 'choosing' | 'whole' | 'removing' | 'adding' | 'done';

export type TransferOutcome = 'unchanged' | 'whole' | 'differences';

export class TransferStream {
  readonly #asked: Asked;
  readonly #copy: ZoneCopy;
  /** Of the copy; null where the whole zone was asked for. */
  readonly #serial: number | null;
  readonly #lines: LineWriter;
  readonly #rdata = new Uint8Array(CANONICAL_RDATA_BYTES_MAX);
  #state: StreamState = 'start';
  #outcome: TransferOutcome = 'whole';
  #isFirst = true;
  /** The newest version, which the transfer leads to, and the octets of its SOA. */
  #newest: Soa | null = null;
  #newestRdata: Uint8Array = new Uint8Array(0);
  /** The version that the difference at hand leads from, or to once that is known. */
  #version = 0;

  /**
   * @param copy what is changed: the copy of `serial`, or an empty one
   * @param serial null: the whole zone was asked for
   */
  constructor(asked: Asked, copy: ZoneCopy, serial: number | null) {
    this.#asked = asked;
    this.#copy = copy;
    this.#serial = serial;
    this.#lines = new LineWriter(asked.zone);
  }

  get isDone(): boolean {
    return this.#state === 'done';
  }

  /** Of a stream that is done. */
  get outcome(): TransferOutcome {
    return this.#outcome;
  }

  /** The numbers of the version that the primary has; null before the first message. */
  get soa(): Soa | null {
    return this.#newest;
  }

  /** @throws TransferError; the copy is then of no use */
  accept(message: Uint8Array): void {
    const { answerCount, cursor } = readResponseHead(message, this.#asked, this.#isFirst);
    this.#isFirst = false;
    if (answerCount === 0) throw notTransfer('its message has no records');
    for (let index = 0; index < answerCount; index++) {
      if (!readRecord(cursor)) throw notTransfer('its message is malformed');
      if (this.#state === 'done') throw notTransfer('it sends records after the end');
      if (cursor.type === TYPE_SOA) this.#takeSoa(cursor);
      else this.#takeRecord(cursor);
    }
  }

  #takeRecord(record: RecordCursor): void {
    if (this.#state === 'start') throw notTransfer('its transfer does not begin with an SOA');
    if (this.#state === 'choosing') this.#beginWhole();
    const line = this.#lines.write(record);
    if (line === null) return;
    if (this.#state === 'removing') {
      if (!this.#copy.remove(line)) throw mismatch(`it removes what our copy has not: ${line}`);
    } else if (!this.#copy.add(line) && this.#state === 'adding') {
      throw mismatch(`it adds what our copy has: ${line}`);
    }
  }

  #takeSoa(record: RecordCursor): void {
    const rdata = this.#readRdata(record);
    const soa = readSoa(rdata, rdata.length);
    switch (this.#state) {
      case 'start':
        this.#begin(soa, rdata);
        break;
      case 'choosing':
        if (soa.serial === this.#newest?.serial) {
          // A whole zone without records.
          this.#beginWhole();
          this.#end(rdata);
        } else {
          if (soa.serial !== this.#serial) {
            throw mismatch(`its differences begin at serial ${soa.serial}, which is not ours`);
          }
          this.#outcome = 'differences';
          this.#beginRemoving(soa.serial);
        }
        break;
      case 'removing':
        this.#beginAdding(soa.serial);
        break;
      case 'adding':
        if (this.#version === this.#newest?.serial) {
          this.#end(rdata);
        } else {
          if (soa.serial !== this.#version) {
            throw mismatch(
              `its differences go on from serial ${soa.serial}, not from ${this.#version}`,
            );
          }
          this.#beginRemoving(soa.serial);
        }
        break;
      case 'whole':
        this.#end(rdata);
        break;
      case 'done':
        break;
    }
  }

  #begin(soa: Soa, rdata: Uint8Array): void {
    this.#newest = soa;
    this.#newestRdata = rdata;
    if (this.#serial === null) {
      this.#beginWhole();
    } else if (isNewerSerial(soa.serial, this.#serial)) {
      this.#state = 'choosing';
    } else {
      this.#outcome = 'unchanged';
      this.#state = 'done';
    }
  }

  #beginWhole(): void {
    this.#copy.clear();
    this.#outcome = 'whole';
    this.#state = 'whole';
  }

  #beginRemoving(serial: number): void {
    this.#version = serial;
    this.#state = 'removing';
  }

  #beginAdding(serial: number): void {
    const newest = this.#newest?.serial ?? 0;
    const isForward = isNewerSerial(serial, this.#version) && !isNewerSerial(serial, newest);
    if (!isForward) throw mismatch(`its differences go from serial ${this.#version} to ${serial}`);
    this.#version = serial;
    this.#state = 'adding';
  }

  #end(rdata: Uint8Array): void {
    if (Buffer.compare(rdata, this.#newestRdata) !== 0) {
      throw notTransfer('its transfer ends with another SOA than it began with');
    }
    this.#state = 'done';
  }

  #readRdata(record: RecordCursor): Uint8Array {
    const isOfZone = record.class === CLASS_IN && namesEqual(record.owner, 0, this.#asked.zone, 0);
    const length = isOfZone ? writeCanonicalRdata(record, this.#rdata) : -1;
    if (length < 0) throw notTransfer('it sends an SOA that is not the zone’s or is malformed');
    return this.#rdata.slice(0, length);
  }
}

function notTransfer(what: string): TransferError {
  return new TransferError('protocol', what);
}

function mismatch(what: string): TransferError {
  return new TransferError('mismatch', what);
}
