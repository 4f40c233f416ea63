/** From the plain data that main sends to what the resolver takes. Main has checked every text. */

import { trustBlocklistImage } from '../blocklist/image.ts';
import { lowerCaseName, NAME_BYTES_MAX, writeName } from '../dns/name.ts';
import { rdataFromText } from '../dns/rdata-text.ts';
import { parseRecordType } from '../dns/record-type.ts';
import { AppError } from '../lib/errors.ts';
import { seedIdOf, type HashSeed } from '../lib/half-siphash.ts';
import { SEED_ID_AT } from '../lib/image.ts';
import { parseIpPrefix, type IpPrefix } from '../lib/ip-address.ts';
import { createAccess, type Access } from '../policy/access.ts';
import { trustPolicyImage } from '../policy/image.ts';
import { openSubscriberTable } from '../policy/subscribers.ts';
import { createLocalNames, type LocalNames } from '../resolver/local-names.ts';
import type { InstalledImages } from '../resolver/resolver.ts';
import type { ListKey } from '../sealing/list-keys.ts';
import { openSealedLists } from '../sealing/open-sealed.ts';
import type { ImageSet, InstallMessage, WorkerConfig } from './messages.ts';

export function buildAccess(config: WorkerConfig, seed: HashSeed): Access {
  const { prefixes, forwarders, ...rates } = config.access;
  return createAccess(
    { prefixes: prefixes.map(toPrefix), forwarders: forwarders.map(toPrefix), ...rates },
    config.workerCount,
    seed,
  );
}

/** Upstream group 0 is the default; every other is a forward zone. */
export function buildLocalNames(config: WorkerConfig, seed: HashSeed): LocalNames {
  const zones = config.upstreamGroups
    .slice(1)
    .map(({ name }, index) => ({ name: toWire(name), group: index + 1 }));
  const records = config.records.map(({ name, type, ttlSeconds, value }) => ({
    name: toWire(name),
    type: parseRecordType(type),
    ttlSeconds,
    rdata: rdataFromText(parseRecordType(type), value),
  }));
  return createLocalNames(seed, zones, records);
}

/**
 * Opens what main has published, and whoever compiled or read it has checked; what a message leaves
 * out stays as it is installed.
 * @throws AppError `IMAGE_DAMAGED`, `SEALING_KEY_MISSING`
 */
export function openImages(
  message: ImageSet | InstallMessage,
  { seed, listKeys }: { readonly seed: HashSeed; readonly listKeys: readonly ListKey[] },
  installed: InstalledImages | null,
): InstalledImages {
  const { blocklist, policy, subscribers } = message;
  for (const buffer of [blocklist, policy]) if (buffer) checkSeed(buffer, seed);
  const blocklistImage = blocklist ? trustBlocklistImage(blocklist) : installed?.blocklist;
  const policies = policy ? trustPolicyImage(policy) : installed?.policies;
  const table = subscribers ? openSubscriberTable(subscribers, seed) : installed?.subscribers;
  if (!blocklistImage || !policies || !table) {
    throw new AppError(
      'IMAGE_DAMAGED',
      'Installing images: the first installation needs all three',
    );
  }
  // Kept with its image: what it has seen stays true.
  const sealed =
    installed !== null && blocklistImage === installed.blocklist
      ? installed.sealed
      : openSealedLists(blocklistImage, listKeys);
  return { blocklist: blocklistImage, sealed, policies, subscribers: table };
}

/** Names hashed with another seed would match nothing: everything would pass. */
function checkSeed(buffer: SharedArrayBuffer, seed: HashSeed): void {
  const words = new Uint32Array(buffer, SEED_ID_AT * 4, 2);
  const [high, low] = seedIdOf(seed);
  if (words[0] === high && words[1] === low) return;
  throw new AppError('IMAGE_DAMAGED', 'Installing images: one was compiled with another seed');
}

function toPrefix(text: string): IpPrefix {
  const prefix = parseIpPrefix(text);
  if (prefix !== null) return prefix;
  throw new AppError('CONFIG_INVALID', `Reading an access prefix: "${text}" is none`);
}

function toWire(text: string): Uint8Array {
  const out = new Uint8Array(NAME_BYTES_MAX);
  const length = writeName(text, out);
  if (length === 0) throw new AppError('CONFIG_INVALID', `Reading a name: "${text}" is none`);
  lowerCaseName(out, 0, length);
  return out.slice(0, length);
}
