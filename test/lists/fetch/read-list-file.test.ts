import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import {
  type FileOptions,
  type FileRead,
  readListFile,
} from '../../../src/lists/fetch/read-list-file.ts';
import { ListContents } from '../../../src/store/list-contents.ts';

const LIST = 'one.example.org\ntwo.example.org\n';
/** A program, which knip would look for in package.json. */
const MAKE_PIPE = 'mkfifo';

let root = '';
/** The one folder that lists may be in. */
let folder = '';
let contents: ListContents;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'stairgate-file-'));
  onTestFinished(() => {
    rmSync(root, { recursive: true, force: true });
  });
  folder = join(root, 'allowed');
  mkdirSync(folder);
  mkdirSync(join(root, 'lists'));
  contents = new ListContents(root);
});

/** A file that has been at rest for a minute. */
function aFile(path: string, content: string | Uint8Array = LIST): string {
  writeFileSync(path, content);
  const then = new Date(Date.now() - 60_000);
  utimesSync(path, then, then);
  return path;
}

function read(path: string, options: Partial<FileOptions> = {}, stamp: string | null = null) {
  return readListFile(
    { path, stamp, isSealed: false },
    {
      folders: [folder],
      bytesMax: 1_000_000,
      receive: (body) => contents.take(body),
      onProgress: () => undefined,
      wallMs: () => Date.now(),
      ...options,
    },
  );
}

function textOf(found: FileRead): string {
  if (found.kind !== 'content') throw new Error('Nothing new was there');
  return readFileSync(contents.pathOf(found.content.sha256), 'utf8');
}

describe('a list that is a file', () => {
  it('is read where it is below a folder that lists may be in', async () => {
    mkdirSync(join(folder, 'sub'));
    const path = aFile(join(folder, 'sub', 'list.txt'));
    const found = await read(path);
    expect(textOf(found)).toBe(LIST);
    const stamp = found.kind === 'content' ? found.stamp : '';
    expect(await read(path, {}, stamp)).toEqual({ kind: 'unchanged' });
    aFile(path, 'three.example.org\n');
    expect(textOf(await read(path, {}, stamp))).toBe('three.example.org\n');
  });

  it('may be packed', async () => {
    expect(textOf(await read(aFile(join(folder, 'list.gz'), gzipSync(LIST))))).toBe(LIST);
  });

  it('that is no sealed file where one is wanted is not read through', async () => {
    const receive = () => Promise.reject(new Error('it was read'));
    const options = { folders: [folder], bytesMax: 1_000_000, receive, wallMs: () => Date.now() };
    const path = aFile(join(folder, 'list.txt'));
    const request = { path, stamp: null, isSealed: true };
    const found = readListFile(request, { ...options, onProgress: () => undefined });
    await expect(found).rejects.toThrow(`Reading the list ${path}: the content is not sealed`);
  });

  it('may be a link to a file below such a folder, and the folder a link itself', async () => {
    aFile(join(folder, 'v2.txt'));
    symlinkSync('v2.txt', join(folder, 'list.txt'));
    symlinkSync(folder, join(root, 'linked'));
    expect(textOf(await read(join(folder, 'list.txt')))).toBe(LIST);
    const folders = [join(root, 'linked')];
    expect(textOf(await read(join(root, 'linked', 'list.txt'), { folders }))).toBe(LIST);
  });

  it.each([
    ['lies elsewhere', () => aFile(join(root, 'secret'))],
    ['is a link that leads out', () => link(aFile(join(root, 'secret')))],
    ['is a path that climbs out', () => `${folder}/../${nameOf(aFile(join(root, 'secret')))}`],
    [
      'lies in a folder that is a link which leads out',
      () => {
        aFile(join(root, 'secret'));
        symlinkSync(root, join(folder, 'out'));
        return join(folder, 'out', 'secret');
      },
    ],
    [
      'lies in a folder whose name only begins the same',
      () => {
        mkdirSync(`${folder}-not`);
        return aFile(join(`${folder}-not`, 'list.txt'));
      },
    ],
    ['lies elsewhere and is not there', () => join(root, 'nothing')],
    ['is a relative path', () => 'list.txt'],
  ])('that %s is refused, in words that do not say what is there', async (_what, make) => {
    const path = make();
    await expect(read(path)).rejects.toThrow(
      expect.objectContaining({
        code: 'LIST_FILE_REFUSED',
        message: `Reading the list ${path}: it is not below a folder that lists may be in; valid: ${folder}`,
      }) as Error,
    );
    expect(readdirSync(join(root, 'lists'))).toEqual([]);
  });

  it('is read nowhere where no folder is configured', async () => {
    await expect(read(aFile(join(folder, 'list.txt')), { folders: [] })).rejects.toThrow(
      'valid: none; name one with lists.folders',
    );
  });

  it.each([
    ['is not there', () => join(folder, 'nothing'), 'there is no such file'],
    ['is a folder', () => folder + '/.', 'lists may be in'],
    [
      'is a folder below',
      () => {
        mkdirSync(join(folder, 'sub'));
        return join(folder, 'sub');
      },
      'it is no file',
    ],
    [
      'is a pipe',
      () => {
        execFileSync(MAKE_PIPE, [join(folder, 'pipe')]);
        return join(folder, 'pipe');
      },
      'it is no file',
    ],
    [
      'is cut gzip',
      () => aFile(join(folder, 'list.gz'), gzipSync(LIST).subarray(0, 30)),
      'unexpected end of file',
    ],
    [
      'is too large',
      () => aFile(join(folder, 'list.txt'), Buffer.alloc(1_000_001, LIST)),
      'it has more than 1000000 octets',
    ],
  ])('that %s is told so', async (_what, make, words) => {
    await expect(read(make())).rejects.toThrow(words);
    expect(readdirSync(join(root, 'lists'))).toEqual([]);
  });

  it('that was written just now is left alone until it rests', async () => {
    const path = join(folder, 'list.txt');
    writeFileSync(path, LIST);
    const now = Date.now();
    const changing = expect.objectContaining({ code: 'LIST_FILE_CHANGING' }) as Error;
    await expect(read(path, { wallMs: () => now })).rejects.toThrow(changing);
    expect(textOf(await read(path, { wallMs: () => now + 5_000 }))).toBe(LIST);
  });

  it.each([
    [
      'grows',
      (path: string) => {
        appendFileSync(path, 'three.example.org\n');
      },
    ],
    [
      'is written over with as many octets and the same time',
      (path: string) => {
        aFile(path, LIST.replaceAll('one', 'two'));
      },
    ],
  ])('that %s while it is read is not taken', async (_what, change) => {
    const path = aFile(join(folder, 'list.txt'));
    await expect(
      read(path, {
        receive: async (body) => {
          const saved = await contents.take(body);
          change(path);
          return saved;
        },
      }),
    ).rejects.toThrow(expect.objectContaining({ code: 'LIST_FILE_CHANGING' }) as Error);
  });

  it('that gets a successor while it is read leaves it to the successor', async () => {
    const path = aFile(join(folder, 'list.txt'));
    const receive: FileOptions['receive'] = async (body) => {
      renameSync(aFile(join(folder, 'next.txt'), 'three.example.org\n'), path);
      return contents.take(body);
    };
    const changing = expect.objectContaining({ code: 'LIST_FILE_CHANGING' }) as Error;
    await expect(read(path, { receive })).rejects.toThrow(changing);
    expect(textOf(await read(path))).toBe('three.example.org\n');
  });
});

function link(target: string): string {
  const path = join(folder, 'link.txt');
  symlinkSync(target, path);
  return path;
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}
