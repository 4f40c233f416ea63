/**
 * The configuration: flags over file over defaults, checked as a whole, complete and frozen.
 * Reading it touches two files (its own and /etc/resolv.conf) and nothing else.
 */

import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { isDeepStrictEqual } from 'node:util';
import { AppError, messageOf } from '../lib/errors.ts';
import { formatEndpoint, parseEndpoint } from '../lib/endpoint.ts';
import type { Endpoint } from '../lib/endpoint.ts';
import { CONFIG_DEFAULTS } from './defaults.ts';
import { findFaults } from './faults.ts';
import { readYaml } from './read-yaml.ts';
import { findRecordFaults } from './record-faults.ts';
import { isOwnListener, readLocalAddresses, readNameservers } from './resolv-conf.ts';
import { ConfigSchema } from './schema.ts';
import type { ConfigFile } from './schema.ts';

const UPSTREAM_PORT = 53;
const RECORD_TTL_SECONDS = 300;

export interface Config {
  readonly listen: readonly Endpoint[];
  /** Never empty, never one of our own listeners. */
  readonly upstreams: readonly Endpoint[];
  readonly zones: readonly { readonly name: string; readonly upstreams: readonly Endpoint[] }[];
  readonly records: readonly {
    readonly name: string;
    readonly type: string;
    readonly ttlSeconds: number;
    readonly value: string;
  }[];
  readonly admin: {
    readonly listen: Endpoint;
    /** Host names that the API answers to, besides loopback and its own address. */
    readonly hosts: readonly string[];
    readonly tokenFile: string | null;
  };
  readonly dataDir: string;
  readonly workers: number;
  readonly udp: ConfigFile['udp'];
  readonly access: Readonly<ConfigFile['access']>;
  readonly tcp: Readonly<ConfigFile['tcp']>;
  readonly cache: Readonly<ConfigFile['cache']>;
  readonly pendingMax: number;
  readonly stopDeadlineMs: number;
  readonly lists: Readonly<Omit<ConfigFile['lists'], 'notify'>> & {
    readonly notify: readonly Endpoint[];
  };
  readonly desk: Readonly<ConfigFile['desk']>;
  readonly queryLog: Readonly<ConfigFile['queryLog']>;
  /** Files and variables only: the keys themselves are read by `sealing/sealing-keys`. */
  readonly sealing: Readonly<ConfigFile['sealing']>;
  readonly log: Readonly<ConfigFile['log']>;
}

/** What the command line may say; each is the key of the same name in the file. */
export interface ConfigFlags {
  readonly listen?: readonly string[];
  readonly upstreams?: readonly string[];
  readonly admin?: { readonly listen?: string; readonly tokenFile?: string };
  readonly dataDir?: string;
  readonly workers?: number | string;
  readonly log?: { readonly level?: string };
}

export interface ConfigSources {
  /** The file to read, or null for none. */
  readonly path: string | null;
  readonly flags: ConfigFlags;
  /** Where the default upstreams stand; tests name another file. */
  readonly resolvConfPath?: string;
}

/**
 * Reads and checks the whole configuration.
 * @throws AppError `CONFIG_INVALID` with every fault, `CONFIG_UNREADABLE`, or `CONFIG_NO_UPSTREAM`
 */
export function loadConfig(sources: ConfigSources): Config {
  const config = complete(readSources(sources), sources.resolvConfPath ?? '/etc/resolv.conf');
  const faults = findContradictions(config);
  if (faults.length > 0) throw invalid(nameOf(sources), faults);
  if (config.upstreams.length === 0) throw noUpstream();
  return deepFreeze(config);
}

/** The few keys that a client of a running server needs. */
export type ClientConfig = Pick<Config, 'admin' | 'dataDir' | 'sealing'>;

/**
 * Reads the same sources for a command that only talks to a server or its store: all of the file is
 * checked, but no upstream is looked for.
 */
export function loadClientConfig(sources: ConfigSources): ClientConfig {
  const { admin, dataDir, sealing } = readSources(sources);
  return deepFreeze({
    admin: { ...admin, listen: endpointOf(admin.listen, null) },
    dataDir,
    sealing,
  });
}

/** Keys whose change by a reload takes effect only after a restart. */
export function findRestartKeys(before: Config, after: Config): string[] {
  const keys = [
    'listen',
    'admin',
    'dataDir',
    'workers',
    'udp',
    'tcp',
    'cache',
    'pendingMax',
    'desk',
    'queryLog',
  ] as const;
  const changed: string[] = keys.filter((key) => !isDeepStrictEqual(before[key], after[key]));
  const isNotifyChanged = !isDeepStrictEqual(before.lists.notify, after.lists.notify);
  return isNotifyChanged ? [...changed, 'lists.notify'] : changed;
}

function readSources(sources: ConfigSources): ConfigFile {
  const file = sources.path === null ? {} : readConfigFile(sources.path);
  const merged = merge(merge(CONFIG_DEFAULTS, file), sources.flags);
  const faults = findFaults(ConfigSchema, merged);
  if (faults.length > 0) throw invalid(nameOf(sources), faults);
  return merged as ConfigFile;
}

function nameOf(sources: ConfigSources): string {
  return sources.path ?? 'the command line';
}

