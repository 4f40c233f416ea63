import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as dnsPacket from 'dns-packet';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { describeResponse } from '../../src/cli/describe-response.ts';
import { formatTable } from '../../src/cli/output.ts';
import { loadPolicyDocument } from '../../src/cli/policy-document.ts';
import { runCli } from '../../src/cli/program.ts';
import { openStore } from '../../src/lists/open-store.ts';

/** What a terminal obeys, but for the line feed. */
const UNSEEN = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/;

let folder = '';

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'stairgate-cli-'));
});

afterEach(() => {
  rmSync(folder, { recursive: true });
});

async function run(...args: string[]) {
  const lines = { out: [] as string[], err: [] as string[] };
  const code = await runCli(args, {
    out: (text) => void lines.out.push(text),
    err: (text) => void lines.err.push(text),
  });
  return { code, out: lines.out.join('\n'), err: lines.err.join('\n') };
}

function write(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

/** An address where nothing listens. */
async function nobody(): Promise<string> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return `127.0.0.1:${port}`;
}

describe('the command line', () => {
  it('knows its commands and leaves with 0 after help and version', async () => {
    const help = await run('--help');
    expect(help.code).toBe(0);
    for (const command of ['serve', 'apply', 'export', 'explain', 'audit', 'query', 'health']) {
      expect(help.out).toContain(`\n  ${command}`);
    }
    expect(await run('--version')).toMatchObject({ code: 0, out: '0.1.0' });
  });

  it('leaves with 1 and says why where a command, an option or an argument is wrong', async () => {
    for (const args of [['nonsense'], ['serve', '--nonsense'], ['apply'], ['config', 'nonsense']]) {
      const { code, err } = await run(...args);
      expect(code, args.join(' ')).toBe(1);
      expect(err, args.join(' ')).toMatch(/^error: /);
    }
  });

  it('config check names every fault on a line of its own', async () => {
    const { code, err } = await run('config', 'check', write('a.yaml', 'workers: x\ncolour: 1\n'));
    expect(code).toBe(1);
    expect(err.split('\n')).toHaveLength(3);
    expect(err).toMatch(/^stairgate: Checking the configuration of .*a\.yaml:\n {2}/);
  });

  it('config check accepts a valid file and shows what it comes to', async () => {
    const path = write('b.yaml', 'upstreams: [192.0.2.53]\nworkers: 3\n');
    const { code, out } = await run('config', 'check', path);
    expect(code).toBe(0);
    expect(out).toMatch(/upstreams {2}192\.0\.2\.53:53/);
    expect(out).toMatch(/workers {4}3/);
  });

  it('serve refuses a wrong configuration before it touches anything', async () => {
    const dataDir = join(folder, 'data');
    const { code, err } = await run('serve', '--listen', 'nowhere', '--data-dir', dataDir);
    expect(code).toBe(1);
    expect(err).toContain('listen[0]: "nowhere"');
    expect((await run('serve', '--workers', '0')).err).toContain('valid: auto or a whole number');
  });

  it('health leaves with 1 where nothing listens, and names the flag', async () => {
    const { code, err } = await run('health', '--admin', await nobody());
    expect(code).toBe(1);
    expect(err).toMatch(/ECONNREFUSED.*--admin/);
  });
});

