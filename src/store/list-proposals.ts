/**
 * From a content that was looked at to a version: what the gate says of it, and the rows of that.
 *
 *     in force already, or rejected before ─▶ unchanged; with another scope it is judged as a new one
 *     over the error budget                ─▶ refused: no version, nothing is written
 *     trusted, first, or no reasons        ─▶ in-force; which well-known names a first one blocks is shown
 *     else, and where two people are asked ─▶ held: the list keeps what it has
 */

import type { AuditEntry } from './audit.ts';
import { PROTECTED_CATEGORY } from './canonical.ts';
import {
  type ListRecord,
  type PeopleCount,
  settingsOf,
  sourceOf,
  VERSIONS_KEPT,
} from './canonical-list.ts';
import { peopleNeeded } from './list-approvals.ts';
import { GATE_DEFAULTS, judgeFirst, judgeUnprotected, judgeUpdate } from './gate-verdict.ts';
import type { ListCandidate, ListLook } from './list-looks.ts';
import type { GateFindings, GateLimits } from './list-report.ts';
import { isSameScope, scopeOf, scopeWords, SETTINGS_SOURCE, withScope } from './list-scope.ts';
import {
  insertVersion,
  type ListVersion,
  pruneVersions,
  readVersions,
  updateVersion,
} from './list-version-rows.ts';
import type { StoredList } from './records.ts';
import { sealedFault } from './sealed-checks.ts';
import type { Db } from './schema.ts';
import { isPerson } from './tokens.ts';
import { settingsText } from './write-rows.ts';

export type ProposalOutcome = 'unchanged' | 'in-force' | 'held' | 'refused';

export interface Judgement {
  readonly outcome: ProposalOutcome;
  /** Why it is held, refused or left out; empty where it is or comes into force. */
  readonly reasons: readonly string[];
  /** The kept version that has this content: the one that is held, or was rejected. */
  readonly same: ListVersion | null;
}

const UNPROTECTED_ALL = 'none of its names would be protected any longer';

/** An own list changes by hand, name by name: percentages of ten names mean nothing. */
const OWN_LIMITS = {
  // Corrections open names that are no entries, so more than all of them.
  shrinkPercentMax: Number.MAX_SAFE_INTEGER,
  growthPercentMax: Number.MAX_SAFE_INTEGER,
};

export function limitsOf(record: ListRecord): GateLimits {
  const { urgent = false, ...own } = record.gate ?? {};
  return {
    ...GATE_DEFAULTS,
    ...(record.own === true ? OWN_LIMITS : {}),
    ...own,
    isUrgent: urgent,
  };
}

/**
 * @param stored what the list is now; undefined: it comes to be
 * @param versions all that the list keeps
 * @param sealedApprovals how many people each version of a sealed list needs
 */
export function judgeCandidate(
  { record, contentSha256, isTrusted }: ListCandidate,
  { report, findings }: ListLook,
  stored: StoredList | undefined,
  versions: readonly ListVersion[],
  sealedApprovals: PeopleCount,
): Judgement {
  const { format } = report;
  if (stored?.contentSha256 === contentSha256 && stored.format === format) {
    // The list may have become a sealed one, or ceased to be one.
    const fault = sealedFault(record, null, report);
    if (fault !== null) return { outcome: 'refused', reasons: [fault], same: null };
    const candidate = { record, contentSha256, isTrusted };
    return judgeScope(candidate, findings, stored, versions, sealedApprovals);
  }
  const limits = limitsOf(record);
  const lastSerial = stored?.lastSerial ?? null;
  // First, since the other one quotes a line.
  const refusal = sealedFault(record, lastSerial, report) ?? judgeFirst(report, limits);
  if (refusal !== null) return { outcome: 'refused', reasons: [refusal], same: null };
  const same = versions.filter((one) => isOf(one, contentSha256, format));
  const rejected = same.find(isLeftOut);
  if (rejected !== undefined && !isTrusted) {
    const { version, decidedBy } = rejected;
    const reason = `version ${version} with this content was rejected by ${decidedBy ?? '?'}; approve that one to take it all the same`;
    return { outcome: 'unchanged', reasons: [reason], same: rejected };
  }
  const held = same.find((one) => one.state === 'held' && hasScopeOf(one, record)) ?? null;
  if (isTrusted) return { outcome: 'in-force', reasons: [], same: held };
  const reasons = reasonsToHold(record, findings, stored, sealedApprovals);
  if (isEmptied(contentSha256, stored)) reasons.push(UNPROTECTED_ALL);
  const words = stored === undefined ? null : scopeWords(scopeOf(stored.record), scopeOf(record));
  if (reasons.length > 0 && words !== null) reasons.unshift(words);
  return { outcome: reasons.length === 0 ? 'in-force' : 'held', reasons, same: held };
}

