/**
 * Lists in their one canonical form. A list has exactly one source: an uploaded content, an address,
 * a file of the server, a zone transfer, or entries of its own. Where it is not an upload, the
 * document says where the content comes from and never what it is.
 */

import type { ListFormatName } from '../blocklist/formats/list-format.ts';
import { formatEndpoint, parseEndpoint } from '../lib/endpoint.ts';
import { quote } from '../lib/quote.ts';
import { canonicalNames } from './canonical-settings.ts';
import type { ListDocument } from './document.ts';
import { canonicalName } from './rule-name.ts';

export interface ListGateRecord {
  readonly shrinkPercentMax?: number;
  readonly growthPercentMax?: number;
  readonly badPercentMax?: number;
  readonly urgent?: true;
}

export interface ListTransferRecord {
  readonly zone: string;
  /** Each with its port. */
  readonly primaries: readonly string[];
  readonly tsigKey?: string;
}

/** Who stand behind a version. */
export type PeopleCount = 1 | 2;

/** What a list keeps as JSON. */
export interface ListSettings {
  readonly url?: string;
  readonly mirrors?: readonly string[];
  readonly allowHttp?: true;
  readonly updateSeconds?: number;
  readonly file?: string;
  readonly transfer?: ListTransferRecord;
  readonly own?: true;
  readonly sealed?: true;
  readonly gate?: ListGateRecord;
  readonly versionsKept?: number;
  readonly approvals?: 2;
  readonly except?: readonly string[];
}

export interface ListRecord extends ListSettings {
  readonly id: string;
  readonly category: string;
  /** Only where the document named it. */
  readonly format?: ListFormatName;
  readonly subdomains?: boolean;
  /** Of an uploaded list. */
  readonly contentSha256?: string;
  readonly origin?: string;
}

/** What decides beside its content which names a list blocks, and as what (`list-scope`). */
export interface ListScope {
  readonly category: string;
  /** Null = as the format does. */
  readonly subdomains: boolean | null;
  /** Sorted, as `canonicalNames` leaves them. */
  readonly except: readonly string[];
}

/** In the order in which a record has them. */
const SETTINGS = [
  'url',
  'mirrors',
  'allowHttp',
  'updateSeconds',
  'file',
  'transfer',
  'own',
  'sealed',
  'gate',
  'versionsKept',
  'approvals',
  'except',
] as const satisfies readonly (keyof ListSettings)[];

const LIST_SOURCES = ['contentSha256', 'url', 'file', 'transfer', 'own'] as const;
export type ListSourceKind = (typeof LIST_SOURCES)[number];

export const VERSIONS_KEPT = 5;
const DNS_PORT = 53;
const SOURCE_WORDS = 'path, contentSha256, url, file, transfer or own';

/** A list that neither fetches nor has entries gets its content by upload. */
export function sourceOf(record: ListSettings): ListSourceKind {
  return LIST_SOURCES.find((kind) => kind in record) ?? 'contentSha256';
}

/** Whether it is to be in force without delay; what is sealed is mandatory. */
export function isUrgentList({ gate, sealed }: ListSettings): boolean {
  return gate?.urgent === true || sealed === true;
}

/** The part of a record that is kept as JSON. */
export function settingsOf(record: ListRecord): ListSettings {
  return Object.fromEntries(
    SETTINGS.filter((key) => key in record).map((key) => [key, record[key]]),
  );
}

export function canonicalList(document: ListDocument, path: string, faults: string[]): ListRecord {
  checkSources(document, path, faults);
  checkCompanions(document, path, faults);
  const { id, category, format, subdomains, contentSha256, origin } = document;
  return {
    id,
    category,
    ...(format === undefined ? {} : { format }),
    ...(subdomains === undefined ? {} : { subdomains }),
    ...(contentSha256 === undefined ? {} : { contentSha256 }),
    ...(origin ? { origin } : {}),
    ...canonicalSettings(document, path, faults),
  };
}

function canonicalSettings(document: ListDocument, path: string, faults: string[]): ListSettings {
  const { url, mirrors = [], updateSeconds, file, transfer, gate, versionsKept } = document;
  const isHttpAllowed = document.allowHttp === true;
  const addressOf = (text: string, field: string): string =>
    canonicalAddress(text, isHttpAllowed, `${path}.${field}`, faults);
  const limits = canonicalGate(gate ?? {});
  const except = canonicalNames(document.except ?? [], `${path}.except`, faults);
  if (file !== undefined && !file.startsWith('/')) {
    faults.push(`${path}.file: ${quote(file)} is not valid; valid: an absolute path of the server`);
  }
  return {
    ...(url === undefined ? {} : { url: addressOf(url, 'url') }),
    ...(mirrors.length === 0
      ? {}
      : { mirrors: mirrors.map((text, index) => addressOf(text, `mirrors[${index}]`)) }),
    ...(isHttpAllowed ? { allowHttp: true } : {}),
    ...(updateSeconds === undefined ? {} : { updateSeconds }),
    ...(file === undefined ? {} : { file }),
    ...(transfer === undefined ? {} : { transfer: canonicalTransfer(transfer, path, faults) }),
    ...(document.own === true ? { own: true } : {}),
    ...(document.sealed === true ? { sealed: true } : {}),
    ...(Object.keys(limits).length === 0 ? {} : { gate: limits }),
    ...(versionsKept === undefined || versionsKept === VERSIONS_KEPT ? {} : { versionsKept }),
    ...(document.approvals === 2 ? { approvals: 2 } : {}),
    ...(except.length === 0 ? {} : { except }),
  };
}

