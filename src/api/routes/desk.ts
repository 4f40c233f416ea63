/**
 * The over-blocking desk: anybody may ask whether a name is blocked and why, and say that it should not
 * be. No token, nothing personal: it answers for the one plan that the configuration names.
 *
 *     404  the desk is off: there is no such route
 *     409  an appeal that nobody here can grant: not blocked, by law, by a plan's own settings
 *     429  asked too often, this address or all together; too many appeals wait
 *     503  the plan of the configuration is none
 *
 * Of what the law blocks it says the class and no more: no category, no list, and it takes no appeal.
 */

import type { FastifyReply, FastifyRequest } from 'fastify';
import { type Static, Type } from 'typebox';
import type { Config } from '../../config/config.ts';
import { AppError } from '../../lib/errors.ts';
import { quote } from '../../lib/quote.ts';
import type { MetricsPage } from '../../metrics/metrics-page.ts';
import type { StoredAppeal } from '../../store/appeals.ts';
import { SERVICE_PREFIX } from '../../store/canonical.ts';
import { humanLines, humanText } from '../../store/human-text.ts';
import { canonicalName } from '../../store/rule-name.ts';
import type { ControlPlane, DecisionOnName } from '../../supervisor/control-plane-contract.ts';
import type { ApiInstance } from '../api-instance.ts';
import { clientKey } from '../auth.ts';
import { DeskThrottle } from '../desk-throttle.ts';
import { secondText } from '../timestamp.ts';

export interface DeskRouteOptions {
  readonly desk: Config['desk'];
  readonly metrics: MetricsPage;
  readonly monotonicMs: () => number;
}

/** What an appeal costs beside a question: it makes work for a person. */
export const APPEAL_COST = 10;
/** What comes is from strangers: an appeal at its longest, and no more. */
export const BODY_BYTES_MAX = 8 * 1024;

/** Counts a request before anything of it is read, and so those that are refused for their form too. */
type Take = (cost: number) => (request: FastifyRequest, reply: FastifyReply) => Promise<void>;

const name = Type.String({ minLength: 1, maxLength: 1_000, description: 'a domain name' });

const CheckSchema = Type.Object({
  name: Type.String(),
  isBlocked: Type.Boolean(),
  verdictClass: Type.Enum(['law', 'operator', 'policy', 'none']),
  category: Type.Union([Type.Object({ id: Type.String(), title: Type.String() }), Type.Null()]),
  reason: Type.String({ description: 'one sentence for people' }),
  canAppeal: Type.Boolean(),
});

export const AppealSchema = Type.Object(
  {
    name,
    message: Type.Optional(humanLines({ maxLength: 500 })),
    contact: Type.Optional(
      humanText({
        minLength: 1,
        maxLength: 200,
        description: 'to be told the answer; may be taken back at any time',
      }),
    ),
  },
  { additionalProperties: false },
);

const IdParams = Type.Object({ id: Type.String({ pattern: '^[0-9a-f]{32}$' }) });

const OwnAppealSchema = Type.Object({
  id: Type.String({ description: 'whoever has it may read the answer: keep it' }),
  name: Type.String(),
  state: Type.Enum(['open', 'accepted', 'denied']),
  createdAt: Type.String(),
  answer: Type.Union([Type.String(), Type.Null()]),
  answeredAt: Type.Union([Type.String(), Type.Null()]),
  hasContact: Type.Boolean(),
});

/** What the routes share with the page. */
export interface Desk {
  readonly take: Take;
  readonly check: (name: string) => Promise<Check>;
  /** Null: nobody here can grant it. */
  readonly appeal: (
    appeal: Static<typeof AppealSchema>,
  ) => Promise<{ readonly found: Check; readonly made: StoredAppeal | null }>;
}

const tags = ['desk'];
const security: [] = [];
const config = { access: 'public' } as const;

export function addDeskRoutes(
  app: ApiInstance,
  controlPlane: ControlPlane,
  { desk, metrics, monotonicMs }: DeskRouteOptions,
): Desk {
  const limits = { perAddress: desk.perAddressPerMinute, inAll: desk.perMinute };
  const throttle = new DeskThrottle(limits, monotonicMs);
  const take: Take = (cost) => async (request, reply) => {
    const waitSeconds = throttle.take(clientKey(request.ip), cost);
    if (waitSeconds === 0) return;
    metrics.countDeskQuestion('limited');
    void reply.header('retry-after', String(waitSeconds));
    throw new AppError('DESK_LIMITED', `Asked too often; wait ${waitSeconds} s`);
  };
  const check = async (text: string): Promise<Check> => {
    const found = await checkName(text, desk.plan, controlPlane);
    metrics.countDeskQuestion(found.isBlocked ? 'blocked' : 'open');
    return found;
  };
  const appeal: Desk['appeal'] = async ({ name: text, message = '', contact = null }) => {
    const found = await checkName(text, desk.plan, controlPlane);
    const { name: canonical, category, canAppeal } = found;
    if (!canAppeal || category === null) return { found, made: null };
    const written = { name: canonical, category: category.id, message, contact };
    return { found, made: await controlPlane.store.appeals.make(written) };
  };
  app.get(
    '/api/v1/desk/check',
    {
      schema: {
        tags,
        security,
        description: 'Whether a name is blocked, and why. Needs no token.',
        querystring: Type.Object({ name }, { additionalProperties: false }),
        response: { 200: CheckSchema },
      },
      config,
      onRequest: take(1),
    },
    async (request, reply) => {
      return reply.header('cache-control', 'no-store').send(await check(request.query.name));
    },
  );
  app.post(
    '/api/v1/desk/appeals',
    {
      schema: {
        tags,
        security,
        description: `Says that a name is blocked wrongly. Needs no token; counts as ${APPEAL_COST} questions.`,
        body: AppealSchema,
        response: { 201: OwnAppealSchema },
      },
      config,
      bodyLimit: BODY_BYTES_MAX,
      onRequest: take(APPEAL_COST),
    },
    async (request, reply) => {
      const { found, made } = await appeal(request.body);
      if (made === null) throw new AppError('APPEAL_IMPOSSIBLE', `${found.name}: ${found.reason}`);
      return reply.code(201).header('cache-control', 'no-store').send(toOwnAppeal(made));
    },
  );
  addOwnAppealRoutes(app, controlPlane, take);
  return { take, check, appeal };
}

