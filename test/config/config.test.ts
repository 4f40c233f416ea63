import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import {
  findRestartKeys,
  loadClientConfig,
  loadConfig,
  type ConfigFlags,
} from '../../src/config/config.ts';
import { CONFIG_DEFAULTS } from '../../src/config/defaults.ts';
import type { AppError } from '../../src/lib/errors.ts';

const DEFAULT_YAML = join(import.meta.dirname, '../../config/default.yaml');

let folder = '';
let resolvConfPath = '';

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'stairgate-config-'));
  resolvConfPath = join(folder, 'resolv.conf');
  writeFileSync(resolvConfPath, 'search example.org\nnameserver 192.0.2.53\n');
});

afterEach(() => {
  rmSync(folder, { recursive: true });
});

function write(text: string): string {
  const path = join(folder, 'stairgate.yaml');
  writeFileSync(path, text);
  return path;
}

function load(text: string | null, flags: ConfigFlags = {}) {
  return loadConfig({ path: text === null ? null : write(text), flags, resolvConfPath });
}

function faultsOf(work: () => unknown): readonly string[] {
  try {
    work();
  } catch (error) {
    return (error as AppError).faults;
  }
  throw new Error('expected faults');
}

describe('defaults', () => {
  it('config/default.yaml says exactly what is built in', () => {
    expect(parse(readFileSync(DEFAULT_YAML, 'utf8'))).toEqual(CONFIG_DEFAULTS);
  });

  it('every key of config/default.yaml has a comment above it', () => {
    const lines = readFileSync(DEFAULT_YAML, 'utf8').split('\n');
    const bare = lines.filter(
      (line, index) => /^\s*[a-zA-Z]+:/.test(line) && !lines[index - 1]!.trim().startsWith('#'),
    );
    expect(bare).toEqual([]);
  });

  it('without a file the defaults hold and nothing can be changed', () => {
    const config = load(null);
    expect(config.listen).toEqual([
      { address: '127.0.0.1', port: 5300 },
      { address: '::1', port: 5300 },
    ]);
    expect(config.admin.listen).toEqual({ address: '127.0.0.1', port: 8053 });
    expect(config.workers).toBeGreaterThan(0);
    expect(Object.isFrozen(config.cache)).toBe(true);
  });

  it('an empty file is the defaults', () => {
    expect(load('# nothing\n')).toEqual(load(null));
  });
});

describe('order of sources', () => {
  it('flags go before the file and the file before the defaults', () => {
    const config = load('dataDir: /from/file\nworkers: 3\ncache: { bytesMax: 2000000 }\n', {
      dataDir: '/from/flag',
    });
    expect(config.dataDir).toBe('/from/flag');
    expect(config.workers).toBe(3);
    expect(config.cache.bytesMax).toBe(2_000_000);
    expect(config.cache.staleSecondsMax).toBe(86_400);
  });

  it('a list of a later source replaces the earlier list as a whole', () => {
    const config = load('listen: [192.0.2.1:53]\n', { listen: ['[2001:db8::1]:5353'] });
    expect(config.listen).toEqual([{ address: '2001:db8::1', port: 5353 }]);
  });
});

describe('upstreams', () => {
  it('default to the nameservers of resolv.conf', () => {
    expect(load(null).upstreams).toEqual([{ address: '192.0.2.53', port: 53 }]);
  });

  it('never are our own listeners, also where these are wildcards', () => {
    writeFileSync(
      resolvConfPath,
      'nameserver 127.0.0.1\nnameserver 127.0.0.53\nnameserver 192.0.2.9\n',
    );
    const upstreams = (listen: string[]) =>
      load(null, { listen }).upstreams.map(({ address }) => address);
    expect(upstreams(['127.0.0.1:53'])).toEqual(['127.0.0.53', '192.0.2.9']);
    expect(upstreams(['0.0.0.0:53'])).toEqual(['192.0.2.9']);
    expect(upstreams(['127.0.0.1:5300'])).toEqual(['127.0.0.1', '127.0.0.53', '192.0.2.9']);
  });

  it('leave out lines with a zone index, comments and nonsense', () => {
    writeFileSync(
      resolvConfPath,
      '#nameserver 192.0.2.1\nnameserver fe80::1%eth0\nnameserver x\nnameserver 2001:db8::53 # home\n',
    );
    expect(load(null).upstreams).toEqual([{ address: '2001:db8::53', port: 53 }]);
  });

  it('that are missing altogether are an error that names the flag', () => {
    writeFileSync(resolvConfPath, '');
    expect(() => load(null)).toThrow(/--upstream/);
    rmSync(resolvConfPath);
    expect(() => load(null)).toThrow(/--upstream/);
  });

  it('written by hand must not be a listener of ours, in a zone neither', () => {
    const text =
      'listen: [127.0.0.1:5300]\nupstreams: [127.0.0.1:5300]\nzones: [{ name: lan, upstreams: [127.0.0.1:5300] }]\n';
    expect(faultsOf(() => load(text))).toHaveLength(2);
  });

  it.each([
    ['0.0.0.0:5300', '127.0.0.1:5300'],
    ['"[::]:5300"', '"[::1]:5300"'],
  ])('%s is this machine, so it must not lead to the listener %s', (upstream, listener) => {
    const text = `listen: [${listener}]\nupstreams: [${upstream}]\n`;
    expect(faultsOf(() => load(text))).toHaveLength(1);
  });

  it('with an alias that leads nowhere are refused by the name of the file', () => {
    expect(() => load('upstreams: *nobody\n')).toThrow('Checking the configuration of ');
  });

  it('take port 53 unless one is written', () => {
    const config = load('upstreams: [192.0.2.1, "2001:db8::1", "[2001:db8::2]:5353"]\n');
    expect(config.upstreams).toEqual([
      { address: '192.0.2.1', port: 53 },
      { address: '2001:db8::1', port: 53 },
      { address: '2001:db8::2', port: 5353 },
    ]);
  });
});

