/**
 * The checks of ISC's EDNS compliance tester (RFC 8906, section 8) as a recursive resolver meets
 * them, and of the standards that say what a forwarder must let through. Over live sockets; the
 * octets of each response are read by a reader that shares nothing with the server.
 */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { octetAnswer } from '../fuzz/octet-answer.ts';
import { judgeQuery } from '../fuzz/query-oracle.ts';
import { faultOf, limitFor, rcodeOf, type StrictRecord } from '../fuzz/strict-response.ts';
import { aQuery, askTcp, askUdp, decodeResponse, type QueryBuilder } from '../support/dns-query.ts';
import { answerTo, startFakeUpstream, type FakeUpstream } from '../support/fake-upstream.ts';
import { QNAME, rawResponse, soaRdata } from '../support/raw-response.ts';
import { TestServer } from '../support/server.ts';

const AA = 0x0400;
const TC = 0x0200;
const RD = 0x0100;
const RA = 0x0080;
const Z = 0x0040;
const AD = 0x0020;
const CD = 0x0010;

let upstream: FakeUpstream;
let server: TestServer;

beforeAll(async () => {
  upstream = await startFakeUpstream(({ raw, name, type }) => {
    const id = raw.readUInt16BE(0);
    const number = raw.readUInt16BE(14 + name.length);
    const question = { name, type: number };
    const soa = { owner: 'example.org', type: 6, rdata: soaRdata(30) };
    if (type === 'SOA') return rawResponse({ id, question, answer: [soa] });
    if (number === 666) return rawResponse({ id, question, authority: [soa] });
    if (number === 65_280) return rawResponse({ id, question, answer: [OPAQUE] });
    if (number === 65) return rawResponse({ id, question, answer: [SERVICE] });
    if (name.toLowerCase().startsWith('large')) return rawResponse({ id, question, answer: LARGE });
    return octetAnswer(raw);
  });
  server = await TestServer.start({ upstream: `127.0.0.1:${upstream.port}` });
}, 60_000);

afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await upstream.close();
});

/** RDATA that would be a pointer in a type with names; it must pass untouched (RFC 3597). */
const OPAQUE = { owner: QNAME, type: 65_280, rdata: [0xc0, 0x0c, 0, 1, 2, 0xff, 0xc0, 0x0c] };
/** HTTPS with priority 1, target ".", and an ipv4hint. */
const SERVICE = { owner: QNAME, type: 65, rdata: [0, 1, 0, 0, 4, 0, 4, 192, 0, 2, 5] };
const LARGE = Array.from({ length: 6 }, (_, index) => ({
  owner: QNAME,
  type: 16,
  rdata: [255, ...new Array<number>(255).fill(0x61 + index)],
}));
const option = (code: number, ...data: number[]) => ({ code, data: Uint8Array.from(data) });
const COOKIE = option(10, 1, 2, 3, 4, 5, 6, 7, 8);
const SUBNET = option(8, 0, 1, 24, 0, 192, 0, 2);

interface Expectation {
  readonly rcode?: number;
  /** Flags that must be set beside QR and RA, and flags that must not. */
  readonly set?: number;
  readonly clear?: number;
  readonly hasAnswer?: boolean;
  readonly hasOpt?: boolean;
}

/** Name of the check in ISC's tester, the query, and what a compliant recursive resolver says. */
const CHECKS: readonly (readonly [name: string, query: QueryBuilder, expected: Expectation])[] = [
  ['dns', soa(), { set: RD, clear: AA | TC | Z | AD | CD }],
  ['aa', soa().flags(RD | AA), { clear: AA }],
  ['ad', soa().ad(), { clear: Z }],
  ['cd', soa().cd(), { set: CD }],
  ['ra', soa().flags(RD | RA), {}],
  ['rd', soa().flags(0), { clear: RD }],
  ['tc', soa().flags(RD | TC), { clear: TC }],
  ['zflag', soa().flags(RD | Z), { clear: Z }],
  ['opcode', soa().opcode(15), { rcode: 4, hasAnswer: false }],
  [
    'opcode, a header alone',
    soa().opcode(15).questions(0).rawName(new Uint8Array()),
    { rcode: 4, hasAnswer: false },
  ],
  [
    'opcodeflg',
    soa().flags(0x7800 | AA | TC | Z | AD),
    { rcode: 4, clear: AA | TC | Z | AD, hasAnswer: false },
  ],
  ['type666', soa().type(666), { hasAnswer: false }],
  ['edns', soa().edns(), { hasOpt: true }],
  ['edns1', soa().edns({ version: 1 }), { rcode: 16, hasOpt: true, hasAnswer: false }],
  ['ednsopt', soa().edns({ options: [option(100)] }), { hasOpt: true }],
  [
    'edns1opt',
    soa().edns({ version: 1, options: [option(100)] }),
    { rcode: 16, hasOpt: true, hasAnswer: false },
  ],
  ['do', soa().dnssecOk(), { hasOpt: true }],
  [
    'edns1do',
    soa().edns({ version: 1, isDnssecOk: true }),
    { rcode: 16, hasOpt: true, hasAnswer: false },
  ],
  ['optlist', soa().edns({ options: [option(3), COOKIE, SUBNET, option(9)] }), { hasOpt: true }],
  ['ednsnsid', soa().edns({ options: [option(3)] }), { hasOpt: true }],
  ['ednscookie', soa().edns({ options: [COOKIE] }), { hasOpt: true }],
  ['ednsexpire', soa().edns({ options: [option(9)] }), { hasOpt: true }],
  ['ednssubnet', soa().edns({ options: [SUBNET] }), { hasOpt: true }],
  ['ednspadding', soa().edns({ options: [option(12, 0, 0, 0)] }), { hasOpt: true }],
  ['edns, payload size 0', soa().edns({ payloadSize: 0 }), { hasOpt: true }],
];

