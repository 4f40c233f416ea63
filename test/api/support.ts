/** The API over a real store and a control plane that publishes at once or when told. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { InjectOptions, LightMyRequestResponse } from 'fastify';
import { onTestFinished } from 'vitest';
import { createApi } from '../../src/api/api.ts';
import type { ApiInstance } from '../../src/api/api-instance.ts';
import type { Config } from '../../src/config/config.ts';
import type { ListEvidence } from '../../src/compiler/messages.ts';
import { CONFIG_DEFAULTS } from '../../src/config/defaults.ts';
import { type Clock, systemClock } from '../../src/lib/clock.ts';
import { AppError } from '../../src/lib/errors.ts';
import { createEventRing, type EventRing } from '../../src/lib/event-ring.ts';
import type { UsageReport } from '../../src/lists/list-usage.ts';
import type { QueryLog } from '../../src/query-log/query-log.ts';
import type { Store } from '../../src/store/store.ts';
import type { AddressChange } from '../../src/store/sessions.ts';
import { createQueryLog } from '../../src/supervisor/create-query-log.ts';
import type {
  ControlPlane,
  Decisions,
  DecisionsQuestion,
  Explanation,
  ExplainQuestion,
  ListUpdates,
  MetricSample,
  PolicyInForce,
  PolicyState,
  PublishResult,
  Status,
} from '../../src/supervisor/control-plane-contract.ts';
import { aListStore, FakeInspector } from '../store/fake-inspector.ts';
import { ACTOR, aDocument, aStore } from '../store/support.ts';

const PASSED = {
  decision: 'pass',
  row: 12,
  verdictClass: 'none',
  category: null,
  categories: [],
} as const;

export class FakeControlPlane implements ControlPlane {
  readonly store: Store;
  queryLog: QueryLog;
  /** Lists of whose sources nobody knows. */
  listUpdates: ListUpdates = {
    update: (list) => Promise.reject(new AppError('LIST_WITHOUT_SOURCE', list)),
    state: (list) => Promise.reject(new AppError('LIST_WITHOUT_SOURCE', list)),
  };
  readonly sessionChanges: AddressChange[] = [];
  states: readonly PolicyState[] = [];
  revisionInForce = 0;
  notReadyReason: string | null = null;
  usage: UsageReport = { lists: [], askedNames: 0 };
  publishFault: Error | null = null;
  /** Names that a decision in bulk finds blocked, and why. */
  readonly blockedBy = new Map<
    string,
    { readonly category: string | null; readonly verdictClass: 'law' | 'operator' | 'policy' }
  >();
  /** By category: the lists that hold every name. */
  readonly listsOf = new Map<string, readonly string[]>();

  constructor(store: Store, queryLog: QueryLog) {
    this.store = store;
    this.queryLog = queryLog;
  }

  publish(): Promise<PublishResult> {
    if (this.publishFault !== null) return Promise.reject(this.publishFault);
    this.revisionInForce = this.store.revision;
    return Promise.resolve({ revision: this.revisionInForce });
  }

  reload(): Promise<PublishResult> {
    return this.publish();
  }

  attest(): never {
    throw new Error('the tests of the API attest nothing');
  }

  status(): Status {
    const { notReadyReason, revisionInForce } = this;
    return {
      version: '0.0.0',
      isReady: notReadyReason === null,
      notReadyReason,
      revision: this.store.revision,
      revisionInForce,
      startedAt: new Date(0).toISOString(),
      listeners: [],
      upstreams: [],
      workers: [],
      images: {
        blocklistContentId: null,
        policyContentId: null,
        blocklistOctets: 0,
        names: 0,
        compiledAt: null,
        compileMs: null,
        compileOctetsMax: null,
      },
      sealedLists: [],
      missingSealedLists: [],
      lastFailure: null,
    };
  }

  explain({ name, client, type }: ExplainQuestion) {
    const explanation: Explanation = {
      name,
      client,
      type,
      at: '2026-11-22T12:00:00.000Z',
      subscriber: null,
      profile: null,
      plan: null,
      decision: 'pass',
      row: 12,
      verdictClass: 'none',
      category: null,
      blockingMode: null,
      edeCode: null,
      safeSearchTarget: null,
      reason: 'nothing speaks against it',
      categories: [],
      rows: [],
      nextChange: null,
      evidence: [],
      revision: this.store.revision,
    };
    return Promise.resolve(explanation);
  }

  /** What `blockedBy` names by category is blocked, for any plan but `none`. */
  decideNames({ names, plan }: DecisionsQuestion): Promise<Decisions> {
    if (plan === 'none') {
      return Promise.reject(new AppError('RESOURCE_UNKNOWN', 'There is no plan "none"'));
    }
    const items = names.map((name) => {
      const found = this.blockedBy.get(name);
      if (found === undefined) return { name, ...PASSED };
      const { category, verdictClass } = found;
      const row = verdictClass === 'law' ? 1 : category === null ? 8 : 9;
      const categories = category === null ? [] : [category];
      return { name, decision: 'block' as const, row, verdictClass, category, categories };
    });
    return Promise.resolve({ revision: this.store.revision, items });
  }

  findLists(name: string, categories: readonly string[]): Promise<readonly ListEvidence[]> {
    const lists = categories.flatMap((category) => this.listsOf.get(category) ?? []);
    const place = { version: 1, since: null, content: '', line: 7, text: name };
    return Promise.resolve(lists.map((list) => ({ list, ...place })));
  }

  policyInForce(): Promise<PolicyInForce> {
    const { revision } = this.store;
    return Promise.resolve({ revision, states: this.states, retentionDays: 7, statisticsDays: 90 });
  }

  listUsage(): Promise<UsageReport> {
    return Promise.resolve(this.usage);
  }

  sessionsChanged(changes: readonly AddressChange[]): void {
    this.sessionChanges.push(...changes);
  }

  metricSamples(): readonly MetricSample[] {
    const metric = { name: 'stairgate_queries_total', help: 'Queries.', kind: 'counter' } as const;
    return [
      { ...metric, labels: { worker: '0' }, value: 3 },
      { ...metric, labels: { worker: '1' }, value: 4 },
    ];
  }
}

