/**
 * What goes on in households beside their document: grants and pauses, requests and their answers,
 * minutes that are used up, and the deletion of what was written down.
 */

import { documentOfApproval } from './approval.ts';
import type { AuditEntry } from './audit.ts';
import { toGrantEntry } from './audit-entries.ts';
import { type BudgetDay, noteUsedUp } from './budget-days.ts';
import { withoutTraces } from './database.ts';
import type { DocumentWriter } from './document-writer.ts';
import {
  type GrantDocument,
  type GrantFilter,
  insertGrant,
  insertPause,
  type Moment,
  type NewPause,
  type PauseDocument,
  readGrants,
  removeGrant,
  type StoredGrant,
} from './grants.ts';
import {
  type AnswerDocument,
  auditedRequest,
  closeRequest,
  findOpenRequest,
  insertRequest,
  readRequests,
  removeRequests,
  type RequestDocument,
  type RequestFilter,
  type StoredRequest,
} from './requests.ts';
import type { Db } from './schema.ts';
import type { StoreAccess } from './store-access.ts';
import type { WriteContext } from './write-context.ts';

/** The revision that holds a change, and what became of its object. */
export type GrantResult = { readonly revision: number; readonly grant: StoredGrant };
export type PauseResult = GrantResult & NewPause;
export interface RequestResult {
  readonly revision: number;
  readonly request: StoredRequest;
  /** Of an approval for a time; else null. */
  readonly grant: StoredGrant | null;
}

/** Whose records are deleted. */
export interface Deletion {
  readonly subscriber: string;
  /** Null = the whole household. */
  readonly profile: string | null;
}

/** Rows by what they are about, before and after. */
export interface DeletionCounts<Counts> {
  readonly before: Counts;
  readonly after: Counts;
}

export class Households {
  readonly #store: StoreAccess;
  readonly #documents: DocumentWriter;

  constructor(store: StoreAccess, documents: DocumentWriter) {
    this.#store = store;
    this.#documents = documents;
  }

  /** Opens something for a time. Errors as those of `applyDocument`. */
  grant(document: GrantDocument, context: WriteContext): Promise<GrantResult> {
    return this.#changeGrants('create', context, (tx, moment) => insertGrant(tx, document, moment));
  }

