/**
 * The policy data keeps its promises to editors: order, exact names, nothing that would block more
 * than it says, a source for each entry, and presets that loosen with age.
 */

import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { createGate } from '../../src/lists/gate.ts';
import { readPolicyData, readSafeSearchTargets } from '../../src/lists/read-policy-data.ts';
import { nameToText } from '../../src/dns/name.ts';
import { nameToWire } from '../../src/store/rule-name.ts';

const FOLDER = new URL('../../blocklists/', import.meta.url);

const GROUPS = {
  adult: 'Adults only',
  ai: 'Chatbots',
  games: 'Games',
  meeting: 'Dating and strangers',
  messengers: 'Messengers and calls',
  music: 'Music',
  reading: 'Stories and comics',
  shopping: 'Shopping',
  social: 'Social networks',
  video: 'Video and live streams',
};

/** Services that share names, because one is a part of the other; nothing else may. */
const PARTS = [
  ['fortnite', 'epic-games', 'the game is one of several under the names of its maker'],
  ['leagueoflegends', 'riot-games', 'the game is one of several of its maker'],
] as const;

/** Delivery networks and clouds that countless others use too. */
const SHARED =
  `akamaihd.net akamaized.net alicdn.com amazonaws.com appspot.com azureedge.net cdn77.org
  cloudflare.com cloudfront.net cloudflarestream.com edgekey.net edgesuite.net fastly.net fastlylb.net fbcdn.net
  firebaseio.com ggpht.com googleapis.com googleusercontent.com gstatic.com gvt1.com live-video.net llnwd.net
  mycdn.me okcdn.ru qq.com windows.net yastatic.net google.com apple.com microsoft.com yandex.ru yandex.net yandex.com
  bing.com live.com mail.ru icloud.com youtube.com mzstatic.com`.split(/\s+/);

/** What Google itself needs while YouTube is blocked. */
const NOT_YOUTUBE =
  `accounts.google.com accounts.youtube.com classroom.google.com drive.google.com fonts.gstatic.com
  fonts.googleapis.com lh3.googleusercontent.com mail.google.com meet.google.com oauth2.googleapis.com play.google.com
  play.googleapis.com translate.googleapis.com www.google.com www.googleapis.com`.split(/\s+/);

const data = readPolicyData();
const { services, safeSearch, agePresets } = data;
const safeSearchTargets = readSafeSearchTargets();
const protectedNames = new Set(linesOf('protected.txt'));
const namesOf = new Map(services.map(({ id, names }) => [id, names]));

