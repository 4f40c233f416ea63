/**
 * Queries as octets, and a client that asks them over loopback. The builder composes the octets by
 * hand, so that a test can also say what no well-behaved library would: any label, any count, any
 * tail. Responses are decoded with dns-packet, which shares no code with ours.
 */

import { createSocket } from 'node:dgram';
import { connect } from 'node:net';
import { decode, type DecodedPacket } from 'dns-packet';
import { writeName } from '../../src/dns/name.ts';

const TYPES: Readonly<Record<string, number>> = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  PTR: 12,
  HINFO: 13,
  MX: 15,
  TXT: 16,
  AAAA: 28,
  SRV: 33,
  OPT: 41,
  DS: 43,
  DNSKEY: 48,
  SVCB: 64,
  HTTPS: 65,
  IXFR: 251,
  AXFR: 252,
  ANY: 255,
};

const ANSWER_WAIT_MS = 3000;

export interface EdnsShape {
  readonly payloadSize?: number;
  readonly version?: number;
  readonly isDnssecOk?: boolean;
  readonly options?: readonly { readonly code: number; readonly data: Uint8Array }[];
}

/** `aQuery().name('www.example.org').type('A').build()`: RD set, a fixed ID, no EDNS unless said. */
export function aQuery(): QueryBuilder {
  return new QueryBuilder();
}

export class QueryBuilder {
  #id = 0x1234;
  #flags = 0x0100;
  #name: Uint8Array = wireName('example.org');
  #type = 1;
  #class = 1;
  #questionCount: number | null = null;
  #questions = 1;
  #opts: Uint8Array[] = [];
  #tail: Uint8Array = new Uint8Array(0);

  id(id: number): this {
    this.#id = id;
    return this;
  }

  /** Presentation form, case kept; `\DDD` writes any octet. */
  name(text: string): this {
    this.#name = wireName(text);
    return this;
  }

  /** The octets that stand where the name belongs, valid or not. */
  rawName(octets: Uint8Array): this {
    this.#name = octets;
    return this;
  }

  type(type: string | number): this {
    this.#type = typeof type === 'number' ? type : typeNumber(type);
    return this;
  }

  class(number: number): this {
    this.#class = number;
    return this;
  }

  rd(): this {
    return this.#set(0x0100);
  }

  cd(): this {
    return this.#set(0x0010);
  }

  ad(): this {
    return this.#set(0x0020);
  }

  /** Replaces the whole flags word of the header: QR, opcode, RD, … */
  flags(word: number): this {
    this.#flags = word;
    return this;
  }

  opcode(opcode: number): this {
    return this.#set(opcode << 11);
  }

  /** Writes an OPT record; twice writes two. */
  edns(shape: EdnsShape = {}): this {
    this.#opts.push(optRecord(shape));
    return this;
  }

  /** Asks for DNSSEC records: `edns({ isDnssecOk: true })`. */
  dnssecOk(): this {
    return this.edns({ isDnssecOk: true });
  }

  /** QDCOUNT as written in the header, whatever follows. */
  questionCount(count: number): this {
    this.#questionCount = count;
    return this;
  }

  /** How many times the question stands in the message; also QDCOUNT unless said. */
  questions(count: number): this {
    this.#questions = count;
    return this;
  }

  /** Octets after everything else. */
  trailing(octets: Uint8Array): this {
    this.#tail = octets;
    return this;
  }

