import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  createResponseView,
  parseResponse,
  RESPONSE_MALFORMED,
  RESPONSE_OK,
} from '../../src/dns/response-view.ts';
import { extractChain } from '../../src/dns/response-chain.ts';
import { createVerifiedAnswer, writeAnswer } from '../../src/dns/verified-answer.ts';
import { QNAME, rawResponse, rrsigRdata, soaRdata, u16, wire } from '../support/raw-response.ts';

const question = { name: 'www.example.org', type: 1 };
const address = { owner: QNAME, type: 1, rdata: [192, 0, 2, 1] };
const opt = { owner: '.', type: 41, class: 1232, ttl: 0, rdata: [] as number[] };

function parse(bytes: Uint8Array): number {
  return parseResponse(createResponseView(), bytes, 0, bytes.length);
}

describe('parseResponse', () => {
  it('reads the header, the question and where each record stands', () => {
    const bytes = rawResponse({ question, answer: [address], authority: [address] });
    const view = createResponseView();
    expect(parseResponse(view, bytes, 0, bytes.length)).toBe(RESPONSE_OK);
    expect(view).toMatchObject({ id: 0x1234, rcode: 0, qtype: 1, answerEnd: 1, recordEnd: 2 });
    expect(view.rdataAt[0]).toBe(view.questionEnd + 12);
  });

  it('takes the upper bits of the rcode from the OPT', () => {
    const bytes = rawResponse({
      question,
      flags: 0x8187,
      additional: [{ ...opt, ttl: 0x01000000 }],
    });
    const view = createResponseView();
    expect(parseResponse(view, bytes, 0, bytes.length)).toBe(RESPONSE_OK);
    expect(view.rcode).toBe(0x17);
  });

  it('finds a message that is cut at any octet malformed', () => {
    const whole = rawResponse({ question, answer: [address], additional: [opt] });
    for (let length = 0; length < whole.length; length++) {
      expect(parse(whole.subarray(0, length)), `cut to ${length}`).toBe(RESPONSE_MALFORMED);
    }
    expect(parse(whole)).toBe(RESPONSE_OK);
  });

  it('ignores octets after the last record', () => {
    expect(parse(new Uint8Array([...rawResponse({ question }), 1, 2, 3]))).toBe(RESPONSE_OK);
  });

  it.each([
    ['an owner that points to itself', [0xc0, 33]],
    ['an owner that points forwards', [0xc0, 60]],
    ['a label type of RFC 2673', [0x41, 0]],
    ['a label that runs out of the message', [63]],
  ])('finds %s malformed', (_, owner) => {
    expect(parse(rawResponse({ question, answer: [{ ...address, owner }] }))).toBe(
      RESPONSE_MALFORMED,
    );
  });

  it('finds a name of more than 255 octets malformed', () => {
    const labels = (count: number): number[] =>
      new Array(count).fill([7, 97, 97, 97, 97, 97, 97, 97]).flat() as number[];
    const bytes = (count: number): Uint8Array =>
      rawResponse({ question, answer: [{ ...address, owner: [...labels(count), ...QNAME] }] });
    expect(parse(bytes(29))).toBe(RESPONSE_OK);
    expect(parse(bytes(30))).toBe(RESPONSE_MALFORMED);
  });

  it('finds a question that is not one, or whose name is compressed, malformed', () => {
    const none = rawResponse({ question });
    none[5] = 0;
    expect(parse(none)).toBe(RESPONSE_MALFORMED);
    // Octet 6 of the header is 0 and would read as the root.
    const pointing = new Uint8Array([...none.subarray(0, 12), 0xc0, 6, 0, 1, 0, 1]);
    pointing[5] = 1;
    expect(parse(pointing)).toBe(RESPONSE_MALFORMED);
  });

  it('finds two OPTs, an OPT below a name, cut options and too many options malformed', () => {
    const option = [...u16(10), ...u16(0)];
    const options = (count: number): number[] => new Array<number[]>(count).fill(option).flat();
    const withOpts = (...additional: (typeof opt)[]): number =>
      parse(rawResponse({ question, additional }));
    expect(withOpts({ ...opt, rdata: options(32) })).toBe(RESPONSE_OK);
    expect(withOpts({ ...opt, rdata: options(33) })).toBe(RESPONSE_MALFORMED);
    expect(withOpts({ ...opt, rdata: [...u16(10), ...u16(9), 1] })).toBe(RESPONSE_MALFORMED);
    expect(withOpts(opt, opt)).toBe(RESPONSE_MALFORMED);
    expect(withOpts({ ...opt, owner: 'example.org' })).toBe(RESPONSE_MALFORMED);
  });

  it('takes 2,000 records and no more', () => {
    const answer = (count: number): Uint8Array =>
      rawResponse({ question, answer: new Array<typeof address>(count).fill(address) });
    expect(parse(answer(2000))).toBe(RESPONSE_OK);
    expect(parse(answer(2001))).toBe(RESPONSE_MALFORMED);
  });

  it('takes 16 DNAMEs and no more', () => {
    const dname = { owner: 'example.net', type: 39, rdata: wire('example.org') };
    const answer = (count: number): Uint8Array =>
      rawResponse({ question, answer: new Array<typeof dname>(count).fill(dname) });
    expect(parse(answer(16))).toBe(RESPONSE_OK);
    expect(parse(answer(17))).toBe(RESPONSE_MALFORMED);
  });
});

