import { beforeEach, describe, expect, test } from 'vitest';
import type { Soa } from '../../src/dns/canonical-rdata.ts';
import { AppError } from '../../src/lib/errors.ts';
import { formatEndpoint } from '../../src/lib/endpoint.ts';
import type { BaseCopy, TransferDone } from '../../src/lists/transfer/run-transfer.ts';
import type { LookTools } from '../../src/supervisor/zone-look.ts';
import type { ListState } from '../../src/store/list-states.ts';
import type { ZoneSource } from '../../src/supervisor/transferred-zone.ts';
import { ZoneTransfers } from '../../src/supervisor/zone-transfers.ts';

const START = 1_700_000_000;
const SOURCE: Omit<ZoneSource, 'state'> = {
  list: 'rpz',
  zone: 'rpz.example',
  primaries: ['192.0.2.1:53', '192.0.2.2:53'],
  tsigKey: null,
};
const KEY = { name: 'xfer', algorithm: 'hmac-sha256', secret: new Uint8Array(32) } as const;

function soaOf(serial: number): Soa {
  const timers = { refreshSeconds: 3600, retrySeconds: 600, expireSeconds: 86_400 };
  return { serial, ...timers, minimumSeconds: 60 };
}

/** Two primaries, a store and a clock, all in memory. */
class World {
  nowSeconds = 0;
  sources: readonly Omit<ZoneSource, 'state'>[] = [SOURCE];
  states = new Map<string, ListState>();
  contents = new Set<string>();
  proposals: string[] = [];
  verdict: 'in-force' | 'held' | 'refused' | 'unchanged' = 'in-force';
  published = 0;
  /** By primary; a text is what is wrong with it. */
  serials: Record<string, number | string> = { '192.0.2.1:53': 9, '192.0.2.2:53': 9 };
  asked: string[] = [];
  said: string[] = [];
  proposeFault: string | null = null;
  onPropose: () => void = () => undefined;
  /** What a transfer waits for. */
  gate: Promise<void> = Promise.resolve();
  sourceReads = 0;
  transferSeconds = 0;
  transferFault: string | null = null;
  /** Milliseconds that each transfer was given. */
  limits: number[] = [];
  readonly transfers: ZoneTransfers;

  constructor() {
    const tools: LookTools = {
      askSoa: ({ key }, endpoint) => {
        const primary = formatEndpoint(endpoint);
        this.asked.push(`soa ${primary}${key === null ? '' : ` ${key.name}`}`);
        const serial = this.serials[primary] ?? 'it is not there';
        return typeof serial === 'number'
          ? Promise.resolve(soaOf(serial))
          : Promise.reject(new Error(serial));
      },
      transfer: async (_zone, endpoint, base, totalMs) => {
        await this.gate;
        this.limits.push(totalMs);
        this.nowSeconds += this.transferSeconds;
        if (this.transferFault !== null) {
          this.asked.push(`ixfr ${base?.serial ?? 0} ${formatEndpoint(endpoint)}`);
          throw new Error(this.transferFault);
        }
        return this.#transfer(formatEndpoint(endpoint), base);
      },
      nowSeconds: () => START + this.nowSeconds,
    };
    const say =
      (level: string) =>
      (_details: object, message: string): void => {
        this.said.push(`${level}: ${message}`);
      };
    this.transfers = new ZoneTransfers({
      lists: {
        sources: () => {
          this.sourceReads++;
          return Promise.resolve(
            this.sources.map((source) => ({
              ...source,
              state: this.states.get(source.list) ?? { failures: 0, lastError: null },
            })),
          );
        },
        writeState: (list, state) => {
          this.states.set(list, state);
          return Promise.resolve();
        },
        hasContent: (sha256) => this.contents.has(sha256),
        propose: (actor, source, contentSha256, from) => {
          if (this.proposeFault !== null) return Promise.reject(new Error(this.proposeFault));
          this.onPropose();
          const { list } = source;
          const isStill = this.sources.some(({ zone }) => zone === source.zone);
          if (!isStill) return Promise.reject(new AppError('RESOURCE_UNKNOWN', 'from elsewhere'));
          this.proposals.push(`${actor}: ${list} ${contentSha256}: ${from}`);
          const isGood = this.verdict === 'in-force' || this.verdict === 'unchanged';
          return Promise.resolve({
            outcome: this.verdict,
            version: this.verdict === 'refused' ? null : this.proposals.length,
            report: null,
            reasons: isGood ? [] : ['it is empty'],
            popular: [],
          });
        },
      },
      publish: () => Promise.resolve(this.published++),
      keys: () => [KEY],
      tools,
      clock: {
        monotonicMs: () => this.nowSeconds * 1000,
        wallMs: () => (START + this.nowSeconds) * 1000,
      },
      log: { info: say('info'), warn: say('warn'), error: say('error') },
      random: () => 0,
    });
  }