/** For whoever has the id of an appeal. */
function addOwnAppealRoutes(app: ApiInstance, { store }: ControlPlane, take: Take): void {
  const shared = { tags, security, params: IdParams, response: { 200: OwnAppealSchema } };
  const find = async (id: string): Promise<object> => {
    const appeal = await store.appeals.find(id);
    if (appeal === null) throw new AppError('RESOURCE_UNKNOWN', `There is no appeal "${id}"`);
    return toOwnAppeal(appeal);
  };
  app.get(
    '/api/v1/desk/appeals/:id',
    { schema: { ...shared, description: 'What became of an appeal.' }, config, onRequest: take(1) },
    async (request, reply) => {
      return reply.header('cache-control', 'no-store').send(await find(request.params.id));
    },
  );
  app.delete(
    '/api/v1/desk/appeals/:id/contact',
    {
      schema: { ...shared, description: 'Takes the contact of an appeal back.' },
      bodyLimit: BODY_BYTES_MAX,
      config,
      onRequest: take(1),
    },
    async (request, reply) => {
      await store.appeals.forgetContact(request.params.id);
      return reply.header('cache-control', 'no-store').send(await find(request.params.id));
    },
  );
}

export interface Check {
  readonly name: string;
  readonly isBlocked: boolean;
  readonly verdictClass: DecisionOnName['verdictClass'];
  readonly category: { readonly id: string; readonly title: string } | null;
  readonly reason: string;
  readonly canAppeal: boolean;
}

/** @throws AppError `EXPLAIN_INVALID`, `DESK_UNAVAILABLE` */
async function checkName(text: string, plan: string, controlPlane: ControlPlane): Promise<Check> {
  const canonical = canonicalName(text);
  if (canonical === null) {
    const fault = `name: ${quote(text)}; valid: a domain name, such as www.example.org`;
    throw new AppError('EXPLAIN_INVALID', `Checking: ${fault}`, { faults: [fault] });
  }
  const decided = await decideFor(canonical, plan, controlPlane);
  const base = { name: canonical, isBlocked: decided.decision === 'block' };
  if (!base.isBlocked) {
    const reason = 'It is not blocked.';
    return { ...base, verdictClass: 'none', category: null, reason, canAppeal: false };
  }
  const { verdictClass } = decided;
  if (verdictClass === 'law') {
    const reason = 'The law requires that it is blocked; this desk cannot change that.';
    return { ...base, verdictClass, category: null, reason, canAppeal: false };
  }
  if (decided.category === null) {
    const reason = 'The settings of the plan block it, and no list.';
    return { ...base, verdictClass, category: null, reason, canAppeal: false };
  }
  const category = await titleOf(decided.category, controlPlane);
  const isService = decided.category.startsWith(SERVICE_PREFIX);
  const reason = isService
    ? `It belongs to ${category.title}, which the plan blocks as a whole.`
    : `It is in a list of the category ${category.title}.`;
  return { ...base, verdictClass, category, reason, canAppeal: !isService };
}

async function decideFor(
  canonical: string,
  plan: string,
  controlPlane: ControlPlane,
): Promise<DecisionOnName> {
  const whose = { plan, subscriber: null, profile: null, at: null };
  try {
    const { items } = await controlPlane.decideNames({ names: [canonical], ...whose });
    const [item] = items;
    if (item !== undefined) return item;
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== 'RESOURCE_UNKNOWN') throw error;
  }
  // Its id is the operator's business.
  throw new AppError('DESK_UNAVAILABLE', 'The desk has no plan to answer for');
}

async function titleOf(
  id: string,
  { store }: ControlPlane,
): Promise<{ readonly id: string; readonly title: string }> {
  const title = id.startsWith(SERVICE_PREFIX)
    ? (await store.services()).get(id.slice(SERVICE_PREFIX.length))?.record.title
    : (await store.categories()).get(id)?.record.title;
  return { id, title: title ?? id };
}

/** Neither message nor contact comes back: an id may be read over a shoulder. */
function toOwnAppeal({ id, name: canonical, state, createdAt, ...rest }: StoredAppeal) {
  return {
    id,
    name: canonical,
    state,
    createdAt: secondText(createdAt),
    answer: rest.answer,
    answeredAt: rest.answeredAt === null ? null : secondText(rest.answeredAt),
    hasContact: rest.contact !== null,
  };
}
