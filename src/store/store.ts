/**
 * The store: everything that people set, in one SQLite database, with its history.
 *
 *     write:  wait for the write before ─▶ begin ─▶ seen this key? ─▶ as expected? ─▶ plan, all faults
 *             ─▶ rows ─▶ audit ─▶ revision + 1 ─▶ commit (on disk)
 *
 * A write is all or nothing and, once acknowledged, survives the loss of the process. Reads see
 * whole writes only. One process works on a data folder at a time.
 */

import { type Clock, systemClock } from '../lib/clock.ts';
import { AppError } from '../lib/errors.ts';
import { Appeals } from './appeals.ts';
import { documentOfApproval } from './approval.ts';
import {
  appendAudit,
  type AuditEntry,
  type AuditPageOptions,
  type AuditVerdict,
  readAuditPage,
  verifyAudit,
} from './audit.ts';
import { toAuditEntry } from './audit-entries.ts';
import { breathe } from './breathe.ts';
import { type BudgetDay, BudgetDays, noteUsedUp } from './budget-days.ts';
import type { RecordOf } from './canonical.ts';
import { type Change, type ChangeCounts, countChanges, throwFaults } from './changes.ts';
import {
  type AddressPage,
  type CompileInput,
  readAddressPages,
  readCompileInput,
} from './compile-input.ts';
import { type FolderLock, lockDataFolder, prepareDataFolder } from './data-folder.ts';
import { openDatabase, toStoreError, withoutTraces } from './database.ts';
import type { PolicyDocument, ResourceKind } from './document.ts';
import { checkEngines } from './engine-checks.ts';
import { checkExpectation } from './expectation.ts';
import {
  type GrantDocument,
  type GrantFilter,
  insertGrant,
  insertPause,
  type Moment,
  type PauseDocument,
  readGrants,
  removeGrant,
  type StoredGrant,
} from './grants.ts';
import { findAnswer, saveAnswer } from './idempotency.ts';
import { ListContents } from './list-contents.ts';
import type { StoreAccess } from './list-access.ts';
import {
  applyLists,
  candidatesOf,
  type HeldList,
  judgeLists,
  type JudgedLists,
} from './list-changes.ts';
import { ListLooks, readGround, untilLooked } from './list-looks.ts';
import type { ContentInspector, ListReport } from './list-report.ts';
import { readUsedContents } from './list-version-rows.ts';
import { ListVersions } from './list-versions.ts';
import { readMeta, readRevision, writeMeta } from './meta.ts';
import { migrate } from './migrations.ts';
import { OwnLists } from './own-lists.ts';
import { planChanges, planRemoval } from './plan-changes.ts';
import { listChanges, type PlannedChanges, readStock } from './planned-changes.ts';
import { type ProfileOwner, readProfileNumbers, readProfileOwners } from './profile-owners.ts';
import { type ReadDocument, readDocument } from './read-document.ts';
import {
  BATCH_ROWS,
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
  type AnswerDocument,
  auditedRequest,
  closeRequest,
  findOpenRequest,
  insertRequest,
  readRequests,
  removeRequests,
  type RequestDocument,
  type RequestFilter,
  type StoredRequest,
} from './requests.ts';
import {
  documentWithRule,
  readRulePage,
  type Rule,
  type RuleChange,
  type RulePageOptions,
} from './rules.ts';
import type { AuditRow, Db, Role } from './schema.ts';
import {
  type AddressChange,
  expireSessions,
  readSessionPage,
  type Session,
  type SessionChanges,
  type SessionPageOptions,
  writeSessions,
} from './sessions.ts';
import { followShipped, type Shipped } from './shipped.ts';
import { sweepEnded } from './sweep.ts';
import {
  adoptTokenFile,
  ensureFirstToken,
  FIRST_START_ACTOR,
  findToken,
  type HashedToken,
  insertToken,
  readTokens,
  removeToken,
  SHIPPED_ACTOR,
  type Token,
} from './tokens.ts';
import { writeChanges } from './write-changes.ts';
import type { WriteContext } from './write-context.ts';

/** What a result shows one by one; counts are always complete. */
const CHANGES_SHOWN_MAX = 1_000;
/** Of a write that is about no list. */
const NO_LISTS: JudgedLists = { settled: [], reports: new Map(), held: [], proposals: [] };

