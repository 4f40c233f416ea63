import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../../src/lib/clock.ts';
import type { ConversationLimits } from '../../../src/lists/transfer/converse.ts';
import { askSoa } from '../../../src/lists/transfer/primary.ts';
import { runTransfer, type TransferJob } from '../../../src/lists/transfer/run-transfer.ts';
import { TransferError } from '../../../src/lists/transfer/transfer-error.ts';
import type { TsigKey } from '../../../src/lists/transfer/tsig.ts';
import {
  type PrimaryScript,
  questionType,
  ScriptedPrimary,
} from '../../support/scripted-primary.ts';
import {
  cname,
  framed,
  macOf,
  soa,
  type TestRecord,
  TestSigner,
  wire,
  zoneMessage,
} from '../../support/zone-messages.ts';
import { AXFR, differences, IXFR, ZONE } from './helpers.ts';

const LIMITS: ConversationLimits & { recordsMax: number } = {
  connectMs: 2_000,
  silenceMs: 15_000,
  totalMs: 15_000,
  bytesMax: 1_000_000,
  recordsMax: 10_000,
};
const KEY: TsigKey = {
  name: 'xfer',
  algorithm: 'hmac-sha256',
  secret: Buffer.from('an example secret of 32 octets !'),
};
const OLD = '$ORIGIN rpz.example.\n$TTL 300\na.example CNAME .\nb.example CNAME .\n';
const NEW = '$ORIGIN rpz.example.\n$TTL 300\nb.example CNAME .\nc.example CNAME .\n';
const STEP = differences(
  [{ serial: 9, removed: [cname('a.example')], added: [cname('c.example')] }],
  7,
);
const WHOLE = [soa(9), cname('c.example'), cname('b.example'), soa(9)];

let dataDir = '';

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'stairgate-transfer-'));
  mkdirSync(join(dataDir, 'lists'));
});

afterEach(() => {
  rmSync(dataDir, { recursive: true });
});

function keep(text: string): string {
  const sha256 = createHash('sha256').update(text).digest('hex');
  writeFileSync(join(dataDir, 'lists', sha256), text);
  return sha256;
}

function reply(query: Buffer, records: readonly TestRecord[], flags = 0x8400): Buffer {
  const id = query.readUInt16BE(0);
  return zoneMessage({ id, zone: ZONE, type: questionType(query), records, flags });
}

/** Answers every question as a good primary would. */
const good: PrimaryScript = (query, connection) => {
  const records = questionType(query) === IXFR ? STEP : WHOLE;
  connection.write(framed(reply(query, records)));
};

async function transfer(script: PrimaryScript, more: Partial<TransferJob> = {}) {
  await using primary = await ScriptedPrimary.start(script);
  const done = await runTransfer({
    dataDir,
    zone: ZONE,
    endpoint: primary.endpoint,
    key: null,
    base: null,
    limits: LIMITS,
    ...more,
  });
  const text = readFileSync(join(dataDir, 'lists', done.contentSha256), 'utf8');
  return { ...done, text, types: primary.queries.map(questionType) };
}

async function faultOf(script: PrimaryScript, more: Partial<TransferJob> = {}): Promise<string> {
  const error: unknown = await transfer(script, more).catch((thrown: unknown) => thrown);
  expect(readdirSync(join(dataDir, 'lists')).filter((file) => file.endsWith('.tmp'))).toEqual([]);
  if (error instanceof TransferError) return `${error.fault}: ${error.message}`;
  throw new Error('the transfer was taken or failed in another way', { cause: error });
}

