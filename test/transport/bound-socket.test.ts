import { createSocket } from 'node:dgram';
import { networkInterfaces } from 'node:os';
import { Worker } from 'node:worker_threads';
import { createServer, connect } from 'node:net';
import { describe, expect, test } from 'vitest';
import { AppError } from '../../src/lib/errors.ts';
import { createBoundSockets } from '../../src/transport/bound-socket.ts';
import { loadLibc } from '../../src/transport/libc.ts';
import { probePort } from '../../src/transport/probe-port.ts';
import { connectTcp, connectUdp } from '../contract/packet-socket-clients.ts';
import { aMessage } from '../contract/packet-socket.ts';

const { libc, reason } = await loadLibc();
const sockets = libc === null ? null : createBoundSockets(libc);

/** A thread that takes both descriptors over and answers every message with its own number in front. */
const THREAD = `
  const { parentPort, workerData } = require('node:worker_threads');
  const { number, type, udp, tcp } = workerData;
  const socket = require('node:dgram').createSocket(type);
  socket.on('message', (message, from) => {
    message[2] = number;
    socket.send(message, from.port, from.address);
  });
  const server = require('node:net').createServer((client) => {
    client.on('data', (chunk) => { chunk[4] = number; client.write(chunk); });
    client.on('error', () => {});
  });
  socket.bind({ fd: udp }, () => server.listen({ fd: tcp }, () => parentPort.postMessage('ready')));
  parentPort.once('message', () => socket.close(() => server.close(() => process.exit(0))));
`;

async function startThread(number: number, address: string, port: number): Promise<Worker> {
  const workerData = {
    number,
    type: address.includes(':') ? 'udp6' : 'udp4',
    udp: sockets!.bind('udp', address, port),
    tcp: sockets!.bind('tcp', address, port),
  };
  const worker = new Worker(THREAD, { eval: true, workerData });
  await new Promise((resolve, reject) => {
    worker.once('message', resolve).once('error', reject);
  });
  return worker;
}

async function stopThread(worker: Worker): Promise<void> {
  const exited = new Promise((resolve) => worker.once('exit', resolve));
  worker.postMessage('stop');
  await exited;
}

async function askBoth(
  address: string,
  port: number,
  answeredBy: { udp: Set<number>; tcp: Set<number> },
) {
  const udp = await connectUdp(address, port);
  const tcp = await connectTcp(address, port);
  udp.send(aMessage(1));
  tcp.send(aMessage(1));
  answeredBy.udp.add((await udp.receive())[2]!);
  answeredBy.tcp.add((await tcp.receive())[2]!);
  await Promise.all([udp.close(), tcp.close()]);
}

