/**
 * What `explain` says is what the server answers: for random households, names and times, over a
 * real socket. And what it foretells comes to pass: the next change is when it says, and nothing
 * changes before.
 */

import { expect, test } from 'vitest';
import { SeededRandom } from '../fuzz/random.ts';
import { aContent } from '../store/support.ts';
import type { Store } from '../../src/store/store.ts';
import type { Explanation } from '../../src/supervisor/control-plane-contract.ts';
import { type ClockedAnswer, ClockedServer, UPSTREAM_ADDRESS } from './support/clocked-server.ts';

const HOUSEHOLDS = 30;
const TIMES = 12;
const NAMES = [
  'plain.example',
  'one.example.org',
  'www.two.example.org',
  'clips.example',
  'www.tube.example',
  'chat.example',
  'deep.chat.example',
  'school.example',
  'www.youtube.com',
  'www.bing.com',
  'www.startpage.com',
  'localhost',
  'use-application-dns.net',
];
const CLIENTS = { anna: '127.0.0.11', ben: '127.0.0.12', nobody: '127.0.0.99' };
const ZONES = ['Europe/Minsk', 'Europe/Warsaw', 'America/New_York', 'Asia/Kathmandu'];
/** Saturday 2026-03-28, noon in UTC: Warsaw's clocks go forward that night. */
const BEGIN = Date.UTC(2026, 2, 28, 12) / 1000;

/** 0 to 1, 1 left out. */
type Random = () => number;

const pick = <Value>(random: Random, values: readonly Value[]): Value =>
  values[Math.floor(random() * values.length)]!;
const some = <Value>(random: Random, values: readonly Value[]): Value[] =>
  values.filter(() => random() < 0.3);
const clock = (random: Random): string =>
  `${String(Math.floor(random() * 24)).padStart(2, '0')}:${pick(random, ['00', '15', '30', '59'])}`;

