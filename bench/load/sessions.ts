/**
 * Subscribers at operator scale: a million loaded in bulk, then addresses that change hands by
 * `PUT /api/v1/sessions` while queries are answered. Each plan answers the asked name with an address
 * of its own, so an answer tells whose policy it was. After every request one that has just changed is
 * asked; a wrong answer ends the bench.
 *
 *     node dist-bench/bench/load/sessions.js [--subscribers N] [--changes A_SECOND] [--seconds N] [--smoke]
 *
 * Main thread and worker may use both cores, beside the load.
 */

import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ControlledServer } from './controlled-server.ts';
import { BenchOptions } from './options.ts';
import { PlanAsker } from './plan-asker.ts';

export interface SessionsResult {
  readonly subscribers: number;
  readonly load: {
    /** From the first request until all are in force. */
    readonly seconds: number;
    readonly subscribersPerSecond: number;
    readonly mebibytes: number;
    readonly mainLagMsMax: number;
  };
  readonly sessions: {
    readonly seconds: number;
    readonly changesPerSecond: number;
    /** Of one core. */
    readonly mainCpuShare: number;
    readonly mainCpuMicrosecondsAChange: number;
    /** From sending a request to its answer, and to a DNS answer by the new policy. */
    readonly putMs: Quantiles;
    readonly inForceMs: Quantiles;
    /** Of queries beside the changes. */
    readonly queryMs: Quantiles;
    readonly queries: number;
    readonly mainLagMs: Quantiles;
    readonly mebibytes: number;
    readonly logMebibytes: number;
  };
}

