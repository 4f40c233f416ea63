import { createSocket, Socket } from 'node:dgram';
import { once } from 'node:events';
import { connect } from 'node:net';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { readTsig } from '../../../src/dns/tsig-record.ts';
import type { Clock } from '../../../src/lib/clock.ts';
import { answerNotify, type NotifiedZone } from '../../../src/lists/transfer/answer-notify.ts';
import { NotifyListener } from '../../../src/lists/transfer/notify-listener.ts';
import { framed, soa, TestSigner, wire, zoneMessage } from '../../support/zone-messages.ts';

const NOW = 1_700_000_000;
const PRIMARY = '192.0.2.1';
const KEY = {
  name: 'xfer',
  algorithm: 'hmac-sha256',
  secret: Buffer.from('an example secret of 32 octets !'),
} as const;
const OTHER_KEY = { ...KEY, name: 'other' };
const PLAIN: NotifiedZone = {
  list: 'plain',
  zone: wire('rpz.example'),
  addresses: [PRIMARY, '2001:db8::1'],
  key: null,
  isKeyNeeded: false,
};
const SIGNED: NotifiedZone = {
  list: 'signed',
  zone: wire('signed.example'),
  addresses: [PRIMARY],
  key: KEY,
  isKeyNeeded: true,
};
const ZONES = [
  PLAIN,
  SIGNED,
  { ...SIGNED, list: 'third', zone: wire('third.example'), key: OTHER_KEY },
];

function notify(zone: string, more = {}): Buffer {
  return zoneMessage({ id: 7, zone, type: 6, records: [soa(9)], flags: 0x2400, ...more });
}

function answer(message: Uint8Array, address = PRIMARY) {
  const { answer: octets, lists } = answerNotify(message, address, ZONES, NOW);
  const reply = octets === null ? null : Buffer.from(octets);
  const flags = reply?.readUInt16BE(2) ?? 0;
  const tsig = reply === null ? null : readTsig(reply);
  const error = tsig === null || tsig === 'malformed' ? null : tsig.tsig.error;
  return { reply, flags, rcode: flags & 15, error, lists };
}

