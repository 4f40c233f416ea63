/** What the tests of the forwarder share: a forwarder towards scripted upstreams, asked by promise. */

import { afterEach } from 'vitest';
import type { DecodedPacket } from 'dns-packet';
import { systemClock } from '../../src/lib/clock.ts';
import type { ForwardCause, ForwardQuestion } from '../../src/resolver/forwarder.ts';
import {
  createForwarder,
  type ForwarderOptions,
  type UpstreamForwarder,
} from '../../src/upstream/forwarder.ts';
import { RandomPool } from '../../src/upstream/random-pool.ts';
import { decodeResponse, typeNumber, wireName } from '../support/dns-query.ts';
import {
  type FakeUpstream,
  type FakeUpstreamOptions,
  startFakeUpstream,
  type UpstreamScript,
} from '../support/fake-upstream.ts';

export interface Outcome {
  readonly response: DecodedPacket | null;
  readonly raw: Buffer | null;
  readonly cause: ForwardCause | null;
  readonly isAuthentic: boolean;
  readonly slowCount: number;
  readonly elapsedMs: number;
}

const opened: { close(): Promise<void> | void }[] = [];

afterEach(async () => {
  for (const resource of opened.splice(0)) await resource.close();
});

/** A scripted upstream that the test's end closes. */
export async function anUpstream(
  script: UpstreamScript,
  options: FakeUpstreamOptions = {},
): Promise<FakeUpstream> {
  const upstream = await startFakeUpstream(script, options);
  opened.push(upstream);
  return upstream;
}

export interface Asking {
  readonly forwarder: UpstreamForwarder;
  readonly ask: (
    name: string,
    shape?: Partial<ForwardQuestion> & { qtype?: string },
  ) => Promise<Outcome>;
}

/** A forwarder with one group of these upstreams, closed at the test's end; a failure test waits 1.2 s by default. */
export function aForwarder(
  upstreams: readonly { address: string; port: number }[],
  options: Partial<ForwarderOptions> = {},
): Asking {
  const waiting = new Map<number, { resolve: (outcome: Outcome) => void; startMs: number }>();
  const slow = new Map<number, number>();
  let pending = 0;
  let isForwarding = false;
  const end = (
    number: number,
    outcome: Pick<Outcome, 'response' | 'raw' | 'cause' | 'isAuthentic'>,
  ): void => {
    const waiter = waiting.get(number);
    if (isForwarding) throw new Error(`Question ${number} was called back from within forward`);
    if (waiter === undefined) throw new Error(`Question ${number} was called back twice`);
    waiting.delete(number);
    const elapsedMs = performance.now() - waiter.startMs;
    waiter.resolve({ ...outcome, slowCount: slow.get(number) ?? 0, elapsedMs });
  };
  const forwarder = createForwarder({
    groups: [{ name: 'default', upstreams }],
    clock: systemClock,
    random: new RandomPool(),
    timeoutMs: 1200,
    onFault: (error) => {
      throw error;
    },
    result: {
      onResponse: (number, bytes, length, isAuthentic) => {
        const raw = Buffer.from(bytes.subarray(0, length));
        end(number, { response: decodeResponse(raw), raw, cause: null, isAuthentic });
      },
      onFailure: (number, cause) => {
        end(number, { response: null, raw: null, cause, isAuthentic: false });
      },
      onSlow: (number) => {
        slow.set(number, (slow.get(number) ?? 0) + 1);
      },
    },
    ...options,
  });
  opened.push(forwarder);
  return {
    forwarder,
    ask: (name, { qtype = 'A', ...shape } = {}) =>
      new Promise<Outcome>((resolve) => {
        const wire = wireName(name);
        waiting.set(++pending, { resolve, startMs: performance.now() });
        isForwarding = true;
        forwarder.forward(pending, {
          group: 0,
          name: wire,
          nameLength: wire.length,
          type: typeNumber(qtype),
          isDnssecOk: false,
          isCheckingDisabled: false,
          ...shape,
        });
        isForwarding = false;
      }),
  };
}

/** The data of the first answer record. */
export function firstData(outcome: Outcome): unknown {
  return outcome.response?.answers[0]?.data;
}
