import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { findAddressFault } from '../../../src/lists/fetch/public-address.ts';
import {
  flood,
  headOf,
  type ListScript,
  redirect,
  serve,
  startListServer,
} from '../../support/list-server.ts';
import { aFetch, SHORT } from './support.ts';

const LIST = 'one.example.org\ntwo.example.org\n';
const LINE = Buffer.from('a-name-like-many-others.example.org\n');

describe('a fetch', () => {
  it('brings the octets that the server has, with what names them', async () => {
    await using server = await startListServer(
      serve(LIST, { etag: '"v1"', 'last-modified': 'Sun, 22 Nov 2026 12:00:00 GMT' }),
    );
    const { fetch, files, progress } = await aFetch();
    const fetched = await fetch(server.url('/list.txt?key=secret'));
    expect(fetched).toMatchObject({
      kind: 'content',
      content: { octets: LIST.length },
      etag: '"v1"',
      lastModified: 'Sun, 22 Nov 2026 12:00:00 GMT',
    });
    expect(files()).toEqual([fetched.kind === 'content' ? fetched.content.sha256 : '']);
    const [get, head] = server.requests;
    expect(get).toMatchObject({ method: 'GET', path: '/list.txt?key=secret' });
    expect(get!.headers).toMatchObject({ host: `127.0.0.1:${server.port}` });
    expect(get!.headers['if-none-match']).toBeUndefined();
    // Is it still the same there?
    expect(head).toMatchObject({ method: 'HEAD' });
    expect(progress.at(-1)).toEqual({
      packed: LIST.length,
      unpacked: LIST.length,
      lines: 2,
      packedTotal: LIST.length,
    });
  });

  it('asks for what has changed only, and takes "not modified" for an answer', async () => {
    await using server = await startListServer(serve(LIST, { etag: '"v1"' }));
    const { fetch, files } = await aFetch();
    const validators = { etag: '"v1"', lastModified: 'Sun, 22 Nov 2026 12:00:00 GMT' };
    expect(await fetch(server.url('/'), { validators })).toEqual({ kind: 'unchanged' });
    expect(server.requests[0]!.headers).toMatchObject({
      'if-none-match': '"v1"',
      'if-modified-since': 'Sun, 22 Nov 2026 12:00:00 GMT',
    });
    expect(files()).toEqual([]);
  });

  it('does not believe "not modified" where it has nothing', async () => {
    await using server = await startListServer((_request, socket) => {
      socket.end(headOf('304 Not Modified', {}));
    });
    const { faultOf } = await aFetch();
    expect(await faultOf(server.url('/'))).toContain('the server answered 304 Not Modified');
  });

  it.each<[string, Record<string, string>, Uint8Array]>([
    ['gzip', { 'content-encoding': 'gzip' }, gzipSync(LIST)],
    ['x-gzip', { 'content-encoding': 'X-GZIP' }, gzipSync(LIST)],
    ['two gzip members', { 'content-encoding': 'gzip' }, twoMembers()],
    ['deflate', { 'content-encoding': 'deflate' }, deflateSync(LIST)],
    ['deflate without a header', { 'content-encoding': 'deflate' }, deflateRawSync(LIST)],
    ['brotli', { 'content-encoding': 'br' }, brotliCompressSync(LIST)],
    ['identity', { 'content-encoding': 'identity' }, Buffer.from(LIST)],
    ['a gzip file', { 'content-type': 'application/gzip' }, gzipSync(LIST)],
  ])('unpacks %s', async (_what, headers, body) => {
    await using server = await startListServer(serve(body, headers));
    const { fetchText } = await aFetch();
    expect(await fetchText(server.url('/'))).toBe(LIST);
  });

  it('knows a gzip file whose first octet comes alone', async () => {
    const body = gzipSync(LIST);
    await using server = await startListServer((_request, socket) => {
      socket.write(headOf('200 OK', { 'content-length': body.length }));
      socket.write(body.subarray(0, 1));
      setTimeout(() => socket.end(body.subarray(1)), 50);
    });
    const { fetchText, progress } = await aFetch();
    expect(await fetchText(server.url('/'))).toBe(LIST);
    expect(progress.at(-1)!.packed).toBe(body.length);
    server.use(serve('\x1f', {}));
    expect(await fetchText(server.url('/'))).toBe('\x1f');
  });

  it('takes chunks, and a body that ends with the connection', async () => {
    await using server = await startListServer((_request, socket) => {
      socket.write(headOf('200 OK', { 'transfer-encoding': 'chunked' }));
      socket.end(`10\r\none.example.org\n\r\n10\r\ntwo.example.org\n\r\n0\r\n\r\n`);
    });
    const { fetchText } = await aFetch();
    expect(await fetchText(server.url('/'))).toBe(LIST);
    server.use((_request, socket) => {
      socket.end(`${headOf('200 OK', {})}${LIST}`);
    });
    expect(await fetchText(server.url('/'))).toBe(LIST);
  });

  it('hands over an empty body: what it is worth, others say', async () => {
    await using server = await startListServer(serve(''));
    const { fetchText } = await aFetch();
    expect(await fetchText(server.url('/'))).toBe('');
  });

  it('ends when it is told to, and leaves nothing', async () => {
    const end = new AbortController();
    await using server = await startListServer((_request, socket) => {
      socket.write(headOf('200 OK', {}));
      flood(socket, LINE);
      setTimeout(() => {
        end.abort(new Error('the server stops'));
      }, 50);
    });
    const { faultOf, files } = await aFetch();
    const limits = { ...SHORT, bytesMax: 500_000_000 };
    expect(await faultOf(server.url('/'), { signal: end.signal, limits })).toContain(
      'the server stops',
    );
    expect(files()).toEqual([]);
  });
});

