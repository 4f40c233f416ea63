/**
 * Builds responses octet by octet, so that tests can write what no encoder would: any owner, any
 * RDATA, pointers wherever they like.
 */

import { writeName } from '../../src/dns/name.ts';

export interface RawRecord {
  /** A name as text, or wire octets such as a pointer. */
  readonly owner: string | readonly number[];
  readonly type: number;
  readonly class?: number;
  readonly ttl?: number;
  readonly rdata: readonly number[];
  /** RDLENGTH where it should lie. */
  readonly rdataLength?: number;
}

export interface RawResponse {
  readonly id?: number;
  readonly flags?: number;
  readonly question: { readonly name: string; readonly type: number; readonly class?: number };
  readonly answer?: readonly RawRecord[];
  readonly authority?: readonly RawRecord[];
  readonly additional?: readonly RawRecord[];
}

/** The pointer to the question's name. */
export const QNAME = [0xc0, 0x0c];

/** Wire octets of a name given as text, uncompressed, case kept. */
export function wire(text: string): number[] {
  const out = new Uint8Array(255);
  const length = writeName(text, out);
  if (length === 0) throw new Error(`Not a name: ${text}`);
  return [...out.subarray(0, length)];
}

export function u16(value: number): number[] {
  return [(value >>> 8) & 0xff, value & 0xff];
}

export function u32(value: number): number[] {
  return [...u16(value >>> 16), ...u16(value & 0xffff)];
}

/** SOA RDATA with the given MINIMUM. */
export function soaRdata(minimum: number): number[] {
  const timers = [1, 7200, 1800, 1_209_600].flatMap(u32);
  return [...wire('ns.example.org'), ...wire('hostmaster.example.org'), ...timers, ...u32(minimum)];
}

/** RRSIG RDATA over a type: numbers, the signer's name and eight octets of signature. */
export function rrsigRdata(covered: number, signer = 'example.org'): number[] {
  return [
    ...u16(covered),
    13,
    2,
    ...u32(300),
    ...u32(2),
    ...u32(1),
    ...u16(7),
    ...wire(signer),
    1,
    2,
    3,
    4,
    5,
    6,
    7,
    8,
  ];
}

export function rawResponse(response: RawResponse): Uint8Array {
  const { question, answer = [], authority = [], additional = [] } = response;
  return new Uint8Array([
    ...u16(response.id ?? 0x1234),
    ...u16(response.flags ?? 0x8180),
    ...u16(1),
    ...u16(answer.length),
    ...u16(authority.length),
    ...u16(additional.length),
    ...wire(question.name),
    ...u16(question.type),
    ...u16(question.class ?? 1),
    ...[...answer, ...authority, ...additional].flatMap(rawRecord),
  ]);
}

function rawRecord(record: RawRecord): number[] {
  return [
    ...(typeof record.owner === 'string' ? wire(record.owner) : record.owner),
    ...u16(record.type),
    ...u16(record.class ?? 1),
    ...u32(record.ttl ?? 300),
    ...u16(record.rdataLength ?? record.rdata.length),
    ...record.rdata,
  ];
}
