/** BIND, with a response policy zone from a file. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CACHE_MEBIBYTES } from '../workload.ts';
import { reloadBySignal, type Peer } from './peer.ts';
import { writeRpz } from './rpz.ts';

export const bind: Peer = {
  name: 'bind',
  program: 'named',
  versionFlag: '-v',
  configure({ folder, port, upstreamPort, workload }) {
    const path = join(folder, 'named.conf');
    writeFileSync(
      path,
      `options {
  directory "${folder}";
  pid-file none;
  session-keyfile none;
  listen-on port ${port} { 127.0.0.1; };
  listen-on-v6 { none; };
  recursion yes;
  forward only;
  forwarders { 127.0.0.1 port ${upstreamPort}; };
  dnssec-validation no;
  qname-minimization off;
  empty-zones-enable no;
  prefetch 0;
  max-cache-size ${CACHE_MEBIBYTES}M;
  querylog no;
  response-policy { zone "rpz" min-update-interval 0; } qname-wait-recurse no;
};
controls { };
logging { category default { null; }; };
zone "rpz" { type primary; file "${writeRpz(workload)}"; notify no; };
`,
    );
    return ['-f', '-n', '1', '-c', path];
  },
  reload: reloadBySignal,
};
