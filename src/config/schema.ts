/**
 * The shape of the configuration file, as one schema: types, limits and, in each `description`,
 * what would have been valid. The descriptions are quoted in faults and must fit after "valid: ".
 */

import { Type } from 'typebox';
import type { Static, TSchema } from 'typebox';
import { parseEndpoint } from '../lib/endpoint.ts';
import { parseIpPrefix } from '../lib/ip-address.ts';
import { isListenText, isNameText, isRecordValue } from './text-checks.ts';

const LISTEN =
  'an address and a port, such as 127.0.0.1:5300 or "[::1]:5300", but no multicast or broadcast address';
const UPSTREAM = 'an address with or without a port, such as 192.0.2.53 or "[2001:db8::53]:53"';
const NAME = 'a domain name, such as lan or example.org';

const closed = { additionalProperties: false };

const listenText = text(LISTEN, isListenText);
const upstreamText = text(UPSTREAM, (value) => {
  const endpoint = parseEndpoint(value, 53);
  return endpoint !== null && endpoint.port !== 0;
});
const nameText = text(NAME, isNameText);
const prefixText = text(
  'a prefix without bits past its length, such as 192.0.2.0/24 or "2001:db8::/32"',
  (value) => parseIpPrefix(value) !== null,
);

const zone = Type.Object(
  {
    name: nameText,
    upstreams: list(upstreamText, 1, 16, `1 to 16 upstreams, each ${UPSTREAM}`),
  },
  { ...closed, description: 'a zone with the keys name, upstreams' },
);

const RECORD =
  'a record with the keys name, type (A, AAAA, CNAME, PTR, TXT, MX or SRV), ttlSeconds and a value that fits the type';
const record = Type.Refine(
  Type.Object(
    {
      name: nameText,
      type: Type.Enum(['A', 'AAAA', 'CNAME', 'PTR', 'TXT', 'MX', 'SRV'], {
        description: 'A, AAAA, CNAME, PTR, TXT, MX or SRV',
      }),
      ttlSeconds: Type.Optional(count(0, 604_800)),
      value: text('the data of the record, such as 192.0.2.7', (value) => value !== ''),
    },
    { ...closed, description: RECORD },
  ),
  (value) => isRecordValue(value.type, value.value),
);

const TSIG_KEY =
  'a key with the keys name, algorithm (hmac-sha256, hmac-sha384 or hmac-sha512) and secretFile';
const tsigKey = Type.Object(
  {
    name: nameText,
    algorithm: Type.Enum(['hmac-sha256', 'hmac-sha384', 'hmac-sha512'], {
      description: 'hmac-sha256, hmac-sha384 or hmac-sha512',
    }),
    secretFile: Type.String({ minLength: 1, description: 'the path of a file' }),
  },
  { ...closed, description: TSIG_KEY },
);

const idText = text('letters, digits, ".", "_" and "-"; 64 characters at most', (value) =>
  /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(value),
);
const pathText = text('the path of a file', (value) => value !== '');

const SEALING_KEY = 'a key with the keys id and either file or env';
const sealingKey = Type.Refine(
  Type.Object(
    {
      id: idText,
      file: Type.Optional(pathText),
      env: Type.Optional(
        text('the name of an environment variable', (value) => /^[A-Za-z_]\w*$/.test(value)),
      ),
    },
    { ...closed, description: SEALING_KEY },
  ),
  ({ file, env }) => (file === undefined) !== (env === undefined),
);

const PUBLISHER = 'a publisher with the keys id, publicKeyFile';
const publisher = Type.Object(
  { id: idText, publicKeyFile: pathText },
  { ...closed, description: PUBLISHER },
);

