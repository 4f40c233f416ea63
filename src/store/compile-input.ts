/**
 * What a compile reads: everything that decides, of one revision, in one read transaction. A million
 * subscribers come as arrays indexed by profile number, never as objects, and tables are read in
 * pages by key, so no page is larger than the next few megabytes.
 */

import { join } from 'node:path';
import { readUint32 } from '../lib/bytes.ts';
import { breathe } from './breathe.ts';
import { LISTS_FOLDER } from './data-folder.ts';
import { openDatabase, toStoreError } from './database.ts';
import type { ListFormatName } from '../blocklist/formats/list-format.ts';
import type { BlockingModeName } from './document.ts';
import { readRevision } from './meta.ts';
import { nameToWire } from './rule-name.ts';
import type { Db, RuleOwnerKind, VerdictClassName } from './schema.ts';

/** In `planOf`: no such subscriber. */
export const NO_PLAN = 0xffffffff;

const PAGE_ROWS = 10_000;
/** The main thread reads these while it does everything else: some milliseconds a page. */
const ADDRESS_PAGE_ROWS = 2_000;

export interface CompileCategory {
  readonly id: string;
  readonly bit: number;
  readonly class: VerdictClassName;
  readonly title: string;
  /** The operator's choice between 15 and 16 for a law category; null = the class's own. */
  readonly edeCode: 15 | 16 | null;
}

export interface CompileListSource {
  readonly id: string;
  readonly category: string;
  readonly categoryBit: number;
  readonly format: ListFormatName;
  /** Null = as the format does. */
  readonly coversSubdomains: boolean | null;
  readonly contentSha256: string;
  /** Absolute or relative as the data folder was given; the file never changes. */
  readonly contentPath: string;
}

/** Names of one owner as lower-cased wire octets. */
export interface CompileRules {
  readonly allow: readonly Uint8Array[];
  readonly deny: readonly Uint8Array[];
}

export interface CompilePlan extends CompileRules {
  readonly id: string;
  /** Category bits; `locked` ones are blocked too and need not stand in `block`. */
  readonly block: readonly number[];
  readonly locked: readonly number[];
  readonly blockingMode: BlockingModeName;
  readonly blockAddress4: string | null;
  readonly blockAddress6: string | null;
  /** Null = no cap. */
  readonly maxTtlSeconds: number | null;
}

export interface CompileInput {
  readonly revision: number;
  /** Ordered by bit. */
  readonly categories: readonly CompileCategory[];
  readonly lists: readonly CompileListSource[];
  /** A plan's place here is its index in `planOf`. */
  readonly plans: readonly CompilePlan[];
  /** By profile number: index of the plan, or `NO_PLAN`. Numbers begin at 1. */
  readonly planOf: Uint32Array;
  /** Profile numbers that have rules of their own. */
  readonly subscriberRules: ReadonlyMap<number, CompileRules>;
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

export async function readCompileInput(db: Db, dataDir: string): Promise<CompileInput> {
  return db.transaction().execute(async (tx) => {
    const categories = await readCategories(tx);
    const bitOf = new Map(categories.map((category) => [category.id, category.bit]));
    const planRows = await tx.selectFrom('plans').selectAll().orderBy('number').execute();
    const rules = await readRules(tx);
    const planIndexOf = new Map(planRows.map((plan, index) => [plan.number, index]));
    const blocked = await readPlanCategories(tx, bitOf);
    return {
      revision: await readRevision(tx),
      categories,
      lists: await readLists(tx, dataDir, bitOf),
      plans: planRows.map((plan) => ({
        id: plan.id,
        block: blocked.get(plan.number)?.block ?? [],
        locked: blocked.get(plan.number)?.locked ?? [],
        ...(rules.plan.get(plan.number) ?? NO_RULES),
        blockingMode: plan.blocking_mode as BlockingModeName,
        blockAddress4: plan.block_address4,
        blockAddress6: plan.block_address6,
        maxTtlSeconds: plan.max_ttl_seconds,
      })),
      planOf: await readPlanOf(tx, planIndexOf),
      subscriberRules: rules.subscriber,
    };
  });
}

const NO_RULES: CompileRules = { allow: [], deny: [] };

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
  return rows.map((row) => ({
    id: row.id,
    bit: row.bit,
    class: row.class,
    title: row.title,
    edeCode: row.ede_code === 15 || row.ede_code === 16 ? row.ede_code : null,
  }));
}

async function readLists(
  tx: Db,
  dataDir: string,
  bitOf: ReadonlyMap<string, number>,
): Promise<CompileListSource[]> {
  const rows = await tx.selectFrom('lists').selectAll().orderBy('id').execute();
  return rows.map((row) => ({
    id: row.id,
    category: row.category,
    categoryBit: bitOf.get(row.category) ?? 0,
    format: row.format as ListFormatName,
    coversSubdomains: row.covers_subdomains === null ? null : row.covers_subdomains === 1,
    contentSha256: row.content_sha256,
    contentPath: join(dataDir, LISTS_FOLDER, row.content_sha256),
  }));
}

async function readPlanCategories(
  tx: Db,
  bitOf: ReadonlyMap<string, number>,
): Promise<Map<number, { block: number[]; locked: number[] }>> {
  const byPlan = new Map<number, { block: number[]; locked: number[] }>();
  for (const row of await tx.selectFrom('plan_categories').selectAll().execute()) {
    const bits = byPlan.get(row.plan) ?? { block: [], locked: [] };
    (row.is_locked === 1 ? bits.locked : bits.block).push(bitOf.get(row.category) ?? 0);
    byPlan.set(row.plan, bits);
  }
  return byPlan;
}

interface OwnedRules {
  allow: Uint8Array[];
  deny: Uint8Array[];
}

async function readRules(tx: Db): Promise<Record<RuleOwnerKind, Map<number, OwnedRules>>> {
  const rules = { plan: new Map<number, OwnedRules>(), subscriber: new Map<number, OwnedRules>() };
  for (const row of await tx.selectFrom('rules').selectAll().execute()) {
    const owners = rules[row.owner_kind];
    const owned = owners.get(row.owner) ?? { allow: [], deny: [] };
    owned[row.action].push(nameToWire(row.name));
    owners.set(row.owner, owned);
  }
  return rules;
}

async function readPlanOf(tx: Db, indexOf: ReadonlyMap<number, number>): Promise<Uint32Array> {
  const newest = await tx
    .selectFrom('subscribers')
    .select((eb) => eb.fn.max('number').as('number'))
    .executeTakeFirst();
  const planOf = new Uint32Array((newest?.number ?? 0) + 1).fill(NO_PLAN);
  for (let after = 0; ;) {
    const rows = await tx
      .selectFrom('subscribers')
      .select(['number', 'plan'])
      .where('number', '>', after)
      .orderBy('number')
      .limit(PAGE_ROWS)
      .execute();
    for (const row of rows) {
      planOf[row.number] = indexOf.get(row.plan) ?? NO_PLAN;
      after = row.number;
    }
    if (rows.length < PAGE_ROWS) return planOf;
  }
}
