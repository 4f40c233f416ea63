import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { nameToText } from '../../../src/dns/name.ts';
import { lowerCaseOctet } from '../../../src/lib/bytes.ts';
import { TransferError } from '../../../src/lists/transfer/transfer-error.ts';
import {
  cname,
  soa,
  type TestRecord,
  TYPE_A,
  TYPE_TXT,
  wire,
  zoneMessage,
} from '../../support/zone-messages.ts';
import {
  AXFR,
  copyOf,
  differences,
  IXFR,
  linesOf,
  receive,
  transferMessages,
  ZONE,
} from './helpers.ts';

function faultOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof TransferError) return `${error.fault}: ${error.message}`;
    throw error;
  }
  return 'none';
}

describe('a whole zone', () => {
  const records = [soa(9), cname('b.example'), cname('*.a.example', 'rpz-passthru'), soa(9)];

  test('is taken in one message or in many, with the question or without', () => {
    for (const perMessage of [1, 2, 3, 4]) {
      const copy = copyOf([]);
      const stream = receive(transferMessages(AXFR, records, perMessage), copy, null);
      expect(stream).toMatchObject({ isDone: true, outcome: 'whole', soa: { serial: 9 } });
      expect(linesOf(copy)).toEqual(['*.a.example CNAME rpz-passthru.', 'b.example CNAME .']);
    }
  });

  test('may answer a question for differences, and then replaces the copy', () => {
    for (const perMessage of [1, 4]) {
      const copy = copyOf(['old.example CNAME .', 'b.example CNAME .']);
      const stream = receive(transferMessages(IXFR, records, perMessage), copy, 8);
      expect(stream).toMatchObject({ isDone: true, outcome: 'whole' });
      expect(linesOf(copy)).toEqual(['*.a.example CNAME rpz-passthru.', 'b.example CNAME .']);
    }
  });

  test('without records is one too', () => {
    const copy = copyOf(['old.example CNAME .']);
    expect(receive(transferMessages(IXFR, [soa(9), soa(9)]), copy, 8).outcome).toBe('whole');
    expect(linesOf(copy)).toEqual([]);
  });

  test('is not done before its second SOA', () => {
    expect(receive(transferMessages(AXFR, records.slice(0, -1)), copyOf([]), null).isDone).toBe(
      false,
    );
  });
});