export interface StoreOptions {
  readonly clock?: Clock;
  /** An admin token that the operator keeps; its file stays the truth, and no other is made. */
  readonly adminTokenFile?: string;
  /** No API will be served: tokens are left to the next start of the server. */
  readonly isOffline?: boolean;
  /** Reads the ids of the engines of safe search that there are; left out: documents may name any. */
  readonly engines?: () => readonly string[];
}

export interface ApplyOptions {
  readonly isDryRun: boolean;
  /** Also remove what the document's sections do not name. */
  readonly isPruning: boolean;
}

export interface ApplyResult {
  /** The revision that holds the change; the present one where nothing changed. */
  readonly revision: number;
  readonly isDryRun: boolean;
  readonly counts: ChangeCounts;
  /** The first thousand. */
  readonly changes: readonly Change[];
  /** Reports of lists with new content, by id. */
  readonly listReports: Readonly<Record<string, ListReport>>;
  /** Lists that keep what they have, since their new content waits for somebody. */
  readonly held: readonly HeldList[];
}

/** The revision that holds a change, and what became of its object. */
export type GrantResult = { readonly revision: number; readonly grant: StoredGrant };
export interface RequestResult {
  readonly revision: number;
  readonly request: StoredRequest;
  /** Of an approval for a time; else null. */
  readonly grant: StoredGrant | null;
}

/** Whose records are deleted. */
export interface Deletion {
  readonly subscriber: string;
  /** Null = the whole household. */
  readonly profile: string | null;
}

/** Rows by what they are about, before and after. */
export interface DeletionCounts<Counts> {
  readonly before: Counts;
  readonly after: Counts;
}

interface PreparedDocument {
  readonly document: ReadDocument;
  readonly faults: readonly string[];
  readonly looks: ListLooks;
  /** What ships with Stairgate passes the gate as it is. */
  readonly isTrusted: boolean;
}

export class Store {
  readonly dataDir: string;
  readonly contents: ListContents;
  /** Contents of lists as they come and go. */
  readonly listVersions: ListVersions;
  readonly ownLists: OwnLists;
  /** Minutes of budgets, which the query log counts. */
  readonly budgetDays: BudgetDays;
  /** Of the over-blocking desk. */
  readonly appeals: Appeals;
  /** For reads that have no method here; writes go through the methods. */
  readonly db: Db;
  readonly #lock: FolderLock;
  readonly #inspector: ContentInspector;
  readonly #clock: Clock;
  readonly #engines: (() => readonly string[]) | null;
  #revision = 0;
  #tokens: readonly HashedToken[] = [];
  #lastWrite: Promise<unknown> = Promise.resolve();

