/**
 * What a look at the content of a list found. The look itself is handed to the store by whoever opens
 * it (`lists/inspect-content`), so that the store knows nothing of formats.
 */

import type { ListFormatName } from '../blocklist/formats/list-format.ts';

export interface LineFault {
  readonly line: number;
  readonly reason: string;
  readonly text: string;
}

export interface ListReport {
  readonly format: ListFormatName;
  readonly octets: number;
  /** Names accepted, duplicates included. */
  readonly entries: number;
  readonly exceptions: number;
  /** Lines refused, by reason. */
  readonly refused: Readonly<Record<string, number>>;
  /** The first hundred of them. */
  readonly faults: readonly LineFault[];
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
   * @throws AppError `LIST_REFUSED` where the content can be no list (empty, HTML, binary, no names);
   *   `CONTENT_DAMAGED` where the file is not what its name says
   */
  inspect(content: Uint8Array | ContentFile, format: ListFormatName | null): Promise<ListReport>;
}
