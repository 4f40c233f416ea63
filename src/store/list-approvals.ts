/** Whether enough people stand behind a version of a list that asks for two. */

import { AppError } from '../lib/errors.ts';
import type { ListRecord } from './canonical-list.ts';
import type { Approvals, ListVersion } from './list-version-rows.ts';
import { isPerson } from './tokens.ts';

/**
 * Two people at least, and each author's work approved by somebody else: whoever builds on held work
 * of another has not thereby approved it.
 */
export function isApproved({ approvals }: ListRecord, { authors, approvers }: Approvals): boolean {
  if (approvals !== 2) return true;
  const people = new Set([...authors, ...approvers]);
  const isSeconded = (author: string): boolean => approvers.some((one) => one !== author);
  return people.size >= 2 && authors.every(isSeconded);
}

/**
 * The approvers with this one.
 * @throws AppError `APPROVAL_NEEDS_ANOTHER` where this approval would add nobody
 */
export function withApprover(
  { approvals }: ListRecord,
  { list, version, authors, approvers }: ListVersion,
  actor: string,
): readonly string[] {
  if (approvals !== 2) return [...new Set([...approvers, actor])];
  const isOwn = authors.every((author) => author === actor) && authors.length > 0;
  if (isPerson(actor) && !isOwn && !approvers.includes(actor)) return [...approvers, actor];
  const why = isOwn
    ? 'it is your own proposal'
    : isPerson(actor)
      ? 'you have approved it already'
      : `"${actor}" is no person`;
  throw new AppError(
    'APPROVAL_NEEDS_ANOTHER',
    `Approving version ${version} of list "${list}": two people are needed, and ${why}; another one has to approve it`,
  );
}
