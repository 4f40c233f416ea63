/**
 * `/api/v1/desk`: the over-blocking desk for people with a browser, beside its JSON routes. Two forms, no
 * script; the rate is counted together with theirs.
 *
 *     GET ?name=…     whether it is blocked and why, and the form of an appeal where one is possible
 *     POST            makes the appeal, and leads to
 *     GET ?appeal=ID  what became of it; the id is the key
 */

import type { FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { categoryTitle } from '../../lib/category-titles.ts';
import { DESK_MESSAGES, type DeskMessages } from '../../lib/desk-messages.ts';
import { AppError } from '../../lib/errors.ts';
import { fillMessage, type Language } from '../../lib/messages.ts';
import type { StoredAppeal } from '../../store/appeals.ts';
import type { ControlPlane } from '../../supervisor/control-plane-contract.ts';
import { escapeHtml, languageOf, sendPage } from '../answer-page.ts';
import type { ApiInstance } from '../api-instance.ts';
import { sendError } from '../problem.ts';
import { RequestInvalid } from '../validation.ts';
import { AppealSchema, APPEAL_COST, BODY_BYTES_MAX, type Check, type Desk } from './desk.ts';

interface Shown {
  readonly status: number;
  readonly language: Language;
  /** What is said above the form for a name. */
  readonly sentences?: readonly string[];
  readonly name?: string;
  readonly hasAppealForm?: boolean;
}

const PATH = '/api/v1/desk';
const ID = Type.String({ pattern: '^[0-9a-f]{32}$' });

/** Registered in a scope of its own: here, and only here, forms are taken. */
export function addDeskPage(
  app: ApiInstance,
  { store }: ControlPlane,
  { take, check, appeal }: Desk,
): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(
    'application/x-www-form-urlencoded',
    { parseAs: 'string' },
    (_request, body, done) => {
      // A field that was left empty is none; browsers end its lines with CR and LF.
      const fields = [...new URLSearchParams(String(body))].filter(([, value]) => value !== '');
      done(
        null,
        Object.fromEntries(fields.map(([key, value]) => [key, value.replaceAll('\r\n', '\n')])),
      );
    },
  );
  const schema = { tags: ['desk'], security: [], produces: ['text/html'] };
  const shared = {
    config: { access: 'public' } as const,
    bodyLimit: BODY_BYTES_MAX,
    errorHandler: sendRefusal,
  };
  app.get(
    PATH,
    {
      ...shared,
      schema: {
        ...schema,
        description: 'The desk as a page for people. Needs no token.',
        querystring: Type.Object(
          { name: Type.Optional(AppealSchema.properties.name), appeal: Type.Optional(ID) },
          { additionalProperties: false },
        ),
      },
      onRequest: take(1),
    },
    async (request, reply) => {
      const { name, appeal: id } = request.query;
      const language = languageOf(request);
      if (id !== undefined) return sendState(reply, language, await store.appeals.find(id));
      if (name === undefined) return sendDesk(reply, { status: 200, language });
      return sendCheck(reply, language, 200, await check(name));
    },
  );
  app.post(
    PATH,
    {
      ...shared,
      schema: { ...schema, description: 'The form of the page.', body: AppealSchema },
      onRequest: take(APPEAL_COST),
    },
    async (request, reply) => {
      const { found, made } = await appeal(request.body);
      if (made === null) return sendCheck(reply, languageOf(request), 409, found);
      return reply.redirect(`?appeal=${made.id}`, 303);
    },
  );
}

function sendCheck(
  reply: FastifyReply,
  language: Language,
  status: number,
  found: Check,
): FastifyReply {
  const messages = DESK_MESSAGES[language];
  const { id = '', title = '' } = found.category ?? {};
  const category = categoryTitle(id, title, language);
  const sentence = fillMessage(messages[kindOf(found)], { name: found.name, category });
  return sendDesk(reply, {
    status,
    language,
    sentences: [sentence],
    name: found.name,
    hasAppealForm: found.canAppeal,
  });
}

function kindOf({ isBlocked, verdictClass, category, canAppeal }: Check): keyof DeskMessages {
  if (!isBlocked) return 'open';
  if (verdictClass === 'law') return 'law';
  if (category === null) return 'plan';
  return canAppeal ? 'list' : 'service';
}

function sendState(
  reply: FastifyReply,
  language: Language,
  appeal: StoredAppeal | null,
): FastifyReply {
  const messages = DESK_MESSAGES[language];
  if (appeal === null)
    return sendDesk(reply, { status: 404, language, sentences: [messages.gone] });
  const { name, state, answer } = appeal;
  const sentence = fillMessage(messages[state === 'open' ? 'waiting' : state], { name });
  const sentences = answer === null ? [sentence] : [sentence, answer];
  return sendDesk(reply, { status: 200, language, sentences });
}

function sendDesk(
  reply: FastifyReply,
  { status, language, sentences = [], name = '', hasAppealForm = false }: Shown,
): FastifyReply {
  const messages = DESK_MESSAGES[language];
  const appealForm = [
    '<form method="post">',
    `<p>${escapeHtml(messages.appealAsk)}</p>`,
    `<input type="hidden" name="name" value="${escapeHtml(name)}">`,
    `<p><label>${escapeHtml(messages.message)}<br><textarea name="message" rows="4" maxlength="500"></textarea></label></p>`,
    `<p><label>${escapeHtml(messages.contact)}<br><input name="contact" maxlength="200" autocomplete="email"></label></p>`,
    `<button>${escapeHtml(messages.appeal)}</button>`,
    '</form>',
  ];
  return sendPage(reply, {
    status,
    language,
    title: messages.title,
    body: [
      `<h1>${escapeHtml(messages.title)}</h1>`,
      ...sentences.map((sentence) => `<p dir="auto">${escapeHtml(sentence)}</p>`),
      ...(hasAppealForm ? appealForm : []),
      '<form method="get">',
      `<p><label>${escapeHtml(messages.name)}<br><input name="name" value="${escapeHtml(name)}" maxlength="253" required autocapitalize="none" spellcheck="false"></label></p>`,
      `<button>${escapeHtml(messages.check)}</button>`,
      '</form>',
    ],
  });
}

function sendRefusal(error: Error, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const language = languageOf(request);
  const messages = DESK_MESSAGES[language];
  const refuse = (status: number, sentence: string): FastifyReply =>
    sendDesk(reply, { status, language, sentences: [sentence] });
  if (error instanceof RequestInvalid) return refuse(400, messages.invalid);
  const code = error instanceof AppError ? error.code : 'UNEXPECTED';
  if (code === 'EXPLAIN_INVALID') return refuse(400, messages.invalid);
  if (code === 'DESK_LIMITED') return refuse(429, messages.tooMany);
  if (code === 'DESK_FULL') return refuse(429, messages.full);
  if (code === 'DESK_UNAVAILABLE' || code === 'NOT_READY') return refuse(503, messages.unavailable);
  return sendError(error, request, reply);
}