describe('with no server and no data folder', () => {
  it('export says that there is nothing, and makes nothing', async () => {
    const dataDir = join(folder, 'data');
    const flags = ['--admin', await nobody(), '--data-dir', dataDir];
    const { code, out, err } = await run('export', ...flags);
    expect([code, out]).toEqual([1, '']);
    expect(err).toContain(`there is no Stairgate database in "${dataDir}"`);
    expect(existsSync(dataDir)).toBe(false);
  });

  it('a dry run shows what a first start would get, and makes nothing', async () => {
    const dataDir = join(folder, 'data');
    write('bad.txt', 'bad.example.org\n');
    const list = '{ id: own, category: own, path: bad.txt }';
    const document = write('doc.yaml', `lists:\n  - ${list}\n`);
    const scratch = join(folder, 'scratch');
    mkdirSync(scratch);
    vi.stubEnv('TMPDIR', scratch);
    const flags = ['--admin', await nobody(), '--data-dir', dataDir];
    const { code, out, err } = await run('apply', document, '--dry-run', ...flags);
    vi.unstubAllEnvs();
    expect([code, err]).toEqual([0, '']);
    expect(out).toContain('would change: ');
    expect(existsSync(dataDir)).toBe(false);
    expect(readdirSync(scratch)).toEqual([]);
  });

  it('a dry run on a data folder saves no contents in it', async () => {
    const dataDir = join(folder, 'data');
    await (await openStore(dataDir)).close();
    const before = readdirSync(join(dataDir, 'lists'));
    write('bad.txt', 'bad.example.org\n');
    const list = '{ id: own, category: own, path: bad.txt }';
    const document = write('doc.yaml', `lists:\n  - ${list}\n`);
    const flags = ['--admin', await nobody(), '--data-dir', dataDir];
    const { code, out } = await run('apply', document, '--dry-run', ...flags);
    expect(code).toBe(0);
    expect(out).toContain('own');
    expect(readdirSync(join(dataDir, 'lists'))).toEqual(before);
  });
});

