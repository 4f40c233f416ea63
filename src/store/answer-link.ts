/**
 * Links with which a parent answers a request by one tap: the answer stands in the link and is signed.
 * Whoever has the link has that answer and no other right; the request takes one answer, so a link works
 * once, and it ends by itself.
 *
 *     request . answer . minutes . expiry second . HMAC-SHA256 of all before, base64url
 *
 * The key is `DATA_DIR/answer-link.key`, 64 hexadecimal digits, mode 0600, drawn when it is first needed.
 */

import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { AppError, messageOf } from '../lib/errors.ts';
import { writeFileDurably } from './data-folder.ts';
import { type AnswerDocument, REQUEST_ANSWERS } from './requests.ts';

const FILE_NAME = 'answer-link.key';
const FILE_MODE = 0o600;
const KEY_BYTES = 32;
export const LINK_LIFE_SECONDS = 86_400;

export interface LinkedAnswer {
  readonly request: string;
  readonly answer: AnswerDocument;
}

export class AnswerLinks {
  readonly #key: Uint8Array;

  /** @param key at least 32 octets that nobody else knows */
  constructor(key: Uint8Array) {
    this.#key = key;
  }

  /** @throws AppError `LINK_KEY_UNREADABLE`; a lost key only makes the links given out so far void */
  static load(dataDir: string): AnswerLinks {
    return new AnswerLinks(loadKey(join(dataDir, FILE_NAME)));
  }

  /** @param minutes of an approval for a time */
  sign(
    request: string,
    answer: AnswerDocument['answer'],
    minutes: number,
    nowSeconds: number,
    lifeSeconds = LINK_LIFE_SECONDS,
  ): string {
    const text = `${request}.${answer}.${minutes}.${nowSeconds + lifeSeconds}`;
    return `${text}.${this.#macOf(text).toString('base64url')}`;
  }

  /** @throws AppError `LINK_INVALID`, `LINK_ENDED` */
  verify(token: string, nowSeconds: number): LinkedAnswer {
    const end = token.lastIndexOf('.');
    const text = token.slice(0, Math.max(end, 0));
    const given = Buffer.from(token.slice(end + 1), 'base64url');
    const mac = this.#macOf(text);
    if (given.length !== mac.length || !timingSafeEqual(given, mac)) throw invalid();
    const [request = '', word = '', minutesText = '', expiryText = ''] = text.split('.');
    const answer = REQUEST_ANSWERS.find((known) => known === word);
    if (answer === undefined) throw invalid();
    if (Number(expiryText) <= nowSeconds) {
      throw new AppError('LINK_ENDED', 'Answering by a link: it has ended; answer in the console');
    }
    const minutes = Number(minutesText);
    return { request, answer: answer === 'approve' ? { answer, minutes } : { answer } };
  }

  #macOf(text: string): Buffer {
    return createHmac('sha256', this.#key).update(text).digest();
  }
}

function invalid(): AppError {
  return new AppError('LINK_INVALID', 'Answering by a link: nobody here has signed it');
}

function loadKey(path: string): Uint8Array {
  let text;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return drawKey(path);
    const message = `Reading the key of links ${path}: ${messageOf(error)}`;
    throw new AppError('LINK_KEY_UNREADABLE', message, { cause: error });
  }
  if (/^[0-9a-f]{64}\n?$/.test(text)) return Buffer.from(text.trim(), 'hex');
  const message = `Reading the key of links ${path}: it must hold 64 hexadecimal digits; remove the file and a new one is drawn`;
  throw new AppError('LINK_KEY_UNREADABLE', message);
}

function drawKey(path: string): Uint8Array {
  const key = randomBytes(KEY_BYTES);
  writeFileDurably(path, `${key.toString('hex')}\n`, FILE_MODE);
  return key;
}
