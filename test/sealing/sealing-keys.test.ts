import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { drawListKey, parseListKey } from '../../src/sealing/list-keys.ts';
import { readSealingKeys } from '../../src/sealing/sealing-keys.ts';
import { drawSigningKeys, parsePrivateKey, parsePublicKey } from '../../src/sealing/signatures.ts';

function aFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'stairgate-keys-'));
  onTestFinished(() => {
    rmSync(folder, { recursive: true });
  });
  return folder;
}

describe('the keys of the configuration', () => {
  it('come from files and from the environment', () => {
    const folder = aFolder();
    const [first, second] = [drawListKey(), drawListKey()];
    writeFileSync(join(folder, 'list.key'), `${first}\n`);
    vi.stubEnv('STAIRGATE_TEST_KEY', second);
    onTestFinished(() => {
      vi.unstubAllEnvs();
    });
    const { publicKey } = drawSigningKeys();
    writeFileSync(join(folder, 'ministry.pem'), publicKey);
    const { keys, publishers } = readSealingKeys({
      keys: [
        { id: 'a', file: join(folder, 'list.key') },
        { id: 'b', env: 'STAIRGATE_TEST_KEY' },
      ],
      publishers: [{ id: 'ministry', publicKeyFile: join(folder, 'ministry.pem') }],
    });
    expect(keys).toEqual([
      { id: 'a', key: parseListKey(first, 'here') },
      { id: 'b', key: parseListKey(second, 'here') },
    ]);
    expect(publishers).toEqual([{ id: 'ministry', publicKey }]);
  });

  it('are refused with every fault and without a word of a key', () => {
    const folder = aFolder();
    const path = join(folder, 'bad.key');
    writeFileSync(path, 'f00d'.repeat(15));
    const read = (): unknown =>
      readSealingKeys({
        keys: [
          { id: 'a', file: path },
          { id: 'b', env: 'STAIRGATE_NO_SUCH_KEY' },
        ],
        publishers: [
          { id: 'c', publicKeyFile: path },
          { id: 'd', publicKeyFile: join(folder, 'none.pem') },
        ],
      });
    expect(read).toThrow(/keys\[0\].*keys\[1\].*publishers\[0\].*publishers\[1\].*ENOENT/);
    expect(read).not.toThrow('f00d');
  });

  it('are of the right kind: a private key is no public one, and RSA is no Ed25519', () => {
    const { privateKey, publicKey } = drawSigningKeys();
    expect(() => parsePublicKey(privateKey, 'x.pem')).toThrow('x.pem: it is no public Ed25519 key');
    expect(() => parsePrivateKey(publicKey, 'x.pem')).toThrow('it is no private Ed25519 key');
    expect(() => parsePrivateKey('nonsense', 'x.pem')).not.toThrow('nonsense');
  });
});