describe('arbitrary octets', () => {
  const view = createResponseView();
  const answer = createVerifiedAnswer();
  const out = new Uint8Array(0x20000);
  const seed = rawResponse({
    question,
    answer: [
      { owner: 'example.org', type: 39, rdata: wire('example.net') },
      { owner: QNAME, type: 5, rdata: [3, 119, 119, 119, ...wire('example.net')] },
      { owner: 'www.example.net', type: 1, rdata: [192, 0, 2, 1] },
      { owner: 'www.example.net', type: 46, rdata: rrsigRdata(1) },
    ],
    authority: [{ owner: 'example.net', type: 6, rdata: soaRdata(60) }],
    additional: [opt],
  });

  /** Whatever comes out must be a message that parses, and comes out of itself unchanged. */
  function check(bytes: Uint8Array): void {
    if (parseResponse(view, bytes, 0, bytes.length) !== RESPONSE_OK) return;
    if (extractChain(view, answer, true) !== RESPONSE_OK) return;
    out.set(bytes.subarray(0, view.questionEnd));
    out.set([...u16(answer.answerCount), ...u16(answer.authorityCount), 0, 0], 6);
    const end = writeAnswer(answer, out, view.questionEnd, 0x7fffffff);
    expect(parseResponse(view, out, 0, end)).toBe(RESPONSE_OK);
    const body = [...answer.bytes.subarray(0, answer.bodyLength)];
    expect(extractChain(view, answer, true)).toBe(RESPONSE_OK);
    expect([...answer.bytes.subarray(0, answer.bodyLength)]).toEqual(body);
  }

  it('never crash the parser or the extraction, and make an answer that parses', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        bytes.set(seed.subarray(4, Math.min(6, bytes.length)), Math.min(4, bytes.length));
        check(bytes);
      }),
      { numRuns: 2000 },
    );
  });

  it('mutated from a real response do so too', () => {
    const change = fc.tuple(fc.nat(seed.length - 1), fc.nat(255));
    fc.assert(
      fc.property(fc.array(change, { maxLength: 6 }), fc.nat(seed.length), (changes, cut) => {
        const bytes = seed.slice(0, Math.max(cut, 100));
        for (const [at, value] of changes) bytes[at % bytes.length] = value;
        check(bytes);
      }),
      { numRuns: 20_000 },
    );
  });
});
