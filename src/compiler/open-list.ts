/** A list of the store as the compiler takes it: its content is read from the disk piece by piece. */

import type { CompileList } from '../blocklist/compile.ts';
import { AppError, messageOf } from '../lib/errors.ts';
import { ListFile } from '../lists/list-file.ts';
import type { CompileListSource } from '../store/compile-input.ts';

export interface OpenedList {
  readonly list: CompileList;
  /**
   * To be called once, when the list was read: a content is named by its checksum, so damage on the
   * disk is found here and not in an answer.
   * @throws AppError `LIST_CONTENT_DAMAGED`
   */
  readonly refuseDamage: () => void;
}

/** @throws AppError `LIST_CONTENT_DAMAGED`, as reading it does */
export function openList(source: CompileListSource): OpenedList {
  const { id, categoryBit, format, coversSubdomains, contentPath } = source;
  const file = orDamaged(id, () => new ListFile(contentPath));
  const content = {
    length: file.length,
    read: (into: Uint8Array, at: number) => orDamaged(id, () => file.read(into, at)),
  };
  // Left out where the list does not say: then the format says what is covered.
  const coverage = coversSubdomains === null ? {} : { coversSubdomains };
  return {
    list: { id, categoryBit, format, ...coverage, content },
    refuseDamage: () => {
      if (orDamaged(id, () => file.digest()) === source.contentSha256) return;
      const message = `Reading the content of list "${id}" from ${contentPath}: the file is damaged; apply the list again`;
      throw new AppError('LIST_CONTENT_DAMAGED', message);
    },
  };
}

function orDamaged<Result>(id: string, work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    const message = `Reading the content of list "${id}": ${messageOf(error)}; apply the list again`;
    throw new AppError('LIST_CONTENT_DAMAGED', message, { cause: error });
  }
}
