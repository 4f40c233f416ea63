/**
 * What the parts of the store share: the database with its queue of writes, the audit log, the newest
 * revision, the clock, and the contents of lists with who looks at them.
 *
 *     write:  wait for the write before ─▶ begin ─▶ seen this key? ─▶ as expected? ─▶ the work: plan,
 *             all faults ─▶ rows ─▶ audit ─▶ revision + 1 ─▶ commit (on disk)
 *
 * A write is all or nothing and, once acknowledged, survives the loss of the process. Reads see whole
 * writes only.
 */

import type { Clock } from '../lib/clock.ts';
import { appendAudit, type AuditEntry } from './audit.ts';
import type { PeopleCount } from './canonical-list.ts';
import { toStoreError } from './database.ts';
import { checkExpectation } from './expectation.ts';
import { findAnswer, saveAnswer } from './idempotency.ts';
import type { ListContents } from './list-contents.ts';
import type { ContentInspector } from './list-report.ts';
import { readUsedContents } from './list-version-rows.ts';
import { readRevision, writeMeta } from './meta.ts';
import type { Db } from './schema.ts';
import type { WriteContext } from './write-context.ts';

export class StoreAccess {
  readonly db: Db;
  readonly contents: ListContents;
  readonly inspector: ContentInspector;
  readonly clock: Clock;
  /** How many people each version of a sealed list needs; a reload may change it. */
  readonly sealedApprovals: () => PeopleCount;
  #revision = 0;
  #lastWrite: Promise<unknown> = Promise.resolve();
  /** Contents that writes under way are about, and how many each. */
  readonly #contentUses = new Map<string, number>();
  readonly #unwanted = new Set<string>();

  constructor(
    db: Db,
    contents: ListContents,
    inspector: ContentInspector,
    clock: Clock,
    sealedApprovals: () => PeopleCount,
  ) {
    this.db = db;
    this.contents = contents;
    this.inspector = inspector;
    this.clock = clock;
    this.sealedApprovals = sealedApprovals;
  }

  /** To be called once the tables are there. */
  async load(): Promise<void> {
    this.#revision = await readRevision(this.db);
  }

  /** Waits for the writes under way, then lets go of the database. */
  async close(): Promise<void> {
    await this.#lastWrite;
    await this.db.destroy();
  }

  /** The newest revision; 0 = nothing was ever written. */
  revision(): number {
    return this.#revision;
  }

  async read<Result>(work: (tx: Db) => Promise<Result>): Promise<Result> {
    try {
      return await this.db.transaction().execute(work);
    } catch (error) {
      throw toStoreError(error);
    }
  }

  /**
   * A write of somebody, in its turn. The work says which revision holds what it did.
   * @throws AppError `PRECONDITION_FAILED`, `IDEMPOTENCY_KEY_REUSED`
   */
  async write<Result extends { readonly revision: number; readonly isDryRun?: boolean }>(
    context: WriteContext,
    work: (tx: Db) => Promise<Result>,
  ): Promise<Result> {
    return this.inTurn(async () => {
      const result = await this.db.transaction().execute(async (tx) => {
        const answer = context.idempotency ? await findAnswer(tx, context.idempotency) : null;
        if (answer !== null) return JSON.parse(answer) as Result;
        if (context.expectation) await checkExpectation(tx, context.expectation);
        const done = await work(tx);
        if (context.idempotency && done.isDryRun !== true) {
          await saveAnswer(tx, context.idempotency, JSON.stringify(done), this.nowSeconds());
        }
        return done;
      });
      // Within the turn: the next one plans on it.
      this.#revision = Math.max(this.#revision, result.revision);
      return result;
    });
  }

  /** A write that makes no revision, in its turn. */
  transact<Result>(work: (tx: Db) => Promise<Result>): Promise<Result> {
    return this.inTurn(() => this.db.transaction().execute(work));
  }

  /** Writes follow one another, so that each plans on what the one before has left. */
  async inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const turn = this.#lastWrite.then(work, work);
    this.#lastWrite = turn.catch(() => undefined);
    try {
      return await turn;
    } catch (error) {
      throw toStoreError(error);
    }
  }

  /**
   * Runs a write that is about contents. Those that it says are unwanted are taken off the disk, but for
   * those that a list or a kept version names, and once no other such write is about them.
   */
  async usingContents<Result>(
    sha256s: readonly string[],
    unwanted: ReadonlySet<string>,
    work: () => Promise<Result>,
  ): Promise<Result> {
    for (const sha256 of sha256s) this.#addUse(sha256, 1);
    try {
      return await work();
    } finally {
      for (const sha256 of unwanted) this.#unwanted.add(sha256);
      for (const sha256 of sha256s) this.#addUse(sha256, -1);
      await this.#discardUnwanted();
    }
  }

  #addUse(sha256: string, count: number): void {
    const uses = (this.#contentUses.get(sha256) ?? 0) + count;
    if (uses === 0) this.#contentUses.delete(sha256);
    else this.#contentUses.set(sha256, uses);
  }

  async #discardUnwanted(): Promise<void> {
    if (this.#unwanted.size === 0) return;
    await this.inTurn(async () => {
      const named = await readUsedContents(this.db);
      const faults: unknown[] = [];
      for (const sha256 of this.#unwanted) {
        if (this.#contentUses.has(sha256)) continue;
        // Of one that cannot be removed only this write tells; it goes with what nobody names, after a day.
        this.#unwanted.delete(sha256);
        try {
          if (!named.has(sha256)) this.contents.remove(sha256);
        } catch (error) {
          faults.push(error);
        }
      }
      if (faults.length > 0) throw faults[0];
    });
  }

  /** @param revision the one that holds what is noted */
  async audit(
    tx: Db,
    revision: number,
    { actor }: WriteContext,
    entries: readonly AuditEntry[],
  ): Promise<void> {
    await appendAudit(tx, { revision, at: this.now(), actor }, entries);
    await writeMeta(tx, 'revision', String(revision));
  }

  now(): string {
    return new Date(this.clock.wallMs()).toISOString();
  }

  nowSeconds(): number {
    return Math.floor(this.clock.wallMs() / 1000);
  }
}
