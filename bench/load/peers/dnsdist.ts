/**
 * dnsdist, a load balancer: a rule with a tree of suffixes, and a packet cache before the upstream.
 * It takes and sends 64 packets a call, which it does not unless told to.
 */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CACHE_ENTRIES } from '../workload.ts';
import type { Peer } from './peer.ts';

export const dnsdist: Peer = {
  name: 'dnsdist',
  program: 'dnsdist',
  versionFlag: '--version',
  configure({ folder, port, upstreamPort, workload }) {
    const path = join(folder, 'dnsdist.conf');
    writeFileSync(
      path,
      `setSecurityPollSuffix('')
setLocal('127.0.0.1:${port}')
setACL('127.0.0.0/8')
setUDPMultipleMessagesVectorSize(64)
newServer({address='127.0.0.1:${upstreamPort}', sockets=8})
getServer(0):setUp()
getPool(''):setCache(newPacketCache(${CACHE_ENTRIES}, {maxTTL=86400}))
local blocked = newSuffixMatchNode()
for name in io.lines('${workload.listPath}') do blocked:add(newDNSName(name)) end
addAction(SuffixMatchNodeRule(blocked, true), RCodeAction(DNSRCode.NXDOMAIN))
`,
    );
    return ['--supervised', '--disable-syslog', '-C', path];
  },
};