describe('a NOTIFY', () => {
  test('of a primary has the zone looked at, and is answered with its question alone', () => {
    const { reply, lists } = answer(notify('RPZ.example'));
    expect(lists).toEqual(['plain']);
    expect(reply?.toString('hex')).toBe(
      zoneMessage({ id: 7, zone: 'RPZ.example', type: 6, records: [], flags: 0xa400 }).toString(
        'hex',
      ),
    );
  });

  test('of a stranger, and a response, get silence', () => {
    expect(answer(notify('rpz.example'), '192.0.2.2')).toMatchObject({ reply: null, lists: [] });
    expect(answer(notify('rpz.example', { flags: 0xa400 }))).toMatchObject({
      reply: null,
      lists: [],
    });
    expect(answer(notify('rpz.example').subarray(0, 11))).toMatchObject({ reply: null });
  });

  test('for a zone of another primary, or of nobody, is not for us', () => {
    expect(answer(notify('none.example'))).toMatchObject({ rcode: 9, lists: [] });
    expect(answer(notify('signed.example'), '2001:db8::1')).toMatchObject({ rcode: 9, lists: [] });
    expect(answer(notify('x.rpz.example'))).toMatchObject({ rcode: 9, lists: [] });
  });

  test('that is none is told what it is', () => {
    expect(answer(notify('rpz.example', { flags: 0x0100 }))).toMatchObject({ rcode: 4, lists: [] });
    expect(answer(notify('rpz.example', { flags: 0x2800 }))).toMatchObject({ rcode: 4, lists: [] });
    for (const bad of [
      notify('rpz.example', { type: 1 }),
      notify('rpz.example', { hasQuestion: false }),
      notify('rpz.example').subarray(0, -1),
    ]) {
      const { reply, rcode, lists } = answer(bad);
      expect({ rcode, lists, length: reply?.length }).toEqual({ rcode: 1, lists: [], length: 12 });
    }
  });

  test('must be signed where the transfer is, with its key', () => {
    expect(answer(notify('signed.example'))).toMatchObject({ rcode: 5, lists: [] });
    const sign = (key: typeof KEY | typeof OTHER_KEY, seconds = NOW): Buffer =>
      new TestSigner(key, null).sign(notify('signed.example'), seconds);
    expect(answer(sign(KEY))).toMatchObject({ rcode: 0, error: 0, lists: ['signed'] });
    expect(answer(sign(OTHER_KEY))).toMatchObject({ rcode: 5, error: 0, lists: [] });
    expect(answer(sign({ ...KEY, secret: Buffer.alloc(32) }))).toMatchObject({
      rcode: 9,
      error: 16,
      lists: [],
    });
    expect(answer(sign({ ...KEY, name: 'nobody' as 'xfer' }))).toMatchObject({
      rcode: 9,
      error: 17,
      lists: [],
    });
    expect(answer(sign(KEY, NOW - 400))).toMatchObject({ rcode: 9, error: 18, lists: [] });
  });

  test('may be signed where it need not be, but then rightly', () => {
    const sign = (key: object): Buffer =>
      new TestSigner({ ...KEY, ...key }, null).sign(notify('rpz.example'), NOW);
    expect(answer(sign({}))).toMatchObject({ rcode: 0, error: 0, lists: ['plain'] });
    expect(answer(sign({ secret: Buffer.alloc(32) }))).toMatchObject({ rcode: 9, lists: [] });
  });

  test('of any octets never crashes, and is never answered at length', () => {
    const base = new TestSigner(KEY, null).sign(notify('signed.example'), NOW);
    const changed = fc
      .array(fc.tuple(fc.nat(base.length - 1), fc.nat(255)), { maxLength: 5 })
      .map((changes) => {
        const octets = Uint8Array.from(base);
        for (const [at, octet] of changes) octets[at] = octet;
        return octets;
      });
    fc.assert(
      fc.property(fc.oneof(changed, fc.uint8Array({ maxLength: 200 })), (octets) => {
        const { reply } = answer(octets);
        expect(reply?.length ?? 0).toBeLessThanOrEqual(octets.length + 6);
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('the listener', () => {
  let nowMs = 0;
  const clock: Clock = { monotonicMs: () => nowMs, wallMs: () => NOW * 1000 };
  const zone = { ...PLAIN, addresses: ['127.0.0.1'] };
  let notified: string[] = [];
  let zones: () => readonly NotifiedZone[] = () => [zone];
  let primary = '127.0.0.1';
  let listener: NotifyListener;
  let port = 0;
  let client: Socket;
  let server: Socket;

  beforeEach(async () => {
    nowMs = 0;
    notified = [];
    zones = () => [zone];
    primary = '127.0.0.1';
    listener = new NotifyListener({
      endpoints: [{ address: '127.0.0.1', port: 0 }],
      isPrimary: (address) => address === primary,
      zones: () => zones(),
      onNotify: (lists) => notified.push(...lists),
      clock,
    });
    const bind = vi.spyOn(Socket.prototype, 'bind');
    await listener.open();
    server = bind.mock.contexts[0] as Socket;
    bind.mockRestore();
    port = listener.addresses[0]?.port ?? 0;
    client = createSocket('udp4');
    client.connect(port, '127.0.0.1');
    await once(client, 'connect');
  });

  afterEach(() => {
    client.close();
    listener.close();
  });

  async function ask(message: Uint8Array): Promise<Buffer> {
    const reply = once(client, 'message');
    client.send(message);
    return ((await reply) as [Buffer])[0];
  }

  test('hears a primary over UDP', async () => {
    expect((await ask(notify('rpz.example'))).readUInt16BE(2)).toBe(0xa400);
    expect(notified).toEqual(['plain']);
    expect(listener.counters).toMatchObject({ accepted: 1, strange: 0 });
  });

  test('hears a primary over TCP, more than once on a connection', async () => {
    const connection = connect(port, '127.0.0.1');
    connection.write(framed(notify('rpz.example'), notify('none.example')));
    let octets = Buffer.alloc(0);
    while (octets.length < 2 * (12 + 13 + 4 + 2)) {
      octets = Buffer.concat([octets, ...((await once(connection, 'data')) as [Buffer])]);
    }
    connection.destroy();
    expect(notified).toEqual(['plain']);
    expect(listener.counters).toMatchObject({ accepted: 1, refused: 1 });
  });

  test('closes the connection of a stranger, who is dropped unread, and of a primary that sends too much', async () => {
    const chatty = connect(port, '127.0.0.1');
    chatty.write(Buffer.concat([Buffer.of(0xff, 0xff), Buffer.alloc(5_000)]));
    chatty.on('error', () => undefined);
    await once(chatty, 'close');
    primary = '192.0.2.1';
    // A stranger is not worth what making them costs.
    zones = () => {
      throw new Error('nobody needs the zones');
    };
    client.send(notify('rpz.example'));
    await expect.poll(() => listener.counters.strange).toBe(1);
    const stranger = connect(port, '127.0.0.1');
    stranger.on('error', () => undefined);
    await once(stranger, 'close');
    expect(notified).toEqual([]);
    expect(listener.counters).toMatchObject({ refused: 0, strange: 2 });
  });

  test('answers a primary twenty times at once, then five times a second', async () => {
    for (let number = 0; number < 20; number++) await ask(notify('rpz.example'));
    client.send(notify('rpz.example'));
    client.send(notify('rpz.example'));
    await expect.poll(() => listener.counters.limited).toBe(2);
    nowMs += 200;
    await ask(notify('rpz.example'));
    expect(listener.counters).toMatchObject({ accepted: 21, limited: 2 });
  });

  test('is not ended by a packet to whose port nothing can be sent', () => {
    const from = { address: '127.0.0.1', family: 'IPv4', port: 0, size: 0 };
    server.emit('message', notify('rpz.example'), from);
    expect(notified).toEqual([]);
    expect(listener.counters).toMatchObject({ accepted: 0, refused: 0, strange: 1 });
  });

  test('is not ended by what a message leads to', async () => {
    const connection = connect(port, '127.0.0.1');
    await once(connection, 'connect');
    connection.write(framed(notify('none.example')));
    await once(connection, 'data');
    zones = () => {
      throw new Error('not foreseen');
    };
    const from = { address: '127.0.0.1', family: 'IPv4', port: 53, size: 0 };
    server.emit('message', notify('rpz.example'), from);
    expect(listener.counters).toMatchObject({ refused: 2 });
    connection.write(framed(notify('rpz.example')));
    await once(connection, 'close');
    expect(listener.counters).toMatchObject({ accepted: 0, refused: 3 });
  });

  test('names the port that it cannot have', async () => {
    const second = new NotifyListener({
      endpoints: [{ address: '127.0.0.1', port }],
      isPrimary: () => false,
      zones: () => [],
      onNotify: () => undefined,
      clock,
    });
    await expect(second.open()).rejects.toMatchObject({ code: 'LISTEN_IN_USE' });
  });
});