describe('a hostile server', () => {
  it.each<[string, ListScript, string]>([
    ['a failure', status('500 Internal Server Error'), 'answered 500 Internal Server Error'],
    ['a list that is gone', status('404 Not Found'), 'answered 404 Not Found'],
    ['a part', status('206 Partial Content'), 'answered 206'],
    ['an unknown status', status('799 Whatever'), 'answered 799'],
    ['silence', () => undefined, 'no response within 1 s'],
    [
      'a header that never ends',
      (_request, socket) => {
        socket.write('HTTP/1.1 200 OK\r\n');
        flood(socket, Buffer.from('x-more: and more\r\n'));
      },
      'the header of the response has more than 16384 octets',
    ],
    [
      'a header that comes a letter at a time',
      (_request, socket) => {
        drip(socket, 'HTTP/1.1 200 OK\r\nx: ', 20);
      },
      'no response within 1 s',
    ],
    [
      'something that is no HTTP',
      (_request, socket) => socket.end('220 mail.example.org ESMTP\r\n'),
      'the response is no valid HTTP, or its body is longer than announced',
    ],
    ['a connection that ends', (_request, socket) => socket.end(), 'socket hang up'],
    ['a reset', (_request, socket) => socket.resetAndDestroy(), 'ECONNRESET'],
    [
      'another protocol',
      (_request, socket) =>
        socket.end(headOf('101 Switching Protocols', { upgrade: 'x', connection: 'upgrade' })),
      'the connection ended without a response',
    ],
    [
      'promises without end',
      (_request, socket) => {
        flood(socket, Buffer.from('HTTP/1.1 103 Early Hints\r\n\r\n'));
      },
      'no response within 1 s',
    ],
  ])('that answers with %s is told so', async (_what, script, words) => {
    await using server = await startListServer(script);
    const { faultOf, files } = await aFetch();
    const fault = await faultOf(server.url('/list.txt?key=secret'));
    expect(fault).toContain('LIST_FETCH_FAILED');
    expect(fault).toContain(`http://127.0.0.1:${server.port}/list.txt: `);
    expect(fault).toContain(words);
    expect(fault).not.toContain('secret');
    expect(files()).toEqual([]);
  });

  it.each<[string, ListScript, string]>([
    [
      'is cut before its end',
      body({ 'content-length': 1_000 }, LIST),
      `the connection ended after ${LIST.length} of 1000 octets`,
    ],
    [
      'is longer than announced',
      body({ 'content-length': 16 }, LIST),
      'the response is no valid HTTP, or its body is longer than announced',
    ],
    [
      'has two lengths',
      (_request, socket) =>
        socket.end(`HTTP/1.1 200 OK\r\ncontent-length: 16\r\ncontent-length: 32\r\n\r\n${LIST}`),
      'the response is no valid HTTP, or its body is longer than announced',
    ],
    [
      'has a length that is none',
      body({ 'content-length': 'many' }, LIST),
      'the response is no valid HTTP, or its body is longer than announced',
    ],
    [
      'ends in the middle of a chunk',
      body({ 'transfer-encoding': 'chunked' }, `40\r\n${LIST}`),
      'the connection ended after',
    ],
    [
      'ends without the last chunk',
      body({ 'transfer-encoding': 'chunked' }, `20\r\n${LIST}\r\n`),
      'the connection ended after',
    ],
    [
      'is cut gzip',
      body({ 'content-encoding': 'gzip' }, gzipSync(LIST).subarray(0, 30)),
      'the packed body is damaged or cut (unexpected end of file)',
    ],
    [
      'is cut brotli',
      body({ 'content-encoding': 'br' }, brotliCompressSync(LIST).subarray(0, 12)),
      'the packed body is damaged or cut',
    ],
    [
      'is no gzip at all',
      body({ 'content-encoding': 'gzip' }, LIST),
      'the packed body is damaged or cut (incorrect header check)',
    ],
    [
      'is damaged gzip',
      body({ 'content-encoding': 'gzip' }, damaged(gzipSync(LIST.repeat(50)))),
      'the packed body is damaged or cut',
    ],
    ['is packed in a foreign way', body({ 'content-encoding': 'zstd' }, LIST), 'nobody asked for'],
    [
      'is packed twice',
      body({ 'content-encoding': 'gzip, gzip' }, gzipSync(gzipSync(LIST))),
      'nobody asked for',
    ],
    [
      'announces more than a list may have',
      body({ 'content-length': 5_000_000 }, LIST),
      'it has 5000000 octets, more than lists.bytesMax',
    ],
    [
      'has no end',
      (_request, socket) => {
        socket.write(headOf('200 OK', {}));
        flood(socket, LINE);
      },
      'it has more than 1000000 octets',
    ],
    [
      'has no end and comes in chunks',
      (_request, socket) => {
        socket.write(headOf('200 OK', { 'transfer-encoding': 'chunked' }));
        flood(socket, Buffer.from(`${LINE.length.toString(16)}\r\n${LINE.toString()}\r\n`));
      },
      'it has more than 1000000 octets',
    ],
    [
      'unpacks to more than a list may have',
      body({ 'content-encoding': 'gzip' }, gzipSync(Buffer.alloc(3_000_000, LINE))),
      'it has more than 1000000 octets',
    ],
    [
      'is packed, has no end and unpacks to nothing',
      (_request, socket) => {
        socket.write(headOf('200 OK', { 'content-encoding': 'gzip' }));
        flood(socket, gzipSync(''));
      },
      'it has more than 1000000 octets',
    ],
    [
      'stands still',
      (_request, socket) => {
        socket.write(headOf('200 OK', { 'content-length': 1_000 }));
        socket.write(LIST);
      },
      'it comes at less than 1000 octets a second',
    ],
    [
      'comes a letter at a time',
      (_request, socket) => {
        socket.write(headOf('200 OK', { 'content-length': 100_000 }));
        drip(socket, 'x', 20);
      },
      'it comes at less than 1000 octets a second',
    ],
    [
      'comes fast enough for hours',
      (_request, socket) => {
        socket.write(headOf('200 OK', { 'content-length': 900_000 }));
        drip(socket, 'x'.repeat(100), 20);
      },
      'it took longer than 3 s in all',
    ],
  ])('whose body %s gets nowhere', async (_what, script, words) => {
    await using server = await startListServer(script);
    const { faultOf, files } = await aFetch();
    const fault = await faultOf(server.url('/'));
    expect(fault).toContain('LIST_FETCH_FAILED');
    expect(fault).toContain(words);
    expect(files()).toEqual([]);
  });

  it('cannot make more of an octet than a hundred', async () => {
    const bomb = gzipSync(Buffer.alloc(50_000_000));
    await using server = await startListServer(body({ 'content-encoding': 'gzip' }, bomb));
    const { faultOf, files, progress } = await aFetch();
    const limits = { ...SHORT, bytesMax: 500_000_000 };
    expect(await faultOf(server.url('/'), { limits })).toMatch(
      /octets unpack to more than \d+, over 100 times as many/,
    );
    expect(progress.at(-1)!.unpacked).toBeLessThan(10_000_000);
    expect(files()).toEqual([]);
  });

  it('that closes its port is named with its address', async () => {
    const server = await startListServer(serve(LIST));
    const url = server.url('/', 'lists.example.org');
    await server[Symbol.asyncDispose]();
    const { faultOf } = await aFetch();
    expect(await faultOf(url)).toContain(
      `Connecting to lists.example.org:${server.port}: 127.0.0.1: connect ECONNREFUSED`,
    );
  });
});

