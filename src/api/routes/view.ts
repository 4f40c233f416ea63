/**
 * What the child may see: what is filtered and until when, what comes next, why in words for the child,
 * who can look and how to ask. It says nothing of what anybody has asked for.
 */

import { Type } from 'typebox';
import { categoryTitle } from '../../lib/category-titles.ts';
import { AppError } from '../../lib/errors.ts';
import type { Language } from '../../lib/messages.ts';
import { readPolicyData } from '../../lists/read-policy-data.ts';
import { SERVICE_PREFIX } from '../../store/canonical.ts';
import { DEFAULT_LANGUAGE } from '../../store/canonical-household.ts';
import {
  HOUSEHOLD_SETTINGS,
  LOG_LEVELS,
  ProfileSchema,
  SubscriberSchema,
  YOUTUBE_LEVELS,
} from '../../store/document.ts';
import type { StoredSubscriber } from '../../store/records.ts';
import { safestPlan } from '../../store/safest-plan.ts';
import type { Store } from '../../store/store.ts';
import type { ControlPlane, PolicyState } from '../../supervisor/control-plane-contract.ts';
import type { ApiInstance } from '../api-instance.ts';
import { findProfile, readSubscriber } from './profiles.ts';

const titled = { id: Type.String(), title: Type.String() };

const StateSchema = Type.Object({
  from: Type.String({ description: 'RFC 3339' }),
  until: Type.Union([Type.String(), Type.Null()], { description: 'null: for a day at least' }),
  isInternetOff: Type.Boolean(),
  isAllowListOnly: Type.Boolean(),
  filtered: Type.Array(Type.Object(titled), { description: 'categories, services as service:ID' }),
  safeSearch: Type.Object({
    isOn: Type.Boolean(),
    youtube: Type.Enum([...YOUTUBE_LEVELS]),
    isBlockingUnsafe: Type.Boolean(),
  }),
});

const ViewSchema = Type.Object({
  id: Type.String(),
  name: Type.String(),
  now: StateSchema,
  later: Type.Array(StateSchema, { description: 'what is foreseen, in order' }),
  budgets: Type.Array(Type.Object({ ...titled, minutesPerDay: Type.Integer() })),
  reasons: Type.Array(Type.Object({ ...titled, why: Type.String() }), {
    description: 'of the age preset, in words for the child',
  }),
  whoCanLook: Type.Object({
    log: Type.Enum([...LOG_LEVELS], { description: 'what of the queries is kept' }),
    namesKeptDays: Type.Integer(),
    countsKeptDays: Type.Integer(),
    roles: Type.Array(Type.String(), { description: 'of the tokens that may read it' }),
  }),
  howToAsk: Type.Object({
    isPossible: Type.Boolean({ description: 'whether the plan lets the household grant anything' }),
    path: Type.String({ description: 'POST there' }),
  }),
});

export function addViewRoute(
  app: ApiInstance,
  controlPlane: ControlPlane,
  wallMs: () => number,
): void {
  const { store } = controlPlane;
  app.get(
    '/api/v1/subscribers/:id/profiles/:profile/view',
    {
      schema: {
        tags: ['profiles'],
        description: 'What the child may see: what is filtered, until when, why, who can look.',
        params: Type.Object({
          id: SubscriberSchema.properties.id,
          profile: ProfileSchema.properties.id,
        }),
        response: { 200: ViewSchema },
      },
      config: { access: 'reader' },
    },
    async (request) => {
      const { record } = await readSubscriber(controlPlane, request.params.id);
      const profile = findProfile(record, request.params.profile);
      const inForce = await controlPlane.policyInForce(record.id, profile.id);
      if (inForce.states.length === 0) {
        throw new AppError(
          'NOT_READY',
          `The profile "${profile.id}" is not in force yet; ask again`,
        );
      }
      const titles = await readTitles(store, record.language ?? DEFAULT_LANGUAGE);
      const [now, ...later] = statesOf(inForce.states, wallMs(), titles);
      return {
        id: profile.id,
        name: profile.name ?? profile.id,
        now,
        later,
        budgets: (profile.budgets ?? []).map(({ target, minutesPerDay }) => ({
          ...titleOf(target.replace(/^category:/, ''), titles),
          minutesPerDay,
        })),
        reasons: reasonsOf(profile.age, titles),
        whoCanLook: {
          log: inForce.states[0]?.log ?? 'nothing',
          namesKeptDays: inForce.retentionDays,
          countsKeptDays: inForce.statisticsDays,
          roles: ['operator', 'admin'],
        },
        howToAsk: {
          isPossible: await mayAsk(store, record),
          path: `/api/v1/subscribers/${encodeURIComponent(record.id)}/requests`,
        },
      };
    },
  );
}

/** Each begins where the one before ends. */
function statesOf(
  states: readonly PolicyState[],
  wallMs: number,
  titles: ReadonlyMap<string, string>,
) {
  let from = new Date(wallMs).toISOString();
  return states.map(({ until, isInternetOff, isAllowListOnly, blocked, safeSearch }) => {
    const filtered = blocked.map((id) => titleOf(id, titles));
    const shown = { from, until, isInternetOff, isAllowListOnly, filtered, safeSearch };
    from = until ?? from;
    return shown;
  });
}

function reasonsOf(age: string | undefined, titles: ReadonlyMap<string, string>) {
  const preset = age === undefined ? undefined : readPolicyData().agePresets.get(age);
  return (preset?.reasons ?? []).map(({ choice, whyForChild }) => ({
    ...titleOf(choice, titles),
    why: whyForChild,
  }));
}

/** What people call categories, and services under `service:ID`. */
async function readTitles(store: Store, language: Language): Promise<ReadonlyMap<string, string>> {
  const [categories, services] = [await store.categories(), await store.services()];
  return new Map([
    ...[...categories].map(([id, { record }]): [string, string] => [
      id,
      categoryTitle(id, record.title ?? id, language),
    ]),
    ...[...services].map(([id, { record }]): [string, string] => [
      SERVICE_PREFIX + id,
      record.title,
    ]),
  ]);
}

function titleOf(id: string, titles: ReadonlyMap<string, string>) {
  return { id, title: titles.get(id) ?? id };
}

/** A pool has no plan: what the safest one leaves to households is left to it. */
async function mayAsk(store: Store, { plan }: StoredSubscriber['record']): Promise<boolean> {
  const plans = await store.plans();
  const record =
    plan === undefined
      ? safestPlan([...plans.values()].map((stored) => stored.record))
      : plans.get(plan)?.record;
  return (record?.mayChange ?? HOUSEHOLD_SETTINGS).includes('grants');
}
