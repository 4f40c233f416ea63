/**
 * Network-order (big-endian) integers in octet arrays. Nothing here checks bounds: callers have
 * compared the offset with the length of the message before.
 */

export function readUint16(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 8) | bytes[at + 1]!;
}

/** Unsigned 32-bit value. */
export function readUint32(bytes: Uint8Array, at: number): number {
  return (
    ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0
  );
}

export function writeUint16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8;
  bytes[at + 1] = value;
}

export function writeUint32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}

/**
 * Copies octets by a loop. For the few dozen octets of a name or a record this is faster than
 * `subarray` + `set`, and it allocates no view.
 */
export function copyBytes(
  from: Uint8Array,
  fromAt: number,
  to: Uint8Array,
  toAt: number,
  length: number,
): void {
  for (let index = 0; index < length; index++) to[toAt + index] = from[fromAt + index]!;
}

/**
 * ASCII lower case of one octet (RFC 4343); every other octet unchanged. Both differences are negative
 * for capitals only, and their common sign moves to bit 5: a branch would be guessed wrong for every
 * other letter of a name in 0x20 case.
 */
export function lowerCaseOctet(octet: number): number {
  return octet | ((((0x40 - octet) & (octet - 0x5b)) >>> 26) & 0x20);
}
