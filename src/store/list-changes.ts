/**
 * The lists of a document: what the gate says of their new contents and scopes, which of them keep what
 * they have, and the versions that come of it. What is held keeps nothing else of the document back:
 * address and limits of its list become what is written. But while a content waits, another scope of its
 * list is a fault, and with it the whole document (`checkWaiting`).
 */

import { AppError } from '../lib/errors.ts';
import { quote } from '../lib/quote.ts';
import type { AuditEntry } from './audit.ts';
import { type ListRecord, type PeopleCount, settingsOf } from './canonical-list.ts';
import {
  type ListCandidate,
  type ListGround,
  type ListLook,
  type ListLooks,
  readGround,
} from './list-looks.ts';
import {
  judgeCandidate,
  type Judgement,
  popularInForce,
  replaceHeld,
  settleProposal,
  versionEntry,
} from './list-proposals.ts';
import type { AppliedReport } from './list-report.ts';
import {
  isSameScope,
  onlyExcepts,
  scopeOf,
  SETTINGS_SOURCE,
  withExceptions,
  withScope,
} from './list-scope.ts';
import { type ListVersion, readVersions, updateVersion } from './list-version-rows.ts';
import type { Placed } from './read-document.ts';
import type { StoredList } from './records.ts';
import { isPublicSuffix } from './rule-name.ts';
import { sealingFault } from './sealed-checks.ts';
import type { Db } from './schema.ts';
import { isPerson } from './tokens.ts';

const SOURCE = 'apply';

/** A list whose new content or scope waits. */
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
  readonly reports: ReadonlyMap<string, AppliedReport>;
  readonly held: readonly HeldList[];
  readonly proposals: readonly JudgedList[];
}

interface JudgedList {
  readonly candidate: ListCandidate;
  readonly look: ListLook;
  readonly judgement: Judgement;
  /** Its content is that in force. */
  readonly isOfSettings: boolean;
}

export interface JudgeOptions {
  readonly isTrusted: boolean;
  /** How many people each version of a sealed list needs. */
  readonly sealedApprovals: PeopleCount;
}

