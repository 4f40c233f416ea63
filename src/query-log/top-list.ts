/**
 * Which of many things come most often, in bounded memory: Space-Saving (Metwally, Agrawal, El Abbadi
 * 2005). Who is not among the counted takes the place of the least counted, with its count as error:
 *
 *     at least  count − error  ≤  how often it came  ≤  count  at most
 *
 * and whatever came more often than all counts together, divided by the capacity, is there. The places
 * are a heap with the least counted on top.
 */

interface Place {
  key: string;
  count: number;
  error: number;
}

export interface TopEntry {
  readonly key: string;
  /** It came at least so often. */
  readonly count: number;
}

export class TopList {
  readonly #capacity: number;
  readonly #heap: Place[] = [];
  readonly #indexOf = new Map<string, number>();

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  get size(): number {
    return this.#heap.length;
  }

  add(key: string): void {
    const index = this.#indexOf.get(key);
    if (index !== undefined) {
      this.#at(index).count++;
      this.#sink(index);
    } else if (this.#heap.length < this.#capacity) {
      this.#indexOf.set(key, this.#heap.push({ key, count: 1, error: 0 }) - 1);
      this.#rise(this.#heap.length - 1);
    } else {
      const least = this.#at(0);
      this.#indexOf.delete(least.key);
      this.#indexOf.set(key, 0);
      this.#heap[0] = { key, count: least.count + 1, error: least.count };
      this.#sink(0);
    }
  }

  /** Halves all counts, so that what was once asked often makes room; who has none left is forgotten. */
  halve(): void {
    const places = this.#heap.splice(0);
    this.#indexOf.clear();
    for (const { key, count, error } of places) {
      const half = Math.floor(count / 2);
      if (half === 0) continue;
      const place = { key, count: half, error: Math.min(half, Math.ceil(error / 2)) };
      this.#indexOf.set(key, this.#heap.push(place) - 1);
      this.#rise(this.#heap.length - 1);
    }
  }

  /** The most frequent first; only those that came at least `countMin` times for certain. */
  top(length: number, countMin: number): TopEntry[] {
    return this.#heap
      .map(({ key, count, error }) => ({ key, count: count - error }))
      .filter(({ count }) => count >= countMin)
      .sort((a, b) => b.count - a.count || (a.key < b.key ? -1 : 1))
      .slice(0, length);
  }

  /** Moves a place towards the top while it is less than the one above it. */
  #rise(index: number): void {
    while (index > 0) {
      const above = (index - 1) >> 1;
      if (this.#at(above).count <= this.#at(index).count) return;
      this.#swap(index, above);
      index = above;
    }
  }

  #sink(index: number): void {
    for (;;) {
      const left = 2 * index + 1;
      if (left >= this.#heap.length) return;
      const right = left + 1;
      const isRightLess = right < this.#heap.length && this.#at(right).count < this.#at(left).count;
      const below = isRightLess ? right : left;
      if (this.#at(index).count <= this.#at(below).count) return;
      this.#swap(index, below);
      index = below;
    }
  }

  #swap(a: number, b: number): void {
    const [first, second] = [this.#at(a), this.#at(b)];
    this.#heap[a] = second;
    this.#heap[b] = first;
    this.#indexOf.set(second.key, a);
    this.#indexOf.set(first.key, b);
  }

  #at(index: number): Place {
    const place = this.#heap[index];
    if (place === undefined) throw new Error('Invariant broken: a place outside of the heap');
    return place;
  }
}
