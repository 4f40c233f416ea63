/**
 * What a cache hit costs: look-up and writing behind the question, and what an upstream response
 * costs: parse, extract, store. The look-ups follow what resolvers see: 85 % of them go to the top
 * 1,000 of 100,000 names.
 */

import {
  createMessageCache,
  LOOKUP_MISS,
  lookUp,
  scopeOf,
  store,
} from '../../src/cache/message-cache.ts';
import { extractChain } from '../../src/dns/response-chain.ts';
import { createResponseView, parseResponse } from '../../src/dns/response-view.ts';
import {
  createAnswerPointer,
  createVerifiedAnswer,
  writeAnswer,
} from '../../src/dns/verified-answer.ts';
import { measure } from '../measure.ts';
import { QNAME, rawResponse, wire } from '../../test/support/raw-response.ts';

const NAMES = 100_000;
const QUESTION_END = 33;
const target = 'cdn.example.net';
const response = rawResponse({
  question: { name: 'www.example.org', type: 1 },
  answer: [
    { owner: QNAME, type: 5, rdata: wire(target) },
    { owner: target, type: 1, rdata: [192, 0, 2, 1] },
    { owner: target, type: 1, rdata: [192, 0, 2, 2] },
  ],
});
const names = Array.from(
  { length: NAMES },
  (_, index) => new Uint8Array(wire(`host${index}.example.org`)),
);
const hashes = Int32Array.from(names, (_, index) => Math.imul(index + 1, 0x9e3779b1));
const order = Uint32Array.from({ length: 1 << 16 }, (_, index) => {
  const random = Math.imul(index + 1, 0x85ebca6b) >>> 0;
  return random % 100 < 85 ? (random >>> 8) % 1000 : (random >>> 8) % NAMES;
});

const scope = scopeOf(0, 1, false, false);
const cache = createMessageCache({ bytesMax: 64 << 20 });
const view = createResponseView();
const answer = createVerifiedAnswer();
const found = createAnswerPointer();
const out = new Uint8Array(4096);
let turn = 0;
let missed = 0;

function parseAndExtract(): void {
  parseResponse(view, response, 0, response.length);
  extractChain(view, answer, false);
}

function storeNext(): void {
  const index = turn++ % NAMES;
  store(cache, answer, names[index]!, names[index]!.length, hashes[index]!, scope, 100);
}

function lookUpNext(): void {
  const index = order[turn++ & 0xffff]!;
  const name = names[index]!;
  const status = lookUp(cache, found, name, name.length, hashes[index]!, scope, 110);
  if (status === LOOKUP_MISS) missed++;
  else writeAnswer(found, out, QUESTION_END, 60);
}

parseAndExtract();
for (let index = 0; index < NAMES; index++) storeNext();
measure('parse and extract a chain of three records', 1, parseAndExtract);
measure('store', 1, storeNext);
measure('look up and write', 1, lookUpNext);
if (missed > 0) throw new Error(`${missed} look-ups missed: the figures would mean nothing`);
