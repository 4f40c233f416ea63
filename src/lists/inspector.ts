/**
 * Looks at contents of lists on the thread of the caller: an offline `apply` does, and the compile
 * thread for a server. What a content must be compared with is read from the rows of the data folder.
 */

import type { CompileList } from '../blocklist/compile.ts';
import type { ListContent, ListFormatName } from '../blocklist/formats/list-format.ts';
import { AppError } from '../lib/errors.ts';
import { PROTECTED_CATEGORY } from '../store/canonical.ts';
import { type CompileListSource, readListSourcesFrom } from '../store/compile-input.ts';
import type {
  ContentFile,
  ContentInspector,
  GateComparison,
  GateFindings,
} from '../store/list-report.ts';
import type { ListScope } from '../store/canonical-list.ts';
import { NO_SEALING_KEYS, type SealingKeys } from '../sealing/sealing-keys.ts';
import { type AskedName, compareContents } from './compare.ts';
import { compareSealed } from './compare-sealed.ts';
import { inspectContent, inspectFile, refuseDamage } from './inspect-content.ts';
import { ListFile } from './list-file.ts';
import type { LookProgress } from './look-progress.ts';
import { openList } from './open-list.ts';
import { readPopularNames } from './popular-names.ts';

/** Bits of the images that a comparison makes for itself. */
const BIT_PROTECTED = 0;
const BIT_OF_LIST = 1;

/**
 * @param asked the names that are asked for most, the most asked first
 * @param sealing without keys, every sealed list is refused
 * @param progress is told how far a look at a file is
 */
export function createInspector(
  dataDir: string,
  asked: readonly AskedName[] = [],
  sealing: SealingKeys = NO_SEALING_KEYS,
  progress?: LookProgress,
): ContentInspector {
  return {
    inspect: (content, format) =>
      // A rejection, not a throw: callers await.
      new Promise((resolve) => {
        resolve(
          content instanceof Uint8Array
            ? inspectContent(content, format, sealing)
            : inspectFile(content, format, sealing, progress),
        );
      }),
    compare: async (candidate, format, comparison) =>
      compare(candidate, format, comparison, asked, await readListSourcesFrom(dataDir)),
  };
}

function compare(
  candidate: Uint8Array | ContentFile,
  format: ListFormatName,
  comparison: GateComparison,
  asked: readonly AskedName[],
  sources: readonly CompileListSource[],
): GateFindings {
  const { list: id, scope, before, approved } = comparison;
  const { category } = scope;
  const isProtected = category === PROTECTED_CATEGORY;
  const shapeOf = ({ except, subdomains }: ListScope) => ({
    id,
    categoryBit: isProtected ? BIT_PROTECTED : BIT_OF_LIST,
    except,
    ...(subdomains === null ? {} : { coversSubdomains: subdomains }),
  });
  const files: { readonly file: ListFile; readonly sha256: string }[] = [];
  const open = (content: Uint8Array | ContentFile): ListContent => {
    if (content instanceof Uint8Array) return content;
    const file = new ListFile(content.path);
    files.push({ file, sha256: content.sha256 });
    return file;
  };
  const ofCategory = (wanted: string, categoryBit: number): readonly CompileList[] =>
    sources
      .filter((one) => one.category === wanted && one.id !== id)
      .flatMap((one) => openUndamaged({ ...one, categoryBit }));
  const isMoved = before !== null && before.scope.category !== category;
  if (format === 'sealed') {
    const old = before === null ? null : open(before.content);
    const found = compareSealed(open(candidate), old, isMoved);
    for (const { file, sha256 } of files) refuseDamage(file, sha256);
    return found;
  }
  const findings = compareContents({
    candidate: { ...shapeOf(scope), format, content: open(candidate) },
    before:
      before === null
        ? null
        : { ...shapeOf(before.scope), format: before.format, content: open(before.content) },
    isMoved,
    protectedLists: isProtected ? [] : ofCategory(PROTECTED_CATEGORY, BIT_PROTECTED),
    otherLists: () => ofCategory(category, BIT_OF_LIST),
    known: readPopularNames(),
    asked,
    // Approved for the category that it leaves.
    approved: isMoved ? [] : approved,
  });
  for (const { file, sha256 } of files) refuseDamage(file, sha256);
  return findings;
}

/** A list whose file is damaged or gone says nothing here; the next compilation says that it is. */
function openUndamaged(source: CompileListSource): readonly CompileList[] {
  try {
    openList(source).refuseDamage();
    return [openList(source).list];
  } catch (error) {
    if (error instanceof AppError && error.code.startsWith('LIST_CONTENT_')) return [];
    throw error;
  }
}
