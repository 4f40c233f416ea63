/** A query for an A record with RD and an OPT of 1,232 octets, as stub resolvers send it; ID 0. */

import { writeName } from '../../src/dns/name.ts';

const HEADER = Buffer.from('000001000001000000000001', 'hex');
/** A, IN; then the OPT. */
const TAIL = Buffer.from('00010001' + '00002904d0000000000000', 'hex');

export function createQuery(name: string): Buffer {
  const octets = new Uint8Array(255);
  const length = writeName(name, octets);
  if (length === 0) throw new Error(`"${name}" is no name`);
  return Buffer.concat([HEADER, octets.subarray(0, length), TAIL]);
}