describe('redirects', () => {
  it('are followed, relative ones too', async () => {
    await using server = await startListServer((request, socket) => {
      if (request.path === '/a') return redirect('/b/c?d=e')(request, socket);
      if (request.path === '/b/c?d=e') return redirect('../f', '308 Permanent')(request, socket);
      return serve(LIST)(request, socket);
    });
    const { fetchText } = await aFetch();
    expect(await fetchText(server.url('/a'))).toBe(LIST);
    expect(server.requests.map(({ path }) => path)).toEqual(['/a', '/b/c?d=e', '/f']);
  });

  it.each([
    ['five are followed', 5, null],
    ['the sixth is one too many', 6, 'sends us on more than 5 times'],
  ])('%s', async (_what, count, words) => {
    await using server = await startListServer((request, socket) => {
      const hop = Number(request.path.slice(1));
      if (hop === count) serve(LIST)(request, socket);
      else redirect(`/${hop + 1}`)(request, socket);
    });
    const { fetchText, faultOf } = await aFetch();
    if (words === null) expect(await fetchText(server.url('/0'))).toBe(LIST);
    else expect(await faultOf(server.url('/0'))).toContain(words);
  });

  it.each([
    ['a refusal', status('403 Forbidden'), 'the server answered 403 Forbidden'],
    ['a cut body', body({ 'content-length': 1_000 }, LIST), 'the connection ended after'],
    ['silence', () => undefined, 'no response within 1 s'],
  ])('that end in %s name who answered so', async (_what, script, words) => {
    await using second = await startListServer(script);
    await using first = await startListServer(redirect(second.url('/b?key=secret')));
    const { faultOf } = await aFetch();
    const fault = await faultOf(first.url('/a?key=secret'));
    expect(fault).toContain(
      `${first.url('/a')}, which sent us on to ${second.url('/b')}: ${words}`,
    );
    expect(fault).not.toContain('secret');
  });

  it('in a circle end', async () => {
    await using server = await startListServer(redirect('/'));
    const { faultOf } = await aFetch();
    expect(await faultOf(server.url('/'))).toContain('sends us on more than 5 times');
    expect(server.requests).toHaveLength(6);
  });

  it.each([
    ['nowhere', undefined, 'sends us on and not where to'],
    ['a file', 'file:///etc/passwd', 'file:; valid: https://'],
    ['a password', 'http://user:secret@lists.example.org/', 'carries a user name or a password'],
    ['an address', 'http://127.0.0.1/', 'names an address'],
    ['an address in another form', 'http://2130706433/', 'names an address'],
    ['nonsense', 'http://[', 'is no valid address'],
  ])('to %s are refused', async (_what, location, words) => {
    await using server = await startListServer((_request, socket) => {
      socket.end(headOf('302 Found', location === undefined ? {} : { location }));
    });
    const { faultOf } = await aFetch();
    const options = { isPrivateAllowed: false };
    const fault = await faultOf(server.url('/', 'lists.example.org'), options);
    expect(fault).toContain(words);
    expect(fault).toContain(`Fetching http://lists.example.org:${server.port}/`);
    expect(fault).not.toContain('secret');
    expect(server.requests).toHaveLength(1);
  });

  it('go to a private address as little as a list does', async () => {
    await using inside = await startListServer(serve(LIST), { address: '127.0.0.2' });
    await using server = await startListServer(redirect(inside.url('/', 'router.example.org')));
    const { faultOf } = await aFetch();
    const fault = await faultOf(server.url('/', 'lists.example.org'), {
      isPrivateAllowed: false,
      findFault: (address) => (address === '127.0.0.1' ? null : `${address} is private`),
      lookUp: (host) => Promise.resolve([host === 'lists.example.org' ? '127.0.0.1' : '127.0.0.2']),
    });
    expect(fault).toContain('LIST_URL_REFUSED');
    expect(fault).toContain('its address is private');
    expect(inside.connectionCount).toBe(0);
  });
});