function readConfigFile(path: string): unknown {
  let text;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const message = `Reading the configuration ${path}: ${messageOf(error)}`;
    throw new AppError('CONFIG_UNREADABLE', message, { cause: error });
  }
  const faults: string[] = [];
  const value = readYaml(text, faults);
  if (faults.length > 0) throw invalid(path, faults);
  if (isSection(value)) return value;
  throw invalid(path, [`the file: it is no mapping; valid: lines such as "workers: 2"`]);
}

/** Sections are merged key by key; lists and single values are replaced as a whole. */
function merge(base: unknown, over: unknown): unknown {
  if (over === undefined) return base;
  if (!isSection(base) || !isSection(over)) return over;
  const entries = Object.entries(over).map(([key, value]): [string, unknown] => [
    key,
    merge(Object.hasOwn(base, key) ? base[key] : undefined, value),
  ]);
  return Object.fromEntries([...Object.entries(base), ...entries]);
}

function isSection(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function complete(file: ConfigFile, resolvConfPath: string): Config {
  const listen = file.listen.map((text) => endpointOf(text, null));
  const upstreams = file.upstreams.map((text) => endpointOf(text, UPSTREAM_PORT));
  return {
    ...file,
    listen,
    upstreams: upstreams.length > 0 ? upstreams : defaultUpstreams(listen, resolvConfPath),
    zones: file.zones.map(({ name, upstreams: own }) => ({
      name: normalName(name),
      upstreams: own.map((text) => endpointOf(text, UPSTREAM_PORT)),
    })),
    records: file.records.map(({ name, type, value, ttlSeconds }) => ({
      name: normalName(name),
      type,
      value,
      ttlSeconds: ttlSeconds ?? RECORD_TTL_SECONDS,
    })),
    admin: { ...file.admin, listen: endpointOf(file.admin.listen, null) },
    lists: {
      ...file.lists,
      notify: file.lists.notify.map((text) => endpointOf(text, null)),
      tsigKeys: file.lists.tsigKeys.map((key) => ({ ...key, name: normalName(key.name) })),
    },
    workers: file.workers === 'auto' ? defaultWorkers() : file.workers,
  };
}

/** A worker for each processor but one, which is the control plane's. */
function defaultWorkers(): number {
  return Math.max(1, availableParallelism() - 1);
}

/** The schema has checked the text before. */
function endpointOf(text: string, defaultPort: number | null): Endpoint {
  const endpoint = parseEndpoint(text, defaultPort);
  if (endpoint === null) throw new Error(`Invariant broken: unchecked endpoint ${text}`);
  return endpoint;
}

function normalName(text: string): string {
  return text.toLowerCase().replace(/\.$/, '');
}

function defaultUpstreams(listen: readonly Endpoint[], path: string): Endpoint[] {
  let text;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    return [];
  }
  const localAddresses = readLocalAddresses();
  return readNameservers(text).filter((one) => !isOwnListener(one, listen, localAddresses));
}

/** What is valid by itself but not together. */
function findContradictions(config: Config): string[] {
  const localAddresses = readLocalAddresses();
  const groups = [{ name: 'upstreams', upstreams: config.upstreams }, ...config.zones];
  const loops = groups.flatMap(({ name, upstreams }) =>
    upstreams
      .filter((upstream) => isOwnListener(upstream, config.listen, localAddresses))
      .map(
        (upstream) =>
          `${name}: ${formatEndpoint(upstream)} is this server itself; valid: another resolver`,
      ),
  );
  const fixed = config.listen.filter(({ port }) => port !== 0);
  return [
    ...loops,
    ...repeated(fixed.map(formatEndpoint)).map(
      (text) => `listen: ${text} stands twice; valid: each address once`,
    ),
    ...repeated(config.zones.map(({ name }) => name)).map(
      (name) => `zones: ${name} stands twice; valid: each zone once`,
    ),
    ...repeated(config.lists.tsigKeys.map(({ name }) => name)).map(
      (name) => `lists.tsigKeys: ${name} stands twice; valid: each key once`,
    ),
    ...repeated(config.sealing.keys.map(({ id }) => id)).map(
      (id) => `sealing.keys: ${id} stands twice; valid: each id once`,
    ),
    ...repeated(config.sealing.publishers.map(({ id }) => id)).map(
      (id) => `sealing.publishers: ${id} stands twice; valid: each id once`,
    ),
    ...findRecordFaults(config.records),
  ];
}

function repeated(texts: readonly string[]): string[] {
  return texts.filter((text, index) => texts.indexOf(text) !== index);
}

function invalid(where: string, faults: readonly string[]): AppError {
  const message = `Checking the configuration of ${where}: ${faults.join(' · ')}`;
  return new AppError('CONFIG_INVALID', message, { faults });
}

function noUpstream(): AppError {
  return new AppError(
    'CONFIG_NO_UPSTREAM',
    'Choosing upstream resolvers: /etc/resolv.conf names none besides this server; give one with --upstream ADDR[:PORT] or the key "upstreams"',
  );
}

function deepFreeze<Value>(value: Value): Value {
  if (typeof value !== 'object' || value === null) return value;
  for (const part of Object.values(value)) deepFreeze(part);
  return Object.freeze(value);
}
