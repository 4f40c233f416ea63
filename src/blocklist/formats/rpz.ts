/**
 * Response policy zones as files (draft-vixie-dnsop-dns-rpz), QNAME triggers only:
 *
 *     $ORIGIN rpz.example.
 *     bad.example           CNAME .               the name          (NXDOMAIN)
 *     *.bad.example         CNAME *.              below it          (NODATA)
 *     odd.example           CNAME rpz-drop.       the name
 *     good.bad.example      CNAME rpz-passthru.   exception for the name; `*.` for below it
 *
 * How the zone would answer is not kept: the plan says how a block looks. The longest name has the
 * last word; where one name is both blocked and passed, it is passed. Address and name server
 * triggers, `rpz-tcp-only.`, a name as its own target (long deprecated) and local data are refused as
 * unsupported (docs/rpz.md says why). What stands at the apex is of the zone and no rule.
 *
 * The reader knows the master file format (RFC 1035, section 5) as far as zones of this kind use it:
 * $ORIGIN, $TTL, relative and absolute names, `@`, repeated owners, TTL and class in either order,
 * comments, and a parenthesised SOA. Where such a record does not end as it should, it is refused by
 * the number of its first line, and each line after that up to the next that begins a record.
 */

import type { ListLine } from './lines.ts';
import { forEachLine, isSpace, reject, startsWith, textOf } from './lines.ts';
import type { FaultReason, ListContent, ListSink } from './list-format.ts';
import { COVER_BELOW, COVER_EXACT } from './list-format.ts';
import { emitEntry, emitException } from './list-name.ts';

const SEMICOLON = 0x3b;
const QUOTE = 0x22;
const OPEN = 0x28;
const CLOSE = 0x29;
const ASTERISK = 0x2a;
const DOT = 0x2e;
const DOLLAR = 0x24;
const BACKSLASH = 0x5c;

/** Lines of one record in parentheses; a signature has a few. */
const CONTINUATIONS_MAX = 32;
/** Tokens of a line that matter: owner, TTL, class, type, and the target. */
const TOKENS_MAX = 6;
/** Records that every zone has and that are no rules. */
const IGNORED_TYPES = [
  ...['soa', 'ns', 'rrsig', 'nsec', 'nsec3', 'nsec3param'],
  ...['dnskey', 'cds', 'cdnskey', 'zonemd'],
];
const OTHER_TRIGGERS = ['rpz-ip', 'rpz-client-ip', 'rpz-nsip', 'rpz-nsdname'];

interface Zone {
  /** The origin, lower-case and without the last dot; empty where it is unknown or the root. */
  origin: string;
  /** The name of the SOA record, else the origin; owners are triggers below it. */
  apex: string;
  isApexKnown: boolean;
  /** `.apex.`, as absolute owners end. */
  apexEnd: string;
  /** The trigger of the record at hand, kept for lines that repeat it: octets in `owner`. */
  owner: Uint8Array;
  ownerStart: number;
  ownerEnd: number;
  parentheses: number;
  /** Where the record in parentheses begins, and how many lines it has had since. */
  openNumber: number;
  openText: string;
  continuations: number;
  /** True after such a record that had no end: what follows may still be of it. */
  isLost: boolean;
  /** Borders of the tokens of the line at hand. */
  readonly starts: Int32Array;
  readonly ends: Int32Array;
  count: number;
}

export function parseRpz(content: ListContent, sink: ListSink): number {
  const zone: Zone = {
    origin: '',
    apex: '',
    isApexKnown: false,
    apexEnd: '',
    owner: new Uint8Array(0),
    ownerStart: 0,
    ownerEnd: 0,
    parentheses: 0,
    openNumber: 0,
    openText: '',
    continuations: 0,
    isLost: false,
    starts: new Int32Array(TOKENS_MAX),
    ends: new Int32Array(TOKENS_MAX),
    count: 0,
  };
  const keepOwner = (): void => {
    const { owner, ownerStart, ownerEnd } = zone;
    pointOwner(zone, owner.slice(ownerStart, ownerEnd), 0, ownerEnd - ownerStart);
  };
  const parse = (line: ListLine, into: ListSink): void => {
    parseLine(zone, line, into);
  };
  // The parenthesis may have been closed on the line that nobody read.
  const loseOpen = (): void => {
    if (zone.parentheses > 0) refuseOpen(zone, sink);
  };
  const lineCount = forEachLine(content, sink, parse, keepOwner, loseOpen);
  loseOpen();
  return lineCount;
}

