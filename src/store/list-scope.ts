/**
 * What decides beside its content which names a list blocks, and as what. It may do all that a content may:
 * an exception less, or another category, newly blocks well-known names, and exceptions empty a list. So a
 * version is a content with its scope, and a scope that the gate holds waits as a version of its own:
 *
 *     settings of a list that has a content ─▶ compared as a content is ─▶ in force, with the version that is
 *                                                  └──▶ held: the list keeps the scope that it has
 */

import { AppError } from '../lib/errors.ts';
import { quote } from '../lib/quote.ts';
import { type ListRecord, type ListScope, settingsOf } from './canonical-list.ts';
import type { ListVersion } from './list-version-rows.ts';
import { readCategories } from './records.ts';
import type { Db } from './schema.ts';

/** Source of a version that is the content in force with another scope. */
export const SETTINGS_SOURCE = 'settings';
/** A sentence stays one that people read. */
const NAMES_SHOWN_MAX = 10;

export function scopeOf({ category, subdomains, except = [] }: ListRecord): ListScope {
  return { category, subdomains: subdomains ?? null, except };
}

/** The record with this scope, its keys in their one order. */
export function withScope(record: ListRecord, scope: ListScope): ListRecord {
  const { id, format, contentSha256, origin } = record;
  const { category, subdomains, except } = scope;
  const settings = Object.entries(settingsOf(record)).filter(([key]) => key !== 'except');
  return {
    id,
    category,
    ...(format === undefined ? {} : { format }),
    ...(subdomains === null ? {} : { subdomains }),
    ...(contentSha256 === undefined ? {} : { contentSha256 }),
    ...(origin === undefined ? {} : { origin }),
    ...Object.fromEntries(settings),
    ...(except.length === 0 ? {} : { except }),
  };
}

export function isSameScope(a: ListScope, b: ListScope): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** Whether all that `after` does is to take more names out. */
export function onlyExcepts(before: ListScope, after: ListScope): boolean {
  return isSameScope(withExceptions(after, before.except), { ...before, except: after.except });
}

export function withExceptions(scope: ListScope, except: readonly string[]): ListScope {
  return { ...scope, except: [...new Set([...scope.except, ...except])].sort() };
}

/** What of the scope is another one, in a sentence; null: nothing. */
export function scopeWords(before: ListScope, after: ListScope): string | null {
  const gone = before.except.filter((name) => !after.except.includes(name));
  const added = after.except.filter((name) => !before.except.includes(name));
  const words = [
    ...(before.category === after.category
      ? []
      : [`its category is ${quote(after.category)} instead of ${quote(before.category)}`]),
    ...(before.subdomains === after.subdomains
      ? []
      : [`subdomains is ${subdomainsWord(after)} instead of ${subdomainsWord(before)}`]),
    ...(gone.length === 0 ? [] : [`it excepts no longer ${shown(gone)}`]),
    ...(added.length === 0 ? [] : [`it newly excepts ${shown(added)}`]),
  ];
  return words.length === 0 ? null : words.join('; ');
}

/**
 * Between a version and its approval categories come and go.
 * @throws AppError `VERSION_STATE`
 */
export async function requireCategory(
  tx: Db,
  { id, sealed, gate }: ListRecord,
  { category }: ListScope,
): Promise<void> {
  const found = (await readCategories(tx)).get(category);
  const isMandatory = sealed === true || gate?.urgent === true;
  const isFit = found !== undefined && (!isMandatory || found.record.class === 'law');
  if (isFit) return;
  const why = found === undefined ? 'there is none; make it first' : 'it is not of class law';
  throw new AppError(
    'VERSION_STATE',
    `Moving list "${id}" to the category ${quote(category)}: ${why}`,
  );
}

/**
 * The scope of a list that takes a rejected version after all: the one that it has, where that blocks
 * nothing more than the one with which the gate has looked at the version.
 * @throws AppError `VERSION_STATE`
 */
export function scopeForRejected(record: ListRecord, version: ListVersion): ListScope {
  const scope = scopeOf(record);
  const isOfSettings = version.source === SETTINGS_SOURCE && version.installedAt === null;
  if (!isOfSettings && onlyExcepts(version.scope, scope)) return scope;
  const why = isOfSettings
    ? 'it is about settings of the list only; valid: writing those again'
    : `the list is another one since then: ${String(scopeWords(version.scope, scope))}; valid: after the list is what it was`;
  throw new AppError(
    'VERSION_STATE',
    `Approving version ${version.version} of list "${version.list}": ${why}`,
  );
}

function subdomainsWord({ subdomains }: ListScope): string {
  return subdomains === null ? 'as the format does' : String(subdomains);
}

function shown(names: readonly string[]): string {
  const more = names.length - NAMES_SHOWN_MAX;
  return names.slice(0, NAMES_SHOWN_MAX).join(', ') + (more > 0 ? ` and ${more} more` : '');
}
