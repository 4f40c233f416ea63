/**
 * Own lists: entries that people add and take away one by one, with a comment and perhaps an end.
 *
 *     edit ─▶ entries as they shall be ─▶ content ─▶ propose: in force, or held as any other
 *     time ─▶ entries without what has ended ─▶ content ─▶ in force
 *
 * The rows are what the newest version has that nobody rejected: an edit builds on what is held, and
 * who rejects that or goes back takes the rows back too.
 */

import { AppError } from '../lib/errors.ts';
import { quote } from '../lib/quote.ts';
import { throwFaults } from './changes.ts';
import {
  editedEntries,
  type EntryEdit,
  type EntryPageOptions,
  isExpired,
  readEntries,
  readEntryPage,
  readExpiredLists,
  readHeldOwnLists,
  writeEntries,
} from './list-entries.ts';
import {
  type ListCandidate,
  type ListGround,
  type ListLook,
  ListLooks,
  LookMissing,
  readGround,
  untilLooked,
} from './list-looks.ts';
import { replaceHeld, settleProposal } from './list-proposals.ts';
import { type Proposal, writeProposal } from './list-propose.ts';
import { emptyReport } from './list-report.ts';
import { SETTINGS_SOURCE, withScope } from './list-scope.ts';
import { type ListVersion, readVersions } from './list-version-rows.ts';
import { type ListEntry, parseOwnContent, writeOwnContent } from './own-content.ts';
import { listOf, readLists, type StoredList } from './records.ts';
import { canonicalName } from './rule-name.ts';
import type { Db } from './schema.ts';
import type { StoreAccess } from './store-access.ts';
import type { WriteContext } from './write-context.ts';

/** Takes away entries whose time is over; nobody's token has a space. */
const EXPIRY_ACTOR = 'entry expiry';
/** Of every version of own entries. */
export const OWN_SOURCE = 'own entries';

export class OwnLists {
  readonly #store: StoreAccess;

  constructor(store: StoreAccess) {
    this.#store = store;
  }

