/**
 * `stairgate serve`: the running server, from the data folder to the signals that end it.
 *
 *     SIGHUP            configuration and images anew; a fault leaves the old state in force
 *     SIGTERM, SIGINT   no new work, what is in flight is finished within the deadline, exit 0
 */

import { statSync } from 'node:fs';
import type { Command } from 'commander';
import { pino } from 'pino';
import type { Logger } from 'pino';
import type { createApi } from '../../api/api.ts';
import { Compiler } from '../../compiler/compiler.ts';
import { lowerThreadPriority, MAIN_NICENESS } from '../../compiler/lower-priority.ts';
import { loadConfig } from '../../config/config.ts';
import type { Config } from '../../config/config.ts';
import { formatEndpoint } from '../../lib/endpoint.ts';
import { AppError, messageOf } from '../../lib/errors.ts';
import { openStore } from '../../lists/open-store.ts';
import type { Keyring } from '../../sealing/keyring.ts';
import { readSealingKeys } from '../../sealing/sealing-keys.ts';
import type { Store } from '../../store/store.ts';
import { Supervisor } from '../../supervisor/supervisor.ts';
import { addServeOptions, flagsOf } from '../options.ts';
import type { ServeOptions } from '../options.ts';
import { VERSION } from '../version.ts';

/** What a stop may take beyond the configured deadline before the process ends hard. */
const STOP_GRACE_MS = 3000;

type Api = Awaited<ReturnType<typeof createApi>>;

/** What runs, to be stopped in reverse. */
interface Running {
  readonly api: Api;
  readonly supervisor: Supervisor;
  readonly store: Store;
}

export function addServeCommand(program: Command): void {
  addServeOptions(program.command('serve'))
    .description('run the resolver and its API')
    .action(async (options: ServeOptions) => {
      await serve(options);
    });
}

/** Resolves when the server has stopped by a signal; throws where it cannot start. */
async function serve(options: ServeOptions): Promise<void> {
  const readConfig = (): Config =>
    loadConfig({ path: options.config ?? null, flags: flagsOf(options) });
  const config = readConfig();
  const log = pino({ level: config.log.level, base: null });
  process.on('uncaughtException', (error) => {
    log.fatal({ stack: error.stack }, `unexpected: ${error.message}`);
    process.exit(1);
  });
  const signals = listenForSignals();
  const running = await start(config, readConfig, log);
  signals.isRunning = true;
  logStart(running, config, log);
  let signal = await signals.next();
  while (signal === 'SIGHUP') {
    await reload(running.supervisor, log);
    signal = await signals.next();
  }
  log.info({ signal }, 'stopping');
  await stop(running, log);
}

async function start(config: Config, reloadConfig: () => Config, log: Logger): Promise<Running> {
  const { tokenFile } = config.admin;
  const tokenOptions = tokenFile === null ? {} : { adminTokenFile: tokenFile };
  const keyring: Keyring = { current: readSealingKeys(config.sealing) };
  const compiler = new Compiler({ dataDir: config.dataDir, sealing: () => keyring.current });
  const undo: (() => Promise<unknown>)[] = [() => compiler.close()];
  try {
    const followed = { sealing: config.sealing };
    const storeOptions = {
      ...tokenOptions,
      sealedApprovals: () => followed.sealing.approvals,
    };
    const store = await openStore(config.dataDir, storeOptions, compiler);
    undo.unshift(() => store.close());
    if (tokenFile !== null) warnOfOpenFile(tokenFile, log);
    // Of the API only what went wrong is logged, not every request.
    const apiLog = log.child({});
    const follow = ({ sealing, log: { level } }: Config): void => {
      followed.sealing = sealing;
      log.level = level;
      apiLog.level = log.isLevelEnabled('warn') ? 'warn' : level;
    };
    follow(config);
    const supervisor = new Supervisor(store, compiler, {
      config,
      reloadConfig,
      onReload: follow,
      keyring,
      version: VERSION,
      log,
    });
    await supervisor.start();
    undo.unshift(() => supervisor.stop());
    // Loaded while queries are answered already.
    const { createApi } = await import('../../api/api.ts');
    const api = await createApi(supervisor, {
      version: VERSION,
      allowedHosts: config.admin.hosts,
      desk: config.desk,
      logger: apiLog,
    });
    undo.unshift(() => api.close());
    const { address, port } = config.admin.listen;
    await listen(api, address, port);
    // All is up. The workers keep the priority they began with: from here on a query comes before the API.
    lowerThreadPriority(MAIN_NICENESS);
    return { api, supervisor, store };
  } catch (error) {
    for (const step of undo) await step().catch(() => undefined);
    throw error;
  }
}

/** No refusal: secrets of Docker are 0444, those of systemd have an ACL that looks like a group. */
function warnOfOpenFile(path: string, log: Logger): void {
  const mode = statSync(path).mode & 0o777;
  if ((mode & 0o077) === 0) return;
  log.warn(
    { path, mode: mode.toString(8) },
    'others may read the admin token; mode 0600 closes it',
  );
}

async function listen(api: Api, host: string, port: number): Promise<void> {
  try {
    await api.listen({ host, port });
  } catch (error) {
    const where = formatEndpoint({ address: host, port });
    const message = `Listening for the API on ${where}: ${messageOf(error)}; choose another address with --admin`;
    throw new AppError('ADMIN_LISTEN_FAILED', message, { cause: error });
  }
}

function logStart({ api, supervisor }: Running, config: Config, log: Logger): void {
  const { listeners, upstreams, workers, images, revisionInForce } = supervisor.status();
  const api0 = api.server.address();
  const port = typeof api0 === 'object' && api0 !== null ? api0.port : config.admin.listen.port;
  log.info(
    {
      addresses: listeners,
      api: formatEndpoint({ address: config.admin.listen.address, port }),
      upstreams,
      workers: workers.length,
      names: images.names,
      revision: revisionInForce,
    },
    'serving',
  );
}

async function reload(supervisor: Supervisor, log: Logger): Promise<void> {
  try {
    await supervisor.reload();
  } catch (error) {
    log.error(`reloading failed, the old state stays in force: ${messageOf(error)}`);
  }
}

/** Everything in it is bounded, and the whole once more. */
async function stop({ api, supervisor, store }: Running, log: Logger): Promise<void> {
  const hard = setTimeout(() => {
    log.error('stopping took too long, the process ends now');
    process.exit(1);
  }, supervisor.config.stopDeadlineMs + STOP_GRACE_MS);
  hard.unref();
  const apiClosed = api.close();
  await supervisor.stop();
  await Promise.race([apiClosed, new Promise((resolve) => setTimeout(resolve, 1000).unref())]);
  // A client may keep a connection whose request ended during the stop; it must not keep us.
  api.server.closeAllConnections();
  await store.close();
  log.info('stopped');
}

/** Listens from the call on; before the server runs, a signal to stop ends the process at once. */
function listenForSignals(): { next(): Promise<NodeJS.Signals>; isRunning: boolean } {
  const arrived: NodeJS.Signals[] = [];
  let wake: () => void = () => undefined;
  const signals = {
    isRunning: false,
    async next(): Promise<NodeJS.Signals> {
      for (;;) {
        const signal = arrived.shift();
        if (signal !== undefined) return signal;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
  };
  for (const signal of ['SIGHUP', 'SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (!signals.isRunning && signal !== 'SIGHUP') process.exit(0);
      arrived.push(signal);
      wake();
    });
  }
  return signals;
}
