import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { followShippedFiles } from '../../src/lists/follow-shipped-files.ts';
import { PACKAGED_FOLDER } from '../../src/lists/read-policy-data.ts';
import { readSeedDocument } from '../../src/lists/seed-document.ts';
import type { Store } from '../../src/store/store.ts';
import { ACTOR, aStore } from '../store/support.ts';

/** A copy of what ships, made small, and a store that was seeded from it. */
async function anInstallation() {
  const folder = mkdtempSync(join(tmpdir(), 'stairgate-shipped-'));
  onTestFinished(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  cpSync(PACKAGED_FOLDER, folder, { recursive: true });
  rmSync(join(folder, 'services'), { recursive: true });
  mkdirSync(join(folder, 'services'));
  writeServices(folder, { one: 'one.example', two: 'two.example' });
  const store = await aStore();
  await store.seed(() => readSeedDocument(store.contents, folder));
  return { folder, store };
}

function writeServices(folder: string, names: Readonly<Record<string, string>>): void {
  const services = Object.entries(names).map(
    ([id, name]) => `  - { id: ${id}, title: ${id}, names: [${name}] }\n`,
  );
  writeFileSync(
    join(folder, 'services', 'social.yaml'),
    `id: social\ntitle: Social\nservices:\n${services.join('')}`,
  );
}

async function namesOf(store: Store, id: string): Promise<readonly string[] | undefined> {
  return (await store.services()).get(id)?.record.names;
}

describe('what ships with Stairgate', () => {
  test('is seeded at the first start, which leaves nothing to follow', async () => {
    const { folder, store } = await anInstallation();
    expect(await namesOf(store, 'one')).toEqual(['one.example']);
    expect((await store.categories()).get('protected')?.record.neverReport).toBe(true);
    expect((await store.categories()).get('self-harm')?.record.helpline).toBe(true);
    const { revision } = store;
    await followShippedFiles(store, folder);
    expect(store.revision).toBe(revision);
  });

  test('is not even read again where no file has changed', async () => {
    const { folder, store } = await anInstallation();
    await followShippedFiles(store, folder);
    const save = vi.spyOn(store.contents, 'save');
    await followShippedFiles(store, folder);
    expect(save).not.toHaveBeenCalled();
  });

  test('follows its files: what is new comes, what was edited changes, in one revision', async () => {
    const { folder, store } = await anInstallation();
    const { revision } = store;
    writeServices(folder, { one: 'uno.example', two: 'two.example', three: 'three.example' });
    writeFileSync(join(folder, 'dating.txt'), 'dating.example\n');
    await followShippedFiles(store, folder);
    expect(store.revision).toBe(revision + 1);
    expect(await namesOf(store, 'one')).toEqual(['uno.example']);
    expect(await namesOf(store, 'three')).toEqual(['three.example']);
    expect((await store.lists()).get('builtin-dating')?.report.entries).toBe(1);
    writeServices(folder, { one: 'uno.example', two: 'zwei.example', three: 'drei.example' });
    await followShippedFiles(store, folder);
    expect(await namesOf(store, 'two')).toEqual(['zwei.example']);
    expect(await namesOf(store, 'three')).toEqual(['drei.example']);
    const [newest] = await store.auditPage({ before: null, limit: 1 });
    expect(newest?.actor).toBe('shipped-files');
  });

  test('is left alone where somebody has changed it, removed it, or had the id first', async () => {
    const { folder, store } = await anInstallation();
    const own = (id: string) => ({ id, title: id, group: 'own', names: [`own-${id}.example`] });
    await store.applyDocument({ services: [own('one'), own('three')] }, ACTOR);
    await store.remove('service', 'two', ACTOR);
    await store.remove('list', 'builtin-ads', ACTOR);
    writeServices(folder, { one: 'uno.example', two: 'zwei.example', three: 'drei.example' });
    writeFileSync(join(folder, 'ads.txt'), 'ads.example\n');
    for (let round = 0; round < 2; round++) {
      await followShippedFiles(store, folder);
      expect(await namesOf(store, 'one')).toEqual(['own-one.example']);
      expect(await namesOf(store, 'two')).toBeUndefined();
      expect(await namesOf(store, 'three')).toEqual(['own-three.example']);
      expect((await store.lists()).has('builtin-ads')).toBe(false);
      writeServices(folder, { one: 'ein.example', two: 'zwo.example', three: 'drei.example' });
    }
  });

  test('follows its files though a list has exceptions, such as accepted appeals make, and keeps them', async () => {
    const { folder, store } = await anInstallation();
    const id = 'builtin-dating';
    const shipped = (await store.lists()).get(id)?.record;
    await store.applyDocument({ lists: [{ ...shipped, except: ['kind.example'] }] }, ACTOR);
    for (const names of [['one.example'], ['one.example', 'kind.example', 'two.example']]) {
      writeFileSync(join(folder, 'dating.txt'), `${names.join('\n')}\n`);
      await followShippedFiles(store, folder);
      const list = (await store.lists()).get(id);
      expect(list).toMatchObject({ report: { entries: names.length } });
      expect(list?.record.except).toEqual(['kind.example']);
    }
  });

  test('is left alone where anything else of a list was changed, with exceptions or without', async () => {
    const { folder, store } = await anInstallation();
    const id = 'builtin-dating';
    const { record, report } = (await store.lists()).get(id)!;
    const change = { versionsKept: 9, except: ['kind.example'] };
    await store.applyDocument({ lists: [{ ...record, ...change }] }, ACTOR);
    writeFileSync(join(folder, 'dating.txt'), 'one.example\n');
    await followShippedFiles(store, folder);
    expect((await store.lists()).get(id)).toMatchObject({ record: change, report });
  });

  test('follows again once somebody has put back what shipped last', async () => {
    const { folder, store } = await anInstallation();
    const service = (name: string) => ({ id: 'one', title: 'one', group: 'social', names: [name] });
    await store.applyDocument({ services: [service('own.example')] }, ACTOR);
    writeServices(folder, { one: 'uno.example', two: 'two.example' });
    await followShippedFiles(store, folder);
    expect(await namesOf(store, 'one')).toEqual(['own.example']);
    await store.applyDocument({ services: [service('one.example')] }, ACTOR);
    writeServices(folder, { one: 'ein.example', two: 'two.example' });
    await followShippedFiles(store, folder);
    expect(await namesOf(store, 'one')).toEqual(['ein.example']);
  });

  test('stays where its file no longer names it: a schedule may be about it', async () => {
    const { folder, store } = await anInstallation();
    writeServices(folder, { one: 'one.example' });
    await followShippedFiles(store, folder);
    expect(await namesOf(store, 'two')).toEqual(['two.example']);
  });

  test('makes no category anew that somebody has removed, when its list changes', async () => {
    const { folder, store } = await anInstallation();
    await store.remove('list', 'builtin-ads', ACTOR);
    await store.remove('category', 'ads', ACTOR);
    writeFileSync(join(folder, 'ads.txt'), 'ads.example\n');
    const text = readFileSync(join(folder, 'categories.yaml'), 'utf8');
    writeFileSync(join(folder, 'categories.yaml'), text.replace('title: Adv', 'title: Adv.'));
    await followShippedFiles(store, folder);
    expect((await store.categories()).has('ads')).toBe(false);
  });

  test('changes nothing where a file has a fault, and follows when it is mended', async () => {
    const { folder, store } = await anInstallation();
    const { revision } = store;
    writeServices(folder, { one: 'NO NAME', two: 'zwei.example' });
    await expect(followShippedFiles(store, folder)).rejects.toThrow('is no domain name');
    expect(store.revision).toBe(revision);
    writeServices(folder, { one: 'uno.example', two: 'zwei.example' });
    await followShippedFiles(store, folder);
    expect(await namesOf(store, 'two')).toEqual(['zwei.example']);
  });
});
