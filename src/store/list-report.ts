/**
 * What a look at the content of a list found, and what a comparison with its last one. Both are handed
 * to the store by whoever opens it (`lists/inspect-content`), so that the store knows nothing of formats.
 */

import type { ListFormatName, RefusalReason } from '../blocklist/formats/list-format.ts';
import type { ListScope } from './canonical-list.ts';

export interface LineFault {
  readonly line: number;
  readonly reason: string;
  readonly text: string;
}

/** What a sealed list says of itself; its names are known to nobody here. */
export interface SealedReport {
  /** The id that it was sealed for. */
  readonly list: string;
  readonly serial: number;
  /** Seconds since the Unix epoch. */
  readonly sealedAtSecond: number;
  readonly keyId: string;
  readonly publisher: string;
}

export interface ListReport {
  readonly format: ListFormatName;
  readonly octets: number;
  /** Names accepted, duplicates included. */
  readonly entries: number;
  /** Of these: names that the list itself held before. */
  readonly duplicates: number;
  readonly exceptions: number;
  /** Lines refused, by reason. */
  readonly refused: Readonly<Record<string, number>>;
  /** The first hundred of them. */
  readonly faults: readonly LineFault[];
  /** Of a sealed list only. */
  readonly sealed?: SealedReport;
}

/** Of a content that a document brought. */
export interface AppliedReport extends ListReport {
  /** Well-known names that the list newly blocks since it is in force; left out where there is none. */
  readonly popular?: readonly string[];
}

/** Of a list without content. */
export function emptyReport(format: ListFormatName): ListReport {
  return { format, octets: 0, entries: 0, duplicates: 0, exceptions: 0, refused: {}, faults: [] };
}

/** Distinct ones. */
export function countNames({ entries, duplicates }: ListReport): number {
  return entries - duplicates;
}

/** At most a thousand names, in the order of the list. */
export interface NameSample {
  /** Of all, shown or not. */
  readonly count: number;
  readonly names: readonly string[];
}

/** What would become of the names of a list. */
export interface GateFindings {
  /** Distinct names, those that exceptions take out left out. */
  readonly entriesBefore: number;
  readonly entries: number;
  /** By this list; another list may block a name too. */
  readonly newlyBlocked: NameSample;
  readonly newlyOpened: NameSample;
  /** Well-known names that would newly be in the category, and that nobody has approved for it. */
  readonly popular: readonly {
    readonly name: string;
    /** Place among the names that are asked for most here, from 1; null: everybody knows it, but it is not among them. */
    readonly rank: number | null;
    /** How often, about; null as above. */
    readonly asked: number | null;
  }[];
  /** New in it, and left out of every list whatever it says. */
  readonly neverListable: readonly {
    readonly name: string;
    readonly line: number;
    readonly reason: RefusalReason;
  }[];
}

/** What an update is measured by. */
export interface GateLimits {
  /** Of the names in force: as many may newly be open. */
  readonly shrinkPercentMax: number;
  /** Of the names in force: as many may newly be blocked. */
  readonly growthPercentMax: number;
  /** The error budget: lines that are no names. */
  readonly badPercentMax: number;
  /** The shorter gate of mandatory lists: neither growth nor popular names hold an update back. */
  readonly isUrgent: boolean;
}

/** What a content is compared with. */
export interface GateComparison {
  readonly list: string;
  /** Of the candidate. */
  readonly scope: ListScope;
  /** Null: the list has none yet. */
  readonly before: {
    readonly content: Uint8Array | ContentFile;
    readonly format: ListFormatName;
    readonly scope: ListScope;
  } | null;
  /** Names that somebody has approved for good for this list. */
  readonly approved: readonly string[];
}

/** A content that is on the disk. */
export interface ContentFile {
  readonly sha256: string;
  readonly path: string;
}

export interface ContentInspector {
  /**
   * @param content octets, or the file that holds them, which is checked against its name
   * @param format null: find it out
   * @param isUrgent does not wait for the looks at other lists, where they have a queue
   * @throws AppError `LIST_REFUSED` where the content can be no list (empty, HTML, binary, no names);
   *   `CONTENT_DAMAGED` where the file is not what its name says
   */
  inspect(
    content: Uint8Array | ContentFile,
    format: ListFormatName | null,
    isUrgent?: boolean,
  ): Promise<ListReport>;
  /**
   * @param candidate accepted by `inspect` before
   * @param isUrgent as of `inspect`
   * @throws AppError `CONTENT_DAMAGED`
   */
  compare(
    candidate: Uint8Array | ContentFile,
    format: ListFormatName,
    comparison: GateComparison,
    isUrgent?: boolean,
  ): Promise<GateFindings>;
}