function parseLine(zone: Zone, line: ListLine, sink: ListSink): void {
  const isContinuation = zone.parentheses > 0;
  splitTokens(zone, line);
  if (isContinuation) {
    zone.continuations++;
    if (zone.parentheses > 0 && zone.continuations >= CONTINUATIONS_MAX) refuseOpen(zone, sink);
    return;
  }
  if (zone.parentheses > 0) {
    zone.openNumber = line.number;
    zone.openText = textOf(line.content, line.start, line.end);
    zone.continuations = 0;
  }
  if (zone.count === 0) return;
  if (zone.isLost && !isBeginning(zone, line)) {
    zone.parentheses = 0;
    reject(line, sink, 'bad-syntax');
    return;
  }
  zone.isLost = false;
  if (line.content[line.start] === DOLLAR) parseDirective(zone, line, sink);
  else parseRecord(zone, line, sink);
}

function refuseOpen(zone: Zone, sink: ListSink): void {
  sink.reject(zone.openNumber, 'bad-syntax', zone.openText);
  zone.parentheses = 0;
  zone.isLost = true;
}

/** A directive, or an owner with more behind it than numbers, as the lines of an SOA have. */
function isBeginning(zone: Zone, line: ListLine): boolean {
  if (isIndented(line)) return false;
  if (line.content[line.start] === DOLLAR) return true;
  let index = 1;
  while (index < zone.count && isTtlOrClass(zone, line, index)) index++;
  return index < zone.count;
}

function isIndented(line: ListLine): boolean {
  return line.start > 0 && isSpace(line.content[line.start - 1]!);
}

function parseDirective(zone: Zone, line: ListLine, sink: ListSink): void {
  if (isToken(zone, line, 0, '$origin') && zone.count > 1) {
    zone.origin = absolute(zone, tokenText(zone, line, 1));
    if (!zone.isApexKnown) setApex(zone, zone.origin);
  } else if (!isToken(zone, line, 0, '$ttl')) {
    reject(line, sink, 'unsupported-directive');
  }
}

function parseRecord(zone: Zone, line: ListLine, sink: ListSink): void {
  const isOwnerRepeated = isIndented(line);
  let index = isOwnerRepeated ? 0 : 1;
  while (index < zone.count && isTtlOrClass(zone, line, index)) index++;
  if (isToken(zone, line, index, 'soa')) {
    zone.isApexKnown = true;
    setApex(zone, isOwnerRepeated ? zone.origin : absolute(zone, tokenText(zone, line, 0)));
  }
  if (!isOwnerRepeated) setOwner(zone, line);
  if (IGNORED_TYPES.some((type) => isToken(zone, line, index, type))) return;
  if (isOfApex(zone) && !isToken(zone, line, index, 'cname')) return;
  const fault = findFault(zone, line, index);
  if (fault !== null) reject(line, sink, fault);
  else emitTrigger(zone, line, sink, isToken(zone, line, index + 1, 'rpz-passthru.'));
}

/** Of the apex of a zone whose name is known; without one, an empty owner is a fault of the file. */
function isOfApex({ ownerStart, ownerEnd, isApexKnown, apex }: Zone): boolean {
  return ownerStart === ownerEnd && (isApexKnown || apex !== '');
}

/** @param index of the type's token; the target is the next */
function findFault(zone: Zone, line: ListLine, index: number): FaultReason | null {
  if (index + 1 >= zone.count || zone.ownerStart === zone.ownerEnd) return 'bad-syntax';
  if (hasOtherTrigger(zone)) return 'unsupported-trigger';
  if (!isToken(zone, line, index, 'cname')) return 'unsupported-action';
  const isKnown =
    isToken(zone, line, index + 1, '.') ||
    isToken(zone, line, index + 1, '*.') ||
    isToken(zone, line, index + 1, 'rpz-drop.') ||
    isToken(zone, line, index + 1, 'rpz-passthru.');
  return isKnown ? null : 'unsupported-action';
}

function hasOtherTrigger(zone: Zone): boolean {
  let label = zone.ownerEnd;
  while (label > zone.ownerStart && zone.owner[label - 1] !== DOT) label--;
  // All of them begin with `rpz-`; hardly any top-level domain does.
  if (!startsWith(zone.owner, label, zone.ownerEnd, 'rpz-')) return false;
  return OTHER_TRIGGERS.some(
    (trigger) =>
      zone.ownerEnd - label === trigger.length &&
      startsWith(zone.owner, label, zone.ownerEnd, trigger),
  );
}

