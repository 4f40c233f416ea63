/**
 * Every `.scenario` file of this folder, twice: in memory, where time is a number, and against a
 * live server over UDP. Both have the same household; see `scenario.ts` for the language.
 */

import { readdirSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DecodedPacket } from 'dns-packet';
import { aQuery, askUdp, decodeResponse, edesOf, typeNumber } from '../support/dns-query.ts';
import { startFakeUpstream, type FakeUpstream } from '../support/fake-upstream.ts';
import { rawResponse } from '../support/raw-response.ts';
import { ResolverHarness } from '../support/resolver-harness.ts';
import { TestServer } from '../support/server.ts';
import {
  LISTS,
  LIVE_ADDRESSES,
  LIVE_CONFIG,
  liveDocument,
  MEMORY_ADDRESSES,
  memoryHousehold,
  type Changes,
  type Who,
} from './household.ts';
import {
  describeRecords,
  parseScenario,
  type Scenario,
  type Section,
  type Step,
  type UpstreamAnswer,
} from './scenario.ts';

type Query = Extract<Step, { kind: 'query' }>;

const FOLDER = import.meta.dirname;
const SCENARIOS = readdirSync(FOLDER)
  .filter((file) => file.endsWith('.scenario'))
  .map((file) => [file, parseScenario(readFileSync(join(FOLDER, file), 'utf8'))] as const);
const LIVE_SCENARIOS = SCENARIOS.filter(([, { isForLiveServers }]) => isForLiveServers);

type Change = Extract<Step, { kind: 'clock' | 'grant' | 'pause' | 'used-up' }>;

/** What a scenario runs on. */
interface Stage {
  ask(query: Query): Promise<DecodedPacket>;
  pass(seconds: number): Promise<void>;
  /** The clock is set, or a parent does something. */
  change(step: Change): void;
  /** Questions forwarded so far. */
  forwardedCount(): Promise<number>;
  /** TTLs may be this much lower than written. */
  readonly ttlSlack: number;
}

it('there are scenarios, and each says what it shows', () => {
  expect(SCENARIOS.length).toBeGreaterThanOrEqual(15);
  for (const [file, { title }] of SCENARIOS) expect(title, file).not.toBe('');
});

describe('in memory', () => {
  it.each(SCENARIOS)('%s', async (_, scenario) => {
    await play(scenario, memoryStage(scenario));
  });
});

describe('against a live server', () => {
  let server: TestServer;
  let upstream: FakeUpstream;
  let scenarioInPlay: Scenario;

  beforeAll(async () => {
    upstream = await startFakeUpstream(({ raw, name }) =>
      upstreamOctets(scenarioInPlay, name, raw.readUInt16BE(14 + name.length), raw.readUInt16BE(0)),
    );
    server = await TestServer.start({
      upstream: `127.0.0.1:${upstream.port}`,
      config: LIVE_CONFIG,
    });
    for (const [category, names] of Object.entries(LISTS)) {
      await writeFile(join(server.dataDir, `${category}.txt`), names.join('\n') + '\n');
    }
    await server.apply(liveDocument());
  }, 90_000);

  afterAll(async () => {
    await server[Symbol.asyncDispose]();
    await upstream.close();
  });

  it.each(LIVE_SCENARIOS)('%s', async (_, scenario) => {
    scenarioInPlay = scenario;
    await play(scenario, {
      ask: async (query) => {
        const from = LIVE_ADDRESSES[query.who];
        const octets = octetsOf(query, LIVE_ADDRESSES);
        return decodeResponse(await askUdp(server.port, octets, { from, timeoutMs: 6000 }));
      },
      change: ({ kind }) => expect.fail(`a live server knows no "${kind}"`),
      pass: (seconds) => new Promise((resolve) => setTimeout(resolve, seconds * 1000)),
      forwardedCount: async () => {
        const metrics = await (await fetch(`http://${server.admin}/metrics`)).text();
        return Number(/^stairgate_forwarded_total (\d+)$/m.exec(metrics)?.[1]);
      },
      ttlSlack: 3,
    });
  });
});

async function play(scenario: Scenario, stage: Stage): Promise<void> {
  const before = await stage.forwardedCount();
  for (const step of scenario.steps) {
    if (step.kind === 'pass') await stage.pass(step.seconds);
    else if (step.kind === 'asked') {
      const asked = (await stage.forwardedCount()) - before;
      expect(asked, `line ${step.line}: questions upstream`).toBe(step.count);
    } else if (step.kind === 'query') compare(await stage.ask(step), step, stage.ttlSlack);
    else stage.change(step);
  }
}

function compare(response: DecodedPacket, query: Query, ttlSlack: number): void {
  const { line, expected, name } = query;
  const where = `line ${line}`;
  expect(response.questions, where).toMatchObject([{ name }]);
  expect(response.rcode, where).toBe(expected?.rcode);
  const wanted = expected?.records ?? [];
  const got = describeRecords(response).map((text, index) =>
    withinSlack(text, wanted[index], ttlSlack),
  );
  expect(got, where).toEqual(wanted);
  if (expected?.ede === undefined) return;
  const [ede] = edesOf(response);
  expect(ede?.code ?? null, `${where}: EDE`).toBe(expected.ede);
  if (expected.text !== '') expect(ede?.text, where).toBe(expected.text);
}

