import { describe, expect, it } from 'vitest';
import { describeProgress, describeUpdate } from '../../src/cli/update-words.ts';
import type { ListUpdateState } from '../../src/supervisor/control-plane-contract.ts';

const STATE: ListUpdateState = {
  list: 'ads',
  source: 'https://lists.example.org/ads.txt',
  phase: 'fetching',
  run: 1,
  progress: {
    startedAt: '2026-11-22T12:00:00.000Z',
    octets: 12_345_678,
    octetsTotal: 45_600_000,
    unpackedOctets: 50_000_000,
    lines: 512_000,
    names: null,
    secondsLeft: 20,
  },
  checkedAt: null,
  nextAt: null,
  failures: 0,
  lastError: null,
  last: null,
};
const progress = STATE.progress!;

describe('the progress of an update', () => {
  it.each([
    [STATE, 'ads: fetching, 12.3 of 45.6 MB, 512,000 lines, about 20 s left'],
    [
      { ...STATE, progress: { ...progress, octetsTotal: null, secondsLeft: null } },
      'ads: fetching, 12.3 MB, 512,000 lines',
    ],
    [
      { ...STATE, phase: 'looking', progress: { ...progress, names: 1_000, secondsLeft: null } },
      'ads: looking, 12.3 of 45.6 MB, 512,000 lines, 1,000 names',
    ],
    [{ ...STATE, phase: 'waiting', progress: null }, 'ads: waiting'],
  ] as const)('is told in one line', (state, line) => {
    expect(describeProgress(state)).toBe(line);
  });
});

describe('what came of an update', () => {
  const at = '2026-11-22T12:00:00.000Z';
  const none = { at, version: null, entries: null, reasons: [] };

  it.each<[ListUpdateState['last'], readonly string[]]>([
    [{ ...none, outcome: 'unchanged' }, ['ads: unchanged']],
    [
      { ...none, outcome: 'in-force', version: 2, entries: 1_234_567 },
      ['ads: version 2 is in force, 1,234,567 names'],
    ],
    [
      { ...none, outcome: 'in-force', version: 1, entries: 9, popular: ['google.com', 'x.com'] },
      [
        'ads: version 1 is in force, 9 names',
        '  list ads: newly blocks 2 well-known names: google.com, x.com',
      ],
    ],
    [
      { ...none, outcome: 'held', version: 3, entries: 9, reasons: ['40 % fewer', 'google.com'] },
      ['ads: version 3 is held, 9 names', '  ! 40 % fewer', '  ! google.com'],
    ],
    [
      { ...none, outcome: 'failed', reasons: ['it is a web page'] },
      ['ads: failed; the list keeps what it has', '  ! it is a web page'],
    ],
    [null, ['ads: nothing is known of its last update']],
  ])('is told with its reasons', (last, lines) => {
    expect(describeUpdate({ ...STATE, last })).toEqual(lines);
  });
});
