/**
 * `/answer/TOKEN`: the one page here that people open in a browser, without a token of the API. The
 * signature is the right, and it gives one answer to one request.
 *
 *     GET    shows what is asked and a button; changes nothing, however often programs fetch it
 *     POST   answers
 *
 *     404  forged, or of a request that is gone: the same page, so that it tells nobody anything
 *     410  answered already, or too old
 *     409  what is asked for cannot be opened (any more)
 *     413  a body that is larger than an empty form
 *     429  after ten wrong links in a minute from this address; a right one is always let in
 */

import type { FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { ANSWER_MESSAGES, type AnswerMessages } from '../../lib/answer-messages.ts';
import { categoryTitle } from '../../lib/category-titles.ts';
import { AppError } from '../../lib/errors.ts';
import { fillMessage, type Language } from '../../lib/messages.ts';
import type { AnswerLinks, LinkedAnswer } from '../../store/answer-link.ts';
import { DEFAULT_LANGUAGE } from '../../store/canonical-household.ts';
import type { StoredSubscriber } from '../../store/records.ts';
import type { StoredRequest } from '../../store/requests.ts';
import type { ControlPlane } from '../../supervisor/control-plane-contract.ts';
import { languageOf, sendAnswerPage } from '../answer-page.ts';
import type { ApiInstance } from '../api-instance.ts';
import { clientKey } from '../auth.ts';
import { FailureThrottle } from '../failure-throttle.ts';
import { sendError } from '../problem.ts';
import { RequestInvalid } from '../validation.ts';
import { publishWritten } from '../write-request.ts';

/** In the audit log in place of a token's id; no token can have it, since it has a space. */
const LINK_ACTOR = 'one-tap link';
/** Browsers send the empty form as a body. */
const BODY_BYTES_MAX = 1_024;
const TOKEN_CHARS_MAX = 512;

export interface AnswerRouteOptions {
  readonly links: AnswerLinks;
  readonly wallMs: () => number;
  readonly monotonicMs: () => number;
}

/** A link that leads to an open request. */
interface Asked {
  readonly linked: LinkedAnswer;
  readonly request: StoredRequest;
  readonly household: StoredSubscriber['record'];
  readonly language: Language;
  readonly messages: AnswerMessages;
}

/** Registered in a scope of its own: here, and only here, forms are taken. */
export function addAnswerRoutes(
  app: ApiInstance,
  controlPlane: ControlPlane,
  options: AnswerRouteOptions,
): void {
  const throttle = new FailureThrottle(options.monotonicMs);
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'string' }, (_request, _body, done) => {
    done(null);
  });
  const find = (request: FastifyRequest): Promise<Asked> =>
    findAsked((request as AnswerRequest).params.token, controlPlane, options);
  const schema = {
    tags: ['answer'],
    security: [],
    params: Type.Object({ token: Type.String({ maxLength: TOKEN_CHARS_MAX }) }),
    produces: ['text/html'],
  };
  const shared = {
    config: { access: 'public' } as const,
    bodyLimit: BODY_BYTES_MAX,
    errorHandler: (error: Error, request: FastifyRequest, reply: FastifyReply) =>
      sendRefusal(error, request, reply, throttle),
  };
  app.get(
    '/answer/:token',
    {
      ...shared,
      schema: { ...schema, description: 'Shows a parent what a link of a request is about.' },
    },
    async (request, reply) => {
      const asked = await find(request);
      const { linked, language, messages } = asked;
      const minutes = String(linked.answer.minutes ?? 0);
      return sendAnswerPage(reply, {
        status: 200,
        language,
        sentence: await sentenceOf(asked, controlPlane),
        message: asked.request.message,
        button:
          linked.answer.answer === 'deny'
            ? messages.deny
            : fillMessage(messages.approve, { minutes }),
      });
    },
  );
  app.post(
    '/answer/:token',
    { ...shared, schema: { ...schema, description: 'Gives the answer of the link, once.' } },
    async (request, reply) => {
      const { linked, household, language, messages } = await find(request);
      const context = { actor: LINK_ACTOR };
      const { store } = controlPlane;
      const done = await store.households.answerRequest(linked.request, linked.answer, context);
      await publishWritten(done.revision, controlPlane, request, false);
      const until = done.grant === null ? '' : timeText(done.grant.until, household, language);
      const sentence =
        done.grant === null ? messages.denied : fillMessage(messages.approved, { until });
      return sendAnswerPage(reply, { status: 200, language, sentence });
    },
  );
}

