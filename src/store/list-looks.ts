/**
 * What is known of contents that lists are to get: a report of each and how it compares with what the
 * list has, or why it is refused.
 *
 *     outside of a transaction:  prepare ─▶ looks at what is new to its list, and compares it
 *     inside:                    find    ─▶ from the rows and those looks; looks at nothing
 *
 * Reading a large list takes seconds, and whoever holds the transaction keeps all others from the
 * database. So a look that turns out to be missing inside, since a write came between and changed the
 * row that it was about, ends the transaction with `LookMissing` and is made outside.
 */

import type { ListFormatName } from '../blocklist/formats/list-format.ts';
import { AppError } from '../lib/errors.ts';
import { readApprovedNames } from './approved-names.ts';
import { isUrgentList, type ListRecord } from './canonical-list.ts';
import type { ListContents } from './list-contents.ts';
import type { ContentInspector, GateComparison, GateFindings, ListReport } from './list-report.ts';
import { isSameScope, scopeOf } from './list-scope.ts';
import { readLists, type StoredList } from './records.ts';
import type { Db } from './schema.ts';
import { isSealedList } from './sealed-checks.ts';

/** Codes of an inspector that speak of the content and not of the inspection. */
const CONTENT_FAULTS = ['LIST_REFUSED', 'CONTENT_DAMAGED'];

/** A content, and the list that is to get it, as that shall be. */
export interface ListCandidate {
  readonly record: ListRecord;
  readonly contentSha256: string;
  /** Comes into force whatever the gate would say, so nothing is compared. */
  readonly isTrusted: boolean;
}

/** What candidates are held against. */
export interface ListGround {
  readonly lists: ReadonlyMap<string, StoredList>;
  /** By list. */
  readonly approved: ReadonlyMap<string, readonly { readonly name: string }[]>;
}

export interface ListLook {
  readonly report: ListReport;
  /** Null where this is in force, and for a trusted candidate. */
  readonly findings: GateFindings | null;
}

/** Each takes another write that removes or changes a list of the document meanwhile. */
const ATTEMPTS_MAX = 3;

/** A signal within the store: prepare once more, and begin the transaction anew. */
export class LookMissing extends Error {}

/**
 * @param attempt prepares its looks, then writes
 * @throws AppError `LISTS_CHANGED` where others were faster again and again
 */
export async function untilLooked<Result>(attempt: () => Promise<Result>): Promise<Result> {
  for (let count = 1; count <= ATTEMPTS_MAX; count++) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof LookMissing)) throw error;
    }
  }
  throw new AppError(
    'LISTS_CHANGED',
    `Writing lists: other writes changed them ${ATTEMPTS_MAX} times meanwhile; send it again`,
  );
}

export async function readGround(db: Db): Promise<ListGround> {
  return { lists: await readLists(db), approved: await readApprovedNames(db) };
}

/** The looks of one write; what was looked at once is kept from attempt to attempt. */
export class ListLooks {
  readonly #contents: ListContents;
  readonly #inspector: ContentInspector;
  /** By content and format. */
  readonly #reports = new Map<string, ListReport | AppError>();
  /** By all that a comparison is about. */
  readonly #findings = new Map<string, GateFindings>();
  readonly #unwanted = new Set<string>();

  constructor(contents: ListContents, inspector: ContentInspector) {
    this.#contents = contents;
    this.#inspector = inspector;
  }

  hasContent({ contentSha256 }: ListCandidate): boolean {
    return this.#contents.has(contentSha256);
  }

