/**
 * What a query costs in the wire format alone: parsing it with its OPT, hashing the suffixes of its
 * name, and writing a negative answer with an EDE behind its question. Octets must be 0.
 */

import { EDE_FILTERED, RCODE_NXDOMAIN } from '../../src/dns/constants.ts';
import { createQueryView, parseQuery, PARSE_OK } from '../../src/dns/query-view.ts';
import {
  createResponseNotes,
  finishResponse,
  setNotes,
  writeNegativeResponse,
} from '../../src/dns/response.ts';
import { createSuffixHashes, hashSuffixes } from '../../src/dns/suffix-hashes.ts';
import { aQuery } from '../../test/support/dns-query.ts';
import { measureInPlace } from '../measure.ts';

const SEED = [1, 2] as const;
const ASKED = 64;
const SLOT_BYTES = 4096;
const TEXT = new TextEncoder().encode('Blocked by the plan "kids": adult');

const queries = Array.from({ length: ASKED }, (_, index) =>
  aQuery().name(`www.Host${index}.example.org`).edns({ payloadSize: 1232 }).build(),
);
const bytes = new Uint8Array(ASKED * SLOT_BYTES);
for (const [slot, query] of queries.entries()) bytes.set(query, slot * SLOT_BYTES);
const view = createQueryView();
const hashes = createSuffixHashes();
const notes = createResponseNotes();
let refused = 0;

measureInPlace('parse, suffixes hashed', ASKED, () => {
  for (let slot = 0; slot < ASKED; slot++) {
    const length = queries[slot]!.length;
    if (parseQuery(view, SEED, bytes, slot * SLOT_BYTES, length) !== PARSE_OK) refused++;
  }
});
if (refused > 0) throw new Error('The queries are well-formed');

measureInPlace('hash the suffixes of four labels', ASKED, () => {
  for (let round = 0; round < ASKED; round++) hashSuffixes(hashes, SEED, view.name, 0);
});

// Over and over on one query: what is written behind its question leaves the question alone.
measureInPlace('write NXDOMAIN with SOA and EDE', ASKED, () => {
  for (let round = 0; round < ASKED; round++) {
    setNotes(notes, EDE_FILTERED);
    notes.text = TEXT;
    notes.textLength = TEXT.length;
    finishResponse(view, writeNegativeResponse(view, RCODE_NXDOMAIN, 10), 1232, notes);
  }
});
