/**
 * The live subscriber table on the main thread: filled from the store, changed by sessions, and built
 * anew before an install where the addresses of subscribers or the hash seed have changed.
 *
 * A session of a subscriber that the policy image in force does not know yet waits for the image:
 * until then the address leads where it led before. While a new table is on its way to the workers,
 * changes go to the old one as well, since some worker still reads it.
 */

import type { HashSeed } from '../lib/half-siphash.ts';
import { formatIpPrefix } from '../lib/ip-address.ts';
import type { IpPrefix } from '../lib/ip-address.ts';
import { policyRecordOf } from '../policy/image.ts';
import type { PolicyImage } from '../policy/image.ts';
import { SubscriberWriter } from '../policy/subscriber-writer.ts';
import { lookUpAddress, openSubscriberTable } from '../policy/subscribers.ts';
import type { AddressPage } from '../store/compile-input.ts';

export interface AddressSource {
  /** How many entries to expect; a guess only costs time. */
  count(): Promise<number>;
  /** Addresses first, then running sessions: a later entry replaces an equal earlier one. */
  pages(): AsyncIterable<AddressPage>;
}

/** A prefix that leads to a profile from now on, or nowhere (−1). */
export interface DirectoryChange {
  readonly prefix: IpPrefix;
  readonly profile: number;
}

/** Called with a table that outgrew its buffer; `retire` when every worker has the new one. */
export type BufferListener = (buffer: SharedArrayBuffer, retire: () => void) => void;

export class SubscriberDirectory {
  readonly #source: AddressSource;
  readonly #onBuffer: BufferListener;
  #seed: HashSeed;
  #writer: SubscriberWriter;
  /** The writer of the table that workers still read while a new one is on its way. */
  #previous: SubscriberWriter | null = null;
  /** Names the state of the subscribers' addresses that the table was filled with. */
  #fingerprint: string | null = null;
  /** Changes that arrive while a table is being filled from the store; null at other times. */
  #arrived: DirectoryChange[] | null = null;
  /** By prefix: changes that wait for an image that knows their profile. */
  #waiting = new Map<string, DirectoryChange>();
  #policies: PolicyImage | null = null;

  constructor(source: AddressSource, seed: HashSeed, onBuffer: BufferListener) {
    this.#source = source;
    this.#seed = seed;
    this.#onBuffer = onBuffer;
    this.#writer = new SubscriberWriter(seed);
  }

  /** The table that workers should have. */
  get buffer(): SharedArrayBuffer {
    return this.#writer.buffer;
  }

  get entryCount(): number {
    return this.#writer.entryCount;
  }

  /**
   * Before an install: builds the table anew where that is due.
   * @param policies the image that will be in force
   * @param fingerprint names the state of all addresses in the store, sessions left out
   * @returns true where `buffer` is another one, to be installed together with the image
   */
  async refresh(seed: HashSeed, policies: PolicyImage, fingerprint: string): Promise<boolean> {
    const isSameSeed = seed[0] === this.#seed[0] && seed[1] === this.#seed[1];
    if (isSameSeed && fingerprint === this.#fingerprint) return false;
    // Until `settle`, workers decide with the image before this one.
    this.#policies ??= policies;
    await this.#fill(seed, policies);
    this.#fingerprint = fingerprint;
    return true;
  }

  /** After an install: every worker has the newest table and decides with this image. */
  settle(policies: PolicyImage): void {
    this.#previous = null;
    this.#policies = policies;
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    this.change(waiting);
  }

  /** In force when this returns, but for profiles that the image does not know yet. */
  change(changes: readonly DirectoryChange[]): void {
    for (const one of changes) {
      this.#arrived?.push(one);
      if (this.#mustWait(one)) continue;
      applyChange(this.#writer, one);
      if (this.#previous !== null) applyChange(this.#previous, one);
    }
  }

  /** The profile number of the longest prefix that holds the address, or −1. */
  lookUp(words: Uint32Array): number {
    return lookUpAddress(openSubscriberTable(this.buffer, this.#seed), words, 0);
  }

  #mustWait(change: DirectoryChange): boolean {
    const { prefix, profile } = change;
    const isWaiting = this.#policies !== null && !isKnown(this.#policies, profile);
    if (isWaiting) this.#waiting.set(formatIpPrefix(prefix), change);
    else if (this.#waiting.size > 0) this.#waiting.delete(formatIpPrefix(prefix));
    return isWaiting;
  }

  /**
   * Fills a new table and puts it in the place of the old one.
   * @param policies the image that it will be used with
   */
  async #fill(seed: HashSeed, policies: PolicyImage): Promise<void> {
    let isShared = false;
    const writer: SubscriberWriter = new SubscriberWriter(seed, {
      expectedEntries: await this.#source.count(),
      onBuffer: (buffer, generation) => {
        const retire = (): void => {
          writer.retire(generation);
        };
        if (!isShared) retire();
        // A writer that was replaced only keeps what workers still read; its buffers go nowhere.
        else if (this.#writer === writer) this.#onBuffer(buffer, retire);
      },
    });
    this.#arrived = [];
    this.#waiting.clear();
    try {
      for await (const page of this.#source.pages()) insertPage(writer, page, policies);
      for (const one of this.#arrived) {
        if (isKnown(policies, one.profile)) applyChange(writer, one);
      }
    } finally {
      this.#arrived = null;
    }
    // In the turn in which the last change was taken over: one that came between would be lost.
    isShared = true;
    this.#previous = this.#writer;
    this.#writer = writer;
    this.#seed = seed;
  }
}

/** An entry of a profile that the image does not know yet is left out: its revision is published next. */
function insertPage(writer: SubscriberWriter, page: AddressPage, policies: PolicyImage): void {
  for (let index = 0; index < page.count; index++) {
    const profile = page.profiles[index] ?? 0;
    if (!isKnown(policies, profile)) continue;
    const word = (offset: number): number => page.words[index * 4 + offset] ?? 0;
    const words = [word(0), word(1), word(2), word(3)] as const;
    writer.insert({ words, length: page.lengths[index] ?? 0 }, profile);
  }
}

/** Deletions, whose profile is below 0, are known to every image. */
function isKnown(policies: PolicyImage, profile: number): boolean {
  return profile < 0 || policyRecordOf(policies, profile, 0) >= 0;
}

function applyChange(writer: SubscriberWriter, { prefix, profile }: DirectoryChange): void {
  if (profile < 0) writer.delete(prefix);
  else writer.insert(prefix, profile);
}
