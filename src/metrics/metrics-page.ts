/**
 * The page that Prometheus reads: the samples of the supervisor, what the API counted and the
 * figures of the process. Label names and values come from fixed sets in our own code; a name or an
 * address from a packet never becomes one.
 */

import { collectDefaultMetrics, Counter, Gauge, Registry } from 'prom-client';
import { assert } from '../lib/assert.ts';
import type { MetricSample } from '../supervisor/control-plane-contract.ts';

const PREFIX = 'stairgate_';
/** More series than this of one metric means that a label is not from a fixed set. */
const SERIES_MAX = 1_000;

export class MetricsPage {
  readonly contentType = Registry.PROMETHEUS_CONTENT_TYPE;
  readonly #process = new Registry();
  readonly #apiRequests: Counter<'method' | 'status'>;
  readonly #deskQuestions: Counter<'answer'>;

  constructor() {
    collectDefaultMetrics({ register: this.#process, prefix: PREFIX });
    this.#apiRequests = new Counter({
      name: `${PREFIX}api_requests_total`,
      help: 'Requests to the admin API by method and class of status.',
      labelNames: ['method', 'status'],
      registers: [this.#process],
    });
    this.#deskQuestions = new Counter({
      name: `${PREFIX}desk_questions_total`,
      help: 'Questions to the over-blocking desk by answer; limited: refused for their rate.',
      labelNames: ['answer'],
      registers: [this.#process],
    });
  }

  countRequest(method: string, status: number): void {
    const known = ['GET', 'HEAD', 'PUT', 'POST', 'DELETE'].includes(method) ? method : 'other';
    this.#apiRequests.inc({ method: known, status: `${Math.floor(status / 100)}xx` });
  }

  countDeskQuestion(answer: 'open' | 'blocked' | 'limited'): void {
    this.#deskQuestions.inc({ answer });
  }

  async render(samples: readonly MetricSample[]): Promise<string> {
    const registry = new Registry();
    for (const family of groupByName(samples).values()) register(registry, family);
    return `${await registry.metrics()}\n${await this.#process.metrics()}`;
  }
}

function groupByName(samples: readonly MetricSample[]): Map<string, MetricSample[]> {
  const families = new Map<string, MetricSample[]>();
  for (const sample of samples) {
    const family = families.get(sample.name);
    if (family === undefined) families.set(sample.name, [sample]);
    else family.push(sample);
  }
  return families;
}

function register(registry: Registry, family: readonly MetricSample[]): void {
  const [first] = family;
  if (first === undefined) return;
  assert(family.length <= SERIES_MAX, `${first.name} has ${family.length} series`);
  const options = {
    name: first.name,
    help: first.help,
    labelNames: Object.keys(first.labels),
    registers: [registry],
  };
  if (first.kind === 'counter') {
    const counter = new Counter(options);
    for (const sample of family) counter.inc({ ...sample.labels }, sample.value);
  } else {
    const gauge = new Gauge(options);
    for (const sample of family) gauge.set({ ...sample.labels }, sample.value);
  }
}
