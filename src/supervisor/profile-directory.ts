/**
 * Whose profile numbers are, in memory: events of the workers hold numbers and nothing else. Only
 * profiles that are logged or have a budget make events, so few are kept. After a new revision each
 * is read again with its next event; until then the former answer stands.
 */

import type { ProfileOwner } from '../store/profile-owners.ts';
import type { Store } from '../store/store.ts';

const KEPT_MAX = 200_000;
const ASKED_AT_ONCE = 5_000;

interface Kept {
  /** Null = nobody's. */
  readonly owner: ProfileOwner | null;
  readonly revision: number;
}

export class ProfileDirectory {
  readonly #store: Pick<Store, 'revision' | 'profileOwners' | 'categoryIds'>;
  readonly #kept = new Map<number, Kept>();
  #categoryIds: ReadonlyMap<number, string> = new Map();
  #categoriesRevision = -1;

  constructor(store: Pick<Store, 'revision' | 'profileOwners' | 'categoryIds'>) {
    this.#store = store;
  }

  /** Reads what is not known of these profiles, or is of an older revision. */
  async learn(numbers: ReadonlySet<number>): Promise<void> {
    const { revision } = this.#store;
    if (revision !== this.#categoriesRevision) {
      this.#categoryIds = await this.#store.categoryIds();
      this.#categoriesRevision = revision;
    }
    if (this.#kept.size + numbers.size > KEPT_MAX) this.#kept.clear();
    const wanted = [...numbers].filter((number) => this.#kept.get(number)?.revision !== revision);
    for (let at = 0; at < wanted.length; at += ASKED_AT_ONCE) {
      const asked = wanted.slice(at, at + ASKED_AT_ONCE);
      const owners = await this.#store.profileOwners(asked);
      for (const number of asked) {
        const owner = owners.get(number) ?? null;
        this.#kept.set(number, { owner, revision });
        // What counts for another profile is asked about by that one's number.
        if (owner !== null) this.#kept.set(owner.number, { owner, revision });
      }
    }
  }

  /** Null where the profile is gone, or was not learned. */
  ownerOf(number: number): ProfileOwner | null {
    return this.#kept.get(number)?.owner ?? null;
  }

  categoryIdOf(bit: number): string | null {
    return this.#categoryIds.get(bit) ?? null;
  }
}
