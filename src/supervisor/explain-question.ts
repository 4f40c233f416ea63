/** What `explain` is asked, understood, and what of the configuration it has to know. */

import { domainToASCII } from 'node:url';
import type { Config } from '../config/config.ts';
import { lowerCaseName, NAME_BYTES_MAX, writeName } from '../dns/name.ts';
import { parseRecordType } from '../dns/record-type.ts';
import { DATE_LENGTH, parseDate } from '../lib/calendar.ts';
import { AppError } from '../lib/errors.ts';
import type { HashSeed } from '../lib/half-siphash.ts';
import { parseIpAddress, parseIpPrefix, prefixWordMask } from '../lib/ip-address.ts';
import type { AddressWords } from '../lib/ip-address.ts';
import { createLocalNames } from '../resolver/local-names.ts';
import type { LocalNames } from '../resolver/local-names.ts';
import { canonicalMac } from '../store/canonical-household.ts';
import { deviceToKey } from '../store/device-key.ts';
import type { ExplainQuestion } from './control-plane-contract.ts';

export interface ParsedQuestion {
  /** Lower-cased wire octets with the root. */
  readonly name: Uint8Array;
  readonly type: number;
  /** Null where the question names a subscriber. */
  readonly client: AddressWords | null;
  /** Six octets. */
  readonly mac: Uint8Array | null;
  /** Seconds since the Unix epoch; null = now. */
  readonly atSecond: number | null;
}

/** Years in which every zone is known. */
const AT_MIN = Date.UTC(2000, 0, 1);
const AT_MAX = Date.UTC(2100, 0, 1);

/** @throws AppError `EXPLAIN_INVALID` with every fault */
export function parseExplainQuestion(question: ExplainQuestion): ParsedQuestion {
  const name = wireName(question.name);
  const type = parseRecordType(question.type);
  const client = question.client === null ? null : parseIpAddress(question.client);
  const mac = question.mac === null ? null : macOctets(question.mac);
  const atMs = question.at === null ? null : parseTime(question.at);
  const faults = [
    name === null ? `name: "${question.name}"; valid: a domain name, such as www.example.org` : '',
    type < 0 ? `type: "${question.type}"; valid: a record type, such as A, HTTPS or TYPE65280` : '',
    question.client !== null && client === null
      ? `client: "${question.client}"; valid: an IPv4 or IPv6 address`
      : '',
    (question.client === null) === (question.subscriber === null)
      ? 'client, subscriber: one of the two says who asks'
      : '',
    question.profile !== null && question.subscriber === null
      ? `profile: "${question.profile}" needs its subscriber`
      : '',
    question.mac !== null && mac === null
      ? `mac: "${question.mac}"; valid: such as 02:00:5e:10:00:01`
      : '',
    Number.isNaN(atMs)
      ? `at: "${question.at ?? ''}"; valid: a time of the years 2000 to 2099, such as 2026-11-22T21:00:00+03:00`
      : '',
  ].filter((fault) => fault !== '');
  if (faults.length > 0 || name === null) {
    throw new AppError('EXPLAIN_INVALID', `Explaining: ${faults.join(' · ')}`, { faults });
  }
  return { name, type, client, mac, atSecond: atMs === null ? null : Math.floor(atMs / 1000) };
}

function macOctets(text: string): Uint8Array | null {
  const mac = canonicalMac(text);
  return mac === null ? null : deviceToKey({ mac }).key;
}

/** With its offset from UTC, so that nobody's zone has to be guessed; NaN where it is none. */
export function parseTime(text: string): number {
  if (!/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2})?(Z|[+-]\d{2}:\d{2})$/.test(text)) return Number.NaN;
  // Engines call 30 February 2 March.
  if (parseDate(text.slice(0, DATE_LENGTH)) === null) return Number.NaN;
  const ms = Date.parse(text);
  return ms >= AT_MIN && ms < AT_MAX ? ms : Number.NaN;
}

/** True where the `access` prefixes of the configuration hold the client. */
export function isKnownClient(client: AddressWords, config: Config): boolean {
  return config.access.prefixes.some((text) => {
    const prefix = parseIpPrefix(text);
    return (
      prefix?.words.every(
        (network, word) =>
          ((client[word] ?? 0) & prefixWordMask(prefix.length, word)) >>> 0 === network,
      ) ?? false
    );
  });
}

/** The names that the server answers or routes by itself; the data of records is left out. */
export function localNamesOf(config: Config, seed: HashSeed): LocalNames {
  const nameOf = (text: string): Uint8Array => wireName(text) ?? Uint8Array.of(0);
  return createLocalNames(
    seed,
    config.zones.map(({ name }, index) => ({ name: nameOf(name), group: index + 1 })),
    config.records.map(({ name, type, ttlSeconds }) => ({
      name: nameOf(name),
      type: parseRecordType(type),
      ttlSeconds,
      rdata: new Uint8Array(0),
    })),
  );
}

/** Lower-cased wire octets with the root; null where it is no name. */
export function wireName(text: string): Uint8Array | null {
  const out = new Uint8Array(NAME_BYTES_MAX);
  // Lists and rules take names as people write them, so the question does too.
  const ascii = /^[\x00-\x7f]*$/.test(text) ? text : domainToASCII(text);
  const length = writeName(ascii, out);
  if (length === 0) return null;
  lowerCaseName(out, 0, length);
  return out.slice(0, length);
}