describe('https', () => {
  it('is spoken with the host whose certificate it is', async () => {
    await using server = await startListServer(serve(LIST), { isEncrypted: true });
    const { fetchText, faultOf } = await aFetch();
    const url = server.url('/', 'lists.example.org');
    expect(await fetchText(url, { trusted: server.trusted })).toBe(LIST);
    expect(await faultOf(url)).toContain('self-signed certificate');
    const foreign = server.url('/', 'other.example.org');
    expect(await faultOf(foreign, { trusted: server.trusted })).toContain('altnames');
    expect(server.requests).toHaveLength(1);
  });

  it('stays https unless http is allowed', async () => {
    await using plain = await startListServer(serve(LIST));
    await using server = await startListServer(
      redirect(plain.url('/next?key=secret', 'lists.example.org')),
      { isEncrypted: true },
    );
    const { faultOf, fetchText } = await aFetch();
    const url = server.url('/', 'lists.example.org');
    const options = { trusted: server.trusted };
    const fault = await faultOf(url, options, { isHttpAllowed: false });
    expect(fault).toContain('/next is not encrypted');
    expect(fault).not.toContain('secret');
    expect(plain.connectionCount).toBe(0);
    expect(await fetchText(url, options)).toBe(LIST);
  });

  it('with somebody who does not speak it ends', async () => {
    await using server = await startListServer((_request, socket) => socket.end('no'));
    const { faultOf } = await aFetch();
    const url = server.url('/', 'lists.example.org').replace('http:', 'https:');
    expect(await faultOf(url)).toContain('LIST_FETCH_FAILED');
  });
});

