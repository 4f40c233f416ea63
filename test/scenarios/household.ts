/**
 * Who lives in the scenarios: a household `home` with three children and a television, a household
 * without a filter, a pool of unknown clients of a child tariff, and a forwarder that may speak for
 * others. Once as options of the harness, once as the document of a live server.
 */

import { parseIpPrefix } from '../../src/lib/ip-address.ts';
import { ALL_SAFE, type ProfileOptions } from '../support/household.ts';
import type { HarnessOptions } from '../support/resolver-harness.ts';

export const WHO = ['kids', 'open', 'tv', 'guest', 'pool', 'forwarder'] as const;
export type Who = (typeof WHO)[number];
export const PROFILES = ['anna', 'ben', 'max', 'tv'] as const;
export type ProfileId = (typeof PROFILES)[number];

/** Household time, for the clock of the files. */
export const ZONE = 'Europe/Minsk';
const CPE_ID = 'cpe-7';

/** Lists by category. */
export const LISTS: Readonly<Record<string, readonly string[]>> = {
  adult: ['adult.example'],
  malware: ['bad.example'],
  court: ['ordered.example'],
  protected: ['help.adult.example'],
  games: ['games.example'],
};
const PLAN = {
  block: ['adult', 'malware', 'bypass'],
  allow: ['museum.adult.example'],
  deny: ['chat.example'],
};
const MACS = { anna: '02:00:5e:10:00:01', ben: '02:00:5e:10:00:02', max: '02:00:5e:10:00:03' };

export const MEMORY_ADDRESSES: Readonly<Record<Who, string>> = {
  kids: '192.0.2.7',
  open: '192.0.2.8',
  tv: '192.0.2.9',
  guest: '192.0.2.10',
  pool: '198.51.100.17',
  forwarder: '203.0.113.53',
};
export const LIVE_ADDRESSES: Readonly<Record<Who, string>> = {
  kids: '127.0.0.1',
  open: '127.0.0.2',
  tv: '127.0.0.3',
  guest: '127.0.0.4',
  pool: '127.0.0.17',
  forwarder: '127.0.0.53',
};

const MEMORY_PROFILES: Readonly<Record<ProfileId, ProfileOptions>> = {
  anna: {
    macs: [MACS.anna],
    always: ['school.example'],
    safeSearch: ALL_SAFE,
    schedules: [{ target: 'internet', fromMinute: 21 * 60, toMinute: 7 * 60 }],
  },
  ben: { macs: [MACS.ben], isAllowListOnly: true, allow: ['encyclopedia.example'] },
  max: { macs: [MACS.max], block: ['games'], safeSearch: { youtube: 1 } },
  tv: { addresses: [MEMORY_ADDRESSES.tv], deny: ['shop.example'] },
};

/** What a scenario changes of a profile while it plays. */
export type Changes = Partial<
  Record<ProfileId, Pick<ProfileOptions, 'budgets' | 'grants' | 'pauses'>>
>;

export function memoryHousehold(changes: Changes): HarnessOptions {
  const profiles = Object.fromEntries(
    PROFILES.map((id) => [id, { ...MEMORY_PROFILES[id], ...changes[id] }]),
  );
  const { tv, guest, pool, forwarder } = MEMORY_ADDRESSES;
  return {
    lists: LISTS,
    plan: PLAN,
    profiles,
    zone: ZONE,
    clients: [tv, guest, pool],
    cpeIds: [CPE_ID],
    access: { forwarders: [parseIpPrefix(forwarder)!], forwarderRatePerSecond: 1000 },
  };
}

/** Of the live server; the rest is its defaults. */
export const LIVE_CONFIG = `access: { forwarders: [${LIVE_ADDRESSES.forwarder}/32] }\n`;

/** For `apply`; the lists stand as `CATEGORY.txt` beside it. */
export function liveDocument(): string {
  const { kids, open, tv, guest } = LIVE_ADDRESSES;
  const lists = Object.keys(LISTS);
  const document = {
    categories: [{ id: 'court', class: 'law' }],
    lists: lists.map((id) => ({ id: `scenario-${id}`, category: id, path: `./${id}.txt` })),
    plans: [{ id: 'scenario-kids', minor: true, ...PLAN }, { id: 'scenario-open' }],
    subscribers: [
      {
        id: 'home',
        plan: 'scenario-kids',
        timezone: ZONE,
        addresses: [kids, tv, guest].map((address) => `${address}/32`),
        cpeIds: [CPE_ID],
        profiles: [
          {
            id: 'anna',
            devices: [{ mac: MACS.anna }],
            allow: [{ name: 'school.example', always: true }],
            safeSearch: { all: true, youtube: 'strict', blockUnsafe: true },
          },
          {
            id: 'ben',
            devices: [{ mac: MACS.ben }],
            allowListOnly: true,
            allow: ['encyclopedia.example'],
          },
          {
            id: 'max',
            devices: [{ mac: MACS.max }],
            block: ['games'],
            safeSearch: { youtube: 'moderate' },
          },
          { id: 'tv', devices: [{ address: tv }], deny: ['shop.example'] },
        ],
      },
      { id: 'open', plan: 'scenario-open', addresses: [`${open}/32`] },
      { id: 'pool', minor: true, addresses: ['127.0.0.16/28'] },
    ],
  };
  // JSON is YAML.
  return JSON.stringify(document, null, 2);
}
