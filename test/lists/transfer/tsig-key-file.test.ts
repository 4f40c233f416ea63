import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { AppError } from '../../../src/lib/errors.ts';
import { readTsigKeys } from '../../../src/lists/transfer/tsig-key-file.ts';

const SECRET = Buffer.from('an example secret of 32 octets !');
let folder = '';

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'stairgate-keys-'));
});

afterEach(() => {
  rmSync(folder, { recursive: true });
});

function file(name: string, text: string, mode = 0o600): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
}

function keyOf(secretFile: string) {
  return { name: 'xfer', algorithm: 'hmac-sha256', secretFile } as const;
}

test('a secret is read as base64, with a line end or without', () => {
  for (const end of ['', '\n', '\r\n']) {
    const path = file('key', `${SECRET.toString('base64')}${end}`);
    expect(readTsigKeys([keyOf(path)])).toEqual([
      { name: 'xfer', algorithm: 'hmac-sha256', secret: Uint8Array.from(SECRET) },
    ]);
  }
});

test('all faults are told, and no secret with them', () => {
  const open = file('open', SECRET.toString('base64'), 0o640);
  const short = file('short', Buffer.from('fifteen octets!').toString('base64'));
  const text = file('text', 'topsecret topsecret topsecret');
  const missing = join(folder, 'missing');
  const paths = [open, short, text, missing];
  let error: unknown;
  try {
    readTsigKeys(paths.map((path) => keyOf(path)));
  } catch (thrown) {
    error = thrown;
  }
  expect(error).toBeInstanceOf(AppError);
  const { code, message, faults } = error as AppError;
  expect(code).toBe('TSIG_KEY_UNUSABLE');
  expect(faults).toHaveLength(4);
  expect(faults[0]).toContain('valid: mode 0600');
  expect(faults[1]).toContain('16 to 256 octets');
  expect(faults[3]).toContain('ENOENT');
  for (const secret of [SECRET.toString('base64'), 'topsecret', 'Zmlmd']) {
    expect(message).not.toContain(secret);
  }
});
