import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  createQueryView,
  parseQuery,
  PARSE_BADVERS,
  PARSE_FORMERR,
  PARSE_NOTIMP,
  PARSE_OK,
  PARSE_REFUSED,
  PARSE_SILENT,
} from '../../src/dns/query-view.ts';
import { nameToText } from '../../src/dns/name.ts';

const SEED = [0x01234567, 0x89abcdef] as const;
const EXAMPLE = [7, ...Buffer.from('Example'), 3, ...Buffer.from('org'), 0];
const OPT = [0, 0, 41, 0x04, 0xd0, 0, 0, 0x80, 0, 0, 0];

function header(options: {
  flags?: number;
  question?: number;
  answer?: number;
  authority?: number;
  additional?: number;
}): number[] {
  const { flags = 0x0100, question = 1, answer = 0, authority = 0, additional = 0 } = options;
  const counts = [flags, question, answer, authority, additional];
  return [0xab, 0xcd, ...counts.flatMap((value) => [value >>> 8, value & 0xff])];
}

function question(type = 1, qclass = 1, name: readonly number[] = EXAMPLE): number[] {
  return [...name, type >>> 8, type & 0xff, qclass >>> 8, qclass & 0xff];
}

function parse(
  octets: readonly number[],
  at = 0,
): { status: number; view: ReturnType<typeof createQueryView> } {
  const view = createQueryView();
  const bytes = new Uint8Array(at + octets.length);
  bytes.set(octets, at);
  return { status: parseQuery(view, SEED, bytes, at, octets.length), view };
}

/** An OPT record with these option octets. */
function optWith(options: readonly number[]): number[] {
  return [...OPT.slice(0, 9), options.length >>> 8, options.length & 0xff, ...options];
}

describe('a well-formed query', () => {
  it('is read in place, its name lower-cased in the view', () => {
    const { status, view } = parse([...header({}), ...question(28)], 5);
    expect(status).toBe(PARSE_OK);
    expect(view).toMatchObject({ id: 0xabcd, qtype: 28, qclass: 1, nameLength: 13, hasOpt: false });
    expect(nameToText(view.name)).toBe('example.org');
    expect(view.questionEnd).toBe(5 + 12 + 17);
    expect(view.hashes.labelCount).toBe(2);
  });

  it('carries EDNS: payload size, DO, and unknown options that are passed over', () => {
    const { status, view } = parse([
      ...header({ additional: 1 }),
      ...question(),
      ...optWith([0xff, 0xee, 0, 2, 1, 2]),
    ]);
    expect(status).toBe(PARSE_OK);
    expect(view).toMatchObject({ hasOpt: true, payloadSize: 1232, isDnssecOk: true });
  });

  it('notes where options stand that may say who asks', () => {
    const options = [
      ...[0, 10, 0, 1, 7],
      ...[0xfd, 0xe9, 0, 6, 2, 0, 0x5e, 0x10, 0, 1],
      ...[0, 8, 0, 8, 0, 1, 32, 0, 192, 0, 2, 7],
      ...[0xfe, 0x31, 0, 3, 1, 2, 3],
      ...[0xfe, 0x32, 0, 2, 0x61, 0x62],
    ];
    const octets = [...header({ additional: 1 }), ...question(), ...optWith(options)];
    const at = 5;
    const { status, view } = parse(octets, at);
    expect(status).toBe(PARSE_OK);
    const first = at + 12 + 17 + 11;
    expect(view).toMatchObject({
      macAt: first + 9,
      macLength: 6,
      subnetAt: first + 19,
      subnetLength: 8,
      macTextAt: first + 31,
      macTextLength: 3,
      cpeIdAt: first + 38,
      cpeIdLength: 2,
    });
  });

  it('believes no option that stands there twice or three times, and forgets those of before', () => {
    const mac = [0xfd, 0xe9, 0, 6, 2, 0, 0x5e, 0x10, 0, 1];
    const octets = (...options: number[][]): number[] => [
      ...header({ additional: 1 }),
      ...question(),
      ...optWith(options.flat()),
    ];
    expect(parse(octets(mac)).view.macLength).toBe(6);
    expect(parse(octets(mac, mac)).view.macLength).toBe(0);
    expect(parse(octets(mac, mac, mac)).view.macLength).toBe(0);
    const view = createQueryView();
    for (const [packet, length] of [
      [octets(mac), 6],
      [[...header({}), ...question()], 0],
    ] as const) {
      parseQuery(view, SEED, Uint8Array.from(packet), 0, packet.length);
      expect(view.macLength).toBe(length);
    }
  });

  it('has a payload size of at least 512, whatever it says', () => {
    const opt = [0, 0, 41, 0, 7, 0, 0, 0, 0, 0, 0];
    expect(parse([...header({ additional: 1 }), ...question(), ...opt]).view.payloadSize).toBe(512);
  });

  it('may ask the root and names with any octets', () => {
    expect(parse([...header({}), ...question(2, 1, [0])]).status).toBe(PARSE_OK);
    expect(parse([...header({}), ...question(1, 1, [3, 0, 46, 255, 0])]).status).toBe(PARSE_OK);
  });

  it('may have 63 octets in a label and 255 in a name', () => {
    const label = [63, ...Array.from({ length: 63 }, () => 97)];
    const longest = [...label, ...label, ...label, 61, ...Array.from({ length: 61 }, () => 97), 0];
    expect(longest.length).toBe(255);
    expect(parse([...header({}), ...question(1, 1, longest)]).status).toBe(PARSE_OK);
  });
});