/** The wanted text where only the TTL differs, by no more than real time may have taken. */
function withinSlack(got: string, wanted: string | undefined, slack: number): string {
  const ttlOf = (text: string): number => Number(text.split(' ')[2]);
  const without = (text: string): string => text.replace(/^(\S+ \S+) \d+/, '$1');
  if (wanted === undefined || without(got) !== without(wanted)) return got;
  const lack = ttlOf(wanted) - ttlOf(got);
  return lack >= 0 && lack <= slack ? wanted : got;
}

function memoryStage(scenario: Scenario): Stage {
  const harness = new ResolverHarness(memoryHousehold({}));
  const changes: Changes = {};
  let isClockSet = false;
  return {
    change: (step) => {
      if (step.kind === 'clock' && isClockSet) {
        expect(step.second, 'the clock goes forward').toBeGreaterThan(harness.nowSeconds);
        harness.passSeconds(step.second - harness.nowSeconds);
        return;
      }
      if (step.kind === 'clock') {
        isClockSet = true;
        harness.nowSeconds = step.second;
      } else changes[step.profile] = { ...changes[step.profile], ...settingsOf(step, harness) };
      harness.install(memoryHousehold(changes));
    },
    ask: (query) => {
      const client = MEMORY_ADDRESSES[query.who];
      const before = harness.forwarded.length;
      const outcome = harness.resolve(octetsOf(query, MEMORY_ADDRESSES), { client });
      if (typeof outcome !== 'number') return Promise.resolve(decodeResponse(outcome));
      expect(harness.forwarded.length, `line ${query.line}: one question upstream`).toBe(
        before + 1,
      );
      const question = harness.forwarded.at(-1)!;
      harness.upstreamAnswers(question, upstreamOctets(scenario, question.text, question.type, 0));
      return Promise.resolve(harness.takeLate()[0]!.response);
    },
    pass: (seconds) => {
      harness.passSeconds(seconds);
      return Promise.resolve();
    },
    forwardedCount: () => Promise.resolve(harness.forwarded.length),
    ttlSlack: 0,
  };
}

/** The scripted answer, its name in the case that was asked; a question without one is a fault. */
function upstreamOctets(scenario: Scenario, asked: string, type: number, id: number): Uint8Array {
  const answer = scenario.upstream.find(
    (candidate) => candidate.name === asked.toLowerCase() && candidate.type === type,
  );
  if (answer === undefined)
    throw new Error(`The scenario does not say what upstream answers to ${asked}`);
  const of = (section: Section): UpstreamAnswer['records'][number]['record'][] =>
    answer.records.filter((entry) => entry.section === section).map(({ record }) => record);
  return rawResponse({
    id,
    flags: 0x8180 | answer.rcode,
    question: { name: asked, type },
    answer: of('answer').map((record) => ownedByQuestion(record, answer.name)),
    authority: of('authority'),
    additional: of('additional'),
  });
}

/** Upstream resolvers point to the question, so that each client sees his own case. */
function ownedByQuestion(
  record: UpstreamAnswer['records'][number]['record'],
  name: string,
): UpstreamAnswer['records'][number]['record'] {
  return record.owner === name ? { ...record, owner: [0xc0, 0x0c] } : record;
}

/** What a parent's step sets, or a budget's end, from now on. */
function settingsOf(
  step: Exclude<Change, { kind: 'clock' }>,
  { nowSeconds }: ResolverHarness,
): NonNullable<Changes['anna']> {
  const { until } = step;
  if (step.kind === 'grant') return { grants: [{ target: step.target, untilSecond: until }] };
  if (step.kind === 'used-up') {
    return { budgets: [{ target: step.target, usedUpUntilSecond: until }] };
  }
  return { pauses: [{ fromSecond: nowSeconds, untilSecond: until }] };
}

function octetsOf(query: Query, addresses: Readonly<Record<Who, string>>): Uint8Array {
  const { name, type, hasEdns } = query;
  const builder = aQuery().name(name).type(typeNumber(type));
  const options = query.options.map((option) => optionOf(option, addresses));
  return (hasEdns ? builder.edns({ options }) : builder).build();
}

function optionOf(
  text: string,
  addresses: Readonly<Record<Who, string>>,
): { code: number; data: Uint8Array } {
  const [key, value = ''] = text.split('=');
  if (key === 'mac') return { code: 65_001, data: Buffer.from(value.replaceAll(':', ''), 'hex') };
  if (key === 'mac-text') return { code: 65_073, data: Buffer.from(value) };
  if (key === 'cpe') return { code: 65_074, data: Buffer.from(value) };
  const [who, bits] = value.split('/');
  const octets = addresses[who as Who]
    .split('.')
    .map(Number)
    .slice(0, Number(bits) / 8);
  return { code: 8, data: Uint8Array.from([0, 1, Number(bits), 0, ...octets]) };
}
