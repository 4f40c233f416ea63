/** The commands of an editor about catalog, score and appeals, against the API of a real store. */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { runCli } from '../../src/cli/program.ts';
import { aHouse, type ApiUnderTest, TestClock } from '../api/support.ts';

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function run(...args: string[]): Promise<Ran> {
  const lines = { out: [] as string[], err: [] as string[] };
  const code = await runCli(args, {
    out: (text) => void lines.out.push(text),
    err: (text) => void lines.err.push(text),
  });
  return { code, out: lines.out.join('\n'), err: lines.err.join('\n') };
}

interface Server extends ApiUnderTest {
  readonly run: (...args: string[]) => Promise<Ran>;
}

async function aServer(): Promise<Server> {
  const house = await aHouse(new TestClock());
  const categories = ['gambling', 'phishing'].map((id) => ({ id }));
  await house.ask('POST', '/api/v1/apply', { document: { categories } });
  await house.api.listen({ host: '127.0.0.1', port: 0 });
  const { port } = house.api.server.address() as AddressInfo;
  const flags = ['--admin', `127.0.0.1:${port}`, '--data-dir', house.store.dataDir];
  return { ...house, run: (...args) => run(...args, ...flags) };
}

function aFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'stairgate-cli-'));
  onTestFinished(() => {
    rmSync(folder, { recursive: true });
  });
  return folder;
}

describe('list catalog', () => {
  test('shows all, those of a category, one in full, and JSON', async () => {
    const all = await run('list', 'catalog');
    expect(all).toMatchObject({ code: 0, err: '' });
    expect(all.out).toMatch(/^ID +CATEGORIES +NAMES +FORMAT +LICENCE/);
    expect(all.out.split('\n').length).toBeGreaterThan(60);
    const some = await run('list', 'catalog', '--category', 'dating');
    const rows = some.out.split('\n').slice(1);
    expect(rows.every((row) => row.includes(' dating'))).toBe(true);
    expect(rows.length).toBeGreaterThan(1);
    const one = await run('list', 'catalog', 'ut1-gambling');
    expect(one.out).toMatch(/^licence {5}CC-BY-SA-4\.0, https:/m);
    expect(one.out).toMatch(/^bad at {6}\S/m);
    const json = await run('list', 'catalog', 'phishing-army', '--json');
    expect(JSON.parse(json.out)).toMatchObject([{ licence: { nonCommercial: true } }]);
  });

  test('an unknown source is named, with those alike', async () => {
    const { code, err } = await run('list', 'catalog', 'ut1-gamling');
    expect(code).toBe(1);
    expect(err).toContain('no source "ut1-gamling"');
    expect(err).toContain('ut1-gambling');
  });
});

describe('list add', () => {
  test('makes the source a list with address, mirrors, format and interval', async () => {
    const { run: command, store } = await aServer();
    const added = await command('list', 'add', 'ut1-gambling');
    expect(added).toMatchObject({ code: 0, err: '' });
    expect(added.out).toContain('added ut1-gambling (gambling): the server fetches https://');
    expect((await store.lists()).get('ut1-gambling')?.record).toMatchObject({
      category: 'gambling',
      format: 'domains',
      url: expect.stringMatching(/\/gambling\/domains$/) as string,
      updateSeconds: 86_400,
    });
    const other = ['list', 'add', 'hagezi-tif', '--id', 'mine', '--category', 'phishing', '--json'];
    const json = await command(...other);
    expect(JSON.parse(json.out)).toMatchObject({ counts: { list: { create: 1 } } });
    const mine = (await store.lists()).get('mine')?.record;
    expect(mine).toMatchObject({
      category: 'phishing',
      mirrors: [expect.any(String), expect.any(String)],
    });
  });

  test('gives feeds, whose names come and go, wider limits of the gate', async () => {
    const { run: command, store } = await aServer();
    for (const id of ['urlhaus', 'ut1-gambling']) await command('list', 'add', id);
    const lists = await store.lists();
    const limits = { shrinkPercentMax: 60, growthPercentMax: 100 };
    expect(lists.get('urlhaus')?.record.gate).toEqual(limits);
    expect(lists.get('ut1-gambling')?.record.gate).toBeUndefined();
  });

  test('leaves alone what is there under the id, and says what else to do', async () => {
    const { run: command, store } = await aServer();
    await command('list', 'add', 'ut1-gambling', '--id', 'adult-a');
    const again = await command('list', 'add', 'ut1-gambling', '--id', 'adult-a');
    expect(again.code).toBe(1);
    expect(again.err).toBe(
      'stairgate: There is a list "adult-a" already; give the new one another id with --id',
    );
    expect((await store.lists()).get('adult-a')?.record.category).toBe('adult');
  });

  test('warns of a licence that forbids commercial use, and of what nobody has confirmed', async () => {
    const { run: command } = await aServer();
    const { code, err } = await command('list', 'add', 'phishing-army');
    expect(code).toBe(0);
    expect(err).toMatch(/CC-BY-NC-4\.0\) does not allow commercial use/);
    expect(err).toContain('were not confirmed at the source');
  });
});