describe('silence', () => {
  it('meets everything shorter than a header', () => {
    for (let length = 0; length < 12; length++) {
      expect(parse(header({}).slice(0, length)).status).toBe(PARSE_SILENT);
    }
  });

  it('meets every response, whatever else is wrong with it', () => {
    expect(parse([...header({ flags: 0x8180 }), ...question()]).status).toBe(PARSE_SILENT);
    expect(parse(header({ flags: 0xf800, question: 9 })).status).toBe(PARSE_SILENT);
  });
});

describe('NOTIMP', () => {
  it('meets every opcode but QUERY', () => {
    for (let opcode = 1; opcode < 16; opcode++) {
      expect(parse([...header({ flags: opcode << 11 }), ...question()]).status).toBe(PARSE_NOTIMP);
    }
  });
});

describe('FORMERR', () => {
  it('meets a query cut at any octet behind its header', () => {
    const whole = [...header({ additional: 1 }), ...question(), ...optWith([0, 10, 0, 2, 1, 2])];
    expect(parse(whole).status).toBe(PARSE_OK);
    for (let length = 12; length < whole.length; length++) {
      expect(parse(whole.slice(0, length)).status, `cut at ${length}`).toBe(PARSE_FORMERR);
    }
  });

  it.each([
    ['no question', [...header({ question: 0 })]],
    ['two questions', [...header({ question: 2 }), ...question(), ...question()]],
    ['65,535 questions', [...header({ question: 65_535 }), ...question()]],
    ['trailing octets', [...header({}), ...question(), 0]],
    ['an answer record', [...header({ answer: 1 }), ...question(), ...OPT]],
    ['an authority record', [...header({ authority: 1 }), ...question(), ...OPT]],
    ['a pointer in the question', [...header({}), ...question(1, 1, [0xc0, 0x0c])]],
    ['a pointer behind a label', [...header({}), ...question(1, 1, [1, 97, 0xc0, 0x0c])]],
    [
      'a label of 64 octets',
      [...header({}), ...question(1, 1, [64, ...new Array<number>(64).fill(97), 0])],
    ],
    ['a name of 256 octets', [...header({}), ...question(1, 1, longName(256))]],
    ['two OPT records', [...header({ additional: 2 }), ...question(), ...OPT, ...OPT]],
    [
      'an OPT whose owner is not the root',
      [...header({ additional: 1 }), ...question(), 1, 97, ...OPT],
    ],
    [
      'an option longer than its OPT',
      [...header({ additional: 1 }), ...question(), ...optWith([0, 3, 0, 9, 1])],
    ],
    [
      'an option without its length',
      [...header({ additional: 1 }), ...question(), ...optWith([0, 3, 0])],
    ],
    [
      'an ECS of family 1 with 33 bits',
      [
        ...header({ additional: 1 }),
        ...question(),
        ...optWith([0, 8, 0, 9, 0, 1, 33, 0, 1, 2, 3, 4, 5]),
      ],
    ],
    [
      'an ECS with bits past its prefix',
      [...header({ additional: 1 }), ...question(), ...optWith([0, 8, 0, 5, 0, 1, 1, 0, 0xff])],
    ],
    [
      'an ECS with a scope',
      [...header({ additional: 1 }), ...question(), ...optWith([0, 8, 0, 5, 0, 1, 8, 8, 10])],
    ],
    [
      '33 options',
      [...header({ additional: 1 }), ...question(), ...optWith(new Array<number>(33 * 4).fill(0))],
    ],
    [
      'nine additional records',
      [
        ...header({ additional: 9 }),
        ...question(),
        ...new Array<number[]>(9).fill([0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0]).flat(),
      ],
    ],
  ])('meets %s', (_what, octets) => {
    expect(parse(octets).status).toBe(PARSE_FORMERR);
  });

  function longName(length: number): number[] {
    const name: number[] = [];
    while (name.length + 64 < length) name.push(63, ...new Array<number>(63).fill(97));
    const rest = length - name.length - 2;
    return [...name, rest, ...new Array<number>(rest).fill(97), 0];
  }
});

