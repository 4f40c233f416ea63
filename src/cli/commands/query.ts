/** `stairgate query NAME [TYPE]`: ask the resolver as a client does, and show the reason of a block. */

import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { createConnection } from 'node:net';
import type { Command } from 'commander';
import { FLAG_TC } from '../../dns/constants.ts';
import { QUERY_BYTES_MAX, writeQuery } from '../../dns/message.ts';
import { NAME_BYTES_MAX, writeName } from '../../dns/name.ts';
import { parseRecordType } from '../../dns/record-type.ts';
import { readUint16 } from '../../lib/bytes.ts';
import { formatEndpoint, parseEndpoint } from '../../lib/endpoint.ts';
import type { Endpoint } from '../../lib/endpoint.ts';
import { AppError, messageOf } from '../../lib/errors.ts';
import { describeResponse } from '../describe-response.ts';
import type { Output } from '../output.ts';

/** The resolver itself answers within 5 s. */
const DEADLINE_MS = 6000;

interface QueryFlags {
  readonly server: string;
  readonly tcp?: boolean;
}

export function addQueryCommand(program: Command, output: Output): void {
  program
    .command('query')
    .description('ask the resolver as a client does')
    .argument('<name>', 'the name to ask for')
    .argument('[type]', 'the record type', 'A')
    .option('--server <addr:port>', 'the resolver', '127.0.0.1:5300')
    .option('--tcp', 'ask over TCP')
    .action(async (name: string, type: string, flags: QueryFlags) => {
      const server = parseEndpoint(flags.server, 53);
      if (server === null) throw invalid(`--server: "${flags.server}"; valid: ADDR or ADDR:PORT`);
      const query = buildQuery(name, type);
      let response = flags.tcp === true ? null : await ask(server, query, askOverUdp);
      if (response === null || (readUint16(response, 2) & FLAG_TC) !== 0) {
        response = await ask(server, query, askOverTcp);
      }
      output.out(describeResponse(response));
    });
}

function buildQuery(name: string, typeText: string): Uint8Array {
  const wire = new Uint8Array(NAME_BYTES_MAX);
  const nameLength = writeName(name, wire);
  const type = parseRecordType(typeText);
  if (nameLength === 0) throw invalid(`"${name}" is no domain name`);
  if (type < 0) throw invalid(`"${typeText}" is no record type; valid: such as A or TYPE65280`);
  const bytes = new Uint8Array(QUERY_BYTES_MAX);
  const length = writeQuery(bytes, randomInt(0x10000), {
    name: wire,
    nameLength,
    type,
    isDnssecOk: false,
    isCheckingDisabled: false,
    wantsAuthenticData: false,
    hasOpt: true,
  });
  return bytes.subarray(0, length);
}

type Asker = (server: Endpoint, query: Uint8Array) => Promise<Uint8Array>;

async function ask(server: Endpoint, query: Uint8Array, asker: Asker): Promise<Uint8Array> {
  try {
    const response = await asker(server, query);
    if (response.length >= 12 && readUint16(response, 0) === readUint16(query, 0)) return response;
    throw new Error('the response is malformed');
  } catch (error) {
    const message = `Asking ${formatEndpoint(server)}: ${messageOf(error)}`;
    throw new AppError('QUERY_FAILED', message, { cause: error });
  }
}

function askOverUdp(server: Endpoint, query: Uint8Array): Promise<Uint8Array> {
  const socket = createSocket(server.address.includes(':') ? 'udp6' : 'udp4');
  return withDeadline<Uint8Array>(
    (resolve, reject) => {
      socket.once('error', reject);
      socket.once('message', resolve);
      socket.connect(server.port, server.address, () => {
        socket.send(query);
      });
    },
    () => {
      socket.close();
    },
  );
}

function askOverTcp(server: Endpoint, query: Uint8Array): Promise<Uint8Array> {
  const socket = createConnection({ host: server.address, port: server.port });
  const framed = Buffer.alloc(query.length + 2);
  framed.writeUInt16BE(query.length);
  framed.set(query, 2);
  let received = Buffer.alloc(0);
  return withDeadline<Uint8Array>(
    (resolve, reject) => {
      socket.once('error', reject);
      socket.once('end', () => {
        reject(new Error('the connection was closed'));
      });
      socket.on('data', (chunk) => {
        received = Buffer.concat([received, chunk]);
        if (received.length < 2) return;
        const length = received.readUInt16BE();
        if (received.length >= length + 2) resolve(received.subarray(2, length + 2));
      });
      socket.write(framed);
    },
    () => {
      socket.destroy();
    },
  );
}

async function withDeadline<Value>(
  start: (resolve: (value: Value) => void, reject: (error: Error) => void) => void,
  clear: () => void,
): Promise<Value> {
  let timer: NodeJS.Timeout | undefined;
  try {
    return await new Promise<Value>((resolve, reject) => {
      timer = setTimeout(() => {
        reject(new Error(`no response within ${DEADLINE_MS} ms`));
      }, DEADLINE_MS);
      start(resolve, reject);
    });
  } finally {
    clearTimeout(timer);
    clear();
  }
}

function invalid(detail: string): AppError {
  return new AppError('QUERY_INVALID', `Building the query: ${detail}`);
}
