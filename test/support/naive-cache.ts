/**
 * The cache as a Map of objects, for comparison: same states, no bound, no eviction, no slab.
 * Only what `message-cache` promises about keys and times is written here, as plainly as can be.
 */

export type NaiveState = 'miss' | 'fresh' | 'expiring' | 'stale' | 'held';

interface NaiveEntry {
  readonly body: string;
  readonly storedAt: number;
  readonly lifetime: number;
  readonly isFailure: boolean;
  heldUntil: number;
  hits: number;
  hasAskedPrefetch: boolean;
}

export class NaiveCache {
  readonly #entries = new Map<string, NaiveEntry>();
  readonly #staleSeconds: number;

  constructor(staleSeconds: number) {
    this.#staleSeconds = staleSeconds;
  }

  store(key: string, body: string, lifetime: number, now: number): void {
    this.#entries.delete(key);
    if (lifetime > 0) this.#entries.set(key, newEntry(body, now, lifetime, false));
  }

  storeFailure(key: string, body: string, seconds: number, now: number): void {
    const older = this.#entries.get(key);
    const isOfUse = older !== undefined && !older.isFailure && now < this.#end(older);
    if (isOfUse) older.heldUntil = now + seconds;
    else this.#entries.set(key, newEntry(body, now, seconds, true));
  }

  lookUp(key: string, now: number): { state: NaiveState; body: string; age: number } {
    const entry = this.#entries.get(key);
    if (entry === undefined || now >= this.#end(entry)) return { state: 'miss', body: '', age: 0 };
    entry.hits++;
    return { state: this.#stateOf(entry, now), body: entry.body, age: now - entry.storedAt };
  }

  #stateOf(entry: NaiveEntry, now: number): NaiveState {
    const rest = entry.storedAt + entry.lifetime - now;
    if (rest <= 0) return now < entry.heldUntil ? 'held' : 'stale';
    const isDue = entry.hits >= 3 && rest * 10 < entry.lifetime && !entry.isFailure;
    if (!isDue || entry.hasAskedPrefetch) return 'fresh';
    entry.hasAskedPrefetch = true;
    return 'expiring';
  }

  #end(entry: NaiveEntry): number {
    const stale = entry.isFailure ? 0 : this.#staleSeconds;
    return entry.storedAt + entry.lifetime + stale;
  }
}

function newEntry(
  body: string,
  storedAt: number,
  lifetime: number,
  isFailure: boolean,
): NaiveEntry {
  return { body, storedAt, lifetime, isFailure, heldUntil: 0, hits: 0, hasAskedPrefetch: false };
}