function randomSchedule(random: Random) {
  const target = pick(random, [
    'internet',
    'adult',
    'service:clips',
    'service:tube',
    'names',
    'safe-search',
  ]);
  const days = some(random, ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun']);
  const from = clock(random);
  let to = clock(random);
  if (to === from) to = '24:00';
  return {
    target,
    ...(days.length === 0 ? {} : { days }),
    from,
    to,
    ...(target === 'names' ? { names: ['chat.example'] } : {}),
    ...(target === 'safe-search' ? { safeSearch: { all: true, youtube: 'strict' } } : {}),
  };
}

function randomSettings(random: Random) {
  const categories = ['adult', 'service:clips', 'service:tube'];
  const block = some(random, categories);
  return {
    block,
    open: some(random, categories).filter((id) => !block.includes(id)),
    allow: [
      ...some(random, ['chat.example', 'one.example.org', 'www.bing.com']),
      ...(random() < 0.5 ? [{ name: 'school.example', always: true }] : []),
    ],
    deny: some(random, ['deep.chat.example', 'plain.example']),
    ...(random() < 0.15 ? { allowListOnly: true } : {}),
    ...(random() < 0.5
      ? {
          safeSearch: {
            all: random() < 0.5,
            youtube: pick(random, ['off', 'moderate', 'strict']),
            blockUnsafe: random() < 0.5,
          },
        }
      : {}),
    ...(random() < 0.7
      ? { schedules: Array.from({ length: 3 }, () => randomSchedule(random)) }
      : {}),
  };
}

function randomDocument(random: Random, store: Store) {
  return {
    categories: [{ id: 'adult' }, { id: 'court', class: 'law' }, { id: 'bypass' }],
    lists: [
      { id: 'adult-a', category: 'adult', contentSha256: aContent(store) },
      { id: 'court-a', category: 'court', contentSha256: aContent(store, 'two.example.org\n') },
    ],
    services: [
      { id: 'clips', title: 'Clips', group: 'video', names: ['clips.example'] },
      { id: 'tube', title: 'Tube', group: 'video', names: ['tube.example'] },
    ],
    plans: [{ id: 'p', block: some(random, ['adult', 'bypass']), logMax: 'all' }],
    subscribers: [
      {
        id: 'home-1',
        plan: 'p',
        timezone: pick(random, ZONES),
        addresses: ['127.0.0.0/24'],
        ...randomSettings(random),
        profiles: [
          { id: 'anna', devices: [{ address: CLIENTS.anna }], ...randomSettings(random) },
          {
            id: 'ben',
            devices: [{ address: CLIENTS.ben }],
            age: pick(random, ['6-9', '14-16']),
            ...randomSettings(random),
          },
        ],
        ...(random() < 0.3 ? { defaultProfile: 'ben' } : {}),
      },
      {
        id: 'home-2',
        plan: 'p',
        profiles: [{ id: 'eve', ...randomSettings(random) }],
        defaultProfile: 'eve',
      },
    ],
  };
}

/** The same thing said of an answer and of an explanation. */
function outcomeOf(answer: ClockedAnswer): string {
  if (answer.rcode === 'NXDOMAIN') return 'block';
  if (answer.data.length === 1 && answer.data[0] === UPSTREAM_ADDRESS) return 'pass';
  return answer.data.length > 1 ? `safe-search ${answer.data[0]!}` : 'local';
}

function foretold({ decision, safeSearchTarget }: Explanation): string {
  return decision === 'safe-search' ? `safe-search ${safeSearchTarget ?? ''}` : decision;
}

test(
  'an explanation is what the server answers, now and then, and foretells the next change',
  { timeout: 300_000 },
  async () => {
    let checks = 0;
    for (let seed = 1; seed <= HOUSEHOLDS; seed++) {
      const source = new SeededRandom(seed * 7919);
      const random: Random = () => source.below(1 << 20) / (1 << 20);
      const server = await ClockedServer.start(BEGIN, (store) => randomDocument(random, store));
      if (random() < 0.5) {
        const grant = {
          subscriber: 'home-1',
          profile: 'anna',
          target: 'service:tube',
          minutes: 90,
        };
        await server.store.households.grant(grant, { actor: 'test' });
        await server.store.households.pause(
          { subscriber: 'home-1', minutes: 20 },
          { actor: 'test' },
        );
        await server.publish();
      }
      const times = Array.from({ length: TIMES }, () => BEGIN + Math.floor(random() * 3 * 86_400));
      for (const second of times.sort((a, b) => a - b)) {
        const name = pick(random, NAMES);
        const client = pick(random, Object.values(CLIENTS));
        // Asked before the clock is there, and again when it is.
        const at = new Date(second * 1000).toISOString().replace('.000Z', 'Z');
        const before = await server.explain({ name, client, at });
        await server.setClock(second);
        const now = await server.explain({ name, client });
        const answer = outcomeOf(await server.ask(client, name));
        const context = `household ${seed}, ${name} for ${client} at ${at}`;
        expect({ context, is: answer }).toEqual({ context, is: foretold(now) });
        expect({ context, ...before, rows: [], nextChange: null }).toEqual({
          context,
          ...now,
          rows: [],
          nextChange: null,
        });
        checks++;
        if (now.nextChange === null) continue;
        const change = Date.parse(now.nextChange.at) / 1000;
        await server.setClock(change - 1);
        expect({ context, is: outcomeOf(await server.ask(client, name)) }).toEqual({
          context,
          is: answer,
        });
        await server.setClock(change);
        const then = await server.explain({ name, client });
        expect({ context, row: then.row, decision: then.decision }).toEqual({
          context,
          row: now.nextChange.row,
          decision: now.nextChange.decision,
        });
        expect({ context, is: outcomeOf(await server.ask(client, name)) }).toEqual({
          context,
          is: foretold(then),
        });
        await server.setClock(second);
        checks += 2;
      }
    }
    expect(checks).toBeGreaterThan(HOUSEHOLDS * TIMES);
  },
);
