import { decode } from 'dns-packet';
import { describe, expect, it } from 'vitest';
import { nameLength, nameToText } from '../../src/dns/name.ts';
import {
  createResponseView,
  parseResponse,
  RESPONSE_MALFORMED,
  RESPONSE_OK,
  RESPONSE_TOO_LARGE,
  RESPONSE_TOO_MANY_TARGETS,
} from '../../src/dns/response-view.ts';
import { extractChain } from '../../src/dns/response-chain.ts';
import {
  ANSWER_FAILURE,
  ANSWER_NEGATIVE,
  ANSWER_OPEN,
  ANSWER_POSITIVE,
  createVerifiedAnswer,
  writeAnswer,
  type VerifiedAnswer,
} from '../../src/dns/verified-answer.ts';
import {
  QNAME,
  rawResponse,
  rrsigRdata,
  soaRdata,
  u16,
  wire,
  type RawRecord,
  type RawResponse,
} from '../support/raw-response.ts';

const view = createResponseView();
const www = { name: 'www.example.org', type: 1 };

function cname(owner: RawRecord['owner'], target: string, ttl = 300): RawRecord {
  return { owner, type: 5, ttl, rdata: wire(target) };
}

function a(owner: RawRecord['owner'], last = 1, ttl = 300): RawRecord {
  return { owner, type: 1, ttl, rdata: [192, 0, 2, last] };
}

function soa(owner: string, minimum = 60, ttl = 900): RawRecord {
  return { owner, type: 6, ttl, rdata: soaRdata(minimum) };
}

interface Extracted {
  readonly status: number;
  readonly answer: VerifiedAnswer;
  /** The whole message as a client with that question would get it. */
  readonly message: Uint8Array;
  readonly targets: string[];
}

function extract(response: RawResponse, isDnssecOk = false, asked = response.question): Extracted {
  const bytes = rawResponse(response);
  expect(parseResponse(view, bytes, 0, bytes.length)).toBe(RESPONSE_OK);
  const answer = createVerifiedAnswer();
  const status = extractChain(view, answer, isDnssecOk);
  const message = new Uint8Array(view.questionEnd + answer.bodyLength);
  message.set(rawResponse({ question: asked }));
  message.set([...u16(answer.answerCount), ...u16(answer.authorityCount)], 6);
  if (status === RESPONSE_OK) writeAnswer(answer, message, view.questionEnd, 0x7fffffff);
  return { status, answer, message, targets: targetsOf(answer) };
}

function targetsOf(answer: VerifiedAnswer): string[] {
  const targets: string[] = [];
  let at = answer.targetsAt;
  for (let index = 0; index < answer.targetCount; index++) {
    targets.push(nameToText(answer.bytes, at));
    at += nameLength(answer.bytes, at);
  }
  expect(at - answer.targetsAt).toBe(answer.targetsLength);
  return targets;
}

/** "owner type data ttl" of each record, decoded by an implementation that is not ours. */
function lines(message: Uint8Array, section: 'answers' | 'authorities' = 'answers'): string[] {
  const packet = decode(Buffer.from(message));
  return packet[section].map((record) => {
    const { name, type, data, ttl } = record as {
      name: string;
      type: string;
      data: unknown;
      ttl: number;
    };
    return `${name} ${type} ${typeof data === 'string' ? data : '…'} ${ttl}`;
  });
}