describe('faults', () => {
  it('are all reported at once, each with its place, its value and what would be valid', () => {
    const faults = faultsOf(() =>
      load(
        [
          'listen: ["localhost:53", "192.0.2.1"]',
          'workers: many',
          'cache: { bytesMax: 1, staleSeconds: 5 }',
          'access: { prefixes: [192.0.2.1/24], burst: 0, forwarders: [::1/129] }',
          'zones: [{ name: "a..b", upstreams: [] }]',
          'records: [{ name: printer.lan, type: A, value: "2001:db8::1" }]',
          'tcp:',
          'log: { level: loud }',
          'colour: red',
        ].join('\n'),
      ),
    );
    for (const part of [
      /^listen\[0\]: "localhost:53"; valid: an address and a port/,
      /^listen\[1\]: "192.0.2.1"; valid: an address and a port/,
      /^workers: "many"; valid: auto or a whole number/,
      /^cache\.bytesMax: 1; valid: a whole number from 1048576/,
      /^cache\.staleSeconds: no such key; valid: bytesMax, staleSecondsMax/,
      /^access\.prefixes\[0\]: "192.0.2.1\/24"; valid: a prefix/,
      /^access\.forwarders\[0\]: "::1\/129"; valid: a prefix/,
      /^access\.burst: 0; valid: a whole number from 1/,
      /^zones\[0\]\.name: "a\.\.b"; valid: a domain name/,
      /^zones\[0\]\.upstreams: \[\]; valid: 1 to 16 upstreams/,
      /^records\[0\]: .*valid: a record with the keys/,
      /^tcp: null; valid: a section with the keys connectionsMax/,
      /^log\.level: "loud"; valid: fatal, error/,
      /^colour: no such key; valid: listen, upstreams/,
    ]) {
      expect(
        faults.filter((fault) => part.test(fault)),
        part.source,
      ).toHaveLength(1);
    }
    expect(faults).toHaveLength(14);
  });

  it('are limits of the desk under which no appeal could ever be made', () => {
    expect(faultsOf(() => load('desk: { perAddressPerMinute: 12, perMinute: 12 }'))).toEqual([
      'desk.perAddressPerMinute: 12; valid: a whole number from 13 to 100000',
      'desk.perMinute: 12; valid: a whole number from 13 to 100000',
    ]);
  });

  it('of YAML itself name the line', () => {
    expect(faultsOf(() => load('listen: [\n'))[0]).toMatch(/ at line 2, column 1$/);
    expect(faultsOf(() => load('workers: 1\nworkers: 2\n'))[0]).toMatch(/unique/);
  });

  it('lists and mappings that are nested without end are refused, in whatever way', () => {
    const deep = [
      `records: ${'['.repeat(20_000)}`,
      `records: ${'['.repeat(40)}${']'.repeat(40)}`,
      `${'- '.repeat(3000)}x\n`,
      Array.from({ length: 40 }, (_, level) => `${' '.repeat(level)}a:`).join('\n'),
      `a: &a ${'['.repeat(20)}${']'.repeat(20)}\nb: ${'['.repeat(20)}*a${']'.repeat(20)}\n`,
    ];
    for (const text of deep) {
      expect(faultsOf(() => load(text))).toEqual([expect.stringMatching(/valid: up to 32 levels/)]);
    }
  });

  it('several documents in one file are refused in our own words', () => {
    expect(faultsOf(() => load('workers: 1\n---\nworkers: 2\n'))).toEqual([
      'the file holds several documents, parted by "---"; valid: one',
    ]);
    expect(load('---\nworkers: 1\n').workers).toBe(1);
  });

  it('a number that is none is quoted as such', () => {
    expect(faultsOf(() => load('pendingMax: .nan\nstopDeadlineMs: .inf\n'))).toEqual([
      'pendingMax: NaN; valid: a whole number from 16 to 65535',
      'stopDeadlineMs: Infinity; valid: a whole number from 100 to 60000',
    ]);
  });

  it('of flags are reported like those of the file', () => {
    expect(faultsOf(() => load(null, { workers: 'x', listen: ['y'] }))).toHaveLength(2);
  });

  it('twice the same address or zone is a fault', () => {
    const text =
      'listen: [127.0.0.1:5, 127.0.0.1:5]\nzones: [{ name: lan, upstreams: [192.0.2.1] }, { name: LAN., upstreams: [192.0.2.2] }]\n';
    expect(faultsOf(() => load(text))).toHaveLength(2);
  });

  it.each(['224.0.0.1:53', '239.1.2.3:53', '255.255.255.255:53', '"[ff02::1]:53"'])(
    'nobody can listen on %s',
    (endpoint) => {
      const text = `listen: [${endpoint}]\nadmin: { listen: ${endpoint} }\n`;
      expect(faultsOf(() => load(text))).toHaveLength(2);
    },
  );

  it('a CNAME beside other records of its name names both places', () => {
    const faults = faultsOf(() =>
      load(
        `records:
  - { name: host.lan, type: A, value: 192.0.2.1 }
  - { name: alias.lan, type: CNAME, value: host.lan }
  - { name: HOST.lan., type: CNAME, value: other.lan }
  - { name: \\097lias.lan, type: TXT, value: x }
  - { name: alias.lan, type: CNAME, value: other.lan }
`,
      ),
    );
    const valid = 'valid: a CNAME with nothing else at its name (RFC 1034, section 3.6.2)';
    expect(faults).toEqual([
      `records[2]: host.lan has CNAME here and A in records[0]; ${valid}`,
      `records[3]: \\097lias.lan has TXT here and CNAME in records[1]; ${valid}`,
      `records[4]: alias.lan has CNAME here and CNAME in records[1]; ${valid}`,
    ]);
  });

  it('CNAMEs in a circle are named in their order, each circle once', () => {
    const faults = faultsOf(() =>
      load(
        `records:
  - { name: into.lan, type: CNAME, value: a.lan }
  - { name: a.lan, type: CNAME, value: B.lan. }
  - { name: b.lan, type: CNAME, value: c.lan }
  - { name: c.lan, type: CNAME, value: a.lan }
  - { name: self.lan, type: CNAME, value: self.lan }
  - { name: fine.lan, type: CNAME, value: www.example.org }
  - { name: also.lan, type: CNAME, value: fine.lan }
`,
      ),
    );
    expect(faults).toEqual([
      expect.stringMatching(
        /^records\[1\]: the CNAME of a\.lan leads back to itself \(records\[1\] → records\[2\] → records\[3\] → records\[1\]\); valid: /,
      ),
      expect.stringMatching(/^records\[4\]: .* \(records\[4\] → records\[4\]\); valid: /),
    ]);
  });

  it('a file that is no mapping, or not there, is refused', () => {
    expect(faultsOf(() => load('- 1\n'))).toHaveLength(1);
    expect(() => loadConfig({ path: join(folder, 'absent.yaml'), flags: {} })).toThrow(/absent/);
  });

  it('a key like __proto__ is a fault and changes nothing', () => {
    expect(faultsOf(() => load('__proto__: { polluted: true }\n'))).toHaveLength(1);
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });
});

describe('records and zones', () => {
  it('get lower-case names without the last dot, and a default TTL', () => {
    const config = load('records: [{ name: Printer.LAN., type: A, value: 192.0.2.7 }]\n');
    expect(config.records).toEqual([
      { name: 'printer.lan', type: 'A', value: '192.0.2.7', ttlSeconds: 300 },
    ]);
  });
});

describe('reload', () => {
  it('knows which changes wait for a restart', () => {
    const before = load(null);
    const after = load('workers: 7\naccess: { burst: 5 }\ncache: { bytesMax: 2000000 }\n');
    expect(findRestartKeys(before, after)).toEqual(['workers', 'cache']);
    expect(findRestartKeys(before, before)).toEqual([]);
    expect(findRestartKeys(before, load('queryLog: { retentionDays: 3 }\n'))).toEqual(['queryLog']);
  });
});

describe('the configuration of a client', () => {
  it('needs no upstream', () => {
    writeFileSync(resolvConfPath, '');
    const config = loadClientConfig({
      path: null,
      flags: { admin: { listen: '127.0.0.1:9' } },
      resolvConfPath,
    });
    expect(config.admin.listen.port).toBe(9);
    expect(config.dataDir).toBe('./data');
  });
});
