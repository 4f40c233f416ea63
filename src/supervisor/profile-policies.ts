/** Where the policy of a profile stands at a time: in the image in force, or in one that is made for it. */

import type { Compiler } from '../compiler/compiler.ts';
import type { HashSeed } from '../lib/half-siphash.ts';
import {
  GLOBAL_FROM_SECOND,
  GLOBAL_UNTIL_SECOND,
  type PolicyImage,
  trustPolicyImage,
} from '../policy/image.ts';

/** @param policies the image in force, with which what is nobody's (−1) is answered at any time */
export async function policiesOfProfileAt(
  compiler: Pick<Compiler, 'compileProfile'>,
  seed: HashSeed,
  policies: PolicyImage,
  profile: number,
  atSecond: number,
): Promise<PolicyImage> {
  if (holdsAt(policies, atSecond) || profile < 0) return policies;
  return trustPolicyImage(await compiler.compileProfile(seed, profile, atSecond));
}

export function holdsAt({ globals }: PolicyImage, atSecond: number): boolean {
  const from = globals[GLOBAL_FROM_SECOND] ?? 0;
  return atSecond >= from && atSecond < (globals[GLOBAL_UNTIL_SECOND] ?? 0);
}