  private constructor(
    dataDir: string,
    db: Db,
    lock: FolderLock,
    inspector: ContentInspector,
    { clock = systemClock, engines }: StoreOptions,
  ) {
    this.dataDir = dataDir;
    this.contents = new ListContents(dataDir);
    this.db = db;
    this.budgetDays = new BudgetDays(
      db,
      (work) => this.#enqueue(() => db.transaction().execute(work)),
      () => this.#nowSeconds(),
    );
    this.appeals = new Appeals(db, {
      write: (work) => this.#enqueue(() => db.transaction().execute(work)),
      audit: (tx, actor, entry) =>
        appendAudit(tx, this.#auditContext(this.#revision, { actor }), [entry]),
      nowSeconds: () => this.#nowSeconds(),
    });
    const access: StoreAccess = {
      contents: this.contents,
      inspector,
      read: (work) => this.#read(work),
      write: (context, work) => this.#write(context, work),
      audit: (tx, revision, context, entries) => this.#audit(tx, revision, context, entries),
      revision: () => this.#revision,
      now: () => this.#now(),
      nowSeconds: () => this.#nowSeconds(),
    };
    this.ownLists = new OwnLists(access);
    this.listVersions = new ListVersions(access, this.ownLists);
    this.#lock = lock;
    this.#inspector = inspector;
    this.#clock = clock;
    this.#engines = engines ?? null;
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
    await this.#lastWrite.catch(() => undefined);
    await this.db.destroy();
    this.#lock.release();
  }

  /** The newest revision; 0 = nothing was ever written. */
  get revision(): number {
    return this.#revision;
  }

  /**
   * Brings the store to what a document says.
   * @param document anything; all faults are found before anything is written
   * @throws AppError `DOCUMENT_INVALID` with every fault, `PRECONDITION_FAILED`, `LISTS_CHANGED`
   */
  async applyDocument(
    document: unknown,
    context: WriteContext,
    options: Partial<ApplyOptions> = {},
  ): Promise<ApplyResult> {
    return this.#writeDocument(document, context, false, (tx, prepared) =>
      this.#apply(tx, prepared, context, { isDryRun: false, isPruning: false, ...options }, false),
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
    await this.#writeDocument(document, context, true, async (tx, prepared) => {
      const options = { isDryRun: false, isPruning: false };
      const { shipped } = followShipped(prepared.document, await readStock(tx), {});
      const result = await this.#apply(tx, prepared, context, options, true);
      await writeMeta(tx, 'seeded', this.#now());
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
    const options = { isDryRun: false, isPruning: false };
    const shippedDocument = makeDocument();
    await this.#writeDocument(shippedDocument, context, true, async (tx, prepared) => {
      const last = JSON.parse((await readMeta(tx, 'shipped')) ?? '{}') as Shipped;
      const { document, shipped } = followShipped(prepared.document, await readStock(tx), last);
      const result = await this.#apply(tx, { ...prepared, document }, context, options, false);
      await writeMeta(tx, 'shipped', JSON.stringify(shipped));
      await writeMeta(tx, 'shippedFiles', filesDigest);
      return result;
    });
  }

