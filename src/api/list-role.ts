/** What an editor may do with a list, and what only an operator may. */

import type { FastifyRequest } from 'fastify';
import { PROTECTED_CATEGORY } from '../store/canonical.ts';
import type { ControlPlane } from '../supervisor/control-plane-contract.ts';
import { requireRole } from './auth.ts';

/**
 * An editor keeps lists, but neither what no list may block nor what the law wants blocked; the
 * category that the list has now counts as well as the one that it would get.
 * @throws AppError `FORBIDDEN`
 */
export async function checkListRole(
  request: FastifyRequest,
  { store }: ControlPlane,
  id: string,
  newCategory: string | null = null,
): Promise<void> {
  const [lists, categories] = [await store.lists(), await store.categories()];
  for (const category of [lists.get(id)?.record.category, newCategory]) {
    if (category === undefined || category === null) continue;
    const isLaw = categories.get(category)?.record.class === 'law';
    if (isLaw || category === PROTECTED_CATEGORY) requireRole(request, 'operator');
  }
}

/**
 * For what a list is and not what is in it: where two people are needed, one editor must not be able
 * to say that they are not.
 * @throws AppError `FORBIDDEN`
 */
export async function checkListSettings(
  request: FastifyRequest,
  controlPlane: ControlPlane,
  id: string,
  newCategory: string | null,
): Promise<void> {
  await checkListRole(request, controlPlane, id, newCategory);
  const stored = (await controlPlane.store.lists()).get(id);
  if (stored?.record.approvals === 2) requireRole(request, 'operator');
}
