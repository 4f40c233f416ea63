/**
 * Lists as their editors keep them: contents come in as versions, wait where the gate holds them, and
 * can be gone back to.
 *
 *     propose  ─▶ look (outside of the transaction) ─▶ gate ─▶ in force, held or refused
 *     approve  ─▶ a held version comes into force, once as many people agree as the list asks for
 *     reject   ─▶ it never does, nor does the same content by itself
 *     rollback ─▶ a version that was in force is so again, past all gates, with its category and its
 *                 exceptions; the one that it replaces counts as rejected, so that its source does not
 *                 bring it back, unless that has the same content
 *
 * Every decision is audited; what changes the lists in force makes a revision.
 */

import { AppError } from '../lib/errors.ts';
import { quote } from '../lib/quote.ts';
import {
  type ApprovedName,
  insertApprovedNames,
  readApprovedNames,
  removeApprovedName,
} from './approved-names.ts';
import type { AuditEntry } from './audit.ts';
import { type ListRecord, type ListSourceKind, sourceOf } from './canonical-list.ts';
import { throwFaults } from './changes.ts';
import { isApproved, peopleNeeded, requireApproved, withApprover } from './list-approvals.ts';
import {
  type ListCandidate,
  ListLooks,
  LookMissing,
  readGround,
  untilLooked,
} from './list-looks.ts';
import { installVersion, replaceHeld, versionEntry } from './list-proposals.ts';
import { type Proposal, refuseContent, writeProposal } from './list-propose.ts';
import type { GateFindings } from './list-report.ts';
import {
  requireCategory,
  scopeForRejected,
  SETTINGS_SOURCE,
  withExceptions,
} from './list-scope.ts';
import { type ListState, readListState, readListStates, writeListState } from './list-states.ts';
import {
  type ListVersion,
  readListsWith,
  readVersions,
  updateVersion,
  type VersionFilter,
} from './list-version-rows.ts';
import { OWN_SOURCE, type OwnLists } from './own-lists.ts';
import { listOf, readLists, type StoredList } from './records.ts';
import { canonicalName } from './rule-name.ts';
import { isSealedList, sealedFault } from './sealed-checks.ts';
import type { Db } from './schema.ts';
import type { StoreAccess } from './store-access.ts';
import type { WriteContext } from './write-context.ts';

/** In a fault, as the valid ones. */
const NAMES_SHOWN_MAX = 40;

export interface ContentProposal {
  readonly list: string;
  /** Of a content that is on the disk. */
  readonly contentSha256: string;
  /** Where it came from, for people. */
  readonly source: string;
  /** Whether the list, as it is when it is written, still takes its content from there. */
  readonly isStillSource?: (record: ListRecord) => boolean;
}

export interface VersionPlace {
  readonly list: string;
  readonly version: number;
}

export interface VersionResult {
  readonly revision: number;
  readonly version: ListVersion;
}

export interface VersionDiff extends Pick<
  GateFindings,
  'entries' | 'entriesBefore' | 'newlyBlocked' | 'newlyOpened'
> {
  readonly from: number;
  readonly to: number;
}

/** A list whose content somebody has to fetch. */
export interface ListSourceRow {
  readonly stored: StoredList;
  readonly kind: ListSourceKind;
  readonly state: ListState;
}

export class ListVersions {
  readonly #store: StoreAccess;
  readonly #ownLists: OwnLists;

  constructor(store: StoreAccess, ownLists: OwnLists) {
    this.#store = store;
    this.#ownLists = ownLists;
  }