  /** @throws AppError `RESOURCE_UNKNOWN`, `RESOURCE_IN_USE`, `PRECONDITION_FAILED` */
  async remove(kind: ResourceKind, id: string, context: WriteContext): Promise<ApplyResult> {
    return this.#write(context, async (tx) => {
      const faults: string[] = [];
      const planned = await planRemoval(tx, kind, id, faults);
      if (listChanges(planned).length === 0) throw unknownResource(kind, id);
      if (faults.length > 0) {
        throw new AppError('RESOURCE_IN_USE', `Removing a ${kind}: ${faults.join('; ')}`);
      }
      return this.#commitChanges(tx, planned, NO_LISTS, context, false);
    });
  }

  /** Adds a name to the rules of a plan, a subscriber or a profile, or takes it away. */
  async changeRule(change: RuleChange, context: WriteContext): Promise<ApplyResult> {
    return this.#write(context, async (tx) => {
      const options = { isDryRun: false, isPruning: false };
      const prepared = await this.#readDocument(await documentWithRule(tx, change));
      return this.#apply(tx, prepared, context, options, false);
    });
  }

  /** Opens something for a time. Errors as those of `applyDocument`. */
  grant(document: GrantDocument, context: WriteContext): Promise<GrantResult> {
    return this.#changeGrants('create', context, (tx, moment) => insertGrant(tx, document, moment));
  }

  /** Switches the internet off for a time. */
  pause(document: PauseDocument, context: WriteContext): Promise<GrantResult> {
    return this.#changeGrants('create', context, (tx, moment) => insertPause(tx, document, moment));
  }

  /** Ends a grant or a pause now. */
  endGrant(id: string, context: WriteContext): Promise<GrantResult> {
    return this.#changeGrants('delete', context, (tx, { nowSeconds }) =>
      removeGrant(tx, id, nowSeconds),
    );
  }

  /** Those that have not ended. */
  grants(filter: Omit<GrantFilter, 'nowSeconds'> = {}): Promise<StoredGrant[]> {
    return this.#read((tx) => readGrants(tx, { ...filter, nowSeconds: this.#nowSeconds() }));
  }

  /** Asks a parent for something. */
  request(document: RequestDocument, context: WriteContext): Promise<RequestResult> {
    return this.#write(context, async (tx) => {
      const { request, isNew } = await insertRequest(tx, document, this.#nowSeconds());
      if (!isNew) return { revision: this.#revision, request, grant: null };
      // Nothing is decided otherwise because somebody asked: no revision, no compilation.
      const revision = this.#revision;
      const entry = { action: 'create', kind: 'request', resource: request.id, before: null };
      await this.#audit(tx, revision, context, [{ ...entry, after: auditedRequest(request) }]);
      return { revision, request, grant: null };
    });
  }

  requests(filter: RequestFilter = {}): Promise<StoredRequest[]> {
    return this.#read((tx) => readRequests(tx, filter));
  }

  /** @throws AppError `REQUEST_ANSWERED` where somebody was faster; else as `grant` */
  answerRequest(
    id: string,
    { answer, ...end }: AnswerDocument,
    context: WriteContext,
  ): Promise<RequestResult> {
    return this.#write(context, async (tx) => {
      const before = await findOpenRequest(tx, id);
      const moment = this.#moment(context);
      // A refusal changes nothing that decides.
      const revision = this.#revision + (answer === 'deny' ? 0 : 1);
      if (answer === 'always') {
        const prepared = await this.#readDocument(await documentOfApproval(tx, before));
        const options = { isDryRun: false, isPruning: false };
        await this.#apply(tx, prepared, context, options, false);
      }
      const grant =
        answer === 'approve' ? await insertGrant(tx, toGrant(before, end), moment) : null;
      const state = answer === 'deny' ? 'denied' : 'approved';
      const request = await closeRequest(tx, before, state, grant?.id ?? null, moment);
      const entries: AuditEntry[] = [
        {
          action: 'update',
          kind: 'request',
          resource: id,
          before: auditedRequest(before),
          after: auditedRequest(request),
        },
      ];
      if (grant !== null) {
        const entry = { action: 'create', kind: 'grant', resource: grant.id };
        entries.push({ ...entry, before: null, after: grant });
      }
      await this.#audit(tx, revision, context, entries);
      return { revision, request, grant };
    });
  }

  /** Notes that the minutes of a day are used up; the policies are compiled with it. */
  noteUsedUp(
    budget: Omit<BudgetDay, 'minutes'>,
    context: WriteContext,
  ): Promise<{ readonly revision: number }> {
    return this.#write(context, async (tx) => {
      const usedUp = await noteUsedUp(tx, budget);
      if (usedUp === null) return { revision: this.#revision };
      const revision = this.#revision + 1;
      const resource = `${usedUp.subscriber}/${usedUp.profile}`;
      const entry = { action: 'used-up', kind: 'budget', resource, before: null, after: usedUp };
      await this.#audit(tx, revision, context, [entry]);
      return { revision };
    });
  }

  /**
   * Takes away rows of what has ended, and contents that no kept version names any more; called every
   * few minutes.
   * @returns how many rows there were
   */
  async sweepEnded(): Promise<number> {
    return this.#enqueue(async () => {
      const ended = await this.db.transaction().execute((tx) => sweepEnded(tx, this.#nowSeconds()));
      // Last, so that a fault of the folder keeps no row.
      await this.contents.removeUnused(await readUsedContents(this.db), this.#clock.wallMs());
      return ended;
    });
  }

  /** Everything as one document; applying it changes nothing. */
  async exportDocument(): Promise<Required<PolicyDocument>> {
    return this.#read(async (tx) => {
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
        lists: [...(await readLists(tx)).values()].map(({ record }) => record),
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
    return readAddressPages(this.db, this.#nowSeconds());
  }

  /** Ids of all categories by their bit, services among them. */
  categoryIds(): Promise<Map<number, string>> {
    return this.#read(readCategoryIds);
  }

  /** Those that are no services. */
  categories(): Promise<Map<string, StoredCategory>> {
    return this.#read(readCategories);
  }

  lists(): Promise<Map<string, StoredList>> {
    return this.#read(readLists);
  }

  services(): Promise<Map<string, StoredService>> {
    return this.#read(readServices);
  }

  plans(): Promise<Map<string, StoredPlan>> {
    return this.#read(readPlans);
  }

  async subscriber(id: string): Promise<StoredSubscriber | null> {
    return this.#read(async (tx) => (await readSubscribers(tx, [id])).get(id) ?? null);
  }

  /** Whose profile numbers these are; those of nobody are left out. */
  profileOwners(numbers: readonly number[]): Promise<Map<number, ProfileOwner>> {
    return this.#read((tx) => readProfileOwners(tx, numbers));
  }

  subscriberPage(options: SubscriberPageOptions): Promise<StoredSubscriber[]> {
    return this.#read((tx) => readSubscriberPage(tx, options));
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
    return this.#read((tx) => readRulePage(tx, options));
  }

  /** Saved when this returns; the changes go on into the live subscriber table. */
  async putSessions(changes: SessionChanges): Promise<readonly AddressChange[]> {
    return this.#changeSessions((tx) => writeSessions(tx, changes, this.#nowSeconds()));
  }

  /**
   * Ends all sessions whose time is over; called every few seconds. Yields where the prefixes of one
   * saved batch lead now.
   */
  async *expireSessions(): AsyncGenerator<readonly AddressChange[]> {
    for (;;) {
      const changes = await this.#changeSessions((tx) => expireSessions(tx, this.#nowSeconds()));
      if (changes.length === 0) return;
      yield changes;
      await breathe();
    }
  }

  sessionPage(options: SessionPageOptions): Promise<Session[]> {
    return this.#read((tx) => readSessionPage(tx, options));
  }

  tokens(): readonly Token[] {
    return this.#tokens.map(({ id, role, createdAt }) => ({ id, role, createdAt }));
  }

  /** Whose secret this is; null = nobody's. */
  authenticate(secret: string): Token | null {
    return findToken(this.#tokens, secret);
  }

  /** @returns the secret, shown this once */
  async createToken(id: string, role: Role, context: WriteContext): Promise<string> {
    const secret = await this.#enqueue(async () =>
      this.db.transaction().execute(async (tx) => {
        const created = await insertToken(tx, id, role, this.#now());
        await this.#auditToken(tx, 'create', context, { id, role });
        return created;
      }),
    );
    this.#tokens = await readTokens(this.db);
    return secret;
  }

  /** @throws AppError `TOKEN_UNKNOWN`, `TOKEN_LAST_ADMIN` */
  async removeToken(id: string, context: WriteContext): Promise<void> {
    await this.#enqueue(async () =>
      this.db.transaction().execute(async (tx) => {
        const { role } = await removeToken(tx, id);
        await this.#auditToken(tx, 'delete', context, { id, role });
      }),
    );
    this.#tokens = await readTokens(this.db);
  }

  auditPage(options: AuditPageOptions): Promise<AuditRow[]> {
    return this.#read((tx) => readAuditPage(tx, options));
  }

  verifyAudit(): Promise<AuditVerdict> {
    return this.#read(verifyAudit);
  }

  /**
   * Writes a subscriber anew from what it is when its turn comes, so that no write is lost.
   * @param change the document as it shall be; what it throws is thrown on
   */
  async changeSubscriber(
    id: string,
    change: (record: RecordOf['subscriber']) => unknown,
    context: WriteContext,
  ): Promise<ApplyResult> {
    return this.#write(context, async (tx) => {
      const stored = (await readSubscribers(tx, [id])).get(id);
      if (stored === undefined) throw unknownResource('subscriber', id);
      const prepared = await this.#readDocument({ subscribers: [change(stored.record)] });
      const options = { isDryRun: false, isPruning: false };
      return this.#apply(tx, prepared, context, options, false);
    });
  }

  /** Profile numbers of a household by id of the profile; null = its own. Empty: there is none. */
  profileNumbers(subscriber: string): Promise<Map<string | null, number>> {
    return this.#read((tx) => readProfileNumbers(tx, subscriber));
  }

  /**
   * Notes in the audit log that what was written down of somebody is about to be deleted: where no
   * `finishDeletion` follows, it was cut short and is to be asked for again.
   */
  async beginDeletion(deletion: Deletion, context: WriteContext): Promise<void> {
    await this.#enqueue(() =>
      this.db
        .transaction()
        .execute((tx) => this.#auditDeletion(tx, 'begin-delete', deletion, null, context)),
    );
  }

  /**
   * Deletes what is written down here, requests, and notes what is gone.
   * @param counts of what was deleted elsewhere
   * @returns the counts of all of it
   */
  async finishDeletion<Counts extends object>(
    deletion: Deletion,
    { before, after }: DeletionCounts<Counts>,
    context: WriteContext,
  ): Promise<DeletionCounts<Counts & { readonly requests: number }>> {
    return this.#enqueue(() =>
      withoutTraces(this.db, () =>
        this.db.transaction().execute(async (tx) => {
          const requests = await removeRequests(tx, deletion.subscriber, deletion.profile);
          const counts = {
            before: { ...before, requests: requests.before },
            after: { ...after, requests: requests.after },
          };
          await this.#auditDeletion(tx, 'delete', deletion, counts, context);
          return counts;
        }),
      ),
    );
  }

  async #prepare(options: StoreOptions): Promise<void> {
    await migrate(this.db);
    await this.appeals.load();
    await this.db.transaction().execute(async (tx) => {
      if (options.isOffline === true) return;
      if (options.adminTokenFile === undefined) {
        await ensureFirstToken(tx, this.dataDir, this.#now());
      } else {
        await adoptTokenFile(tx, options.adminTokenFile, this.#now());
      }
    });
    this.#tokens = await readTokens(this.db);
    this.#revision = await readRevision(this.db);
    await this.contents.removeUnused(await readUsedContents(this.db), this.#clock.wallMs());
  }

  async #apply(
    tx: Db,
    { document, faults: formFaults, looks, isTrusted }: PreparedDocument,
    context: WriteContext,
    options: ApplyOptions,
    isSeeding: boolean,
  ): Promise<ApplyResult> {
    const faults = [...formFaults];
    const judged =
      document.lists === null
        ? NO_LISTS
        : await judgeLists(tx, document.lists, looks, isTrusted, faults);
    const settled = document.lists === null ? document : { ...document, lists: judged.settled };
    const planned = await planChanges(tx, settled, this.contents, options.isPruning, faults);
    throwFaults(faults);
    if (options.isDryRun) return this.#result(planned, judged, judged.held, true);
    return this.#commitChanges(tx, planned, judged, context, isSeeding);
  }

  async #commitChanges(
    tx: Db,
    planned: PlannedChanges,
    judged: JudgedLists,
    context: WriteContext,
    isSeeding: boolean,
  ): Promise<ApplyResult> {
    const changes = listChanges(planned);
    const revision = this.#revision + (changes.length === 0 ? 0 : 1);
    if (changes.length > 0) await writeChanges(tx, planned, { revision, isSeeding });
    const moment = { actor: context.actor, at: this.#now(), revision };
    const { held, entries } = await applyLists(tx, judged, moment);
    const audited = [...changes.map(toAuditEntry), ...entries];
    if (audited.length > 0) await this.#audit(tx, revision, context, audited);
    return { ...this.#result(planned, judged, held, false), revision };
  }

  #result(
    planned: PlannedChanges,
    { reports }: JudgedLists,
    held: readonly HeldList[],
    isDryRun: boolean,
  ): ApplyResult {
    const changes = listChanges(planned);
    return {
      revision: this.#revision,
      isDryRun,
      counts: countChanges(changes),
      changes: changes.slice(0, CHANGES_SHOWN_MAX),
      listReports: Object.fromEntries(reports),
      held,
    };
  }

  /** Writes what a document says, once all its lists are looked at. */
  async #writeDocument(
    value: unknown,
    context: WriteContext,
    isTrusted: boolean,
    work: (tx: Db, prepared: PreparedDocument) => Promise<ApplyResult>,
  ): Promise<ApplyResult> {
    const prepared = { ...(await this.#readDocument(value)), isTrusted };
    const { document, looks } = prepared;
    return untilLooked(async () => {
      if (document.lists !== null) {
        const ground = await this.#read(readGround);
        await looks.prepare(candidatesOf(document.lists, ground, isTrusted), ground);
      }
      return this.#write(context, (tx) => work(tx, prepared));
    });
  }

  async #readDocument(value: unknown): Promise<PreparedDocument> {
    const faults: string[] = [];
    const document = await readDocument(value, faults);
    if (this.#engines !== null) await checkEngines(document, this.#engines, faults);
    const looks = new ListLooks(this.contents, this.#inspector);
    return { document, faults, looks, isTrusted: false };
  }

  async #changeGrants(
    action: 'create' | 'delete',
    context: WriteContext,
    work: (tx: Db, moment: Moment) => Promise<StoredGrant>,
  ): Promise<GrantResult> {
    return this.#write(context, async (tx) => {
      const grant = await work(tx, this.#moment(context));
      const revision = this.#revision + 1;
      const isCreated = action === 'create';
      const states = isCreated ? { before: null, after: grant } : { before: grant, after: null };
      const entry = { action, kind: grant.kind, resource: grant.id, ...states };
      await this.#audit(tx, revision, context, [entry]);
      return { revision, grant };
    });
  }

  async #write<Result extends { readonly revision: number; readonly isDryRun?: boolean }>(
    context: WriteContext,
    work: (tx: Db) => Promise<Result>,
  ): Promise<Result> {
    return this.#enqueue(async () => {
      const result = await this.db.transaction().execute(async (tx) => {
        const answer = context.idempotency ? await findAnswer(tx, context.idempotency) : null;
        if (answer !== null) return JSON.parse(answer) as Result;
        if (context.expectation) await checkExpectation(tx, context.expectation);
        const done = await work(tx);
        if (context.idempotency && done.isDryRun !== true) {
          await saveAnswer(tx, context.idempotency, JSON.stringify(done), this.#nowSeconds());
        }
        return done;
      });
      this.#revision = Math.max(this.#revision, result.revision);
      return result;
    });
  }

  async #changeSessions(
    work: (tx: Db) => Promise<readonly AddressChange[]>,
  ): Promise<readonly AddressChange[]> {
    return this.#enqueue(() => this.db.transaction().execute(work));
  }

  async #auditDeletion(
    tx: Db,
    action: 'begin-delete' | 'delete',
    { subscriber, profile }: Deletion,
    counts: DeletionCounts<object> | null,
    context: WriteContext,
  ): Promise<void> {
    const resource = profile === null ? subscriber : `${subscriber}/${profile}`;
    const { before, after } = counts ?? { before: null, after: null };
    const entry = { action, kind: 'records', resource, before, after };
    await appendAudit(tx, this.#auditContext(this.#revision, context), [entry]);
  }

  async #auditToken(
    tx: Db,
    action: 'create' | 'delete',
    context: WriteContext,
    token: { id: string; role: Role },
  ): Promise<void> {
    const before = action === 'delete' ? token : null;
    const after = action === 'create' ? token : null;
    const entry = { action, kind: 'token', resource: token.id, before, after };
    await appendAudit(tx, this.#auditContext(this.#revision, context), [entry]);
  }

  async #audit(
    tx: Db,
    revision: number,
    context: WriteContext,
    entries: readonly AuditEntry[],
  ): Promise<void> {
    await appendAudit(tx, this.#auditContext(revision, context), entries);
    await writeMeta(tx, 'revision', String(revision));
  }

  #auditContext(
    revision: number,
    context: WriteContext,
  ): { revision: number; at: string; actor: string } {
    return { revision, at: this.#now(), actor: context.actor };
  }

  /** Writes follow one another, so that each plans on what the one before has left. */
  async #enqueue<Result>(work: () => Promise<Result>): Promise<Result> {
    const turn = this.#lastWrite.then(work, work);
    this.#lastWrite = turn.catch(() => undefined);
    try {
      return await turn;
    } catch (error) {
      throw toStoreError(error);
    }
  }

  async #read<Result>(work: (tx: Db) => Promise<Result>): Promise<Result> {
    try {
      return await this.db.transaction().execute(work);
    } catch (error) {
      throw toStoreError(error);
    }
  }

  #moment({ actor }: WriteContext): Moment {
    return { who: actor, nowSeconds: this.#nowSeconds() };
  }

  #now(): string {
    return new Date(this.#clock.wallMs()).toISOString();
  }

  #nowSeconds(): number {
    return Math.floor(this.#clock.wallMs() / 1000);
  }
}

/** The grant that an approval for a time makes. */
function toGrant(request: StoredRequest, end: Omit<AnswerDocument, 'answer'>): GrantDocument {
  const { subscriber, profile, target, names } = request;
  return {
    subscriber,
    ...(profile === null ? {} : { profile }),
    target,
    ...(names === undefined ? {} : { names: [...names] }),
    ...end,
  };
}

function unknownResource(kind: string, id: string): AppError {
  return new AppError('RESOURCE_UNKNOWN', `There is no ${kind} "${id}"`);
}
