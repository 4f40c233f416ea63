import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { openList } from '../../src/lists/open-list.ts';

const folder = mkdtempSync(join(tmpdir(), 'stairgate-open-list-'));
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

const CONTENT = 'a.example.org\n';

function open(contentPath: string, contentSha256: string) {
  const rest = { id: 'a', category: 'adult', categoryBit: 1, format: 'domains' } as const;
  const said = { coversSubdomains: null, except: ['good.example.org'], version: null };
  return openList({ ...rest, ...said, contentPath, contentSha256, octets: null });
}

function aFile(name: string, content: string): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

test('a content that is what its name says is no fault', () => {
  const sha256 = createHash('sha256').update(CONTENT).digest('hex');
  const { refuseDamage } = open(aFile('good', CONTENT), sha256);
  expect(refuseDamage).not.toThrow();
});

test('a content that is another one or gone is damaged: only another apply mends that', () => {
  const { refuseDamage } = open(aFile('other', 'b.example.org\n'), 'ab'.repeat(32));
  expect(refuseDamage).toThrow(expect.objectContaining({ code: 'LIST_CONTENT_DAMAGED' }));
  const gone = () => open(join(folder, 'gone'), 'ab'.repeat(32));
  expect(gone).toThrow(expect.objectContaining({ code: 'LIST_CONTENT_DAMAGED' }));
});

test('a content that cannot be read now is not called damaged: it is tried again', () => {
  const { list } = open(folder, 'ab'.repeat(32));
  const read = () =>
    (list.content as { read(into: Uint8Array, at: number): number }).read(new Uint8Array(9), 0);
  expect(read).toThrow(expect.objectContaining({ code: 'LIST_CONTENT_UNREADABLE' }));
});
