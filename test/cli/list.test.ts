/** `stairgate list …` and a held `apply`, against a listening API. */

import { readFileSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runCli } from '../../src/cli/program.ts';
import { aListApi } from '../api/support.ts';
import { manyNames } from '../store/fake-inspector.ts';
import { aDataFolder } from '../store/support.ts';

async function anEditor() {
  const { api, store } = await aListApi();
  await api.listen({ host: '127.0.0.1', port: 0 });
  const { port } = api.server.address() as AddressInfo;
  const flags = ['--admin', `127.0.0.1:${port}`, '--data-dir', store.dataDir];
  const folder = aDataFolder();
  const run = async (...args: string[]) => {
    const lines = { out: [] as string[], err: [] as string[] };
    const code = await runCli([...args, ...flags], {
      out: (text) => void lines.out.push(text),
      err: (text) => void lines.err.push(text),
    });
    return { code, out: lines.out.join('\n'), err: lines.err.join('\n') };
  };
  const apply = (names: readonly string[], ...more: string[]) => {
    writeFileSync(join(folder, 'names.txt'), `${names.join('\n')}\n`);
    const lists = [{ id: 'a', category: 'adult', path: 'names.txt' }];
    writeFileSync(join(folder, 'doc.yaml'), JSON.stringify({ lists, plans: [{ id: 'kids' }] }));
    return run('apply', join(folder, 'doc.yaml'), ...more);
  };
  return { store, folder, run, apply };
}

test('apply prints what is held with its reasons, applies the rest, and ends with 1', async () => {
  const { store, run, apply } = await anEditor();
  expect(await apply(manyNames(10))).toMatchObject({ code: 0, err: '' });
  await store.remove('plan', 'kids', { actor: 'test' });
  const names = [...manyNames(10), 'google.example'];
  const dry = await apply(names, '--dry-run');
  expect([dry.code, store.revision]).toEqual([1, 2]);
  expect(dry.err).toContain('\n  list a: it would newly block a well-known name: google.example');
  const held = await apply(names);
  expect([held.code, store.revision]).toEqual([1, 3]);
  expect(held.out).toContain('+ plan kids');
  expect(held.err).toMatch(
    /^stairgate: The gate holds .* 1 list keeps what it had.*\n {2}list a, v/,
  );
  expect((await run('list')).out).toMatch(/^a +adult +domains +10 +0 +1 +2 +names\.txt$/m);
});

test('a first version is told by its well-known names, when it is applied and before', async () => {
  const { apply, run } = await anEditor();
  const names = ['google.example', ...manyNames(3), 'video.example'];
  const line =
    /\n {2}list a: domains, 5 names\n {2}list a: newly blocks 2 well-known names: google\.example, video\.example\n/;
  expect(await apply(names, '--dry-run')).toMatchObject({ code: 0, err: '' });
  expect((await apply(names, '--dry-run')).out).toMatch(line);
  expect((await apply(names)).out).toMatch(line);
  expect((await apply([...names, 'b.example'])).out).not.toContain('well-known');
  expect((await run('list', 'held')).out).toBe('nothing waits');
});

test('the table of lists tells distinct names, and the zone that one comes from', async () => {
  const { folder, run, apply } = await anEditor();
  expect((await apply([...manyNames(10), ...manyNames(4)])).out).toContain('domains, 10 names');
  const transfer = { zone: 'rpz.example', primaries: ['192.0.2.1:53'] };
  const lists = [{ id: 'rpz', category: 'adult', transfer }];
  writeFileSync(join(folder, 'doc.yaml'), JSON.stringify({ lists }));
  await run('apply', join(folder, 'doc.yaml'));
  expect((await run('list', 'versions', 'a')).out).toMatch(/^1 +in-force +10 /m);
  const { out } = await run('list');
  expect(out).toMatch(/^a +adult +domains +10 /m);
  expect(out).toMatch(/^rpz +adult .* zone rpz\.example of 192\.0\.2\.1:53$/m);
});

test('an editor sees what waits, compares, lets it through, and goes back', async () => {
  const { run, apply } = await anEditor();
  await apply(manyNames(10));
  expect((await run('list', 'held')).out).toBe('nothing waits');
  await apply([...manyNames(10), 'google.example']);
  const waiting = await run('list', 'held');
  expect(waiting.out).toMatch(/^a, version 2, from apply at /);
  expect(waiting.out).toContain('    + google.example');
  const difference = 'names: 10 → 11\nnewly blocked: 1\n  + google.example\nnewly open: 0';
  expect((await run('list', 'diff', 'a')).out).toBe(difference);
  expect((await run('list', 'diff', 'a', '2', '1')).out).toContain('  − google.example');
  const approved = await run('list', 'approve', 'a', '2', '--always', 'google.example');
  expect(approved).toEqual({ code: 0, out: 'version 2 is in force', err: '' });
  expect((await run('list', 'versions', 'a')).out).toMatch(/^2 +in-force +11 .*\n1 +past +10 /m);
  expect((await run('list', 'rollback', 'a')).out).toBe('version 1 is in force again');
  const late = await run('list', 'reject', 'a', '2');
  expect(late.code).toBe(1);
  expect(late.err).toContain('was gone back from');
  await apply(manyNames(5));
  expect((await run('list', 'reject', 'a', '3')).out).toBe('version 3 is rejected');
});

test('entries of an own list are added, imported, exported and removed', async () => {
  const { store, folder, run } = await anEditor();
  const lists = ['ours', 'news'].map((id) => ({ id, category: 'social', own: true }));
  await store.applyDocument({ lists }, { actor: 'test' });
  const until = '2099-02-28T21:00:00.000Z';
  const add = ['list', 'entry', 'add', 'ours', 'b.example', '--comment', 'why', '--until', until];
  const first = await run('list', 'entry', 'add', 'news', 'video.example');
  expect([first.code, first.out]).toEqual([
    0,
    'version 1 is in force\nlist news: newly blocks a well-known name: video.example',
  ]);
  expect(await run(...add)).toEqual({ code: 0, out: 'version 1 is in force', err: '' });
  expect((await run(...add)).out).toBe('nothing changed');
  const file = join(folder, 'entries.txt');
  writeFileSync(file, 'a.example # from a file\nc.example\n');
  await run('list', 'entry', 'import', 'ours', file);
  await run('list', 'entry', 'export', 'ours', '--output', file);
  expect(readFileSync(file, 'utf8')).toBe(
    `a.example # from a file\nb.example # until ${until}: why\nc.example\n`,
  );
  await run('list', 'entry', 'remove', 'ours', 'c.example');
  await run('list', 'entry', 'import', 'ours', file, '--replace');
  expect((await run('list', 'entry', 'list', 'ours')).out).toMatch(/^b\.example +2099-02-28T21/m);
  const held = await run('list', 'entry', 'add', 'ours', 'google.example');
  expect(held.code).toBe(1);
  expect(held.err).toContain('list ours, version 5: ');
  writeFileSync(file, 'a b c\n');
  expect(await run('list', 'entry', 'import', 'ours', file)).toMatchObject({
    code: 1,
    err: expect.stringContaining('line 1: more than a name') as string,
  });
  writeFileSync(file, '\uFEFF# ours\n\ngood.example\n-.example.\\000\ncom\n');
  const bad = await run('list', 'entry', 'import', 'ours', file);
  expect(bad.err).toMatch(/line 4: /);
  expect(bad.err).not.toContain('add[');
});
