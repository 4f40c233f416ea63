/**
 * A server whose clock the test holds: store, compiler, renewal, query log and a real UDP socket, all
 * in this process, without threads. Upstream answers every address question with the same address.
 */

import { createSocket, type Socket } from 'node:dgram';
import { decode, encode } from 'dns-packet';
import { onTestFinished } from 'vitest';
import { compileProfile } from '../../../src/compiler/compile-profile.ts';
import { compileRevision } from '../../../src/compiler/compile-revision.ts';
import { findEvidence } from '../../../src/compiler/find-evidence.ts';
import type { Config } from '../../../src/config/config.ts';
import { CONFIG_DEFAULTS } from '../../../src/config/defaults.ts';
import { openBlocklistImage } from '../../../src/blocklist/image.ts';
import { nameToText } from '../../../src/dns/name.ts';
import { createEventRing } from '../../../src/lib/event-ring.ts';
import { readPolicyData } from '../../../src/lists/read-policy-data.ts';
import { createAccess } from '../../../src/policy/access.ts';
import { openPolicyImage } from '../../../src/policy/check-image.ts';
import { SubscriberWriter } from '../../../src/policy/subscriber-writer.ts';
import { lookUpAddress, openSubscriberTable } from '../../../src/policy/subscribers.ts';
import type { QueryLog } from '../../../src/query-log/query-log.ts';
import { finishForward } from '../../../src/resolver/finish-forward.ts';
import { createLocalNames } from '../../../src/resolver/local-names.ts';
import { createResolver, type Resolver } from '../../../src/resolver/resolver.ts';
import { NO_SEALING_KEYS } from '../../../src/sealing/sealing-keys.ts';
import type { Store } from '../../../src/store/store.ts';
import type {
  Explanation,
  ExplainQuestion,
} from '../../../src/supervisor/control-plane-contract.ts';
import { createQueryLog } from '../../../src/supervisor/create-query-log.ts';
import { Explainer } from '../../../src/supervisor/explainer.ts';
import { PolicyRenewal } from '../../../src/supervisor/policy-renewal.ts';
import { UdpSocket } from '../../../src/transport/udp-dgram.ts';
import { serveBatch } from '../../../src/worker/serve-batch.ts';
import { aDataFolder, aStore } from '../../store/support.ts';
import { SEED } from '../../support/resolver-harness.ts';

export const UPSTREAM_ADDRESS = '198.51.100.1';
const UPSTREAM_TTL = 3600;
const QUIET = { info: () => undefined, warn: () => undefined, error: () => undefined };

export interface ClockedAnswer {
  readonly rcode: string;
  /** The least TTL of all records, authority included; 0 without records. */
  readonly ttl: number;
  /** Data of the answer section, CNAMEs and addresses. */
  readonly data: readonly string[];
}

export class ClockedServer {
  readonly store: Store;
  readonly queryLog: QueryLog;
  /** How often a policy image was compiled. */
  compilations = 0;
  readonly #clock: ManualClock;
  readonly #resolver: Resolver;
  readonly #socket: UdpSocket;
  readonly #renewal: PolicyRenewal;
  readonly #clients = new Map<string, Client>();
  #publishing: Promise<unknown> = Promise.resolve();
  #blocklistKey: string | null = null;