describe.each(['UDP', 'TCP'] as const)('the compliance set over %s', (transport) => {
  it.each(CHECKS)('%s', async (_, builder, expected) => {
    const { rcode = 0, set = 0, clear = 0, hasAnswer = true, hasOpt = false } = expected;
    const { response, records } = await askStrictly(builder.build(), transport);
    const flags = response.readUInt16BE(2);
    expect(rcodeOf(response, records)).toBe(rcode);
    expect(flags & (RA | set)).toBe(RA | set);
    expect(flags & clear).toBe(0);
    expect(records.some(({ section }) => section === 'answer')).toBe(hasAnswer);
    expect(records.some(({ type }) => type === 41)).toBe(hasOpt);
  });

  it('ednsflags: a reserved flag of the OPT is not echoed, DO is', async () => {
    const query = soa().dnssecOk().build();
    query[query.length - 4] = 0xff;
    query[query.length - 3] = 0xff;
    const { records } = await askStrictly(query, transport);
    expect(records.find(({ type }) => type === 41)?.ttl).toBe(0x8000);
  });

  it('every type of class IN passes, known or not, its RDATA octet for octet (RFC 3597, RFC 9460)', async () => {
    for (const sent of [OPAQUE, SERVICE]) {
      const query = aQuery().name('Opaque.example.org').type(sent.type).build();
      const { response, records } = await askStrictly(query, transport);
      const [{ rdataAt, rdataLength } = { rdataAt: 0, rdataLength: 0 }] = records;
      expect([...response.subarray(rdataAt, rdataAt + rdataLength)]).toEqual(sent.rdata);
    }
  });
});

describe('ednstcp: what does not fit', () => {
  it.each([
    ['without EDNS', aQuery(), 512],
    ['at 512 octets', aQuery().edns({ payloadSize: 512 }), 512],
    ['at 1,232 octets', aQuery().edns({ payloadSize: 1232 }), 1232],
    ['at 4,096 octets, of which we use 1,232', aQuery().edns({ payloadSize: 4096 }), 1232],
  ])('%s is cut to TC over UDP and whole over TCP', async (_, builder, limit) => {
    const query = builder.name('large.example.org').type('TXT').build();
    const cut = await askStrictly(query, 'UDP');
    expect(cut.response.readUInt16BE(2) & TC).toBe(TC);
    expect(cut.response.length).toBeLessThanOrEqual(limit);
    const whole = await askStrictly(query, 'TCP');
    expect(whole.response.readUInt16BE(2) & TC).toBe(0);
    expect(whole.records.filter(({ type }) => type === 16)).toHaveLength(6);
  });
});

