import { describe, expect, test } from 'vitest';
import { RandomPool } from '../../src/upstream/random-pool.ts';
import { addressAnswer } from '../support/fake-upstream.ts';
import { aForwarder, anUpstream, firstData } from './forwarding.ts';

/** Draws the same socket every time. */
class OneSocketPool extends RandomPool {
  override nextUint8(): number {
    return 7;
  }

  override nextUint16(): number {
    return (super.nextUint8() << 8) | super.nextUint8();
  }
}

describe('the sockets towards an upstream', () => {
  test('each is given up after 200 queries, and what waits on it is still answered', async () => {
    const upstream = await anUpstream((query) => [{ bytes: addressAnswer(query), delayMs: 10 }]);
    const { ask, forwarder } = aForwarder([upstream], { random: new OneSocketPool() });
    for (let round = 0; round < 9; round++) {
      const outcomes = await Promise.all(Array.from({ length: 50 }, () => ask('www.example.org')));
      expect(outcomes.map(firstData)).toEqual(outcomes.map(() => '192.0.2.1'));
    }
    expect(new Set(upstream.queries.map(({ sourcePort }) => sourcePort)).size).toBe(3);
    expect(forwarder.stats().upstreams[0]?.udpSockets).toBe(1);
  });

  test('queries that share one have different IDs', async () => {
    const upstream = await anUpstream((query) => [{ bytes: addressAnswer(query), delayMs: 50 }]);
    const { ask } = aForwarder([upstream], { random: new OneSocketPool() });
    await Promise.all(Array.from({ length: 150 }, () => ask('www.example.org')));
    const ids = upstream.queries.map(({ raw }) => raw.readUInt16BE(0));
    expect(new Set(ids).size).toBe(150);
    expect(upstream.queries).toHaveLength(150);
  });
});
