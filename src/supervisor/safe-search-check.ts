/**
 * Once a day, looks whether each target of safe search still has an address: engines rename them, and
 * a target that is gone leaves children with an engine that does not answer. The upstream resolvers
 * are asked directly, never through ourselves.
 *
 * Only what an upstream resolver says counts: where none answers, the last result stands and its age
 * tells. The look-ups of one check run side by side; each ends by itself within a few seconds.
 */

import { Packet, UDPClient } from 'dns2';
import type { Clock } from '../lib/clock.ts';
import type { Endpoint } from '../lib/endpoint.ts';
import { messageOf } from '../lib/errors.ts';
import type { SafeSearchTarget } from '../lists/read-policy-data.ts';
import type { MetricSample } from './control-plane-contract.ts';
import type { Log } from './log.ts';

/** After a start there is better to do, and the first answers must not wait for it. */
const FIRST_CHECK_MS = 60_000;
const INTERVAL_MS = 86_400_000;
const LOOK_UP_TIMEOUT_MS = 2_000;
/** Of a longer list, the first ones. */
const UPSTREAMS_ASKED_MAX = 3;

export interface SafeSearchCheckOptions {
  readonly targets: () => readonly SafeSearchTarget[];
  readonly upstreams: () => readonly Endpoint[];
  readonly clock: Clock;
  readonly log: Log;
}

interface Result {
  readonly isOk: boolean;
  readonly atSecond: number;
}

export class SafeSearchCheck {
  readonly #options: SafeSearchCheckOptions;
  /** By engine; nothing for what no upstream resolver has answered about yet. */
  readonly #results = new Map<string, Result>();
  #timer: NodeJS.Timeout | null = null;
  #isStopped = false;

  constructor(options: SafeSearchCheckOptions) {
    this.#options = options;
  }

  start(): void {
    this.#timer = setTimeout(() => {
      void this.check();
      this.#timer = setInterval(() => void this.check(), INTERVAL_MS).unref();
    }, FIRST_CHECK_MS).unref();
  }

  /** Nothing is logged or counted any more; a look-up under way ends unheard. */
  stop(): void {
    this.#isStopped = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  /** Never rejects. */
  async check(): Promise<void> {
    const { log } = this.#options;
    try {
      const targets = this.#options.targets();
      const answers = await Promise.all(targets.map((target) => this.#checkTarget(target)));
      const unanswered = targets.filter((_target, index) => answers[index] === false);
      if (unanswered.length === 0 || this.#isStopped) return;
      const names = unanswered.map(({ name }) => name).join(', ');
      log.warn({}, `checking safe search: no upstream resolver answered for ${names}`);
    } catch (error) {
      log.warn({}, `checking the targets of safe search: ${messageOf(error)}`);
    }
  }

  samples(): readonly MetricSample[] {
    return [...this.#results].flatMap(([engine, { isOk, atSecond }]) => [
      sample('ok', 'Whether the target of this engine has its address', engine, isOk ? 1 : 0),
      sample('checked_timestamp_seconds', 'When that was seen last', engine, atSecond),
    ]);
  }

  /** @returns whether an upstream resolver answered */
  async #checkTarget(target: SafeSearchTarget): Promise<boolean> {
    const { clock, log } = this.#options;
    const { engine, name, address } = target;
    const addresses = await this.#lookUp(name);
    if (addresses === null) return false;
    if (this.#isStopped) return true;
    const isOk = address === null ? addresses.length > 0 : addresses.includes(address);
    this.#results.set(engine, { isOk, atSecond: Math.floor(clock.wallMs() / 1000) });
    if (isOk) return true;
    const expected = address ?? 'an IPv4 address';
    const found = addresses.length === 0 ? 'none' : addresses.join(', ');
    log.warn(
      { engine },
      `checking safe search: ${name} should have ${expected} and has ${found}; correct blocklists/safe-search.yaml or update Stairgate`,
    );
    return true;
  }

  /** The IPv4 addresses that the first resolver to answer gives; null where none answers. */
  async #lookUp(name: string): Promise<readonly string[] | null> {
    for (const upstream of this.#options.upstreams().slice(0, UPSTREAMS_ASKED_MAX)) {
      const addresses = await lookUpAt(upstream, name);
      if (addresses !== null || this.#isStopped) return addresses;
    }
    return null;
  }
}

/** Null for silence, and for a response that says nothing about the name (SERVFAIL, REFUSED). */
async function lookUpAt(upstream: Endpoint, name: string): Promise<readonly string[] | null> {
  const ask = UDPClient({
    dns: upstream.address,
    port: upstream.port,
    socketType: upstream.address.includes(':') ? 'udp6' : 'udp4',
    timeout: LOOK_UP_TIMEOUT_MS,
    // Over TCP dns2 has no deadline; a few addresses fit into 512 octets, and the first will do.
    retryOverTCP: false,
  });
  try {
    const { header, answers } = await ask(name, 'A');
    if (header.rcode === Packet.RCODE.NXDOMAIN) return [];
    if (header.rcode !== Packet.RCODE.NOERROR) return null;
    return answers.flatMap(({ type, address }) =>
      type === Packet.TYPE.A && address !== undefined ? [address] : [],
    );
  } catch {
    return null;
  }
}

function sample(metric: string, help: string, engine: string, value: number): MetricSample {
  const name = `stairgate_safe_search_target_${metric}`;
  return { name, help, kind: 'gauge', labels: { engine }, value };
}
