/** The parsers by format name, and what the compiler must know of each before it parses. */

import { parseAdblock } from './adblock.ts';
import { parseDnsmasq } from './dnsmasq.ts';
import { parseDomains } from './domains.ts';
import { parseHosts } from './hosts.ts';
import { containsText, someWindow } from './lines.ts';
import type { ListContent, ListFormatName, ListSink } from './list-format.ts';
import { parseRpz } from './rpz.ts';
import { parseWildcard } from './wildcard.ts';

export interface ListFormat {
  /** @returns the number of lines */
  readonly parse: (content: ListContent, sink: ListSink) => number;
  /**
   * What an exception does to entries of its own list below it: `all` removes them, `longest` leaves
   * them, since there the longer name has the last word; `none`: the format has no exceptions.
   */
  readonly exceptions: 'none' | 'all' | 'longest';
  /** False where a quick look shows that a content has no exceptions, so that most are read once only. */
  readonly mayHaveExceptions: (content: ListContent) => boolean;
  /** True where a line cannot say whether it covers subdomains, so that the list may say it. */
  readonly isCoverageOfList: boolean;
}

export const LIST_FORMATS: Readonly<Record<ListFormatName, ListFormat>> = {
  domains: formatWithoutExceptions(parseDomains, true),
  hosts: formatWithoutExceptions(parseHosts, true),
  wildcard: formatWithoutExceptions(parseWildcard, false),
  adblock: {
    parse: parseAdblock,
    exceptions: 'all',
    mayHaveExceptions: (content) => someWindow(content, (octets) => containsText(octets, '@@', 0)),
    isCoverageOfList: false,
  },
  dnsmasq: {
    parse: parseDnsmasq,
    exceptions: 'longest',
    mayHaveExceptions: (content) => someWindow(content, mayHoldServerBack),
    isCoverageOfList: false,
  },
  rpz: {
    parse: parseRpz,
    exceptions: 'longest',
    mayHaveExceptions: (content) =>
      someWindow(content, (octets) => containsText(octets, 'rpz-passthru', 2)),
    isCoverageOfList: false,
  },
  // It holds no names that a parser could find; `sealed` writes and reads it.
  sealed: formatWithoutExceptions(() => 0, false),
};

/** `/#` alone also ends the block `address=/example.org/#`. */
function mayHoldServerBack(octets: Uint8Array): boolean {
  if (!containsText(octets, '/#', 1)) return false;
  return containsText(octets, 'server', 3) || containsText(octets, 'local', 2);
}

function formatWithoutExceptions(
  parse: (content: ListContent, sink: ListSink) => number,
  isCoverageOfList: boolean,
): ListFormat {
  return { parse, exceptions: 'none', mayHaveExceptions: () => false, isCoverageOfList };
}
