/**
 * Messages of a primary, written octet by octet and sharing nothing with the code that reads them:
 * records, transfers in any cutting, and a naive zone to compare with.
 */

import { createHmac } from 'node:crypto';

export interface TestRecord {
  /** Relative to the zone, `@` for its apex; absolute with a trailing dot. */
  readonly owner: string;
  readonly type: number;
  readonly rdata: Uint8Array;
  readonly class?: number;
}

export const TYPE_A = 1;
export const TYPE_CNAME = 5;
export const TYPE_SOA = 6;
export const TYPE_TXT = 16;

/** Labels of plain text, split at dots. */
export function wire(name: string): Buffer {
  const labels = name === '.' || name === '' ? [] : name.replace(/\.$/, '').split('.');
  return Buffer.concat([
    ...labels.map((label) =>
      Buffer.concat([Buffer.of(label.length), Buffer.from(label, 'latin1')]),
    ),
    Buffer.of(0),
  ]);
}

export function soa(serial: number, refresh = 3600): TestRecord {
  const numbers = [serial, refresh, 600, 86_400, 60].map(uint32);
  return {
    owner: '@',
    type: TYPE_SOA,
    rdata: Buffer.concat([wire('ns.example'), wire('host.example'), ...numbers]),
  };
}

export function cname(owner: string, target = '.'): TestRecord {
  return { owner, type: TYPE_CNAME, rdata: wire(target) };
}

export interface MessageShape {
  readonly id: number;
  readonly zone: string;
  readonly type: number;
  readonly records: readonly TestRecord[];
  readonly flags?: number;
  readonly hasQuestion?: boolean;
}

/** A message whose owners end in a pointer to the question, where there is one. */
export function zoneMessage(shape: MessageShape): Buffer {
  const { id, zone, type, records, flags = 0x8400, hasQuestion = true } = shape;
  const header = [id, flags, hasQuestion ? 1 : 0, records.length, 0, 0].map(uint16);
  const question = hasQuestion ? [wire(zone), uint16(type), uint16(1)] : [];
  const pointer = hasQuestion ? Buffer.of(0xc0, 12) : wire(zone);
  return Buffer.concat([
    ...header,
    ...question,
    ...records.flatMap((record) => [
      ownerOctets(record.owner, pointer),
      uint16(record.type),
      uint16(record.class ?? 1),
      uint32(300),
      uint16(record.rdata.length),
      record.rdata,
    ]),
  ]);
}

/** A length in two octets in front of each. */
export function framed(...messages: readonly Uint8Array[]): Buffer {
  return Buffer.concat(messages.flatMap((message) => [uint16(message.length), message]));
}

export interface TestKey {
  readonly name: string;
  readonly algorithm: string;
  readonly secret: Uint8Array;
}

/** What one side of a signed exchange does, by the words of RFC 8945 and nothing else. */
export class TestSigner {
  readonly #key: TestKey;
  #previous: Uint8Array;
  #gathered: Uint8Array[] = [];
  #isFirst = true;

  /** @param requestMac of the query that is answered; null for a query */
  constructor(key: TestKey, requestMac: Uint8Array | null) {
    this.#key = key;
    this.#previous = requestMac ?? new Uint8Array(0);
  }

  /** A message that only the next MAC covers. */
  skip(message: Uint8Array): Uint8Array {
    this.#gathered.push(message);
    return message;
  }

  sign(
    message: Uint8Array,
    seconds: number,
    more: { error?: number; other?: Uint8Array; fudge?: number; macLength?: number } = {},
  ): Buffer {
    const { error = 0, other = new Uint8Array(0), fudge = 300 } = more;
    const { name, algorithm, secret } = this.#key;
    const timers = Buffer.concat([
      uint16(Math.floor(seconds / 2 ** 32)),
      uint32(seconds % 2 ** 32),
      uint16(fudge),
    ]);
    const variables = Buffer.concat([
      wire(name),
      uint16(255),
      uint32(0),
      wire(algorithm),
      timers,
      uint16(error),
      uint16(other.length),
      other,
    ]);
    const hmac = createHmac(algorithm.slice(5), secret);
    if (this.#previous.length > 0) {
      hmac.update(uint16(this.#previous.length)).update(this.#previous);
    }
    for (const one of [...this.#gathered, message]) hmac.update(one);
    const full = hmac.update(this.#isFirst ? variables : timers).digest();
    const mac = full.subarray(0, more.macLength ?? full.length);
    this.#previous = mac;
    this.#gathered = [];
    this.#isFirst = false;
    const rdata = Buffer.concat([
      wire(algorithm),
      timers,
      uint16(mac.length),
      mac,
      message.subarray(0, 2),
      uint16(error),
      uint16(other.length),
      other,
    ]);
    const signed = Buffer.concat([
      message,
      wire(name),
      uint16(250),
      uint16(255),
      uint32(0),
      uint16(rdata.length),
      rdata,
    ]);
    signed.writeUInt16BE(signed.readUInt16BE(10) + 1, 10);
    return signed;
  }
}

/** The MAC at the end of a signed query that has no `other` data. */
export function macOf(query: Uint8Array, macLength: number): Uint8Array {
  return query.slice(query.length - 6 - macLength, query.length - 6);
}

export function uint16(value: number): Buffer {
  return Buffer.of(value >>> 8, value & 0xff);
}

function uint32(value: number): Buffer {
  return Buffer.of(value >>> 24, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff);
}

function ownerOctets(owner: string, pointer: Uint8Array): Buffer {
  if (owner === '@') return Buffer.from(pointer);
  if (owner.endsWith('.')) return wire(owner);
  return Buffer.concat([wire(owner).subarray(0, -1), pointer]);
}
