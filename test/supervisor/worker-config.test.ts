import { describe, expect, it } from 'vitest';
import { createSlab } from '../../src/cache/slab.ts';
import { loadConfig } from '../../src/config/config.ts';
import type { Config } from '../../src/config/config.ts';
import { workerConfigOf } from '../../src/supervisor/worker-config.ts';
import type { WorkerConfig } from '../../src/worker/messages.ts';

const MEBIBYTE = 1_048_576;

function configWith(workers: number): Config {
  return loadConfig({ path: null, flags: { workers, upstreams: ['192.0.2.53'] } });
}

function shareOf(config: Config, count: number): WorkerConfig {
  return workerConfigOf(config, {
    index: 0,
    count,
    seed: [1, 2],
    listen: [],
    udp: 'dgram',
    listKeys: [],
  });
}

describe('what one worker is told', () => {
  it.each([1, 2, 32, 33, 64, 256])('%i workers share the defaults, and each can start', (count) => {
    const { cache, tcp, pendingMax } = shareOf(configWith(count), count);
    expect(cache.bytesMax).toBe(Math.max(MEBIBYTE, Math.ceil((32 * MEBIBYTE) / count)));
    expect(() => createSlab(cache.bytesMax)).not.toThrow();
    expect(tcp.connectionsMax).toBe(Math.ceil(1000 / count));
    expect(tcp.connectionsPerAddressMax).toBeGreaterThanOrEqual(1);
    expect(pendingMax).toBe(Math.ceil(4096 / count));
  });

  it('the smallest cache that the configuration takes is enough for two workers', () => {
    const config = configWith(2);
    const small = { ...config, cache: { ...config.cache, bytesMax: MEBIBYTE } };
    expect(() => createSlab(shareOf(small, 2).cache.bytesMax)).not.toThrow();
  });
});
