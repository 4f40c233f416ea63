/**
 * The control plane of a running server: it starts the workers with the last good images, publishes
 * what the store says, follows the configuration, and stops everything within a deadline.
 *
 *     start:  seed ─▶ images from the disk ─▶ ports ─▶ subscriber table ─▶ workers ─▶ publish
 *                       none, damaged, or of other addresses: compile first; where that fails too,
 *                       what there is serves, or SERVFAIL, so that the API can repair it
 *
 * The images are there before a socket is bound, so the first packet is already decided.
 */

import { readAddressFingerprint } from '../compiler/address-fingerprint.ts';
import type { Compiler } from '../compiler/compiler.ts';
import type { ListEvidence } from '../compiler/messages.ts';
import { loadSeed } from '../compiler/seed-file.ts';
import { findRestartKeys } from '../config/config.ts';
import type { Config } from '../config/config.ts';
import { formatEndpoint } from '../lib/endpoint.ts';
import { systemClock } from '../lib/clock.ts';
import { AppError, messageOf } from '../lib/errors.ts';
import { FETCH_TIMES } from '../lists/fetch/fetch-limits.ts';
import { attest, type Attestation } from '../sealing/attestation.ts';
import type { Keyring } from '../sealing/keyring.ts';
import { openSealedLists } from '../sealing/open-sealed.ts';
import { readSealingKeys, type SealingKeys } from '../sealing/sealing-keys.ts';
import { followShippedFiles } from '../lists/follow-shipped-files.ts';
import type { UsageReport } from '../lists/list-usage.ts';
import { readSafeSearchTargets } from '../lists/read-policy-data.ts';
import { AskedNames } from '../query-log/asked-names.ts';
import type { QueryLog } from '../query-log/query-log.ts';
import { QUERIES_A_SAMPLE } from '../resolver/leave-events.ts';
import { nameToWire } from '../store/rule-name.ts';
import type { Store } from '../store/store.ts';
import type { ImageSet, WorkerConfig } from '../worker/messages.ts';
import type {
  ControlPlane,
  Decisions,
  DecisionsQuestion,
  Explanation,
  ExplainQuestion,
  MetricSample,
  PolicyInForce,
  PublishResult,
  Status,
} from './control-plane-contract.ts';
import { BulkDecisions } from './bulk-decisions.ts';
import { loadAttestationKey } from './attestation-key.ts';
import { createQueryLog } from './create-query-log.ts';
import { Expiry } from './expiry.ts';
import { Explainer } from './explainer.ts';
import { installTable } from './install-table.ts';
import { ListUpdater } from './list-updater.ts';
import { ListSources } from './list-sources.ts';
import { chooseListeners, type Listeners } from './listeners.ts';
import type { Log } from './log.ts';
import { appealSamples, collectSamples } from './metric-samples.ts';
import { PolicyRenewal } from './policy-renewal.ts';
import { policyStates } from './policy-states.ts';
import { Publisher } from './publisher.ts';
import { SafeSearchCheck } from './safe-search-check.ts';
import { SealedWatch } from './sealed-watch.ts';
import { readStoredImages } from './stored-images.ts';
import { SubscriberDirectory } from './subscriber-directory.ts';
import type { AddressSource, DirectoryChange } from './subscriber-directory.ts';
import { workerConfigOf } from './worker-config.ts';
import { WorkerPool } from './worker-pool.ts';
import { ZoneService } from './zone-service.ts';

export interface SupervisorOptions {
  readonly config: Config;
  /** Reads the configuration again, from the same sources; throws where it is not valid. */
  readonly reloadConfig: () => Config;
  /** Told what is in force after a reload, for what is followed outside of here (the log level). */
  readonly onReload?: (config: Config) => void;
  /** The keys of `config.sealing`; a reload replaces them, for the compiler as well. */
  readonly keyring: Keyring;
  readonly version: string;
  readonly log: Log;
}

const WORKER_ENTRY = new URL('../worker/worker.js', import.meta.url);

export class Supervisor implements ControlPlane {
  readonly store: Store;
  readonly queryLog: QueryLog;
  readonly listUpdates: ListSources;
  readonly #options: SupervisorOptions;
  readonly #startedAt = new Date().toISOString();
  readonly #compiler: Compiler;
  readonly #directory: SubscriberDirectory;
  readonly #publisher: Publisher;
  readonly #pool: WorkerPool;
  readonly #explainer: Explainer;
  readonly #bulkDecisions: BulkDecisions;
  readonly #renewal: PolicyRenewal;
  readonly #expiry: Expiry;
  readonly #safeSearchCheck: SafeSearchCheck;
  readonly #askedNames: AskedNames;
  readonly #sealedWatch: SealedWatch;
  readonly #storedFingerprint: string | null;
  #config: Config;
  /** Empty until `start` has chosen; no worker is told before. */
  #listeners: Listeners = { listen: [], workerCount: 0, udp: 'dgram', remarks: [] };
  #isStopping = false;

