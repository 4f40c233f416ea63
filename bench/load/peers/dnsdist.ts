/**
 * dnsdist, a load balancer: a rule with a tree of suffixes, and a packet cache before the upstream.
 * It takes and sends 64 packets a call, which it does not unless told to.
 */

import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { LOAD_CORE, runCommand } from '../processes.ts';
import { CACHE_ENTRIES } from '../workload.ts';
import type { Peer } from './peer.ts';

/** Its console takes nothing without one; of 32 octets. */
const CONSOLE_KEY = randomBytes(32).toString('base64');

export const dnsdist: Peer = {
  name: 'dnsdist',
  program: 'dnsdist',
  versionFlag: '--version',
  configure({ folder, port, controlPort, upstreamPort, workload }) {
    const path = join(folder, 'dnsdist.conf');
    writeFileSync(
      consolePath(folder),
      `setKey('${CONSOLE_KEY}')\ncontrolSocket('127.0.0.1:${controlPort}')\n`,
    );
    writeFileSync(
      path,
      `setSecurityPollSuffix('')
dofile('${consolePath(folder)}')
setLocal('127.0.0.1:${port}')
setACL('127.0.0.0/8')
setUDPMultipleMessagesVectorSize(64)
newServer({address='127.0.0.1:${upstreamPort}', sockets=8})
getServer(0):setUp()
getPool(''):setCache(newPacketCache(${CACHE_ENTRIES}, {maxTTL=86400}))
function readList()
  local blocked = newSuffixMatchNode()
  for name in io.lines('${workload.listPath}') do blocked:add(newDNSName(name)) end
  setRules({newRuleAction(SuffixMatchNodeRule(blocked, true), RCodeAction(DNSRCode.NXDOMAIN))})
end
readList()
`,
    );
    return ['--supervised', '--disable-syslog', '-C', path];
  },
  reload: ({ folder }) =>
    runCommand(LOAD_CORE, ['dnsdist', '-C', consolePath(folder), '-e', 'readList()']),
};

function consolePath(folder: string): string {
  return join(folder, 'console.conf');
}
