/**
 * The address of a list, checked before anything is asked: for the one that an editor wrote and for
 * each one that a server sends us on to.
 */

import { parseIpAddress } from '../../lib/ip-address.ts';
import { AppError } from '../../lib/errors.ts';

const URL_LENGTH_MAX = 2_048;

export interface UrlRules {
  /** False: only https. */
  readonly isHttpAllowed: boolean;
  /** True: addresses in place of names too, and private ones. */
  readonly isPrivateAllowed: boolean;
}

/** Who sends us on. */
export interface UrlOrigin {
  /** What a relative address is relative to. */
  readonly url: URL;
  /** For the beginning of a fault. */
  readonly words: string;
}

/**
 * @param text such as `https://lists.example.org/ads.txt`
 * @throws AppError `LIST_URL_REFUSED`
 */
export function parseListUrl(text: string, rules: UrlRules, origin?: UrlOrigin): URL {
  const refused = (shown: string, why: string): AppError =>
    new AppError('LIST_URL_REFUSED', `${origin?.words ?? 'Fetching a list'}: ${shown} ${why}`);
  if (text.length > URL_LENGTH_MAX) throw refused('it', `is longer than ${URL_LENGTH_MAX}`);
  // A broken one is not quoted: who can say which part of it is the secret one.
  if (!URL.canParse(text, origin?.url.href)) throw refused('it', 'is no valid address');
  const url = new URL(text, origin?.url);
  url.hash = '';
  const shown = describeUrl(url);
  if (url.protocol === 'http:' && !rules.isHttpAllowed) {
    throw refused(shown, 'is not encrypted; valid: https://, or allowHttp: true for this list');
  }
  if (url.protocol !== 'https:' && url.protocol !== 'http:') {
    throw refused(shown, `is ${url.protocol}; valid: https://`);
  }
  if (url.username !== '' || url.password !== '') {
    throw refused(shown, 'carries a user name or a password, which everybody would see');
  }
  if (!rules.isPrivateAllowed && isLiteral(url)) {
    throw refused(shown, 'names an address; valid: a host name, or lists.allowPrivate');
  }
  return url;
}

/**
 * For logs and people: the query is left out, since keys of customers stand there. Control characters
 * and the like are percent-encoded in a parsed address.
 */
export function describeUrl(url: URL): string {
  return `${url.protocol}//${url.host}${url.pathname}`;
}

/** The same for a text that may be no address at all. */
export function describeUrlText(text: string): string {
  return URL.canParse(text) ? describeUrl(new URL(text)) : 'an address that is not valid';
}

/** In whatever form it was written: `0x7f.1`, `017700000001` and `2130706433` are 127.0.0.1 once parsed. */
export function isLiteral(url: URL): boolean {
  return parseIpAddress(bareHost(url)) !== null;
}

/** The host without the brackets of IPv6 and without the root's dot. */
export function bareHost(url: URL): string {
  return url.hostname.replace(/^\[(.*)\]$/, '$1').replace(/\.$/, '');
}