  /**
   * Proposes a content that is on the disk. Where it is refused, the reason stands in the list's state.
   * @throws AppError `RESOURCE_UNKNOWN`, `CONTENT_UNKNOWN`, `LISTS_CHANGED`
   */
  propose(
    context: WriteContext,
    { list, contentSha256, source, isStillSource = () => true }: ContentProposal,
  ): Promise<Proposal> {
    const looks = new ListLooks(this.#store.contents, this.#store.inspector);
    const attempt = async (): Promise<Proposal> => {
      const candidateOf = ({ record }: StoredList): ListCandidate => {
        if (!isStillSource(record)) {
          throw new AppError('RESOURCE_UNKNOWN', `The list "${list}" is from elsewhere by now`);
        }
        if (this.#store.contents.has(contentSha256)) {
          return { record, contentSha256, isTrusted: false };
        }
        throw new AppError('CONTENT_UNKNOWN', `There is no content ${quote(contentSha256)}`);
      };
      const ground = await this.#store.read(readGround);
      await looks.prepare([candidateOf(listOf(ground.lists, list))], ground);
      return this.#store.write(context, async (tx) => {
        const now = await readGround(tx);
        const candidate = candidateOf(listOf(now.lists, list));
        const look = looks.find(candidate, now);
        const proposal =
          look instanceof AppError
            ? await refuseContent(this.#store, tx, list, [look.message], null)
            : await writeProposal(this.#store, tx, context, candidate, look, { source });
        if (proposal.outcome === 'refused') {
          looks.leaveOut(candidate.record, now.lists.get(list), contentSha256);
        }
        return proposal;
      });
    };
    const contents = [contentSha256];
    return this.#store.usingContents(contents, looks.unwanted, () => untilLooked(attempt));
  }

  /**
   * Lets a held or rejected version through.
   * @param always well-known names of it that shall hold no later update of this list
   * @returns the version: still held where another person has to approve it too
   * @throws AppError `RESOURCE_UNKNOWN`, `VERSION_STATE`, `APPROVAL_NEEDS_ANOTHER`, `DOCUMENT_INVALID`,
   *   `LIST_REFUSED` where a sealed one could not be opened any more
   */
  approve(
    context: WriteContext,
    place: VersionPlace,
    always: readonly string[] = [],
  ): Promise<VersionResult> {
    let wanted: string | null = null;
    let opened: string | null = null;
    // Keys come and go while a sealed version waits; without its own nothing could be compiled any more.
    const requireOpened = ({ format, contentSha256 }: ListVersion): void => {
      if (format !== 'sealed' || contentSha256 === opened) return;
      wanted = contentSha256;
      throw new LookMissing();
    };
    return untilLooked(async () => {
      if (wanted !== null) {
        await this.#store.inspector.inspect(this.#store.contents.locate(wanted), 'sealed');
        opened = wanted;
      }
      return this.#store.write(context, (tx) =>
        this.#approve(tx, context, place, always, requireOpened),
      );
    });
  }

