/**
 * The store: everything that people set, in one SQLite database, with its history.
 *
 * What a document says is written and read here. What else is kept has a class of its own: contents of
 * lists (`ListVersions`, `OwnLists`), what goes on in households (`Households`, `BudgetDays`), addresses
 * of the moment (`Sessions`), `Tokens`, `Appeals`. `StoreAccess` is what all of them write through. One
 * process works on a data folder at a time.
 */

import { type Clock, systemClock } from '../lib/clock.ts';
import { AppError } from '../lib/errors.ts';
import { Appeals } from './appeals.ts';
import { type AuditPageOptions, type AuditVerdict, readAuditPage, verifyAudit } from './audit.ts';
import { breathe } from './breathe.ts';
import { BudgetDays } from './budget-days.ts';
import type { RecordOf } from './canonical.ts';
import type { PeopleCount } from './canonical-list.ts';
import {
  type AddressPage,
  type CompileInput,
  readAddressPages,
  readCompileInput,
} from './compile-input.ts';
import { type FolderLock, lockDataFolder, prepareDataFolder } from './data-folder.ts';
import { openDatabase, toStoreError } from './database.ts';
import type { PolicyDocument, ResourceKind } from './document.ts';
import { type ApplyOptions, type ApplyResult, DocumentWriter } from './document-writer.ts';
import { Households } from './households.ts';
import { ListContents } from './list-contents.ts';
import type { ContentInspector } from './list-report.ts';
import { readUsedContents } from './list-version-rows.ts';
import { ListVersions } from './list-versions.ts';
import { readMeta, writeMeta } from './meta.ts';
import { migrate } from './migrations.ts';
import { OwnLists } from './own-lists.ts';
import { planRemoval } from './plan-changes.ts';
import { listChanges, readStock } from './planned-changes.ts';
import { type ProfileOwner, readProfileNumbers, readProfileOwners } from './profile-owners.ts';
import {
  BATCH_ROWS,
  isExported,
  readCategories,
  readCategoryIds,
  readLists,
  readPlans,
  readServices,
  readSubscriberPage,
  readSubscribers,
  type StoredCategory,
  type StoredList,
  type StoredPlan,
  type StoredService,
  type StoredSubscriber,
  type SubscriberPageOptions,
} from './records.ts';
import {
  documentWithRule,
  readRulePage,
  type Rule,
  type RuleChange,
  type RulePageOptions,
} from './rules.ts';
import type { AuditRow, Db } from './schema.ts';
import { Sessions } from './sessions.ts';
import { followShipped, type Shipped } from './shipped.ts';
import { StoreAccess } from './store-access.ts';
import { sweepEnded } from './sweep.ts';
import { FIRST_START_ACTOR, SHIPPED_ACTOR, type TokenOptions, Tokens } from './tokens.ts';
import type { WriteContext } from './write-context.ts';

export interface StoreOptions extends TokenOptions {
  readonly clock?: Clock;
  /** Reads the ids of the engines of safe search that there are; left out: documents may name any. */
  readonly engines?: () => readonly string[];
  /** How many people each version of a sealed list needs; left out: one. */
  readonly sealedApprovals?: () => PeopleCount;
}

export class Store {
  readonly dataDir: string;
  readonly contents: ListContents;
  /** Contents of lists as they come and go. */
  readonly listVersions: ListVersions;
  readonly ownLists: OwnLists;
  /** Grants and pauses, requests, deletions. */
  readonly households: Households;
  /** Minutes of budgets, which the query log counts. */
  readonly budgetDays: BudgetDays;
  readonly sessions: Sessions;
  readonly tokens: Tokens;
  /** Of the over-blocking desk. */
  readonly appeals: Appeals;
  /** For reads that have no method here; writes go through the methods. */
  readonly db: Db;
  readonly #access: StoreAccess;
  readonly #documents: DocumentWriter;
  readonly #lock: FolderLock;

  private constructor(
    dataDir: string,
    db: Db,
    lock: FolderLock,
    inspector: ContentInspector,
    { clock = systemClock, engines, sealedApprovals = () => 1 }: StoreOptions,
  ) {
    const contents = new ListContents(dataDir);
    const access = new StoreAccess(db, contents, inspector, clock, sealedApprovals);
    const documents = new DocumentWriter(access, engines ?? null);
    this.dataDir = dataDir;
    this.contents = contents;
    this.ownLists = new OwnLists(access);
    this.listVersions = new ListVersions(access, this.ownLists);
    this.households = new Households(access, documents);
    this.budgetDays = new BudgetDays(access);
    this.sessions = new Sessions(access);
    this.tokens = new Tokens(access);
    this.appeals = new Appeals(access);
    this.db = db;
    this.#access = access;
    this.#documents = documents;
    this.#lock = lock;
  }

