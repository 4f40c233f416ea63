/** The list as a response policy zone: one file for all peers that want it. */

import type { Workload } from '../workload.ts';
import { writeNames } from '../workload.ts';

/** Each name and all below it are NXDOMAIN. @returns the path of the zone file */
export function writeRpz({ listPath, names }: Workload): string {
  const path = `${listPath}.rpz`;
  writeNames(path, [
    '$TTL 3600',
    '$ORIGIN rpz.',
    // A longer list is a later one.
    `@ SOA localhost. root.localhost. ${names.length} 3600 900 86400 3600`,
    '@ NS localhost.',
    ...names.flatMap((name) => [`${name} CNAME .`, `*.${name} CNAME .`]),
  ]);
  return path;
}