  /** @throws AppError `RESOURCE_UNKNOWN`, `VERSION_STATE` */
  reject(context: WriteContext, place: VersionPlace): Promise<VersionResult> {
    return this.#store.write(context, async (tx) => {
      const { stored, version } = await findVersion(tx, place);
      requireState(version, ['held'], 'Rejecting');
      const decided = { decidedBy: context.actor, decidedAt: this.#store.now() };
      const rejected = await updateVersion(tx, version, { ...decided, state: 'rejected' });
      await this.#ownLists.resetEntries(tx, stored, stored.contentSha256);
      const entries = [versionEntry('reject', version, rejected)];
      return this.#settled(tx, context, this.#store.revision(), rejected, entries);
    });
  }

  /**
   * Puts a version that was in force back into force; no gate is asked.
   * @param version null: the one that was in force before
   * @throws AppError `RESOURCE_UNKNOWN`, `VERSION_STATE`, `CONTENT_UNKNOWN`
   */
  rollback(
    context: WriteContext,
    { list, version: number }: { readonly list: string; readonly version: number | null },
  ): Promise<VersionResult> {
    return this.#store.write(context, async (tx) => {
      const { stored, version } = await findVersion(tx, {
        list,
        version: number ?? (await lastBefore(tx, list)),
      });
      if (version.installedAt === null || version.state === 'in-force') {
        throw new AppError(
          'VERSION_STATE',
          `Going back to version ${version.version} of list "${list}": it ${stateWords(version)}; valid: one that was in force`,
        );
      }
      requireFit(stored, version, 'Going back to');
      requireApproved(peopleNeeded(stored.record, this.#store.sealedApprovals()), version);
      // What was taken out since then, for somebody who could not reach it, stays open.
      const scope = withExceptions(version.scope, stored.record.except ?? []);
      await requireCategory(tx, stored.record, scope);
      this.#requireContent(version);
      const at = this.#store.now();
      const revision = this.#store.revision() + 1;
      const decided = { decidedBy: context.actor, decidedAt: at };
      const [left] = await readVersions(tx, { list, state: 'in-force' });
      const target = await updateVersion(tx, version, { ...decided, scope });
      const installed = await installVersion(tx, stored.record, target, { at, revision });
      const entries: AuditEntry[] = [versionEntry('rollback', left ?? null, installed.version)];
      if (left !== undefined) {
        // Of the same content only the settings are gone back from: the source may bring it.
        const isSame =
          left.contentSha256 === version.contentSha256 && left.format === version.format;
        await updateVersion(tx, left, { ...decided, state: isSame ? 'past' : 'rejected' });
      }
      const [held] = await readVersions(tx, { list, state: 'held' });
      // It builds on what is left.
      const isOfLeft = stored.record.own === true || held?.source === SETTINGS_SOURCE;
      if (isOfLeft) entries.push(...(await replaceHeld(tx, list, null)));
      await this.#ownLists.resetEntries(tx, stored, version.contentSha256);
      return this.#settled(tx, context, revision, installed.version, entries);
    });
  }

  /**
   * A content may be given out where a kept version has it, and none of a sealed list: digests tell nobody
   * a name who has no key, but whoever has got a key shall not find the rest here.
   * @throws AppError `CONTENT_UNKNOWN`, `CONTENT_SEALED`
   */
  async requireReadable(contentSha256: string): Promise<void> {
    await this.#store.read(async (tx) => {
      const all = await readLists(tx);
      const ids = await readListsWith(tx, contentSha256);
      if (ids.length === 0 || !this.#store.contents.has(contentSha256)) {
        throw new AppError('CONTENT_UNKNOWN', `No list has the content ${quote(contentSha256)}`);
      }
      if (ids.some((id) => isSealedList(listOf(all, id)))) {
        throw new AppError('CONTENT_SEALED', 'Reading a content: sealed lists are not given out');
      }
    });
  }

  /** @throws AppError `RESOURCE_UNKNOWN` */
  async requireList(id: string): Promise<void> {
    listOf(await this.#store.read(readLists), id);
  }

  /** The newest of a list first. */
  versions(filter: VersionFilter): Promise<ListVersion[]> {
    return this.#store.read((tx) => readVersions(tx, filter));
  }

  /** @throws AppError `RESOURCE_UNKNOWN` */
  version(place: VersionPlace): Promise<ListVersion> {
    return this.#store.read(async (tx) => (await findVersion(tx, place)).version);
  }

  /**
   * What one version blocks and the other does not, by name.
   * @throws AppError `RESOURCE_UNKNOWN`, `CONTENT_UNKNOWN`, or as the inspector
   */
  async diff(list: string, from: number, to: number): Promise<VersionDiff> {
    const [before, after] = [
      await this.version({ list, version: from }),
      await this.version({ list, version: to }),
    ];
    for (const version of [before, after]) this.#requireContent(version);
    const contentOf = ({ contentSha256 }: ListVersion) =>
      contentSha256 === '' ? new Uint8Array(0) : this.#store.contents.locate(contentSha256);
    const found = await this.#store.inspector.compare(contentOf(after), after.format, {
      list,
      scope: after.scope,
      before: { content: contentOf(before), format: before.format, scope: before.scope },
      approved: [],
    });
    const { entries, entriesBefore, newlyBlocked, newlyOpened } = found;
    return { from, to, entriesBefore, entries, newlyBlocked, newlyOpened };
  }

  approvedNames(list: string): Promise<readonly ApprovedName[]> {
    return this.#store.read(async (tx) => (await readApprovedNames(tx)).get(list) ?? []);
  }

  /** From now on the gate holds updates for the name again. @throws AppError `RESOURCE_UNKNOWN` */
  forgetApprovedName(
    context: WriteContext,
    list: string,
    text: string,
  ): Promise<{ readonly revision: number }> {
    return this.#store.write(context, async (tx) => {
      const name = canonicalName(text) ?? text;
      if (!(await removeApprovedName(tx, list, name))) {
        throw new AppError(
          'RESOURCE_UNKNOWN',
          `List "${list}" has no approved name ${quote(name)}`,
        );
      }
      const revision = this.#store.revision();
      const resource = `${list}/${name}`;
      const entry = { action: 'delete', kind: 'approved-name', resource, after: null };
      await this.#store.audit(tx, revision, context, [{ ...entry, before: { name } }]);
      return { revision };
    });
  }

  readState(list: string): Promise<ListState> {
    return this.#store.read((tx) => readListState(tx, list));
  }

  async writeState(list: string, state: ListState): Promise<void> {
    await this.#store.write({ actor: '' }, async (tx) => {
      await writeListState(tx, list, state);
      return { revision: this.#store.revision() };
    });
  }

  /** Lists with an address, a file or a zone transfer. */
  sources(): Promise<readonly ListSourceRow[]> {
    return this.#store.read(async (tx) => {
      const stateOf = await readListStates(tx);
      const rows: ListSourceRow[] = [];
      for (const stored of (await readLists(tx)).values()) {
        const kind = sourceOf(stored.record);
        if (kind === 'contentSha256' || kind === 'own') continue;
        rows.push({ stored, kind, state: stateOf(stored.record.id) });
      }
      return rows;
    });
  }

  async #settled(
    tx: Db,
    context: WriteContext,
    revision: number,
    version: ListVersion,
    entries: readonly AuditEntry[],
  ): Promise<VersionResult> {
    await this.#store.audit(tx, revision, context, entries);
    return { revision, version };
  }

  async #approve(
    tx: Db,
    context: WriteContext,
    { list, version: number }: VersionPlace,
    always: readonly string[],
    requireOpened: (version: ListVersion) => void,
  ): Promise<VersionResult> {
    const { stored, version } = await findVersion(tx, { list, version: number });
    requireState(version, ['held', 'rejected'], 'Approving');
    const names = namesToApprove(version, always);
    requireFit(stored, version, 'Approving');
    const { record } = stored;
    const scope = version.state === 'held' ? version.scope : scopeForRejected(record, version);
    await requireCategory(tx, record, scope);
    this.#requireContent(version);
    const { actor } = context;
    const at = this.#store.now();
    const needed = peopleNeeded(record, this.#store.sealedApprovals());
    const approvers = withApprover(needed, version, actor);
    requireOpened(version);
    const decided = { approvers, decidedBy: actor, decidedAt: at };
    // One that was rejected waits again where one more has to approve it.
    const replaced = version.state === 'held' ? [] : await replaceHeld(tx, list, null);
    const approved = await updateVersion(tx, version, { ...decided, scope, state: 'held' });
    await this.#ownLists.resetEntries(tx, stored, approved.contentSha256);
    const entries = [...replaced, approvalEntry(version, approved, names)];
    if (!isApproved(needed, approved)) {
      refuseNamesTooEarly(names);
      return this.#settled(tx, context, this.#store.revision(), approved, entries);
    }
    await insertApprovedNames(tx, list, names, { actor, at });
    const revision = this.#store.revision() + 1;
    const installed = await installVersion(tx, stored.record, approved, { at, revision });
    const all = [...entries, ...installed.entries];
    return this.#settled(tx, context, revision, installed.version, all);
  }

  #requireContent({ list, version, contentSha256 }: ListVersion): void {
    if (contentSha256 === '' || this.#store.contents.has(contentSha256)) return;
    throw new AppError(
      'CONTENT_UNKNOWN',
      `The content of version ${version} of list "${list}" is gone from the disk`,
    );
  }
}