describe('the chain from the asked name', () => {
  it('holds the records of the asked type, and the owner points to the question', () => {
    const { answer, message } = extract({
      question: www,
      answer: [a('www.example.org'), a(QNAME, 2)],
    });
    expect(answer).toMatchObject({ kind: ANSWER_POSITIVE, answerCount: 2, lifetimeSeconds: 300 });
    expect(lines(message)).toEqual([
      'www.example.org A 192.0.2.1 300',
      'www.example.org A 192.0.2.2 300',
    ]);
    expect(answer.bodyLength).toBe(32);
  });

  it('follows CNAMEs in whatever order they come and names every target', () => {
    const { answer, message, targets } = extract({
      question: www,
      answer: [
        a('c.example.net'),
        cname('B.example.net', 'c.example.net'),
        cname(QNAME, 'b.Example.net', 20),
      ],
    });
    expect(answer).toMatchObject({ kind: ANSWER_POSITIVE, lifetimeSeconds: 20 });
    expect(targets).toEqual(['b.example.net', 'c.example.net']);
    expect(lines(message)).toEqual([
      'www.example.org CNAME b.Example.net 20',
      'b.Example.net CNAME c.example.net 300',
      'c.example.net A 192.0.2.1 300',
    ]);
  });

  it('leaves foreign records of every section behind', () => {
    const foreign = [
      a('bank.example.com'),
      cname('bank.example.com', 'evil.example.net'),
      a('evil.example.net'),
    ];
    const { message, targets } = extract({
      question: www,
      answer: [
        ...foreign,
        a(QNAME),
        { ...a(QNAME, 9), class: 3 },
        { ...a(QNAME), type: 16, rdata: [1, 65] },
      ],
      authority: [
        ...foreign,
        { owner: 'example.org', type: 2, rdata: wire('ns.evil.example.net') },
        soa('org'),
      ],
      additional: foreign,
    });
    expect(lines(message)).toEqual(['www.example.org A 192.0.2.1 300']);
    expect(lines(message, 'authorities')).toEqual([]);
    expect(targets).toEqual([]);
  });

  it('compares names as octets: a dot in a label is not a label boundary', () => {
    const { answer } = extract({
      question: www,
      answer: [a('www\\.example.org'), a('www.example\\.org')],
    });
    expect(answer).toMatchObject({ kind: ANSWER_OPEN, answerCount: 0 });
  });

  it('passes an open chain on as it came, and does not let it be cached', () => {
    const { answer, message, targets } = extract({
      question: www,
      answer: [cname(QNAME, 'b.example.net')],
    });
    expect(answer).toMatchObject({ kind: ANSWER_OPEN, lifetimeSeconds: 0 });
    expect(lines(message)).toEqual(['www.example.org CNAME b.example.net 300']);
    expect(targets).toEqual(['b.example.net']);
  });

  it('ends where the chain comes back to a name it has passed', () => {
    const { status, message, targets } = extract({
      question: www,
      answer: [cname(QNAME, 'b.example.net'), cname('b.example.net', 'WWW.example.org')],
    });
    expect(status).toBe(RESPONSE_OK);
    expect(lines(message)).toHaveLength(2);
    expect(targets).toEqual(['b.example.net']);
    expect(
      extract({ question: www, answer: [cname(QNAME, 'www.example.org')] }).answer.answerCount,
    ).toBe(1);
  });

  it('takes 16 targets and no more', () => {
    const hops = (count: number): RawRecord[] =>
      Array.from({ length: count }, (_, hop) =>
        cname(hop === 0 ? QNAME : `h${hop}.example.net`, `h${hop + 1}.example.net`),
      );
    expect(extract({ question: www, answer: hops(16) }).targets).toHaveLength(16);
    expect(extract({ question: www, answer: hops(17) }).status).toBe(RESPONSE_TOO_MANY_TARGETS);
  });

  it('believes the first of two CNAMEs at one name', () => {
    const { message, targets } = extract({
      question: www,
      answer: [
        cname(QNAME, 'b.example.net'),
        cname(QNAME, 'c.example.net'),
        a('b.example.net'),
        a('c.example.net', 2),
      ],
    });
    expect(targets).toEqual(['b.example.net']);
    expect(lines(message)).toHaveLength(2);
  });

  it('counts the target of a CNAME that was itself asked for', () => {
    const { answer, targets } = extract({
      question: { name: 'www.example.org', type: 5 },
      answer: [cname(QNAME, 'b.example.net'), a('b.example.net')],
    });
    expect(answer).toMatchObject({ kind: ANSWER_POSITIVE, answerCount: 1 });
    expect(targets).toEqual(['b.example.net']);
  });

  it('keeps the rcode of an NXDOMAIN behind a chain', () => {
    const { answer, message } = extract({
      question: www,
      flags: 0x8183,
      answer: [cname(QNAME, 'gone.example.net')],
      authority: [soa('example.net')],
    });
    expect(answer).toMatchObject({
      kind: ANSWER_NEGATIVE,
      rcode: 3,
      answerCount: 1,
      authorityCount: 1,
    });
    expect(lines(message, 'authorities')).toEqual(['example.net SOA … 60']);
  });

  it('passes data beside NXDOMAIN on, but does not let it be cached', () => {
    const { answer } = extract({ question: www, flags: 0x8183, answer: [a(QNAME)] });
    expect(answer).toMatchObject({
      kind: ANSWER_POSITIVE,
      rcode: 3,
      answerCount: 1,
      lifetimeSeconds: 0,
    });
  });
});

