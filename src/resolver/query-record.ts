/**
 * What every query leaves behind: counters, in memory that the main thread reads while one worker
 * writes. No name, no address, no subscriber: those belong to events (`leave-events`), which a
 * profile's log level must allow first.
 *
 * A counter is a 64-bit float in shared memory; whole numbers are exact up to 2^53. One writer each,
 * so no atomics; a reader may see a value that is a moment old.
 */

/** The order is the layout: index 0 of the buffer is the first name. New ones go to the end. */
export const COUNTER_NAMES = [
  'queries_udp',
  'queries_tcp',
  'dropped_malformed',
  'dropped_rate',
  'dropped_stranger',
  'refused_rate',
  'refused_stranger',
  'formerr',
  'notimp',
  'badvers',
  'refused_type',
  'blocked_law',
  'blocked_operator',
  'blocked_policy',
  'local',
  'cache_hits',
  'cache_stale',
  'cache_misses',
  'joined',
  'forwarded',
  'prefetched',
  'answered_late',
  'servfail',
  'given_up',
  'internal_faults',
  'socket_dropped',
  'socket_kernel_drops',
  'socket_late_dropped',
  'socket_send_errors',
  'socket_send_overflows',
  'socket_faults',
  'safe_search',
  'granted',
  'internet_off',
  'allow_list_only',
] as const;

/** Blocked answers by category bit stand behind the named counters. */
export const CATEGORY_COUNTERS_AT = 64;
const CATEGORY_COUNTERS = 256;

/** Octets of one worker's counters. */
export const COUNTERS_BYTES = (CATEGORY_COUNTERS_AT + CATEGORY_COUNTERS) * 8;

export const COUNT_QUERIES_UDP = 0;
export const COUNT_QUERIES_TCP = 1;
export const COUNT_DROPPED_MALFORMED = 2;
export const COUNT_DROPPED_RATE = 3;
export const COUNT_DROPPED_STRANGER = 4;
export const COUNT_REFUSED_RATE = 5;
export const COUNT_REFUSED_STRANGER = 6;
export const COUNT_FORMERR = 7;
export const COUNT_NOTIMP = 8;
export const COUNT_BADVERS = 9;
export const COUNT_REFUSED_TYPE = 10;
export const COUNT_BLOCKED_LAW = 11;
export const COUNT_BLOCKED_OPERATOR = 12;
export const COUNT_BLOCKED_POLICY = 13;
export const COUNT_LOCAL = 14;
export const COUNT_CACHE_HITS = 15;
export const COUNT_CACHE_STALE = 16;
export const COUNT_CACHE_MISSES = 17;
export const COUNT_JOINED = 18;
export const COUNT_FORWARDED = 19;
export const COUNT_PREFETCHED = 20;
export const COUNT_ANSWERED_LATE = 21;
export const COUNT_SERVFAIL = 22;
export const COUNT_GIVEN_UP = 23;
export const COUNT_INTERNAL_FAULTS = 24;
/** Those of the sockets, as `transport/packet-socket` explains them. */
export const COUNT_SOCKET_DROPPED = 25;
export const COUNT_SOCKET_KERNEL_DROPS = 26;
export const COUNT_SOCKET_LATE_DROPPED = 27;
export const COUNT_SOCKET_SEND_ERRORS = 28;
export const COUNT_SOCKET_SEND_OVERFLOWS = 29;
export const COUNT_SOCKET_FAULTS = 30;
/** Answers of rows 11, 5, 7 and 10; each is counted under what else it is, too. */
export const COUNT_SAFE_SEARCH = 31;
export const COUNT_GRANTED = 32;
export const COUNT_INTERNET_OFF = 33;
export const COUNT_ALLOW_LIST_ONLY = 34;

export function createCounters(
  buffer: SharedArrayBuffer = new SharedArrayBuffer(COUNTERS_BYTES),
): Float64Array {
  return new Float64Array(buffer, 0, COUNTERS_BYTES / 8);
}

export function countQuery(counters: Float64Array, isStream: boolean): void {
  count(counters, isStream ? COUNT_QUERIES_TCP : COUNT_QUERIES_UDP);
}

export function count(counters: Float64Array, index: number): void {
  counters[index] = counters[index]! + 1;
}