  /** Switches the internet off for a time, and ends what was granted of it. */
  pause(document: PauseDocument, context: WriteContext): Promise<PauseResult> {
    return this.#store.write(context, async (tx) => {
      const { grant, ended, goingOn } = await insertPause(tx, document, this.#moment(context));
      const revision = this.#store.revision() + 1;
      const entries = ended.map((one) => toGrantEntry('delete', one));
      const all = [...entries, toGrantEntry('create', grant)];
      await this.#store.audit(tx, revision, context, all);
      return { revision, grant, ended, goingOn };
    });
  }

  /** Ends a grant or a pause now. */
  endGrant(id: string, context: WriteContext): Promise<GrantResult> {
    return this.#changeGrants('delete', context, (tx, { nowSeconds }) =>
      removeGrant(tx, id, nowSeconds),
    );
  }

  /** Those that have not ended. */
  grants(filter: Omit<GrantFilter, 'nowSeconds'> = {}): Promise<StoredGrant[]> {
    return this.#store.read((tx) =>
      readGrants(tx, { ...filter, nowSeconds: this.#store.nowSeconds() }),
    );
  }

  /** Asks a parent for something. */
  request(document: RequestDocument, context: WriteContext): Promise<RequestResult> {
    return this.#store.write(context, async (tx) => {
      const { request, isNew } = await insertRequest(tx, document, this.#store.nowSeconds());
      // Nothing is decided otherwise because somebody asked: no revision, no compilation.
      const revision = this.#store.revision();
      if (!isNew) return { revision, request, grant: null };
      const entry = { action: 'create', kind: 'request', resource: request.id, before: null };
      const after = auditedRequest(request);
      await this.#store.audit(tx, revision, context, [{ ...entry, after }]);
      return { revision, request, grant: null };
    });
  }

  requests(filter: RequestFilter = {}): Promise<StoredRequest[]> {
    return this.#store.read((tx) => readRequests(tx, filter));
  }

  /** @throws AppError `REQUEST_ANSWERED` where somebody was faster; else as `grant` */
  answerRequest(
    id: string,
    { answer, ...end }: AnswerDocument,
    context: WriteContext,
  ): Promise<RequestResult> {
    return this.#store.write(context, async (tx) => {
      const before = await findOpenRequest(tx, id);
      const moment = this.#moment(context);
      // A refusal changes nothing that decides.
      const revision = this.#store.revision() + (answer === 'deny' ? 0 : 1);
      if (answer === 'always') {
        await this.#documents.applyWithin(tx, await documentOfApproval(tx, before), context);
      }
      const grant =
        answer === 'approve' ? await insertGrant(tx, toGrant(before, end), moment) : null;
      const state = answer === 'deny' ? 'denied' : 'approved';
      const request = await closeRequest(tx, before, state, grant?.id ?? null, moment);
      const entries: AuditEntry[] = [
        {
          action: 'update',
          kind: 'request',
          resource: id,
          before: auditedRequest(before),
          after: auditedRequest(request),
        },
      ];
      if (grant !== null) {
        const entry = { action: 'create', kind: 'grant', resource: grant.id };
        entries.push({ ...entry, before: null, after: grant });
      }
      await this.#store.audit(tx, revision, context, entries);
      return { revision, request, grant };
    });
  }

  /** Notes that the minutes of a day are used up; the policies are compiled with it. */
  noteUsedUp(
    budget: Omit<BudgetDay, 'minutes'>,
    context: WriteContext,
  ): Promise<{ readonly revision: number }> {
    return this.#store.write(context, async (tx) => {
      const usedUp = await noteUsedUp(tx, budget);
      if (usedUp === null) return { revision: this.#store.revision() };
      const revision = this.#store.revision() + 1;
      const resource = `${usedUp.subscriber}/${usedUp.profile}`;
      const entry = { action: 'used-up', kind: 'budget', resource, before: null, after: usedUp };
      await this.#store.audit(tx, revision, context, [entry]);
      return { revision };
    });
  }

  /**
   * Notes in the audit log that what was written down of somebody is about to be deleted: where no
   * `finishDeletion` follows, it was cut short and is to be asked for again.
   */
  beginDeletion(deletion: Deletion, context: WriteContext): Promise<void> {
    return this.#store.transact((tx) =>
      this.#auditDeletion(tx, 'begin-delete', deletion, null, context),
    );
  }

  /**
   * Deletes what is written down here, requests, and notes what is gone.
   * @param counts of what was deleted elsewhere
   * @returns the counts of all of it
   */
  finishDeletion<Counts extends object>(
    deletion: Deletion,
    { before, after }: DeletionCounts<Counts>,
    context: WriteContext,
  ): Promise<DeletionCounts<Counts & { readonly requests: number }>> {
    const { db } = this.#store;
    return this.#store.inTurn(() =>
      withoutTraces(db, () =>
        db.transaction().execute(async (tx) => {
          const requests = await removeRequests(tx, deletion.subscriber, deletion.profile);
          const counts = {
            before: { ...before, requests: requests.before },
            after: { ...after, requests: requests.after },
          };
          await this.#auditDeletion(tx, 'delete', deletion, counts, context);
          return counts;
        }),
      ),
    );
  }

  #changeGrants(
    action: 'create' | 'delete',
    context: WriteContext,
    work: (tx: Db, moment: Moment) => Promise<StoredGrant>,
  ): Promise<GrantResult> {
    return this.#store.write(context, async (tx) => {
      const grant = await work(tx, this.#moment(context));
      const revision = this.#store.revision() + 1;
      await this.#store.audit(tx, revision, context, [toGrantEntry(action, grant)]);
      return { revision, grant };
    });
  }

  async #auditDeletion(
    tx: Db,
    action: 'begin-delete' | 'delete',
    { subscriber, profile }: Deletion,
    counts: DeletionCounts<object> | null,
    context: WriteContext,
  ): Promise<void> {
    const resource = profile === null ? subscriber : `${subscriber}/${profile}`;
    const { before, after } = counts ?? { before: null, after: null };
    const entry = { action, kind: 'records', resource, before, after };
    await this.#store.audit(tx, this.#store.revision(), context, [entry]);
  }

  #moment({ actor }: WriteContext): Moment {
    return { who: actor, nowSeconds: this.#store.nowSeconds() };
  }
}

/** The grant that an approval for a time makes. */
function toGrant(request: StoredRequest, end: Omit<AnswerDocument, 'answer'>): GrantDocument {
  const { subscriber, profile, target, names } = request;
  return {
    subscriber,
    ...(profile === null ? {} : { profile }),
    target,
    ...(names === undefined ? {} : { names: [...names] }),
    ...end,
  };
}
