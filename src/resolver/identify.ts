/**
 * Whose query it is, in two steps:
 *
 *     the subscriber          by CPE id, by the client's whole address, by the source address
 *     a profile of theirs     by client id, by MAC, by the device's address; else the subscriber's own
 *
 * What a query says of its client, its EDNS options, is believed from configured forwarders only;
 * from everybody else the source address is all that counts. What is said and leads nowhere is passed
 * over, and the next way is tried. The second step stays within the subscriber that the first has
 * found, so no household can claim another's device.
 */

import { MAC_BYTES, readMacText, readWholeAddress } from '../dns/client-options.ts';
import { writeUint32 } from '../lib/bytes.ts';
import type { PacketBatch } from '../lib/packet-batch.ts';
import {
  ADMIT_FORWARDER,
  ADMIT_OK,
  ADMIT_REFUSE,
  ADMIT_STRANGER_REFUSE,
  admitIdentified,
  type Admission,
} from '../policy/access.ts';
import { DEVICE_ADDRESS, DEVICE_MAC, lookUpCpeId, lookUpDevice } from '../policy/devices.ts';
import { hasDevices } from '../policy/image.ts';
import { lookUpAddress } from '../policy/subscribers.ts';
import { adoptPolicy } from './decide-question.ts';
import type { InstalledImages, Resolver } from './resolver.ts';

const ADDRESS_WORDS = 4;
const ADDRESS_BYTES = 16;

/**
 * Finds the profile and its policy in force; the source's subscriber stands in `resolver.profile`.
 * @param admission of the source, one that is answered
 * @returns `ADMIT_OK`; `ADMIT_REFUSE` for one client too loud behind a forwarder;
 *   `ADMIT_STRANGER_REFUSE` where nobody is found
 */
export function identify(
  resolver: Resolver,
  images: InstalledImages,
  batch: PacketBatch,
  slot: number,
  admission: Admission,
): Admission {
  const { client, device } = resolver;
  const isForwarder = admission === ADMIT_FORWARDER;
  copyAddress(batch.addresses, slot * ADDRESS_WORDS, client);
  copyAddress(client, 0, device);
  if (isForwarder) {
    believeSubscriber(resolver, images);
    if (resolver.profile < 0) return ADMIT_STRANGER_REFUSE;
    if (!admitIdentified(resolver.access, client, 0)) return ADMIT_REFUSE;
  }
  if (hasDevices(images.policies, resolver.profile)) {
    resolver.profile = profileOfDevice(resolver, images, isForwarder);
  }
  return adoptPolicy(resolver, images, batch.nowSeconds) ? ADMIT_OK : ADMIT_STRANGER_REFUSE;
}

/**
 * The first step with what a forwarder says. `resolver.client` becomes who the rate is counted for:
 * the client's own address, or what stands for a CPE id; `resolver.device` the address of its device.
 */
function believeSubscriber(resolver: Resolver, images: InstalledImages): void {
  const { view, client, device } = resolver;
  const { bytes } = view;
  const hasAddress = readWholeAddress(bytes, view.subnetAt, view.subnetLength, device);
  const owner =
    view.cpeIdLength === 0
      ? -1
      : lookUpCpeId(images.policies, resolver.seed, bytes, view.cpeIdAt, view.cpeIdLength);
  if (owner >= 0) {
    resolver.profile = owner;
    standForSubscriber(client, owner);
    return;
  }
  if (!hasAddress) return;
  const subscriber = lookUpAddress(images.subscribers, device, 0);
  if (subscriber < 0) return;
  resolver.profile = subscriber;
  copyAddress(device, 0, client);
}

/** The second step: a profile of the subscriber in `resolver.profile`, or that number itself. */
function profileOfDevice(
  resolver: Resolver,
  images: InstalledImages,
  isForwarder: boolean,
): number {
  const { view, seed, device, deviceKey, profile } = resolver;
  const { policies } = images;
  let found = -1;
  // The client id of DoT and DoH will stand here, before all others.
  if (isForwarder && readMacText(view.bytes, view.macTextAt, view.macTextLength, deviceKey)) {
    found = lookUpDevice(policies, seed, profile, DEVICE_MAC, deviceKey, 0, MAC_BYTES);
  }
  if (isForwarder && found < 0 && view.macLength === MAC_BYTES) {
    found = lookUpDevice(policies, seed, profile, DEVICE_MAC, view.bytes, view.macAt, MAC_BYTES);
  }
  if (found >= 0) return found;
  for (let word = 0; word < ADDRESS_WORDS; word++) {
    writeUint32(deviceKey, word * 4, device[word]!);
  }
  found = lookUpDevice(policies, seed, profile, DEVICE_ADDRESS, deviceKey, 0, ADDRESS_BYTES);
  return found >= 0 ? found : profile;
}

/** An address that nobody has: the number, then only ones. It is counted for as any other. */
function standForSubscriber(client: Uint32Array, subscriber: number): void {
  client[0] = subscriber;
  client.fill(0xffffffff, 1);
}

function copyAddress(from: Uint32Array, fromAt: number, to: Uint32Array): void {
  for (let word = 0; word < ADDRESS_WORDS; word++) to[word] = from[fromAt + word]!;
}
