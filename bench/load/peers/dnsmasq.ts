/** dnsmasq, with a line for each name. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CACHE_ENTRIES } from '../workload.ts';
import type { Peer } from './peer.ts';

export const dnsmasq: Peer = {
  name: 'dnsmasq',
  program: 'dnsmasq',
  versionFlag: '-v',
  configure({ folder, port, upstreamPort, workload }) {
    const path = join(folder, 'dnsmasq.conf');
    writeFileSync(
      path,
      `port=${port}
listen-address=127.0.0.1
bind-interfaces
user=
pid-file=
no-resolv
no-hosts
no-poll
log-facility=/dev/null
server=127.0.0.1#${upstreamPort}
cache-size=${CACHE_ENTRIES}
dns-forward-max=10000
${workload.names.map((name) => `local=/${name}/`).join('\n')}
`,
    );
    return ['--keep-in-foreground', `--conf-file=${path}`];
  },
  reload: null,
};