describe('differences', () => {
  const before = ['a.example CNAME .', 'b.example CNAME .', 'c.example CNAME .'];
  const versions = [
    { serial: 8, removed: [cname('a.example')], added: [cname('d.example')] },
    {
      serial: 9,
      removed: [cname('d.example'), cname('b.example')],
      added: [cname('b.example', '*')],
    },
    { serial: 11, removed: [], added: [cname('a.example')] },
  ];

  test('of several versions are applied one after the other', () => {
    for (let perMessage = 1; perMessage < 14; perMessage++) {
      const copy = copyOf(before);
      const messages = transferMessages(IXFR, differences(versions, 7), perMessage);
      const stream = receive(messages, copy, 7);
      expect(stream).toMatchObject({ isDone: true, outcome: 'differences', soa: { serial: 11 } });
      expect(linesOf(copy)).toEqual([
        'a.example CNAME .',
        'b.example CNAME *.',
        'c.example CNAME .',
      ]);
    }
  });

  test('over the end of the serial numbers go forward', () => {
    const copy = copyOf([]);
    const over = [{ serial: 3, removed: [], added: [cname('a.example')] }];
    const messages = transferMessages(IXFR, differences(over, 0xffffffff));
    expect(receive(messages, copy, 0xffffffff).outcome).toBe('differences');
  });

  test('are none where the primary has our version or an older one', () => {
    for (const serial of [7, 6]) {
      const copy = copyOf(before);
      expect(receive(transferMessages(IXFR, [soa(serial)]), copy, 7)).toMatchObject({
        isDone: true,
        outcome: 'unchanged',
        soa: { serial },
      });
      expect(linesOf(copy)).toEqual(before);
    }
  });

  test('that do not fit the copy are a mismatch', () => {
    const sent = (...records: TestRecord[]): (() => unknown) => {
      return () => receive(transferMessages(IXFR, records), copyOf(before), 7);
    };
    expect(faultOf(sent(soa(9), soa(6), soa(9), soa(9)))).toMatch(/^mismatch.*begin at serial 6/);
    expect(faultOf(sent(soa(9), soa(7), cname('x.example'), soa(9), soa(9)))).toMatch(
      /^mismatch.*removes what our copy has not: x.example/,
    );
    expect(faultOf(sent(soa(9), soa(7), soa(9), cname('a.example'), soa(9)))).toMatch(
      /^mismatch.*adds what our copy has: a.example/,
    );
    expect(faultOf(sent(soa(9), soa(7), soa(8), soa(7), soa(9), soa(9)))).toMatch(
      /^mismatch.*go on from serial 7/,
    );
    expect(faultOf(sent(soa(9), soa(7), soa(7)))).toMatch(/^mismatch.*from serial 7 to 7/);
    expect(faultOf(sent(soa(9), soa(7), soa(10)))).toMatch(/^mismatch.*from serial 7 to 10/);
  });

  test('give the same zone as the zone itself, however they came to be and are cut', () => {
    const owners = ['a', 'b', 'c', 'D', 'e.a'].map((label) => `${label}.example`);
    const aRecord = fc.constantFrom(
      ...owners.flatMap((owner) => [
        cname(owner),
        cname(`*.${owner}`, 'rpz-passthru'),
        { owner, type: TYPE_A, rdata: Uint8Array.of(192, 0, 2, 1) },
        { owner, type: TYPE_TXT, rdata: Uint8Array.of(1, 0x3b) },
      ]),
    );
    const aVersion = fc.uniqueArray(aRecord, { maxLength: 12 });
    fc.assert(
      fc.property(
        fc.array(aVersion, { minLength: 2, maxLength: 5 }),
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 0, max: 0xffffffff }),
        (versions, perMessage, first) => {
          const serialOf = (index: number): number => (first + index) >>> 0;
          const steps = versions.slice(1).map((version, index) => {
            const old = versions[index] ?? [];
            return {
              serial: serialOf(index + 1),
              removed: old.filter((record) => !version.includes(record)),
              added: version.filter((record) => !old.includes(record)),
            };
          });
          const whole = (version: readonly TestRecord[], serial: number): string[] => {
            const copy = copyOf([]);
            receive(transferMessages(AXFR, [soa(serial), ...version, soa(serial)]), copy, null);
            return linesOf(copy);
          };
          const copy = copyOf(whole(versions[0] ?? [], first));
          const messages = transferMessages(IXFR, differences(steps, first), perMessage);
          expect(receive(messages, copy, first).outcome).toBe('differences');
          expect(linesOf(copy)).toEqual(whole(versions.at(-1) ?? [], first));
        },
      ),
    );
  });
});

