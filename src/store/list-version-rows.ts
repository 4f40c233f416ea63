/**
 * The versions of lists as rows. A list has at most one version in force and at most one that is held;
 * numbers go up and are never given out twice.
 *
 *     proposed ─▶ in-force ─▶ past ─▶ in-force (rollback)
 *         └─▶ held ─▶ in-force (approved), rejected, or replaced by a newer one
 */

import type { ListFormatName } from '../blocklist/formats/list-format.ts';
import type { GateFindings, ListReport } from './list-report.ts';
import type { ListScope } from './canonical-list.ts';
import type { Db, ListVersionRow, ListVersionState } from './schema.ts';

/** Who stands behind a version where two people are needed. */
export interface Approvals {
  /** Whose work is in it: of whoever proposed it, and of those whose held work it takes up. */
  readonly authors: readonly string[];
  readonly approvers: readonly string[];
}

export interface ListVersion extends Approvals {
  readonly list: string;
  readonly version: number;
  readonly state: ListVersionState;
  /** Empty: an own list without entries. */
  readonly contentSha256: string;
  readonly format: ListFormatName;
  /** With which it was looked at; of that in force, and of that which was: what its list has, or had last. */
  readonly scope: ListScope;
  /** Where it came from, for people. */
  readonly source: string;
  /** What its list had, or was to have, as `origin`; empty: nothing. */
  readonly origin: string;
  /** Who proposed it. */
  readonly actor: string;
  /** Why the gate holds it, or held it; empty where it passed. */
  readonly reasons: readonly string[];
  /** ISO 8601 in UTC, as the others. */
  readonly createdAt: string;
  /** When it last came into force; null: never. */
  readonly installedAt: string | null;
  /** Who approved it last, rejected it, or went back to it. */
  readonly decidedBy: string | null;
  readonly decidedAt: string | null;
  readonly report: ListReport;
  /** Against nothing, of a first version; null where nothing was compared. */
  readonly findings: GateFindings | null;
}

export type NewVersion = Omit<
  ListVersion,
  'version' | 'installedAt' | 'decidedBy' | 'decidedAt' | 'state'
>;

export interface VersionFilter {
  readonly list?: string;
  readonly state?: ListVersionState;
}

/** The newest of a list first. */
export async function readVersions(db: Db, filter: VersionFilter): Promise<ListVersion[]> {
  let query = db.selectFrom('list_versions').selectAll().orderBy('list').orderBy('number', 'desc');
  if (filter.list !== undefined) query = query.where('list', '=', filter.list);
  if (filter.state !== undefined) query = query.where('state', '=', filter.state);
  return (await query.execute()).map(toVersion);
}

export async function insertVersion(
  tx: Db,
  version: NewVersion,
  state: ListVersionState,
): Promise<ListVersion> {
  const { list, contentSha256, format, source, origin, actor, createdAt } = version;
  const { newest } = await tx
    .selectFrom('list_versions')
    .select((eb) => eb.fn.coalesce(eb.fn.max('number'), eb.lit(0)).as('newest'))
    .where('list', '=', list)
    .executeTakeFirstOrThrow();
  const number = newest + 1;
  const { authors, approvers, report, findings, reasons, scope } = version;
  await tx
    .insertInto('list_versions')
    .values({
      list,
      number,
      content_sha256: contentSha256,
      format,
      report: JSON.stringify(report),
      findings: findings === null ? null : JSON.stringify(findings),
      reasons: JSON.stringify(reasons),
      state,
      source,
      origin,
      actor,
      approvals: JSON.stringify({ authors, approvers }),
      created_at: createdAt,
      scope: JSON.stringify(scope),
    })
    .execute();
  const undecided = { installedAt: null, decidedBy: null, decidedAt: null };
  return { ...version, ...undecided, version: number, state };
}

/** What may change of a version. */
export type VersionChange = Partial<
  Pick<
    ListVersion,
    | 'state'
    | 'installedAt'
    | 'decidedBy'
    | 'decidedAt'
    | 'authors'
    | 'approvers'
    | 'findings'
    | 'reasons'
    | 'scope'
  >
>;

export async function updateVersion(
  tx: Db,
  version: ListVersion,
  change: VersionChange,
): Promise<ListVersion> {
  const after = { ...version, ...change };
  const { authors, approvers, findings, scope } = after;
  await tx
    .updateTable('list_versions')
    .set({
      state: after.state,
      installed_at: after.installedAt,
      decided_by: after.decidedBy,
      decided_at: after.decidedAt,
      approvals: JSON.stringify({ authors, approvers }),
      findings: findings === null ? null : JSON.stringify(findings),
      reasons: JSON.stringify(after.reasons),
      scope: JSON.stringify(scope),
    })
    .where('list', '=', version.list)
    .where('number', '=', version.version)
    .execute();
  return after;
}

/**
 * Takes the oldest versions away: as many as the list keeps stay of those that were in force, and as
 * many of the others. The newest of all stays, so that its number is not given out again.
 */
export async function pruneVersions(tx: Db, list: string, kept: number): Promise<void> {
  const versions = await readVersions(tx, { list });
  const others = versions.filter(({ state }) => state !== 'in-force' && state !== 'held');
  const wereInForce = others.filter(({ installedAt }) => installedAt !== null);
  const neverWere = others.filter(({ installedAt }) => installedAt === null);
  // The one in force counts.
  const gone = [...wereInForce.slice(kept - 1), ...neverWere.slice(kept)];
  const numbers = gone.filter((one) => one !== versions[0]).map(({ version }) => version);
  if (numbers.length === 0) return;
  await tx
    .deleteFrom('list_versions')
    .where('list', '=', list)
    .where('number', 'in', numbers)
    .execute();
}

/** Checksums of all contents that a list or a kept version names. */
export async function readUsedContents(db: Db): Promise<Set<string>> {
  const lists = await db.selectFrom('lists').select('content_sha256').execute();
  const versions = await db.selectFrom('list_versions').select('content_sha256').execute();
  return new Set([...lists, ...versions].map((row) => row.content_sha256));
}

/** Ids of lists that keep a version with this content. */
export async function readListsWith(db: Db, contentSha256: string): Promise<readonly string[]> {
  const rows = await db
    .selectFrom('list_versions')
    .select('list')
    .distinct()
    .where('content_sha256', '=', contentSha256)
    .execute();
  return rows.map(({ list }) => list);
}

function toVersion(row: ListVersionRow): ListVersion {
  return {
    list: row.list,
    version: row.number,
    state: row.state,
    contentSha256: row.content_sha256,
    format: row.format as ListFormatName,
    scope: JSON.parse(row.scope) as ListScope,
    source: row.source,
    origin: row.origin,
    actor: row.actor,
    ...(JSON.parse(row.approvals) as Approvals),
    reasons: JSON.parse(row.reasons) as string[],
    createdAt: row.created_at,
    installedAt: row.installed_at,
    decidedBy: row.decided_by,
    decidedAt: row.decided_at,
    report: JSON.parse(row.report) as ListReport,
    findings: row.findings === null ? null : (JSON.parse(row.findings) as GateFindings),
  };
}
