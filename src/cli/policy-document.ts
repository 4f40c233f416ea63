/** The document of `apply` on its way in: YAML, and the files that its lists name. */

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { readYaml } from '../config/read-yaml.ts';
import { AppError, messageOf } from '../lib/errors.ts';

export interface LoadedDocument {
  /** As written, but with `contentSha256` in place of `path`. */
  readonly document: unknown;
  /** Contents by their SHA-256 in hexadecimal. */
  readonly contents: ReadonlyMap<string, Uint8Array>;
}

/**
 * Reads a document and the files beside it; what it says is for the store to judge.
 * @throws AppError `DOCUMENT_UNREADABLE`, `DOCUMENT_INVALID` with every fault
 */
export function loadPolicyDocument(path: string): LoadedDocument {
  const document = parseYaml(path);
  const contents = new Map<string, Uint8Array>();
  if (typeof document !== 'object' || document === null || !('lists' in document)) {
    return { document, contents };
  }
  if (!Array.isArray(document.lists)) return { document, contents };
  const faults: string[] = [];
  const lists = document.lists.map((list: unknown, index) => {
    try {
      return inlineContent(list, dirname(path), contents);
    } catch (error) {
      faults.push(`lists[${index}].path: ${messageOf(error)}`);
      return list;
    }
  });
  if (faults.length > 0) throw invalid(path, faults);
  return { document: { ...document, lists }, contents };
}

/** @throws AppError `DOCUMENT_UNREADABLE`, `DOCUMENT_INVALID` */
export function readYamlMapping(path: string): Readonly<Record<string, unknown>> {
  const value = parseYaml(path);
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return value as Readonly<Record<string, unknown>>;
  }
  throw invalid(path, ['the document: it is no mapping']);
}

function parseYaml(path: string): unknown {
  let text;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const message = `Reading the document ${path}: ${messageOf(error)}`;
    throw new AppError('DOCUMENT_UNREADABLE', message, { cause: error });
  }
  const faults: string[] = [];
  const value = readYaml(text, faults);
  if (faults.length > 0) throw invalid(path, faults);
  return withoutFinalLineFeeds(value);
}

/** A block scalar (`|`) ends with a line feed that nobody means. */
function withoutFinalLineFeeds(value: unknown): unknown {
  if (typeof value === 'string') return value.endsWith('\n') ? value.slice(0, -1) : value;
  if (typeof value !== 'object' || value === null) return value;
  const container = value as Record<string, unknown>;
  for (const key of Object.keys(container)) container[key] = withoutFinalLineFeeds(container[key]);
  return value;
}

/** The file is named by what is in it, so the same content is sent once and never twice. */
function inlineContent(list: unknown, folder: string, contents: Map<string, Uint8Array>): unknown {
  if (typeof list !== 'object' || list === null || !('path' in list)) return list;
  const { path, ...rest } = list;
  if (typeof path !== 'string') return list;
  const content = readFileSync(resolve(folder, path));
  const contentSha256 = createHash('sha256').update(content).digest('hex');
  contents.set(contentSha256, content);
  return { origin: path, ...rest, contentSha256 };
}

function invalid(path: string, faults: readonly string[]): AppError {
  const count = faults.length === 1 ? '1 fault' : `${faults.length} faults`;
  return new AppError('DOCUMENT_INVALID', `Reading the document ${path}: ${count}`, { faults });
}