describe('a transfer', () => {
  test('without a copy takes the whole zone into a file', async () => {
    const done = await transfer(good);
    expect(done).toMatchObject({ outcome: 'whole', text: NEW, types: [AXFR], recordCount: 2 });
    expect(done.soa).toMatchObject({ serial: 9, refreshSeconds: 3600, expireSeconds: 86_400 });
    expect(done.wholeBecause).toBeNull();
  });

  test('with a copy takes what changed', async () => {
    const base = { contentSha256: keep(OLD), serial: 7 };
    const done = await transfer(good, { base });
    expect(done).toMatchObject({ outcome: 'differences', text: NEW, types: [IXFR] });
  });

  test('of which nothing is new leaves the copy', async () => {
    const base = { contentSha256: keep(OLD), serial: 9 };
    const done = await transfer(
      (query, connection) => connection.write(framed(reply(query, [soa(9)]))),
      { base },
    );
    expect(done).toMatchObject({ outcome: 'unchanged', text: OLD, types: [IXFR] });
  });

  test('whose differences do not fit, or are refused, takes the whole zone, and says why', async () => {
    const bad: [readonly TestRecord[], number, string][] = [
      [[soa(9), soa(7), cname('x.example'), soa(9), soa(9)], 0x8400, 'removes what our copy'],
      [[soa(9), soa(6), soa(9), soa(9)], 0x8400, 'begin at serial 6'],
      [[], 0x8404, 'it answers NOTIMP'],
      [[], 0x8401, 'it answers FORMERR'],
      [[], 0x8400, 'no records'],
    ];
    for (const [records, flags, why] of bad) {
      const base = { contentSha256: keep(OLD), serial: 7 };
      const done = await transfer(
        (query, connection, number) => {
          if (number === 0) connection.write(framed(reply(query, records, flags)));
          else good(query, connection, number);
        },
        { base },
      );
      expect(done).toMatchObject({ outcome: 'whole', text: NEW, types: [IXFR, AXFR] });
      expect(done.wholeBecause).toContain(why);
    }
  });

  test('whose differences break off takes the whole zone', async () => {
    const base = { contentSha256: keep(OLD), serial: 7 };
    const done = await transfer(
      (query, connection, number) => {
        if (number === 0) connection.end(framed(reply(query, STEP.slice(0, 3))));
        else good(query, connection, number);
      },
      { base },
    );
    expect(done).toMatchObject({ outcome: 'whole', text: NEW, types: [IXFR, AXFR] });
  });

  test('whose copy is damaged, gone or of another zone takes the whole zone', async () => {
    const damaged = keep(OLD);
    writeFileSync(join(dataDir, 'lists', damaged), OLD.replace('b.example', 'x.example'));
    const other = keep(OLD.replace('rpz.example', 'rpz.other'));
    const cut = keep(OLD.slice(0, -1));
    for (const contentSha256 of [damaged, other, cut, 'f'.repeat(64), keep('')]) {
      const done = await transfer(good, { base: { contentSha256, serial: 7 } });
      expect(done).toMatchObject({ outcome: 'whole', text: NEW, types: [AXFR] });
      expect(done.wholeBecause).toMatch(/^our copy/);
    }
  });

  test('never goes back to an older version, whole or not', async () => {
    const base = { contentSha256: keep(OLD), serial: 12 };
    const refusesDifferences: PrimaryScript = (query, connection) => {
      const isWhole = questionType(query) === AXFR;
      connection.write(framed(reply(query, isWhole ? WHOLE : [], isWhole ? 0x8400 : 0x8404)));
    };
    const done = await transfer(refusesDifferences, { base });
    expect(done).toMatchObject({ outcome: 'unchanged', soa: { serial: 9 }, text: OLD });
  });

  test('takes a stream in any cutting', async () => {
    const done = await transfer((query, connection) => {
      const octets = framed(...WHOLE.map((record) => reply(query, [record])));
      let at = 0;
      const next = (): void => {
        if (at >= octets.length) return;
        connection.write(octets.subarray(at, at + 3), next);
        at += 3;
      };
      connection.setNoDelay(true);
      next();
    });
    expect(done.text).toBe(NEW);
  });
});