interface AnswerRequest extends FastifyRequest {
  readonly params: { readonly token: string };
}

/** @throws AppError `LINK_INVALID`, `LINK_ENDED`, `RESOURCE_UNKNOWN`, `REQUEST_ANSWERED` */
async function findAsked(
  token: string,
  { store }: ControlPlane,
  { links, wallMs }: AnswerRouteOptions,
): Promise<Asked> {
  const linked = links.verify(token, Math.floor(wallMs() / 1000));
  const [request] = await store.households.requests({ id: linked.request });
  const household = request === undefined ? null : await store.subscriber(request.subscriber);
  if (request === undefined || household === null) {
    throw new AppError('RESOURCE_UNKNOWN', 'The request of the link is gone');
  }
  if (request.state !== 'open') {
    throw new AppError('REQUEST_ANSWERED', 'The request of the link is answered');
  }
  const language = household.record.language ?? DEFAULT_LANGUAGE;
  const messages = ANSWER_MESSAGES[language];
  return { linked, request, household: household.record, language, messages };
}

async function sentenceOf(asked: Asked, controlPlane: ControlPlane): Promise<string> {
  const { request, household, messages } = asked;
  const profile = household.profiles?.find((one) => one.id === request.profile);
  const who = profile === undefined ? messages.household : (profile.name ?? profile.id);
  const what = await titleOf(asked, controlPlane);
  return fillMessage(messages.asks, { who, what });
}

/** What people call it. */
async function titleOf(
  { request: { target, names }, messages, language }: Asked,
  { store }: ControlPlane,
): Promise<string> {
  if (target === 'internet') return messages.internet;
  if (names !== undefined) return names.join(', ');
  const [kind, id = ''] = target.split(':');
  if (kind === 'service') return (await store.services()).get(id)?.record.title ?? id;
  const title = (await store.categories()).get(id)?.record.title ?? id;
  return categoryTitle(id, title, language);
}

function timeText(
  second: number,
  { timezone }: StoredSubscriber['record'],
  language: Language,
): string {
  const format = new Intl.DateTimeFormat(language, { timeStyle: 'short', timeZone: timezone });
  return format.format(second * 1000);
}

function sendRefusal(
  error: Error,
  request: FastifyRequest,
  reply: FastifyReply,
  throttle: FailureThrottle,
): FastifyReply {
  const language = languageOf(request);
  const messages = ANSWER_MESSAGES[language];
  const code = error instanceof RequestInvalid ? 'LINK_INVALID' : codeOf(error);
  const refuse = (status: number, sentence: string): FastifyReply =>
    sendAnswerPage(reply, { status, language, sentence });
  if (code === 'REQUEST_ANSWERED') return refuse(410, messages.answeredBefore);
  if (code === 'LINK_ENDED') return refuse(410, messages.expired);
  if (code === 'DOCUMENT_INVALID') return refuse(409, messages.refused);
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') return refuse(413, messages.failed);
  if (code !== 'LINK_INVALID' && code !== 'RESOURCE_UNKNOWN') {
    return sendError(error, request, reply);
  }
  const client = clientKey(request.ip);
  const waitSeconds = throttle.secondsToWait(client);
  if (waitSeconds > 0) {
    void reply.header('retry-after', String(waitSeconds));
    return refuse(429, messages.tooMany);
  }
  throttle.countFailure(client);
  return refuse(404, messages.unknown);
}

/** Of errors that the framework found, too. */
function codeOf(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : 'UNEXPECTED';
}