describe('DNAME', () => {
  const dname: RawRecord = { owner: 'example.org', type: 39, ttl: 500, rdata: wire('example.net') };

  it('is kept in front of the CNAME that was made from it', () => {
    const { message, targets } = extract({
      question: www,
      answer: [dname, cname(QNAME, 'www.example.net'), a('www.example.net')],
    });
    expect(lines(message).map((line) => line.split(' ')[1])).toEqual(['DNAME', 'CNAME', 'A']);
    expect(targets).toEqual(['www.example.net']);
  });

  it('leads on without a CNAME too', () => {
    const { message, targets } = extract({ question: www, answer: [dname, a('www.example.net')] });
    expect(lines(message).map((line) => line.split(' ')[1])).toEqual(['DNAME', 'A']);
    expect(targets).toEqual(['www.example.net']);
  });

  it('does not count where the CNAME says something else, or where it stands at the name itself', () => {
    const other = extract({ question: www, answer: [dname, cname(QNAME, 'x.example.com')] });
    expect(lines(other.message)).toEqual(['www.example.org CNAME x.example.com 300']);
    const itself = extract({ question: { name: 'example.org', type: 1 }, answer: [dname] });
    expect(itself.answer).toMatchObject({ kind: ANSWER_OPEN, answerCount: 0 });
  });

  it('is written once, though the chain may pass it twice', () => {
    const { message, targets } = extract({
      question: www,
      answer: [dname, cname('www.example.net', 'x.example.org'), a('x.example.net')],
    });
    expect(lines(message).map((line) => line.split(' ')[1])).toEqual(['DNAME', 'CNAME', 'A']);
    expect(targets).toEqual(['www.example.net', 'x.example.org', 'x.example.net']);
  });

  it('ends the chain where the new name would be too long', () => {
    const long = `${'a'.repeat(63)}.`.repeat(3) + 'example.org';
    const target = wire(`${'b'.repeat(63)}.`.repeat(2) + 'example.net');
    const { answer } = extract({
      question: { name: long, type: 1 },
      flags: 0x8186,
      answer: [{ ...dname, rdata: target }],
    });
    expect(answer).toMatchObject({ rcode: 6, answerCount: 1, targetCount: 0, lifetimeSeconds: 0 });
  });
});

describe('negative answers', () => {
  it('live for the smaller of the SOA TTL and its MINIMUM', () => {
    const byMinimum = extract({
      question: www,
      flags: 0x8183,
      authority: [soa('example.org', 60, 900)],
    });
    expect(byMinimum.answer).toMatchObject({ kind: ANSWER_NEGATIVE, lifetimeSeconds: 60 });
    expect(lines(byMinimum.message, 'authorities')).toEqual(['example.org SOA … 60']);
    const byTtl = extract({ question: www, authority: [soa('.', 900, 30)] });
    expect(byTtl.answer).toMatchObject({ kind: ANSWER_NEGATIVE, lifetimeSeconds: 30 });
  });

  it('without a SOA, or with that of a foreign zone, are not cached', () => {
    const without = extract({ question: www, flags: 0x8183 });
    expect(without.answer).toMatchObject({ kind: ANSWER_OPEN, rcode: 3, lifetimeSeconds: 0 });
    const foreign = extract({
      question: www,
      authority: [soa('example.net'), soa('w.example.org')],
    });
    expect(foreign.answer).toMatchObject({ kind: ANSWER_OPEN, authorityCount: 0 });
  });

  it('carry no records where upstream could not tell', () => {
    const { answer } = extract({
      question: www,
      flags: 0x8182,
      answer: [a(QNAME)],
      authority: [soa('org')],
    });
    expect(answer).toMatchObject({
      kind: ANSWER_FAILURE,
      rcode: 2,
      bodyLength: 0,
      lifetimeSeconds: 0,
    });
  });
});

describe('a response that is not whole', () => {
  it('with TC set is not cached', () => {
    const { answer } = extract({ question: www, flags: 0x8380, answer: [a(QNAME)] });
    expect(answer).toMatchObject({ kind: ANSWER_POSITIVE, lifetimeSeconds: 0 });
  });

  it('is too large where its names, written in full, no longer fit a message', () => {
    const name = `${'a'.repeat(63)}.${'b'.repeat(63)}.example.org`;
    const srv = { owner: QNAME, type: 33, rdata: [0, 1, 0, 2, 0, 53, ...QNAME] };
    const answer = (count: number): RawRecord[] => new Array<RawRecord>(count).fill(srv);
    const question = { name, type: 33 };
    expect(extract({ question, answer: answer(400) }).status).toBe(RESPONSE_OK);
    expect(extract({ question, answer: answer(450) }).status).toBe(RESPONSE_TOO_LARGE);
  });
});

