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
import {
  appendAudit,
  type AuditEntry,
  type AuditPageOptions,
  type AuditVerdict,
  readAuditPage,
  verifyAudit,
} from './audit.ts';
import { breathe } from './breathe.ts';
import type { RecordOf } from './canonical.ts';
import { type Change, type ChangeCounts, countChanges, throwFaults } from './changes.ts';
import {
  type AddressPage,
  type CompileInput,
  readAddressPages,
  readCompileInput,
} from './compile-input.ts';
import { type FolderLock, lockDataFolder, prepareDataFolder } from './data-folder.ts';
import { openDatabase, toStoreError } from './database.ts';
import type { PolicyDocument, ResourceKind } from './document.ts';
import { findAnswer, type IdempotencyKey, saveAnswer } from './idempotency.ts';
import { ListContents } from './list-contents.ts';
import type { ContentInspector, ListReport } from './list-report.ts';
import { readMeta, readRevision, writeMeta } from './meta.ts';
import { migrate } from './migrations.ts';
import { listChanges, planChanges, type PlannedChanges, planRemoval } from './plan-changes.ts';
import { type ReadDocument, readDocument } from './read-document.ts';
import {
  BATCH_ROWS,
  readCategories,
  readLists,
  readPlans,
  readSubscriberPage,
  readSubscribers,
  type Stored,
  type StoredCategory,
  type StoredList,
  type StoredPlan,
  type StoredSubscriber,
  type SubscriberPageOptions,
} from './records.ts';
import { canonicalName } from './rule-name.ts';
import { readRulePage, type Rule, type RulePageOptions } from './rules.ts';
import type { AuditRow, Db, Role, RuleAction, RuleOwnerKind } from './schema.ts';
import {
  type AddressChange,
  expireSessions,
  readSessionPage,
  type Session,
  type SessionChanges,
  type SessionPageOptions,
  writeSessions,
} from './sessions.ts';
import {
  adoptTokenFile,
  ensureFirstToken,
  FIRST_START_ACTOR,
  findToken,
  type HashedToken,
  insertToken,
  readTokens,
  removeToken,
  type Token,
} from './tokens.ts';
import { writeChanges } from './write-changes.ts';

/** What a result shows one by one; counts are always complete. */
const CHANGES_SHOWN_MAX = 1_000;

export interface StoreOptions {
  readonly clock?: Clock;
  /** An admin token that the operator keeps; its file stays the truth, and no other is made. */
  readonly adminTokenFile?: string;
  /** No API will be served: tokens are left to the next start of the server. */
  readonly isOffline?: boolean;
}

/** What must still be true of a resource for the write to go ahead (If-Match). */
export interface Expectation {
  readonly kind: ResourceKind;
  readonly id: string;
  /** The revision of its last change; `absent`, `present`. */
  readonly state: number | 'absent' | 'present';
}

export interface WriteContext {
  /** Who: the id of a token, `offline` or `first-start`. */
  readonly actor: string;
  readonly expectation?: Expectation | undefined;
  readonly idempotency?: IdempotencyKey | undefined;
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
}

export interface RuleChange {
  readonly owner: RuleOwnerKind;
  readonly ownerId: string;
  readonly action: RuleAction;
  readonly name: string;
  readonly isAdding: boolean;
}

/** What is said about a content: the report, or why it is refused. */
type Look = ListReport | AppError;

/** Codes of an inspector that speak of the content and not of the inspection. */
const CONTENT_FAULTS = ['LIST_REFUSED', 'CONTENT_DAMAGED'];

interface PreparedDocument {
  readonly document: ReadDocument;
  readonly faults: readonly string[];
  /** Of the contents that are new to their lists, by content and format. */
  readonly looks: ReadonlyMap<string, Look>;
}

export class Store {
  readonly dataDir: string;
  readonly contents: ListContents;
  /** For reads that have no method here; writes go through the methods. */
  readonly db: Db;
  readonly #lock: FolderLock;
  readonly #inspector: ContentInspector;
  readonly #clock: Clock;
  #revision = 0;
  #tokens: readonly HashedToken[] = [];
  #lastWrite: Promise<unknown> = Promise.resolve();

  private constructor(
    dataDir: string,
    db: Db,
    lock: FolderLock,
    inspector: ContentInspector,
    clock: Clock,
  ) {
    this.dataDir = dataDir;
    this.contents = new ListContents(dataDir);
    this.db = db;
    this.#lock = lock;
    this.#inspector = inspector;
    this.#clock = clock;
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
      const store = new Store(dataDir, db, lock, inspector, options.clock ?? systemClock);
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
   * @throws AppError `DOCUMENT_INVALID` with every fault, `PRECONDITION_FAILED`
   */
  async applyDocument(
    document: unknown,
    context: WriteContext,
    options: Partial<ApplyOptions> = {},
  ): Promise<ApplyResult> {
    const prepared = await this.#prepareDocument(document);
    return this.#write(context, (tx) =>
      this.#apply(tx, prepared, context, { isDryRun: false, isPruning: false, ...options }, false),
    );
  }

