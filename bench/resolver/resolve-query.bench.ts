/**
 * One query through the whole path, without a socket: blocked by a list of a million names, and
 * answered from the cache. Printed first: octets allocated a query, which must be 0.
 */

import { createPacketBatch, UDP_SLOT_BYTES } from '../../src/lib/packet-batch.ts';
import { parseIpAddress } from '../../src/lib/ip-address.ts';
import { resolveQuery } from '../../src/resolver/resolve-query.ts';
import { aQuery } from '../../test/support/dns-query.ts';
import { rawResponse, wire } from '../../test/support/raw-response.ts';
import { KIDS, ResolverHarness } from '../../test/support/resolver-harness.ts';
import { measure } from '../measure.ts';
import { listNames, NAME_COUNT } from '../blocklist/names.ts';

const names = listNames(NAME_COUNT);
const harness = new ResolverHarness({ lists: { adult: names } });
const batch = createPacketBatch({
  slotCount: 1,
  slotBytes: UDP_SLOT_BYTES,
  transport: 0,
  isStream: false,
});
batch.addresses.set(parseIpAddress(KIDS) ?? []);
batch.ports[0] = 4242;
batch.nowMs = harness.nowMs;
batch.nowSeconds = harness.nowSeconds;

const queries = {
  'blocked, 1,000 names': names
    .filter((_name, index) => index % 1000 === 0)
    .map((name) => aQuery().name(`www.${name}`).edns().build()),
  'cached, an address': [cached('www.example.org')],
  'cached, behind two CNAMEs': [cached('shop.example.org', 'edge.example.net', 'a.example.net')],
};

for (const [what, packets] of Object.entries(queries)) {
  measure(what, packets.length, () => {
    for (const packet of packets) resolveOne(packet);
  });
}

function resolveOne(packet: Uint8Array): number {
  batch.bytes.set(packet);
  batch.lengths[0] = packet.length;
  return resolveQuery(harness.resolver, batch, 0);
}

/** Puts an answer into the cache and returns the query for it. */
function cached(name: string, ...targets: string[]): Uint8Array {
  const query = aQuery().name(name).edns().build();
  const owners = [name, ...targets];
  const chain = targets.map((target, index) => ({
    owner: owners[index]!,
    type: 5,
    ttl: 3600,
    rdata: wire(target),
  }));
  const address = { owner: owners.at(-1)!, type: 1, ttl: 3600, rdata: [192, 0, 2, 80] };
  const response = rawResponse({ question: { name, type: 1 }, answer: [...chain, address] });
  harness.upstreamAnswers(harness.park(query), response);
  return query;
}
