/**
 * The pages that people open in a browser: no script, no foreign resource, nothing to be cached; what others
 * wrote is text and stays text. The page behind a one-tap link: one sentence, what the child wrote, at most
 * one button.
 *
 * The button sends a form by POST to the very address of the page: programs that look at links before
 * people do (previews in messengers, scanners of mail) fetch the page and thereby answer nothing.
 */

import { createHash } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type Language, LANGUAGES } from '../lib/messages.ts';
import { DEFAULT_LANGUAGE } from '../store/canonical-household.ts';

export interface AnswerPage {
  readonly status: number;
  readonly language: Language;
  readonly sentence: string;
  /** What the child wrote. */
  readonly message?: string;
  /** The words on the button; left out where there is nothing to press. */
  readonly button?: string;
}

const STYLE =
  'body{font:1.1rem/1.5 system-ui,sans-serif;max-width:30rem;margin:3rem auto;padding:0 1rem}' +
  'blockquote{margin:1rem 0;padding-left:1rem;border-left:.25rem solid #888;white-space:pre-wrap;overflow-wrap:anywhere}' +
  'h1{font-size:1.4rem}p{overflow-wrap:anywhere}' +
  'input,textarea{font:inherit;width:100%;box-sizing:border-box}' +
  'button{font:inherit;padding:.75rem 1.5rem}';

const STYLE_SHA256 = createHash('sha256').update(STYLE).digest('base64');

const POLICY = [
  "default-src 'none'",
  `style-src 'sha256-${STYLE_SHA256}'`,
  "form-action 'self'",
  "frame-ancestors 'none'",
  "base-uri 'none'",
].join('; ');

export interface Page {
  readonly status: number;
  readonly language: Language;
  readonly title: string;
  /** Lines of HTML. */
  readonly body: readonly string[];
}

export function sendAnswerPage(reply: FastifyReply, page: AnswerPage): FastifyReply {
  const { status, language, sentence } = page;
  return sendPage(reply, { status, language, title: sentence, body: bodyOf(page) });
}

export function sendPage(reply: FastifyReply, page: Page): FastifyReply {
  return reply
    .code(page.status)
    .header('content-type', 'text/html; charset=utf-8')
    .header('content-security-policy', POLICY)
    .header('cache-control', 'no-store')
    .header('referrer-policy', 'no-referrer')
    .header('x-robots-tag', 'noindex, nofollow')
    .serializer((html: string) => html)
    .send(htmlOf(page));
}

/** Whose household it is, a wrong link does not say; the browser says what its user reads. */
export function languageOf({ headers }: FastifyRequest): Language {
  const wanted = (headers['accept-language'] ?? '').slice(0, 200).toLowerCase();
  const first = wanted.split(',').map((part) => part.trim().slice(0, 2));
  return LANGUAGES.find((language) => first[0] === language) ?? DEFAULT_LANGUAGE;
}

function bodyOf({ sentence, message, button }: AnswerPage): string[] {
  return [
    `<p>${escapeHtml(sentence)}</p>`,
    ...(message === undefined || message === ''
      ? []
      : [`<blockquote dir="auto">${escapeHtml(message)}</blockquote>`]),
    ...(button === undefined
      ? []
      : [`<form method="post"><button>${escapeHtml(button)}</button></form>`]),
  ];
}

function htmlOf({ language, title, body }: Page): string {
  return [
    '<!doctype html>',
    `<html lang="${language}">`,
    '<head>',
    '<meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width">',
    `<title>${escapeHtml(title)}</title>`,
    `<style>${STYLE}</style>`,
    '</head>',
    '<body>',
    ...body,
    '</body>',
    '</html>',
    '',
  ].join('\n');
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Characters that nobody sees were refused when the text was written (`store/human-text`). */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (char) => ENTITIES[char] ?? '');
}
