/**
 * Numbers that an attacker must guess: message IDs, sockets, the case of letters. They come from the
 * operating system's generator, in pools, because a call for each would cost more than the query.
 */

import { randomFillSync } from 'node:crypto';

const POOL_BYTES = 8192;

export class RandomPool {
  readonly #octets = new Uint8Array(POOL_BYTES);
  #at = POOL_BYTES;

  /** 0 to 255. */
  nextUint8(): number {
    return this.#octets[this.take(1)] ?? 0;
  }

  /** 0 to 65,535. */
  nextUint16(): number {
    return (this.nextUint8() << 8) | this.nextUint8();
  }

  /** The octets that `take` points into; each is handed out once. */
  get octets(): Uint8Array {
    return this.#octets;
  }

  /** Reserves `length` octets (at most 255) and returns where they begin in `octets`; good until the next call. */
  take(length: number): number {
    if (this.#at + length > POOL_BYTES) {
      randomFillSync(this.#octets);
      this.#at = 0;
    }
    const at = this.#at;
    this.#at += length;
    return at;
  }
}
