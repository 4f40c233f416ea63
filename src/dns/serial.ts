/** Serial numbers of zones, which wrap around (RFC 1982). */

/**
 * True where `a` comes after `b` by less than 2³¹. Two numbers that are 2³¹ apart have no order; here
 * neither is newer.
 */
export function isNewerSerial(a: number, b: number): boolean {
  return a !== b && (a - b) >>> 0 < 0x80000000;
}