function emitTrigger(zone: Zone, line: ListLine, sink: ListSink, isException: boolean): void {
  const { owner, ownerStart, ownerEnd } = zone;
  const from = owner === line.content ? line : { ...line, content: owner };
  const isBelow = owner[ownerStart] === ASTERISK && owner[ownerStart + 1] === DOT;
  const start = ownerStart + (isBelow ? 2 : 0);
  const coverage = isBelow ? COVER_BELOW : COVER_EXACT;
  if (isException) emitException(from, sink, start, ownerEnd, coverage);
  else emitEntry(from, sink, start, ownerEnd, coverage);
}

function setApex(zone: Zone, apex: string): void {
  zone.apex = apex;
  zone.apexEnd = apex === '' ? '.' : `.${apex}.`;
}

/** Takes the first token as trigger, relative to the apex; empty for the apex itself. */
function setOwner(zone: Zone, line: ListLine): void {
  const start = zone.starts[0]!;
  const end = zone.ends[0]!;
  const isAbsolute = line.content[end - 1] === DOT;
  const isAt = isToken(zone, line, 0, '@');
  const cut = isAbsolute ? end - zone.apexEnd.length : end;
  if (isAbsolute && cut > start && startsWith(line.content, cut, end, zone.apexEnd)) {
    pointOwner(zone, line.content, start, cut);
  } else if (!isAbsolute && !isAt && (zone.origin === zone.apex || zone.origin === '')) {
    pointOwner(zone, line.content, start, end);
  } else {
    composeOwner(zone, absolute(zone, tokenText(zone, line, 0)));
  }
}

/** The uncommon owners: the apex itself, names under another origin, names outside the zone. */
function composeOwner(zone: Zone, full: string): void {
  const isBelowApex = zone.apex !== '' && full.endsWith(`.${zone.apex}`);
  const trigger = isBelowApex ? full.slice(0, -zone.apex.length - 1) : full;
  const octets = new TextEncoder().encode(full === zone.apex ? '' : trigger);
  pointOwner(zone, octets, 0, octets.length);
}

function pointOwner(zone: Zone, octets: Uint8Array, start: number, end: number): void {
  zone.owner = octets;
  zone.ownerStart = start;
  zone.ownerEnd = end;
}

/** A lower-cased name with the origin added where it is relative; without trailing dot. */
function absolute(zone: Zone, name: string): string {
  if (name === '@') return zone.origin;
  if (name.endsWith('.')) return name.slice(0, -1);
  return zone.origin === '' ? name : `${name}.${zone.origin}`;
}

/** Finds the tokens of the line up to a comment; parentheses only count lines together. */
function splitTokens(zone: Zone, line: ListLine): void {
  const { content, end } = line;
  zone.count = 0;
  for (let at = line.start; at < end;) {
    const octet = content[at]!;
    if (octet === SEMICOLON) return;
    if (octet === OPEN) zone.parentheses++;
    if (octet === CLOSE && zone.parentheses > 0) zone.parentheses--;
    if (isSpace(octet) || octet === OPEN || octet === CLOSE) {
      at++;
      continue;
    }
    const tokenEnd = octet === QUOTE ? endOfQuoted(content, at, end) : endOfToken(content, at, end);
    if (zone.count < TOKENS_MAX) {
      zone.starts[zone.count] = at;
      zone.ends[zone.count++] = tokenEnd;
    }
    at = tokenEnd;
  }
}

/** What a backslash escapes ends nothing (RFC 1035, section 5.1). */
function endOfToken(content: Uint8Array, at: number, end: number): number {
  while (at < end) {
    const octet = content[at]!;
    if (isSpace(octet) || octet === SEMICOLON || octet === OPEN || octet === CLOSE) break;
    at += octet === BACKSLASH ? 2 : 1;
  }
  return Math.min(at, end);
}

function endOfQuoted(content: Uint8Array, at: number, end: number): number {
  let index = at + 1;
  while (index < end && content[index] !== QUOTE) index += content[index] === BACKSLASH ? 2 : 1;
  return Math.min(index + 1, end);
}

/** `300`, `1h`, `IN`. */
function isTtlOrClass(zone: Zone, line: ListLine, index: number): boolean {
  const first = line.content[zone.starts[index]!]!;
  return (first >= 0x30 && first <= 0x39) || isToken(zone, line, index, 'in');
}

function isToken(zone: Zone, line: ListLine, index: number, text: string): boolean {
  if (index >= zone.count) return false;
  const start = zone.starts[index]!;
  const end = zone.ends[index]!;
  return end - start === text.length && startsWith(line.content, start, end, text);
}

function tokenText(zone: Zone, line: ListLine, index: number): string {
  return decode(line.content, zone.starts[index]!, zone.ends[index]!);
}

function decode(octets: Uint8Array, start: number, end: number): string {
  return new TextDecoder().decode(octets.slice(start, end)).toLowerCase();
}