  /**
   * @param store open, and closed by whoever opened it
   * @param compiler closed by `stop`
   */
  constructor(store: Store, compiler: Compiler, options: SupervisorOptions) {
    const { config, keyring, log } = options;
    this.store = store;
    this.#options = options;
    this.#config = config;
    const seed = loadSeed(config.dataDir);
    const stored = readStoredImages(config.dataDir, seed, keyring.current.keys, log);
    this.#storedFingerprint = stored?.addressFingerprint ?? null;
    this.#compiler = compiler;
    this.#directory = new SubscriberDirectory(
      createAddressSource(store),
      seed,
      (buffer, retire) => {
        const { images } = this.#publisher.inForce;
        if (images === null) return;
        void installTable(this.#pool, images.revision, buffer, retire, log);
      },
    );
    this.#pool = new WorkerPool({
      entry: WORKER_ENTRY,
      configOf: (index) => this.#workerConfig(index),
      images: () => this.#imageSet(),
      isSampling: config.queryLog.askedNames,
      log,
    });
    this.#askedNames = new AskedNames({
      clock: systemClock,
      rings: () => this.#pool.askedRings(),
      queriesASample: QUERIES_A_SAMPLE,
      random: Math.random,
    });
    compiler.askedNames = () => this.#askedNames.totals();
    compiler.popularNames = () => this.#askedNames.popular();
    const inForce = {
      seed,
      images: stored?.images ?? null,
      blocklistKey: stored?.blocklistKey ?? null,
      compiled: null,
    };
    this.#publisher = new Publisher(this.#compiler, this.#directory, this.#pool, inForce, {
      dataDir: config.dataDir,
      keyring,
      onInstalled: () => {
        // Before the pool has started nobody decides with anything.
        if (this.#pool.status().length > 0) this.#sealedWatch.noteInstalled();
      },
      log,
    });
    this.#sealedWatch = new SealedWatch({
      images: () => this.#publisher.inForce.images,
      sealedLists: async () =>
        [...(await store.lists()).values()]
          .filter(({ record }) => record.sealed === true)
          .map(({ record }) => record.id),
      freshnessSeconds: () => this.#config.sealing.freshnessSeconds,
      clock: systemClock,
      log,
    });
    this.#explainer = new Explainer(store, this.#directory, this.#compiler);
    this.#bulkDecisions = new BulkDecisions(store, this.#compiler);
    const publish = (): Promise<PublishResult> => this.publish();
    this.#renewal = new PolicyRenewal({
      policies: () => this.#publisher.inForce.images?.opened.policies ?? null,
      publish,
      clock: systemClock,
    });
    this.#expiry = new Expiry({
      store,
      onSessionsEnded: (changes) => {
        this.#directory.change(changes);
      },
      publish,
      appealDays: () => this.#config.desk.appealDays,
      log,
    });
    this.queryLog = createQueryLog({ store, pool: this.#pool, publish, config, log });
    this.#safeSearchCheck = new SafeSearchCheck({
      targets: readSafeSearchTargets,
      upstreams: () => this.#config.upstreams,
      clock: systemClock,
      log,
    });
    const followedConfig = (): Config => this.#config;
    const updater = new ListUpdater({
      lists: store.listVersions,
      contents: store.contents,
      config: followedConfig,
      publish,
      lookProgress: (sha256) => compiler.lookProgress(sha256),
      times: FETCH_TIMES,
      clock: systemClock,
      random: Math.random,
      log,
    });
    const zones = new ZoneService({
      store,
      config: followedConfig,
      publish,
      clock: systemClock,
      log,
    });
    this.listUpdates = new ListSources(updater, zones);
  }

  /**
   * Starts to serve. Returns when every worker listens; a newer revision than that of the images
   * on the disk is published right after.
   * @throws AppError: nothing runs then
   */
  async start(): Promise<void> {
    const { log } = this.#options;
    const listeners = await chooseListeners(this.#config);
    for (const remark of listeners.remarks) log.warn({}, remark);
    this.#listeners = listeners;
    log.info({ workers: listeners.workerCount, udp: listeners.udp }, 'starting workers');
    try {
      await this.listUpdates.open();
      await this.#prepareImages();
      await this.#pool.start(listeners.workerCount);
    } catch (error) {
      await this.listUpdates.stop();
      this.#publisher.close();
      await this.#compiler.close();
      throw error;
    }
    this.#expiry.start();
    this.queryLog.start();
    this.#askedNames.start();
    this.#safeSearchCheck.start();
    // All workers have begun with what was in force.
    this.#sealedWatch.noteInstalled();
    this.#sealedWatch.start();
    await followShippedFiles(this.store).catch((error: unknown) => {
      // The services and lists of the last version serve on.
      log.warn({}, messageOf(error));
    });
    // What ended while nothing ran.
    await this.#expiry.expireEntries();
    const { images } = this.#publisher.inForce;
    if (images !== null && images.revision !== this.store.revision) {
      // A failure is logged and kept for `status`; the images from the disk stay in force.
      this.publish().catch(() => undefined);
    }
    this.#renewal.start();
    this.listUpdates.start();
  }

  /** With what the last reload has changed. */
  get config(): Config {
    return this.#config;
  }

  publish(): Promise<PublishResult> {
    if (this.#isStopping) {
      return Promise.reject(new AppError('STOPPING', 'Publishing: the server is stopping'));
    }
    // What is written may be a list from somewhere.
    this.listUpdates.wake();
    return this.#publisher.publish();
  }

  async reload(): Promise<PublishResult> {
    const { log, reloadConfig, onReload } = this.#options;
    const config = reloadConfig();
    const sealing = this.#readSealingKeys(config);
    await followShippedFiles(this.store);
    // After what can fail: a reload that does leaves the keys of transfers as they were.
    this.listUpdates.reload(config);
    const restartKeys = findRestartKeys(this.#config, config);
    const { zones, records, upstreams, access, lists, stopDeadlineMs, log: logging } = config;
    const followed = { zones, records, upstreams, access, lists, stopDeadlineMs, log: logging };
    this.#config = { ...this.#config, ...followed, sealing: config.sealing };
    this.#options.keyring.current = sealing;
    onReload?.(this.#config);
    // After the log level has followed.
    if (restartKeys.length > 0) {
      log.warn({ keys: restartKeys }, 'these changes of the configuration wait for a restart');
    }
    await this.#pool.configure();
    const result = await this.publish();
    log.info({ revision: result.revision }, 'reloaded');
    return result;
  }

  /** Finishes what is in flight within the configured deadline. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    this.#expiry.stop();
    this.#renewal.stop();
    this.#safeSearchCheck.stop();
    this.#askedNames.stop();
    this.#sealedWatch.stop();
    this.#publisher.close();
    await Promise.all([
      this.#pool.stop(this.#config.stopDeadlineMs),
      this.#compiler.close(),
      this.listUpdates.stop(),
    ]);
    // After the workers: what they did last is in their rings.
    await this.queryLog.close();
  }

  status(): Status {
    const { inForce, lastFailure } = this.#publisher;
    const workers = this.#pool.status();
    const servingCount = workers.filter(({ state }) => state === 'serving').length;
    const notReadyReason = this.#notReadyReason(servingCount);
    // A silent one may wake up and decide with what it has.
    const deciding = workers.filter(({ state }) => state === 'serving' || state === 'silent');
    const contentIds = this.#pool.contentIds();
    const { compiled } = inForce;
    return {
      version: this.#options.version,
      isReady: notReadyReason === null,
      notReadyReason,
      revision: this.store.revision,
      revisionInForce: deciding.length === 0 ? 0 : Math.min(...deciding.map((one) => one.revision)),
      startedAt: this.#startedAt,
      listeners: this.#pool.addresses().map(formatEndpoint),
      upstreams: this.#config.upstreams.map(formatEndpoint),
      workers,
      images: {
        blocklistContentId: contentIds?.blocklist ?? null,
        policyContentId: contentIds?.policy ?? null,
        blocklistOctets: inForce.images?.blocklist.byteLength ?? 0,
        names: inForce.images?.opened.blocklist.nameCount ?? 0,
        compiledAt: compiled === null ? null : new Date(compiled.atMs).toISOString(),
        compileMs: compiled?.elapsedMs ?? null,
        compileOctetsMax: compiled?.octetsMax ?? null,
      },
      sealedLists: this.#sealedWatch.states(),
      missingSealedLists: this.#sealedWatch.missing(),
      lastFailure,
    };
  }

  explain(question: ExplainQuestion): Promise<Explanation> {
    return this.#explainer.explain(question, this.#publisher.inForce, this.#config);
  }

  decideNames(question: DecisionsQuestion): Promise<Decisions> {
    return this.#bulkDecisions.decide(question, this.#publisher.inForce, this.#config);
  }

  findLists(name: string, categories: readonly string[]): Promise<readonly ListEvidence[]> {
    return this.#compiler.findEvidence(nameToWire(name), categories);
  }

  async policyInForce(subscriber: string, profile: string): Promise<PolicyInForce> {
    const { images } = this.#publisher.inForce;
    if (images === null)
      throw new AppError('NOT_READY', 'Reading a policy: no images are loaded yet');
    const number = (await this.store.profileNumbers(subscriber)).get(profile) ?? -1;
    const ids = await this.store.categoryIds();
    const { policies } = images.opened;
    const nowSeconds = Math.floor(Date.now() / 1000);
    const states = policyStates(
      policies,
      number,
      nowSeconds,
      (bit) => ids.get(bit) ?? `bit ${bit}`,
    );
    const { retentionDays, statisticsDays } = this.#config.queryLog;
    return { revision: images.revision, states, retentionDays, statisticsDays };
  }

  listUsage(): Promise<UsageReport> {
    return this.#compiler.usage();
  }

  attest(list: string): Attestation {
    const workers = this.#pool.status().length;
    const version = this.#sealedWatch.versionInForce(list, workers);
    if (version === null) {
      const message = `Attesting: no sealed list "${list}" is in force on all workers`;
      throw new AppError('RESOURCE_UNKNOWN', message);
    }
    return attest(version, loadAttestationKey(this.#config.dataDir), systemClock.wallMs());
  }

  sessionsChanged(changes: readonly DirectoryChange[]): void {
    this.#directory.change(changes);
  }

  metricSamples(): readonly MetricSample[] {
    return [
      ...collectSamples(this.status(), this.#pool.counters(), this.#directory.entryCount),
      ...this.queryLog.samples(),
      ...this.#safeSearchCheck.samples(),
      ...this.listUpdates.samples(),
      ...appealSamples(this.store.appeals.counts()),
      ...this.#sealedWatch.samples(),
    ];
  }

  #notReadyReason(servingCount: number): string | null {
    if (this.#isStopping) return 'The server is stopping.';
    if (this.#publisher.inForce.images === null) return 'No images were ever compiled.';
    return servingCount === 0 ? 'No worker is serving.' : null;
  }

  /** With no worker yet: the subscriber table of the images from the disk, or a first compilation. */
  async #prepareImages(): Promise<void> {
    const { seed, images } = this.#publisher.inForce;
    if (images === null || (await this.#isOfOtherAddresses(images.revision))) {
      // A failure is logged and shown by `status`; with no images the server is not ready.
      const isPublished = await this.#publisher.publish().then(
        () => true,
        () => false,
      );
      if (images === null || isPublished) return;
    }
    // No fingerprint is like this one, so the first publishing reads the addresses again.
    await this.#directory.refresh(seed, images.opened.policies, 'at start');
    this.#directory.settle(images.opened.policies);
  }

  /**
   * Addresses are not in the images but in the store, which is newer where a crash came between
   * commit and compilation. Old policies with new addresses would be half of a change, and could
   * give a child the policy of the address's former owner.
   */
  async #isOfOtherAddresses(revision: number): Promise<boolean> {
    const { revision: newest, dataDir } = this.store;
    if (revision === newest) return false;
    if (revision > newest) {
      this.#options.log.warn(
        { images: revision, database: newest },
        'the database is older than the images: changes were lost; what the database holds goes into force',
      );
    }
    return (await readAddressFingerprint(dataDir)) !== this.#storedFingerprint;
  }

  /**
   * The keys that a configuration names.
   * @throws AppError where one cannot be read, or one of a list in force is no longer among them
   */
  #readSealingKeys({ sealing }: Config): SealingKeys {
    const keys = readSealingKeys(sealing);
    const { images } = this.#publisher.inForce;
    if (images !== null) openSealedLists(images.opened.blocklist, keys.keys);
    return keys;
  }

  #workerConfig(index: number): WorkerConfig {
    const { seed } = this.#publisher.inForce;
    const { workerCount: count, listen, udp } = this.#listeners;
    const listKeys = this.#options.keyring.current.keys;
    return workerConfigOf(this.#config, { index, count, seed, listen, udp, listKeys });
  }

  #imageSet(): ImageSet | null {
    const { images } = this.#publisher.inForce;
    if (images === null) return null;
    const { revision, blocklist, policy } = images;
    return { revision, blocklist, policy, subscribers: this.#directory.buffer };
  }
}

function createAddressSource(store: Store): AddressSource {
  return {
    count: async () => {
      const { subscribers, sessions } = await store.counts();
      return subscribers + sessions;
    },
    pages: () => store.addressPages(),
  };
}