describe('services', () => {
  test('are at least sixty, each id once', () => {
    const ids = services.map(({ id }) => id);
    expect(ids).toEqual([...new Set(ids)]);
    expect(ids.length).toBeGreaterThanOrEqual(60);
  });

  test('leave an operator room for own ones: categories and services share 256 places', () => {
    expect(services.length).toBeLessThanOrEqual(160);
  });

  test('belong to the groups that there are, each with its title', () => {
    expect(Object.fromEntries(data.serviceGroups)).toEqual(GROUPS);
  });

  test('each have an age, a source with https, and verifiedAt, null or a past day', () => {
    const today = new Date().toISOString().slice(0, 10);
    const bad = services.filter(
      ({ age, sources, verifiedAt }) =>
        age === undefined ||
        sources === undefined ||
        sources.length === 0 ||
        !sources.every((source) => /^https:\/\/[a-z0-9.-]+\//.test(source)) ||
        verifiedAt === undefined ||
        (verifiedAt !== null && verifiedAt > today),
    );
    expect(bad.map(({ id }) => id)).toEqual([]);
  });

  test.each(services)('$id: names are in octet order and none covers another', ({ names }) => {
    expect(names).toEqual([...names].sort(compareOctets));
    expect(names.filter((name) => isBelowOneOf(name, names))).toEqual([]);
  });

  test('name no public suffix, and nothing that many others use', () => {
    const gate = createGate();
    const refused = allNames().filter((name) => {
      const wire = nameToWire(name);
      return gate(wire, wire.length, name.split('.').length) !== null;
    });
    expect(refused).toEqual([]);
    expect(allNames().filter((name) => SHARED.includes(name))).toEqual([]);
    expect(allNames().filter((name) => SHARED.some((one) => isBelowOneOf(one, [name])))).toEqual(
      [],
    );
  });

  test('name nothing protected, nothing above and nothing below it', () => {
    const all = [...protectedNames];
    const bad = allNames().filter(
      (name) =>
        all.includes(name) ||
        isBelowOneOf(name, all) ||
        all.some((one) => isBelowOneOf(one, [name])),
    );
    expect(bad).toEqual([]);
  });

  test('share names only where one is a part of the other', () => {
    const shared = new Set<string>();
    for (const [id, names] of namesOf) {
      for (const [other, others] of namesOf) {
        if (id === other) continue;
        const isShared = names.some((name) => others.includes(name) || isBelowOneOf(name, others));
        if (isShared) shared.add([id, other].sort().join(' '));
      }
    }
    const parts = PARTS.map(([part, whole]) => [part, whole].sort().join(' '));
    expect([...shared].sort()).toEqual(parts.sort());
  });

  test('none blocks what the filter itself needs: the targets of safe search, but for YouTube', () => {
    const targets = safeSearchTargets.map(({ name }) => name);
    const hit = services.filter(({ names }) =>
      targets.some((name) => names.includes(name) || isBelowOneOf(name, names)),
    );
    expect(hit.map(({ id }) => id)).toEqual([]);
  });

  test('youtube leaves everything else of Google alone', () => {
    const names = namesOf.get('youtube') ?? [];
    expect(names).toContain('www.youtube.com');
    expect(NOT_YOUTUBE.filter((one) => names.includes(one) || isBelowOneOf(one, names))).toEqual(
      [],
    );
  });

  test('name what they also break, or what cannot be blocked, in whole sentences', () => {
    const texts = services.flatMap((one) => [one.alsoBreaks, one.cannotBlock]);
    const said = texts.filter((text) => text !== undefined);
    expect(said.filter((text) => !/^[A-Z].*\.$/s.test(text))).toEqual([]);
  });
});

test('no list blocks what Google itself needs, or asks for a canary that the resolver answers', () => {
  const catalog = parse(read('categories.yaml')) as { categories: { file: string }[] };
  const listed = catalog.categories.flatMap(({ file }) => linesOf(file));
  const hit = (name: string): boolean => listed.includes(name) || isBelowOneOf(name, listed);
  expect(NOT_YOUTUBE.filter(hit)).toEqual([]);
  expect(['use-application-dns.net', 'mask.icloud.com', 'mask-h2.icloud.com'].filter(hit)).toEqual(
    [],
  );
});

describe('safe search', () => {
  test('has the engines of old at their places: they are bits in compiled policies', () => {
    const ids = safeSearch.engines.map(({ id }) => id);
    expect(ids.slice(0, 7)).toEqual([
      'google',
      'bing',
      'duckduckgo',
      'yandex',
      'pixabay',
      'ecosia',
      'brave',
    ]);
  });

  test('rewrites www.google.TLD alone, of at least 180 countries, in octet order', () => {
    const names = engineNames('google');
    expect(names.length).toBeGreaterThan(180);
    expect(names.filter((name) => !/^www\.google\.[a-z]{2,3}(\.[a-z]{2})?$/.test(name))).toEqual(
      [],
    );
    for (const tld of ['com', 'by', 'ru', 'pl', 'de', 'co.uk', 'com.ua', 'cat'])
      expect(names).toContain(`www.google.${tld}`);
  });

  test('has names in octet order, each of one engine only', () => {
    const lists = [...safeSearch.engines.map(({ names }) => names), safeSearch.youtube.names];
    for (const list of [...lists, safeSearch.unsafe]) {
      const names = list.map((name) => nameToText(name));
      expect(names).toEqual([...names].sort(compareOctets));
    }
    const all = lists.flat().map((name) => nameToText(name));
    expect(all).toEqual([...new Set(all)]);
  });

  test('rewrites no name to itself, and blocks as unsafe nothing that it rewrites or leads to', () => {
    const rewritten = [
      ...safeSearch.engines.flatMap(({ names }) => names),
      ...safeSearch.youtube.names,
    ];
    const names = rewritten.map((name) => nameToText(name));
    const targets = safeSearchTargets.map(({ name }) => name);
    const unsafe = safeSearch.unsafe.map((name) => nameToText(name));
    expect(targets.filter((name) => names.includes(name))).toEqual([]);
    expect(
      [...names, ...targets].filter((name) => unsafe.includes(name) || isBelowOneOf(name, unsafe)),
    ).toEqual([]);
  });

  test('holds the five names of YouTube', () => {
    expect(safeSearch.youtube.names.map((name) => nameToText(name))).toEqual([
      'm.youtube.com',
      'www.youtube-nocookie.com',
      'www.youtube.com',
      'youtube.googleapis.com',
      'youtubei.googleapis.com',
    ]);
  });
});

describe('helplines', () => {
  const helplines = (parse(read('helplines.yaml')) as HelplineFile).helplines;

  test('are protected names, every one', () => {
    const hosts = helplines.map(({ url }) => new URL(url).hostname);
    const open = hosts.filter(
      (host) => !protectedNames.has(host) && !isBelowOneOf(host, [...protectedNames]),
    );
    expect(open).toEqual([]);
  });

  test('name time zones that exist, each zone once', () => {
    const zones = helplines.flatMap((helpline) => helpline.zones);
    expect(zones).toEqual([...new Set(zones)]);
    for (const timeZone of zones) {
      expect(() => new Intl.DateTimeFormat('en', { timeZone }), timeZone).not.toThrow();
    }
  });

  test('are of a country or of a language, each language once', () => {
    expect(helplines.filter(({ zones, languages }) => zones.length * languages.length > 0)).toEqual(
      [],
    );
    const languages = helplines.flatMap((helpline) => helpline.languages);
    expect(languages).toEqual([...new Set(languages)]);
  });

  test.each([
    ['Europe/Minsk', '8 801 100 1611'],
    ['Europe/Warsaw', '116 111'],
    ['Asia/Vladivostok', '8 800 2000 122'],
    ['America/Chicago', '988'],
    ['Asia/Almaty', '111'],
  ])('of %s is %s', (zone, text) => {
    expect(helplines.find(({ zones }) => zones.includes(zone))?.text).toBe(text);
  });
});

describe('age presets', () => {
  const presets = [...agePresets.values()];
  const catalog = parse(read('categories.yaml')) as { categories: { id: string; role?: string }[] };
  const categories = catalog.categories
    .filter(({ role }) => role === undefined)
    .map(({ id }) => id);

  test('block categories that exist, and never the protected names', () => {
    const blocked = presets.flatMap(({ block }) => block);
    const bad = blocked.filter((one) => !one.startsWith('service:') && !categories.includes(one));
    expect(bad).toEqual([]);
  });

  test('block and log less and less with age', () => {
    const levels = ['nothing', 'counts', 'blocked', 'all'];
    for (let index = 1; index < presets.length; index++) {
      const [younger, older] = [presets[index - 1]!, presets[index]!];
      expect(older.block.filter((one) => !younger.block.includes(one))).toEqual([]);
      expect(older.block.length).toBeLessThan(younger.block.length);
      expect(levels.indexOf(older.logMax)).toBeLessThanOrEqual(levels.indexOf(younger.logMax));
      expect(levels.indexOf(older.log)).toBeLessThanOrEqual(levels.indexOf(younger.log));
    }
    expect(presets.map(({ logMax }) => logMax)).toEqual(['all', 'blocked', 'blocked', 'counts']);
  });

  test.each(presets)(
    '$id says why, to both, in one sentence each, and logs no more than it may',
    (preset) => {
      for (const { choice, why, whyForChild } of preset.reasons) {
        expect(why, choice).toMatch(/^[A-Z][^.!?]*\.$/);
        expect(whyForChild, choice).toMatch(/^[A-Z][^.!?]*\.$/);
      }
      const levels = ['nothing', 'counts', 'blocked', 'all'];
      expect(levels.indexOf(preset.log)).toBeLessThanOrEqual(levels.indexOf(preset.logMax));
    },
  );

  test('keep security, sex, gambling and the ways round the filter blocked at every age', () => {
    for (const { block } of presets) {
      expect(block).toEqual(
        expect.arrayContaining(['adult', 'gambling', 'self-harm', 'malware', 'phishing', 'bypass']),
      );
    }
  });

  test('open YouTube to every age, safe for the youngest', () => {
    expect(presets.filter(({ block }) => block.includes('service:youtube'))).toEqual([]);
    expect(presets.map(({ safeSearch: { youtube } }) => youtube)).toEqual([
      'strict',
      'strict',
      'moderate',
      'off',
    ]);
  });
});

test('help is never reported, and a block for harm carries the helpline', () => {
  const { categories } = parse(read('categories.yaml')) as {
    categories: { id: string; neverReport?: boolean; helpline?: boolean }[];
  };
  const with_ = (flag: 'neverReport' | 'helpline'): string[] =>
    categories.filter((category) => category[flag] === true).map(({ id }) => id);
  expect(with_('neverReport')).toEqual(['protected', 'health']);
  expect(with_('helpline')).toEqual(['self-harm', 'abuse']);
});

interface HelplineFile {
  readonly helplines: readonly {
    readonly zones: readonly string[];
    readonly languages: readonly string[];
    readonly text: string;
    readonly url: string;
  }[];
}

function allNames(): string[] {
  return [...namesOf.values()].flat();
}

function engineNames(id: string): string[] {
  const engine = safeSearch.engines.find((one) => one.id === id);
  return engine?.names.map((name) => nameToText(name)) ?? [];
}

function read(fileName: string): string {
  return readFileSync(new URL(fileName, FOLDER), 'utf8');
}

function linesOf(fileName: string): string[] {
  return read(fileName)
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
}

function isBelowOneOf(name: string, others: readonly string[]): boolean {
  return others.some((other) => name.endsWith(`.${other}`));
}

function compareOctets(left: string, right: string): number {
  if (left === right) return 0;
  return left < right ? -1 : 1;
}
