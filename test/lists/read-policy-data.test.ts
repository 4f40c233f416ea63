import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { nameToText } from '../../src/dns/name.ts';
import { AppError } from '../../src/lib/errors.ts';
import {
  PACKAGED_FOLDER,
  readPolicyData,
  readSafeSearchTargets,
} from '../../src/lists/read-policy-data.ts';

/** A copy of the files that ship, to spoil. */
function aFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'stairgate-policy-data-'));
  onTestFinished(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  cpSync(PACKAGED_FOLDER, folder, { recursive: true });
  return folder;
}

function edit(path: string, from: string | RegExp, to: string): void {
  const before = readFileSync(path, 'utf8');
  const after = before.replace(from, to);
  expect(after, `nothing to replace in ${path}`).not.toBe(before);
  writeFileSync(path, after);
}

const SERVICES = `id: social
title: Social
services:
  - { id: one, title: One, age: 13, names: [one.example, cdn.one.example] }
  - { id: two, title: Two, names: [two.example] }
`;

describe('reading the policy data', () => {
  test('services get the group of their file', () => {
    const { services, serviceGroups } = readPolicyData();
    expect(services.find(({ id }) => id === 'tiktok')).toMatchObject({
      title: 'TikTok',
      group: 'social',
      age: 13,
      names: expect.arrayContaining(['tiktok.com']) as string[],
    });
    expect(serviceGroups.get('social')).toBe('Social networks');
  });

  test('names of safe search are wire octets, and an address stands for a target', () => {
    const { safeSearch } = readPolicyData();
    const safeSearchTargets = readSafeSearchTargets();
    const google = safeSearch.engines.find(({ id }) => id === 'google');
    const target = google?.target;
    expect(target !== undefined && 'name' in target && nameToText(target.name)).toBe(
      'forcesafesearch.google.com',
    );
    expect(google?.names.map((name) => nameToText(name))).toContain('www.google.by');
    const yandex = safeSearch.engines.find(({ id }) => id === 'yandex');
    expect(yandex?.target).toEqual({ address4: 213 * 2 ** 24 + (180 << 16) + (193 << 8) + 56 });
    expect(safeSearchTargets).toContainEqual({
      engine: 'yandex',
      name: 'familysearch.yandex.ru',
      address: '213.180.193.56',
    });
    expect(safeSearchTargets.map(({ engine }) => engine)).toEqual(
      expect.arrayContaining(['google', 'youtube-moderate', 'youtube-strict']),
    );
  });

  test('an age preset blocks its categories, its services and what is for older ones, each with a reason', () => {
    const folder = aFolder();
    writeFileSync(join(folder, 'services', 'social.yaml'), SERVICES);
    edit(join(folder, 'age-presets.yaml'), 'what: [social]', 'what: [social, "service:two"]');
    const preset = readPolicyData(folder).agePresets.get('6-9');
    expect(preset?.block).toEqual(expect.arrayContaining(['adult', 'service:one', 'service:two']));
    expect(preset?.safeSearch).toEqual({ all: true, youtube: 'strict', blockUnsafe: true });
    expect([preset?.log, preset?.logMax]).toEqual(['blocked', 'all']);
    expect(preset?.reasons.map(({ choice }) => choice)).toEqual([
      ...(preset?.block ?? []),
      'safeSearch',
      'log',
    ]);
    const older = readPolicyData(folder).agePresets.get('14-16');
    expect(older?.block).not.toContain('service:one');
  });

  test('files that have not changed are not read again; an edit, a new and a removed file are', () => {
    const folder = aFolder();
    const first = readPolicyData(folder);
    expect(readPolicyData(folder)).toBe(first);
    const added = join(folder, 'services', 'added.yaml');
    writeFileSync(added, SERVICES.replace('id: social', 'id: added').replace('one', 'uno'));
    expect(readPolicyData(folder).serviceGroups.get('added')).toBe('Social');
    rmSync(added);
    expect(readPolicyData(folder).serviceGroups.has('added')).toBe(false);
    edit(join(folder, 'helplines.yaml'), '0800 1111', '0800 2222');
    expect(readPolicyData(folder).helplines).toContainEqual(
      expect.objectContaining({ text: '0800 2222' }),
    );
  });
});

describe('a fault in the policy data is told with the file, the place and what would be valid', () => {
  test.each([
    ['no YAML', 'services/social.yaml', /^id: social/m, 'id: [', 'SEEDS_INVALID', 'social.yaml'],
    ['an unknown key', 'services/social.yaml', 'age:', 'agee:', 'SEEDS_INVALID', 'unknown agee'],
    [
      'a group that is not its file',
      'services/social.yaml',
      /^id: social/m,
      'id: media',
      'SEEDS_INVALID',
      'id: "media" is not the name of the file',
    ],
    [
      'an id of another file',
      'services/video.yaml',
      '- id: netflix',
      '- id: tiktok',
      'SEEDS_INVALID',
      'is already a service of social.yaml',
    ],
    [
      'a name in capitals',
      'services/social.yaml',
      '- tiktok.com',
      '- TikTok.com',
      'SEEDS_INVALID',
      '"TikTok.com" must be "tiktok.com"',
    ],
    [
      'no name',
      'services/social.yaml',
      '- tiktok.com',
      '- "||tiktok.com^"',
      'SEEDS_INVALID',
      'is no domain name',
    ],
    [
      'a name twice',
      'services/social.yaml',
      '- tiktokv.com',
      '- tiktok.com',
      'SEEDS_INVALID',
      'stands there twice',
    ],
    [
      'an engine twice',
      'safe-search.yaml',
      '- id: bing',
      '- id: google',
      'SEEDS_INVALID',
      'engines[1].id: "google" is there already',
    ],
    [
      'an address that is none',
      'safe-search.yaml',
      '213.180.193.56',
      '213.180.193.560',
      'SEEDS_INVALID',
      'is no IPv4 address',
    ],
    [
      'a long helpline',
      'helplines.yaml',
      '0800 1111',
      '0800 1111, at any hour of the day',
      'SEEDS_INVALID',
      'over 24 octets',
    ],
    [
      'a second entry for everybody',
      'helplines.yaml',
      'Europe/Minsk',
      '',
      'SEEDS_INVALID',
      '2 entries are without zones and languages; valid: one',
    ],
    [
      'an unknown service in a preset',
      'age-presets.yaml',
      'what: [social]',
      'what: ["service:nobody"]',
      'SEEDS_INVALID',
      'no service is service:nobody',
    ],
    [
      'a preset too few',
      'age-presets.yaml',
      'id: 10-13',
      'id: 6-9',
      'SEEDS_INVALID',
      'valid: 6-9, 10-13, 14-16, 16-18, in this order',
    ],
  ])('%s', (_what, file, from, to, code, words) => {
    const folder = aFolder();
    edit(join(folder, file), from, to);
    const error = errorOf(() => readPolicyData(folder));
    expect(error.code).toBe(code);
    expect(error.message).toContain(words);
    expect(error.message).toContain(file.slice(file.indexOf('/') + 1));
  });

  test.each(['safe-search.yaml', 'services'])('%s that is not there', (missing) => {
    const folder = aFolder();
    rmSync(join(folder, missing), { recursive: true });
    const error = errorOf(() => readPolicyData(folder));
    expect(error.code).toBe('SEEDS_MISSING');
    expect(error.message).toContain(missing);
  });
});

function errorOf(run: () => unknown): AppError {
  try {
    run();
  } catch (error) {
    if (error instanceof AppError) return error;
    throw error;
  }
  throw new Error('Nothing was thrown');
}
