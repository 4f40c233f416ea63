/** What `explain` is asked, understood, and what of the configuration it has to know. */

import { domainToASCII } from 'node:url';
import type { Config } from '../config/config.ts';
import { lowerCaseName, NAME_BYTES_MAX, writeName } from '../dns/name.ts';
import { parseRecordType } from '../dns/record-type.ts';
import { AppError } from '../lib/errors.ts';
import type { HashSeed } from '../lib/half-siphash.ts';
import { parseIpAddress, parseIpPrefix, prefixWordMask } from '../lib/ip-address.ts';
import type { AddressWords } from '../lib/ip-address.ts';
import { createLocalNames } from '../resolver/local-names.ts';
import type { LocalNames } from '../resolver/local-names.ts';
import type { ExplainQuestion } from './control-plane-contract.ts';

export interface ParsedQuestion {
  /** Lower-cased wire octets with the root. */
  readonly name: Uint8Array;
  readonly client: AddressWords;
  readonly type: number;
}

/** @throws AppError `EXPLAIN_INVALID` with every fault */
export function parseExplainQuestion(question: ExplainQuestion): ParsedQuestion {
  const name = wireName(question.name);
  const client = parseIpAddress(question.client);
  const type = parseRecordType(question.type);
  if (name !== null && client !== null && type >= 0) return { name, client, type };
  const faults = [
    name === null ? `name: "${question.name}"; valid: a domain name, such as www.example.org` : '',
    client === null ? `client: "${question.client}"; valid: an IPv4 or IPv6 address` : '',
    type < 0 ? `type: "${question.type}"; valid: a record type, such as A, HTTPS or TYPE65280` : '',
  ].filter((fault) => fault !== '');
  throw new AppError('EXPLAIN_INVALID', `Explaining: ${faults.join(' · ')}`, { faults });
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

function wireName(text: string): Uint8Array | null {
  const out = new Uint8Array(NAME_BYTES_MAX);
  // Lists and rules take names as people write them, so the question does too.
  const ascii = /^[\x00-\x7f]*$/.test(text) ? text : domainToASCII(text);
  const length = writeName(ascii, out);
  if (length === 0) return null;
  lowerCaseName(out, 0, length);
  return out.slice(0, length);
}