describe('private addresses', () => {
  const strict = { isPrivateAllowed: false, findFault: findAddressFault };

  it.each([
    ['127.0.0.1', 'a loopback address'],
    ['::ffff:127.0.0.1', 'a loopback address'],
    ['10.0.0.1', 'a private address'],
    ['169.254.169.254', 'a link-local address'],
    ['100.64.0.1', 'a shared address'],
    ['::1', 'a loopback address'],
    ['fd00::1', 'a private address'],
    ['0.0.0.0', 'this network'],
  ])('a host at %s is not asked', async (address, words) => {
    await using server = await startListServer(serve(LIST));
    const { faultOf } = await aFetch();
    const fault = await faultOf(server.url('/', 'lists.example.org'), {
      ...strict,
      lookUp: () => Promise.resolve([address]),
    });
    expect(fault).toContain('LIST_URL_REFUSED');
    expect(fault).toContain(words);
    // Who may edit lists does not thereby learn which address a name inside has.
    expect(fault).not.toContain(address);
    expect(fault).toContain('lists.allowPrivate');
    expect(server.connectionCount).toBe(0);
  });

  it('of several addresses only public ones are tried', async () => {
    await using inside = await startListServer(serve('inside.example.org\n'));
    await using server = await startListServer(serve(LIST), {
      address: '127.0.0.2',
      port: inside.port,
    });
    const { fetchText } = await aFetch();
    const text = await fetchText(server.url('/', 'lists.example.org'), {
      isPrivateAllowed: false,
      findFault: (address) => (address === '127.0.0.2' ? null : `${address} is private`),
      lookUp: () => Promise.resolve(['127.0.0.1', '127.0.0.2']),
    });
    expect(text).toBe(LIST);
    expect(inside.connectionCount).toBe(0);
  });

  it('a name that changes its address between two questions is not believed', async () => {
    await using inside = await startListServer(serve('inside.example.org\n'), {
      address: '127.0.0.2',
    });
    // Its first answer is a redirect to itself: a second connection, and a second look-up.
    await using server = await startListServer(redirect('/again'), { port: inside.port });
    const { faultOf } = await aFetch();
    let lookUps = 0;
    const fault = await faultOf(server.url('/', 'lists.example.org'), {
      isPrivateAllowed: false,
      findFault: (address) => (address === '127.0.0.1' ? null : `${address} is private`),
      lookUp: () => Promise.resolve([lookUps++ === 0 ? '127.0.0.1' : '127.0.0.2']),
    });
    expect(fault).toContain('its address is private');
    expect(lookUps).toBe(2);
    expect(inside.connectionCount).toBe(0);
  });

  it('is looked up once for a connection, so there is no second answer to believe', async () => {
    await using server = await startListServer(serve(LIST));
    const { fetchText, lookedUp } = await aFetch();
    await fetchText(server.url('/', 'lists.example.org'));
    expect(lookedUp).toEqual(['lists.example.org']);
  });

  it('what the connection says of its other end counts, whatever was looked up', async () => {
    await using server = await startListServer(serve(LIST));
    const { faultOf } = await aFetch();
    const asked: string[] = [];
    const fault = await faultOf(server.url('/', 'lists.example.org'), {
      isPrivateAllowed: false,
      // Public when it is chosen, private when it is connected to.
      findFault: (address) => (asked.push(address) === 1 ? null : `${address} is private`),
    });
    expect(fault).toContain('its address is private');
    expect(asked).toEqual(['127.0.0.1', '127.0.0.1']);
    expect(server.requests).toEqual([]);
  });

  it('an address in place of a name is not even looked up', async () => {
    await using server = await startListServer(serve(LIST));
    const { faultOf, lookedUp } = await aFetch();
    const fault = await faultOf(server.url('/'), strict);
    expect(fault).toContain('names an address');
    expect([lookedUp, server.connectionCount]).toEqual([[], 0]);
  });
});

