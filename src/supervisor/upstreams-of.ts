/** Which resolvers know a name: those of the zone that it is in, the longest one counts, or all others. */

import type { Config } from '../config/config.ts';
import type { Endpoint } from '../lib/endpoint.ts';

/** @param host as a name is written, without the root's dot */
export function upstreamsOf(
  host: string,
  { upstreams, zones }: Pick<Config, 'upstreams' | 'zones'>,
): readonly Endpoint[] {
  const name = host.toLowerCase();
  const longest = zones
    .filter((zone) => name === zone.name || name.endsWith(`.${zone.name}`))
    .reduce<Config['zones'][number] | null>(
      (found, zone) => (zone.name.length > (found?.name.length ?? 0) ? zone : found),
      null,
    );
  return longest?.upstreams ?? upstreams;
}