export interface Quantiles {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

const RESULTS = 'dist-bench/results';
const SUBSCRIBERS_A_REQUEST = 10_000;
const REQUESTS_A_SECOND = 10;
const PLANS = 8;
const DENIED = 'denied.example.net';
/** Addresses of this machine that change hands too; one of them in each request. */
const ASKERS = 64;
const QUERIES_A_SECOND = 500;
const ENDED_SHARE = 0.1;

const options = new BenchOptions(
  'npm run bench:load -- sessions [--subscribers N] [--changes A_SECOND] [--seconds S] [--smoke]',
  {
    subscribers: { type: 'string', default: '1000000' },
    changes: { type: 'string', default: '5000' },
    seconds: { type: 'string', default: '60' },
    smoke: { type: 'boolean' },
  },
);
const isSmoke = options.is('smoke');
const subscribers = isSmoke ? 20_000 : options.amount('subscribers');
const changesPerSecond = isSmoke ? 2000 : options.amount('changes');
const seconds = isSmoke ? 1 : options.amount('seconds');

const folder = mkdtempSync(join(tmpdir(), 'stairgate-bench-'));
const server = await ControlledServer.start({
  folder,
  // Nothing that is asked goes upstream.
  upstreamPort: 9,
  workers: 1,
  cores: 'both',
});
const askers: PlanAsker[] = [];
try {
  const result: SessionsResult = {
    subscribers,
    load: await loadSubscribers(),
    sessions: await changeAddresses(),
  };
  print(result);
  mkdirSync(RESULTS, { recursive: true });
  writeFileSync(join(RESULTS, 'sessions.json'), `${JSON.stringify(result, null, 2)}\n`);
} finally {
  for (const asker of askers) asker.close();
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
}

async function loadSubscribers(): Promise<SessionsResult['load']> {
  const plans = Array.from({ length: PLANS }, (_, plan) => ({
    id: `plan-${plan}`,
    deny: [DENIED],
    blockingMode: 'address',
    blockAddress4: `192.0.2.${plan}`,
  }));
  await server.apply({ plans });
  const begun = performance.now();
  const begunAt = Date.now();
  for (let at = 0; at < subscribers; at += SUBSCRIBERS_A_REQUEST) {
    const count = Math.min(SUBSCRIBERS_A_REQUEST, subscribers - at);
    const page = Array.from({ length: count }, (_, index) => ({
      id: `home-${at + index}`,
      plan: `plan-${(at + index) % PLANS}`,
      addresses: [addressOf(at + index)],
    }));
    const isLast = at + count >= subscribers;
    const path = `/api/v1/subscribers${isLast ? '?wait=true' : ''}`;
    await server.ask('PUT', path, { subscribers: page });
  }
  const elapsed = (performance.now() - begun) / 1000;
  return {
    seconds: elapsed,
    subscribersPerSecond: subscribers / elapsed,
    mebibytes: server.mebibytes,
    mainLagMsMax: mainLag(begunAt).max,
  };
}

/** Six in ten have an IPv4 address, the rest IPv6: /56 and /64, and one in a hundred each /48 and /29. */
function addressOf(index: number): string {
  const hex = (value: number): string => value.toString(16);
  const kind = index % 100;
  if (kind < 60) return `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}/32`;
  if (kind < 79) return `2001:db8:${hex(index >> 8)}:${hex((index & 255) << 8)}::/56`;
  if (kind < 98) return `2001:db9:${hex(index >> 16)}:${hex(index & 0xffff)}::/64`;
  if (kind === 98) return `2001:${hex(0x1000 + (index >> 16))}:${hex(index & 0xffff)}::/48`;
  const place = Math.floor(index / 100);
  return `${hex(0x3000 + (place >> 13))}:${hex((place & 0x1fff) << 3)}::/29`;
}

async function changeAddresses(): Promise<SessionsResult['sessions']> {
  for (let index = 0; index < ASKERS; index++) {
    askers.push(await PlanAsker.bind(`127.3.0.${index + 1}`, server.port, DENIED));
  }
  const changes = Math.round(changesPerSecond / REQUESTS_A_SECOND);
  const requests = seconds * REQUESTS_A_SECOND;
  const figures = { put: [] as number[], inForce: [] as number[], query: [] as number[] };
  const running: Promise<void>[] = [];
  const begunAt = Date.now();
  const begun = performance.now();
  const cpuBefore = mainCpuMs();
  let asked = 0;
  const asking: Promise<unknown>[] = [];
  const queries = setInterval(() => {
    const asker = askers[asked++ % ASKERS];
    if (asker === undefined || asker.plan === null) return;
    asking.push(asker.askTimed().then((ms) => figures.query.push(ms)));
  }, 1000 / QUERIES_A_SECOND);
  for (let request = 0; request < requests; request++) {
    const due = begun + (request * 1000) / REQUESTS_A_SECOND;
    await new Promise((done) => setTimeout(done, due - performance.now()));
    running.push(changeSome(request, changes, figures));
  }
  await Promise.all(running);
  clearInterval(queries);
  await Promise.all(asking);
  const elapsed = performance.now() - begun;
  const cpu = mainCpuMs() - cpuBefore;
  return {
    seconds: elapsed / 1000,
    changesPerSecond: (requests * changes * 1000) / elapsed,
    mainCpuShare: cpu / elapsed,
    mainCpuMicrosecondsAChange: (cpu * 1000) / (requests * changes),
    putMs: quantilesOf(figures.put),
    inForceMs: quantilesOf(figures.inForce),
    queryMs: quantilesOf(figures.query),
    queries: figures.query.length,
    mainLagMs: mainLag(begunAt),
    mebibytes: server.mebibytes,
    logMebibytes: statSync(join(folder, 'data', 'stairgate.db-wal')).size / 2 ** 20,
  };
}

/** One request; when it is answered, the address of this machine in it must have the new policy. */
async function changeSome(
  request: number,
  changes: number,
  figures: { readonly put: number[]; readonly inForce: number[] },
): Promise<void> {
  const asker = askers[request % ASKERS];
  if (asker === undefined) throw new Error('Invariant broken: there are askers');
  const owner = (request * 7 + Math.floor(request / ASKERS)) % subscribers;
  const ended = Math.floor(changes * ENDED_SHARE);
  const upsert = Array.from({ length: changes - ended - 1 }, (_, index) => {
    const number = request * changes + index;
    return {
      address: `100.${64 + ((number >> 16) & 63)}.${(number >> 8) & 255}.${number & 255}`,
      subscriber: `home-${(number * 31) % subscribers}`,
      ttlSeconds: 20 + (number % 40),
    };
  });
  const past = (request - 20) * changes;
  const remove = Array.from({ length: ended }, (_, index) => {
    const number = Math.max(0, past) + index;
    return `100.${64 + ((number >> 16) & 63)}.${(number >> 8) & 255}.${number & 255}`;
  });
  upsert.push({ address: asker.address, subscriber: `home-${owner}`, ttlSeconds: 3600 });
  const begun = performance.now();
  await server.ask('PUT', '/api/v1/sessions', { upsert, delete: remove });
  figures.put.push(performance.now() - begun);
  asker.plan = owner % PLANS;
  const seen = await asker.ask();
  figures.inForce.push(performance.now() - begun);
  if (seen !== owner % PLANS) throw new Error(`${asker.address} has the policy of plan ${seen}`);
}

/** CPU time of the main thread alone. */
function mainCpuMs(): number {
  const path = `/proc/${server.pid}/task/${server.pid}/schedstat`;
  return Number(readFileSync(path, 'utf8').split(' ')[0]) / 1e6;
}

function mainLag(sinceMs: number): Quantiles {
  const samples = server.threadSamples();
  return quantilesOf(
    samples.flatMap(({ atMs, thread, lagMs }) =>
      thread === 'main' && atMs >= sinceMs && lagMs !== undefined ? [lagMs] : [],
    ),
  );
}

function quantilesOf(samples: readonly number[]): Quantiles {
  const sorted = samples.toSorted((a, b) => a - b);
  const at = (share: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
  return { p50: at(0.5), p99: at(0.99), max: at(1) };
}

function print({ load, sessions }: SessionsResult): void {
  const ms = ({ p50, p99, max }: Quantiles): string =>
    `p50 ${p50.toFixed(1)}, p99 ${p99.toFixed(1)}, at most ${max.toFixed(1)} ms`;
  const row = (what: string, figure: string): void => {
    console.log(`${what.padEnd(44)}${figure}`);
  };
  row('subscribers', subscribers.toLocaleString('en'));
  row('loaded in bulk until in force', `${load.seconds.toFixed(1)} s`);
  row('the same a second', load.subscribersPerSecond.toFixed(0));
  row('main thread late, meanwhile', `at most ${load.mainLagMsMax.toFixed(0)} ms`);
  row('memory after it', `${load.mebibytes.toFixed(0)} MiB`);
  row('address changes a second', sessions.changesPerSecond.toFixed(0));
  row('CPU of the main thread', `${(sessions.mainCpuShare * 100).toFixed(0)} %`);
  row('the same a change', `${sessions.mainCpuMicrosecondsAChange.toFixed(1)} µs`);
  row('request to answer', ms(sessions.putMs));
  row('request to a query by the new policy', ms(sessions.inForceMs));
  row(`${sessions.queries.toLocaleString('en')} queries beside`, ms(sessions.queryMs));
  row('main thread late (each 0.1 s at most)', ms(sessions.mainLagMs));
  row('memory after it', `${sessions.mebibytes.toFixed(0)} MiB`);
  row('log of the database', `${sessions.logMebibytes.toFixed(0)} MiB`);
}
