/** The API over a real store and a control plane that publishes at once or when told. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { InjectOptions, LightMyRequestResponse } from 'fastify';
import { onTestFinished } from 'vitest';
import { createApi } from '../../src/api/api.ts';
import type { ApiInstance } from '../../src/api/api-instance.ts';
import type { Clock } from '../../src/lib/clock.ts';
import type { Store } from '../../src/store/store.ts';
import type { AddressChange } from '../../src/store/sessions.ts';
import type {
  ControlPlane,
  Explanation,
  MetricSample,
  PublishResult,
  Status,
} from '../../src/supervisor/control-plane-contract.ts';
import { aStore } from '../store/support.ts';

export class FakeControlPlane implements ControlPlane {
  readonly store: Store;
  readonly sessionChanges: AddressChange[] = [];
  revisionInForce = 0;
  notReadyReason: string | null = null;
  publishFault: Error | null = null;

  constructor(store: Store) {
    this.store = store;
  }

  publish(): Promise<PublishResult> {
    if (this.publishFault !== null) return Promise.reject(this.publishFault);
    this.revisionInForce = this.store.revision;
    return Promise.resolve({ revision: this.revisionInForce });
  }

  reload(): Promise<PublishResult> {
    return this.publish();
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
      lastFailure: null,
    };
  }

  explain({ name, client, type }: { name: string; client: string; type: string }) {
    const explanation: Explanation = {
      name,
      client,
      type,
      subscriber: null,
      plan: null,
      decision: 'pass',
      row: 12,
      verdictClass: 'none',
      category: null,
      blockingMode: null,
      edeCode: null,
      reason: 'nothing speaks against it',
      categories: [],
      evidence: [],
      revision: this.store.revision,
    };
    return Promise.resolve(explanation);
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

export interface ApiUnderTest {
  readonly api: ApiInstance;
  readonly store: Store;
  readonly controlPlane: FakeControlPlane;
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

export async function anApi(clock?: Clock): Promise<ApiUnderTest> {
  const store = await aStore(undefined, clock);
  const controlPlane = new FakeControlPlane(store);
  const api = await createApi(controlPlane, {
    version: '0.0.0',
    allowedHosts: ['gate.example.org'],
    ...(clock === undefined ? {} : { clock }),
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
  return { api, store, controlPlane, admin, ask };
}
