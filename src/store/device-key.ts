/** The database key of a device, and back: 6 octets of a MAC, 16 of an address, UTF-8 of a client id. */

import { readUint32, writeUint32 } from '../lib/bytes.ts';
import { formatIpAddress, parseIpAddress } from '../lib/ip-address.ts';
import type { DeviceRecord } from './canonical-household.ts';
import type { DeviceKind } from './schema.ts';

const ADDRESS_BYTES = 16;

export function deviceToKey(device: DeviceRecord): { kind: DeviceKind; key: Uint8Array } {
  if ('mac' in device) {
    return { kind: 'mac', key: Buffer.from(device.mac.replaceAll(':', ''), 'hex') };
  }
  if ('clientId' in device) return { kind: 'clientId', key: Buffer.from(device.clientId) };
  const words = parseIpAddress(device.address);
  if (words === null) throw new Error(`Invariant broken: "${device.address}" is no address`);
  const key = Buffer.alloc(ADDRESS_BYTES);
  for (const [word, value] of words.entries()) writeUint32(key, word * 4, value);
  return { kind: 'address', key };
}

export function keyToDevice(kind: DeviceKind, key: Uint8Array): DeviceRecord {
  const octets = Buffer.from(key);
  switch (kind) {
    case 'mac':
      return { mac: (octets.toString('hex').match(/../g) ?? []).join(':') };
    case 'clientId':
      return { clientId: octets.toString() };
    case 'address':
      return { address: formatIpAddress([0, 4, 8, 12].map((at) => readUint32(key, at))) };
  }
}