async function findVersion(
  tx: Db,
  { list, version: number }: VersionPlace,
): Promise<{ readonly stored: StoredList; readonly version: ListVersion }> {
  const stored = listOf(await readLists(tx), list);
  const versions = await readVersions(tx, { list });
  const version = versions.find((one) => one.version === number);
  if (version !== undefined) return { stored, version };
  const kept = versions.map((one) => one.version).join(', ');
  throw new AppError(
    'RESOURCE_UNKNOWN',
    `List "${list}" has no version ${number}; kept are ${kept === '' ? 'none' : kept}`,
  );
}

/** The version that was in force before the one that is. */
async function lastBefore(tx: Db, list: string): Promise<number> {
  const { version: inForce } = listOf(await readLists(tx), list);
  const past = (await readVersions(tx, { list, state: 'past' })).filter(
    ({ version }) => inForce === null || version < inForce,
  );
  const [last] = past;
  if (last !== undefined) return last.version;
  throw new AppError(
    'VERSION_STATE',
    `Going back in list "${list}": no version was in force before this one; name one`,
  );
}

function requireState(
  version: ListVersion,
  states: readonly ListVersion['state'][],
  doing: string,
): void {
  if (states.includes(version.state)) return;
  throw new AppError(
    'VERSION_STATE',
    `${doing} version ${version.version} of list "${version.list}": it ${stateWords(version)}; valid: one that is ${states.join(' or ')}`,
  );
}

