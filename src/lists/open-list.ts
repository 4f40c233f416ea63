/** A list of the store as the compiler takes it: its content is read from the disk piece by piece. */

import type { CompileList } from '../blocklist/compile.ts';
import { AppError, messageOf } from '../lib/errors.ts';
import { ListFile } from './list-file.ts';
import type { CompileListSource } from '../store/compile-input.ts';

export interface OpenedList {
  readonly list: CompileList;
  /**
   * To be called once, when the list was read: a content is named by its checksum, so damage on the
   * disk is found here and not in an answer.
   * @throws AppError `LIST_CONTENT_DAMAGED`, or as `openList`
   */
  readonly refuseDamage: () => void;
}

/**
 * @throws AppError `LIST_CONTENT_DAMAGED` where the file is gone, which only another `apply` mends;
 *   `LIST_CONTENT_UNREADABLE` where it could not be read now. Reading it throws the same.
 */
export function openList(source: CompileListSource): OpenedList {
  const { id, categoryBit, format, coversSubdomains, except, contentPath, octets } = source;
  // Left out where the list does not say: then the format says what is covered.
  const coverage = coversSubdomains === null ? {} : { coversSubdomains };
  if (octets !== null) {
    const list = { id, categoryBit, format, ...coverage, except, content: octets };
    return { list, refuseDamage: () => undefined };
  }
  const file = reading(id, () => new ListFile(contentPath));
  const content = {
    length: file.length,
    read: (into: Uint8Array, at: number) => reading(id, () => file.read(into, at)),
  };
  return {
    list: { id, categoryBit, format, ...coverage, except, content },
    refuseDamage: () => {
      if (reading(id, () => file.digest()) === source.contentSha256) return;
      const message = `Reading the content of list "${id}" from ${contentPath}: the file is damaged; apply the list again`;
      throw new AppError('LIST_CONTENT_DAMAGED', message);
    },
  };
}

function reading<Result>(id: string, work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    const doing = `Reading the content of list "${id}": ${messageOf(error)}`;
    const isGone = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    throw isGone
      ? new AppError('LIST_CONTENT_DAMAGED', `${doing}; apply the list again`, { cause: error })
      : new AppError('LIST_CONTENT_UNREADABLE', doing, { cause: error });
  }
}
