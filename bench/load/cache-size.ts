/** The caches are of equal size, in octets or in entries, and hold every name that is asked. */

export const CACHE_MEBIBYTES = 64;
export const CACHE_ENTRIES = 300_000;
