import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readTsig } from '../../../src/dns/tsig-record.ts';
import {
  checkRequest,
  signAnswer,
  SignedExchange,
  TSIG_ALGORITHMS,
  type TsigKey,
} from '../../../src/lists/transfer/tsig.ts';
import { macOf, TestSigner, wire, zoneMessage } from '../../support/zone-messages.ts';

const NOW = 1_700_000_000;
const KEY: TsigKey = {
  name: 'xfer.example',
  algorithm: 'hmac-sha256',
  secret: Buffer.from('an example secret of 32 octets !'),
};
const QUERY = zoneMessage({ id: 7, zone: 'rpz.example', type: 252, records: [], flags: 0 });

function response(number: number): Buffer {
  return zoneMessage({
    id: 7,
    zone: 'rpz.example',
    type: 252,
    records: [{ owner: `n${number}`, type: 5, rdata: wire('.') }],
  });
}

function exchange(key = KEY): { readonly ours: SignedExchange; readonly theirs: TestSigner } {
  const ours = new SignedExchange(key, QUERY, NOW);
  const macLength = { 'hmac-sha256': 32, 'hmac-sha384': 48, 'hmac-sha512': 64 }[key.algorithm];
  return { ours, theirs: new TestSigner(key, macOf(ours.query, macLength)) };
}

function signed(message: Uint8Array) {
  const found = readTsig(message);
  if (found === null || found === 'malformed') throw new Error('the message is not signed');
  return found;
}

describe('a query of ours', () => {
  test.each(TSIG_ALGORITHMS)('is signed as RFC 8945 says, with %s', (algorithm) => {
    const key = { ...KEY, algorithm };
    expect(Buffer.from(exchange(key).ours.query)).toEqual(
      new TestSigner(key, null).sign(QUERY, NOW),
    );
  });

  test('has the signature that another implementation gives it', () => {
    // By Python: hmac.new(secret, query + b"\4xfer\\7example\\0" + b"\\0\\xff" + bytes(4)
    //   + b"\\x0bhmac-sha256\\0" + (1700000000).to_bytes(6) + b"\\x01\\x2c" + bytes(4), "sha256")
    expect(Buffer.from(macOf(exchange().ours.query, 32)).toString('hex')).toBe(
      '3dd85fe8959908ac6c573cf1b88333e7f501aa013326f867c5f84960b4a4b4a7',
    );
  });
});