/** The contents that lists of a document would get: uploads, and what is to be read in another format. */
export function candidatesOf(
  lists: readonly Placed<ListRecord>[],
  { lists: stored }: ListGround,
  isTrusted: boolean,
): ListCandidate[] {
  return lists.flatMap(({ record }) => {
    const before = stored.get(record.id);
    const contentSha256 = record.contentSha256 ?? before?.contentSha256 ?? '';
    const isNone = contentSha256 === '' || sealingFault(record, before) !== null;
    return isNone ? [] : [{ record, contentSha256, isTrusted }];
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
  { isTrusted, sealedApprovals }: JudgeOptions,
  faults: string[],
): Promise<JudgedLists> {
  const ground = await readGround(tx);
  const settled: Placed<ListRecord>[] = [];
  const reports = new Map<string, AppliedReport>();
  const held: HeldList[] = [];
  const proposals: JudgedList[] = [];
  for (const placed of lists) {
    const { record, path } = placed;
    const [candidate] = candidatesOf([placed], ground, isTrusted);
    const stored = ground.lists.get(record.id);
    const versions = await readVersions(tx, { list: record.id });
    settled.push(placed);
    const sealing = sealingFault(record, stored);
    if (sealing !== null) {
      faults.push(`${path}.sealed: ${sealing}`);
      looks.leaveOut(record, stored, record.contentSha256);
      continue;
    }
    checkExceptions(placed, stored, faults);
    if (candidate === undefined) checkWaiting(placed, stored, versions, false, faults);
    if (candidate === undefined) continue;
    if (!looks.hasContent(candidate)) {
      if (!isTrusted) checkUnseen(placed, stored, faults);
      continue;
    }
    const look = looks.find(candidate, ground);
    if (look instanceof AppError) {
      faults.push(`${path}: ${look.message}`);
      looks.leaveOut(record, stored, candidate.contentSha256);
      continue;
    }
    const judgement = judgeCandidate(candidate, look, stored, versions, sealedApprovals);
    const popular = popularInForce(judgement, look);
    reports.set(record.id, { ...look.report, ...(popular.length === 0 ? {} : { popular }) });
    const { outcome, reasons, same } = judgement;
    if (outcome === 'refused') {
      faults.push(`${path}: Reading the list: ${reasons.join('; ')}`);
      looks.leaveOut(record, stored, candidate.contentSha256);
      continue;
    }
    const { contentSha256 } = candidate;
    const isOfSettings =
      stored?.contentSha256 === contentSha256 && stored.format === look.report.format;
    if (isOfSettings && !isTrusted) {
      checkWaiting(placed, stored, versions, outcome === 'held', faults);
    }
    proposals.push({ candidate, look, judgement, isOfSettings });
    if (outcome === 'in-force' || reasons.length === 0) continue;
    held.push({ list: record.id, version: same?.version ?? null, reasons });
    if (stored === undefined) continue;
    const asking = stillAsking(stored.record, record);
    settled.pop();
    settled.push({
      path,
      record: stored.contentSha256 === '' ? asking : withContentOf(stored, asking),
    });
  }
  return { settled, reports, held, proposals };
}

/** Writes the versions; the rows of the lists are there. */
export async function applyLists(
  tx: Db,
  { settled, held, proposals }: Omit<JudgedLists, 'reports'>,
  moment: { readonly actor: string; readonly at: string; readonly revision: number },
): Promise<{ readonly held: readonly HeldList[]; readonly entries: readonly AuditEntry[] }> {
  const entries: AuditEntry[] = [];
  const versionOf = new Map<string, number>();
  for (const { candidate, look, judgement, isOfSettings } of proposals) {
    const context = { ...moment, source: isOfSettings ? SETTINGS_SOURCE : SOURCE };
    const settled = await settleProposal(tx, candidate, look, judgement, context);
    // What came into force stands in the entry of the list itself.
    if (judgement.outcome === 'held') entries.push(...settled.entries);
    if (settled.version !== null) versionOf.set(candidate.record.id, settled.version.version);
  }
  for (const { record } of settled) entries.push(...(await followScope(tx, record, moment.actor)));
  const withVersions = held.map((one) => ({
    ...one,
    version: versionOf.get(one.list) ?? one.version,
  }));
  return { held: withVersions, entries };
}

/** What waits, waits for as many people as the list asks for: it does not lower that. */
function stillAsking(before: ListRecord, after: ListRecord): ListRecord {
  return before.approvals === 2 ? withScope({ ...after, approvals: 2 }, scopeOf(after)) : after;
}

/** A list as it is written, with the content and the scope that it has. */
function withContentOf(
  { record: before, contentSha256 }: StoredList,
  after: ListRecord,
): ListRecord {
  const { id, category } = after;
  const { format } = before;
  // Of an upload that waits it tells where that came from, and not the content that the list has.
  const isWaiting = after.contentSha256 !== undefined && after.contentSha256 !== contentSha256;
  const { origin } = isWaiting ? before : after;
  const kept = {
    id,
    category,
    ...(format === undefined ? {} : { format }),
    ...(after.contentSha256 === undefined ? {} : { contentSha256 }),
    ...(origin === undefined ? {} : { origin }),
    ...settingsOf(after),
  };
  return withScope(kept, scopeOf(before));
}

/**
 * A public suffix would open whatever comes to be listed below it, and nobody would see it. One that the list
 * has already stays until it is left out: an export shall apply, and an appeal cannot leave it out.
 */
function checkExceptions(
  { record: { except = [] }, path }: Placed<ListRecord>,
  stored: StoredList | undefined,
  faults: string[],
): void {
  const before = stored?.record.except ?? [];
  for (const name of except) {
    if (before.includes(name) || !isPublicSuffix(name)) continue;
    faults.push(
      `${path}.except: ${quote(name)} is not valid; valid: a name, but for a public suffix such as co.uk`,
    );
  }
}

/**
 * The scope of a list cannot change while a content waits: whoever decides about that was told what it
 * would block with the scope of now. This may at most take more names out.
 */
function checkWaiting(
  { record, path }: Placed<ListRecord>,
  stored: StoredList | undefined,
  versions: readonly ListVersion[],
  isHeld: boolean,
  faults: string[],
): void {
  const waiting = versions.find(({ state }) => state === 'held');
  if (stored === undefined || stored.version === null || waiting === undefined) return;
  if (waiting.source === SETTINGS_SOURCE) return;
  const [before, after] = [scopeOf(stored.record), scopeOf(record)];
  if (isSameScope(before, after) || (!isHeld && onlyExcepts(before, after))) return;
  faults.push(
    `${path}: version ${waiting.version} waits, and was looked at with the category, subdomains and except of now; approve or reject it first`,
  );
}

/** An upload that is not there is a fault of its own. */
function checkUnseen(
  { record, path }: Placed<ListRecord>,
  stored: StoredList | undefined,
  faults: string[],
): void {
  if (stored === undefined || record.contentSha256 !== undefined) return;
  if (isSameScope(scopeOf(stored.record), scopeOf(record))) return;
  faults.push(
    `${path}: its content is gone from the disk, so nobody can tell what another category, subdomains or except would do; update the list first`,
  );
}

/** The versions of a list that has got the scope of `record`, or has had it, agree with it. */
async function followScope(
  tx: Db,
  record: ListRecord,
  actor: string,
): Promise<readonly AuditEntry[]> {
  const scope = scopeOf(record);
  const versions = await readVersions(tx, { list: record.id });
  const inForce = versions.find(({ state }) => state === 'in-force');
  const held = versions.find(({ state }) => state === 'held');
  if (inForce === undefined) {
    if (held === undefined || isSameScope(held.scope, scope)) return [];
    // Nothing of the list was ever in force: it is simply another list that people are to approve.
    const authors = [...new Set([...held.authors, actor])].filter(isPerson);
    const changed = await updateVersion(tx, held, { scope, authors, approvers: [] });
    return [versionEntry('update', held, changed)];
  }
  if (isSameScope(inForce.scope, scope)) return [];
  await updateVersion(tx, inForce, { scope });
  if (!onlyExcepts(inForce.scope, scope)) return replaceHeld(tx, record.id, null);
  if (held === undefined) return [];
  await updateVersion(tx, held, { scope: withExceptions(held.scope, scope.except) });
  return [];
}
