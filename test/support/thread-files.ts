/**
 * A folder of plain JavaScript for a thread of a test: the few files that it imports, stripped of
 * their types, since worker threads are not started through the test runner.
 */

import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import ts from 'typescript';

/**
 * @param files paths below `src`, such as `lib/bytes.ts`; they import no others
 * @param entry what the thread runs, as an ES module; it imports `./lib/bytes.js`
 * @returns the folder, which the caller removes, and the entry's path
 */
export function prepareThread(
  files: readonly string[],
  entry: string,
): { readonly folder: string; readonly path: string } {
  const folder = mkdtempSync(join(tmpdir(), 'stairgate-thread-'));
  const path = join(folder, 'entry.js');
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  writeFileSync(path, entry);
  for (const file of files) {
    const source = readFileSync(new URL(`../../src/${file}`, import.meta.url), 'utf8');
    const { outputText } = ts.transpileModule(source, {
      compilerOptions: {
        target: ts.ScriptTarget.ES2023,
        module: ts.ModuleKind.ESNext,
        verbatimModuleSyntax: true,
        rewriteRelativeImportExtensions: true,
      },
    });
    const target = join(folder, file.replace('.ts', '.js'));
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, outputText);
  }
  return { folder, path };
}
