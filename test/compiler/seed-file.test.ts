import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { drawSeed, loadSeed } from '../../src/compiler/seed-file.ts';

let folder = '';

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'stairgate-seed-'));
});

afterEach(() => {
  rmSync(folder, { recursive: true });
});

describe('the hash seed', () => {
  it('is drawn once, kept, and closed to others', () => {
    const seed = loadSeed(folder);
    expect(loadSeed(folder)).toEqual(seed);
    expect(statSync(join(folder, 'hash.seed')).mode & 0o777).toBe(0o600);
  });

  it('is read as two words', () => {
    writeFileSync(join(folder, 'hash.seed'), '00000001ffffffff\n');
    expect(loadSeed(folder)).toEqual([1, 0xffffffff]);
  });

  it('is another after a new one was drawn', () => {
    const before = loadSeed(folder);
    const drawn = drawSeed(folder);
    expect(drawn).not.toEqual(before);
    expect(loadSeed(folder)).toEqual(drawn);
  });

  it('that is damaged is refused with what to do', () => {
    for (const text of ['', 'xyz', '00000001fffffff', '00000001ffffffffa']) {
      writeFileSync(join(folder, 'hash.seed'), text);
      expect(() => loadSeed(folder)).toThrow(/remove the file/);
    }
    expect(readFileSync(join(folder, 'hash.seed'), 'utf8')).toBe('00000001ffffffffa');
  });
});