describe('other refusals', () => {
  it('BADVERS meets an EDNS version above 0, before class and type are judged', () => {
    const opt = [0, 0, 41, 4, 0xd0, 0, 1, 0, 0, 0, 0];
    expect(parse([...header({ additional: 1 }), ...question(252, 3), ...opt]).status).toBe(
      PARSE_BADVERS,
    );
  });

  it('REFUSED meets transfers, meta-types, type 0 and other classes', () => {
    for (const type of [0, 41, 128, 249, 250, 251, 252, 253, 254]) {
      expect(parse([...header({}), ...question(type)]).status, `type ${type}`).toBe(PARSE_REFUSED);
    }
    for (const qclass of [0, 3, 4, 254, 255]) {
      expect(parse([...header({}), ...question(1, qclass)]).status).toBe(PARSE_REFUSED);
    }
  });

  it('an IXFR with its SOA is refused, not called malformed', () => {
    const soa = [0xc0, 0x0c, 0, 6, 0, 1, 0, 0, 0, 0, 0, 2, 0, 0];
    expect(parse([...header({ authority: 1 }), ...question(251), ...soa]).status).toBe(
      PARSE_REFUSED,
    );
  });

  it('ANY and unknown types are queries like others', () => {
    for (const type of [255, 256, 65_280]) {
      expect(parse([...header({}), ...question(type)]).status).toBe(PARSE_OK);
    }
  });
});

it('arbitrary and mutated octets never throw and never yield a query from a response', () => {
  const valid = [...header({ additional: 1 }), ...question(), ...optWith([0, 10, 0, 2, 1, 2])];
  const mutated = fc
    .array(fc.tuple(fc.nat(valid.length - 1), fc.nat(255)), { maxLength: 6 })
    .map((changes) => {
      const octets = [...valid];
      for (const [at, value] of changes) octets[at] = value;
      return octets;
    });
  const random = fc.array(fc.nat(255), { maxLength: 80 });
  fc.assert(
    fc.property(fc.oneof(random, mutated), (octets) => {
      const { status, view } = parse(octets, 3);
      if (octets.length < 12 || octets[2]! >= 0x80) expect(status).toBe(PARSE_SILENT);
      expect(view.questionEnd).toBeLessThanOrEqual(3 + Math.max(12, octets.length));
    }),
    { numRuns: 2_000 },
  );
});
