/**
 * What safe search (row 11) looks up: not the asked name but its target, in a question of its own, so
 * that it is cached, joined and forwarded under the target's name, and no rewritten answer ever is.
 */

import { TYPE_A, TYPE_AAAA } from '../dns/constants.ts';
import { hashSuffixes } from '../dns/suffix-hashes.ts';
import { copyBytes } from '../lib/bytes.ts';
import { isTargetAddress, targetNameAt, targetNameLength } from '../policy/safe-search.ts';
import type { QueryView } from '../dns/query-view.ts';
import type { InstalledImages, Resolver } from './resolver.ts';

/**
 * The question to look up for a name whose decision is `DECIDE_SAFE_SEARCH`: the target's, with the
 * client's type, DO and CD; or the view where the answer needs nobody else (`answerSafe`).
 */
export function safeQuestion(resolver: Resolver, images: InstalledImages): QueryView {
  const { view, safeView, decision, seed } = resolver;
  const { policies } = images;
  const target = decision.safeTarget;
  const isAddressType = view.qtype === TYPE_A || view.qtype === TYPE_AAAA;
  if (!isAddressType || isTargetAddress(policies, target)) return view;
  safeView.nameLength = targetNameLength(policies, target);
  const nameAt = targetNameAt(policies, target);
  copyBytes(policies.targetNames, nameAt, safeView.name, 0, safeView.nameLength);
  hashSuffixes(safeView.hashes, seed, safeView.name, 0);
  safeView.qtype = view.qtype;
  safeView.flags = view.flags;
  safeView.isDnssecOk = view.isDnssecOk;
  return safeView;
}