describe('a signed transfer', () => {
  const NOW = (): number => Math.floor(Date.now() / 1000);

  /** Signs the messages whose number is in `signed`, with the key of the primary. */
  function signing(signed: readonly number[], key: TsigKey = KEY): PrimaryScript {
    return (query, connection) => {
      const signer = new TestSigner(key, macOf(query, 32));
      const messages = WHOLE.map((record, index) => {
        const message = reply(query, [record]);
        return signed.includes(index) ? signer.sign(message, NOW()) : signer.skip(message);
      });
      connection.write(framed(...messages));
    };
  }

  test('is taken where the first and the last message are signed', async () => {
    expect((await transfer(signing([0, 1, 2, 3]), { key: KEY })).text).toBe(NEW);
    expect((await transfer(signing([0, 3]), { key: KEY })).text).toBe(NEW);
  });

  test('is refused where they are not, or with another secret', async () => {
    expect(await faultOf(signing([0, 1, 2]), { key: KEY })).toMatch(/^signature.*last message/);
    expect(await faultOf(signing([1, 2, 3]), { key: KEY })).toMatch(/^signature.*not signed/);
    expect(await faultOf(good, { key: KEY })).toMatch(/^signature/);
    const other = { ...KEY, secret: Buffer.alloc(32, 1) };
    expect(await faultOf(signing([0, 1, 2, 3], other), { key: KEY })).toMatch(/^signature.*wrong/);
  });

  test('is not asked for whole after a wrong signature: the next answer could be forged too', async () => {
    const base = { contentSha256: keep(OLD), serial: 7 };
    await using primary = await ScriptedPrimary.start(good);
    const job = { dataDir, zone: ZONE, key: KEY, base, limits: LIMITS };
    await expect(runTransfer({ ...job, endpoint: primary.endpoint })).rejects.toThrow('not signed');
    expect(primary.queries.map(questionType)).toEqual([IXFR]);
  });
});

describe('a hostile primary', () => {
  test('that cuts the stream anywhere gains nothing', async () => {
    const octets = (query: Buffer): Buffer => framed(...WHOLE.map((one) => reply(query, [one])));
    let length = 0;
    await transfer((query, connection) => {
      length = octets(query).length;
      connection.write(octets(query));
    });
    rmSync(join(dataDir, 'lists'), { recursive: true });
    mkdirSync(join(dataDir, 'lists'));
    for (let end = 0; end < length; end += 7) {
      const fault = await faultOf((query, connection) => {
        connection.end(octets(query).subarray(0, end));
      });
      expect(fault).toBe('cut: it closed the connection before the end');
    }
    expect(readdirSync(join(dataDir, 'lists'))).toEqual([]);
  });

  test('that says nothing, or falls silent, is left', async () => {
    const limits = { ...LIMITS, silenceMs: 300 };
    expect(await faultOf(() => undefined, { limits })).toBe('network: it does not answer');
    const silent: PrimaryScript = (query, connection) => {
      connection.write(framed(reply(query, [soa(9)])).subarray(0, 20));
    };
    expect(await faultOf(silent, { limits })).toBe('network: it fell silent before the end');
  });

  test('that sends an octet now and then is left at the deadline', async () => {
    const fault = await faultOf(
      (query, connection) => {
        connection.write(framed(reply(query, [soa(9)])).subarray(0, 5));
        const timer = setInterval(() => connection.write(Buffer.of(0)), 100);
        connection.on('close', () => {
          clearInterval(timer);
        });
      },
      { limits: { ...LIMITS, totalMs: 1_000 } },
    );
    expect(fault).toBe('network: it was not done within 1 seconds');
  });

  test('that sends next to nothing is left long before the deadline', async () => {
    const limits = { ...LIMITS, pace: { everyMs: 200, bytesPerSecondMin: 1_000 } };
    const fault = await faultOf(
      (query, connection) => {
        connection.write(framed(reply(query, [soa(9)])).subarray(0, 5));
        const timer = setInterval(() => connection.write(Buffer.of(0)), 50);
        connection.on('close', () => {
          clearInterval(timer);
        });
      },
      { limits },
    );
    expect(fault).toBe('network: it sends less than 1000 octets a second');
    const fast: PrimaryScript = (query, connection) => {
      let number = 0;
      connection.write(framed(reply(query, [soa(9)])));
      const timer = setInterval(() => {
        const records = Array.from({ length: 50 }, () => cname(`n${number++}.example`));
        const isLast = number === 500;
        connection.write(framed(reply(query, isLast ? [...records, soa(9)] : records)));
        if (isLast) clearInterval(timer);
      }, 60);
    };
    expect((await transfer(fast, { limits })).recordCount).toBe(500);
  });

  test('whose zone never ends is left at the limit of records or octets', async () => {
    const endless: PrimaryScript = (query, connection) => {
      let number = 0;
      const next = (): void => {
        if (connection.destroyed) return;
        const records = Array.from({ length: 500 }, () => cname(`n${number++}.example`));
        connection.write(framed(reply(query, number === 500 ? [soa(9), ...records] : records)));
        setImmediate(next);
      };
      next();
    };
    expect(await faultOf(endless)).toMatch(/^limit: its zone is larger/);
    const few = { ...LIMITS, bytesMax: 50_000 };
    expect(await faultOf(endless, { limits: few })).toMatch(/^limit/);
  });

  test('whose differences never end is left too, and asked for the whole zone', async () => {
    const base = { contentSha256: keep(OLD), serial: 7 };
    const limits = { ...LIMITS, bytesMax: 300_000 };
    const fault = await faultOf(
      (query, connection) => {
        if (questionType(query) === AXFR) connection.write(framed(reply(query, [], 0x8405)));
        let serial = 7;
        const next = (): void => {
          if (connection.destroyed) return;
          const records = [soa(serial), soa(++serial)];
          const message = reply(query, serial === 8 ? [soa(0x7000_0000), ...records] : records);
          connection.write(framed(message));
          setImmediate(next);
        };
        next();
      },
      { base, limits },
    );
    expect(fault).toBe('refused: it answers REFUSED');
  });

  test('that is not there is said to be so', async () => {
    const gone = await ScriptedPrimary.start(good);
    await gone[Symbol.asyncDispose]();
    const job = { dataDir, zone: ZONE, key: null, base: null, limits: LIMITS };
    await expect(runTransfer({ ...job, endpoint: gone.endpoint })).rejects.toThrow('ECONNREFUSED');
  });
});

