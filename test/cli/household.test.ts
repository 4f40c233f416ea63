/** Commands about households, against the API of a real store over HTTP. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { parse } from 'yaml';
import { runCli } from '../../src/cli/program.ts';
import { EVENT_BLOCKED } from '../../src/lib/event-ring.ts';
import { aHouse, type ApiUnderTest, TestClock } from '../api/support.ts';
import { put } from '../query-log/support.ts';

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

interface House extends ApiUnderTest {
  readonly run: (...args: string[]) => Promise<Ran>;
}

async function aServer(clock = new TestClock()): Promise<House> {
  const house = await aHouse(clock);
  await house.api.listen({ host: '127.0.0.1', port: 0 });
  const { port } = house.api.server.address() as AddressInfo;
  const flags = ['--admin', `127.0.0.1:${port}`, '--data-dir', house.store.dataDir];
  const run = async (...args: string[]): Promise<Ran> => {
    const lines = { out: [] as string[], err: [] as string[] };
    const code = await runCli([...args, ...flags], {
      out: (text) => void lines.out.push(text),
      err: (text) => void lines.err.push(text),
    });
    return { code, out: lines.out.join('\n'), err: lines.err.join('\n') };
  };
  return { ...house, run };
}

function aFile(text: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'stairgate-cli-'));
  onTestFinished(() => {
    rmSync(folder, { recursive: true });
  });
  const path = join(folder, 'anna.yaml');
  writeFileSync(path, text);
  return path;
}

describe('profile', () => {
  test('set makes one, adds to it, or puts a file in its place', async () => {
    const { run } = await aServer();
    const made = await run('profile', 'set', 'home-1/anna', '--age', '6-9', '--name', 'Anna');
    expect(made).toMatchObject({ code: 0, err: '' });
    expect(made.out).toBe(
      '~ subscriber home-1: +profile anna\nrevision 2, in force on all workers',
    );
    const mac = '02:00:5e:10:00:01';
    const added = await run('profile', 'set', 'home-1/anna', '--mac', mac, '--client-id', 'tab');
    expect(added.out).toContain(`profile anna (devices +clientId tab, +mac ${mac})`);
    const shown = await run('profile', 'show', 'home-1/anna');
    expect(shown.out).toMatch(/^id: anna\nname: Anna\nage: 6-9\n/m);
    expect((await run('profile', 'list', 'home-1')).out).toBe(
      'ID    NAME  AGE  DEVICES  SCHEDULES  BUDGETS  LOG\nanna  Anna  6-9  2        0          0        -',
    );
    const file = aFile('schedules:\n  - { target: internet, from: "21:00", to: "07:00" }\n');
    const replaced = await run('profile', 'set', 'home-1/anna', '--file', file);
    expect(replaced.out).toContain('schedules +internet 21:00–07:00');
    expect(replaced.out).toContain('age 6-9 → nothing');
    expect(await run('profile', 'delete', 'home-1/anna')).toMatchObject({ code: 0 });
    expect((await run('profile', 'show', 'home-1/anna')).err).toContain('no profile "anna"');
  });

  test('set loses nothing that somebody else writes meanwhile', async () => {
    const { run, ask } = await aServer();
    await run('profile', 'set', 'home-1/anna', '--name', 'Anna');
    const runs = await Promise.all(
      ['a', 'b', 'c', 'd'].map((id) => run('profile', 'set', 'home-1/anna', '--client-id', id)),
    );
    const { devices } = (await ask('GET', '/api/v1/subscribers/home-1/profiles/anna')).json<{
      devices: object[];
    }>();
    const succeeded = runs.filter(({ code }) => code === 0).length;
    expect(devices).toHaveLength(succeeded);
    for (const { code, err } of runs) if (code !== 0) expect(err).toContain('read it again');
  });
});

describe('grant and pause', () => {
  test('open and close for a time, are listed, and end when told', async () => {
    const { run } = await aServer();
    await run('profile', 'set', 'home-1/anna', '--name', 'Anna');
    const granted = await run(
      ...['grant', 'home-1/anna', 'category:adult', '--for', '1h30m', '--why', 'homework done'],
    );
    expect(granted.out).toMatch(
      /^category:adult is open for home-1\/anna until 2026-11-22T13:30:00.000Z; grant [0-9a-f]+$/,
    );
    await run('grant', 'home-1', 'chat.example', '--for', '10m');
    await run('grant', 'home-1', 'internet', '--for', '2h');
    const listed = (await run('grants', 'list', 'home-1')).out.split('\n');
    expect(listed[1]).toMatch(/ - +chat\.example +2026-11-22T12:10:00\.000Z +first-admin +-$/);
    expect(listed[2]).toMatch(/ anna +category:adult .* homework done$/);
    const paused = await run('pause', 'home-1', '--for', '30m');
    const [line, ended, goingOn] = paused.out.split('\n');
    expect(line).toContain('the internet is off for home-1 until 2026-11-22T12:30:00.000Z');
    expect([ended, goingOn]).toEqual([
      'ended grants of the internet: 1',
      'grants of something else that go on: 2',
    ]);
    const id = line?.split(' ').at(-1) ?? '';
    expect((await run('grants', 'end', 'home-1', id)).code).toBe(1);
    expect(await run('pauses', 'end', 'home-1', id)).toMatchObject({ code: 0, out: `ended ${id}` });
    expect((await run('pauses', 'list', 'home-1')).out).toBe(
      'ID  PROFILE  TARGET  UNTIL  WHO  WHY',
    );
  });

  test('bad input is one clear error and exit code 1', async () => {
    const { run } = await aServer();
    for (const [args, expected] of [
      [['grant', 'home-1', 'internet'], "required option '--for <time>'"],
      [['grant', 'home-1', 'internet', '--for', '1x'], '--for: "1x"; valid: such as 30m'],
      [['grant', 'home-1', 'internet', '--for', '0m'], '--for: "0m"'],
      [['grant', 'home-1', 'internet', '--for', ''], '--for: ""'],
      [['grant', 'home-1', 'internet', '--for', '99d'], 'minutes'],
      [['grant', 'home-1/', 'internet', '--for', '1h'], 'valid: such as home-1 or home-1/anna'],
      [['grant', 'a/b/c', 'internet', '--for', '1h'], 'names no household'],
      [['grant', 'home-1/none', 'internet', '--for', '1h'], 'no profile'],
      [['grant', 'none', 'internet', '--for', '1h'], 'There is no subscriber "none"'],
      [['grant', 'home-1', 'service:moon', '--for', '1h'], 'there is no service'],
      [['grant', 'home-1', 'a..b', '--for', '1h'], 'no domain name'],
      [['pause', 'home-1', '--for', '-5m'], '--for'],
      [['grants', 'end', 'home-1', 'none'], 'no grant or pause "none"'],
      [['profile', 'show', 'home-1'], 'names no profile'],
      [['profile', 'set', 'home-1/anna', '--age', '3'], 'valid: 6-9, 10-13'],
      [['profile', 'set', 'home-1/anna', '--mac', 'x'], 'no MAC address'],
      [['profile', 'set', 'home-1/anna', '--file', '/none'], 'Reading the document /none'],
      [['profile', 'set', 'home-1/anna', '--file', aFile('- 1\n')], 'no mapping'],
      [['request', 'approve', 'home-1', 'x'], 'either --for TIME or --always'],
      [['request', 'deny', 'home-1', 'x'], 'no request "x"'],
      [['log', 'home-1/none'], 'no profile'],
      [['log', 'home-1', '--limit', '0'], '--limit: "0"'],
      [['forget', ''], 'names no household'],
      [['service', 'none'], 'There is no service "none"'],
    ] as const) {
      const { code, err, out } = await run(...args);
      expect([args, code, out]).toEqual([args, 1, '']);
      expect(err).toContain(expected);
    }
  });
});

test('request lists what children asked for, each on one line, and answers', async () => {
  const { run, ask } = await aServer();
  await run('profile', 'set', 'home-1/anna', '--name', 'Anna');
  const body = { profile: 'anna', name: 'chat.example', message: 'please\npretty' };
  await ask('POST', '/api/v1/subscribers/home-1/requests', body);
  await ask('POST', '/api/v1/subscribers/home-1/requests', { target: 'internet' });
  const listed = (await run('request', 'list', 'home-1')).out;
  expect(listed).toMatch(/open +anna +chat\.example +2026-11-22T12:00:00\.000Z +please pretty$/m);
  const idOf = (line: string): string =>
    listed
      .split('\n')
      .find((one) => one.includes(line))
      ?.split(' ')[0] ?? '';
  const approved = await run('request', 'approve', 'home-1', idOf('chat'), '--always');
  expect(approved).toMatchObject({ code: 0, out: `approved ${idOf('chat')}` });
  expect((await run('request', 'deny', 'home-1', idOf('internet'))).code).toBe(0);
  expect((await run('request', 'deny', 'home-1', idOf('internet'))).err).toContain(
    'denied it already',
  );
  expect((await run('profile', 'show', 'home-1/anna')).out).toContain('allow:\n  - chat.example');
});

test('log shows what was written down, forget deletes it and counts', async () => {
  const { run, ring, queryLog, store } = await aServer();
  const profile = (await store.profileNumbers('home-1')).get(null) ?? -1;
  const second = Date.UTC(2026, 10, 22, 12) / 1000;
  put(ring, { kind: EVENT_BLOCKED, profile, name: 'bad.example.org', second, category: 0 });
  await queryLog.drain();
  expect((await run('log', 'home-1')).out).toMatch(
    /^AT .*\n2026-11-22T12:00:00\.000Z +- +blocked +A +bad\.example\.org +adult$/,
  );
  expect((await run('forget', 'home-1')).out).toMatch(/^ROWS +BEFORE +AFTER\nlog +1 +0\n/);
  expect((await run('log', 'home-1')).out).not.toContain('example.org');
});

test('service shows the services; apply and export carry own ones', async () => {
  const { run, store } = await aServer();
  const service = '{ id: chat, title: Chat, group: own, names: [chat.example] }';
  const applied = await run('apply', aFile(`services:\n  - ${service}\n`));
  expect(applied.out).toContain('+ service chat\nchanged: 1 service created');
  expect((await run('service')).out).toMatch(
    /ID +TITLE +GROUP +AGE +NAMES +CHECKED\nchat +Chat +own +- +1 +-/,
  );
  expect((await run('service', 'chat')).out).toContain('names:\n  - chat.example');
  const exported = (await run('export')).out;
  expect(exported).toContain('- id: chat');
  const { revision } = store;
  expect((await run('apply', aFile(exported))).out).toContain('changed: nothing');
  expect(store.revision).toBe(revision);
});

test('export is read alike by readers of YAML 1.1', async () => {
  const { run } = await aServer();
  const schedule = { target: 'internet', from: '21:00', to: '07:30', dates: ['2027-01-01'] };
  const profile = { id: 'no', name: 'on', devices: [{ mac: '02:00:10:10:00:01' }] };
  const subscriber = { id: 'home-1', plan: 'kids' };
  const profiles = [{ ...profile, schedules: [schedule] }];
  const document = { subscribers: [{ ...subscriber, profiles }] };
  expect(await run('apply', aFile(JSON.stringify(document)))).toMatchObject({ code: 0, err: '' });
  const printed = [
    (await run('export')).out,
    (await run('subscriber', 'home-1')).out,
    (await run('profile', 'show', 'home-1/no')).out,
  ];
  for (const text of printed) {
    expect(parse(text, { version: '1.1' })).toEqual(parse(text));
    expect(text).toContain('from: "21:00"');
  }
});
