/** How long one fetch may take. Who serves a list slowly, or for ever, does not keep others waiting. */

export interface FetchLimits {
  /** Of the body, packed and unpacked. */
  readonly bytesMax: number;
  /** From the beginning of a connection to the header of the response. */
  readonly headerMs: number;
  /** All of it, redirects included. */
  readonly totalMs: number;
  /** The body is looked at this often … */
  readonly paceMs: number;
  /** … and must have come at this rate. */
  readonly bytesPerSecondMin: number;
}

export const FETCH_TIMES: Omit<FetchLimits, 'bytesMax'> = {
  headerMs: 30_000,
  totalMs: 1_800_000,
  paceMs: 20_000,
  bytesPerSecondMin: 1_024,
};
