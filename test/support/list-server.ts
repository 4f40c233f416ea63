/**
 * A server of lists on loopback that does what a script says, octet by octet: it speaks HTTP on a bare
 * socket, so it can be cut, endless, slow or wrong wherever a test wants it.
 *
 *     await using server = await startListServer(serve('one.example.org\n'));
 *     … fetch server.url('/list.txt') …
 */

import { readFileSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';

export interface ListRequest {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string>>;
  /** 0 for the first request that this server ever saw. */
  readonly index: number;
}

/** Writes to the socket what it likes and ends it, or does not. */
export type ListScript = (request: ListRequest, socket: Socket) => unknown;

export interface ListServerOptions {
  /** Default 127.0.0.1. */
  readonly address?: string;
  /** With the certificate of `test/fixtures/list-host.pem`, which is for lists.example.org. */
  readonly isEncrypted?: boolean;
  /** Default: one that the kernel gives. */
  readonly port?: number;
}

const FIXTURES = new URL('../fixtures/', import.meta.url);

export class ListServer implements AsyncDisposable {
  readonly requests: ListRequest[] = [];
  readonly port: number;
  /** Connections accepted so far, with or without a request. */
  connectionCount = 0;
  readonly #server: Server;
  readonly #options: ListServerOptions;
  readonly #sockets = new Set<Socket>();
  #script: ListScript;

  constructor(server: Server, options: ListServerOptions, script: ListScript) {
    this.#server = server;
    this.#options = options;
    this.#script = script;
    this.port = (server.address() as { port: number }).port;
    // Before TLS too: a connection that is dropped before its handshake was made all the same.
    server.on('connection', (socket: Socket) => {
      this.connectionCount++;
      this.#sockets.add(socket);
      socket.on('error', () => socket.destroy());
      socket.on('close', () => this.#sockets.delete(socket));
    });
    server.on(
      options.isEncrypted === true ? 'secureConnection' : 'connection',
      (socket: Socket) => {
        this.#serve(socket);
      },
    );
  }

  get trusted(): string {
    return readFileSync(new URL('list-host.pem', FIXTURES), 'utf8');
  }

  /** Replaces the script from the next request on. */
  use(script: ListScript): void {
    this.#script = script;
  }

  /** @param host a name that the test's resolver knows; default: the address */
  url(path: string, host = this.#options.address ?? '127.0.0.1'): string {
    const scheme = this.#options.isEncrypted === true ? 'https' : 'http';
    return `${scheme}://${host}:${this.port}${path}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #serve(socket: Socket): void {
    let head = '';
    socket.on('error', () => socket.destroy());
    const onData = (chunk: Buffer): void => {
      head += chunk.toString('latin1');
      if (!head.includes('\r\n\r\n')) return;
      socket.off('data', onData);
      const [line = '', ...fields] = head.split('\r\n');
      const [method = '', path = ''] = line.split(' ');
      const headers: Record<string, string> = {};
      for (const field of fields) {
        const colon = field.indexOf(':');
        if (colon > 0) headers[field.slice(0, colon).toLowerCase()] = field.slice(colon + 1).trim();
      }
      const request = { method, path, headers, index: this.requests.length };
      this.requests.push(request);
      this.#script(request, socket);
    };
    socket.on('data', onData);
  }
}

export async function startListServer(
  script: ListScript,
  options: ListServerOptions = {},
): Promise<ListServer> {
  const server =
    options.isEncrypted === true
      ? createTlsServer({
          key: readFileSync(new URL('list-host.key', FIXTURES)),
          cert: readFileSync(new URL('list-host.pem', FIXTURES)),
        })
      : createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, options.address ?? '127.0.0.1', resolve);
  });
  // A client that does not trust us says so and goes.
  server.on('tlsClientError', () => undefined);
  return new ListServer(server, options, script);
}

/** The head of a response. */
export function headOf(status: string, headers: Readonly<Record<string, string | number>>): string {
  const fields = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${status}\r\n${fields.join('')}\r\n`;
}

/** An honest server: 200 with this body, 304 where the client has it, and no body for HEAD. */
export function serve(
  body: string | Uint8Array,
  headers: Readonly<Record<string, string | number>> = {},
): ListScript {
  const octets = Buffer.from(body);
  return (request, socket) => {
    const known = request.headers['if-none-match'];
    if (known !== undefined && known === headers['etag']) {
      socket.end(headOf('304 Not Modified', { etag: known }));
      return;
    }
    socket.write(headOf('200 OK', { 'content-length': octets.length, ...headers }));
    socket.end(request.method === 'HEAD' ? '' : octets);
  };
}

/** Sends on to another address. */
export function redirect(location: string, status = '302 Found'): ListScript {
  return (_request, socket) => {
    socket.end(headOf(status, { location, 'content-length': 0 }));
  };
}

/** Writes the same octets again and again for as long as the client takes them. */
export function flood(socket: Socket, octets: Uint8Array): void {
  // In blocks: thousands of small writes would keep the client, which shares this thread, from reading.
  const copies = Math.ceil(65_536 / octets.length);
  const block = Buffer.concat(Array.from({ length: copies }, () => octets));
  const more = (): void => {
    while (!socket.destroyed && socket.write(block));
  };
  socket.on('drain', more);
  more();
}