describe('a stream of responses', () => {
  test.each(TSIG_ALGORITHMS)('whose messages are all signed is taken, with %s', (algorithm) => {
    const { ours, theirs } = exchange({ ...KEY, algorithm });
    for (let number = 0; number < 5; number++) ours.accept(theirs.sign(response(number), NOW), NOW);
    expect(() => {
      ours.finish();
    }).not.toThrow();
  });

  test('may leave 99 messages unsigned between two, and not one more', () => {
    const { ours, theirs } = exchange();
    ours.accept(theirs.sign(response(0), NOW), NOW);
    for (let round = 0; round < 2; round++) {
      for (let number = 0; number < 99; number++) ours.accept(theirs.skip(response(number)), NOW);
      ours.accept(theirs.sign(response(100), NOW), NOW);
    }
    for (let number = 0; number < 99; number++) ours.accept(theirs.skip(response(number)), NOW);
    expect(() => {
      ours.accept(theirs.skip(response(99)), NOW);
    }).toThrow('more than 99 messages');
  });

  test('does not end with a message that is not signed', () => {
    const { ours, theirs } = exchange();
    ours.accept(theirs.sign(response(0), NOW), NOW);
    ours.accept(theirs.skip(response(1)), NOW);
    expect(() => {
      ours.finish();
    }).toThrow('last message is not signed');
  });

  test('does not begin with a message that is not signed', () => {
    expect(() => {
      exchange().ours.accept(response(0), NOW);
    }).toThrow('not signed');
  });

  test('is refused where any octet of any message was changed', () => {
    const stream = (): Buffer[] => {
      const { theirs } = exchange();
      return [
        theirs.sign(response(0), NOW),
        theirs.skip(response(1)) as Buffer,
        theirs.sign(response(2), NOW),
      ];
    };
    const whole = stream().reduce((sum, { length }) => sum + length, 0);
    fc.assert(
      fc.property(fc.nat(whole - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const messages = stream();
        let rest = at;
        let index = 0;
        for (; rest >= (messages[index]?.length ?? 0); index++)
          rest -= messages[index]?.length ?? 0;
        const message = messages[index]!;
        message[rest] = message[rest]! ^ change;
        // The ID is not covered: the record keeps the original one.
        fc.pre(rest > 1 || index === 1);
        // Letters of the names of key and algorithm are the same in any case.
        const isLetter = /[a-z]/i.test(String.fromCharCode(message[rest]!));
        fc.pre(!(change === 0x20 && isLetter && rest > response(0).length));
        const { ours } = exchange();
        expect(() => {
          for (const one of messages) ours.accept(one, NOW);
          ours.finish();
        }).toThrow();
      }),
      { numRuns: 1_000 },
    );
  });

  test('is refused where messages are left out, exchanged or repeated', () => {
    const { theirs } = exchange();
    const messages = [0, 1, 2].map((number) => theirs.sign(response(number), NOW));
    for (const order of [
      [0, 2],
      [1, 0, 2],
      [0, 0, 1, 2],
    ]) {
      const { ours } = exchange();
      expect(() => {
        for (const index of order) ours.accept(messages[index]!, NOW);
      }).toThrow('the signature of its response is wrong');
    }
  });

  test('is refused when it answers another query', () => {
    const { theirs } = exchange();
    const other = new SignedExchange(KEY, QUERY, NOW - 1);
    expect(() => {
      other.accept(theirs.sign(response(0), NOW), NOW);
    }).toThrow('the signature of its response is wrong');
  });

  test('is refused with another key, algorithm or a shortened MAC', () => {
    const secret = Buffer.from('another secret of 32 octets .. !');
    const wrong: [TestSigner, RegExp][] = [
      [new TestSigner({ ...KEY, name: 'other.example' }, null), /another key, other\.example/],
      [new TestSigner({ ...KEY, algorithm: 'hmac-sha1' }, null), /another key/],
      [new TestSigner({ ...KEY, secret }, macOf(exchange().ours.query, 32)), /is wrong/],
    ];
    for (const [theirs, message] of wrong) {
      expect(() => {
        exchange().ours.accept(theirs.sign(response(0), NOW), NOW);
      }).toThrow(message);
    }
    const { ours, theirs } = exchange();
    expect(() => {
      ours.accept(theirs.sign(response(0), NOW, { macLength: 16 }), NOW);
    }).toThrow('is wrong');
  });

  test('must be signed within the fudge of our clock', () => {
    for (const [seconds, isTaken] of [
      [NOW - 300, true],
      [NOW + 300, true],
      [NOW - 301, false],
      [NOW + 301, false],
      [2 ** 48 - 1, false],
    ] as const) {
      const { ours, theirs } = exchange();
      const accept = (): void => {
        ours.accept(theirs.sign(response(0), seconds), NOW);
      };
      if (isTaken) expect(accept).not.toThrow();
      else expect(accept).toThrow('set the clocks');
    }
  });

  test('tells the error that the primary reports', () => {
    const { ours, theirs } = exchange();
    const other = Buffer.from([0, 0, 0x65, 0x53, 0xf1, 0x00 + 60]);
    expect(() => {
      ours.accept(theirs.sign(response(0), NOW, { error: 18, other }), NOW);
    }).toThrow(/BADTIME\): its clock says 2023-11-14T22:.*, ours 2023-11-14T22:13:20/);
    // NSD sends it without a MAC that could be checked.
    for (const more of [{ macLength: 0 }, { macLength: 16 }]) {
      expect(() => {
        exchange().ours.accept(theirs.sign(response(0), NOW, { error: 18, other, ...more }), NOW);
      }).toThrow(/BADTIME\): its clock says .*; nobody has signed that/);
    }
    for (const [error, name] of [
      [16, 'BADSIG'],
      [17, 'BADKEY'],
    ] as const) {
      expect(() => {
        const signer = new TestSigner(KEY, null);
        exchange().ours.accept(signer.sign(response(0), NOW, { error, macLength: 0 }), NOW);
      }).toThrow(name);
    }
  });
});

