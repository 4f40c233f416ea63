/** One figure to reach, and what was measured. */

import { number } from './markdown.ts';

export interface Figure {
  readonly what: string;
  readonly target: string;
  readonly measured: string;
  /** Null = not measured. */
  readonly isReached: boolean | null;
}

export function atMost(what: string, value: number, limit: number, digits: number): Figure {
  const isReached = Number.isNaN(value) ? null : value <= limit;
  return { what, target: `≤ ${number(limit, 0, 2)}`, measured: number(value, digits), isReached };
}

export function atLeast(what: string, value: number, limit: number, digits: number): Figure {
  const isReached = Number.isNaN(value) ? null : value >= limit;
  return { what, target: `≥ ${number(limit, 0, 2)}`, measured: number(value, digits), isReached };
}
