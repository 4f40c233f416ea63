import { networkInterfaces } from 'node:os';
import { expect, it, onTestFinished, vi } from 'vitest';
import { LOCAL_ADDRESSES_INTERVAL_MS } from '../../src/transport/local-addresses.ts';
import { Listeners } from '../../src/worker/listeners.ts';

vi.mock('node:os', async (original) => ({
  ...(await original<typeof import('node:os')>()),
  networkInterfaces: vi.fn(),
}));

/** What the machine has from now on. */
function haveAddresses(...addresses: readonly string[]): void {
  const more = { netmask: '255.0.0.0', mac: '00:00:00:00:00:00', cidr: null } as const;
  const lo = addresses.map(
    (address) => ({ address, family: 'IPv4', internal: true, ...more }) as const,
  );
  vi.mocked(networkInterfaces).mockReturnValue({ lo });
}

it('a wildcard says which addresses it serves whenever these change', async () => {
  haveAddresses('127.0.0.1');
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  onTestFinished(() => void vi.useRealTimers());
  const seen: string[][] = [];
  const listeners = new Listeners({
    listen: [{ address: '0.0.0.0', port: 0 }],
    tcp: { connectionsMax: 10, connectionsPerAddressMax: 10, idleTimeoutMs: 1000 },
    udp: 'dgram',
    libc: null,
    handler: () => undefined,
    onFault: (error) => {
      throw error;
    },
    warn: (message) => {
      throw new Error(message);
    },
    onChange: () => {
      seen.push(listeners.addresses.map(({ address }) => address));
    },
  });
  await listeners.open();
  onTestFinished(() => listeners.close());
  expect(seen).toEqual([]);
  haveAddresses('127.0.0.1', '127.0.0.2');
  vi.advanceTimersByTime(LOCAL_ADDRESSES_INTERVAL_MS);
  await vi.waitFor(() => {
    expect(seen.at(-1)).toContain('127.0.0.2');
  });
});
