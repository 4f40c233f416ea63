import fc from 'fast-check';
import { decode, encode } from 'dns-packet';
import { describe, expect, test } from 'vitest';
import {
  createResponseOutline,
  MATCH_BARE_ERROR,
  MATCH_EXACT,
  MATCH_EXCEPT_CASE,
  MATCH_NONE,
  matchResponse,
  outlineResponse,
} from '../../src/dns/match-response.ts';
import { aQuery } from '../support/dns-query.ts';

const query = aQuery().name('wWw.eXample.org').edns().build();
const questionEnd = 12 + 17 + 4;

const good = encode({
  id: 0x1234,
  type: 'response',
  flags: 0x0180,
  questions: decode(query).questions,
  answers: [
    { name: 'wWw.eXample.org', type: 'CNAME', ttl: 60, data: 'edge.example.org' },
    { name: 'edge.example.org', type: 'A', ttl: 60, data: '192.0.2.1' },
  ],
  additionals: [{ name: '.', type: 'OPT', udpPayloadSize: 1232, extendedRcode: 1 }],
});

function matchWith(at: number, ...octets: number[]): number {
  const response = Buffer.from(good);
  response.set(octets, at);
  return matchResponse(response, response.length, query, questionEnd);
}

describe('matchResponse', () => {
  test('the response to the query matches', () => {
    expect(matchResponse(good, good.length, query, questionEnd)).toBe(MATCH_EXACT);
  });

  test('AA, TC, RA, AD, CD and RCODE may be anything', () => {
    expect(matchWith(2, 0x87, 0xff)).toBe(MATCH_EXACT);
  });

  test('each single octet of ID and question counts', () => {
    for (const at of [0, 1, 4, 5]) expect(matchWith(at, good[at]! ^ 0x41)).toBe(MATCH_NONE);
    for (let at = 12; at < questionEnd; at++) {
      for (const bit of [0x01, 0x02, 0x80]) {
        expect(matchWith(at, good[at]! ^ bit)).toBe(MATCH_NONE);
      }
    }
  });

  test('the case of letters is told apart from all else', () => {
    expect(matchWith(13, 0x57)).toBe(MATCH_EXCEPT_CASE);
  });

  test('type 97 is not type 65 in another case', () => {
    const https = aQuery().name('example.org').type(65).build();
    const response = Buffer.from(https);
    response[2] = 0x81;
    expect(matchResponse(response, response.length, https, https.length)).toBe(MATCH_EXACT);
    response[https.length - 3] = 97;
    expect(matchResponse(response, response.length, https, https.length)).toBe(MATCH_NONE);
  });

  test('QR clear and another opcode do not match', () => {
    expect(matchWith(2, 0x01)).toBe(MATCH_NONE);
    expect(matchWith(2, 0x91)).toBe(MATCH_NONE);
  });

  test('an error without a question is a hint, any other response without one nothing', () => {
    expect(matchWith(3, 0x81, 0, 0)).toBe(MATCH_BARE_ERROR);
    expect(matchWith(3, 0x84, 0, 0)).toBe(MATCH_BARE_ERROR);
    expect(matchWith(3, 0x80, 0, 0)).toBe(MATCH_NONE);
    expect(matchWith(3, 0x82, 0, 0)).toBe(MATCH_NONE);
  });

  test('cut within the question it does not match', () => {
    for (let length = 0; length < questionEnd; length++) {
      expect(matchResponse(good, length, query, questionEnd)).toBe(MATCH_NONE);
    }
  });
});

describe('outlineResponse', () => {
  const outline = createResponseOutline();

  test('notes the RCODE with its upper bits, and the OPT record', () => {
    expect(outlineResponse(outline, good, good.length, questionEnd)).toBe(true);
    expect(outline).toEqual({ rcode: 16, hasOpt: true });
    expect(outlineResponse(outline, query, query.length, questionEnd)).toBe(true);
    expect(outline).toEqual({ rcode: 0, hasOpt: true });
  });

  test('cut anywhere, or with octets left over, it is malformed', () => {
    for (let length = questionEnd; length < good.length; length++) {
      expect(outlineResponse(outline, good, length, questionEnd)).toBe(false);
    }
    const longer = Buffer.concat([good, Buffer.from([0])]);
    expect(outlineResponse(outline, longer, longer.length, questionEnd)).toBe(false);
  });

  test('two OPT records, one among the answers, and one with an owner are malformed', () => {
    const two = aQuery().name('wWw.eXample.org').edns().edns().build();
    expect(outlineResponse(outline, two, two.length, questionEnd)).toBe(false);
    const misplaced = Buffer.from(query);
    misplaced.set([0, 1, 0, 0, 0, 0], 6);
    expect(outlineResponse(outline, misplaced, misplaced.length, questionEnd)).toBe(false);
    const opt = query.subarray(questionEnd + 1);
    const owned = Buffer.concat([query.subarray(0, questionEnd), Buffer.from([1, 0x61, 0]), opt]);
    expect(outlineResponse(outline, owned, owned.length, questionEnd)).toBe(false);
  });

  test('more than 2,000 records are refused before they are walked', () => {
    const records = Array.from({ length: 2001 }, () => aRecord());
    const head = Buffer.from(query.subarray(0, questionEnd));
    head.writeUInt16BE(2001, 6);
    head.writeUInt16BE(0, 10);
    const many = Buffer.concat([head, ...records]);
    expect(outlineResponse(outline, many, many.length, questionEnd)).toBe(false);
    many.writeUInt16BE(2000, 6);
    const length = many.length - aRecord().length;
    expect(outlineResponse(outline, many, length, questionEnd)).toBe(true);
  });

  test('any octets after the question are walked without harm', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(20), (tail, count) => {
        const response = Buffer.concat([good.subarray(0, questionEnd), tail]);
        response.writeUInt16BE(count, 6);
        outlineResponse(outline, response, response.length, questionEnd);
      }),
    );
  });
});

/** A record of the root with four octets of data. */
function aRecord(): Buffer {
  return Buffer.from([0, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1]);
}