  #transfer(primary: string, base: BaseCopy | null): TransferDone {
    this.asked.push(`${base === null ? 'axfr' : `ixfr ${base.serial}`} ${primary}`);
    const serial = Number(this.serials[primary]);
    if (base !== null && serial < base.serial) {
      return { ...this.#done(serial), outcome: 'unchanged', contentSha256: base.contentSha256 };
    }
    const done = this.#done(serial);
    this.contents.add(done.contentSha256);
    return { ...done, outcome: base === null ? 'whole' : 'differences' };
  }

  #done(serial: number): TransferDone {
    const contentSha256 = `content-${serial}`;
    return {
      outcome: 'whole',
      soa: soaOf(serial),
      contentSha256,
      recordCount: 1,
      wholeBecause: null,
    };
  }

  /** Lets time pass, and what is due then happen. */
  async pass(seconds: number): Promise<string[]> {
    this.asked = [];
    this.nowSeconds += seconds;
    await this.transfers.follow();
    this.transfers.tick();
    await settled();
    return this.asked;
  }

  sample(name: string): number | undefined {
    return this.transfers.samples().find((one) => one.name === `stairgate_zone_${name}`)?.value;
  }

  get state(): ListState | undefined {
    return this.states.get('rpz');
  }
}

/** Until all that is under way in memory has happened. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await Promise.resolve();
}

describe('a zone', () => {
  let world: World;

  beforeEach(() => {
    world = new World();
  });

  test('without a copy is taken whole and proposed, and its state is kept', async () => {
    expect(await world.pass(0)).toEqual(['soa 192.0.2.1:53', 'axfr 192.0.2.1:53']);
    expect(world.proposals).toEqual([
      'zone transfers: rpz content-9: zone rpz.example, serial 9, from 192.0.2.1:53',
    ]);
    expect(world.published).toBe(1);
    expect(world.state).toEqual({
      zone: {
        zone: 'rpz.example',
        contentSha256: 'content-9',
        serial: 9,
        refreshSeconds: 3600,
        retrySeconds: 600,
        expireSeconds: 86_400,
        reachedAt: START,
      },
      checkedAt: START,
      nextAt: START + 3600,
      failures: 0,
      lastError: null,
    });
  });

  test('is asked for its SOA when its refresh has passed, and no more while nothing is new', async () => {
    await world.pass(0);
    expect(await world.pass(3599)).toEqual([]);
    expect(await world.pass(1)).toEqual(['soa 192.0.2.1:53']);
    expect(world.proposals).toHaveLength(1);
    expect(world.state?.zone?.reachedAt).toBe(START + 3600);
  });

  test('whose serial has risen is taken by its differences', async () => {
    await world.pass(0);
    world.serials = { '192.0.2.1:53': 10 };
    expect(await world.pass(3600)).toEqual(['soa 192.0.2.1:53', 'ixfr 9 192.0.2.1:53']);
    expect(world.proposals.at(-1)).toMatch(/rpz content-10: .*serial 10/);
    const { value } =
      world.transfers.samples().find(({ labels }) => labels['outcome'] === 'differences') ?? {};
    expect(value).toBe(1);
  });

  test('whose copy is gone from the disk is taken whole', async () => {
    await world.pass(0);
    world.contents.clear();
    expect(await world.pass(3600)).toEqual(['soa 192.0.2.1:53', 'axfr 192.0.2.1:53']);
  });

  test('is had from the next primary where one is not there or has gone back', async () => {
    await world.pass(0);
    world.serials = { '192.0.2.1:53': 'it does not answer', '192.0.2.2:53': 10 };
    expect(await world.pass(3600)).toEqual([
      'soa 192.0.2.1:53',
      'soa 192.0.2.2:53',
      'ixfr 9 192.0.2.2:53',
    ]);
    world.serials = { '192.0.2.1:53': 3, '192.0.2.2:53': 11 };
    await world.pass(3600);
    expect(world.proposals.at(-1)).toContain('serial 11, from 192.0.2.2:53');
  });

  test('that no primary has is retried later and later, keeps its copy, and recovers', async () => {
    await world.pass(0);
    const before = world.state?.zone;
    world.serials = { '192.0.2.1:53': 'it does not answer', '192.0.2.2:53': 3 };
    // One that has gone back is not transferred first.
    expect(await world.pass(3600)).toEqual(['soa 192.0.2.1:53', 'soa 192.0.2.2:53']);
    expect(world.state).toMatchObject({ failures: 1, zone: before, nextAt: START + 4200 });
    expect(world.state?.lastError).toMatch(
      /^Transferring the zone rpz.example: 192.0.2.1:53: it does not answer · 192.0.2.2:53: it has gone back to serial 3 from ours, 9/,
    );
    expect(await world.pass(600)).not.toEqual([]);
    expect(await world.pass(1199)).toEqual([]);
    expect(await world.pass(1)).not.toEqual([]);
    expect(world.sample('failures')).toBe(3);
    world.serials = { '192.0.2.1:53': 9 };
    await world.pass(2400);
    expect(world.state).toMatchObject({ failures: 0, lastError: null });
    expect(world.proposals).toHaveLength(1);
  });

  test('has half an hour for a look, of which each primary leaves some to the next', async () => {
    await world.pass(0);
    world.serials = { '192.0.2.1:53': 10, '192.0.2.2:53': 10 };
    world.transferSeconds = 900;
    world.transferFault = 'it was not done';
    await world.pass(3600);
    expect(world.limits).toEqual([900_000, 900_000, 900_000]);
    world.transferSeconds = 1800;
    await world.pass(600);
    expect(world.asked).toEqual(['soa 192.0.2.1:53', 'ixfr 9 192.0.2.1:53']);
    expect(world.state?.lastError).toMatch(/192.0.2.2:53: the others took all the time$/);
  });

  test('that is not confirmed for its expire is told of once, and stays in force', async () => {
    await world.pass(0);
    world.serials = {};
    await world.pass(86_400);
    expect(world.sample('expired')).toBe(0);
    await world.pass(1);
    await world.pass(1);
    expect(world.sample('expired')).toBe(1);
    expect(world.said.filter((line) => line.startsWith('error'))).toEqual([
      'error: zone rpz.example has expired: no primary has confirmed it since 2023-11-14T22:13:20.000Z; its last copy stays in force',
    ]);
    expect(world.contents).toContain('content-9');
    expect(world.proposals).toHaveLength(1);
    world.serials = { '192.0.2.1:53': 9 };
    await world.pass(86_400);
    expect(world.sample('expired')).toBe(0);
  });

  test('whose list came from an address remembers nothing of that but when it was good', async () => {
    world.states.set('rpz', {
      ...{ url: 'https://lists.example.org/ads.txt', etag: '"v1"', lastModified: 'yesterday' },
      ...{ checkedAt: START - 60, nextAt: START + 86_400, failures: 5, lastError: 'HTTP 404' },
    });
    world.serials = {};
    await world.pass(0);
    const { state } = world;
    expect(state).toMatchObject({ checkedAt: START - 60, failures: 1 });
    expect(state).not.toHaveProperty('url');
    expect(state).not.toHaveProperty('etag');
    expect(state).not.toHaveProperty('lastModified');
    world.serials = { '192.0.2.1:53': 9 };
    await world.pass(86_400);
    expect(world.state).toMatchObject({ failures: 0, zone: { serial: 9 } });
    expect(world.state).not.toHaveProperty('url');
  });

  test('of which a version is refused says so until the next one; what is held waits elsewhere', async () => {
    world.verdict = 'refused';
    await world.pass(0);
    expect(world.state).toMatchObject({
      failures: 0,
      lastError: 'it is empty',
      zone: { serial: 9 },
    });
    expect(await world.pass(3600)).toEqual(['soa 192.0.2.1:53']);
    expect(world.state?.lastError).toBe('it is empty');
    world.verdict = 'held';
    world.serials = { '192.0.2.1:53': 10 };
    await world.pass(3600);
    expect(world.state?.lastError).toBeNull();
    expect(world.said.at(-1)).toBe('warn: zone rpz.example, serial 10, is held: it is empty');
    expect(world.published).toBe(0);
    expect((await world.transfers.state('rpz')).last).toMatchObject({
      outcome: 'held',
      version: 2,
      reasons: ['it is empty'],
    });
  });

  test('whose proposal fails is taken again from the copy before', async () => {
    await world.pass(0);
    world.serials = { '192.0.2.1:53': 10 };
    world.proposeFault = 'the disk is full';
    await world.pass(3600);
    expect(world.state).toMatchObject({ failures: 1, zone: { serial: 9 } });
    world.proposeFault = null;
    expect(await world.pass(600)).toEqual(['soa 192.0.2.1:53', 'ixfr 9 192.0.2.1:53']);
  });

  test('is asked for with its key, and not without where the configuration has none', async () => {
    world.sources = [{ ...SOURCE, tsigKey: 'XFER' }];
    expect(await world.pass(0)).toContain('soa 192.0.2.1:53 xfer');
    world.sources = [{ ...SOURCE, tsigKey: 'other' }];
    expect(await world.pass(0)).toEqual([]);
    expect(world.state?.lastError).toContain('no TSIG key "other"');
  });
});

describe('a NOTIFY', () => {
  test('has the zone looked at at once, but not before a few seconds after the last look', async () => {
    const world = new World();
    await world.pass(0);
    world.serials = { '192.0.2.1:53': 10 };
    await world.pass(100);
    world.transfers.notify(['rpz', 'unknown']);
    await settled();
    expect(world.proposals.at(-1)).toContain('serial 10');
    world.serials = { '192.0.2.1:53': 11 };
    for (let again = 0; again < 10; again++) world.transfers.notify(['rpz']);
    expect(await world.pass(4)).toEqual([]);
    expect(await world.pass(1)).toEqual(['soa 192.0.2.1:53', 'ixfr 10 192.0.2.1:53']);
    expect(await world.pass(60)).toEqual([]);
  });

  test('does not shorten the pause after a look that took long', async () => {
    const world = new World();
    let open: () => void = () => undefined;
    world.gate = new Promise((resolve) => {
      open = resolve;
    });
    await world.pass(0);
    await world.pass(100);
    open();
    await settled();
    world.serials = { '192.0.2.1:53': 10 };
    world.transfers.notify(['rpz']);
    expect(await world.pass(99)).toEqual([]);
    expect(await world.pass(1)).not.toEqual([]);
  });

  test('has a zone whose primary was away looked at before its retry', async () => {
    const world = new World();
    await world.pass(0);
    world.serials = {};
    await world.pass(3600);
    expect(await world.pass(600)).not.toEqual([]);
    world.transfers.notify(['rpz']);
    expect(await world.pass(4)).toEqual([]);
    expect(await world.pass(1)).not.toEqual([]);
  });

  test('is held against the zones of the document', async () => {
    const world = new World();
    world.sources = [{ ...SOURCE, tsigKey: 'xfer' }];
    await world.pass(0);
    expect(world.transfers.notifiedZones()).toMatchObject([
      { list: 'rpz', addresses: ['192.0.2.1', '192.0.2.2'], key: KEY },
    ]);
    expect(world.transfers.isPrimary('192.0.2.2')).toBe(true);
    expect(world.transfers.isPrimary('192.0.2.3')).toBe(false);
    world.sources = [];
    await world.transfers.follow();
    expect(world.transfers.isPrimary('192.0.2.2')).toBe(false);
  });
});

describe('the document', () => {
  test('says which lists are zones: what is new is looked at soon, what is gone no more', async () => {
    const world = new World();
    world.sources = [];
    expect(await world.pass(10)).toEqual([]);
    world.sources = [SOURCE];
    expect(await world.pass(0)).not.toEqual([]);
    world.sources = [];
    expect(await world.pass(3600)).toEqual([]);
    expect(world.transfers.notifiedZones()).toEqual([]);
  });

  test('may make a list another zone: the copy of the first is no copy of it', async () => {
    const world = new World();
    await world.pass(0);
    world.sources = [{ ...SOURCE, zone: 'other.example' }];
    expect(await world.pass(0)).toEqual(['soa 192.0.2.1:53', 'axfr 192.0.2.1:53']);
    expect(world.state?.zone?.zone).toBe('other.example');
  });

  test('may do so during a look, of which nothing is left then', async () => {
    const world = new World();
    world.onPropose = () => {
      world.sources = [{ ...SOURCE, zone: 'other.example' }];
      world.onPropose = () => undefined;
    };
    await world.pass(0);
    expect([world.proposals, world.state]).toEqual([[], undefined]);
    expect(world.said.filter((line) => !line.startsWith('info'))).toEqual([]);
    expect(world.sample('failures')).toBe(0);
    await world.pass(5);
    expect(world.proposals).toHaveLength(1);
    expect(world.state?.zone?.zone).toBe('other.example');
  });

  test('may change a zone that somebody waits for: that run counts as ended', async () => {
    const world = new World();
    await world.pass(0);
    let open: () => void = () => undefined;
    world.gate = new Promise((resolve) => {
      open = resolve;
    });
    const { run } = await world.transfers.update('rpz', 'anna');
    await settled();
    world.sources = [{ ...SOURCE, primaries: ['192.0.2.2:53'] }];
    await world.transfers.follow();
    open();
    await settled();
    expect((await world.transfers.state('rpz')).run).toBe(run);
    await world.pass(0);
    expect((await world.transfers.state('rpz')).run).toBe(run + 1);
  });

  test('is read once for all who ask at the same time', async () => {
    const world = new World();
    await Promise.all([world.transfers.follow(), world.transfers.follow()]);
    expect(world.sourceReads).toBe(1);
    // One that asks afterwards may have written it meanwhile.
    await world.transfers.follow();
    expect(world.sourceReads).toBe(2);
  });

  test('starts from the state that was kept: a zone that is as before is not taken', async () => {
    const first = new World();
    await first.pass(0);
    const second = new World();
    second.states = first.states;
    second.contents = first.contents;
    expect(await second.pass(0)).toEqual(['soa 192.0.2.1:53']);
    expect(second.proposals).toEqual([]);
  });
});

describe('an update by hand', () => {
  test('takes the zone whole, even where the primary has gone back', async () => {
    const world = new World();
    await world.pass(0);
    world.serials = { '192.0.2.1:53': 3 };
    world.asked = [];
    const before = await world.transfers.update('rpz', 'anna');
    expect(before).toMatchObject({ run: 2, phase: 'fetching' });
    await settled();
    expect(world.asked).toEqual(['soa 192.0.2.1:53', 'axfr 192.0.2.1:53']);
    expect(world.state?.zone?.serial).toBe(3);
    expect(world.proposals.at(-1)).toMatch(/^anna: rpz content-3/);
    expect(await world.transfers.state('rpz')).toMatchObject({
      run: 2,
      phase: 'idle',
      source: 'zone rpz.example of 192.0.2.1:53, 192.0.2.2:53',
      nextAt: '2023-11-14T23:13:20.000Z',
      last: { outcome: 'in-force', version: 2 },
    });
    expect(await world.pass(3600)).toEqual(['soa 192.0.2.1:53']);
  });

  test('tells what was wrong, and is none for other lists', async () => {
    const world = new World();
    await expect(world.transfers.update('none', 'anna')).rejects.toMatchObject({
      code: 'LIST_WITHOUT_SOURCE',
    });
    expect(await world.transfers.has('none')).toBe(false);
    expect(await world.transfers.has('rpz')).toBe(true);
    world.serials = {};
    await world.transfers.update('rpz', 'anna');
    await settled();
    const { last, failures } = await world.transfers.state('rpz');
    expect(failures).toBe(1);
    expect(last?.reasons[0]).toContain('it is not there');
  });
});

test('after the stop nothing begins', async () => {
  const world = new World();
  await world.transfers.follow();
  await world.transfers.stop();
  world.transfers.notify(['rpz']);
  expect(await world.pass(10_000)).toEqual([]);
});
