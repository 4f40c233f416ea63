import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { FileWatch } from '../../../src/lists/fetch/watch-files.ts';

function aWatch() {
  const folder = mkdtempSync(join(tmpdir(), 'stairgate-watch-'));
  const state = { changes: 0 };
  const watch = new FileWatch(() => {
    state.changes++;
  });
  onTestFinished(() => {
    watch.close();
    rmSync(folder, { recursive: true, force: true });
  });
  return { folder, state, watch };
}

it('says once that files were written and put in place', async () => {
  const { folder, state, watch } = aWatch();
  const path = join(folder, 'list.txt');
  watch.follow([path, join(folder, 'other.txt')]);
  writeFileSync(`${path}.new`, 'one.example.org\n');
  renameSync(`${path}.new`, path);
  await expect.poll(() => state.changes).toBe(1);
});

it('is silent about folders that are not there, and watches them once they are', async () => {
  const { folder, state, watch } = aWatch();
  const path = join(folder, 'later', 'list.txt');
  watch.follow([path]);
  mkdirSync(join(folder, 'later'));
  watch.follow([path]);
  writeFileSync(path, 'one.example.org\n');
  await expect.poll(() => state.changes).toBe(1);
});

it('says nothing any more of what it no longer follows', async () => {
  const { folder, state, watch } = aWatch();
  const other = mkdtempSync(join(folder, 'other-'));
  watch.follow([join(folder, 'list.txt')]);
  watch.follow([join(other, 'list.txt')]);
  writeFileSync(join(folder, 'list.txt'), 'one.example.org\n');
  writeFileSync(join(other, 'list.txt'), 'one.example.org\n');
  await expect.poll(() => state.changes).toBe(1);
  watch.follow([]);
  writeFileSync(join(other, 'list.txt'), 'two.example.org\n');
  writeFileSync(join(folder, 'list.txt'), 'two.example.org\n');
  const marker = aWatch();
  marker.watch.follow([join(marker.folder, 'x')]);
  writeFileSync(join(marker.folder, 'x'), '');
  // What came later has been told of: the earlier would have been by now.
  await expect.poll(() => marker.state.changes).toBe(1);
  expect(state.changes).toBe(1);
});
