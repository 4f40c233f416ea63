/**
 * Entries of own lists as rows: what the newest version that nobody rejected has in its content. An
 * edit makes a new content of them, which takes the way of every content through the gate.
 */

import { type Static, Type } from 'typebox';
import { quote } from '../lib/quote.ts';
import type { ListSettings } from './canonical-list.ts';
import { throwFaults } from './changes.ts';
import { humanText } from './human-text.ts';
import type { ListEntry } from './own-content.ts';
import { canonicalName } from './rule-name.ts';
import type { Db, ListEntryRow } from './schema.ts';
import { batches } from './write-rows.ts';

/** Longer lists belong into files. */
export const LIST_ENTRIES_MAX = 50_000;
/** Later is for good; it keeps times within what every calendar knows. */
const EXPIRY_SECOND_MAX = Date.UTC(2100, 0, 1) / 1000;

export const EntrySchema = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: 1_000, description: 'a domain name' }),
    comment: Type.Optional(
      humanText({
        maxLength: 200,
        description: '200 characters at most, such as why it stands here',
      }),
    ),
    expiresAt: Type.Optional(Type.Integer({ description: 'seconds since the Unix epoch' })),
  },
  { additionalProperties: false },
);

export type EntryDocument = Static<typeof EntrySchema>;

export interface EntryEdit {
  /** Those that are there already become as they are here. */
  readonly add?: readonly EntryDocument[];
  readonly remove?: readonly string[];
  /** Also removes whatever `add` does not name. */
  readonly isReplacing?: boolean;
}

export interface EntryPageOptions {
  readonly list: string;
  /** Only names after this one. */
  readonly after: string;
  readonly limit: number;
}

export async function readEntryPage(db: Db, options: EntryPageOptions): Promise<ListEntry[]> {
  const rows = await db
    .selectFrom('list_entries')
    .selectAll()
    .where('list', '=', options.list)
    .where('name', '>', options.after)
    .orderBy('name')
    .limit(options.limit)
    .execute();
  return rows.map(toEntry);
}

export function readEntries(db: Db, list: string): Promise<ListEntry[]> {
  return readEntryPage(db, { list, after: '', limit: LIST_ENTRIES_MAX });
}

/** Lists with entries whose time is over. */
export async function readExpiredLists(db: Db, nowSeconds: number): Promise<string[]> {
  const rows = await db
    .selectFrom('list_entries')
    .select('list')
    .distinct()
    .where('expires_at', '<=', nowSeconds)
    .orderBy('list')
    .execute();
  return rows.map(({ list }) => list);
}

/** Own lists with a version that waits. */
export async function readHeldOwnLists(db: Db): Promise<string[]> {
  const rows = await db
    .selectFrom('list_versions')
    .innerJoin('lists', 'lists.id', 'list_versions.list')
    .select(['lists.id', 'lists.settings'])
    .where('list_versions.state', '=', 'held')
    .orderBy('lists.id')
    .execute();
  const isOwn = (settings: string | null): boolean =>
    settings !== null && (JSON.parse(settings) as ListSettings).own === true;
  return rows.filter(({ settings }) => isOwn(settings)).map(({ id }) => id);
}

export function isExpired({ expiresAt }: ListEntry, nowSeconds: number): boolean {
  return expiresAt !== null && expiresAt <= nowSeconds;
}

