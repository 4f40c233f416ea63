/** Options that several commands share, and how they become configuration. */

import type { Command } from 'commander';
import { loadClientConfig } from '../config/config.ts';
import type { ClientConfig, ConfigFlags } from '../config/config.ts';
import { ApiClient } from './api-client.ts';

export interface ServeOptions {
  readonly config?: string;
  readonly listen?: readonly string[];
  readonly upstream?: readonly string[];
  readonly admin?: string;
  readonly adminTokenFile?: string;
  readonly dataDir?: string;
  readonly workers?: string;
  readonly logLevel?: string;
}

/** Of a command that shows a collection. */
export interface PageFlags extends ServeOptions {
  /** How many items at most, as typed. */
  readonly limit: string;
  /** Prints the answer of the API. */
  readonly json?: boolean;
}

/** For commands that talk to a running server, or to its data folder. */
export function addClientOptions(command: Command): Command {
  return command
    .option('--config <file>', 'the configuration file of the server')
    .option('--admin <addr:port>', 'where the API listens (default: 127.0.0.1:8053)')
    .option('--admin-token-file <file>', 'the file with the token (default: DATA_DIR/admin.token)')
    .option('--data-dir <folder>', 'the data folder of the server (default: ./data)');
}

export function addServeOptions(command: Command): Command {
  return addClientOptions(command)
    .option('--listen <addr:port>', 'serve DNS here, UDP and TCP (repeatable)', collect)
    .option('--upstream <addr[:port]>', 'forward to this resolver (repeatable)', collect)
    .option('--workers <count>', 'number of worker threads, or auto')
    .option('--log-level <level>', 'fatal, error, warn, info, debug, trace or silent');
}

export function flagsOf(options: ServeOptions): ConfigFlags {
  const { listen, upstream, admin, adminTokenFile, dataDir, workers, logLevel } = options;
  return {
    ...(listen === undefined ? {} : { listen }),
    ...(upstream === undefined ? {} : { upstreams: upstream }),
    admin: {
      ...(admin === undefined ? {} : { listen: admin }),
      ...(adminTokenFile === undefined ? {} : { tokenFile: adminTokenFile }),
    },
    ...(dataDir === undefined ? {} : { dataDir }),
    ...(workers === undefined
      ? {}
      : { workers: /^\d+$/.test(workers) ? Number(workers) : workers }),
    ...(logLevel === undefined ? {} : { log: { level: logLevel } }),
  };
}

export function clientConfigOf(options: ServeOptions): ClientConfig {
  return loadClientConfig({ path: options.config ?? null, flags: flagsOf(options) });
}

/** The API of the server that the options name. */
export function clientOf(options: ServeOptions): ApiClient {
  return new ApiClient(clientConfigOf(options));
}

/** Gathers the values of a repeatable option. */
export function collect(value: string, before: readonly string[] | undefined): string[] {
  return [...(before ?? []), value];
}
