/** A DNS response in lines for people: its code, its reason where it was filtered, its answers. */

import {
  OPTION_EDE,
  TYPE_A,
  TYPE_AAAA,
  TYPE_CNAME,
  TYPE_DNAME,
  TYPE_NS,
  TYPE_OPT,
  TYPE_PTR,
} from '../dns/constants.ts';
import { NAME_BYTES_MAX, nameToText, readName } from '../dns/name.ts';
import { formatRecordType } from '../dns/record-type.ts';
import { readUint16, readUint32 } from '../lib/bytes.ts';
import { formatIpAddress } from '../lib/ip-address.ts';

const HEADER_BYTES = 12;
const RCODES = ['NOERROR', 'FORMERR', 'SERVFAIL', 'NXDOMAIN', 'NOTIMP', 'REFUSED'];
const NAME_TYPES = [TYPE_CNAME, TYPE_DNAME, TYPE_NS, TYPE_PTR];

interface RecordPlace {
  readonly name: string;
  readonly type: number;
  readonly ttlSeconds: number;
  readonly dataAt: number;
  readonly dataLength: number;
}

/** @param message a whole response; what is cut or broken is left out */
export function describeResponse(message: Uint8Array): string {
  const code = readUint16(message, 2) & 0xf;
  const lines = [`${RCODES[code] ?? `RCODE ${code}`}, ${message.length} octets`];
  for (const { section, record } of readRecords(message)) {
    if (record.type === TYPE_OPT) lines.push(...describeErrors(message, record));
    else if (section === 0) lines.push(describeRecord(message, record));
  }
  return lines.join('\n');
}

/** Yields the records of the answer (0), authority (1) and additional (2) sections. */
function* readRecords(
  message: Uint8Array,
): Generator<{ readonly section: number; readonly record: RecordPlace }> {
  const name = new Uint8Array(NAME_BYTES_MAX);
  let at = HEADER_BYTES;
  for (let question = 0; question < readUint16(message, 4); question++) {
    at = readName(message, 0, message.length, at, name) + 4;
    if (at < HEADER_BYTES + 4) return;
  }
  for (let section = 0; section < 3; section++) {
    const count = readUint16(message, 6 + section * 2);
    for (let index = 0; index < count; index++) {
      const nameEnd = readName(message, 0, message.length, at, name);
      if (nameEnd < 0 || nameEnd + 10 > message.length) return;
      const dataLength = readUint16(message, nameEnd + 8);
      const dataAt = nameEnd + 10;
      if (dataAt + dataLength > message.length) return;
      const type = readUint16(message, nameEnd);
      const ttlSeconds = readUint32(message, nameEnd + 4);
      yield { section, record: { name: nameToText(name), type, ttlSeconds, dataAt, dataLength } };
      at = dataAt + dataLength;
    }
  }
}

function describeRecord(message: Uint8Array, record: RecordPlace): string {
  const { name, type, ttlSeconds } = record;
  return `${name}  ${ttlSeconds}  ${formatRecordType(type)}  ${describeData(message, record)}`;
}

function describeData(message: Uint8Array, { type, dataAt, dataLength }: RecordPlace): string {
  if (type === TYPE_A && dataLength === 4) {
    return message.subarray(dataAt, dataAt + 4).join('.');
  }
  if (type === TYPE_AAAA && dataLength === 16) {
    return formatIpAddress([0, 4, 8, 12].map((offset) => readUint32(message, dataAt + offset)));
  }
  if (NAME_TYPES.includes(type)) {
    const name = new Uint8Array(NAME_BYTES_MAX);
    if (readName(message, 0, message.length, dataAt, name) >= 0) return nameToText(name);
  }
  // RFC 3597, section 5: any type as octets.
  const octets = Buffer.from(message.subarray(dataAt, dataAt + dataLength)).toString('hex');
  return `\\# ${dataLength} ${octets}`;
}

/** Extended DNS Errors (RFC 8914): the reason of a block stands there. */
function describeErrors(message: Uint8Array, { dataAt, dataLength }: RecordPlace): string[] {
  const lines: string[] = [];
  const end = dataAt + dataLength;
  for (let at = dataAt; at + 4 <= end;) {
    const length = readUint16(message, at + 2);
    if (at + 4 + length > end) break;
    if (readUint16(message, at) === OPTION_EDE && length >= 2) {
      const octets = message.subarray(at + 6, at + 4 + length);
      lines.push(
        `EDE ${readUint16(message, at + 4)}: ${new TextDecoder().decode(octets).replaceAll('\n', ' ')}`,
      );
    }
    at += 4 + length;
  }
  return lines;
}