  /**
   * Opens the data folder for this process alone; makes what is missing.
   * @throws AppError `DATA_DIR_LOCKED`, `DATA_DIR_UNUSABLE`, `STORE_DAMAGED`, `STORE_TOO_NEW`
   */
  static async open(
    dataDir: string,
    inspector: ContentInspector,
    options: StoreOptions = {},
  ): Promise<Store> {
    prepareDataFolder(dataDir);
    const lock = lockDataFolder(dataDir);
    let db: Db | null = null;
    try {
      db = openDatabase(dataDir, { isReadOnly: false });
      const store = new Store(dataDir, db, lock, inspector, options);
      await store.#prepare(options);
      return store;
    } catch (error) {
      await db?.destroy();
      lock.release();
      throw toStoreError(error);
    }
  }

  async close(): Promise<void> {
    await this.#access.close();
    this.#lock.release();
  }

  /** The newest revision; 0 = nothing was ever written. */
  get revision(): number {
    return this.#access.revision();
  }

  /**
   * Brings the store to what a document says.
   * @param document anything; all faults are found before anything is written
   * @throws AppError `DOCUMENT_INVALID` with every fault, `PRECONDITION_FAILED`, `LISTS_CHANGED`
   */
  applyDocument(
    document: unknown,
    context: WriteContext,
    options: Partial<ApplyOptions> = {},
  ): Promise<ApplyResult> {
    return this.#documents.write(document, context, false, (tx, prepared) =>
      this.#documents.apply(tx, prepared, context, options),
    );
  }

  /**
   * The document of the first start; nothing happens where that has been.
   * @param makeDocument called only where it is needed
   */
  async seed(makeDocument: () => PolicyDocument): Promise<void> {
    if ((await readMeta(this.db, 'seeded')) !== null) return;
    const context = { actor: FIRST_START_ACTOR };
    const document = makeDocument();
    await this.#documents.write(document, context, true, async (tx, prepared) => {
      const { shipped } = followShipped(prepared.document, await readStock(tx), {});
      const options = { isSeeding: true };
      const result = await this.#documents.apply(tx, prepared, context, options);
      await writeMeta(tx, 'seeded', this.#access.now());
      await writeMeta(tx, 'shipped', JSON.stringify(shipped));
      return result;
    });
  }

  /**
   * Brings categories, lists and services that ship with Stairgate to what their files say, but for
   * those that somebody has changed or removed.
   * @param filesDigest of the files; nothing happens where it is that of the last time
   * @param makeDocument called only where it is needed
   * @throws AppError `DOCUMENT_INVALID` with every fault
   */
  async follow(filesDigest: string, makeDocument: () => PolicyDocument): Promise<void> {
    if ((await readMeta(this.db, 'shippedFiles')) === filesDigest) return;
    const context = { actor: SHIPPED_ACTOR };
    await this.#documents.write(makeDocument(), context, true, async (tx, prepared) => {
      const last = JSON.parse((await readMeta(tx, 'shipped')) ?? '{}') as Shipped;
      const { document, shipped } = followShipped(prepared.document, await readStock(tx), last);
      const result = await this.#documents.apply(tx, { ...prepared, document }, context);
      await writeMeta(tx, 'shipped', JSON.stringify(shipped));
      await writeMeta(tx, 'shippedFiles', filesDigest);
      return result;
    });
  }

  /** @throws AppError `RESOURCE_UNKNOWN`, `RESOURCE_IN_USE`, `PRECONDITION_FAILED` */
  async remove(kind: ResourceKind, id: string, context: WriteContext): Promise<ApplyResult> {
    return this.#access.write(context, async (tx) => {
      const faults: string[] = [];
      const planned = await planRemoval(tx, kind, id, faults);
      if (listChanges(planned).length === 0) throw unknownResource(kind, id);
      if (faults.length > 0) {
        throw new AppError('RESOURCE_IN_USE', `Removing a ${kind}: ${faults.join('; ')}`);
      }
      return this.#documents.commit(tx, planned, context);
    });
  }

  /** Adds a name to the rules of a plan, a subscriber or a profile, or takes it away. */
  changeRule(change: RuleChange, context: WriteContext): Promise<ApplyResult> {
    return this.#access.write(context, async (tx) =>
      this.#documents.applyWithin(tx, await documentWithRule(tx, change), context),
    );
  }

  /**
   * Writes a subscriber anew from what it is when its turn comes, so that no write is lost.
   * @param change the document as it shall be; what it throws is thrown on
   */
  changeSubscriber(
    id: string,
    change: (record: RecordOf['subscriber']) => unknown,
    context: WriteContext,
  ): Promise<ApplyResult> {
    return this.#access.write(context, async (tx) => {
      const stored = (await readSubscribers(tx, [id])).get(id);
      if (stored === undefined) throw unknownResource('subscriber', id);
      const document = { subscribers: [change(stored.record)] };
      return this.#documents.applyWithin(tx, document, context);
    });
  }

  /**
   * Takes away rows of what has ended, and contents that no kept version names any more; called every
   * few minutes.
   * @returns how many rows there were
   */
  sweepEnded(): Promise<number> {
    return this.#access.inTurn(async () => {
      const nowSeconds = this.#access.nowSeconds();
      const ended = await this.db.transaction().execute((tx) => sweepEnded(tx, nowSeconds));
      // Last, so that a fault of the folder keeps no row.
      await this.#removeUnusedContents();
      return ended;
    });
  }

  /**
   * Everything as one document; applying it changes nothing, but for lists that it cannot say (`isExported`):
   * with pruning those go.
   */
  async exportDocument(): Promise<Required<PolicyDocument>> {
    return this.#access.read(async (tx) => {
      const subscribers: RecordOf['subscriber'][] = [];
      for (let after = ''; ;) {
        const page = await readSubscriberPage(tx, { after, limit: BATCH_ROWS, plan: null });
        for (const { record } of page) subscribers.push(record);
        await breathe();
        after = page.at(-1)?.record.id ?? '';
        if (page.length < BATCH_ROWS) break;
      }
      const document = {
        categories: [...(await readCategories(tx)).values()].map(({ record }) => record),
        lists: [...(await readLists(tx)).values()].filter(isExported).map(({ record }) => record),
        services: [...(await readServices(tx)).values()].map(({ record }) => record),
        plans: [...(await readPlans(tx)).values()].map(({ record }) => record),
        subscribers,
      };
      return document as unknown as Required<PolicyDocument>;
    });
  }

  /** Everything that a compile of the present revision needs, but for addresses. */
  readCompileInput(): Promise<CompileInput> {
    return readCompileInput(this.db, this.dataDir);
  }

  /** Addresses, then running sessions; a later entry replaces an earlier one of the same prefix. */
  addressPages(): AsyncGenerator<AddressPage> {
    return readAddressPages(this.db, this.#access.nowSeconds());
  }

  /** Ids of all categories by their bit, services among them. */
  categoryIds(): Promise<Map<number, string>> {
    return this.#access.read(readCategoryIds);
  }

  /** Those that are no services. */
  categories(): Promise<Map<string, StoredCategory>> {
    return this.#access.read(readCategories);
  }

  lists(): Promise<Map<string, StoredList>> {
    return this.#access.read(readLists);
  }

  services(): Promise<Map<string, StoredService>> {
    return this.#access.read(readServices);
  }

  plans(): Promise<Map<string, StoredPlan>> {
    return this.#access.read(readPlans);
  }

  async subscriber(id: string): Promise<StoredSubscriber | null> {
    return this.#access.read(async (tx) => (await readSubscribers(tx, [id])).get(id) ?? null);
  }

  /** Whose profile numbers these are; those of nobody are left out. */
  profileOwners(numbers: readonly number[]): Promise<Map<number, ProfileOwner>> {
    return this.#access.read((tx) => readProfileOwners(tx, numbers));
  }

  /** Profile numbers of a household by id of the profile; null = its own. Empty: there is none. */
  profileNumbers(subscriber: string): Promise<Map<string | null, number>> {
    return this.#access.read((tx) => readProfileNumbers(tx, subscriber));
  }

  subscriberPage(options: SubscriberPageOptions): Promise<StoredSubscriber[]> {
    return this.#access.read((tx) => readSubscriberPage(tx, options));
  }

  async counts(): Promise<{ plans: number; subscribers: number; lists: number; sessions: number }> {
    const count = async (
      table: 'plans' | 'subscribers' | 'lists' | 'sessions',
    ): Promise<number> => {
      const row = await this.db
        .selectFrom(table)
        .select((eb) => eb.fn.countAll<number>().as('rows'))
        .executeTakeFirstOrThrow();
      return row.rows;
    };
    return {
      plans: await count('plans'),
      subscribers: await count('subscribers'),
      lists: await count('lists'),
      sessions: await count('sessions'),
    };
  }

  rulePage(options: RulePageOptions): Promise<Rule[]> {
    return this.#access.read((tx) => readRulePage(tx, options));
  }

  auditPage(options: AuditPageOptions): Promise<AuditRow[]> {
    return this.#access.read((tx) => readAuditPage(tx, options));
  }

  verifyAudit(): Promise<AuditVerdict> {
    return this.#access.read(verifyAudit);
  }

  async #prepare(options: StoreOptions): Promise<void> {
    await migrate(this.db);
    await this.appeals.load();
    await this.tokens.load(this.dataDir, options);
    await this.#access.load();
    await this.#removeUnusedContents();
  }

  async #removeUnusedContents(): Promise<void> {
    const used = await readUsedContents(this.db);
    await this.contents.removeUnused(used, this.#access.clock.wallMs());
  }
}

function unknownResource(kind: string, id: string): AppError {
  return new AppError('RESOURCE_UNKNOWN', `There is no ${kind} "${id}"`);
}
