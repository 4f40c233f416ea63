/**
 * Assertions for what the code itself guarantees. A failed one is a bug of ours, never bad input:
 * bad input gets an `AppError` (control plane) or a status number (query path).
 */

/** Throws when an invariant of ours does not hold. */
export function assert(condition: boolean, invariant: string): asserts condition {
  if (!condition) throw new Error(`Invariant broken: ${invariant}`);
}