export const ConfigSchema = section({
  listen: list(listenText, 1, 64, `1 to 64 entries, each ${LISTEN}`),
  upstreams: list(upstreamText, 0, 16, `up to 16 entries, each ${UPSTREAM}`),
  zones: list(zone, 0, 1000, 'up to 1000 zones, each with the keys name, upstreams'),
  records: list(record, 0, 10_000, `up to 10000 entries, each ${RECORD}`),
  admin: section({
    listen: listenText,
    hosts: list(
      text('a host name as in the Host header, without port', (value) =>
        /^[A-Za-z0-9.:[\]-]{1,255}$/.test(value),
      ),
      0,
      100,
      'up to 100 host names',
    ),
    tokenFile: Type.Union([Type.Null(), Type.String({ minLength: 1 })], {
      description: 'the path of a file, or null for DATA_DIR/admin.token',
    }),
  }),
  dataDir: Type.String({ minLength: 1, description: 'the path of a folder' }),
  workers: Type.Union([Type.Literal('auto'), Type.Integer({ minimum: 1, maximum: 256 })], {
    description: 'auto or a whole number from 1 to 256',
  }),
  udp: Type.Enum(['auto', 'batch', 'dgram'], { description: 'auto, batch or dgram' }),
  access: section({
    prefixes: list(prefixText, 0, 10_000, 'up to 10000 prefixes'),
    forwarders: list(prefixText, 0, 1000, 'up to 1000 prefixes'),
    forwarderRatePerSecond: count(1, 100_000_000),
    ratePerSecond: count(1, 10_000_000),
    burst: count(1, 10_000_000),
    strangerRatePerSecond: count(0, 1_000_000),
  }),
  tcp: section({
    connectionsMax: count(1, 65_536),
    connectionsPerAddressMax: count(1, 100_000),
    idleTimeoutMs: count(1000, 120_000),
  }),
  cache: section({
    bytesMax: count(1_048_576, 2_147_483_648),
    staleSecondsMax: count(0, 259_200),
    failureTtlSeconds: count(1, 300),
  }),
  pendingMax: count(16, 65_535),
  stopDeadlineMs: count(100, 60_000),
  lists: section({
    folders: list(
      text('the absolute path of a folder', (value) => value.startsWith('/')),
      0,
      100,
      'up to 100 folders, each an absolute path',
    ),
    allowPrivate: Type.Boolean({ description: 'true or false' }),
    bytesMax: count(65_536, 536_870_912),
    notify: list(listenText, 0, 16, `up to 16 entries, each ${LISTEN}`),
    tsigKeys: list(tsigKey, 0, 100, `up to 100 keys, each ${TSIG_KEY}`),
  }),
  desk: section({
    enabled: Type.Boolean({ description: 'true or false' }),
    plan: text('the id of a plan', (value) => /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(value)),
    // An appeal counts as ten, and on its page the form, the question and the result as one each.
    perAddressPerMinute: count(13, 100_000),
    perMinute: count(13, 100_000),
    appealDays: count(1, 366),
  }),
  queryLog: section({
    retentionDays: count(1, 366),
    statisticsDays: count(1, 1830),
    bytesMax: count(16_777_216, 1_099_511_627_776),
    askedNames: Type.Boolean({ description: 'true or false' }),
  }),
  sealing: section({
    keys: list(sealingKey, 0, 100, `up to 100 entries, each ${SEALING_KEY}`),
    publishers: list(publisher, 0, 100, `up to 100 entries, each ${PUBLISHER}`),
    freshnessSeconds: count(60, 31_622_400),
    approvals: Type.Enum([1, 2], { description: '1 or 2' }),
  }),
  log: section({
    level: Type.Enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'], {
      description: 'fatal, error, warn, info, debug, trace or silent',
    }),
  }),
});

/** The configuration as the file writes it, every key present. */
export type ConfigFile = Static<typeof ConfigSchema>;

function section<Keys extends Record<string, TSchema>>(keys: Keys) {
  const description = `a section with the keys ${Object.keys(keys).join(', ')}`;
  return Type.Object(keys, { ...closed, description });
}

function list<Item extends TSchema>(
  item: Item,
  minItems: number,
  maxItems: number,
  description: string,
) {
  return Type.Array(item, { minItems, maxItems, description });
}

function count(minimum: number, maximum: number) {
  const description = `a whole number from ${minimum} to ${maximum}`;
  return Type.Integer({ minimum, maximum, description });
}

function text(description: string, isValid: (value: string) => boolean) {
  return Type.Refine(Type.String({ maxLength: 4096, description }), isValid);
}
