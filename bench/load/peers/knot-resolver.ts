/** Knot Resolver, with a response policy zone from a file. */

import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { CACHE_MEBIBYTES } from '../workload.ts';
import type { Peer } from './peer.ts';
import { writeRpz } from './rpz.ts';

export const knotResolver: Peer = {
  name: 'knot-resolver',
  program: 'kresd',
  versionFlag: '-V',
  configure({ folder, port, upstreamPort, workload }) {
    const path = join(folder, 'kresd.conf');
    writeFileSync(
      path,
      `net.listen('127.0.0.1', ${port})
net.listen('${controlPath(folder)}', nil, { kind = 'control' })
cache.open(${CACHE_MEBIBYTES} * MB, 'lmdb://${folder}')
log_level('crit')
trust_anchors.remove('.')
modules.unload('ta_update')
modules.unload('ta_signal_query')
modules.unload('ta_sentinel')
modules.unload('priming')
modules.unload('detect_time_skew')
rules = {}
function readList()
  for _, rule in ipairs(rules) do policy.del(rule.id) end
  rules = {
    policy.add(policy.rpz(policy.DENY, '${writeRpz(workload)}', false)),
    policy.add(policy.all(policy.FORWARD({'127.0.0.1@${upstreamPort}'}))),
  }
end
readList()
`,
    );
    return ['-n', '-c', path, folder];
  },
  /** By hand: its own watch needs a package that Debian does not install with it. */
  reload: async ({ folder }) => {
    const control = createConnection(controlPath(folder));
    control.end('readList()\n');
    control.resume();
    await once(control, 'close');
  },
};

function controlPath(folder: string): string {
  return join(folder, 'console');
}