/** What the API under test has of workers: a ring for events, read when a test says so. */
export function aQueryLog(store: Store, ring: EventRing, clock: Clock = systemClock): QueryLog {
  const ignore = (): undefined => undefined;
  const queryLog = createQueryLog({
    store,
    pool: { eventRings: () => [ring] },
    publish: () => Promise.resolve(),
    config: { ...CONFIG_DEFAULTS, dataDir: store.dataDir },
    log: { info: ignore, warn: ignore, error: ignore },
    clock,
  });
  onTestFinished(() => queryLog.close());
  return queryLog;
}

export interface ApiUnderTest {
  readonly api: ApiInstance;
  readonly store: Store;
  readonly controlPlane: FakeControlPlane;
  readonly queryLog: QueryLog;
  /** Of the only worker. */
  readonly ring: EventRing;
  /** The secret of the first admin token. */
  readonly admin: string;
  /** A request with the admin token, unless it brings headers of its own for that. */
  readonly ask: (
    method: string,
    url: string,
    body?: unknown,
    options?: InjectOptions,
  ) => Promise<Answer>;
}

export type Answer = LightMyRequestResponse;

export async function anApi(clock?: Clock, desk?: Config['desk']): Promise<ApiUnderTest> {
  return anApiOver(await aStore(undefined, clock), clock, desk);
}

/** An API over an empty store whose gate knows a few well-known names. */
export async function aListApi(clock?: Clock): Promise<ApiUnderTest> {
  const options = clock === undefined ? {} : { clock };
  return anApiOver(await aListStore(new FakeInspector(), options), clock);
}

async function anApiOver(
  store: Store,
  clock?: Clock,
  desk?: Config['desk'],
): Promise<ApiUnderTest> {
  const ring = createEventRing(64 * 1024);
  const queryLog = aQueryLog(store, ring, clock);
  const controlPlane = new FakeControlPlane(store, queryLog);
  const api = await createApi(controlPlane, {
    version: '0.0.0',
    allowedHosts: ['gate.example.org'],
    ...(clock === undefined ? {} : { clock }),
    ...(desk === undefined ? {} : { desk }),
  });
  onTestFinished(() => api.close());
  const admin = readFileSync(join(store.dataDir, 'admin.token'), 'utf8').trim();
  const ask: ApiUnderTest['ask'] = (method, url, body, options = {}) =>
    api.inject({
      method: method as 'GET',
      url,
      ...(body === undefined ? {} : { payload: body as object }),
      ...options,
      headers: { host: 'localhost', authorization: `Bearer ${admin}`, ...options.headers },
    });
  return { api, store, controlPlane, queryLog, ring, admin, ask };
}

/** An API over a store with the plans `kids` and `open` and the households `home-1` and `home-2`. */
export async function aHouse(clock?: Clock, desk?: Config['desk']): Promise<ApiUnderTest> {
  const house = await anApi(clock, desk);
  await house.store.applyDocument(aDocument(house.store), ACTOR);
  return house;
}

/** Headers with a new token of this role. */
export async function bearerOf(
  ask: ApiUnderTest['ask'],
  role: string,
): Promise<Record<string, string>> {
  const made = await ask('POST', '/api/v1/tokens', { id: `a-${role}`, role });
  return { authorization: `Bearer ${made.json<{ secret: string }>().secret}` };
}

/** A clock that stands still until it is moved. */
export class TestClock implements Clock {
  nowMs = Date.UTC(2026, 10, 22, 12, 0, 0);

  monotonicMs(): number {
    return this.nowMs;
  }

  wallMs(): number {
    return this.nowMs;
  }
}
