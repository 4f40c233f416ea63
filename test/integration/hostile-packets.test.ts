/**
 * Packets that no honest client sends, over live UDP and TCP. Behind each packet goes a query for
 * `localhost` on the same socket: what comes back before its answer is what the packet got, so that
 * silence is seen without waiting for it.
 */

import { createSocket } from 'node:dgram';
import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { octetAnswer } from '../fuzz/octet-answer.ts';
import { judgeQuery } from '../fuzz/query-oracle.ts';
import { faultOf, limitFor, rcodeOf, type StrictRecord } from '../fuzz/strict-response.ts';
import { expectUnharmed } from '../fuzz/unharmed.ts';
import {
  aQuery,
  askUdp,
  decodeResponse,
  edesOf,
  FrameReader,
  frameOf,
} from '../support/dns-query.ts';
import { startFakeUpstream, type FakeUpstream } from '../support/fake-upstream.ts';
import { TestServer } from '../support/server.ts';

const WAIT_MS = 10_000;
const CANARY_ID = 0xcafe;
const CANARY = aQuery().id(CANARY_ID).name('localhost').build();
const SILENCE = 'silence';
const FORMERR = 1;
const NOTIMP = 4;
const REFUSED = 5;
const BADVERS = 16;

let upstream: FakeUpstream;
let server: TestServer;
let pid: number | undefined;

beforeAll(async () => {
  upstream = await startFakeUpstream(({ raw }) => octetAnswer(raw));
  server = await TestServer.start({
    upstream: `127.0.0.1:${upstream.port}`,
    config: 'access: { prefixes: [127.0.0.1/32] }\n',
  });
  await server.apply(
    [
      'plans: [{ id: hostile, deny: [adult.example] }]',
      'subscribers: [{ id: home, plan: hostile, addresses: [127.0.0.1/32] }]',
    ].join('\n'),
  );
  pid = server.process.pid;
}, 90_000);

afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await upstream.close();
});

const octets = (...values: number[]): Uint8Array => Uint8Array.from(values);
const label = (length: number): number[] => [length, ...new Array<number>(length).fill(0x61)];
/** Root, type, class, TTL and RDATA of a record that stands in the additional section. */
const record = (
  owner: number[],
  type: number,
  rdata: number[],
  length = rdata.length,
): Uint8Array =>
  octets(...owner, type >> 8, type & 0xff, 0, 1, 0, 0, 0, 0, length >> 8, length & 0xff, ...rdata);
const option = (code: number, length: number, data: number[] = []): number[] => [
  ...[code >> 8, code & 0xff, length >> 8, length & 0xff],
  ...data,
];
/** A query whose header counts one additional record, and that record. */
const withRecord = (additional: Uint8Array): Buffer => {
  const query = aQuery().trailing(additional).build();
  query.writeUInt16BE(1, 10);
  return query;
};
const counted = (at: number, count: number): Buffer => {
  const query = aQuery().build();
  query.writeUInt16BE(count, at);
  return query;
};