describe('what is no transfer is refused', () => {
  const message = (records: readonly TestRecord[], more = {}): Buffer =>
    zoneMessage({ id: 7, zone: ZONE, type: AXFR, records, ...more });
  const sent = (...messages: Uint8Array[]): string =>
    faultOf(() => receive(messages, copyOf([]), null));

  test('messages of another ID, of no response, or truncated', () => {
    expect(sent(message([soa(9)], { id: 8 }))).toMatch(/^protocol.*another ID/);
    expect(sent(message([soa(9)], { flags: 0 }))).toMatch(/^protocol.*no response/);
    expect(sent(message([soa(9)], { flags: 0xa400 }))).toMatch(/^protocol.*no response/);
    expect(sent(message([soa(9)], { flags: 0x8600 }))).toMatch(/^protocol.*truncated/);
    expect(sent(message([soa(9)]).subarray(0, 11))).toMatch(/^protocol.*cut off/);
    expect(sent(message([soa(9)]).subarray(0, -1))).toMatch(/^protocol/);
  });

  test('messages with an error, which is named', () => {
    expect(sent(message([], { flags: 0x8405 }))).toBe('refused: it answers REFUSED');
    expect(sent(message([], { flags: 0x8409 }))).toBe('refused: it answers NOTAUTH');
    expect(sent(message([], { flags: 0x840f }))).toBe('refused: it answers rcode 15');
  });

  test('messages about another question, in the first and in later ones', () => {
    expect(sent(message([soa(9)], { zone: 'other.example' }))).toMatch(/^protocol.*question/);
    expect(sent(message([soa(9)], { type: IXFR }))).toMatch(/^protocol.*question/);
    expect(sent(message([soa(9)], { hasQuestion: false }))).toMatch(/^protocol.*0 questions/);
    expect(sent(message([soa(9)]), message([cname('a')], { type: IXFR }))).toMatch(
      /^protocol.*question/,
    );
  });

  test('messages without records, which could go on for ever', () => {
    expect(sent(message([soa(9)]), message([]))).toMatch(/^protocol.*no records/);
  });

  test('records before the first SOA, after the last, and another SOA at the end', () => {
    expect(sent(message([cname('a.example')]))).toMatch(/^protocol.*begin with an SOA/);
    expect(sent(message([soa(9), soa(9), cname('a.example')]))).toMatch(/^protocol.*after the end/);
    expect(sent(message([soa(9), soa(9)]), message([cname('a')]))).toMatch(/^protocol.*after the/);
    expect(sent(message([soa(9), soa(10)]))).toMatch(/^protocol.*another SOA/);
    expect(sent(message([soa(9), soa(9, 60)]))).toMatch(/^protocol.*another SOA/);
  });

  test('records of outside the zone, of another class, of no type, or malformed', () => {
    const bad: [TestRecord, RegExp][] = [
      [cname('a.example.'), /outside the zone, a.example/],
      [cname('xrpz.example.'), /outside the zone/],
      [{ ...cname('a'), class: 3 }, /that no zone has, a.rpz.example CNAME/],
      [{ ...cname('a'), type: 250 }, /that no zone has, a.rpz.example TYPE250/],
      [{ ...cname('a'), type: 41 }, /that no zone has/],
      [
        { owner: 'a', type: TYPE_A, rdata: Uint8Array.of(1, 2, 3) },
        /malformed record, a.rpz.example A/,
      ],
      [
        { owner: 'a', type: 5, rdata: Uint8Array.of(0xc0, 0xff) },
        /malformed record, a.rpz.example CNAME/,
      ],
      [{ owner: 'a', type: 5, rdata: Uint8Array.of(0, 0) }, /malformed record/],
      [{ ...soa(9), owner: 'a' }, /SOA that is not the zone’s/],
    ];
    for (const [record, expected] of bad) {
      const fault = sent(message([soa(9), record, soa(9)]));
      expect(fault).toMatch(/^protocol/);
      expect(fault).toMatch(expected);
    }
  });

  test('more records or octets than the limits', () => {
    const many = Array.from({ length: 11 }, (_, index) => cname(`n${index}`));
    const take = (recordsMax: number, bytesMax: number): string =>
      faultOf(() =>
        receive([message([soa(9), ...many, soa(9)])], copyOf([], { recordsMax, bytesMax }), null),
      );
    expect(take(10, 10_000)).toMatch(/^limit/);
    expect(take(11, 100)).toMatch(/^limit/);
    expect(take(11, 10_000)).toBe('none');
  });
});

describe('records become lines', () => {
  const lineOf = (record: TestRecord): string[] => {
    const copy = copyOf([]);
    receive(transferMessages(AXFR, [soa(9), record, soa(9)]), copy, null);
    return linesOf(copy);
  };

  test('in lower case, relative to the zone, without TTL', () => {
    expect(lineOf(cname('WWW.Bad.EXAMPLE', 'Garden.Example'))).toEqual([
      'www.bad.example CNAME garden.example.',
    ]);
    expect(lineOf({ owner: 'a', type: TYPE_A, rdata: Uint8Array.of(192, 0, 2, 1) })).toEqual([
      'a A 192.0.2.1',
    ]);
    expect(lineOf({ owner: '@', type: TYPE_TXT, rdata: Buffer.from('\x02hi') })).toEqual([
      '@ TYPE16 \\# 3 026869',
    ]);
  });

  test('that no octet of a name can break', () => {
    const owner = Buffer.concat([Buffer.of(8), Buffer.from('a\n.;"(\\ ', 'latin1'), wire(ZONE)]);
    const message = zoneMessage({ id: 7, zone: ZONE, type: AXFR, records: [soa(9), soa(9)] });
    const record = Buffer.concat([owner, Buffer.from('00050001000000000001' + '00', 'hex')]);
    const soaAt = message.lastIndexOf(Buffer.of(0xc0, 12));
    const whole = Buffer.concat([message.subarray(0, soaAt), record, message.subarray(soaAt)]);
    whole.writeUInt16BE(3, 6);
    const copy = copyOf([]);
    receive([whole], copy, null);
    expect(linesOf(copy)).toEqual(['a\\010\\.\\;\\"\\(\\\\\\032 CNAME .']);
  });

  test('whose owner is the presentation form of its octets, whatever they are', () => {
    const aLabel = fc.oneof(
      fc.uint8Array({ minLength: 1, maxLength: 12 }),
      fc.stringMatching(/^[a-z0-9_*-]{1,12}$/).map((text) => Buffer.from(text)),
    );
    fc.assert(
      fc.property(fc.array(aLabel, { minLength: 1, maxLength: 6 }), (labels) => {
        const lowered = labels.map((label) => Buffer.from(label.map(lowerCaseOctet)));
        const owner = labels.flatMap((label) => [Buffer.of(label.length), label]);
        const record = Buffer.concat([
          ...owner,
          wire(ZONE),
          Buffer.from('00050001000000000001' + '00', 'hex'),
        ]);
        const head = zoneMessage({ id: 7, zone: ZONE, type: AXFR, records: [soa(9)] });
        const whole = Buffer.concat([head, record]);
        whole.writeUInt16BE(2, 6);
        const copy = copyOf([]);
        receive([whole], copy, null);
        const octets = lowered.flatMap((label) => [Buffer.of(label.length), label]);
        const text = nameToText(Buffer.concat([...octets, Buffer.of(0)]));
        expect(linesOf(copy)).toEqual([`${text} CNAME .`]);
      }),
    );
  });

  test('but not those of signatures, nor data that are longer than a line', () => {
    for (const type of [46, 47, 48, 50, 51, 63]) {
      const rdata = type === 46 ? Buffer.concat([Buffer.alloc(18), wire('.')]) : Buffer.alloc(20);
      expect(lineOf({ owner: 'a', type, rdata })).toEqual([]);
    }
    expect(lineOf({ owner: 'a', type: TYPE_TXT, rdata: Buffer.alloc(1025) })).toEqual([]);
    expect(lineOf({ owner: 'a', type: TYPE_TXT, rdata: Buffer.alloc(65_000) })).toEqual([]);
    expect(lineOf({ owner: 'a', type: TYPE_TXT, rdata: Buffer.alloc(1024) })).toHaveLength(1);
  });
});

