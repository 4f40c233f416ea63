/**
 * The built-in defaults: what holds where neither a flag nor the file says otherwise.
 * `config/default.yaml` says the same with a comment for each key; a test keeps the two equal.
 */

import type { ConfigFile } from './schema.ts';

export const CONFIG_DEFAULTS: ConfigFile = {
  listen: ['127.0.0.1:5300', '[::1]:5300'],
  upstreams: [],
  zones: [],
  records: [],
  admin: { listen: '127.0.0.1:8053', hosts: [], tokenFile: null },
  dataDir: './data',
  workers: 'auto',
  udp: 'auto',
  access: {
    prefixes: [
      '127.0.0.0/8',
      '::1/128',
      '10.0.0.0/8',
      '172.16.0.0/12',
      '192.168.0.0/16',
      '169.254.0.0/16',
      'fe80::/10',
      'fc00::/7',
    ],
    forwarders: [],
    forwarderRatePerSecond: 100_000,
    ratePerSecond: 100,
    burst: 1000,
    strangerRatePerSecond: 5,
  },
  tcp: { connectionsMax: 1000, connectionsPerAddressMax: 100, idleTimeoutMs: 15_000 },
  cache: { bytesMax: 33_554_432, staleSecondsMax: 86_400, failureTtlSeconds: 5 },
  pendingMax: 4096,
  stopDeadlineMs: 5000,
  lists: {
    folders: [],
    allowPrivate: false,
    bytesMax: 536_870_912,
    notify: [],
    tsigKeys: [],
  },
  desk: {
    enabled: false,
    plan: 'family',
    perAddressPerMinute: 30,
    perMinute: 300,
    appealDays: 30,
  },
  queryLog: { retentionDays: 7, statisticsDays: 90, bytesMax: 134_217_728, askedNames: true },
  sealing: { keys: [], publishers: [], freshnessSeconds: 14_400, approvals: 1 },
  log: { level: 'info' },
};
