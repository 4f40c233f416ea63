/**
 * Hosts files: an address and the names it is given to, `0.0.0.0 a.example b.example # comment`.
 * Each covers the name only. Any address will do, since a list of this kind says with every one that
 * the name shall not reach its own. Names that hosts files hold for the machine itself are ignored.
 */

import type { ListLine } from './lines.ts';
import { findOctet, findSpace, forEachLine, reject, skipSpace, trimSpace } from './lines.ts';
import type { ListContent, ListSink } from './list-format.ts';
import { COVER_EXACT } from './list-format.ts';
import { emitEntry } from './list-name.ts';

const HASH = 0x23;
const BANG = 0x21;

const OWN_NAMES = [
  'localhost',
  'localhost.localdomain',
  'localhost4',
  'localhost6',
  'local',
  'broadcasthost',
  'ip6-localhost',
  'ip6-loopback',
  'ip6-localnet',
  'ip6-mcastprefix',
  'ip6-allnodes',
  'ip6-allrouters',
  'ip6-allhosts',
  '0.0.0.0',
].map((name) => new TextEncoder().encode(name));

export function parseHosts(content: ListContent, sink: ListSink): number {
  return forEachLine(content, sink, parseLine);
}

function parseLine(line: ListLine, sink: ListSink): void {
  const { content } = line;
  const first = content[line.start];
  if (first === HASH || first === BANG) return;
  const end = trimSpace(content, line.start, findOctet(content, HASH, line.start, line.end));
  const addressEnd = findSpace(content, line.start, end);
  if (addressEnd === end || !isAddress(content, line.start, addressEnd)) {
    reject(line, sink, 'bad-syntax');
    return;
  }
  for (let at = skipSpace(content, addressEnd, end); at < end;) {
    const nameEnd = findSpace(content, at, end);
    if (!isOwnName(content, at, nameEnd)) emitEntry(line, sink, at, nameEnd, COVER_EXACT);
    at = skipSpace(content, nameEnd, end);
  }
}

/** Digits and dots with three dots, or hexadecimal digits with two colons or more. */
function isAddress(content: Uint8Array, start: number, end: number): boolean {
  let dots = 0;
  let colons = 0;
  for (let at = start; at < end; at++) {
    const octet = content[at]!;
    // A zone index, `fe80::1%lo0`, may hold anything.
    if (octet === 0x25) return colons >= 2;
    if (octet === 0x2e) dots++;
    else if (octet === 0x3a) colons++;
    else if (!isHexDigit(octet) || (octet > 0x39 && colons === 0 && dots > 0)) return false;
  }
  return colons >= 2 || (colons === 0 && dots === 3);
}

function isHexDigit(octet: number): boolean {
  return (octet >= 0x30 && octet <= 0x39) || ((octet | 0x20) >= 0x61 && (octet | 0x20) <= 0x66);
}

function isOwnName(content: Uint8Array, start: number, end: number): boolean {
  const first = content[start]! | 0x20;
  // `l`, `b`, `i` or `0`: all other names are none of them.
  if (first !== 0x6c && first !== 0x62 && first !== 0x69 && first !== 0x30) return false;
  return OWN_NAMES.some((name) => equalsText(content, start, end, name));
}

function equalsText(content: Uint8Array, start: number, end: number, text: Uint8Array): boolean {
  if (end - start !== text.length) return false;
  for (let index = 0; index < text.length; index++) {
    const octet = content[start + index]!;
    const lower = octet >= 0x41 && octet <= 0x5a ? octet + 0x20 : octet;
    if (lower !== text[index]) return false;
  }
  return true;
}