describe('a content that changes while it is fetched', () => {
  /** A server whose list is another one for each GET, up to the given one. */
  const changing = (last: number): ListScript => {
    let version = 0;
    return (request, socket) => {
      if (request.method === 'GET')
        serve(`v${version}.example.org\n`, { etag: `"${version}"` })(request, socket);
      if (version < last) version++;
      if (request.method === 'HEAD') serve('', { etag: `"${version}"` })(request, socket);
    };
  };

  it('is fetched once more, and taken where it rests then', async () => {
    await using server = await startListServer(changing(1));
    const { fetchText } = await aFetch();
    expect(await fetchText(server.url('/'))).toBe('v1.example.org\n');
    expect(server.requests.map(({ method }) => method)).toEqual(['GET', 'HEAD', 'GET', 'HEAD']);
  });

  it('for ever is not taken', async () => {
    await using server = await startListServer(changing(1_000));
    const { faultOf } = await aFetch();
    expect(await faultOf(server.url('/'))).toContain('it changed while it was fetched, twice');
  });

  it('in name only is taken', async () => {
    let answers = 0;
    await using server = await startListServer((request, socket) => {
      serve(LIST, { etag: `"${answers++}"` })(request, socket);
    });
    const { fetchText } = await aFetch();
    expect(await fetchText(server.url('/'))).toBe(LIST);
  });

  it.each<[string, ListScript]>([
    ['does not know HEAD', status('405 Method Not Allowed')],
    ['says nothing then', () => undefined],
    ['names it weakly', serve(LIST, { etag: 'W/"v1"' })],
  ])('is not assumed of a server that %s', async (_what, script) => {
    await using server = await startListServer((request, socket) => {
      if (request.method === 'GET') serve(LIST, { etag: '"v1"' })(request, socket);
      else script(request, socket);
    });
    const { fetchText } = await aFetch();
    expect(await fetchText(server.url('/'))).toBe(LIST);
    expect(server.requests).toHaveLength(2);
  });
});

function status(line: string): ListScript {
  return (_request, socket) => {
    socket.end(headOf(line, { 'content-length': 0 }));
  };
}

function body(headers: Record<string, string | number>, octets: string | Uint8Array): ListScript {
  return (_request, socket) => {
    socket.write(headOf('200 OK', headers));
    socket.end(octets);
  };
}

/** The same text again and again, for as long as the client waits. */
function drip(socket: Parameters<ListScript>[1], text: string, everyMs: number): void {
  const timer = setInterval(() => {
    socket.write(text);
  }, everyMs);
  socket.on('close', () => {
    clearInterval(timer);
  });
}

function twoMembers(): Uint8Array {
  return Buffer.concat([gzipSync('one.example.org\n'), gzipSync('two.example.org\n')]);
}

function damaged(octets: Buffer): Buffer {
  const at = octets.length >> 1;
  octets.writeUInt8(octets.readUInt8(at) ^ 0xff, at);
  return octets;
}
