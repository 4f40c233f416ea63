/**
 * What is known of the lists that a document names: a report of each content, or why it is refused.
 *
 *     outside of a transaction:  prepare ─▶ looks at the contents that are new to their lists
 *     inside:                    report  ─▶ from the rows and those looks; looks at nothing
 *
 * Reading a large list takes seconds, and whoever holds the transaction keeps all others from the
 * database. So a look that turns out to be missing inside, since a write came between and took the
 * row that made it needless, ends the transaction with `LookMissing` and is made outside.
 */

import { AppError } from '../lib/errors.ts';
import type { RecordOf } from './canonical.ts';
import type { ListContents } from './list-contents.ts';
import type { ContentInspector, ListReport } from './list-report.ts';
import type { ReadDocument } from './read-document.ts';
import type { StoredList } from './records.ts';

/** Codes of an inspector that speak of the content and not of the inspection. */
const CONTENT_FAULTS = ['LIST_REFUSED', 'CONTENT_DAMAGED'];

type DocumentLists = NonNullable<ReadDocument['lists']>;
type StoredLists = ReadonlyMap<string, StoredList>;
type Look = ListReport | AppError;

/** A signal within the store: prepare once more, and begin the transaction anew. */
export class LookMissing extends Error {}

/** The looks of one write; what was looked at once is kept from attempt to attempt. */
export class ListLooks {
  readonly #contents: ListContents;
  readonly #inspector: ContentInspector;
  /** By content and format. */
  readonly #looks = new Map<string, Look>();

  constructor(contents: ListContents, inspector: ContentInspector) {
    this.#contents = contents;
    this.#inspector = inspector;
  }

  /** @throws what an inspection throws that could not be made */
  async prepare(lists: DocumentLists, stored: StoredLists): Promise<void> {
    for (const { record } of lists) {
      if (!this.#contents.has(record.contentSha256) || this.#find(stored, record)) continue;
      this.#looks.set(contentKeyOf(record), await this.#lookAt(record));
    }
  }

  /**
   * Reports of all lists that the document names, by id; a refused content is a fault.
   * @throws LookMissing
   */
  report(lists: DocumentLists, stored: StoredLists, faults: string[]): Map<string, ListReport> {
    const reports = new Map<string, ListReport>();
    for (const { record, path } of lists) {
      if (!this.#contents.has(record.contentSha256)) continue;
      const look = this.#find(stored, record);
      if (look === null) throw new LookMissing();
      if (look instanceof AppError) faults.push(`${path}: ${look.message}`);
      else reports.set(record.id, look);
    }
    return reports;
  }

  #find(stored: StoredLists, record: RecordOf['list']): Look | null {
    return knownReport(stored, record) ?? this.#looks.get(contentKeyOf(record)) ?? null;
  }

  async #lookAt({ contentSha256, format }: RecordOf['list']): Promise<Look> {
    try {
      return await this.#inspector.inspect(this.#contents.locate(contentSha256), format ?? null);
    } catch (error) {
      if (error instanceof AppError && CONTENT_FAULTS.includes(error.code)) return error;
      throw error;
    }
  }
}

/** The report of a list that has this content already, or null. */
function knownReport(stored: StoredLists, record: RecordOf['list']): ListReport | null {
  const before = stored.get(record.id);
  const isSame =
    before?.record.contentSha256 === record.contentSha256 && before.record.format === record.format;
  return isSame ? before.report : null;
}

function contentKeyOf({ contentSha256, format }: RecordOf['list']): string {
  return `${contentSha256} ${format ?? ''}`;
}
