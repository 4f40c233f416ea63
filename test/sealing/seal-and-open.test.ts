import fc from 'fast-check';
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { COVER_BELOW, COVER_BOTH, COVER_EXACT } from '../../src/blocklist/formats/list-format.ts';
import {
  coverageOf,
  ENTRIES_AT,
  ENTRY_OCTETS,
  findSealedFault,
  MANIFEST_OCTETS,
  tagOf,
} from '../../src/blocklist/sealed/sealed-file.ts';
import { AppError } from '../../src/lib/errors.ts';
import { createGate } from '../../src/lists/gate.ts';
import { inspectContent } from '../../src/lists/inspect-content.ts';
import { openSealedFile } from '../../src/sealing/open-sealed.ts';
import { NO_SEALING_KEYS } from '../../src/sealing/sealing-keys.ts';
import { drawSigningKeys, parsePrivateKey, signOctets } from '../../src/sealing/signatures.ts';
import { sealedFault } from '../../src/store/sealed-checks.ts';
import { aSealedFile, LIST_KEY, SEALED_AT, SEALING } from '../support/sealed.ts';

const open = (octets: Uint8Array, keys = SEALING, now = SEALED_AT) =>
  openSealedFile(octets, keys, now);

function refusalOf(octets: Uint8Array, keys = SEALING, now = SEALED_AT): string {
  try {
    open(octets, keys, now);
  } catch (error) {
    if (error instanceof AppError && error.code === 'LIST_REFUSED') return error.message;
    throw error;
  }
  return 'accepted';
}

describe('a sealed file', () => {
  it('says of itself what it was sealed with, and holds no name', () => {
    const octets = aSealedFile('hidden-one.example.org\nhidden-two.example.org\n', { serial: 77 });
    expect(open(octets)).toMatchObject({
      list: 'court',
      keyId: 'key-1',
      publisher: 'ministry',
      names: 2,
      serial: 77,
      sealedAtSecond: SEALED_AT,
      labelsMin: 3,
      labelsMax: 3,
    });
    expect(Buffer.from(octets).includes('hidden')).toBe(false);
  });

  it('is the same for the same names in any order and case, and holds each name once', () => {
    const one = aSealedFile('a.example.org\nb.example.org\nA.Example.org.\n');
    const two = aSealedFile('B.example.ORG\na.example.org\n');
    expect(Buffer.from(one).equals(two)).toBe(true);
  });

  it('joins what its lines say of one name', () => {
    const text = '||*.example.org^\n||one.example.net^\n';
    const octets = aSealedFile(text, { format: 'adblock' });
    const coverages = [0, 1].map((entry) => coverageOf(octets, entry)).sort();
    expect(coverages).toEqual([COVER_BELOW, COVER_BOTH]);
    const exact = aSealedFile('one.example.org\n', { coversSubdomains: false });
    expect(coverageOf(exact, 0)).toBe(COVER_EXACT);
  });

  it('looks different in another list and under another key', () => {
    const entryOf = (octets: Uint8Array): string =>
      Buffer.from(octets.subarray(ENTRIES_AT, ENTRIES_AT + ENTRY_OCTETS)).toString('hex');
    const other = { id: 'key-1', key: new Uint8Array(32).fill(8) };
    const entries = [{}, { list: 'police' }, { key: other }].map((options) =>
      entryOf(aSealedFile('one.example.org\n', options)),
    );
    expect(new Set(entries).size).toBe(3);
  });

  it('has tags as short as its number of names allows', () => {
    const many = Array.from({ length: 3000 }, (_, index) => `n${index}.example.org`).join('\n');
    const octets = aSealedFile(many);
    expect(open(octets).tagBits).toBe(19);
    const tags = new Set(Array.from({ length: 3000 }, (_, entry) => tagOf(octets, entry)));
    expect(Math.max(...tags)).toBeLessThan(2 ** 19);
    expect(tags.size).toBeGreaterThan(2950);
    expect(open(aSealedFile('one.example.org\n')).tagBits).toBe(12);
  });

  it('is looked at as any other content, and counted', () => {
    const report = inspectContent(aSealedFile('a.example.org\nb.example.org\n'), null, SEALING);
    expect(report).toMatchObject({
      format: 'sealed',
      entries: 2,
      faults: [],
      sealed: { list: 'court', serial: 1, publisher: 'ministry' },
    });
    expect(() => inspectContent(Buffer.from('a.example.org\n'), 'sealed', SEALING)).toThrow(
      'the content is not sealed',
    );
  });
});

describe('sealing', () => {
  it('refuses a list with a fault and names the lines, not the names', () => {
    const text = 'hidden.example.org\ncom\nhid den.example\nco.uk\n';
    const seal = (): unknown => aSealedFile(text, { isRefused: createGate() });
    expect(seal).toThrow('line 2: single-label · line 3: bad-syntax · line 4: public-suffix');
    expect(seal).not.toThrow('hid');
  });

  it('refuses exceptions and empty lists', () => {
    expect(() =>
      aSealedFile('||hidden.example.org^\n@@||www.hidden.example.org^\n', { format: 'adblock' }),
    ).toThrow(/line 2: exception$/);
    expect(() => aSealedFile('# nothing\n')).toThrow('it holds no names');
  });
});

