/** Reads the pages of a collection one after the other, up to a limit. */

import { AppError } from '../lib/errors.ts';
import type { ApiClient } from './api-client.ts';

const PAGE_ITEMS_MAX = 1000;

export type Item = Readonly<Record<string, unknown>>;

interface Page {
  readonly items: readonly Item[];
  readonly next: string | null;
}

/**
 * @param path of the collection, with a query of its own or without
 * @param limitText as typed: how many items at most
 * @throws AppError `LIMIT_INVALID`, or that of the API
 */
export async function readPages(
  client: Pick<ApiClient, 'request'>,
  path: string,
  limitText: string,
): Promise<readonly Item[]> {
  const limit = Number(limitText);
  if (!Number.isInteger(limit) || limit < 1) {
    throw new AppError('LIMIT_INVALID', `--limit: "${limitText}"; valid: a whole number from 1`);
  }
  const items: Item[] = [];
  let after: string | null = null;
  do {
    const query = new URLSearchParams({
      limit: String(Math.min(PAGE_ITEMS_MAX, limit - items.length)),
      ...(after === null ? {} : { after }),
    });
    const page = (await client.request(
      'GET',
      `${path}${path.includes('?') ? '&' : '?'}${query.toString()}`,
    )) as Page;
    items.push(...page.items);
    after = page.next;
  } while (after !== null && items.length < limit);
  return items;
}
