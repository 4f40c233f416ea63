import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/lib/clock.ts';
import type { CarrierContext, Exchange } from '../../src/upstream/exchanges.ts';
import { RandomPool } from '../../src/upstream/random-pool.ts';
import { TcpCarrier } from '../../src/upstream/tcp-exchange.ts';
import { TimerWheel } from '../../src/upstream/timer-wheel.ts';
import { aQuery, FrameReader, frameOf } from '../support/dns-query.ts';

let server: Server;
let carrier: TcpCarrier;
let wheel: TimerWheel;
const peers = new Set<Socket>();

beforeEach(async () => {
  server = createServer({ noDelay: true });
  server.on('connection', (peer) => {
    peers.add(peer);
    peer.on('error', () => undefined);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('The server has no port');
  wheel = new TimerWheel(systemClock);
  const context: CarrierContext = {
    clock: systemClock,
    random: new RandomPool(),
    wheel,
    onFault: (error) => {
      throw error;
    },
  };
  carrier = new TcpCarrier({ address: '127.0.0.1', port: address.port }, context);
});

afterEach(() => {
  carrier.close();
  wheel.close();
  for (const peer of peers) peer.destroy();
  peers.clear();
  server.close();
});

/** Calls back with each query of each connection. */
function onQuery(handle: (peer: Socket, query: Buffer) => void): void {
  server.on('connection', (peer) => {
    const frames = new FrameReader();
    peer.on('data', (chunk) => {
      frames.push(chunk);
      for (const query of frames.messages.splice(0)) handle(peer, query);
    });
  });
}

/** The query turned into a response without records. */
function responseTo(query: Buffer): Buffer {
  const response = Buffer.from(query);
  response[2] = 0x81;
  return response;
}

interface Told extends Exchange {
  readonly outcome: Promise<'response' | 'lost'>;
}

function anExchange(name = 'www.example.org'): Told {
  const query = aQuery().name(name).build();
  let tell: (outcome: 'response' | 'lost') => void = () => undefined;
  const outcome = new Promise<'response' | 'lost'>((resolve) => {
    tell = resolve;
  });
  return {
    query,
    questionEnd: query.length,
    isCaseMixed: false,
    outcome,
    onResponse: () => {
      tell('response');
    },
    onLost: () => {
      tell('lost');
    },
    onCaseMismatch: () => undefined,
    onBareError: () => undefined,
    onStray: () => undefined,
  };
}

async function ask(exchange = anExchange()): Promise<'response' | 'lost'> {
  expect(carrier.send(exchange)).toBe(true);
  return exchange.outcome;
}

describe('TCP towards an upstream', () => {
  test('a stream that arrives octet by octet gives the same messages', async () => {
    onQuery((peer, query) => {
      const octets = Buffer.concat([Buffer.from([0, 0]), frameOf(responseTo(query))]);
      const write = (at: number): void => {
        if (at === octets.length) return;
        peer.write(octets.subarray(at, at + 1), () => {
          setImmediate(write, at + 1);
        });
      };
      write(0);
    });
    expect(await ask()).toBe('response');
  });

  test('many messages in one segment are all read', async () => {
    const held: Buffer[] = [];
    onQuery((peer, query) => {
      held.push(frameOf(responseTo(query)));
      if (held.length === 8) peer.write(Buffer.concat(held.reverse()));
    });
    const outcomes = Array.from({ length: 8 }, (_, index) => ask(anExchange(`n${index}.test`)));
    expect(await Promise.all(outcomes)).toEqual(outcomes.map(() => 'response'));
    expect(peers.size).toBe(1);
  });

  test('a connection that is closed after an answer, just as we write, is opened anew', async () => {
    let count = 0;
    onQuery((peer, query) => {
      if (++count === 2) peer.destroy();
      else peer.write(frameOf(responseTo(query)));
    });
    expect(await ask()).toBe('response');
    expect(await ask()).toBe('response');
    expect([peers.size, count]).toEqual([2, 3]);
  });

  test('a connection that is closed without any answer is a loss', async () => {
    onQuery((peer) => {
      peer.end();
    });
    expect(await ask()).toBe('lost');
    expect(carrier.connectionCount).toBe(0);
  });

  test('a connection that left a query unanswered takes no more', async () => {
    let isFirst = true;
    onQuery((peer, query) => {
      if (!isFirst) peer.write(frameOf(responseTo(query)));
      isFirst = false;
    });
    const unanswered = anExchange();
    carrier.send(unanswered);
    await expect.poll(() => isFirst, { interval: 5 }).toBe(false);
    carrier.forget(unanswered);
    expect(await ask()).toBe('response');
    expect(peers.size).toBe(2);
  });

  test('past 16 connections of 32 queries nothing more is taken', () => {
    const taken = Array.from({ length: 600 }, () => carrier.send(anExchange()));
    expect(taken.filter(Boolean)).toHaveLength(512);
    expect(carrier.connectionCount).toBe(16);
  });
});