  build(): Buffer {
    const header = Buffer.alloc(12);
    header.writeUInt16BE(this.#id, 0);
    header.writeUInt16BE(this.#flags, 2);
    header.writeUInt16BE(this.#questionCount ?? this.#questions, 4);
    header.writeUInt16BE(this.#opts.length, 10);
    const question = Buffer.concat([this.#name, uint16(this.#type), uint16(this.#class)]);
    const questions = Array.from({ length: this.#questions }, () => question);
    return Buffer.concat([header, ...questions, ...this.#opts, this.#tail]);
  }

  #set(bits: number): this {
    this.#flags |= bits;
    return this;
  }
}

/** Wire octets of a name in presentation form; throws where it is none. */
export function wireName(text: string): Uint8Array {
  const out = new Uint8Array(255);
  const length = writeName(text, out);
  if (length === 0) throw new Error(`"${text}" is no domain name`);
  return out.slice(0, length);
}

/** The number of a type: `A`, `HTTPS`, `TYPE65280`. */
export function typeNumber(type: string): number {
  const number = TYPES[type] ?? Number(/^TYPE(\d+)$/.exec(type)?.[1]);
  if (!Number.isInteger(number)) throw new Error(`Type "${type}" is not known here`);
  return number;
}

export interface AskOptions {
  /** Default 127.0.0.1. */
  readonly address?: string;
  /** Local address to ask from, such as 127.0.0.9; default kernel's choice. */
  readonly from?: string;
  readonly timeoutMs?: number;
}

/** Sends one datagram and resolves with the first that comes back; rejects after `timeoutMs`. */
export async function askUdp(
  port: number,
  query: Uint8Array,
  options: AskOptions = {},
): Promise<Buffer> {
  const timeoutMs = options.timeoutMs ?? ANSWER_WAIT_MS;
  const answer = await hearUdp(port, query, { ...options, timeoutMs });
  if (answer === null) throw new Error(`No UDP answer from port ${port} in ${timeoutMs} ms`);
  return answer;
}

/** As `askUdp`, but resolves with null where nothing came: for what must be met with silence. */
export async function hearUdp(
  port: number,
  query: Uint8Array,
  options: AskOptions = {},
): Promise<Buffer | null> {
  const { address = '127.0.0.1', from, timeoutMs = 200 } = options;
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
  try {
    return await new Promise<Buffer | null>((resolve, reject) => {
      const timer = setTimeout(resolve, timeoutMs, null);
      socket.on('error', reject);
      socket.on('message', (bytes) => {
        clearTimeout(timer);
        resolve(bytes);
      });
      const send = (): void => {
        socket.send(query, port, address);
      };
      if (from === undefined) send();
      else socket.bind(0, from, send);
    });
  } finally {
    socket.close();
  }
}

/** Asks one query over a fresh TCP connection; rejects when it ends or times out without an answer. */
export async function askTcp(
  port: number,
  query: Uint8Array,
  options: AskOptions = {},
): Promise<Buffer> {
  const [answer] = await askTcpMany(port, [query], options);
  if (answer === undefined) throw new Error(`TCP port ${port} closed without an answer`);
  return answer;
}

/**
 * Writes all queries at once on one connection and resolves, in order of arrival, with as many
 * responses, or with fewer where the server closed before.
 */
export async function askTcpMany(
  port: number,
  queries: readonly Uint8Array[],
  options: AskOptions = {},
): Promise<Buffer[]> {
  const { address = '127.0.0.1', from, timeoutMs = ANSWER_WAIT_MS } = options;
  const socket = connect({ port, host: address, ...(from && { localAddress: from }) });
  const frames = new FrameReader();
  try {
    return await new Promise<Buffer[]>((resolve, reject) => {
      socket.setTimeout(timeoutMs, () => {
        reject(new Error(`No TCP answer from port ${port} in ${timeoutMs} ms`));
      });
      socket.on('error', reject);
      socket.on('end', () => {
        resolve(frames.messages);
      });
      socket.on('data', (chunk) => {
        frames.push(chunk);
        if (frames.messages.length >= queries.length) resolve(frames.messages);
      });
      socket.write(Buffer.concat(queries.map(frameOf)));
    });
  } finally {
    socket.destroy();
  }
}

/** The message with its two octets of length before it (RFC 1035, section 4.2.2). */
export function frameOf(message: Uint8Array): Buffer {
  return Buffer.concat([uint16(message.length), message]);
}

/** Cuts a TCP stream into messages. */
export class FrameReader {
  readonly messages: Buffer[] = [];
  #rest: Buffer = Buffer.alloc(0);

  push(chunk: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, chunk]);
    while (this.#rest.length >= 2 && this.#rest.length >= 2 + this.#rest.readUInt16BE(0)) {
      const end = 2 + this.#rest.readUInt16BE(0);
      this.messages.push(Buffer.from(this.#rest.subarray(2, end)));
      this.#rest = this.#rest.subarray(end);
    }
  }
}

/** The whole response by dns-packet; throws where it cannot be decoded. */
export function decodeResponse(bytes: Uint8Array): DecodedPacket {
  return decode(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length));
}

/** The Extended DNS Errors of a response, first one first. */
export function edesOf(response: DecodedPacket): { code: number; text: string }[] {
  const opt = response.additionals.find((record) => record.type === 'OPT');
  return (opt?.options ?? [])
    .filter((option) => Number(option.code) === 15 && option.data !== undefined)
    .map(({ data }) => ({
      code: data?.readUInt16BE(0) ?? -1,
      text: data?.subarray(2).toString('utf8') ?? '',
    }));
}

function optRecord(shape: EdnsShape): Uint8Array {
  const { payloadSize = 1232, version = 0, isDnssecOk = false, options = [] } = shape;
  const data = Buffer.concat(
    options.flatMap(({ code, data: value }) => [uint16(code), uint16(value.length), value]),
  );
  const flags = isDnssecOk ? 0x8000 : 0;
  const fixed = [Buffer.from([0]), uint16(41), uint16(payloadSize), Buffer.from([0, version])];
  return Buffer.concat([...fixed, uint16(flags), uint16(data.length), data]);
}

function uint16(value: number): Buffer {
  const octets = Buffer.alloc(2);
  octets.writeUInt16BE(value);
  return octets;
}