describe('what the standards say of a forwarder', () => {
  it('the reply keeps the client’s case, whatever the cache holds (RFC 4343)', async () => {
    for (const name of ['case.example.org', 'CASE.Example.ORG']) {
      const response = decodeResponse(await askUdp(server.port, aQuery().name(name).build()));
      expect(response).toMatchObject({ questions: [{ name }], answers: [{ name }] });
    }
    expect(
      upstream.queries.filter(({ name }) => name.toLowerCase() === 'case.example.org'),
    ).toHaveLength(1);
  });

  it('upstream sees a query of ours: its own ID and port, no option, no client data (RFC 6891, RFC 7871)', async () => {
    const id = 0x7777;
    const query = aQuery()
      .id(id)
      .name('own.example.org')
      .edns({ options: [COOKIE, SUBNET] })
      .build();
    await askUdp(server.port, query);
    const sent = upstream.queries.find(({ name }) => name.toLowerCase() === 'own.example.org')!;
    const opt = sent.packet.additionals.find(({ type }) => type === 'OPT');
    expect(opt).toMatchObject({ udpPayloadSize: 1232, options: [] });
    expect(sent.raw.includes(Buffer.from(SUBNET.data))).toBe(false);
    expect(sent.raw.readUInt16BE(2) & RD).toBe(RD);
  });

  it('IDs, ports and case are drawn anew for each question (RFC 5452)', async () => {
    const before = upstream.queries.length;
    for (let index = 0; index < 40; index++) {
      await askUdp(server.port, aQuery().id(5).name(`random${index}.example.org`).build());
    }
    const sent = upstream.queries.slice(before);
    expect(sent).toHaveLength(40);
    expect(new Set(sent.map(({ raw }) => raw.readUInt16BE(0))).size).toBeGreaterThan(35);
    expect(new Set(sent.map(({ sourcePort }) => sourcePort)).size).toBeGreaterThan(25);
    const zones = new Set(sent.map(({ name }) => name.slice(name.indexOf('.'))));
    expect(zones.size).toBeGreaterThan(25);
  });

  it.each([
    ['localhost', 'A', 'NOERROR', '127.0.0.1'],
    ['a.b.localhost', 'AAAA', 'NOERROR', '::1'],
    ['x.invalid', 'A', 'NXDOMAIN', undefined],
    ['x.test', 'A', 'NXDOMAIN', undefined],
    ['printer.local', 'A', 'NXDOMAIN', undefined],
    ['a.onion', 'A', 'NXDOMAIN', undefined],
    ['x.home.arpa', 'A', 'NXDOMAIN', undefined],
    ['x.alt', 'A', 'NXDOMAIN', undefined],
    ['1.0.0.10.in-addr.arpa', 'PTR', 'NXDOMAIN', undefined],
    ['1.1.168.192.in-addr.arpa', 'PTR', 'NXDOMAIN', undefined],
    ['1.0.0.127.in-addr.arpa', 'PTR', 'NXDOMAIN', undefined],
    ['1.1.254.169.in-addr.arpa', 'PTR', 'NXDOMAIN', undefined],
    ['1.1.64.100.in-addr.arpa', 'PTR', 'NXDOMAIN', undefined],
    ['8.e.f.ip6.arpa', 'PTR', 'NOERROR', undefined],
    ['_dns.resolver.arpa', 'SVCB', 'NOERROR', undefined],
  ])(
    '%s %s is answered here: %s %s (RFC 6761, RFC 6303, RFC 9462)',
    async (name, type, rcode, data) => {
      const before = upstream.queries.length;
      const response = decodeResponse(
        await askUdp(server.port, aQuery().name(name).type(type).build()),
      );
      expect(response.rcode).toBe(rcode);
      expect(response.answers[0]?.data).toBe(data);
      expect(upstream.queries).toHaveLength(before);
    },
  );

  it('example and its subdomains are not special (RFC 6761, section 6.5)', async () => {
    const response = decodeResponse(
      await askUdp(server.port, aQuery().name('www.example').build()),
    );
    expect(response.answers).toMatchObject([{ data: '192.0.2.1' }]);
  });

  it('an upstream that knows no EDNS is asked without, and its answer counts (RFC 6891, section 7)', async () => {
    const old = await startFakeUpstream((query) =>
      query.hasOpt ? answerTo(query, { rcode: 1, hasOpt: false }) : octetAnswer(query.raw),
    );
    await using other = await TestServer.start({ upstream: `127.0.0.1:${old.port}` });
    const query = aQuery().name('old.example.org').edns().build();
    const { response, records } = await askStrictly(query, 'UDP', other.port);
    expect(rcodeOf(response, records)).toBe(0);
    expect(records.map(({ type }) => type)).toEqual([1, 41]);
    expect(old.queries.map(({ hasOpt }) => hasOpt)).toEqual([true, false]);
    await old.close();
  }, 60_000);
});

function soa(): QueryBuilder {
  return aQuery().name('example.org').type('SOA');
}

async function askStrictly(
  query: Buffer,
  transport: 'UDP' | 'TCP',
  port = server.port,
): Promise<{ response: Buffer; records: StrictRecord[] }> {
  const response = await (transport === 'UDP' ? askUdp(port, query) : askTcp(port, query));
  const judged = judgeQuery(query, query.length);
  const records: StrictRecord[] = [];
  expect(
    faultOf(response, query, judged, limitFor(judged, transport === 'TCP'), records),
  ).toBeNull();
  return { response, records };
}
