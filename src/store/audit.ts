/**
 * The audit log: who changed what, from what, to what. Each row's hash covers the row before it, so
 * that a row that is altered, removed or put in shows; the newest hash is kept apart in `meta`, so
 * that rows cut off at the end show too. This finds tampering with rows, not by someone who can
 * write the whole database: export the newest hash to elsewhere where that matters.
 */

import { createHash } from 'node:crypto';
import { breathe, isTurn } from './breathe.ts';
import { readMeta, writeMeta } from './meta.ts';
import type { AuditRow, Db } from './schema.ts';

export interface AuditEntry {
  readonly action: string;
  readonly kind: string;
  readonly resource: string;
  /** Canonical forms; null where there is none. */
  readonly before: unknown;
  readonly after: unknown;
}

export interface AuditContext {
  readonly revision: number;
  readonly at: string;
  readonly actor: string;
}

export interface AuditVerdict {
  readonly isIntact: boolean;
  readonly rows: number;
  /** The newest hash, to be noted elsewhere. */
  readonly head: string;
  /** Where the chain breaks and how; null where it is intact. */
  readonly fault: string | null;
}

/**
 * Entries of one write that are kept one by one. A larger write (a first import of all subscribers)
 * keeps the rest as one row with their count and the digest of what they were.
 */
const ENTRIES_MAX = 10_000;
const ROWS_PER_STATEMENT = 2_000;
const HEAD_KEY = 'auditHead';
const FIRST_HASH = '0'.repeat(64);

export async function appendAudit(
  tx: Db,
  context: AuditContext,
  entries: readonly AuditEntry[],
): Promise<void> {
  const head = await readHead(tx);
  let previous = head.hash;
  let sequence = head.sequence;
  const gathered = await gatherEntries(entries);
  const rows = gathered.map((entry) => {
    const row = {
      sequence: ++sequence,
      ...context,
      action: entry.action,
      kind: entry.kind,
      resource: entry.resource,
      before: entry.before === null ? null : JSON.stringify(entry.before),
      after: entry.after === null ? null : JSON.stringify(entry.after),
      previous_hash: previous,
    };
    previous = hashRow(row);
    return { ...row, hash: previous };
  });
  for (let at = 0; at < rows.length; at += ROWS_PER_STATEMENT) {
    await tx
      .insertInto('audit')
      .values(rows.slice(at, at + ROWS_PER_STATEMENT))
      .execute();
  }
  await writeMeta(tx, HEAD_KEY, `${sequence} ${previous}`);
}

/** Walks the whole chain. */
export async function verifyAudit(db: Db): Promise<AuditVerdict> {
  const head = await readHead(db);
  let previous = FIRST_HASH;
  let last = 0;
  for (;;) {
    const rows = await db
      .selectFrom('audit')
      .selectAll()
      .where('sequence', '>', last)
      .orderBy('sequence')
      .limit(ROWS_PER_STATEMENT)
      .execute();
    for (const row of rows) {
      const fault = findFault(row, last + 1, previous);
      if (fault !== null) return { isIntact: false, rows: last, head: head.hash, fault };
      previous = row.hash;
      last = row.sequence;
    }
    if (rows.length < ROWS_PER_STATEMENT) break;
    await breathe();
  }
  const fault =
    last === head.sequence && previous === head.hash
      ? null
      : `row ${head.sequence} was the newest, now it is row ${last}: rows at the end are missing or foreign`;
  return { isIntact: fault === null, rows: last, head: head.hash, fault };
}

export interface AuditPageOptions {
  /** Only rows before this sequence; null = from the newest. */
  readonly before: number | null;
  readonly limit: number;
}

/** Newest first. */
export async function readAuditPage(db: Db, options: AuditPageOptions): Promise<AuditRow[]> {
  let query = db.selectFrom('audit').selectAll().orderBy('sequence', 'desc').limit(options.limit);
  if (options.before !== null) query = query.where('sequence', '<', options.before);
  return query.execute();
}

function findFault(row: AuditRow, expected: number, previous: string): string | null {
  if (row.sequence !== expected) return `row ${expected} is missing`;
  if (row.previous_hash !== previous)
    return `row ${row.sequence} does not follow the one before it`;
  return hashRow(row) === row.hash ? null : `row ${row.sequence} was altered`;
}

function hashRow(row: Omit<AuditRow, 'hash'>): string {
  const content = [
    row.previous_hash,
    row.sequence,
    row.revision,
    row.at,
    row.actor,
    row.action,
    row.kind,
    row.resource,
    row.before,
    row.after,
  ];
  return createHash('sha256').update(JSON.stringify(content)).digest('hex');
}

async function gatherEntries(entries: readonly AuditEntry[]): Promise<AuditEntry[]> {
  if (entries.length <= ENTRIES_MAX) return [...entries];
  const rest = entries.slice(ENTRIES_MAX);
  const digest = createHash('sha256');
  for (const [index, entry] of rest.entries()) {
    if (isTurn(index)) await breathe();
    digest.update(JSON.stringify(entry));
  }
  const summary: AuditEntry = {
    action: 'bulk',
    kind: 'document',
    resource: `${rest.length} more`,
    before: null,
    after: { count: rest.length, digest: digest.digest('hex') },
  };
  return [...entries.slice(0, ENTRIES_MAX), summary];
}

async function readHead(db: Db): Promise<{ sequence: number; hash: string }> {
  const text = await readMeta(db, HEAD_KEY);
  if (text === null) return { sequence: 0, hash: FIRST_HASH };
  const [sequence, hash] = text.split(' ');
  return { sequence: Number(sequence), hash: hash ?? FIRST_HASH };
}
