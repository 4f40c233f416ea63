import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { emptyBlocklistImage } from '../../src/blocklist/image.ts';
import {
  currentBlocklistKey,
  readImages,
  removeImages,
  writeImages,
} from '../../src/compiler/image-folder.ts';
import type { HashSeed } from '../../src/lib/half-siphash.ts';
import { emptyPolicies } from '../../src/policy/compile.ts';

const SEED: HashSeed = [1, 2];
const OTHER_SEED: HashSeed = [3, 4];

let folder = '';

beforeEach(() => {
  folder = join(mkdtempSync(join(tmpdir(), 'stairgate-images-')), 'images');
});

afterEach(() => {
  rmSync(join(folder, '..'), { recursive: true });
});

function aSet(revision: number, blocklistKey = 'key', seed = SEED) {
  const blocklist = emptyBlocklistImage(seed).image.buffer;
  const policy = emptyPolicies(seed);
  return { revision, blocklistKey, addressFingerprint: '1/1', blocklist, policy };
}

function pathOf(kind: string): string {
  const name = readdirSync(folder).find((file) => file.startsWith(kind));
  return join(folder, name!);
}

describe('the images on the disk', () => {
  it('are none before the first were written', () => {
    expect(readImages(folder, SEED)).toBeNull();
    expect(currentBlocklistKey(folder)).toBeNull();
  });

  it('come back as they were written', () => {
    const written = aSet(7);
    writeImages(folder, written);
    const read = readImages(folder, SEED);
    expect(read?.revision).toBe(7);
    expect(read?.addressFingerprint).toBe('1/1');
    expect(Buffer.from(read!.blocklist)).toEqual(Buffer.from(written.blocklist));
    expect(Buffer.from(read!.policy)).toEqual(Buffer.from(written.policy));
    expect(currentBlocklistKey(folder)).toBe('key');
  });

  it('may be read by nobody else', () => {
    writeImages(folder, aSet(1));
    for (const name of readdirSync(folder)) {
      expect(statSync(join(folder, name)).mode & 0o077, name).toBe(0);
    }
  });

  it('keep the blocklist of the set before where none is given', () => {
    writeImages(folder, aSet(1));
    const before = pathOf('blocklist');
    writeImages(folder, { ...aSet(2), blocklist: null });
    expect(readImages(folder, SEED)?.revision).toBe(2);
    expect(pathOf('blocklist')).toBe(before);
  });

  it('do not pile up, and leftovers of a killed process go', () => {
    writeImages(folder, aSet(1));
    writeFileSync(join(folder, 'blocklist-0000000000000000.image.99.tmp'), 'half');
    writeFileSync(join(folder, 'policy-0000000000000000.image'), 'never named');
    writeImages(folder, aSet(2));
    expect(readdirSync(folder)).toHaveLength(3);
  });

  it('written without their manifest are never seen', () => {
    writeImages(folder, aSet(1));
    const manifest = readFileSync(join(folder, 'current.json'));
    writeImages(folder, aSet(2, 'other'));
    writeFileSync(join(folder, 'current.json'), manifest);
    expect(readImages(folder, SEED)?.revision).toBe(1);
  });

  it('that are damaged are named, whatever the damage', () => {
    const damages: [name: string, kind: string, damage: (path: string) => void][] = [
      [
        'cut',
        'blocklist',
        (path) => {
          truncateSync(path, 100);
        },
      ],
      [
        'emptied',
        'policy',
        (path) => {
          truncateSync(path, 0);
        },
      ],
      [
        'missing',
        'policy',
        (path) => {
          rmSync(path);
        },
      ],
      [
        'one bit',
        'blocklist',
        (path) => {
          const bytes = readFileSync(path);
          bytes[bytes.length - 1]! ^= 1;
          writeFileSync(path, bytes);
        },
      ],
      [
        'no JSON',
        'current',
        (path) => {
          writeFileSync(path, '{');
        },
      ],
      [
        'a path outside',
        'current',
        (path) => {
          writeFileSync(path, outside(path));
        },
      ],
    ];
    for (const [name, kind, damage] of damages) {
      rmSync(folder, { recursive: true, force: true });
      writeImages(folder, aSet(1));
      damage(pathOf(kind));
      expect(() => readImages(folder, SEED), name).toThrow(new RegExp(`${kind}.*`));
    }
  });

  it('of another seed are refused', () => {
    writeImages(folder, aSet(1, 'key', OTHER_SEED));
    expect(() => readImages(folder, SEED)).toThrow(/another hash seed/);
  });

  it('that were removed are none', () => {
    writeImages(folder, aSet(1));
    removeImages(folder);
    expect(readImages(folder, SEED)).toBeNull();
  });
});

function outside(path: string): string {
  const manifest = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
  return JSON.stringify({ ...manifest, policy: '../../etc/passwd' });
}