describe('opening a sealed file refuses', () => {
  const good = aSealedFile('one.example.org\ntwo.example.org\nthree.example.org\n');
  const changed = (at: number, value: number): Uint8Array => {
    const octets = Uint8Array.from(good);
    octets[at] = value;
    return octets;
  };

  it.each([
    ['the magic', 0, 0x41, 'no sealed list'],
    ['the version', 11, 2, 'version 2'],
    ['the number of names', 15, 2, 'cut or has a tail'],
    ['the serial', 23, 9, 'the signature'],
    ['a serial out of range', 16, 0xff, 'out of range'],
    ['the time', 31, 0, 'the signature'],
    ['the bits of a tag', 32, 13, 'tags do not fit'],
    ['the fewest labels', 33, 4, 'numbers of labels'],
    ['the most labels', 34, 9, 'the signature'],
    ['a zero', 40, 1, 'not zero'],
    ['the key check', 50, 1, 'the signature'],
    ['the list', 64, 0x43, 'the signature'],
    ['the list to no id', 64, 0x20, 'an id in its head is none'],
    ['what follows an id', 127, 0x41, 'an id in its head is none'],
    ['the id of the key', 128, 0x4b, 'the signature'],
    ['the publisher', 192, 0x4d, 'publisher "Ministry" is not configured; valid: ministry'],
    ['the digest of the entries', 260, 0, 'the signature'],
    ['the signature', MANIFEST_OCTETS + 5, 0, 'the signature'],
    ['a digest', ENTRIES_AT + 15, 0x5a, 'the entries are not those that were signed'],
    ['a tag', ENTRIES_AT + 19, 0x5a, 'the entries are not those that were signed'],
    ['a tag too long', ENTRIES_AT + 16, 1, 'the tag of entry 0 is too long'],
    ['a coverage', ENTRIES_AT + 20, COVER_EXACT, 'the entries are not those that were signed'],
    ['a coverage of nothing', ENTRIES_AT + 20, 0, 'entry 0 covers nothing'],
    ['a zero of an entry', ENTRIES_AT + 23, 1, 'not zero'],
  ])('damage to %s', (_what, at, value, reason) => {
    expect(refusalOf(changed(at, value))).toContain(reason);
  });

  it('any flipped bit', () => {
    fc.assert(
      fc.property(fc.nat(good.length * 8 - 1), (bit) => {
        const octets = changed(bit >>> 3, good[bit >>> 3]! ^ (1 << (bit & 7)));
        expect(refusalOf(octets)).not.toBe('accepted');
      }),
      { numRuns: 300 },
    );
  });

  it('a cut file and one with a tail', () => {
    for (const length of [0, 7, 100, ENTRIES_AT, good.length - 1]) {
      expect(refusalOf(good.subarray(0, length)), `${length} octets`).not.toBe('accepted');
    }
    expect(refusalOf(Uint8Array.from([...good, 0]))).toContain('cut or has a tail');
  });

  it('entries in another order, though they were signed so', () => {
    const octets = Uint8Array.from(good);
    const [first, second] = [0, 1].map((entry) =>
      good.slice(ENTRIES_AT + entry * ENTRY_OCTETS, ENTRIES_AT + (entry + 1) * ENTRY_OCTETS),
    );
    octets.set(second!, ENTRIES_AT);
    octets.set(first!, ENTRIES_AT + ENTRY_OCTETS);
    expect(findSealedFault(octets)).toBe('entry 1 is out of order');
  });

  it('another signature, also under entries that agree', () => {
    const octets = Uint8Array.from(good);
    const { privateKey } = drawSigningKeys();
    const forged = parsePrivateKey(privateKey, 'the test');
    octets.set(signOctets(octets.subarray(0, MANIFEST_OCTETS), forged), MANIFEST_OCTETS);
    expect(refusalOf(octets)).toContain('the signature is not that of publisher "ministry"');
  });

  it('a publisher and a key that are not configured, and another key of the same id', () => {
    expect(refusalOf(good, NO_SEALING_KEYS)).toContain('"ministry" is not configured; valid: none');
    expect(refusalOf(good, { ...SEALING, keys: [] })).toContain(
      'the key "key-1", which is not configured; valid: none yet (sealing.keys)',
    );
    const other = [{ ...LIST_KEY, key: new Uint8Array(32).fill(9) }];
    expect(refusalOf(good, { ...SEALING, keys: other })).toContain(
      'is not sealed with the key that sealing.keys has as "key-1"',
    );
  });

  it('a time that is to come by more than clocks differ', () => {
    expect(refusalOf(good, SEALING, SEALED_AT - 3600)).toBe('accepted');
    expect(refusalOf(good, SEALING, SEALED_AT - 3601)).toContain('which is to come');
  });

  it('digests that were changed and counted anew without the signature', () => {
    const octets = changed(ENTRIES_AT + 15, 0x5a);
    const digest = createHash('sha256').update(octets.subarray(ENTRIES_AT)).digest();
    octets.set(digest, 256);
    expect(refusalOf(octets)).toContain('the signature');
  });
});

describe('what may follow a version', () => {
  const of = (serial: number, list = 'court') => ({
    sealed: { list, serial, sealedAtSecond: SEALED_AT, keyId: 'key-1', publisher: 'ministry' },
  });

  const court = { id: 'court', sealed: true } as const;

  it('is one with a higher serial, for the same list', () => {
    expect(sealedFault(court, null, of(1))).toBeNull();
    expect(sealedFault(court, 1, of(2))).toBeNull();
    expect(sealedFault(court, 2, of(2))).toContain('its serial is 2');
    expect(sealedFault(court, 7, of(2))).toContain('given out again');
    expect(sealedFault({ id: 'police', sealed: true }, null, of(1))).toContain(
      'for the list "court"',
    );
  });

  it('is sealed where the list says so, and nowhere else', () => {
    expect(sealedFault(court, 1, {})).toContain('the content is not sealed');
    expect(sealedFault({ id: 'court' }, null, of(1))).toContain('a list with sealed: true');
    expect(sealedFault({ id: 'court' }, null, {})).toBeNull();
  });
});