  /**
   * The document of the first start; nothing happens where that has been.
   * @param makeDocument called only where it is needed
   */
  async seed(makeDocument: () => PolicyDocument): Promise<void> {
    if ((await readMeta(this.db, 'seeded')) !== null) return;
    const prepared = await this.#prepareDocument(makeDocument());
    const context = { actor: FIRST_START_ACTOR };
    await this.#write(context, async (tx) => {
      const options = { isDryRun: false, isPruning: false };
      const result = await this.#apply(tx, prepared, context, options, true);
      await writeMeta(tx, 'seeded', this.#now());
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
      return this.#commitChanges(tx, planned, new Map(), context, false);
    });
  }

  /** Adds a name to the rules of a plan or subscriber, or takes it away. */
  async changeRule(change: RuleChange, context: WriteContext): Promise<ApplyResult> {
    return this.#write(context, async (tx) => {
      const stored =
        change.owner === 'plan'
          ? (await readPlans(tx)).get(change.ownerId)
          : (await readSubscribers(tx, [change.ownerId])).get(change.ownerId);
      if (stored === undefined) throw unknownResource(change.owner, change.ownerId);
      const given = canonicalName(change.name) ?? change.name;
      const names = (stored.record[change.action] ?? []).filter((name) => name !== given);
      if (change.isAdding) names.push(given);
      const document = { ...stored.record, [change.action]: names };
      const section = change.owner === 'plan' ? 'plans' : 'subscribers';
      const options = { isDryRun: false, isPruning: false };
      const prepared = await this.#prepareDocument({ [section]: [document] });
      return this.#apply(tx, prepared, context, options, false);
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

  categories(): Promise<Map<string, StoredCategory>> {
    return this.#read(readCategories);
  }

  lists(): Promise<Map<string, StoredList>> {
    return this.#read(readLists);
  }

  plans(): Promise<Map<string, StoredPlan>> {
    return this.#read(readPlans);
  }

  async subscriber(id: string): Promise<StoredSubscriber | null> {
    return this.#read(async (tx) => (await readSubscribers(tx, [id])).get(id) ?? null);
  }

  /** The external id of a profile number, for `explain`. */
  async subscriberOfProfile(profile: number): Promise<{ id: string; plan: string } | null> {
    const row = await this.db
      .selectFrom('subscribers')
      .innerJoin('plans', 'plans.number', 'subscribers.plan')
      .select(['subscribers.id as id', 'plans.id as plan'])
      .where('subscribers.number', '=', profile)
      .executeTakeFirst();
    return row ?? null;
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

  async #prepare(options: StoreOptions): Promise<void> {
    await migrate(this.db);
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
    const used = new Set(
      [...(await readLists(this.db)).values()].map(({ record }) => record.contentSha256),
    );
    await this.contents.removeUnused(used, this.#clock.wallMs());
  }

  async #apply(
    tx: Db,
    { document, faults: formFaults, looks }: PreparedDocument,
    context: WriteContext,
    options: ApplyOptions,
    isSeeding: boolean,
  ): Promise<ApplyResult> {
    const faults = [...formFaults];
    const reports = await this.#reportLists(tx, document, looks, faults);
    const planned = await planChanges(tx, document, this.contents, options.isPruning, faults);
    throwFaults(faults);
    if (options.isDryRun) return this.#result(planned, reports, true);
    return this.#commitChanges(tx, planned, reports, context, isSeeding);
  }

  async #commitChanges(
    tx: Db,
    planned: PlannedChanges,
    reports: ReadonlyMap<string, ListReport>,
    context: WriteContext,
    isSeeding: boolean,
  ): Promise<ApplyResult> {
    const changes = listChanges(planned);
    if (changes.length === 0) return this.#result(planned, reports, false);
    const revision = this.#revision + 1;
    await writeChanges(tx, planned, { revision, reports, isSeeding });
    await this.#audit(tx, revision, context, changes.map(toAuditEntry));
    return { ...this.#result(planned, reports, false), revision };
  }

  #result(
    planned: PlannedChanges,
    reports: ReadonlyMap<string, ListReport>,
    isDryRun: boolean,
  ): ApplyResult {
    const changes = listChanges(planned);
    return {
      revision: this.#revision,
      isDryRun,
      counts: countChanges(changes),
      changes: changes.slice(0, CHANGES_SHOWN_MAX),
      listReports: Object.fromEntries(reports),
    };
  }

  /**
   * All of a document that needs no transaction, done before its turn comes: reading a large list
   * takes a second, in which other writes and all reads go on.
   */
  async #prepareDocument(value: unknown): Promise<PreparedDocument> {
    const faults: string[] = [];
    const document = await readDocument(value, faults);
    const looks = new Map<string, Look>();
    if (document.lists === null) return { document, faults, looks };
    const stored = await this.lists();
    for (const { record } of document.lists) {
      const isKnown = knownReport(stored, record) !== null || looks.has(contentKeyOf(record));
      if (isKnown || !this.contents.has(record.contentSha256)) continue;
      looks.set(contentKeyOf(record), await this.#lookAt(record));
    }
    return { document, faults, looks };
  }

  /** Reports of all lists that the document changes; a refused content is a fault. */
  async #reportLists(
    tx: Db,
    document: ReadDocument,
    looks: ReadonlyMap<string, Look>,
    faults: string[],
  ): Promise<Map<string, ListReport>> {
    const stored = await readLists(tx);
    const reports = new Map<string, ListReport>();
    for (const { record, path } of document.lists ?? []) {
      if (!this.contents.has(record.contentSha256)) continue;
      // Looked at now where the row was as the document has it, until a write came between.
      const look =
        knownReport(stored, record) ??
        looks.get(contentKeyOf(record)) ??
        (await this.#lookAt(record));
      if (look instanceof AppError) faults.push(`${path}: ${look.message}`);
      else reports.set(record.id, look);
    }
    return reports;
  }

  async #lookAt({ contentSha256, format }: RecordOf['list']): Promise<Look> {
    try {
      return await this.#inspector.inspect(this.contents.locate(contentSha256), format ?? null);
    } catch (error) {
      if (error instanceof AppError && CONTENT_FAULTS.includes(error.code)) return error;
      throw error;
    }
  }

  async #write(
    context: WriteContext,
    work: (tx: Db) => Promise<ApplyResult>,
  ): Promise<ApplyResult> {
    return this.#enqueue(async () => {
      const result = await this.db.transaction().execute(async (tx) => {
        const answer = context.idempotency ? await findAnswer(tx, context.idempotency) : null;
        if (answer !== null) return JSON.parse(answer) as ApplyResult;
        if (context.expectation) await checkExpectation(tx, context.expectation);
        const done = await work(tx);
        if (context.idempotency && !done.isDryRun) {
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

  #now(): string {
    return new Date(this.#clock.wallMs()).toISOString();
  }

  #nowSeconds(): number {
    return Math.floor(this.#clock.wallMs() / 1000);
  }
}

/** The report of a list that has this content already, or null. */
function knownReport(
  stored: ReadonlyMap<string, StoredList>,
  record: RecordOf['list'],
): ListReport | null {
  const before = stored.get(record.id);
  const isSame =
    before?.record.contentSha256 === record.contentSha256 && before.record.format === record.format;
  return isSame ? before.report : null;
}

function contentKeyOf({ contentSha256, format }: RecordOf['list']): string {
  return `${contentSha256} ${format ?? ''}`;
}

function toAuditEntry(change: Change): AuditEntry {
  const { action, kind, id, before, after } = change;
  return { action, kind, resource: id, before, after };
}

async function checkExpectation(tx: Db, expectation: Expectation): Promise<void> {
  const { kind, id, state } = expectation;
  const stored = await findStored(tx, kind, id);
  const isMet =
    state === 'absent'
      ? stored === undefined
      : stored !== undefined && (state === 'present' || state === stored.revision);
  if (isMet) return;
  const actual = stored === undefined ? 'does not exist' : `is at revision ${stored.revision}`;
  throw new AppError(
    'PRECONDITION_FAILED',
    `Writing ${kind} "${id}": it ${actual}, expected was ${typeof state === 'number' ? `revision ${state}` : state}; read it again`,
  );
}

async function findStored(
  tx: Db,
  kind: ResourceKind,
  id: string,
): Promise<Stored<unknown> | undefined> {
  if (kind === 'category') return (await readCategories(tx)).get(id);
  if (kind === 'list') return (await readLists(tx)).get(id);
  if (kind === 'plan') return (await readPlans(tx)).get(id);
  return (await readSubscribers(tx, [id])).get(id);
}

function unknownResource(kind: string, id: string): AppError {
  return new AppError('RESOURCE_UNKNOWN', `There is no ${kind} "${id}"`);
}
