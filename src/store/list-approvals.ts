/** How many people a version of a list needs behind it, and whether they are there. */

import { AppError } from '../lib/errors.ts';
import type { ListRecord, PeopleCount } from './canonical-list.ts';
import type { Approvals, ListVersion } from './list-version-rows.ts';
import { isPerson } from './tokens.ts';

/**
 * What the list itself says guards against mistakes and a lost token: whoever may write it may also say
 * that one is enough. Of sealed lists the configuration has a say too, which no token reaches.
 */
export function peopleNeeded(
  { approvals, sealed }: ListRecord,
  sealedApprovals: PeopleCount,
): PeopleCount {
  return approvals === 2 || (sealed === true && sealedApprovals === 2) ? 2 : 1;
}

/**
 * Two people at least, and each author's work approved by somebody else: whoever builds on held work
 * of another has not thereby approved it.
 */
export function isApproved(needed: PeopleCount, { authors, approvers }: Approvals): boolean {
  if (needed === 1) return true;
  const people = new Set([...authors, ...approvers]);
  const isSeconded = (author: string): boolean => approvers.some((one) => one !== author);
  return people.size >= 2 && authors.every(isSeconded);
}

/**
 * Where two people are needed one goes back to what two have approved, and to nothing else.
 * @throws AppError `VERSION_STATE`
 */
export function requireApproved(needed: PeopleCount, version: ListVersion): void {
  if (isApproved(needed, version)) return;
  throw new AppError(
    'VERSION_STATE',
    `Going back to version ${version.version} of list "${version.list}": two people are needed, and behind it are fewer; valid: one that two people approved`,
  );
}

/**
 * The approvers with this one.
 * @throws AppError `APPROVAL_NEEDS_ANOTHER` where this approval would add nobody
 */
export function withApprover(
  needed: PeopleCount,
  { list, version, authors, approvers }: ListVersion,
  actor: string,
): readonly string[] {
  if (needed === 1) return [...new Set([...approvers, actor])];
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