  static async start(
    atSecond: number,
    document: (store: Store) => unknown,
  ): Promise<ClockedServer> {
    const clock = new ManualClock(atSecond);
    const store = await aStore(aDataFolder(), clock);
    await store.applyDocument(document(store), { actor: 'test' });
    const server = new ClockedServer(store, clock);
    await server.#socket.open();
    await server.publish();
    onTestFinished(() => server.#close());
    return server;
  }

  private constructor(store: Store, clock: ManualClock) {
    this.store = store;
    this.#clock = clock;
    const events = createEventRing(1 << 20);
    this.#resolver = createResolver({
      seed: SEED,
      access: createAccess({ prefixes: [], ratePerSecond: 0, burst: 0 }, 1, SEED),
      local: createLocalNames(SEED, [], []),
      cache: { bytesMax: 1 << 20 },
      pendingMax: 1000,
      waitersPerClientMax: 1000,
      forwarder: {
        forward: (handle, { name, type }) => {
          queueMicrotask(() => {
            this.#answerUpstream(handle, nameToText(name), type);
          });
        },
      },
      sendLate: (_transport, route, addresses, at, port, bytes, length) => {
        this.#socket.send(route, addresses, at, port, bytes, 0, length);
      },
      events,
    });
    this.#socket = new UdpSocket({
      address: '127.0.0.1',
      port: 0,
      transport: 0,
      handler: (batch, count) => {
        serveBatch(this.#resolver, batch, count, (error) => {
          throw error;
        });
      },
      clock,
      boundSockets: null,
    });
    this.#renewal = new PolicyRenewal({
      policies: () => this.#resolver.images?.policies ?? null,
      publish: () => this.publish(),
      clock,
    });
    this.queryLog = createQueryLog({
      store,
      pool: { eventRings: () => [events] },
      publish: () => this.publish(),
      config: { ...CONFIG_DEFAULTS, dataDir: store.dataDir },
      log: QUIET,
      clock,
    });
  }

  /** What is saved is in force when this resolves; calls follow each other. */
  publish(): Promise<void> {
    const run = this.#publishing.then(() => this.#publish());
    this.#publishing = run.catch(() => undefined);
    return run;
  }

  /** Sets the clock, and lets what runs by the clock do its part. */
  async setClock(second: number): Promise<void> {
    this.#clock.second = second;
    this.#renewal.check();
    await this.#publishing;
  }

  /** What queries have left behind is counted, and what follows from it is in force. */
  async settle(): Promise<void> {
    await this.queryLog.drain();
    await this.#publishing;
  }

  async ask(client: string, name: string, type = 'A'): Promise<ClockedAnswer> {
    let from = this.#clients.get(client);
    if (from === undefined) {
      from = await Client.open(client, this.#socket.localPort);
      this.#clients.set(client, from);
    }
    return from.ask(name, type);
  }

  /** As the API answers it, from the same store and images. */
  explain(question: Partial<ExplainQuestion>): Promise<Explanation> {
    const { images } = this.#resolver;
    const { blocklist, sealed, policies, subscribers } = images!;
    const dataDir = this.store.dataDir;
    const explainer = new Explainer(
      this.store,
      { lookUp: (address) => lookUpAddress(subscribers, address, 0) },
      {
        findEvidence: async (name, categories) =>
          (await findEvidence({ kind: 'evidence', job: 1, dataDir, name, categories })).places,
        compileProfile: async (seed, profile, atSecond) => {
          const request = { kind: 'profile' as const, job: 1, dataDir, seed, profile, atSecond };
          return (await compileProfile(request, readPolicyData())).policy;
        },
      },
      this.#clock,
    );
    const inForce = {
      seed: SEED,
      images: {
        revision: this.store.revision,
        blocklist: blocklist.image.buffer,
        policy: policies.buffer,
        opened: { blocklist, sealed, listKeys: [], policies },
      },
      blocklistKey: this.#blocklistKey,
      compiled: null,
    };
    const nothing = {
      type: 'A',
      client: null,
      mac: null,
      subscriber: null,
      profile: null,
      at: null,
    };
    const config = { access: { prefixes: [] }, zones: [], records: [] };
    return explainer.explain(
      { ...nothing, ...question } as ExplainQuestion,
      inForce,
      config as unknown as Config,
    );
  }

  async #publish(): Promise<void> {
    this.compilations++;
    const done = await compileRevision(
      {
        kind: 'compile',
        job: 1,
        dataDir: this.store.dataDir,
        seed: SEED,
        blocklistKey: this.#blocklistKey,
        nowSeconds: this.#clock.second,
        sealing: NO_SEALING_KEYS,
      },
      readPolicyData(),
    );
    this.#blocklistKey = done.blocklistKey;
    const writer = new SubscriberWriter(SEED);
    for await (const page of this.store.addressPages()) {
      for (let index = 0; index < page.count; index++) {
        const word = (offset: number): number => page.words[index * 4 + offset]!;
        const words = [word(0), word(1), word(2), word(3)] as const;
        writer.insert({ words, length: page.lengths[index]! }, page.profiles[index]!);
      }
    }
    const { images } = this.#resolver;
    this.#resolver.images = {
      blocklist: done.blocklist === null ? images!.blocklist : openBlocklistImage(done.blocklist),
      sealed: null,
      policies: openPolicyImage(done.policy),
      subscribers: openSubscriberTable(writer.buffer, SEED),
    };
  }

  #answerUpstream(handle: number, name: string, type: number): void {
    const isAddress = type === 1;
    const bytes = Uint8Array.from(
      encode({
        type: 'response',
        id: 0,
        flags: 0x8180 & 0x7fff,
        questions: [{ name, type: isAddress ? 'A' : 'AAAA' }],
        answers: isAddress ? [{ type: 'A', name, ttl: UPSTREAM_TTL, data: UPSTREAM_ADDRESS }] : [],
      }),
    );
    const { second } = this.#clock;
    finishForward(this.#resolver, handle, bytes, bytes.length, false, second * 1000, second);
  }

  async #close(): Promise<void> {
    for (const client of this.#clients.values()) client.close();
    await this.#socket.close();
    await this.queryLog.close();
  }
}

class ManualClock {
  second: number;

  constructor(second: number) {
    this.second = second;
  }

  wallMs(): number {
    return this.second * 1000;
  }

  monotonicMs(): number {
    return this.second * 1000;
  }
}

/** A client with an address of its own; many questions may be under way. */
class Client {
  readonly #socket: Socket;
  readonly #port: number;
  readonly #waiting = new Map<number, (answer: ClockedAnswer) => void>();
  #id = 0;

  static async open(address: string, port: number): Promise<Client> {
    const socket = createSocket('udp4');
    await new Promise<void>((resolve) => {
      socket.bind(0, address, resolve);
    });
    return new Client(socket, port);
  }

  private constructor(socket: Socket, port: number) {
    this.#socket = socket;
    this.#port = port;
    socket.on('message', (message) => {
      const { id, answers, authorities, ...packet } = decode(message);
      const records = [...answers, ...authorities];
      const ttls = records.map((record) => ('ttl' in record ? (record.ttl ?? 0) : 0));
      this.#waiting.get(id)?.({
        rcode: (packet as { rcode?: string }).rcode ?? '',
        ttl: ttls.length === 0 ? 0 : Math.min(...ttls),
        data: answers.map((record) => String('data' in record ? record.data : '')),
      });
      this.#waiting.delete(id);
    });
  }

  ask(name: string, type: string): Promise<ClockedAnswer> {
    const id = (this.#id = (this.#id + 1) & 0xffff);
    const questions = [{ name, type: type as 'A' }];
    const query = encode({ type: 'query', id, flags: 0x0100, questions });
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(id);
        reject(new Error(`No answer to ${name} ${type} within 5 s`));
      }, 5000);
      this.#waiting.set(id, (answer) => {
        clearTimeout(timer);
        resolve(answer);
      });
      this.#socket.send(query, this.#port, '127.0.0.1');
    });
  }

  close(): void {
    this.#socket.close();
  }
}