  /** @throws AppError `RESOURCE_UNKNOWN`, `LIST_NOT_OWN` */
  entryPage(options: EntryPageOptions): Promise<ListEntry[]> {
    return this.#store.read(async (tx) => {
      ownListOf(await readLists(tx), options.list);
      return readEntryPage(tx, options);
    });
  }

  /**
   * Changes the entries of a list: a new version of it, which the gate may hold.
   * @throws AppError `RESOURCE_UNKNOWN`, `LIST_NOT_OWN`, `LISTS_CHANGED`, `LIST_REFUSED`,
   *   `DOCUMENT_INVALID` with every fault
   */
  editEntries(context: WriteContext, list: string, edit: EntryEdit): Promise<Proposal> {
    const looks = new ListLooks(this.#store.contents, this.#store.inspector);
    return untilLooked(async () => {
      const ground = await this.#store.read(readGround);
      const before = await this.#store.read((tx) => readEntries(tx, list));
      const edited = this.#edited(context, before, edit);
      const content = edited instanceof AppError ? null : await this.#saveEntries(edited);
      if (content !== null) await prepare(looks, ownListOf(ground.lists, list), content, ground);
      return this.#store.write(context, async (tx) => {
        // Only here: a repeated edit gets its first answer before anything is found wrong with it.
        if (edited instanceof AppError) throw edited;
        const fresh = await readGround(tx);
        const { record } = ownListOf(fresh.lists, list);
        if (!isSame(before, await readEntries(tx, list))) throw new LookMissing();
        const candidate = { record, contentSha256: content ?? '', isTrusted: false };
        const look = findLook(looks, candidate, fresh);
        refuseNames(look, edit);
        const options = { source: OWN_SOURCE, isTakingUp: true };
        const proposal = await writeProposal(this.#store, tx, context, candidate, look, options);
        const { outcome, reasons } = proposal;
        const isLeftOut = outcome === 'refused' || (outcome === 'unchanged' && reasons.length > 0);
        if (!isLeftOut) await writeEntries(tx, list, before, edited);
        return proposal;
      });
    });
  }

  /**
   * Takes entries away whose time is over; called every few seconds. What is in force and what is
   * held both lose them; nobody is asked, since their end was part of what was let through.
   * @param onFault is told what keeps the entries of one list; those of the others end all the same
   * @returns the revision that holds it; null where nothing had ended
   */
  async expireEntries(onFault: (error: unknown) => void): Promise<number | null> {
    const nowSeconds = this.#store.nowSeconds();
    // What is in force may have an end that the rows, of what is held, do not have any more.
    const lists = new Set([
      ...(await this.#store.read((tx) => readExpiredLists(tx, nowSeconds))),
      ...(await this.#store.read(readHeldOwnLists)),
    ]);
    let revision: number | null = null;
    for (const list of lists) {
      try {
        revision = (await this.#expire(list, nowSeconds))?.revision ?? revision;
      } catch (error) {
        onFault(error);
      }
    }
    return revision;
  }

  /** The rows of an own list become what this version has; those of other lists are none. */
  async resetEntries(tx: Db, { record }: StoredList, contentSha256: string): Promise<void> {
    if (record.own !== true) return;
    const before = await readEntries(tx, record.id);
    await writeEntries(tx, record.id, before, await this.#entriesOf(contentSha256));
  }

  /** Null where nothing of it had ended. */
  #expire(list: string, nowSeconds: number): Promise<{ readonly revision: number } | null> {
    const context = { actor: EXPIRY_ACTOR };
    const looks = new ListLooks(this.#store.contents, this.#store.inspector);
    const isLeft = (entry: ListEntry): boolean => !isExpired(entry, nowSeconds);
    return untilLooked(async () => {
      const ground = await this.#store.read(readGround);
      const stored = ownListOf(ground.lists, list);
      const before = await this.#store.read((tx) => readEntries(tx, list));
      const left = before.filter(isLeft);
      const inForceBefore = await this.#entriesOf(stored.contentSha256);
      const inForce = inForceBefore.filter(isLeft);
      if (left.length === before.length && inForce.length === inForceBefore.length) return null;
      // The rows are of the version that is held, where there is one.
      const [contentSha256, heldSha256] = [
        await this.#saveEntries(inForce),
        await this.#saveEntries(left),
      ];
      await prepare(looks, stored, contentSha256, ground);
      await prepare(looks, stored, heldSha256, ground);
      return this.#store.write(context, async (tx) => {
        const fresh = await readGround(tx);
        const { record, contentSha256: now } = ownListOf(fresh.lists, list);
        const isOther = now !== stored.contentSha256;
        if (isOther || !isSame(before, await readEntries(tx, list))) throw new LookMissing();
        const [held] = await readVersions(tx, { list, state: 'held' });
        const candidate = { record, contentSha256, isTrusted: true };
        const look = findLook(looks, candidate, fresh);
        const options = { source: OWN_SOURCE };
        const done = await writeProposal(this.#store, tx, context, candidate, look, options);
        await writeEntries(tx, list, before, left);
        if (heldSha256 === contentSha256 && held?.source !== SETTINGS_SOURCE) {
          // Without what has ended it is what is in force.
          const replaced = await replaceHeld(tx, list, null);
          await this.#store.audit(tx, done.revision, context, replaced);
        } else if (held !== undefined) {
          const waiting = { ...candidate, contentSha256: heldSha256 };
          const { report } = findLook(looks, waiting, fresh);
          const asHeld = { ...waiting, record: withScope(record, held.scope) };
          await this.#holdAgain(tx, context, asHeld, { ...held, report }, done.revision);
        }
        return done;
      });
    });
  }

  /** What people thought of a version stays with it when entries of it have ended. */
  async #holdAgain(
    tx: Db,
    context: WriteContext,
    candidate: ListCandidate,
    held: ListVersion,
    revision: number,
  ): Promise<void> {
    const { actor, source, authors, approvers, reasons } = held;
    const judgement = { outcome: 'held', reasons, same: null } as const;
    const people = { actor, source, authors, approvers, at: this.#store.now(), revision };
    const { entries } = await settleProposal(tx, candidate, held, judgement, people);
    await this.#store.audit(tx, revision, context, entries);
  }

  #edited(
    { actor }: WriteContext,
    before: readonly ListEntry[],
    edit: EntryEdit,
  ): ListEntry[] | AppError {
    try {
      return editedEntries(before, edit, { actor, nowSeconds: this.#store.nowSeconds() });
    } catch (error) {
      if (error instanceof AppError) return error;
      throw error;
    }
  }

  /** @returns the SHA-256 of the content; empty for no entries */
  async #saveEntries(entries: readonly ListEntry[]): Promise<string> {
    if (entries.length === 0) return '';
    return this.#store.contents.save(Buffer.from(await writeOwnContent(entries))).sha256;
  }

  async #entriesOf(contentSha256: string): Promise<ListEntry[]> {
    if (contentSha256 === '') return [];
    return parseOwnContent(await this.#store.contents.readText(contentSha256));
  }
}

async function prepare(
  looks: ListLooks,
  { record }: StoredList,
  contentSha256: string,
  ground: ListGround,
): Promise<void> {
  if (contentSha256 === '') return;
  await looks.prepare([{ record, contentSha256, isTrusted: false }], ground);
}

/** No entries are no content, and nothing to look at. */
function findLook(looks: ListLooks, candidate: ListCandidate, ground: ListGround): ListLook {
  if (candidate.contentSha256 === '') return { report: emptyReport('domains'), findings: null };
  const look = looks.find(candidate, ground);
  if (look instanceof AppError) throw look;
  return look;
}

/** @throws AppError `RESOURCE_UNKNOWN`, `LIST_NOT_OWN` */
function ownListOf(lists: ReadonlyMap<string, StoredList>, id: string): StoredList {
  const stored = listOf(lists, id);
  if (stored.record.own === true) return stored;
  throw new AppError(
    'LIST_NOT_OWN',
    `List "${id}" has no entries of its own: its content comes from elsewhere; valid: a list with own: true`,
  );
}

/** Rows are read anew each time, so they are compared by what they say. */
function isSame(a: readonly ListEntry[], b: readonly ListEntry[]): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/**
 * The gate leaves such names out of every list; who types one is told at once.
 * @throws AppError `DOCUMENT_INVALID`
 */
function refuseNames({ report }: ListLook, { add = [] }: EntryEdit): void {
  const refused = new Map(report.faults.map(({ text, reason }) => [text, reason]));
  const faults = add.flatMap(({ name: text }, index) => {
    const reason = refused.get(canonicalName(text) ?? '');
    if (reason === undefined) return [];
    return [`add[${index}].name: ${quote(text)} can be in no list (${reason})`];
  });
  throwFaults(faults);
}