/**
 * Own lists have entries of their own, sealed ones a sealed file of a serial that is new.
 * @throws AppError `VERSION_STATE`
 */
function requireFit({ record, lastSerial }: StoredList, version: ListVersion, doing: string): void {
  const isForeign = record.own === true && ![OWN_SOURCE, SETTINGS_SOURCE].includes(version.source);
  const fault = isForeign
    ? 'it came from elsewhere, before the list had entries of its own; valid: one of own entries'
    : sealedFault(record, lastSerial, version.report);
  if (fault === null) return;
  throw new AppError(
    'VERSION_STATE',
    `${doing} version ${version.version} of list "${version.list}": ${fault}`,
  );
}

function stateWords({ state, installedAt }: ListVersion): string {
  switch (state) {
    case 'in-force':
      return 'is in force';
    case 'held':
      return 'waits to be approved';
    case 'rejected':
      return installedAt === null ? 'was rejected' : 'was gone back from';
    case 'past':
      return 'was in force';
    case 'replaced':
      return 'was replaced by a newer one before anybody approved it';
  }
}

/**
 * Well-known names that held the version, or entries of it above them: each stands for all below it.
 * @throws AppError `DOCUMENT_INVALID` where one is neither
 */
function namesToApprove({ findings }: ListVersion, texts: readonly string[]): string[] {
  const popular = (findings?.popular ?? []).map(({ name }) => name);
  const blocked = findings?.newlyBlocked.names ?? [];
  const faults: string[] = [];
  const names = texts.map((text, index) => {
    const name = canonicalName(text) ?? text;
    const isAbove = blocked.includes(name) && popular.some((one) => one.endsWith(`.${name}`));
    if (isAbove || popular.includes(name)) return name;
    const valid = popular.length === 0 ? 'none' : popular.slice(0, NAMES_SHOWN_MAX).join(', ');
    faults.push(`always[${index}]: the gate does not hold it for ${quote(text)}; valid: ${valid}`);
    return name;
  });
  throwFaults(faults);
  return names;
}

/** One person alone does not open the gate for later updates. @throws AppError `DOCUMENT_INVALID` */
function refuseNamesTooEarly(names: readonly string[]): void {
  if (names.length === 0) return;
  throwFaults([
    'always: another person has to approve the version too; valid: with the approval that brings it into force',
  ]);
}

function approvalEntry(
  before: ListVersion,
  after: ListVersion,
  names: readonly string[],
): AuditEntry {
  const entry = versionEntry('approve', before, after);
  return names.length === 0
    ? entry
    : { ...entry, after: { ...(entry.after as object), always: names } };
}
