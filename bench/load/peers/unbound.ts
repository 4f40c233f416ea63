/** Unbound, with the list as local zones and as a response policy zone. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { LOAD_CORE, runCommand } from '../processes.ts';
import { CACHE_MEBIBYTES } from '../workload.ts';
import { reloadBySignal, type Peer, type PeerSetup } from './peer.ts';
import { writeRpz } from './rpz.ts';

const PROGRAM = { program: 'unbound', versionFlag: '-V' };

export const unboundLocalZones: Peer = {
  ...PROGRAM,
  name: 'unbound-local',
  configure(setup) {
    const zones = setup.workload.names.map((name) => `local-zone: "${name}." always_nxdomain`);
    return configure(setup, 'iterator', `server:\n${zones.join('\n')}\n`);
  },
  reload: reloadBySignal,
};

export const unboundRpz: Peer = {
  ...PROGRAM,
  name: 'unbound-rpz',
  configure: (setup) =>
    configure(
      setup,
      'respip iterator',
      `rpz:\n  name: rpz\n  zonefile: "${writeRpz(setup.workload)}"\n`,
    ),
  reload: ({ folder }) =>
    runCommand(LOAD_CORE, ['unbound-control', '-c', configPath(folder), 'auth_zone_reload', 'rpz']),
};

function configPath(folder: string): string {
  return join(folder, 'unbound.conf');
}

function configure(setup: PeerSetup, modules: string, list: string): readonly string[] {
  const path = configPath(setup.folder);
  writeFileSync(
    path,
    `server:
  interface: 127.0.0.1@${setup.port}
  access-control: 127.0.0.0/8 allow
  num-threads: 1
  module-config: "${modules}"
  directory: "${setup.folder}"
  chroot: ""
  username: ""
  pidfile: ""
  use-syslog: no
  verbosity: 0
  do-not-query-localhost: no
  qname-minimisation: no
  prefetch: no
  msg-cache-size: ${CACHE_MEBIBYTES}m
  rrset-cache-size: ${CACHE_MEBIBYTES}m
remote-control:
  control-enable: yes
  control-interface: ${setup.folder}/control.sock
  control-use-cert: no
forward-zone:
  name: "."
  forward-addr: 127.0.0.1@${setup.upstreamPort}
${list}`,
  );
  return ['-d', '-c', path];
}
