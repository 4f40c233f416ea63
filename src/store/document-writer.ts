/**
 * Brings the store to what a document says. All faults are found before anything is written.
 *
 *     document ─▶ read ─▶ look at new lists (outside of the transaction) ─▶ gate ─▶ plan
 *              ─▶ rows ─▶ audit ─▶ what was changed
 */

import { toAuditEntry } from './audit-entries.ts';
import { type Change, type ChangeCounts, countChanges, throwFaults } from './changes.ts';
import { checkEngines } from './engine-checks.ts';
import {
  applyLists,
  candidatesOf,
  type HeldList,
  judgeLists,
  type JudgedLists,
} from './list-changes.ts';
import { ListLooks, readGround, untilLooked } from './list-looks.ts';
import type { AppliedReport } from './list-report.ts';
import { planChanges } from './plan-changes.ts';
import { listChanges, type PlannedChanges } from './planned-changes.ts';
import { type ReadDocument, readDocument } from './read-document.ts';
import type { Db } from './schema.ts';
import type { StoreAccess } from './store-access.ts';
import { writeChanges } from './write-changes.ts';
import type { WriteContext } from './write-context.ts';

/** What a result shows one by one; counts are always complete. */
const CHANGES_SHOWN_MAX = 1_000;
/** Of a write that is about no list. */
const NO_LISTS: JudgedLists = { settled: [], reports: new Map(), held: [], proposals: [] };

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
  readonly listReports: Readonly<Record<string, AppliedReport>>;
  /** Lists that keep what they have, since their new content waits for somebody. */
  readonly held: readonly HeldList[];
}

export interface PreparedDocument {
  readonly document: ReadDocument;
  readonly faults: readonly string[];
  readonly looks: ListLooks;
  /** What ships with Stairgate passes the gate as it is. */
  readonly isTrusted: boolean;
}

interface SeedOptions {
  /** Of the first start: subscribers written now are the seeded catch-alls. */
  readonly isSeeding?: boolean;
}

interface CommitOptions extends SeedOptions {
  /** What the gate said of the lists. */
  readonly judged?: JudgedLists;
}

export class DocumentWriter {
  readonly #store: StoreAccess;
  readonly #engines: (() => readonly string[]) | null;

  constructor(store: StoreAccess, engines: (() => readonly string[]) | null) {
    this.#store = store;
    this.#engines = engines;
  }

  /** A write of its own: the work is called once all lists of the document are looked at. */
  async write(
    value: unknown,
    context: WriteContext,
    isTrusted: boolean,
    work: (tx: Db, prepared: PreparedDocument) => Promise<ApplyResult>,
  ): Promise<ApplyResult> {
    const prepared = { ...(await this.#read(value)), isTrusted };
    const { document, looks } = prepared;
    const attempt = async (): Promise<ApplyResult> => {
      if (document.lists !== null) {
        const ground = await this.#store.read(readGround);
        await looks.prepare(candidatesOf(document.lists, ground, isTrusted), ground);
      }
      return this.#store.write(context, (tx) => work(tx, prepared));
    };
    const contents = (document.lists ?? []).flatMap(({ record }) => record.contentSha256 ?? []);
    return this.#store.usingContents(contents, looks.unwanted, () => untilLooked(attempt));
  }

  /** As a part of a write: a document without lists. */
  async applyWithin(tx: Db, value: unknown, context: WriteContext): Promise<ApplyResult> {
    return this.apply(tx, await this.#read(value), context);
  }

  async apply(
    tx: Db,
    { document, faults: formFaults, looks, isTrusted }: PreparedDocument,
    context: WriteContext,
    {
      isDryRun = false,
      isPruning = false,
      isSeeding = false,
    }: Partial<ApplyOptions> & SeedOptions = {},
  ): Promise<ApplyResult> {
    const faults = [...formFaults];
    const options = { isTrusted, sealedApprovals: this.#store.sealedApprovals() };
    const judged =
      document.lists === null
        ? NO_LISTS
        : await judgeLists(tx, document.lists, looks, options, faults);
    const settled = document.lists === null ? document : { ...document, lists: judged.settled };
    const planned = await planChanges(tx, settled, this.#store.contents, isPruning, faults);
    throwFaults(faults);
    if (isDryRun) return this.#result(planned, judged, judged.held, true);
    return this.commit(tx, planned, context, { judged, isSeeding });
  }

  /** Writes what was planned. */
  async commit(
    tx: Db,
    planned: PlannedChanges,
    context: WriteContext,
    { judged = NO_LISTS, isSeeding = false }: CommitOptions = {},
  ): Promise<ApplyResult> {
    const changes = listChanges(planned);
    const revision = this.#store.revision() + (changes.length === 0 ? 0 : 1);
    if (changes.length > 0) await writeChanges(tx, planned, { revision, isSeeding });
    const moment = { actor: context.actor, at: this.#store.now(), revision };
    const { held, entries } = await applyLists(tx, judged, moment);
    const audited = [...changes.map(toAuditEntry), ...entries];
    if (audited.length > 0) await this.#store.audit(tx, revision, context, audited);
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
      revision: this.#store.revision(),
      isDryRun,
      counts: countChanges(changes),
      changes: changes.slice(0, CHANGES_SHOWN_MAX),
      listReports: Object.fromEntries(reports),
      held,
    };
  }

  async #read(value: unknown): Promise<PreparedDocument> {
    const faults: string[] = [];
    const document = await readDocument(value, faults);
    if (this.#engines !== null) await checkEngines(document, this.#engines, faults);
    const looks = new ListLooks(this.#store.contents, this.#store.inspector);
    return { document, faults, looks, isTrusted: false };
  }
}