/** Of the content in force, with perhaps another scope. */
function judgeScope(
  { record, contentSha256, isTrusted }: ListCandidate,
  findings: GateFindings | null,
  stored: StoredList,
  versions: readonly ListVersion[],
  sealedApprovals: PeopleCount,
): Judgement {
  const words = scopeWords(scopeOf(stored.record), scopeOf(record));
  const isPassing = words === null || isTrusted;
  const reasons = isPassing ? [] : reasonsToHold(record, findings, stored, sealedApprovals);
  if (words === null || reasons.length === 0)
    return { outcome: 'unchanged', reasons: [], same: null };
  const same = versions.find(
    (one) => one.state === 'held' && one.contentSha256 === contentSha256 && hasScopeOf(one, record),
  );
  return { outcome: 'held', reasons: [words, ...reasons], same: same ?? null };
}

/**
 * @param stored what the list is: a write that asks for fewer people is itself one that needs two;
 *   undefined, or of no version: this is the first one
 */
function reasonsToHold(
  record: ListRecord,
  findings: GateFindings | null,
  stored: StoredList | undefined,
  sealedApprovals: PeopleCount,
): string[] {
  const isFirst = stored === undefined || stored.version === null;
  const before = stored?.record ?? record;
  const needsTwo = [record, before].some((one) => peopleNeeded(one, sealedApprovals) === 2);
  // Only what waits for two people all the same tells them.
  const isJudged = findings !== null && (!isFirst || needsTwo);
  const isProtecting = before.category === PROTECTED_CATEGORY && findings !== null;
  const unprotected = isProtecting ? judgeUnprotected(findings) : null;
  return [
    ...(unprotected === null ? [] : [unprotected]),
    ...(isJudged ? judgeUpdate(findings, limitsOf(record)) : []),
    ...(needsTwo ? ['each change of this list needs two people'] : []),
  ];
}

/** An own list without entries has no content, and so nothing to compare. */
function isEmptied(contentSha256: string, stored: StoredList | undefined): boolean {
  if (stored === undefined || stored.record.category !== PROTECTED_CATEGORY) return false;
  return contentSha256 === '' && stored.contentSha256 !== '';
}

/** Well-known names that what comes into force newly blocks, since it is a first version or urgent. */
export function popularInForce({ outcome }: Judgement, { findings }: ListLook): readonly string[] {
  if (outcome === 'held' || outcome === 'refused' || findings === null) return [];
  return findings.popular.map(({ name }) => name);
}

/** Whoever keeps settings out says nothing against the content. */
function isLeftOut({ state, source, installedAt }: ListVersion): boolean {
  return state === 'rejected' && (source !== SETTINGS_SOURCE || installedAt !== null);
}

function hasScopeOf({ scope }: ListVersion, record: ListRecord): boolean {
  return isSameScope(scope, scopeOf(record));
}

function isOf(version: ListVersion, contentSha256: string, format: string): boolean {
  return version.contentSha256 === contentSha256 && version.format === format;
}

/** Who proposes, from where and when, and which revision holds what comes into force. */
export interface ProposalContext {
  readonly actor: string;
  readonly source: string;
  readonly at: string;
  readonly revision: number;
  /** Besides the actor: whose held work the content takes up. */
  readonly authors?: readonly string[];
  /** Of the held version that this one is but for what has expired. */
  readonly approvers?: readonly string[];
}

export interface Settled {
  /** Null where there is none. */
  readonly version: ListVersion | null;
  readonly entries: readonly AuditEntry[];
}