/** Makes the rows of a list those of `entries`, touching only what differs. */
export async function writeEntries(
  tx: Db,
  list: string,
  before: readonly ListEntry[],
  entries: readonly ListEntry[],
): Promise<void> {
  const kept = new Map(entries.map((entry) => [entry.name, entry]));
  const known = new Map(before.map((entry) => [entry.name, entry]));
  const gone = before.filter(({ name }) => !kept.has(name)).map(({ name }) => name);
  for (const names of batches(gone)) {
    await tx
      .deleteFrom('list_entries')
      .where('list', '=', list)
      .where('name', 'in', names)
      .execute();
  }
  const written = entries.filter((entry) => known.get(entry.name) !== entry);
  for (const batch of batches(written)) {
    await tx
      .insertInto('list_entries')
      .values(batch.map((entry) => toRow(list, entry)))
      .onConflict((conflict) =>
        conflict.columns(['list', 'name']).doUpdateSet((eb) => ({
          comment: eb.ref('excluded.comment'),
          expires_at: eb.ref('excluded.expires_at'),
          added_by: eb.ref('excluded.added_by'),
          added_at: eb.ref('excluded.added_at'),
        })),
      )
      .execute();
  }
}

/**
 * The entries after an edit; an entry that stays as it was is the same object.
 * @throws AppError `DOCUMENT_INVALID` with every fault
 */
export function editedEntries(
  before: readonly ListEntry[],
  edit: EntryEdit,
  { actor, nowSeconds }: { readonly actor: string; readonly nowSeconds: number },
): ListEntry[] {
  const faults: string[] = [];
  if (edit.isReplacing === true && (edit.add ?? []).length === 0) {
    // A script whose file is empty by a fault would open everything.
    faults.push('add: it is empty, so replacing would take all entries away; valid: one at least');
  }
  const known = new Map(before.map((entry) => [entry.name, entry]));
  const after = edit.isReplacing === true ? new Map<string, ListEntry>() : new Map(known);
  for (const [index, text] of (edit.remove ?? []).entries()) {
    const name = canonicalName(text);
    if (name !== null && after.delete(name)) continue;
    faults.push(`remove[${index}]: there is no entry ${quote(text)}`);
  }
  for (const [index, document] of (edit.add ?? []).entries()) {
    const path = `add[${index}]`;
    const name = readName(document.name, path, faults);
    const expiresAt = readExpiry(document.expiresAt, nowSeconds, path, faults);
    if (name === null) continue;
    const { comment = '' } = document;
    const was = known.get(name);
    const isSame = was?.comment === comment && was.expiresAt === expiresAt;
    after.set(
      name,
      isSame ? was : { name, comment, expiresAt, addedBy: actor, addedAt: nowSeconds },
    );
  }
  if (after.size > LIST_ENTRIES_MAX) {
    faults.push(
      `add: there would be ${after.size} entries; valid: ${LIST_ENTRIES_MAX} at most, longer lists as a file`,
    );
  }
  throwFaults(faults);
  return [...after.values()];
}

/** Octets that need an escape are no part of any host name, and lists do not take them. */
function readName(text: string, path: string, faults: string[]): string | null {
  const name = canonicalName(text);
  if (name !== null && text.startsWith('*')) {
    // It would say that the name itself stays open, and an entry cannot.
    faults.push(
      `${path}.name: ${quote(text)} is not valid; valid: ${name}, which blocks the name itself too`,
    );
    return null;
  }
  if (name !== null && !name.includes('\\')) return name;
  faults.push(`${path}.name: ${quote(text)} is not valid; valid: a domain name`);
  return null;
}

function readExpiry(
  second: number | undefined,
  nowSeconds: number,
  path: string,
  faults: string[],
): number | null {
  if (second === undefined) return null;
  if (second <= nowSeconds || second > EXPIRY_SECOND_MAX) {
    faults.push(`${path}.expiresAt: ${second} is not valid; valid: a time to come before 2100`);
  }
  return second;
}

function toEntry(row: ListEntryRow): ListEntry {
  return {
    name: row.name,
    comment: row.comment,
    expiresAt: row.expires_at,
    addedBy: row.added_by,
    addedAt: row.added_at,
  };
}

function toRow(list: string, entry: ListEntry): ListEntryRow {
  return {
    list,
    name: entry.name,
    comment: entry.comment,
    expires_at: entry.expiresAt,
    added_by: entry.addedBy,
    added_at: entry.addedAt,
  };
}