describe.skipIf(sockets === null)('descriptors that share a port', () => {
  test.each(['127.0.0.1', '::1'])(
    'serve UDP and TCP on %s from two threads at once',
    async (address) => {
      const port = await probePort(address, 0);
      const threads = [await startThread(1, address, port), await startThread(2, address, port)];
      const answeredBy = { udp: new Set<number>(), tcp: new Set<number>() };
      // The kernel chooses by a hash of the client's port: forty in a row never fall to one side.
      for (let count = 0; count < 40; count++) await askBoth(address, port, answeredBy);
      for (const thread of threads) await stopThread(thread);
      expect([...answeredBy.udp].sort()).toEqual([1, 2]);
      expect([...answeredBy.tcp].sort()).toEqual([1, 2]);
      // Everything is let go of: the port can be had alone again.
      expect(await probePort(address, port)).toBe(port);
    },
  );

  test('serve IPv4 and IPv6 on one port number, each by its own', async () => {
    const port = await probePort('127.0.0.1', 0);
    const threads = [await startThread(4, '127.0.0.1', port), await startThread(6, '::1', port)];
    for (const [address, number] of [
      ['127.0.0.1', 4],
      ['::1', 6],
    ] as const) {
      const answeredBy = { udp: new Set<number>(), tcp: new Set<number>() };
      await askBoth(address, port, answeredBy);
      expect([answeredBy.udp, answeredBy.tcp]).toEqual([new Set([number]), new Set([number])]);
    }
    for (const thread of threads) await stopThread(thread);
  });

  test('keep a port from those who do not share it, until they are closed', async () => {
    const port = await probePort('127.0.0.1', 0);
    const fd = sockets!.bind('udp', '127.0.0.1', port);
    await expect(probePort('127.0.0.1', port)).rejects.toMatchObject({ code: 'LISTEN_IN_USE' });
    sockets!.close(fd);
    expect(await probePort('127.0.0.1', port)).toBe(port);
  });

  test('on the IPv6 wildcard leave IPv4 alone', async () => {
    const port = await probePort('::', 0);
    const fd = sockets!.bind('udp', '::', port);
    expect(await probePort('127.0.0.1', port)).toBe(port);
    sockets!.close(fd);
  });

  test('are refused with the cause, and none is left open', () => {
    const failureOf = (address: string): unknown => {
      try {
        sockets!.bind('udp', address, 0);
        return null;
      } catch (error) {
        return error;
      }
    };
    expect(failureOf('192.0.2.77')).toBeInstanceOf(AppError);
    expect(failureOf('192.0.2.77')).toMatchObject({ code: 'LISTEN_FAILED' });
    expect(String(failureOf('192.0.2.77'))).toContain('no such address');
    expect(String(failureOf('example.org'))).toContain('"example.org" is no IP address');
    expect(String(failureOf('fe80::1%nowhere0'))).toContain('no network interface "nowhere0"');
    const before = sockets!.bind('udp', '127.0.0.1', 0);
    sockets!.close(before);
    for (let count = 0; count < 20; count++) failureOf('192.0.2.77');
    const after = sockets!.bind('udp', '127.0.0.1', 0);
    sockets!.close(after);
    expect(after).toBe(before);
  });

  test('can be bound to a link-local address with its zone', (context) => {
    const found = Object.entries(networkInterfaces())
      .flatMap(([zone, entries]) => (entries ?? []).map(({ address }) => ({ zone, address })))
      .find(({ address }) => address.startsWith('fe80:'));
    if (found === undefined) {
      context.skip('this machine has no link-local address');
      return;
    }
    sockets!.close(sockets!.bind('udp', `${found.address}%${found.zone}`, 0));
  });
});

test('shared ports are there wherever koffi is, and else say why not', () => {
  expect(reason).toBe(sockets === null ? reason : 'koffi is loaded');
  expect(reason).not.toBe('');
});

describe('probing a port', () => {
  test('finds one that is free for UDP and TCP and leaves it free', async () => {
    const port = await probePort('127.0.0.1', 0);
    expect(port).toBeGreaterThan(0);
    expect(await probePort('127.0.0.1', port)).toBe(port);
  });

  test.each(['127.0.0.1', '::1'])('finds a UDP port of %s in use', async (address) => {
    const socket = createSocket(address === '::1' ? 'udp6' : 'udp4');
    await new Promise<void>((resolve) => {
      socket.bind({ address, port: 0 }, resolve);
    });
    const failure = probePort(address, socket.address().port);
    await expect(failure).rejects.toMatchObject({ code: 'LISTEN_IN_USE' });
    socket.close();
  });

  test('finds a TCP port in use', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => {
      server.listen({ host: '127.0.0.1', port: 0 }, resolve);
    });
    const { port } = server.address() as { port: number };
    await expect(probePort('127.0.0.1', port)).rejects.toMatchObject({ code: 'LISTEN_IN_USE' });
    server.close();
  });

  test('is not put off by connections that linger in TIME_WAIT', async () => {
    const server = createServer((client) => client.end());
    await new Promise<void>((resolve) => {
      server.listen({ host: '127.0.0.1', port: 0 }, resolve);
    });
    const { port } = server.address() as { port: number };
    const client = connect(port, '127.0.0.1').resume();
    await new Promise((resolve) => client.once('close', resolve));
    await new Promise((resolve) => server.close(resolve));
    expect(await probePort('127.0.0.1', port)).toBe(port);
    if (sockets !== null) sockets.close(sockets.bind('tcp', '127.0.0.1', port));
  });
});
