/**
 * What a compile reads: everything that decides, of one revision, in one read transaction. A million
 * subscribers come as arrays indexed by profile number, never as objects, and tables are read in
 * pages by key, so no page is larger than the next few megabytes.
 */

import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { ListFormatName } from '../blocklist/formats/list-format.ts';
import { readUint32 } from '../lib/bytes.ts';
import { NO_PLAN } from '../policy/policy-input.ts';
import { breathe } from './breathe.ts';
import { type PlanRecord, SERVICE_PREFIX } from './canonical.ts';
import { categoriesOfServices } from './category-uses.ts';
import { type CompileHouseholds, readHouseholds, withWhatPasses } from './compile-households.ts';
import { LISTS_FOLDER } from './data-folder.ts';
import { openDatabase, toStoreError } from './database.ts';
import { readRevision } from './meta.ts';
import { readLists, readPlans, readServices } from './records.ts';
import { safestPlan } from './safest-plan.ts';
import type { Db, VerdictClassName } from './schema.ts';

/** The main thread reads these while it does everything else: some milliseconds a page. */
const ADDRESS_PAGE_ROWS = 2_000;

/** Kinds of the audit log that tell of nothing else than what ends by itself, or of nothing that decides. */
const PASSING_KINDS: ReadonlySet<string> = new Set([
  'grant',
  'pause',
  'budget',
  'request',
  'token',
  'records',
]);
/** Since the revision before there are a few. */
const CHANGES_LOOKED_AT = 500;

/** A category, or a service: to the engine the same. */
export interface CompileCategory {
  readonly id: string;
  readonly bit: number;
  readonly class: VerdictClassName;
  readonly title: string;
  /** The operator's choice between 15 and 16 for a law category; null = the class's own. */
  readonly edeCode: 15 | 16 | null;
  readonly isNeverReported: boolean;
  readonly hasHelpline: boolean;
  /** Of a service: the category that it belongs to; else null. */
  readonly group: string | null;
}

export interface CompileListSource {
  readonly id: string;
  readonly category: string;
  readonly categoryBit: number;
  readonly format: ListFormatName;
  /** Null = as the format does. */
  readonly coversSubdomains: boolean | null;
  /** Names that people took out of it, and all below them; as `canonicalName` writes them. */
  readonly except: readonly string[];
  readonly contentSha256: string;
  /** Number of the version in force, and since when it is; null for the names of a service. */
  readonly version: { readonly number: number; readonly installedAt: string } | null;
  /** Absolute or relative as the data folder was given; the file never changes. */
  readonly contentPath: string;
  /** The content itself where no file holds it: the names of a service. */
  readonly octets: Uint8Array | null;
}

export interface CompileInput {
  readonly revision: number;
  /** Ordered by bit. */
  readonly categories: readonly CompileCategory[];
  readonly lists: readonly CompileListSource[];
  /** A plan's place here is its index in `planOf`. */
  readonly plans: readonly PlanRecord[];
  readonly households: CompileHouseholds;
}

/** One page of the table of addresses; arrays hold `count` entries. */
export interface AddressPage {
  readonly count: number;
  /** Four words an entry, as in `lib/ip-address`. */
  readonly words: Uint32Array;
  /** Prefix lengths of the 128-bit form. */
  readonly lengths: Uint8Array;
  /** Profile numbers. */
  readonly profiles: Uint32Array;
}

/** Opens the data folder's database read-only beside the running server and reads all but addresses. */
export async function readCompileInputFrom(dataDir: string): Promise<CompileInput> {
  const db = openDatabase(dataDir, { isReadOnly: true });
  try {
    return await readCompileInput(db, dataDir);
  } catch (error) {
    throw toStoreError(error);
  } finally {
    await db.destroy();
  }
}

/** What is decided for plans by themselves: no list is read and nobody's household. */
export async function readPlanInputFrom(
  dataDir: string,
): Promise<Pick<CompileInput, 'revision' | 'categories' | 'plans'>> {
  const db = openDatabase(dataDir, { isReadOnly: true });
  try {
    return await db.transaction().execute(async (tx) => ({
      revision: await readRevision(tx),
      categories: await readCategories(tx),
      plans: [...(await readPlans(tx)).values()].map(({ record }) => record),
    }));
  } catch (error) {
    throw toStoreError(error);
  } finally {
    await db.destroy();
  }
}

/** The lists alone, services among them. */
export async function readListSourcesFrom(dataDir: string): Promise<readonly CompileListSource[]> {
  const db = openDatabase(dataDir, { isReadOnly: true });
  try {
    return await db.transaction().execute(async (tx) => {
      const bitOf = new Map((await readCategories(tx)).map(({ id, bit }) => [id, bit]));
      return [...(await readListSources(tx, dataDir, bitOf)), ...(await readServiceLists(tx))];
    });
  } catch (error) {
    throw toStoreError(error);
  } finally {
    await db.destroy();
  }
}

/**
 * The same from what an earlier revision said. Where only grants, pauses and budgets have changed since,
 * which is what changes most, everything else is kept as it is.
 * @returns null where all must be read
 */
export async function readNewerInputFrom(
  dataDir: string,
  earlier: CompileInput,
): Promise<CompileInput | null> {
  const db = openDatabase(dataDir, { isReadOnly: true });
  try {
    return await readNewerInput(db, earlier);
  } catch (error) {
    throw toStoreError(error);
  } finally {
    await db.destroy();
  }
}

