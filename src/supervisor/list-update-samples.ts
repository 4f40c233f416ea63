/** The numbers of list updates. Ids of lists are configuration, so they may be labels. */

import type { MetricSample } from './control-plane-contract.ts';

/** A page with more series of one metric would not be made. */
const LISTS_MAX = 1_000;

export interface UpdatedList {
  readonly list: string;
  /** Seconds since the Unix epoch; null: never. */
  readonly checkedAt: number | null;
  readonly failures: number;
}

export function listUpdateSamples(
  lists: readonly UpdatedList[],
  counts: Readonly<Record<string, number>>,
  heldCount: number,
  nowSeconds: number,
): readonly MetricSample[] {
  const shown = lists.slice(0, LISTS_MAX);
  return [
    ...shown.flatMap(({ list, checkedAt }): MetricSample[] => {
      if (checkedAt === null) return [];
      return [
        {
          name: 'stairgate_list_age_seconds',
          help: 'Seconds since the source of this list was last found unchanged or taken over',
          kind: 'gauge',
          labels: { list },
          value: Math.max(0, nowSeconds - checkedAt),
        },
      ];
    }),
    ...shown.map(({ list, failures }): MetricSample => ({
      name: 'stairgate_list_failures',
      help: 'Failed updates of this list since the last one that succeeded',
      kind: 'gauge',
      labels: { list },
      value: failures,
    })),
    ...Object.entries(counts).map(([outcome, value]): MetricSample => ({
      name: 'stairgate_list_updates_total',
      help: 'Updates of lists by what came of them',
      kind: 'counter',
      labels: { outcome },
      value,
    })),
    {
      name: 'stairgate_list_versions_held',
      help: 'Versions of lists that wait for somebody to approve or reject them',
      kind: 'gauge',
      labels: {},
      value: heldCount,
    },
  ];
}