/** `path` is no source of the server: `apply` uploads what it names. */
function checkSources(document: ListDocument, path: string, faults: string[]): void {
  const named = LIST_SOURCES.filter((kind) =>
    kind === 'own' ? document.own === true : document[kind] !== undefined,
  );
  if (document.path !== undefined) {
    faults.push(
      `${path}.path: ${quote(document.path)} is read by "stairgate apply" only; valid here: contentSha256 of an uploaded content`,
    );
  } else if (named.length === 0) {
    faults.push(`${path}: the source is missing; valid: one of ${SOURCE_WORDS}`);
  } else if (named.length > 1) {
    faults.push(
      `${path}: ${named.join(' and ')} are ${named.length} sources; valid: one of ${SOURCE_WORDS}`,
    );
  }
}

/** What has no effect beside the source would only seem to have one. */
function checkCompanions(document: ListDocument, path: string, faults: string[]): void {
  const { url, own, transfer, format, sealed } = document;
  for (const field of ['mirrors', 'allowHttp', 'updateSeconds'] as const) {
    if (document[field] === undefined || url !== undefined) continue;
    faults.push(`${path}.${field}: it goes with url only`);
  }
  if (own === true && format !== undefined && format !== 'domains') {
    faults.push(`${path}.format: a list with own entries is domains, not ${quote(format)}`);
  }
  if (transfer !== undefined && format !== undefined && format !== 'rpz') {
    faults.push(`${path}.format: a zone transfer is rpz, not ${quote(format)}`);
  }
  for (const field of ['format', 'subdomains', 'except'] as const) {
    if (sealed !== true || document[field] === undefined) continue;
    faults.push(`${path}.${field}: a sealed list holds no names that it could be about`);
  }
  if (sealed === true && (own === true || transfer !== undefined)) {
    faults.push(`${path}.sealed: a sealed list is a file; valid: with path, url or file`);
  }
}

function canonicalGate(gate: NonNullable<ListDocument['gate']>): ListGateRecord {
  const { shrinkPercentMax, growthPercentMax, badPercentMax, urgent } = gate;
  return {
    ...(shrinkPercentMax === undefined ? {} : { shrinkPercentMax }),
    ...(growthPercentMax === undefined ? {} : { growthPercentMax }),
    ...(badPercentMax === undefined ? {} : { badPercentMax }),
    ...(urgent === true ? { urgent: true } : {}),
  };
}

/** A password would stand in every export and in the audit log. */
function canonicalAddress(
  text: string,
  isHttpAllowed: boolean,
  path: string,
  faults: string[],
): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url?.protocol === 'http:' && !isHttpAllowed) {
    faults.push(
      `${path}: ${quote(text)} is not encrypted, so anybody on the way can change it; valid: https://, or allowHttp: true`,
    );
  } else if (url === null || !['https:', 'http:'].includes(url.protocol)) {
    faults.push(`${path}: ${quote(text)} is not valid; valid: an https:// address`);
  } else if (url.username !== '' || url.password !== '') {
    faults.push(`${path}: it holds a password, which an export would show; valid: one without`);
  } else if (url.hash !== '') {
    faults.push(`${path}: ${quote(text)} has a part after #, which no server sees; leave it out`);
  }
  return url?.href ?? text;
}

function canonicalTransfer(
  transfer: NonNullable<ListDocument['transfer']>,
  path: string,
  faults: string[],
): ListTransferRecord {
  const zone = canonicalName(transfer.zone);
  if (zone === null) {
    faults.push(`${path}.transfer.zone: ${quote(transfer.zone)} is not valid; valid: a name`);
  }
  const primaries = transfer.primaries.map((text, index) => {
    const endpoint = parseEndpoint(text, DNS_PORT);
    if (endpoint !== null && endpoint.port > 0) return formatEndpoint(endpoint);
    faults.push(
      `${path}.transfer.primaries[${index}]: ${quote(text)} is not valid; valid: such as 192.0.2.1 or [2001:db8::1]:5353`,
    );
    return text;
  });
  const { tsigKey } = transfer;
  return {
    zone: zone ?? transfer.zone,
    primaries,
    ...(tsigKey === undefined ? {} : { tsigKey }),
  };
}
