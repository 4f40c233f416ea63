import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { runCli } from '../../src/cli/program.ts';
import { openSealedFile } from '../../src/sealing/open-sealed.ts';
import { readSealingKeys } from '../../src/sealing/sealing-keys.ts';

let folder = '';
const at = (name: string): string => join(folder, name);

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'stairgate-seal-'));
});

afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

async function run(...args: string[]) {
  const lines = { out: [] as string[], err: [] as string[] };
  const code = await runCli(['list', ...args], {
    out: (text) => void lines.out.push(text),
    err: (text) => void lines.err.push(text),
  });
  return { code, out: lines.out.join('\n'), err: lines.err.join('\n') };
}

async function drawKeys(): Promise<void> {
  expect(await run('new-key', at('list.key'))).toMatchObject({ code: 0 });
  const pair = [at('ministry.key'), at('ministry.pem')];
  expect(await run('new-signing-key', ...pair)).toMatchObject({ code: 0 });
}

function seal(text: string, ...more: string[]) {
  writeFileSync(at('names.txt'), text);
  return run(
    ...['seal', at('names.txt'), at('out.sealed'), '--list', 'court', '--key-id', 'k1'],
    ...['--publisher', 'ministry', '--sign-key-file', at('ministry.key'), ...more],
  );
}

describe('the commands of publishers', () => {
  it('draw keys that nobody else may read, and never over others', async () => {
    await drawKeys();
    expect(statSync(at('list.key')).mode & 0o777).toBe(0o600);
    expect(statSync(at('ministry.key')).mode & 0o777).toBe(0o600);
    const before = readFileSync(at('list.key'), 'utf8');
    expect(before).toMatch(/^[0-9a-f]{64}\n$/);
    const refused = await run('new-key', at('list.key'));
    expect(refused.code).toBe(1);
    expect(refused.err).toContain('list.key: the file is there already; valid: a new name');
    expect(readFileSync(at('list.key'), 'utf8')).toBe(before);
  });

  it('seal a list with a key from a file or the environment', async () => {
    await drawKeys();
    const sealing = readSealingKeys({
      keys: [{ id: 'k1', file: at('list.key') }],
      publishers: [{ id: 'ministry', publicKeyFile: at('ministry.pem') }],
    });
    vi.stubEnv('TEST_LIST_KEY', readFileSync(at('list.key'), 'utf8'));
    for (const key of [
      ['--key-file', at('list.key')],
      ['--key-env', 'TEST_LIST_KEY'],
    ]) {
      const { code, out } = await seal('hidden.example.org\n', ...key);
      expect(code).toBe(0);
      expect(out).toMatch(/out\.sealed: 1 names, serial \d{10}$/);
      const manifest = openSealedFile(readFileSync(at('out.sealed')), sealing, Date.now() / 1000);
      expect(manifest).toMatchObject({ list: 'court', names: 1, publisher: 'ministry' });
      expect(manifest.serial).toBe(manifest.sealedAtSecond);
    }
  });

  it('say what is wrong and neither a name nor a key', async () => {
    await drawKeys();
    const key = ['--key-file', at('list.key')];
    const faulty = await seal('hidden.example.org\nhid den.example\ncom\n', ...key);
    expect(faulty.code).toBe(1);
    expect(faulty.err).toContain('line 2: bad-syntax');
    expect(faulty.err).not.toContain('hid');
    expect((await seal('a.example.org\n')).err).toContain('either --key-file or --key-env');
    expect((await seal('a.example.org\n', ...key, '--serial', '0')).err).toContain('--serial: "0"');
    expect((await seal('a.example.org\n', ...key, '--format', 'x')).err).toContain(
      'valid: domains',
    );
    const none = await seal('a.example.org\n', '--key-env', 'TEST_NO_SUCH_KEY');
    expect(none.err).toContain('there is no variable TEST_NO_SUCH_KEY');
  });

  it('leave the command that shows lists as it was', async () => {
    const help = await run('--help');
    expect(help.out).toContain('[id]');
    expect(help.out).toContain('seal');
  });
});