/** What is wrong with it, the octets, and what it must get: silence or an RCODE. */
const PACKETS: readonly (readonly [what: string, packet: Uint8Array, outcome: string | number])[] =
  [
    ['nothing but an ID', octets(0x12, 0x34), SILENCE],
    ['eleven octets of a header', aQuery().build().subarray(0, 11), SILENCE],
    ['a header alone, QDCOUNT 1', aQuery().build().subarray(0, 12), FORMERR],
    ['a response', aQuery().flags(0x8180).build(), SILENCE],
    ['a response of an unknown opcode', aQuery().flags(0xf800).build(), SILENCE],
    [
      'a response with trailing octets',
      aQuery().flags(0x8580).trailing(octets(1)).build(),
      SILENCE,
    ],
    ['QDCOUNT 0 with a question', aQuery().questionCount(0).build(), FORMERR],
    ['QDCOUNT 0 without one', counted(4, 0).subarray(0, 12), FORMERR],
    ['QDCOUNT 2, two questions', aQuery().questions(2).build(), FORMERR],
    ['QDCOUNT 2, one question', aQuery().questionCount(2).build(), FORMERR],
    ['QDCOUNT 65,535', aQuery().questionCount(65_535).build(), FORMERR],
    ['ANCOUNT 1', counted(6, 1), FORMERR],
    ['NSCOUNT 1', counted(8, 1), FORMERR],
    ['ARCOUNT 1 and no record', counted(10, 1), FORMERR],
    ['ARCOUNT 65,535', counted(10, 65_535), FORMERR],
    ['a name that points to itself', aQuery().rawName(octets(0xc0, 0x0c)).build(), FORMERR],
    ['a name that points forward', aQuery().rawName(octets(0xc0, 0x20)).build(), FORMERR],
    ['a name that points into the header', aQuery().rawName(octets(0xc0, 0)).build(), FORMERR],
    [
      'a label, then a loop',
      aQuery()
        .rawName(octets(1, 0x61, 0xc0, 0x0c))
        .build(),
      FORMERR,
    ],
    ['half a pointer', aQuery().build().subarray(0, 12), FORMERR],
    [
      'a label of 64 octets',
      aQuery()
        .rawName(octets(...label(64), 0))
        .build(),
      FORMERR,
    ],
    [
      'a label of 191 octets',
      aQuery()
        .rawName(octets(...label(191), 0))
        .build(),
      FORMERR,
    ],
    [
      'a label type 0x41',
      aQuery()
        .rawName(octets(0x41, 1, 0x61, 0))
        .build(),
      FORMERR,
    ],
    ['a name of 256 octets', aQuery().rawName(aName(256)).build(), FORMERR],
    ['a name of 128 labels', aQuery().rawName(aName(257, 1)).build(), FORMERR],
    [
      'a name without an end',
      aQuery()
        .rawName(octets(3, 0x61, 0x62))
        .build(),
      FORMERR,
    ],
    ['trailing octets', aQuery().trailing(octets(0)).build(), FORMERR],
    ['trailing octets behind an OPT', aQuery().edns().trailing(octets(0, 0)).build(), FORMERR],
    ['two OPTs', aQuery().edns().edns().build(), FORMERR],
    ['an OPT of another owner', withRecord(record([1, 0x61, 0], 41, [])), FORMERR],
    ['an OPT whose owner points to the root', withRecord(record([0xc0, 0x18], 41, [])), FORMERR],
    ['RDLENGTH behind the end', withRecord(record([0], 41, [], 4)), FORMERR],
    ['RDLENGTH 65,535', withRecord(record([0], 41, [], 65_535)), FORMERR],
    ['half an option', withRecord(record([0], 41, [0, 10, 0])), FORMERR],
    ['an option longer than its record', withRecord(record([0], 41, option(10, 9, [1]))), FORMERR],
    ['an option of 65,535 octets', withRecord(record([0], 41, option(10, 65_535))), FORMERR],
    ['33 options', withRecord(record([0], 41, options(33))), FORMERR],
    ['ECS of three octets', withRecord(record([0], 41, option(8, 3, [0, 1, 0]))), FORMERR],
    ['ECS /33', withRecord(record([0], 41, option(8, 9, [0, 1, 33, 0, 1, 2, 3, 4, 5]))), FORMERR],
    [
      'ECS with a bit too many',
      withRecord(record([0], 41, option(8, 5, [0, 1, 1, 0, 64]))),
      FORMERR,
    ],
    ['ECS with a scope', withRecord(record([0], 41, option(8, 4, [0, 1, 0, 8]))), FORMERR],
    ['a record that points to itself', withRecord(record([0xc0, 0x1d], 1, [])), FORMERR],
    ['a record that points forward', withRecord(record([0xc0, 0xff], 250, [])), FORMERR],
    ['nine additional records', tenfold(9), FORMERR],
    ['EDNS version 1', aQuery().edns({ version: 1 }).build(), BADVERS],
    ['EDNS version 255', aQuery().edns({ version: 255 }).build(), BADVERS],
    [
      'EDNS version 1 of a blocked name',
      aQuery().name('adult.example').edns({ version: 1 }).build(),
      BADVERS,
    ],
    ['AXFR', aQuery().type('AXFR').build(), REFUSED],
    ['IXFR', aQuery().type('IXFR').build(), REFUSED],
    ['AXFR with EDNS', aQuery().type('AXFR').edns().build(), REFUSED],
    ['MAILB', aQuery().type(253).build(), REFUSED],
    ['TKEY', aQuery().type(249).build(), REFUSED],
    ['TSIG as a type', aQuery().type(250).build(), REFUSED],
    ['OPT as a type', aQuery().type('OPT').build(), REFUSED],
    ['type 0', aQuery().type(0).build(), REFUSED],
    ['class CH', aQuery().name('version.bind').type('TXT').class(3).build(), REFUSED],
    ['class NONE', aQuery().class(254).build(), REFUSED],
    ['class ANY', aQuery().class(255).build(), REFUSED],
    ['class 0', aQuery().class(0).build(), REFUSED],
    ...Array.from(
      { length: 15 },
      (_, index) =>
        [
          `opcode ${index + 1}`,
          aQuery()
            .opcode(index + 1)
            .build(),
          NOTIMP,
        ] as const,
    ),
    ['opcode 5 with a broken body', aQuery().opcode(5).questionCount(9).build(), NOTIMP],
  ];