  /** @throws what an inspection throws that could not be made */
  async prepare(candidates: readonly ListCandidate[], ground: ListGround): Promise<void> {
    for (const candidate of candidates) {
      if (!this.hasContent(candidate)) continue;
      const report = this.#reportOf(candidate, ground) ?? (await this.#lookAt(candidate));
      if (report instanceof AppError) continue;
      const asked = this.#comparisonOf(candidate, report, ground);
      if (asked === null || this.#findings.has(asked.key)) continue;
      this.#findings.set(asked.key, await this.#compare(candidate, report, asked.comparison));
    }
  }

  /**
   * What is known of a candidate whose content is there; an error where its content is refused.
   * @throws LookMissing
   */
  find(candidate: ListCandidate, ground: ListGround): ListLook | AppError {
    const report = this.#reportOf(candidate, ground);
    if (report === null) throw new LookMissing();
    if (report instanceof AppError) return report;
    const asked = this.#comparisonOf(candidate, report, ground);
    if (asked === null) return { report, findings: null };
    const findings = this.#findings.get(asked.key);
    if (findings === undefined) throw new LookMissing();
    return { report, findings };
  }

  /** Notes a content that the list does not take. @param before what the list is; undefined: nothing yet */
  leaveOut(
    { sealed }: ListRecord,
    before: StoredList | undefined,
    contentSha256: string | undefined,
  ): void {
    const isSealed = sealed === true || (before !== undefined && isSealedList(before));
    if (isSealed && contentSha256 !== undefined) this.#unwanted.add(contentSha256);
  }

  /** Contents that sealed lists have not taken. They may be their names in the clear, so none stays. */
  get unwanted(): ReadonlySet<string> {
    return this.#unwanted;
  }

  #reportOf(candidate: ListCandidate, ground: ListGround): ListReport | AppError | null {
    return knownReport(candidate, ground) ?? this.#reports.get(contentKeyOf(candidate)) ?? null;
  }

  async #lookAt(candidate: ListCandidate): Promise<ListReport | AppError> {
    const { record, contentSha256 } = candidate;
    const look = await this.#inspector
      .inspect(this.#contents.locate(contentSha256), formatOf(record), isUrgentList(record))
      .catch((error: unknown) => {
        if (error instanceof AppError && CONTENT_FAULTS.includes(error.code)) return error;
        throw error;
      });
    this.#reports.set(contentKeyOf(candidate), look);
    return look;
  }

  /** What is damaged has no names: it neither keeps a good content out nor opens the gate. */
  async #compare(
    { record, contentSha256 }: ListCandidate,
    { format }: ListReport,
    comparison: GateComparison,
  ): Promise<GateFindings> {
    const isUrgent = isUrgentList(record);
    const content = this.#contents.locate(contentSha256);
    try {
      return await this.#inspector.compare(content, format, comparison, isUrgent);
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== 'CONTENT_DAMAGED') throw error;
      return this.#inspector.compare(content, format, { ...comparison, before: null }, isUrgent);
    }
  }

  /** Null where there is nothing to compare. A first version is compared with nothing. */
  #comparisonOf(
    { record, contentSha256, isTrusted }: ListCandidate,
    report: ListReport,
    { lists, approved }: ListGround,
  ): { readonly key: string; readonly comparison: GateComparison } | null {
    const before = lists.get(record.id);
    if (isTrusted) return null;
    const scope = scopeOf(record);
    const about = {
      list: record.id,
      scope,
      approved: (approved.get(record.id) ?? []).map(({ name }) => name),
    };
    if (before === undefined) {
      const key = JSON.stringify([contentSha256, report.format, null, about]);
      return { key, comparison: { ...about, before: null } };
    }
    const last = scopeOf(before.record);
    const isSameContent = before.contentSha256 === contentSha256 && before.format === report.format;
    if (isSameContent && isSameScope(scope, last)) return null;
    const { format, contentSha256: content } = before;
    // Nothing may have come yet, an own list may have lost its last entry, any list the file on the disk.
    const isThere = this.#contents.has(content);
    const key = [contentSha256, report.format, isThere ? content : null, format, last, about];
    return {
      key: JSON.stringify(key),
      comparison: {
        ...about,
        before: isThere ? { content: this.#contents.locate(content), format, scope: last } : null,
      },
    };
  }
}

/** The report of a list that has this content already, or null. */
function knownReport(
  { record, contentSha256 }: ListCandidate,
  { lists }: ListGround,
): ListReport | null {
  const before = lists.get(record.id);
  const isSame = before?.contentSha256 === contentSha256 && before.record.format === record.format;
  return isSame ? before.report : null;
}

function contentKeyOf({ contentSha256, record }: ListCandidate): string {
  return `${contentSha256} ${formatOf(record) ?? ''}`;
}

/** Null: to be found out. A text that a sealed list was given by mistake is not even read. */
function formatOf({ sealed, format }: ListRecord): ListFormatName | null {
  return sealed === true ? 'sealed' : (format ?? null);
}