async function readNewerInput(db: Db, earlier: CompileInput): Promise<CompileInput | null> {
  return db.transaction().execute(async (tx) => {
    const revision = await readRevision(tx);
    if (revision === earlier.revision) return earlier;
    const newest = await tx
      .selectFrom('audit')
      .select(['revision', 'kind'])
      .orderBy('sequence', 'desc')
      .limit(CHANGES_LOOKED_AT)
      .execute();
    const known = newest.findIndex((change) => change.revision <= earlier.revision);
    const since = newest.slice(0, known === -1 ? 0 : known);
    if (since.length === 0 || !since.every(({ kind }) => PASSING_KINDS.has(kind))) return null;
    return { ...earlier, revision, households: await withWhatPasses(tx, earlier.households) };
  });
}

export async function readCompileInput(db: Db, dataDir: string): Promise<CompileInput> {
  return db.transaction().execute(async (tx) => {
    const categories = await readCategories(tx);
    const bitOf = new Map(categories.map((category) => [category.id, category.bit]));
    const plans = [...(await readPlans(tx)).values()].sort((a, b) => a.number - b.number);
    const planIndexOf = new Map(plans.map((plan, index) => [plan.number, index]));
    const records = plans.map(({ record }) => record);
    const safest = safestPlan(records);
    return {
      revision: await readRevision(tx),
      categories,
      lists: [...(await readListSources(tx, dataDir, bitOf)), ...(await readServiceLists(tx))],
      plans: records,
      households: await readHouseholds(
        tx,
        planIndexOf,
        safest === null ? NO_PLAN : records.indexOf(safest),
      ),
    };
  });
}

/**
 * Yields first the addresses of subscribers, then the sessions that run at `nowSeconds`; where both
 * name the same prefix, the session is meant, so the later entry replaces the earlier.
 */
export async function* readAddressPages(db: Db, nowSeconds: number): AsyncGenerator<AddressPage> {
  let after: Uint8Array = Buffer.alloc(0);
  for (;;) {
    const rows = await db
      .selectFrom('addresses')
      .select(['prefix', 'subscriber'])
      .where('prefix', '>', after)
      .orderBy('prefix')
      .limit(ADDRESS_PAGE_ROWS)
      .execute();
    const last = rows.at(-1);
    if (last === undefined) break;
    after = last.prefix;
    yield toAddressPage(rows);
    await breathe();
  }
  after = Buffer.alloc(0);
  for (;;) {
    const rows = await db
      .selectFrom('sessions')
      .select(['prefix', 'subscriber'])
      .where('prefix', '>', after)
      .where('expires_at', '>', nowSeconds)
      .orderBy('prefix')
      .limit(ADDRESS_PAGE_ROWS)
      .execute();
    const last = rows.at(-1);
    if (last === undefined) return;
    after = last.prefix;
    yield toAddressPage(rows);
    await breathe();
  }
}

function toAddressPage(rows: readonly { prefix: Uint8Array; subscriber: number }[]): AddressPage {
  const page = {
    count: rows.length,
    words: new Uint32Array(rows.length * 4),
    lengths: new Uint8Array(rows.length),
    profiles: new Uint32Array(rows.length),
  };
  for (const [index, row] of rows.entries()) {
    for (let word = 0; word < 4; word++) {
      page.words[index * 4 + word] = readUint32(row.prefix, word * 4);
    }
    page.lengths[index] = row.prefix[16] ?? 0;
    page.profiles[index] = row.subscriber;
  }
  return page;
}

async function readCategories(tx: Db): Promise<CompileCategory[]> {
  const rows = await tx.selectFrom('categories').selectAll().orderBy('bit').execute();
  const categoryOf = categoriesOfServices(
    [...(await readServices(tx)).values()].map(({ record }) => record),
  );
  return rows.map((row) => ({
    id: row.id,
    bit: row.bit,
    class: row.class,
    title: row.title,
    edeCode: row.ede_code === 15 || row.ede_code === 16 ? row.ede_code : null,
    isNeverReported: row.is_never_reported === 1,
    hasHelpline: row.has_helpline === 1,
    group: categoryOf.get(row.id) ?? null,
  }));
}

/** Those that have a content. */
async function readListSources(
  tx: Db,
  dataDir: string,
  bitOf: ReadonlyMap<string, number>,
): Promise<CompileListSource[]> {
  const lists = [...(await readLists(tx)).values()];
  return lists
    .filter(({ contentSha256 }) => contentSha256 !== '')
    .map(({ record, format, contentSha256, version, installedAt }) => ({
      id: record.id,
      category: record.category,
      categoryBit: bitOf.get(record.category) ?? 0,
      format,
      coversSubdomains: record.subdomains ?? null,
      except: record.except ?? [],
      contentSha256,
      version: version === null ? null : { number: version, installedAt: installedAt ?? '' },
      contentPath: join(dataDir, LISTS_FOLDER, contentSha256),
      octets: null,
    }));
}

/** A service is a list of its own names. */
async function readServiceLists(tx: Db): Promise<CompileListSource[]> {
  return [...(await readServices(tx)).values()].map(({ record, bit }) => {
    const id = SERVICE_PREFIX + record.id;
    const octets = Buffer.from(`${record.names.join('\n')}\n`);
    return {
      id,
      category: id,
      categoryBit: bit,
      format: 'domains',
      coversSubdomains: null,
      except: [],
      version: null,
      contentSha256: createHash('sha256').update(octets).digest('hex'),
      contentPath: '',
      octets,
    };
  });
}