describe('the SOA of a primary', () => {
  async function ask(script: PrimaryScript, key: TsigKey | null = null) {
    await using primary = await ScriptedPrimary.start(script);
    return await askSoa({ endpoint: primary.endpoint, zone: wire(ZONE), key, clock: systemClock });
  }

  test('is read from its one answer', async () => {
    const script: PrimaryScript = (query, connection) => {
      connection.write(framed(reply(query, [soa(5, 77)])));
    };
    expect(await ask(script)).toEqual({
      serial: 5,
      refreshSeconds: 77,
      retrySeconds: 600,
      expireSeconds: 86_400,
      minimumSeconds: 60,
    });
    await expect(ask(script, KEY)).rejects.toThrow('not signed');
  });

  test('counts only where the primary has authority, and answers with it alone', async () => {
    const answering =
      (records: readonly TestRecord[], flags = 0x8400): PrimaryScript =>
      (query, connection) => {
        connection.write(framed(reply(query, records, flags)));
      };
    await expect(ask(answering([soa(5)], 0x8000))).rejects.toThrow('not authoritative');
    await expect(ask(answering([]))).rejects.toThrow('no SOA');
    await expect(ask(answering([cname('@')]))).rejects.toThrow('no SOA');
    await expect(ask(answering([{ ...soa(5), owner: 'a' }]))).rejects.toThrow('no SOA');
    await expect(ask(answering([], 0x8403))).rejects.toThrow('NXDOMAIN');
  });

  test('is given up when it is no longer wanted', async () => {
    await using primary = await ScriptedPrimary.start(() => {
      stop.abort();
    });
    const stop = new AbortController();
    const { endpoint } = primary;
    const asking = askSoa(
      { endpoint, zone: wire(ZONE), key: null, clock: systemClock },
      { ...LIMITS, silenceMs: 60_000, totalMs: 60_000, signal: stop.signal },
    );
    await expect(asking).rejects.toThrow('given up');
  });
});
