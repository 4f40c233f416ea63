import { describe, expect, test } from 'vitest';
import {
  expandAddresses,
  isWildcard,
  LocalAddressWatcher,
  type AddressChange,
  type InterfaceAddress,
} from '../../src/transport/local-addresses.ts';
import { until } from '../contract/packet-socket.ts';

const ipv4 = (address: string): InterfaceAddress => ({ address, family: 'IPv4' });
const ipv6 = (address: string): InterfaceAddress => ({ address, family: 'IPv6' });

const machine = (): Record<string, InterfaceAddress[]> => ({
  lo: [ipv4('127.0.0.1'), ipv6('::1')],
  eth0: [ipv4('192.0.2.2'), ipv6('2001:db8::2'), ipv6('fe80::2')],
});

describe('addresses to listen on', () => {
  test('are taken as they are where they are no wildcard', () => {
    expect(expandAddresses(['192.0.2.2', '2001:db8::2', 'fe80::2%eth0'], machine)).toEqual([
      '192.0.2.2',
      '2001:db8::2',
      'fe80::2%eth0',
    ]);
  });

  test('are all of one family for its wildcard', () => {
    expect(expandAddresses(['0.0.0.0'], machine)).toEqual(['127.0.0.1', '192.0.2.2']);
    expect(expandAddresses(['::'], machine)).toEqual(['::1', '2001:db8::2', 'fe80::2%eth0']);
  });

  test('come once, however often they are named', () => {
    const addresses = ['127.0.0.1', '0.0.0.0', '::ffff:192.0.2.2', '2001:DB8:0::2', '2001:db8::2'];
    expect(expandAddresses(addresses, machine)).toEqual(['127.0.0.1', '192.0.2.2', '2001:db8::2']);
  });

  test('of this machine hold the loopback', () => {
    expect(expandAddresses(['0.0.0.0'])).toContain('127.0.0.1');
  });

  test.each([
    ['0.0.0.0', true],
    ['::', true],
    ['0::0', true],
    ['::ffff:0.0.0.0', true],
    ['::1', false],
    ['127.0.0.1', false],
    ['localhost', false],
  ])('%s is a wildcard: %s', (address, expected) => {
    expect(isWildcard(address)).toBe(expected);
  });
});

describe('a LocalAddressWatcher', () => {
  function watch(addresses: string[]) {
    const interfaces = machine();
    const changes: AddressChange[] = [];
    const watcher = new LocalAddressWatcher({
      addresses,
      intervalMs: 5,
      read: () => interfaces,
      onChange: (change) => changes.push(change),
    });
    return { interfaces, changes, watcher };
  }

  test('tells what came and what went, once', () => {
    const { interfaces, changes, watcher } = watch(['0.0.0.0']);
    watcher.refresh();
    interfaces['eth0'] = [ipv4('192.0.2.3')];
    watcher.refresh();
    watcher.refresh();
    expect(changes).toEqual([{ added: ['192.0.2.3'], removed: ['192.0.2.2'] }]);
    expect(watcher.current).toEqual(['127.0.0.1', '192.0.2.3']);
  });

  test('tells an address again that could not be bound', () => {
    const { changes, watcher } = watch(['::']);
    watcher.retry('2001:db8::2');
    watcher.refresh();
    expect(changes).toEqual([{ added: ['2001:db8::2'], removed: [] }]);
  });

  test('looks by itself from start to stop', async () => {
    const { interfaces, changes, watcher } = watch(['0.0.0.0']);
    watcher.start();
    interfaces['eth0'] = [];
    await until(() => changes.length === 1, 'the change was told');
    watcher.stop();
    interfaces['lo'] = [];
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(changes).toHaveLength(1);
  });

  test('has nothing to watch without a wildcard', async () => {
    const { interfaces, changes, watcher } = watch(['192.0.2.2']);
    watcher.start();
    interfaces['eth0'] = [];
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(changes).toEqual([]);
    watcher.stop();
  });
});