describe('with DO', () => {
  const sig = (owner: RawRecord['owner'], covered: number): RawRecord => ({
    owner,
    type: 46,
    rdata: rrsigRdata(covered),
  });
  const nsec = { owner: 'a.example.org', type: 47, rdata: [...wire('z.example.org'), 0, 1, 0x40] };
  const response: RawResponse = {
    question: www,
    answer: [
      cname(QNAME, 'b.example.org'),
      sig(QNAME, 5),
      sig(QNAME, 16),
      a('b.example.org'),
      sig('b.example.org', 1),
    ],
    authority: [nsec, sig('a.example.org', 47), sig('example.org', 2)],
  };

  it('the signatures of what is kept are kept, and the proofs of a wildcard', () => {
    const { message } = extract(response, true);
    expect(lines(message).map((line) => line.split(' ')[1])).toEqual([
      'CNAME',
      'RRSIG',
      'A',
      'RRSIG',
    ]);
    expect(lines(message, 'authorities').map((line) => line.split(' ')[1])).toEqual([
      'NSEC',
      'RRSIG',
    ]);
  });

  it('a negative answer keeps NSEC3 and the signature of its SOA', () => {
    const authority = [
      soa('example.org'),
      sig('example.org', 6),
      { owner: 'x.example.org', type: 50, rdata: [1] },
    ];
    const { answer } = extract({ question: www, authority }, true);
    expect(answer).toMatchObject({ kind: ANSWER_NEGATIVE, authorityCount: 3, lifetimeSeconds: 60 });
  });

  it('and only with DO', () => {
    const { message } = extract(response);
    expect(lines(message).map((line) => line.split(' ')[1])).toEqual(['CNAME', 'A']);
    expect(lines(message, 'authorities')).toEqual([]);
  });

  it('a signature that was asked for itself comes without DO', () => {
    const { answer } = extract(
      { question: { name: 'www.example.org', type: 46 }, answer: [sig(QNAME, 5)] },
      true,
    );
    expect(answer).toMatchObject({ kind: ANSWER_POSITIVE, answerCount: 1 });
  });
});

describe('RDATA', () => {
  function only(type: number, rdata: number[]): Extracted {
    return extract({
      question: { name: 'www.example.org', type },
      answer: [{ owner: QNAME, type, rdata }],
    });
  }
  /** The RDATA of the one record behind a question and a pointer. */
  function rdataOf({ message }: Extracted): number[] {
    return [...message.subarray(12 + 17 + 4 + 12)];
  }

  it('of an unknown type passes octet for octet, pointers or not', () => {
    const rdata = [0xc0, 0x0c, 0, 255, 3, 119, 119, 119, 0xc0];
    expect(rdataOf(only(65_280, rdata))).toEqual(rdata);
    expect(rdataOf(only(65_280, []))).toEqual([]);
  });

  it('of TXT, CAA and HTTPS passes octet for octet', () => {
    for (const type of [16, 257])
      expect(rdataOf(only(type, [3, 97, 98, 99]))).toEqual([3, 97, 98, 99]);
    const https = [...u16(1), ...wire('Svc.example.net'), ...u16(1), ...u16(3), 2, 104, 50];
    const extracted = only(65, https);
    expect(rdataOf(extracted)).toEqual(https);
    expect(extracted.targets).toEqual(['svc.example.net']);
  });

  it('of HTTPS counts each TargetName once, and neither "." nor the asked name', () => {
    const https = (target: string): RawRecord => ({
      owner: QNAME,
      type: 65,
      rdata: [...u16(1), ...wire(target)],
    });
    const { targets } = extract({
      question: { name: 'www.example.org', type: 65 },
      answer: ['.', 'a.example.net', 'A.example.net', 'www.example.org'].map(https),
    });
    expect(targets).toEqual(['a.example.net']);
  });

  it('of HTTPS with a compressed TargetName makes the response malformed', () => {
    expect(only(65, [...u16(1), ...QNAME]).status).toBe(RESPONSE_MALFORMED);
  });

  it('of MX may point into the question, where each client then sees its own case', () => {
    const response: RawResponse = {
      question: { name: 'eXample.org', type: 15 },
      answer: [{ owner: QNAME, type: 15, rdata: [0, 10, 2, 109, 120, ...QNAME] }],
    };
    const { message } = extract(response, false, { name: 'Example.ORG', type: 15 });
    const { answers } = decode(Buffer.from(message)) as { answers?: { data: unknown }[] };
    expect(answers![0]!.data).toEqual({ preference: 10, exchange: 'mx.Example.ORG' });
  });

  it('of SRV and NAPTR, compressed by an old server, leaves in full', () => {
    expect(rdataOf(only(33, [0, 1, 0, 2, 0, 53, ...QNAME]))).toEqual([
      0,
      1,
      0,
      2,
      0,
      53,
      ...wire('www.example.org'),
    ]);
    const naptr = [0, 1, 0, 2, 1, 117, 1, 120, 0];
    expect(rdataOf(only(35, [...naptr, ...QNAME]))).toEqual([...naptr, ...wire('www.example.org')]);
  });

  it.each([
    ['an address of five octets', 1, [192, 0, 2, 1, 1]],
    ['a CNAME that runs out of its RDATA', 5, [63, 97]],
    ['a PTR with octets behind its name', 12, [0, 1]],
    ['an MX that is cut', 15, [0]],
    ['a NAPTR whose strings run out', 35, [0, 1, 0, 2, 9, 1]],
  ])('makes the response malformed where it is %s', (_, type, rdata) => {
    expect(only(type, rdata).status).toBe(RESPONSE_MALFORMED);
  });

  it('keeps the pointers of a long answer, so that it stays about as short as it came', () => {
    // The first name stands in full at 45, every further one points into it.
    const names = Array.from({ length: 20 }, (_, index) =>
      index === 0 ? wire('ns0.example.net') : [3, 110, 115, 97 + index, 0xc0, 12 + 17 + 4 + 12 + 4],
    );
    const response: RawResponse = {
      question: { name: 'www.example.org', type: 2 },
      answer: names.map((rdata) => ({ owner: QNAME, type: 2, rdata })),
    };
    const { message } = extract(response);
    expect([...message.subarray(33)]).toEqual([...rawResponse(response).subarray(33)]);
    expect(lines(message)[1]).toBe('www.example.org NS nsb.example.net 300');
  });
});

