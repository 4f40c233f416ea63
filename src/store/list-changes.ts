/**
 * The lists of a document: what the gate says of their new contents, which of them keep what they
 * have, and the versions that come of it. A content that is held keeps nothing else of the document
 * back: category, address and limits of its list become what is written.
 */

import { AppError } from '../lib/errors.ts';
import type { AuditEntry } from './audit.ts';
import { type ListRecord, settingsOf } from './canonical-list.ts';
import {
  type ListCandidate,
  type ListGround,
  type ListLook,
  type ListLooks,
  readGround,
} from './list-looks.ts';
import { judgeCandidate, type Judgement, settleProposal } from './list-proposals.ts';
import type { ListReport } from './list-report.ts';
import { readVersions } from './list-version-rows.ts';
import type { Placed } from './read-document.ts';
import type { StoredList } from './records.ts';
import type { Db } from './schema.ts';

const SOURCE = 'apply';

/** A list whose new content waits. */
export interface HeldList {
  readonly list: string;
  /** Null in a dry run, where none was made. */
  readonly version: number | null;
  readonly reasons: readonly string[];
}

export interface JudgedLists {
  /** The lists of the document, with what they have in place of what is held. */
  readonly settled: readonly Placed<ListRecord>[];
  /** By list, of those with a content. */
  readonly reports: ReadonlyMap<string, ListReport>;
  readonly held: readonly HeldList[];
  readonly proposals: readonly JudgedList[];
}

interface JudgedList {
  readonly candidate: ListCandidate;
  readonly look: ListLook;
  readonly judgement: Judgement;
}

/** The contents that lists of a document would get: uploads, and what is to be read in another format. */
export function candidatesOf(
  lists: readonly Placed<ListRecord>[],
  { lists: stored }: ListGround,
  isTrusted: boolean,
): ListCandidate[] {
  return lists.flatMap(({ record }) => {
    const contentSha256 = record.contentSha256 ?? stored.get(record.id)?.contentSha256 ?? '';
    return contentSha256 === '' ? [] : [{ record, contentSha256, isTrusted }];
  });
}

/**
 * A content that is refused is a fault of the document, one that is held is none.
 * @throws LookMissing
 */
export async function judgeLists(
  tx: Db,
  lists: readonly Placed<ListRecord>[],
  looks: ListLooks,
  isTrusted: boolean,
  faults: string[],
): Promise<JudgedLists> {
  const ground = await readGround(tx);
  const settled: Placed<ListRecord>[] = [];
  const reports = new Map<string, ListReport>();
  const held: HeldList[] = [];
  const proposals: JudgedList[] = [];
  for (const placed of lists) {
    const { record, path } = placed;
    const [candidate] = candidatesOf([placed], ground, isTrusted);
    const stored = ground.lists.get(record.id);
    settled.push(placed);
    // A content that is not there is a fault of its own.
    if (candidate === undefined || !looks.hasContent(candidate)) continue;
    const look = looks.find(candidate, ground);
    if (look instanceof AppError) {
      faults.push(`${path}: ${look.message}`);
      continue;
    }
    reports.set(record.id, look.report);
    const versions = await readVersions(tx, { list: record.id });
    const judgement = judgeCandidate(candidate, look, stored, versions);
    const { outcome, reasons, same } = judgement;
    if (outcome === 'refused') {
      faults.push(`${path}: Reading the list: ${reasons.join('; ')}`);
      continue;
    }
    proposals.push({ candidate, look, judgement });
    if (outcome === 'in-force' || reasons.length === 0) continue;
    held.push({ list: record.id, version: same?.version ?? null, reasons });
    if (stored === undefined || stored.contentSha256 === '') continue;
    settled.pop();
    settled.push({ path, record: withContentOf(stored, record) });
  }
  return { settled, reports, held, proposals };
}

/** Writes the versions; the rows of the lists are there. */
export async function applyLists(
  tx: Db,
  { held, proposals }: Pick<JudgedLists, 'held' | 'proposals'>,
  moment: { readonly actor: string; readonly at: string; readonly revision: number },
): Promise<{ readonly held: readonly HeldList[]; readonly entries: readonly AuditEntry[] }> {
  const entries: AuditEntry[] = [];
  const versionOf = new Map<string, number>();
  for (const { candidate, look, judgement } of proposals) {
    const context = { ...moment, source: SOURCE };
    const settled = await settleProposal(tx, candidate, look, judgement, context);
    // What came into force stands in the entry of the list itself.
    if (judgement.outcome === 'held') entries.push(...settled.entries);
    if (settled.version !== null) versionOf.set(candidate.record.id, settled.version.version);
  }
  const withVersions = held.map((one) => ({
    ...one,
    version: versionOf.get(one.list) ?? one.version,
  }));
  return { held: withVersions, entries };
}

/** A list as it is written, with the content that it has; its keys in their one order. */
function withContentOf(stored: StoredList, record: ListRecord): ListRecord {
  const { id, category, subdomains, origin } = record;
  const { format } = stored.record;
  const { contentSha256 } = stored;
  return {
    id,
    category,
    ...(format === undefined ? {} : { format }),
    ...(subdomains === undefined ? {} : { subdomains }),
    ...(record.contentSha256 === undefined ? {} : { contentSha256 }),
    ...(origin === undefined ? {} : { origin }),
    ...settingsOf(record),
  };
}