describe('asking the API', () => {
  async function withServer(
    answer: { status: number; body: unknown },
    work: (admin: string, seen: { url: string; token: string }[]) => Promise<void>,
  ): Promise<void> {
    const seen: { url: string; token: string }[] = [];
    const server = createServer((request, response) => {
      seen.push({ url: request.url ?? '', token: request.headers.authorization ?? '' });
      response.statusCode = answer.status;
      response.end(JSON.stringify(answer.body));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
      await work(`127.0.0.1:${(server.address() as AddressInfo).port}`, seen);
    } finally {
      server.closeAllConnections();
      server.close();
    }
  }

  it('takes the token from the data folder', async () => {
    write('admin.token', 'sg_secret\n');
    const body = { items: [{ id: 'kids', block: ['adult'] }], next: null };
    await withServer({ status: 200, body }, async (admin, seen) => {
      const { code, out } = await run('plan', '--admin', admin, '--data-dir', folder);
      expect(code).toBe(0);
      expect(out).toMatch(/ID +MODE +BLOCK +LOCKED\nkids +- +adult +-/);
      expect(seen).toEqual([{ url: '/api/v1/plans?limit=1000', token: 'Bearer sg_secret' }]);
    });
  });

  it.each([
    'service',
    'service a',
    'list entry list a',
    'grants list home-1',
    'request list home-1',
    'log home-1',
    'audit',
  ])('%s prints nothing that a terminal would obey', async (command) => {
    write('admin.token', 'sg_secret\n');
    const evil = 'x\u001b]0;y\u0007\u009b2J\u007f\u202e\nz';
    const fields = ['id', 'title', 'name', 'comment', 'why', 'message', 'actor'];
    const item = Object.fromEntries(fields.map((field) => [field, evil]));
    const body = command === 'service a' ? item : { items: [item], next: null };
    const runAt = (admin: string) =>
      run(...command.split(' '), '--admin', admin, '--data-dir', folder);
    await withServer({ status: 200, body }, async (admin) => {
      const { code, out } = await runAt(admin);
      expect(code).toBe(0);
      expect(out).toContain(String.raw`\u009b2J\u007f\u202e`);
      expect(out).not.toMatch(UNSEEN);
    });
    await withServer({ status: 404, body: { detail: evil } }, async (admin) => {
      const { err } = await runAt(admin);
      expect(err).toContain(String.raw`x\u001b]0;y`);
      expect(err).not.toMatch(UNSEEN);
    });
  });

  it('shows the line of a list without what a terminal would obey', async () => {
    write('admin.token', 'sg_secret\n');
    const base = { name: 'a.example', type: 'A', client: '192.0.2.1', at: 'now', reason: '' };
    const decided = { row: 0, decision: 'block', blockingMode: null, edeCode: null };
    const none = { nextChange: null, categories: [], rows: [], verdictClass: 'policy' };
    const place = { list: 'a', version: null, since: null, line: 7 };
    const evidence = [{ ...place, text: 'a.example \u001b]0;x\u0007\u009b2J\u202e' }];
    const body = { ...base, ...decided, ...none, evidence };
    await withServer({ status: 200, body }, async (admin) => {
      const flags = ['--admin', admin, '--data-dir', folder];
      const { out } = await run('explain', 'a.example', ...flags);
      expect(out).toContain(String.raw`list a, line 7: a.example \u001b]0;x\u0007\u009b2J\u202e`);
    });
  });

  it('shows what each list is good for as a table, beside the lists themselves', async () => {
    write('admin.token', 'sg_secret\n');
    const shape = { category: 'adult', hits: 40 };
    const items = [
      { ...shape, list: 'a', names: 8, unique: 6, overlaps: [{ list: 'b', names: 2 }] },
      { ...shape, list: 'b', names: 0, unique: 0, overlaps: [] },
    ];
    await withServer({ status: 200, body: { items, askedNames: 7 } }, async (admin, seen) => {
      const flags = ['--admin', admin, '--data-dir', folder];
      const { code, out } = await run('list', 'usage', ...flags);
      expect(code).toBe(0);
      expect(out).toMatch(/^LIST +CATEGORY +NAMES +ONLY HERE +HITS +SHARES MOST WITH\n/);
      expect(out).toMatch(
        /a +adult +8 +6 \(75 %\) +40 +b 2 \(25 %\)\nb +adult +0 +0 \(0 %\) +40 +-\n/,
      );
      expect(out).toContain('by samples of 7 names');
      expect((await run('list', 'usage', '--json', ...flags)).out).toContain('"askedNames": 7');
      await run('list', 'usage-of-mine', ...flags);
      expect(seen.map(({ url }) => url)).toEqual([
        ...['/api/v1/lists/usage', '/api/v1/lists/usage', '/api/v1/lists/usage-of-mine'],
      ]);
    });
  });

  it('says where it looked for a token that is not there', async () => {
    await withServer({ status: 200, body: {} }, async (admin) => {
      const { code, err } = await run('plan', '--admin', admin, '--data-dir', folder);
      expect(code).toBe(1);
      expect(err).toMatch(/admin\.token.*--data-dir/);
    });
  });

  it('passes on what the API says, every fault of it', async () => {
    write('admin.token', 'sg_secret\n');
    const body = { code: 'X', detail: 'Checking: 2 faults', faults: ['a: 1', 'b: 2'] };
    await withServer({ status: 422, body }, async (admin) => {
      const { code, err } = await run('plan', '--admin', admin, '--data-dir', folder);
      expect(code).toBe(1);
      expect(err).toBe('stairgate: Checking: 2 faults\n  a: 1\n  b: 2');
    });
  });
});

it('a token file that holds no token is refused, and what it holds is not shown', async () => {
  const file = write('shadow', 'root:secret\nother:words\n');
  const { code, err } = await run('list', '--admin', await nobody(), '--admin-token-file', file);
  expect(code).toBe(1);
  expect(err).toContain(`Reading the token ${file}: `);
  expect(err).not.toContain('secret');
});

describe('the document of apply', () => {
  it('gets the contents of its files by their checksum', () => {
    write('adult.txt', 'bad.example.org\n');
    const list = '{ id: a, category: adult, path: ./adult.txt }';
    const loaded = loadPolicyDocument(write('doc.yaml', `lists:\n  - ${list}\n`));
    const sha256 = createHash('sha256').update('bad.example.org\n').digest('hex');
    expect(loaded.document).toEqual({
      lists: [{ origin: './adult.txt', id: 'a', category: 'adult', contentSha256: sha256 }],
    });
    expect([...loaded.contents.keys()]).toEqual([sha256]);
  });

  it('that names files which are not there says all of them', () => {
    const text = 'lists:\n  - { id: a, path: ./no.txt }\n  - { id: b, path: ./never.txt }\n';
    const path = write('doc.yaml', text);
    expect(() => loadPolicyDocument(path)).toThrow(
      expect.objectContaining({
        faults: [
          expect.stringMatching(/^lists\[0\]\.path: .*no\.txt/),
          expect.stringMatching(/^lists\[1\]\.path: .*never\.txt/),
        ],
      }),
    );
  });

  it('has no line feeds at the end of its texts, such as block scalars have', () => {
    const path = write('doc.yaml', 'lists:\n  - origin: |\n      Some list\n');
    expect(loadPolicyDocument(path).document).toEqual({ lists: [{ origin: 'Some list' }] });
  });

  it('of any other shape is left for the store to judge', () => {
    for (const [text, document] of [
      ['', {}],
      ['lists: 5\n', { lists: 5 }],
      ['- 1\n', [1]],
      ['lists: [1, { path: 2 }]\n', { lists: [1, { path: 2 }] }],
    ] as const) {
      expect(loadPolicyDocument(write('doc.yaml', text)).document).toEqual(document);
    }
    expect(() => loadPolicyDocument(write('doc.yaml', 'a: [\n'))).toThrow(/1 fault/);
  });

  it('with an alias that leads nowhere, or to very many values, or without end is refused by its name', () => {
    const levels = Array.from('bcde', (name, index) => {
      const alias = `*${'abcd'[index]}`;
      return `${name}: &${name} [${Array(10).fill(alias).join(', ')}]\n`;
    });
    const deep = `plans: ${'['.repeat(20_000)}`;
    for (const text of ['plans: *nobody\n', `a: &a [x]\n${levels.join('')}`, deep]) {
      const path = write('doc.yaml', text);
      expect(() => loadPolicyDocument(path)).toThrow(`Reading the document ${path}: 1 fault`);
    }
  });
});

describe('a response in words', () => {
  it('shows the code, the records and the reason of a block', () => {
    const packet = dnsPacket.encode({
      type: 'response',
      id: 1,
      questions: [{ type: 'A', name: 'www.example.org' }],
      answers: [
        { type: 'CNAME', name: 'www.example.org', ttl: 60, data: 'web.example.org' },
        { type: 'A', name: 'web.example.org', ttl: 30, data: '192.0.2.1' },
        { type: 'AAAA', name: 'web.example.org', ttl: 30, data: '2001:db8::1' },
      ],
      additionals: [
        {
          type: 'OPT',
          name: '.',
          udpPayloadSize: 1232,
          extendedRcode: 0,
          ednsVersion: 0,
          flags: 0,
          flag_do: false,
          options: [{ code: 15, data: Buffer.from('\0\x11Filtered\u001b[2J', 'utf8') }],
        },
      ],
    });
    expect(describeResponse(packet).split('\n')).toEqual([
      `NOERROR, ${packet.length} octets`,
      'www.example.org  60  CNAME  web.example.org',
      'web.example.org  30  A  192.0.2.1',
      'web.example.org  30  AAAA  2001:db8::1',
      'EDE 17: Filtered\u001b[2J',
    ]);
  });

  it('ends where the response is cut, at every octet', () => {
    const packet = dnsPacket.encode({
      type: 'response',
      id: 1,
      questions: [{ type: 'A', name: 'www.example.org' }],
      answers: [{ type: 'A', name: 'www.example.org', ttl: 30, data: '192.0.2.1' }],
    });
    for (let length = 12; length < packet.length; length++) {
      const text = describeResponse(packet.subarray(0, length));
      expect(text, `${length} octets`).toBe(`NOERROR, ${length} octets`);
    }
  });
});

describe('a table', () => {
  it('has columns as wide as their widest cell and no blanks at the end', () => {
    expect(formatTable(['A', 'LONG'], [['wide one', '1'], ['x']])).toBe(
      'A         LONG\nwide one  1\nx',
    );
  });
});
