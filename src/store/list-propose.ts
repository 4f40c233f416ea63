/** One proposal inside a transaction: judged, written, audited; or refused, with the reason in the list's state. */

import type { ListCandidate, ListLook } from './list-looks.ts';
import {
  judgeCandidate,
  popularInForce,
  type ProposalOutcome,
  replaceHeld,
  settleProposal,
} from './list-proposals.ts';
import type { GateFindings, ListReport } from './list-report.ts';
import { SETTINGS_SOURCE } from './list-scope.ts';
import { readListState, writeListState } from './list-states.ts';
import { readVersions } from './list-version-rows.ts';
import { readLists } from './records.ts';
import type { Db } from './schema.ts';
import type { StoreAccess } from './store-access.ts';
import type { WriteContext } from './write-context.ts';

export interface Proposal {
  readonly outcome: ProposalOutcome;
  /** Null where there is none: the content is in force already, or refused. */
  readonly version: number | null;
  /** The newest revision; that which holds the version, where it came into force. */
  readonly revision: number;
  readonly report: ListReport | null;
  /** Null where nothing was compared. */
  readonly findings: GateFindings | null;
  /** Well-known names that what came into force newly blocks. */
  readonly popular: readonly string[];
  readonly reasons: readonly string[];
}

export interface ProposeOptions {
  /** Where the content came from, for people. */
  readonly source: string;
  /** Whether it builds on what is held, and so on the work of its authors. */
  readonly isTakingUp?: boolean;
}

export async function writeProposal(
  store: StoreAccess,
  tx: Db,
  context: WriteContext,
  candidate: ListCandidate,
  look: ListLook,
  { source, isTakingUp = false }: ProposeOptions,
): Promise<Proposal> {
  const list = candidate.record.id;
  const stored = (await readLists(tx)).get(list);
  const versions = await readVersions(tx, { list });
  const judgement = judgeCandidate(candidate, look, stored, versions, store.sealedApprovals());
  const { outcome, reasons } = judgement;
  if (outcome === 'refused') return refuseContent(store, tx, list, reasons, look.report);
  const revision = store.revision() + (outcome === 'in-force' ? 1 : 0);
  const held = versions.find(({ state }) => state === 'held');
  const isOfContent = held?.source !== SETTINGS_SOURCE;
  const settled = await settleProposal(tx, candidate, look, judgement, {
    actor: context.actor,
    source,
    at: store.now(),
    revision,
    authors: isTakingUp && isOfContent ? (held?.authors ?? []) : [],
  });
  // The source has gone back to what is in force: nothing waits any more.
  const isBack =
    outcome === 'unchanged' && reasons.length === 0 && !candidate.isTrusted && isOfContent;
  const replaced = isBack ? await replaceHeld(tx, list, null) : [];
  const entries = [...settled.entries, ...replaced];
  if (entries.length > 0) await store.audit(tx, revision, context, entries);
  const version = settled.version?.version ?? null;
  const popular = popularInForce(judgement, look);
  return { outcome, version, revision, ...look, popular, reasons };
}

export async function refuseContent(
  store: StoreAccess,
  tx: Db,
  list: string,
  reasons: readonly string[],
  report: ListReport | null,
): Promise<Proposal> {
  const state = await readListState(tx, list);
  await writeListState(tx, list, { ...state, lastError: reasons.join('; ') });
  const revision = store.revision();
  const nothing = { version: null, findings: null, popular: [] };
  return { outcome: 'refused', revision, report, ...nothing, reasons };
}