describe('a signed request that comes to us', () => {
  const request = (more = {}, key: TsigKey = KEY, seconds = NOW): Buffer =>
    new TestSigner(key, null).sign(QUERY, seconds, more);

  test('is checked in the order of RFC 8945: key, MAC, time, truncation', () => {
    const cases: [Buffer, TsigKey | null, number][] = [
      [request(), KEY, 0],
      [request(), null, 17],
      [request({}, { ...KEY, name: 'other' }), KEY, 17],
      [request({}, { ...KEY, secret: Buffer.alloc(32) }), KEY, 16],
      [request({}, KEY, NOW - 301), KEY, 18],
      [request({ macLength: 16 }), KEY, 22],
      [request({ macLength: 16 }, KEY, NOW - 301), KEY, 18],
      [request({ macLength: 15 }), KEY, -1],
      [request({ macLength: 0 }), KEY, -1],
    ];
    for (const [message, key, expected] of cases) {
      expect(checkRequest(signed(message), key, NOW)).toBe(expected);
    }
  });

  test('is answered with a signature chained to its own', () => {
    const message = request();
    const answer = signAnswer(response(0), signed(message).tsig, KEY, 0, NOW);
    const expected = new TestSigner(KEY, macOf(message, 32)).sign(response(0), NOW);
    expect(Buffer.from(answer)).toEqual(expected);
  });

  test('is answered without a MAC where it could not be trusted', () => {
    for (const error of [16, 17]) {
      const { tsig } = signed(signAnswer(response(0), signed(request()).tsig, KEY, error, NOW));
      expect(tsig).toMatchObject({ error, mac: new Uint8Array(0) });
    }
  });

  test('whose clock is wrong is told ours, under its own time', () => {
    const message = request({}, KEY, NOW - 1000);
    const answer = signAnswer(response(0), signed(message).tsig, KEY, 18, NOW);
    const other = Buffer.concat([Buffer.alloc(2), Buffer.from(NOW.toString(16), 'hex')]);
    const expected = new TestSigner(KEY, macOf(message, 32)).sign(response(0), NOW - 1000, {
      error: 18,
      other,
    });
    expect(Buffer.from(answer)).toEqual(expected);
  });
});

describe('a message with a TSIG record', () => {
  test('stays as it is when it is read', () => {
    const message = new TestSigner(KEY, null).sign(QUERY, NOW);
    const before = Buffer.from(message);
    const { unsigned } = signed(message);
    expect(Buffer.from(unsigned)).toEqual(QUERY);
    expect(message).toEqual(before);
  });

  test('is malformed where the record is not the last, or octets follow it', () => {
    const message = new TestSigner(KEY, null).sign(QUERY, NOW);
    expect(readTsig(Buffer.concat([message, Buffer.of(0)]))).toBe('malformed');
    const twice = new TestSigner(KEY, null).sign(message, NOW);
    expect(readTsig(twice)).toBe('malformed');
    expect(readTsig(message.subarray(0, -1))).toBe('malformed');
  });

  test('of any octets never crashes', () => {
    const message = new TestSigner(KEY, null).sign(QUERY, NOW);
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(message.length - 1), fc.nat(255)), { maxLength: 8 }),
        (changes) => {
          const octets = Uint8Array.from(message);
          for (const [at, octet] of changes) octets[at] = octet;
          const found = readTsig(octets);
          if (found === null || found === 'malformed') return;
          expect(checkRequest(found, KEY, NOW)).toBeGreaterThanOrEqual(-1);
        },
      ),
    );
  });
});
