/** What local records cannot be together: no client could make sense of the answers. */

import { lowerCaseName, NAME_BYTES_MAX, writeName } from '../dns/name.ts';

/** The names that a fault lists of a circle. */
const PLACES_MAX = 8;

interface LocalRecord {
  readonly name: string;
  readonly type: string;
  readonly value: string;
}

/** @param records valid each by itself, in the order of the file */
export function findRecordFaults(records: readonly LocalRecord[]): string[] {
  const firstAt = new Map<string, number>();
  const aliasAt = new Map<string, number>();
  const faults: string[] = [];
  for (const [index, { name, type }] of records.entries()) {
    const key = keyOf(name);
    const alias = aliasAt.get(key);
    const other = type === 'CNAME' ? firstAt.get(key) : alias;
    if (other !== undefined) {
      faults.push(
        `records[${index}]: ${name} has ${type} here and ${records[other]?.type ?? ''} in records[${other}]; valid: a CNAME with nothing else at its name (RFC 1034, section 3.6.2)`,
      );
    }
    if (!firstAt.has(key)) firstAt.set(key, index);
    if (type === 'CNAME' && alias === undefined) aliasAt.set(key, index);
  }
  return [...faults, ...findCircles(records, aliasAt)];
}

/** Follows each CNAME once; whoever comes to one that this same walk has passed goes in a circle. */
function findCircles(
  records: readonly LocalRecord[],
  aliasAt: ReadonlyMap<string, number>,
): string[] {
  const walkOf = new Map<number, number>();
  const faults: string[] = [];
  for (const start of aliasAt.values()) {
    let index: number | undefined = start;
    const path: number[] = [];
    while (index !== undefined && !walkOf.has(index)) {
      walkOf.set(index, start);
      path.push(index);
      index = aliasAt.get(keyOf(records[index]?.value ?? ''));
    }
    if (index === undefined || walkOf.get(index) !== start) continue;
    const circle = path.slice(path.indexOf(index));
    const places = circle.slice(0, PLACES_MAX).map((at) => `records[${at}]`);
    if (circle.length > PLACES_MAX) places.push('…');
    faults.push(
      `records[${index}]: the CNAME of ${records[index]?.name ?? ''} leads back to itself (${[...places, `records[${index}]`].join(' → ')}); valid: a CNAME that ends at another type or at a name without records here`,
    );
  }
  return faults;
}

/** Two ways of writing one name, by case, escapes or a last dot, have one key. */
function keyOf(name: string): string {
  const octets = new Uint8Array(NAME_BYTES_MAX);
  const length = writeName(name, octets);
  lowerCaseName(octets, 0, length);
  return String.fromCharCode(...octets.subarray(0, length));
}
