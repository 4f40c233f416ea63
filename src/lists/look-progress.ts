/**
 * How far a look at a content is: written by the thread that looks, read by whoever shows it. Nothing
 * depends on it, so a number that is a moment old does no harm.
 */

export type LookProgress = Float64Array<SharedArrayBuffer>;

/** Places in it: octets of the content that were read, names that were accepted. */
export const LOOK_OCTETS = 0;
export const LOOK_NAMES = 1;
const PLACES = 2;

export function createLookProgress(): LookProgress {
  return new Float64Array(new SharedArrayBuffer(PLACES * Float64Array.BYTES_PER_ELEMENT));
}
