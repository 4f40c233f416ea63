import { type NetworkInterfaceInfo, networkInterfaces } from 'node:os';
import { describe, expect, it, vi } from 'vitest';
import { findAddressFault } from '../../../src/lists/fetch/public-address.ts';

vi.mock('node:os', async (original) => ({
  ...(await original<typeof import('node:os')>()),
  networkInterfaces: vi.fn(() => ({})),
}));

describe('addresses that lists are fetched from', () => {
  it.each([
    ['0.0.0.0', 'this network'],
    ['0.1.2.3', 'this network'],
    ['10.1.2.3', 'private'],
    ['100.64.0.1', 'shared'],
    ['100.127.255.255', 'shared'],
    ['127.0.0.1', 'loopback'],
    ['127.255.0.9', 'loopback'],
    ['169.254.169.254', 'link-local'],
    ['172.16.0.1', 'private'],
    ['172.31.255.255', 'private'],
    ['192.0.0.8', 'special'],
    ['192.0.2.1', 'documentation'],
    ['192.168.1.1', 'private'],
    ['198.18.0.1', 'measurements'],
    ['198.19.255.255', 'measurements'],
    ['224.0.0.251', 'multicast'],
    ['239.255.255.250', 'multicast'],
    ['240.0.0.1', 'reserved'],
    ['255.255.255.255', 'reserved'],
    ['::', 'unspecified'],
    ['::1', 'loopback'],
    ['::7f00:1', 'not in use'],
    ['::ffff:127.0.0.1', 'loopback'],
    ['::ffff:7f00:1', 'loopback'],
    ['::ffff:10.0.0.1', 'private'],
    ['::ffff:0:10.0.0.1', 'not in use'],
    ['64:ff9b::127.0.0.1', 'loopback'],
    ['64:ff9b::a00:1', 'private'],
    ['64:ff9b:1::1', 'not in use'],
    ['100::1', 'not in use'],
    ['2001::1', 'special'],
    ['2001:db8::1', 'documentation'],
    ['2002:7f00:1::1', 'tunnel'],
    ['3fff::1', 'documentation'],
    ['fc00::1', 'private'],
    ['fd12:3456::1', 'private'],
    ['fe80::1', 'link-local'],
    ['fe80::1%eth0', 'link-local'],
    ['fec0::1', 'private'],
    ['ff02::fb', 'multicast'],
    ['localhost', 'no address'],
    ['', 'no address'],
    ['0177.0.0.1', 'no address'],
  ])('%s is none of them: %s', (address, why) => {
    expect(findAddressFault(address)).toContain(why);
  });

  it.each([
    '1.1.1.1',
    '9.255.255.255',
    '11.0.0.1',
    '100.63.255.255',
    '100.128.0.1',
    '126.255.255.255',
    '128.0.0.1',
    '172.15.255.255',
    '172.32.0.1',
    '192.167.255.255',
    '192.169.0.1',
    '198.17.255.255',
    '198.20.0.1',
    '223.255.255.255',
    '2001:4860:4860::8888',
    '2606:4700::1',
    '64:ff9b::101:101',
  ])('%s is one', (address) => {
    expect(findAddressFault(address)).toBeNull();
  });

  it('a public address of this machine is none', () => {
    const eth0 = ['9.9.9.1', '2620:fe:0::1%eth0'].map((address) => ({ address }));
    vi.mocked(networkInterfaces).mockReturnValue({ eth0 } as unknown as NodeJS.Dict<
      NetworkInterfaceInfo[]
    >);
    for (const address of ['9.9.9.1', '::ffff:9.9.9.1', '2620:fe::1']) {
      expect(findAddressFault(address)).toBe(`${address} is an address of this machine`);
    }
    expect(findAddressFault('9.9.9.2')).toBeNull();
  });
});
