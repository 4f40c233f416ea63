/** A primary on loopback that says what its script says, right or wrong. */

import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import type { Endpoint } from '../../src/lib/endpoint.ts';

/**
 * @param query whole, without its length
 * @param number of queries before, over all connections
 */
export type PrimaryScript = (query: Buffer, connection: Socket, number: number) => void;

export class ScriptedPrimary implements AsyncDisposable {
  readonly endpoint: Endpoint;
  readonly queries: Buffer[] = [];
  readonly #server: Server;
  readonly #connections = new Set<Socket>();

  private constructor(server: Server) {
    this.#server = server;
    this.endpoint = { address: '127.0.0.1', port: (server.address() as AddressInfo).port };
  }

  static async start(script: PrimaryScript): Promise<ScriptedPrimary> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const primary = new ScriptedPrimary(server);
    server.on('connection', (connection) => {
      primary.#serve(connection, script);
    });
    return primary;
  }

  #serve(connection: Socket, script: PrimaryScript): void {
    this.#connections.add(connection);
    let held = Buffer.alloc(0);
    connection.on('error', () => undefined);
    connection.on('close', () => this.#connections.delete(connection));
    connection.on('data', (chunk: Buffer) => {
      held = Buffer.concat([held, chunk]);
      while (held.length >= 2 && held.length >= 2 + held.readUInt16BE(0)) {
        const query = held.subarray(2, 2 + held.readUInt16BE(0));
        held = held.subarray(2 + query.length);
        this.queries.push(query);
        script(query, connection, this.queries.length - 1);
      }
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const connection of this.#connections) connection.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

/** The type that a query asks for. */
export function questionType(query: Buffer): number {
  let at = 12;
  while ((query[at] ?? 0) !== 0) at += (query[at] ?? 0) + 1;
  return query.readUInt16BE(at + 1);
}