describe('any octets', () => {
  const records = [
    ...differences(
      [
        { serial: 8, removed: [cname('a.example')], added: [cname('b.example')] },
        { serial: 9, removed: [cname('b.example')], added: [cname('c.example', 'rpz-drop')] },
      ],
      7,
    ),
  ];

  test('end in a transfer or in an error that says why, never in anything else', () => {
    const base = transferMessages(IXFR, records, 4);
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(), fc.nat(), fc.nat(255)), { maxLength: 6 }),
        fc.option(fc.nat(), { nil: null }),
        (changes, cut) => {
          const messages = base.map((message) => Uint8Array.from(message));
          for (const [which, at, octet] of changes) {
            const message = messages[which % messages.length] ?? new Uint8Array(1);
            message[at % message.length] = octet;
          }
          if (cut !== null) {
            const last = messages.pop() ?? new Uint8Array(0);
            messages.push(last.subarray(0, cut % (last.length + 1)));
          }
          const copy = copyOf(['a.example CNAME .']);
          const fault = faultOf(() => receive(messages, copy, 7));
          expect(fault).toMatch(/^(none|protocol|mismatch|refused|limit)/);
          for (const line of linesOf(copy)) expect(line).toMatch(/^[!-~]+ [A-Z0-9]+ [ -~]+$/);
        },
      ),
      { numRuns: 3_000 },
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (octets) => {
        expect(faultOf(() => receive([octets], copyOf([]), null))).toMatch(/^(protocol|refused)/);
      }),
      { numRuns: 2_000 },
    );
  });

  test('of a message full of the longest names cost little', () => {
    const head = zoneMessage({ id: 7, zone: ZONE, type: AXFR, records: [soa(9)] });
    // The RDATA of one record are 120 labels, each with a pointer to the one before.
    const chainAt = head.length + 12;
    const chain = Buffer.concat(
      Array.from({ length: 120 }, (_, index) => {
        const before = index === 0 ? 12 : chainAt + (index - 1) * 4;
        return Buffer.of(1, 0x61, 0xc0 | (before >>> 8), before & 0xff);
      }),
    );
    const last = chainAt + 119 * 4;
    const record = Buffer.of(0xc0 | (last >>> 8), last & 0xff, 0, 5, 0, 1, 0, 0, 0, 0, 0, 1, 0);
    const count = Math.floor((65_535 - chainAt - chain.length) / record.length);
    const message = Buffer.concat([
      head,
      Buffer.of(0xc0, 12, 0, TYPE_TXT, 0, 1, 0, 0, 0, 0, chain.length >>> 8, chain.length & 0xff),
      chain,
      ...Array.from({ length: count }, () => record),
    ]);
    message.writeUInt16BE(count + 2, 6);
    const startedAt = performance.now();
    const copy = copyOf([]);
    receive([message], copy, null);
    expect(performance.now() - startedAt).toBeLessThan(1_000);
    expect(linesOf(copy)).toContain(`${'a.'.repeat(120).slice(0, -1)} CNAME .`);
  });
});
