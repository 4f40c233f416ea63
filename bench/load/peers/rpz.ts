/** The list as a response policy zone, written for the first peer that wants it. */

import { existsSync, writeFileSync } from 'node:fs';
import type { Workload } from '../workload.ts';

/** Each name and all below it are NXDOMAIN. @returns the path of the zone file */
export function writeRpz({ listPath, names }: Workload): string {
  const path = `${listPath}.rpz`;
  if (existsSync(path)) return path;
  const lines = [
    '$TTL 3600',
    '$ORIGIN rpz.',
    '@ SOA localhost. root.localhost. 1 3600 900 86400 3600',
    '@ NS localhost.',
    ...names.flatMap((name) => [`${name} CNAME .`, `*.${name} CNAME .`]),
  ];
  writeFileSync(path, `${lines.join('\n')}\n`);
  return path;
}