describe('list score', () => {
  const NAMES = 'blocked: { adult: [a.example, b.example] }\nopen: { news: [c.example] }\n';

  test('prints a table, and the next time what has changed', async () => {
    const { run: command, controlPlane, store } = await aServer();
    const names = join(aFolder(), 'names.yaml');
    writeFileSync(names, NAMES);
    const score = ['list', 'score', '--plan', 'kids', '--names', names];
    const first = await command(...score);
    expect(first).toMatchObject({ code: 0, err: '' });
    expect(first.out).toContain('plan kids, revision 2; nothing measured before');
    expect(first.out).toMatch(/^adult +2 +0 \(0 %\) +0 \(0 %\)$/m);
    const blocked = { category: 'adult', verdictClass: 'policy' } as const;
    for (const name of ['a.example', 'c.example']) controlPlane.blockedBy.set(name, blocked);
    const second = await command(...score, '--missing');
    expect(second.out).toContain('changes since ');
    expect(second.out).toMatch(/^adult +2 +1 \(50 %\) \+1 +1 \(50 %\) \+1$/m);
    expect(second.out).toMatch(/^news +1 +1 \(100 %\) \+1 +c\.example \(adult\)$/m);
    expect(second.out).toContain('in no list of adult: b.example');
    controlPlane.blockedBy.delete('c.example');
    const third = await command(...score, '--json');
    expect(JSON.parse(third.out)).toMatchObject({
      subject: 'plan kids',
      open: [{ set: 'news', blocked: 0 }],
      before: { open: { news: { blocked: 1 } } },
    });
    const history = readFileSync(join(store.dataDir, 'score-history.jsonl'), 'utf8');
    expect(history.trim().split('\n')).toHaveLength(3);
  });

  test('measures the bundled names in requests that the API takes', async () => {
    const { run: command } = await aServer();
    const { code, out } = await command('list', 'score', '--plan', 'kids');
    expect(code).toBe(0);
    expect(out).toMatch(/^lookalikes /m);
  });

  test('an unknown plan, and two subjects at once, are refused', async () => {
    const { run: command } = await aServer();
    expect((await command('list', 'score', '--plan', 'none')).err).toContain('no plan "none"');
    const two = await command('list', 'score', '--plan', 'kids', '--for', 'home-1');
    expect(two.err).toContain('either --plan or --for');
  });

  test('the history may be kept elsewhere', async () => {
    const { run: command } = await aServer();
    const folder = aFolder();
    const [names, history] = [join(folder, 'names.yaml'), join(folder, 'own.jsonl')];
    writeFileSync(names, NAMES);
    const score = ['list', 'score', '--plan', 'kids', '--names', names, '--history', history];
    expect((await command(...score)).code).toBe(0);
    expect(readFileSync(history, 'utf8')).toContain('"plan kids"');
  });
});

describe('appeal', () => {
  async function anAppeal() {
    const server = await aServer();
    server.controlPlane.listsOf.set('adult', ['adult-a']);
    const list = (await server.store.lists()).get('adult-a')!.record;
    const lists = [{ ...list, gate: { shrinkPercentMax: 50 } }];
    await server.store.applyDocument({ lists }, { actor: 'anna' });
    const made = await server.store.appeals.make({
      name: 'one.example.org',
      category: 'adult',
      message: 'look\u001b[2J\u202ehere\nnow',
      contact: 'me@example.org',
    });
    return { ...server, id: made.id };
  }

  test('list shows what strangers wrote without what a terminal would obey', async () => {
    const { run: command, id } = await anAppeal();
    const shown = (await command('appeal', 'show', id)).out;
    expect(shown).toMatch(/look\\u001b\[2J\\u202ehere now\n\nadult-a, line 7: one\.example\.org$/);
    const { out } = await command('appeal', 'list');
    expect(out.split('\n')).toHaveLength(2);
    expect(out).toContain(id);
    expect(out).toContain(String.raw`look\u001b[2J\u202ehere now`);
    expect(JSON.parse((await command('appeal', 'list', '--json')).out)).toHaveLength(1);
  });

  test('accept corrects the lists, deny says why, forget deletes the contact', async () => {
    const { run: command, id, store } = await anAppeal();
    await command('appeal', 'forget', id);
    expect((await store.appeals.find(id))?.contact).toBeNull();
    const accepted = await command('appeal', 'accept', id, '--answer', 'You are right.');
    expect(accepted).toMatchObject({ code: 0, err: '' });
    expect(accepted.out).toContain(
      'accepted; adult-a now except one.example.org; it was blocked by',
    );
    expect(accepted.out).toContain('adult-a, line 7: one.example.org; revision 4, in force');
    const appeal = { name: 'two.example.org', category: 'adult', message: '', contact: null };
    const second = await store.appeals.make(appeal);
    expect((await command('appeal', 'deny', second.id)).err).toContain('--answer');
    const denied = await command('appeal', 'deny', second.id, '--answer', 'It is right.');
    expect(denied.out).toBe('denied; 1 appeal answered');
    expect((await command('appeal', 'list')).out.split('\n')).toHaveLength(1);
    expect((await command('appeal', 'list', '--all')).out.split('\n')).toHaveLength(3);
  });
});
