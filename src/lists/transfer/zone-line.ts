/**
 * A record of a zone as one line of a zone file, always the same for the same record:
 *
 *     bad.example CNAME .                  owner relative to the zone, lower-cased
 *     *.ads.example CNAME rpz-passthru.    targets absolute
 *     odd.example A 192.0.2.1
 *     odd.example TYPE16 \# 3 026869       every other type as octets (RFC 3597, section 5)
 *
 * TTLs are left out: how long a block may be kept is the plan's to say, and a version that differs in
 * nothing else is none. Everything but letters, digits and a few signs is escaped, so a name cannot
 * begin a line or a comment of its own.
 */

import { CANONICAL_RDATA_BYTES_MAX, writeCanonicalRdata } from '../../dns/canonical-rdata.ts';
import {
  CLASS_IN,
  TYPE_A,
  TYPE_AAAA,
  TYPE_CDNSKEY,
  TYPE_CDS,
  TYPE_CNAME,
  TYPE_DNSKEY,
  TYPE_META_FIRST,
  TYPE_META_LAST,
  TYPE_NSEC,
  TYPE_NSEC3,
  TYPE_NSEC3PARAM,
  TYPE_OPT,
  TYPE_RRSIG,
  TYPE_SOA,
  TYPE_ZONEMD,
} from '../../dns/constants.ts';
import { labelsToText, nameLength, namesEqual, nameToText } from '../../dns/name.ts';
import { rdataToText } from '../../dns/rdata-text.ts';
import type { RecordCursor } from '../../dns/record-cursor.ts';
import { formatRecordType } from '../../dns/record-type.ts';
import { TransferError } from './transfer-error.ts';

/**
 * What is of the zone and not of its rules, and differs in every version: its signatures, its digest.
 * The SOA is kept apart, with the state of the transfer.
 */
const LEFT_OUT = new Set([
  TYPE_SOA,
  TYPE_RRSIG,
  TYPE_NSEC,
  TYPE_NSEC3,
  TYPE_NSEC3PARAM,
  TYPE_DNSKEY,
  TYPE_CDS,
  TYPE_CDNSKEY,
  TYPE_ZONEMD,
]);
/** Local data are no rules of ours; past this they only make lines that no list has. */
const RDATA_BYTES_KEPT = 1024;
const DOT = 0x2e;

/** Escaped, the longest owner and the longest data together stay far below this. */
const LINE_BYTES_MAX = 8192;
const PLAIN = createPlainOctets();

export class LineWriter {
  readonly #zone: Uint8Array;
  readonly #rdata = new Uint8Array(CANONICAL_RDATA_BYTES_MAX);
  /** Where a line is put together: a million strings that were grown by octets need several times the room. */
  readonly #line = Buffer.alloc(LINE_BYTES_MAX);

  /** @param zone wire form, lower-cased */
  constructor(zone: Uint8Array) {
    this.#zone = zone;
  }

  /**
   * @returns null for what is left out: always the same records, so that differences still fit
   * @throws TransferError `protocol` where the record cannot be of the zone
   */
  write(record: RecordCursor): string | null {
    const { type } = record;
    const ownerLength = this.#writeOwner(record);
    if (record.class !== CLASS_IN || isMeta(type)) {
      throw notTransfer(`it sends a record that no zone has, ${describe(record)}`);
    }
    if (LEFT_OUT.has(type)) return null;
    const rdataLength = writeCanonicalRdata(record, this.#rdata);
    if (rdataLength < 0) throw notTransfer(`it sends a malformed record, ${describe(record)}`);
    if (type !== TYPE_CNAME && rdataLength > RDATA_BYTES_KEPT) return null;
    const data =
      type === TYPE_CNAME
        ? ` CNAME ${targetText(this.#rdata)}`
        : ` ${dataText(type, this.#rdata, rdataLength)}`;
    const length = ownerLength + this.#line.write(data, ownerLength, 'latin1');
    return this.#line.toString('latin1', 0, length);
  }

  /** Writes the owner, relative to the zone, at the start of the line; returns its length. */
  #writeOwner({ owner, ownerLength }: RecordCursor): number {
    const apexAt = ownerLength - this.#zone.length;
    let at = 0;
    while (at < apexAt) at += (owner[at] ?? 0) + 1;
    if (at !== apexAt || !namesEqual(this.#zone, 0, owner, apexAt)) {
      throw notTransfer(`it sends a record of outside the zone, ${nameToText(owner)}`);
    }
    if (apexAt === 0) return this.#line.write('@', 'latin1');
    return copyPlainLabels(owner, apexAt, this.#line)
      ? apexAt - 1
      : this.#line.write(labelsToText(owner, 0, apexAt), 'latin1');
  }
}

/** Copies labels with dots between them; false where an octet of them has to be escaped. */
function copyPlainLabels(owner: Uint8Array, end: number, out: Uint8Array): boolean {
  let labelEnd = owner[0] ?? 0;
  for (let at = 1; at < end; at++) {
    const octet = owner[at] ?? 0;
    if (at > labelEnd) {
      out[at - 1] = DOT;
      labelEnd = at + octet;
      continue;
    }
    if (PLAIN[octet] !== 1) return false;
    out[at - 1] = octet;
  }
  return true;
}

function createPlainOctets(): Uint8Array {
  const plain = new Uint8Array(256);
  for (const octet of Buffer.from('abcdefghijklmnopqrstuvwxyz0123456789-_*')) plain[octet] = 1;
  return plain;
}

function describe({ owner, type }: RecordCursor): string {
  return `${nameToText(owner)} ${formatRecordType(type)}`;
}

function isMeta(type: number): boolean {
  return type === TYPE_OPT || (type >= TYPE_META_FIRST && type <= TYPE_META_LAST);
}

function targetText(rdata: Uint8Array): string {
  return nameLength(rdata) === 1 ? '.' : `${nameToText(rdata)}.`;
}

function dataText(type: number, rdata: Uint8Array, length: number): string {
  const data = rdata.subarray(0, length);
  // Their length has been checked with their shape.
  if (type === TYPE_A || type === TYPE_AAAA) {
    return `${formatRecordType(type)} ${rdataToText(type, data)}`;
  }
  return `TYPE${type} \\# ${length} ${Buffer.from(data).toString('hex')}`.trimEnd();
}

function notTransfer(what: string): TransferError {
  return new TransferError('protocol', what);
}
