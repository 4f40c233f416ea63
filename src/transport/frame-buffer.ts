/**
 * Cuts a stream of octets into DNS messages, each with its length in two octets in front
 * (RFC 1035, section 4.2.2), however the stream is chopped.
 *
 *     bytes  │ served │ length │ message │ length │ mess…          │ free │
 *                     ▲ start                                      ▲ end
 *
 * A chunk that arrives while nothing is held is read where it lies; only what is left of it after
 * `settle` is copied. The copy grows with the octets that really came, never with the length that
 * a client claims, so 65,535 written in two octets cost nothing.
 */

const EMPTY = new Uint8Array(0);
const CAPACITY_MIN = 512;

export class FrameBuffer {
  #bytes: Uint8Array = EMPTY;
  #start = 0;
  #end = 0;
  /** False while `#bytes` is the chunk of the caller. */
  #isOwned = true;
  #messageAt = 0;
  #messageLength = 0;

  /** Where the message that `next` found lies; valid until the next call of any method. */
  get bytes(): Uint8Array {
    return this.#bytes;
  }

  get messageAt(): number {
    return this.#messageAt;
  }

  get messageLength(): number {
    return this.#messageLength;
  }

  /** Octets of memory held for this stream after `settle`. */
  get heldBytes(): number {
    return this.#isOwned ? this.#bytes.length : 0;
  }

  /** Octets that came and belong to no message served yet. */
  get waitingBytes(): number {
    return this.#end - this.#start;
  }

  /** Takes a chunk; it stays the caller's, who must not change it before `settle`. */
  push(chunk: Uint8Array): void {
    if (this.#start === this.#end) {
      this.#bytes = chunk;
      this.#isOwned = false;
      this.#start = 0;
      this.#end = chunk.length;
      return;
    }
    this.#reserve(chunk.length);
    this.#bytes.set(chunk, this.#end);
    this.#end += chunk.length;
  }

  /** Moves to the next whole message; false where there is none yet. A length of 0 is a message. */
  next(): boolean {
    const start = this.#start;
    if (this.#end - start < 2) return false;
    const length = ((this.#bytes[start] ?? 0) << 8) | (this.#bytes[start + 1] ?? 0);
    if (this.#end - start < 2 + length) return false;
    this.#messageAt = start + 2;
    this.#messageLength = length;
    this.#start = start + 2 + length;
    return true;
  }

  /** Lets go of the chunk, and of memory far larger than what is left. */
  settle(): void {
    const left = this.#end - this.#start;
    if (left === 0) {
      this.clear();
    } else if (!this.#isOwned || this.#bytes.length > 4 * Math.max(left, CAPACITY_MIN)) {
      this.#moveTo(Math.max(left, CAPACITY_MIN));
    }
  }

  clear(): void {
    this.#bytes = EMPTY;
    this.#start = 0;
    this.#end = 0;
    this.#isOwned = true;
  }

  /** Makes room for `length` octets after `#end`: by moving to the front, or by doubling. */
  #reserve(length: number): void {
    const left = this.#end - this.#start;
    const needed = left + length;
    if (!this.#isOwned || needed > this.#bytes.length) {
      this.#moveTo(Math.max(needed, 2 * left, CAPACITY_MIN));
    } else if (this.#end + length > this.#bytes.length) {
      this.#bytes.copyWithin(0, this.#start, this.#end);
      this.#start = 0;
      this.#end = left;
    }
  }

  #moveTo(capacity: number): void {
    const bytes = new Uint8Array(capacity);
    bytes.set(this.#bytes.subarray(this.#start, this.#end));
    this.#end -= this.#start;
    this.#start = 0;
    this.#bytes = bytes;
    this.#isOwned = true;
  }
}