/** Writes what was judged; the row of the list is there. */
export async function settleProposal(
  tx: Db,
  { record, contentSha256 }: ListCandidate,
  { report, findings }: ListLook,
  { outcome, reasons, same }: Judgement,
  context: ProposalContext,
): Promise<Settled> {
  if (outcome !== 'in-force' && outcome !== 'held') return { version: same, entries: [] };
  if (outcome === 'held' && same !== null) {
    return { version: await updateVersion(tx, same, { findings, reasons }), entries: [] };
  }
  const replaced = await replaceHeld(tx, record.id, same);
  const { actor, source, at, authors = [], approvers = [] } = context;
  const people = [...new Set([...authors, actor])].filter(isPerson);
  const state = outcome === 'held' ? 'held' : 'past';
  const version =
    same ??
    (await insertVersion(
      tx,
      {
        list: record.id,
        contentSha256,
        format: report.format,
        scope: scopeOf(record),
        source,
        origin: record.origin ?? '',
        actor,
        authors: people,
        approvers,
        reasons,
        createdAt: at,
        report,
        findings,
      },
      state,
    ));
  if (outcome === 'held') {
    await pruneVersions(tx, record.id, record.versionsKept ?? VERSIONS_KEPT);
    return { version, entries: [...replaced, versionEntry('hold', null, version)] };
  }
  const installed = await installVersion(tx, record, version, context);
  return { ...installed, entries: [...replaced, ...installed.entries] };
}

/** Ends the wait of a version that another one has overtaken. */
export async function replaceHeld(
  tx: Db,
  list: string,
  kept: ListVersion | null,
): Promise<readonly AuditEntry[]> {
  const [held] = await readVersions(tx, { list, state: 'held' });
  if (held === undefined || held.version === kept?.version) return [];
  const replaced = await updateVersion(tx, held, { state: 'replaced' });
  return [versionEntry('replace', held, replaced)];
}

/** Puts a version into force: its content and its scope are those of its list from now on. */
export async function installVersion(
  tx: Db,
  record: ListRecord,
  version: ListVersion,
  { at, revision }: Pick<ProposalContext, 'at' | 'revision'>,
): Promise<{ readonly version: ListVersion; readonly entries: readonly AuditEntry[] }> {
  const list = record.id;
  const after = withScope(record, version.scope);
  const [before = null] = await readVersions(tx, { list, state: 'in-force' });
  if (before !== null) await updateVersion(tx, before, { state: 'past' });
  const installed = await updateVersion(tx, version, { state: 'in-force', installedAt: at });
  const { sealed } = version.report;
  await tx
    .updateTable('lists')
    .set({
      content_sha256: version.contentSha256,
      // Higher than the last one, or it would not have come here.
      ...(sealed === undefined ? {} : { last_serial: sealed.serial }),
      ...(sourceOf(record) === 'contentSha256' ? { origin: version.origin } : {}),
      format: version.format,
      report: JSON.stringify(version.report),
      category: after.category,
      covers_subdomains: after.subdomains === undefined ? null : Number(after.subdomains),
      settings: settingsText(settingsOf(after)),
      revision,
    })
    .where('id', '=', list)
    .execute();
  await pruneVersions(tx, list, record.versionsKept ?? VERSIONS_KEPT);
  const entries = [versionEntry('install', before, installed)];
  if (!hasScopeOf(installed, record)) {
    entries.push({ action: 'update', kind: 'list', resource: list, before: record, after });
  }
  return { version: installed, entries };
}

/** What the audit log keeps of a version: enough to find it, and not its thousand names. */
export function versionEntry(
  action: string,
  before: ListVersion | null,
  after: ListVersion,
): AuditEntry {
  const resource = `${after.list}/${after.version}`;
  return {
    action,
    kind: 'list-version',
    resource,
    before: before === null ? null : summaryOf(before),
    after: summaryOf(after),
  };
}

function summaryOf(one: ListVersion): object {
  const { version, state, contentSha256, scope, source, reasons, authors, approvers } = one;
  const { entries } = one.report;
  return { version, state, contentSha256, scope, entries, source, reasons, authors, approvers };
}
