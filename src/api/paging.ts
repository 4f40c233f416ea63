/** Pages: `?limit=` items after the cursor of the page before, and the cursor of the next. */

import { Type, type TSchema } from 'typebox';
import { AppError } from '../lib/errors.ts';

export const PAGE_ITEMS = 100;
export const PAGE_ITEMS_MAX = 1_000;

export const pageQuery = {
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: PAGE_ITEMS_MAX })),
  after: Type.Optional(Type.String({ maxLength: 200, description: '"next" of the page before' })),
};

export const PageQuerySchema = Type.Object(pageQuery, { additionalProperties: false });

export function pageOf<Item extends TSchema>(item: Item) {
  return Type.Object({
    items: Type.Array(item),
    next: Type.Union([Type.String(), Type.Null()], { description: 'null: this was the last' }),
  });
}

/**
 * A cursor that is a number.
 * @throws AppError `REQUEST_INVALID`: a page from elsewhere would look like the one asked for
 */
export function parseCursor(after: string): number {
  if (/^\d{1,15}$/.test(after)) return Number(after);
  throw invalidCursor(after);
}

export function invalidCursor(after: string): AppError {
  return new AppError(
    'REQUEST_INVALID',
    `after: "${after}" is no cursor; valid: "next" of the page before`,
  );
}

export interface Page<Item> {
  readonly items: readonly Item[];
  readonly next: string | null;
}

/** Makes a page of what was read with `limit`; a page that is not full is the last. */
export function toPage<Item>(
  items: readonly Item[],
  limit: number,
  cursorOf: (item: Item) => string,
): Page<Item> {
  const last = items.at(-1);
  return { items, next: last !== undefined && items.length === limit ? cursorOf(last) : null };
}

/** A page of what is small enough to be read whole, ordered by id. */
export function slicePage<Item extends { readonly id: string }>(
  items: readonly Item[],
  query: { readonly limit?: number; readonly after?: string },
): Page<Item> {
  const limit = query.limit ?? PAGE_ITEMS;
  const { after } = query;
  const rest = after === undefined ? items : items.filter((item) => item.id > after);
  return toPage(rest.slice(0, limit), limit, (item) => item.id);
}

/**
 * A page of what is small enough to be read whole, in an order of its own.
 * @throws AppError `REQUEST_INVALID` where the item that the cursor names is gone
 */
export function sliceAfter<Item extends { readonly id: string }>(
  items: readonly Item[],
  query: { readonly limit?: number; readonly after?: string },
): Page<Item> {
  const { limit = PAGE_ITEMS, after } = query;
  const place = items.findIndex((item) => item.id === after);
  if (after !== undefined && place < 0) throw invalidCursor(after);
  return toPage(items.slice(place + 1, place + 1 + limit), limit, (item) => item.id);
}