describe.each(['UDP', 'TCP'] as const)('over %s', (transport) => {
  it('each hostile packet gets what the wire format says', async () => {
    for (const [what, packet, outcome] of PACKETS) {
      const got = await sendHostile(transport, packet);
      expect(describeAll(got, packet, transport), what).toEqual(
        [outcome].filter((x) => x !== SILENCE),
      );
    }
    await expectUnharmed(server, pid);
  }, 60_000);

  it.each([
    ['plain', aQuery().name('adult.example').build()],
    [
      'with EDNS and options',
      aQuery()
        .name('adult.example')
        .edns({
          options: [
            { code: 10, data: octets(1, 2, 3, 4, 5, 6, 7, 8) },
            { code: 65_001, data: octets(1) },
          ],
        })
        .build(),
    ],
  ])(
    'a query %s, cut at every octet, meets silence in its header and FORMERR behind it',
    async (_, query) => {
      for (let length = 0; length < query.length; length++) {
        const packet = query.subarray(0, length);
        const got = await sendHostile(transport, packet);
        const expected = length < 12 ? [] : [FORMERR];
        expect(describeAll(got, packet, transport), `cut to ${length}`).toEqual(expected);
      }
      const [whole] = await sendHostile(transport, query);
      expect(whole && decodeResponse(whole).rcode).toBe('NXDOMAIN');
    },
    60_000,
  );

  it('ANY gets the small answer of RFC 8482 after the decision, and goes nowhere', async () => {
    const before = upstream.queries.length;
    const [open] = await sendHostile(
      transport,
      aQuery().name('any.example.org').type('ANY').build(),
    );
    expect(open?.length).toBeLessThan(512);
    expect(decodeResponse(open!).answers).toMatchObject([
      { type: 'HINFO', data: { cpu: 'RFC8482' } },
    ]);
    const [blocked] = await sendHostile(
      transport,
      aQuery().name('adult.example').type('ANY').build(),
    );
    expect(decodeResponse(blocked!)).toMatchObject({ rcode: 'NXDOMAIN', answers: [] });
    expect(upstream.queries.length).toBe(before);
  });

  it('what looks odd but is well-formed is answered: 255 octets, 32 options, any octet in a label', async () => {
    for (const query of [
      aQuery().rawName(aName(255)).build(),
      aQuery().rawName(aName(255, 1)).build(),
      aQuery()
        .rawName(octets(3, 0, 0x2e, 0xff, 0))
        .build(),
      withRecord(record([0], 41, options(32))),
      // An ECS that asks for privacy, as `dig +subnet=0` writes it, and as RFC 7871 does.
      withRecord(record([0], 41, option(8, 4, [0, 0, 0, 0]))),
      withRecord(record([0], 41, option(8, 4, [0, 1, 0, 0]))),
      // A cookie of a wrong length is ignored like any cookie (RFC 7873, section 5.2.1).
      withRecord(record([0], 41, option(10, 1, [1]))),
      // A record beside the OPT that points back, as TSIG's owner may.
      withRecord(record([0xc0, 0x0c], 250, [])),
    ]) {
      const [response] = await answerOf(transport, query);
      expect(response && describe1(response, query, transport)).toBe(0);
    }
  });

  it('a stranger is refused with EDE 18 for a good query, and hears nothing for a bad one', async () => {
    // Refusals are counted by /24, so each transport has a stranger of its own.
    const from = transport === 'UDP' ? '127.0.1.77' : '127.0.2.77';
    const good = aQuery().id(CANARY_ID).name('localhost').edns().build();
    for (const bad of [
      aQuery().questions(2).build(),
      aQuery().opcode(4).build(),
      aQuery().edns({ version: 1 }).build(),
      aQuery().flags(0x8180).build(),
    ]) {
      const got = await exchange(transport, [bad, good], from);
      expect(got.slice(0, -1)).toEqual([]);
      const refused = decodeResponse(got.at(-1)!);
      expect(refused).toMatchObject({ rcode: 'REFUSED', answers: [] });
      expect(edesOf(refused)).toMatchObject([{ code: 18 }]);
    }
  });
});

