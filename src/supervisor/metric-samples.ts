/**
 * The numbers of the metrics page: those of the control plane, and the workers' counters summed up
 * as they stand in shared memory. No label ever holds anything that came in a packet.
 */

import { COUNTER_NAMES, createCounters } from '../resolver/query-record.ts';
import type { AppealCounts } from '../store/appeals.ts';
import type { MetricSample, Status } from './control-plane-contract.ts';

export function collectSamples(
  status: Status,
  counters: readonly SharedArrayBuffer[],
  subscriberAddresses: number,
): readonly MetricSample[] {
  const gauge = (name: string, help: string, value: number): MetricSample => ({
    name: `stairgate_${name}`,
    help,
    kind: 'gauge',
    labels: {},
    value,
  });
  const { images, workers } = status;
  const restarts = workers.reduce((sum, worker) => sum + worker.restarts, 0);
  const serving = workers.filter(({ state }) => state === 'serving').length;
  return [
    gauge('ready', 'Whether queries are decided with images', status.isReady ? 1 : 0),
    gauge('revision', 'The newest revision in the store', status.revision),
    gauge('revision_in_force', 'The oldest revision that a worker uses', status.revisionInForce),
    gauge('workers_serving', 'Workers that serve', serving),
    gauge('blocklist_names', 'Names in the blocklist image', images.names),
    gauge('blocklist_bytes', 'Octets of the blocklist image', images.blocklistOctets),
    gauge('compile_seconds', 'Time of the last compilation', (images.compileMs ?? 0) / 1000),
    gauge(
      'compile_peak_bytes',
      'The most memory that the last compilation had',
      images.compileOctetsMax ?? 0,
    ),
    gauge('subscriber_addresses', 'Entries in the subscriber table', subscriberAddresses),
    gauge('publish_failed', 'Whether the last publishing failed', status.lastFailure ? 1 : 0),
    {
      ...gauge('worker_restarts_total', 'Workers that died and were restarted', restarts),
      kind: 'counter',
    },
    ...sumCounters(counters),
  ];
}

/** Of the over-blocking desk. */
export function appealSamples({ open, ...ended }: AppealCounts): readonly MetricSample[] {
  const base = { help: 'Appeals that wait for an answer', kind: 'gauge', labels: {} } as const;
  return [
    { ...base, name: 'stairgate_appeals_open', value: open },
    ...Object.entries(ended).map(([what, value]) => ({
      name: 'stairgate_appeals_total',
      help: 'Appeals that were made, accepted, denied, or went without an answer',
      kind: 'counter' as const,
      labels: { what },
      value,
    })),
  ];
}

function sumCounters(buffers: readonly SharedArrayBuffer[]): MetricSample[] {
  const workers = buffers.map((buffer) => createCounters(buffer));
  return COUNTER_NAMES.map((name, index) => ({
    name: `stairgate_${name}_total`,
    help: `Counter ${name} of the query path, over all workers`,
    kind: 'counter',
    labels: {},
    value: workers.reduce((sum, counters) => sum + (counters[index] ?? 0), 0),
  }));
}
