/** PowerDNS Recursor, with a response policy zone from a file. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { LOAD_CORE, runCommand } from '../processes.ts';
import { CACHE_ENTRIES } from '../workload.ts';
import type { Peer } from './peer.ts';
import { writeRpz } from './rpz.ts';

export const pdnsRecursor: Peer = {
  name: 'pdns-recursor',
  program: 'pdns_recursor',
  versionFlag: '--version',
  configure({ folder, port, upstreamPort, workload }) {
    const luaPath = join(folder, 'rpz.lua');
    writeFileSync(luaPath, `rpzFile('${writeRpz(workload)}', {policyName='bench'})\n`);
    writeFileSync(
      join(folder, 'recursor.conf'),
      `local-address=127.0.0.1
local-port=${port}
allow-from=127.0.0.0/8
dont-query=
forward-zones-recurse=.=127.0.0.1:${upstreamPort}
lua-config-file=${luaPath}
threads=1
distributor-threads=0
pdns-distributes-queries=no
dnssec=off
qname-minimization=no
max-cache-entries=${CACHE_ENTRIES}
max-packetcache-entries=${CACHE_ENTRIES}
packetcache-ttl=86400
security-poll-suffix=
socket-dir=${folder}
disable-syslog=yes
quiet=yes
loglevel=3
hint-file=no
`,
    );
    return ['--daemon=no', '--write-pid=no', `--config-dir=${folder}`];
  },
  reload: ({ folder }) =>
    runCommand(LOAD_CORE, [
      'rec_control',
      '--timeout=180',
      `--socket-dir=${folder}`,
      'reload-lua-config',
    ]),
};