describe('a TCP stream', () => {
  it('of frames with 0 and 1 octets goes on, and the next query is answered', async () => {
    const got = await exchange('TCP', [new Uint8Array(0), octets(7), new Uint8Array(0), CANARY]);
    expect(got).toHaveLength(1);
  });

  it('of one frame with 65,535 octets gets FORMERR, or silence for noise that claims to be a response', async () => {
    const long = Buffer.alloc(65_535);
    aQuery().build().copy(long);
    const noise = Buffer.alloc(65_535, 0xff);
    const got = await exchange('TCP', [long, noise, CANARY]);
    expect(got.map((bytes) => bytes[3]! & 0xf)).toEqual([FORMERR, 0]);
  });

  it('that is cut in a frame is closed without an answer', async () => {
    for (const cut of [
      octets(0),
      octets(0, 30),
      octets(0xff, 0xff, 1, 2, 3),
      frameOf(CANARY).subarray(0, 20),
    ]) {
      const stream = await open();
      stream.socket.end(cut);
      await stream.closed;
      expect(stream.frames.messages).toEqual([]);
    }
  });

  it('that is half-closed behind its queries gets every answer before the end', async () => {
    const stream = await open();
    const queries = [CANARY, aQuery().id(2).name('half.example.org').build(), CANARY];
    stream.socket.end(Buffer.concat(queries.map(frameOf)));
    await stream.closed;
    expect(
      stream.frames.messages.map((bytes) => bytes.readUInt16BE(0)).sort((a, b) => a - b),
    ).toEqual([2, CANARY_ID, CANARY_ID]);
  });

  it('of one octet a second is closed within seconds, and the others are served meanwhile', async () => {
    const stream = await open();
    const startMs = Date.now();
    const frame = frameOf(aQuery().build());
    let at = 0;
    const drip = setInterval(() => stream.socket.write(frame.subarray(at, ++at)), 1000);
    const others = Array.from({ length: 20 }, (_, id) =>
      askUdp(server.port, aQuery().id(id).name('localhost').build()),
    );
    expect(await Promise.all(others)).toHaveLength(20);
    await stream.closed;
    clearInterval(drip);
    expect(Date.now() - startMs).toBeLessThan(15_000);
    expect(stream.frames.messages).toEqual([]);
    await expectUnharmed(server, pid);
  }, 30_000);

  it('beside three hundred idle clients is served all the same (RFC 9210)', async () => {
    const hosts = ['127.0.0.2', '127.0.0.3', '127.0.0.4', '127.0.0.5'];
    const idle = await Promise.all(
      hosts.flatMap((from) => Array.from({ length: 75 }, () => open(from))),
    );
    expect(await exchange('TCP', [CANARY])).toHaveLength(1);
    for (const { socket } of idle) socket.destroy();
  });
});