describe('TTLs', () => {
  it('of an RRset are the smallest among them, and 0 where the top bit is set', () => {
    const { message } = extract({ question: www, answer: [a(QNAME, 1, 300), a(QNAME, 2, 20)] });
    expect(lines(message)).toEqual([
      'www.example.org A 192.0.2.1 20',
      'www.example.org A 192.0.2.2 20',
    ]);
    const ascending = extract({ question: www, answer: [a(QNAME, 1, 20), a(QNAME, 2, 300)] });
    expect(ascending.answer.lifetimeSeconds).toBe(20);
    expect(lines(ascending.message)[1]).toBe('www.example.org A 192.0.2.2 20');
    const zero = extract({ question: www, answer: [a(QNAME, 1, 0x8000_0001)] });
    expect(lines(zero.message)).toEqual(['www.example.org A 192.0.2.1 0']);
  });

  it('are clamped on the way out', () => {
    const { answer, message } = extract({
      question: www,
      answer: [cname(QNAME, 'b.example.net', 20), a('b.example.net')],
    });
    writeAnswer(answer, message, 33, 60);
    expect(lines(message).map((line) => line.split(' ')[3])).toEqual(['20', '60']);
  });
});

describe('hostile responses', () => {
  it('cost bounded work: 16 hops through 1,900 records whose long names differ only in front', () => {
    const tail = `${'a.'.repeat(115)}example.org`;
    const labelsBefore = 12 + 2;
    const tailPointer = u16(0xc000 | labelsBefore);
    const hop = (index: number): number[] => [1, 0x41 + index, ...tailPointer];
    const hops = Array.from({ length: 16 }, (_, index): RawRecord => ({
      owner: hop(index),
      type: 5,
      rdata: hop(index + 1),
    }));
    const others = Array.from({ length: 1900 }, (_, index): RawRecord => ({
      owner: [2, 0x61, index % 256, ...tailPointer],
      type: index < 15 ? 39 : 1,
      rdata: index < 15 ? [...tailPointer] : [192, 0, 2, 1],
    }));
    const bytes = rawResponse({
      question: { name: `A.${tail}`, type: 1 },
      answer: [...others, ...hops],
    });
    const answer = createVerifiedAnswer();
    const startedAt = performance.now();
    expect(parseResponse(view, bytes, 0, bytes.length)).toBe(RESPONSE_OK);
    expect(extractChain(view, answer, true)).toBe(RESPONSE_OK);
    const tookMs = performance.now() - startedAt;
    expect(answer.targetCount).toBe(16);
    expect(tookMs).toBeLessThan(500);
  });
});