/** A name of exactly this many octets, its labels as long as may be. */
function aName(length: number, labelMax = 63): Uint8Array {
  const name: number[] = [];
  while (length - 1 - name.length > 0) {
    const room = length - 1 - name.length;
    // A label never leaves a single octet over, in which no other would fit.
    const size = Math.min(labelMax, room - 1 === labelMax + 1 ? labelMax - 1 : room - 1);
    name.push(...label(size));
  }
  return octets(...name, 0);
}

function options(count: number): number[] {
  return Array.from({ length: count }, () => option(65_001, 0)).flat();
}

function tenfold(count: number): Buffer {
  const one = record([0], 250, []);
  const query = aQuery()
    .trailing(Buffer.concat(new Array<Uint8Array>(count).fill(one)))
    .build();
  query.writeUInt16BE(count, 10);
  return query;
}

/** What came back for the packet before the canary's answer. */
async function sendHostile(transport: 'UDP' | 'TCP', packet: Uint8Array): Promise<Buffer[]> {
  const got = await exchange(transport, [packet, CANARY]);
  expect(got.at(-1)?.readUInt16BE(0)).toBe(CANARY_ID);
  return got.slice(0, -1);
}

/** For queries that go upstream: their answer may come after the canary's. */
async function answerOf(transport: 'UDP' | 'TCP', query: Uint8Array): Promise<Buffer[]> {
  const id = Buffer.from(query).readUInt16BE(0);
  return exchange(transport, [query], undefined, id);
}

/** Sends all on one socket and collects what comes until an answer with the ID of the last. */
async function exchange(
  transport: 'UDP' | 'TCP',
  packets: readonly Uint8Array[],
  from?: string,
  lastId = CANARY_ID,
): Promise<Buffer[]> {
  const got: Buffer[] = [];
  return new Promise<Buffer[]>((resolve, reject) => {
    const late = setTimeout(() => {
      finish();
      reject(new Error(`No answer to the last packet over ${transport}; ${got.length} before it`));
    }, WAIT_MS);
    const finish = transport === 'UDP' ? overUdp() : overTcp();
    function take(message: Buffer): void {
      got.push(message);
      if (message.readUInt16BE(0) !== lastId) return;
      clearTimeout(late);
      finish();
      resolve(got);
    }
    function overUdp(): () => void {
      const socket = createSocket('udp4');
      socket.on('message', take);
      socket.bind(0, from, () => {
        for (const packet of packets) socket.send(packet, server.port, '127.0.0.1');
      });
      return () => {
        socket.close();
      };
    }
    function overTcp(): () => void {
      const socket = connect({
        port: server.port,
        host: '127.0.0.1',
        ...(from && { localAddress: from }),
      });
      const frames = new FrameReader();
      socket.on('error', reject);
      socket.on('data', (chunk) => {
        frames.push(chunk);
        for (const message of frames.messages.splice(0)) take(message);
      });
      socket.write(Buffer.concat(packets.map(frameOf)));
      return () => {
        socket.destroy();
      };
    }
  });
}

/** RCODEs of the responses, each read strictly; a sentence instead where one is faulty. */
function describeAll(
  responses: readonly Buffer[],
  packet: Uint8Array,
  transport: 'UDP' | 'TCP',
): (number | string)[] {
  return responses.map((response) => describe1(response, packet, transport));
}

function describe1(
  response: Buffer,
  packet: Uint8Array,
  transport: 'UDP' | 'TCP',
): number | string {
  const judged = judgeQuery(packet, packet.length);
  const records: StrictRecord[] = [];
  const limit = limitFor(judged, transport === 'TCP');
  return faultOf(response, packet, judged, limit, records) ?? rcodeOf(response, records);
}

interface OpenStream {
  readonly socket: Socket;
  readonly frames: FrameReader;
  readonly closed: Promise<void>;
}

function open(from = '127.0.0.1'): Promise<OpenStream> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port: server.port, host: '127.0.0.1', localAddress: from });
    const frames = new FrameReader();
    socket.on('data', (chunk) => {
      frames.push(chunk);
    });
    const closed = new Promise<void>((done) => {
      socket.on('close', () => {
        done();
      });
    });
    socket.on('error', reject);
    socket.on('connect', () => {
      resolve({ socket, frames, closed });
    });
  });
}
