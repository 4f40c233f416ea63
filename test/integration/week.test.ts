/**
 * A week of one household with three children, minute by minute, over a real socket and with the
 * clock in the test's hand. The week holds the night in which Warsaw's clocks go forward. What each
 * child should get is written down here once more, as plain sentences about the wall clock that
 * `Intl` shows; it shares nothing with the code.
 *
 * Before and after each minute's boundary each name is asked for, and no TTL may reach beyond the
 * next change. 260,520 answers in all.
 */

import { expect, test } from 'vitest';
import { aContent } from '../store/support.ts';
import { ClockedServer, UPSTREAM_ADDRESS } from './support/clocked-server.ts';

const ZONE = 'Europe/Warsaw';
/** Monday 2026-03-23, 00:00 in Warsaw (UTC+1). */
const BEGIN = Date.UTC(2026, 2, 22, 23) / 1000;
/** Seven days, one of which has 23 hours. */
const MINUTES = 7 * 1440 - 60;
const TIMEOUT_MS = 400_000;

const CHILDREN = { anna: '127.0.0.11', ben: '127.0.0.12', clara: '127.0.0.13' } as const;
type Child = keyof typeof CHILDREN;
const NAMES = ['plain.example', 'school.example', 'clips.example', 'tube.example'] as const;
type Name = (typeof NAMES)[number] | 'chat.example' | 'www.youtube.com';

const WEEKDAYS = ['mon', 'tue', 'wed', 'thu', 'fri'];
const WEEKEND = ['sat', 'sun'];

/** What the parents have written down. */
function household(store: Parameters<typeof aContent>[0]) {
  const list = { id: 'adult-a', category: 'adult', contentSha256: aContent(store) };
  return {
    categories: [{ id: 'adult' }],
    lists: [list],
    services: [
      { id: 'clips', title: 'Clips', group: 'video', names: ['clips.example'] },
      { id: 'tube', title: 'Tube', group: 'video', names: ['tube.example'] },
    ],
    plans: [{ id: 'kids', block: ['adult'], minor: true, logMax: 'all' }],
    subscribers: [
      {
        id: 'home-1',
        plan: 'kids',
        timezone: ZONE,
        addresses: ['127.0.0.0/24'],
        profiles: [
          {
            id: 'anna',
            age: '6-9',
            devices: [{ address: CHILDREN.anna }],
            allow: [{ name: 'school.example', always: true }],
            safeSearch: { youtube: 'strict' },
            schedules: [
              { target: 'internet', days: WEEKDAYS, from: '20:30', to: '07:00' },
              { target: 'internet', days: WEEKEND, from: '21:30', to: '08:00' },
              { target: 'service:clips', days: WEEKEND, from: '00:00', to: '10:00' },
            ],
            budgets: [{ target: 'service:tube', minutesPerDay: 60 }],
          },
          {
            id: 'ben',
            age: '10-13',
            devices: [{ address: CHILDREN.ben }],
            safeSearch: { youtube: 'moderate' },
            schedules: [
              { target: 'internet', from: '21:30', to: '06:30' },
              { target: 'service:clips', days: WEEKDAYS, from: '15:00', to: '17:00' },
              { target: 'names', names: ['chat.example'], from: '12:00', to: '13:00' },
              { target: 'names', names: ['chat.example'], from: '18:00', to: '18:30' },
            ],
          },
          {
            id: 'clara',
            age: '14-16',
            devices: [{ address: CHILDREN.clara }],
            schedules: [
              { target: 'internet', days: ['fri'], from: '23:00', to: '01:00' },
              { target: 'service:clips', days: ['sun'], from: '01:30', to: '02:30' },
              { target: 'service:tube', dates: ['2026-03-25'], from: '00:00', to: '24:00' },
              {
                target: 'safe-search',
                safeSearch: { youtube: 'strict' },
                days: WEEKDAYS,
                from: '14:00',
                to: '20:00',
              },
            ],
          },
        ],
      },
    ],
  };
}

/** What the clock on the wall shows. */
interface Wall {
  readonly date: string;
  /** 1 = Monday … 7. */
  readonly weekday: number;
  /** Since the last midnight that it showed. */
  readonly minute: number;
}

const wallFormat = new Intl.DateTimeFormat('en-GB', {
  timeZone: ZONE,
  weekday: 'short',
  year: 'numeric',
  month: '2-digit',
  day: '2-digit',
  hour: '2-digit',
  minute: '2-digit',
  hourCycle: 'h23',
});

function wallAt(second: number): Wall {
  const parts = new Map(
    wallFormat.formatToParts(second * 1000).map(({ type, value }) => [type, value]),
  );
  const part = (type: string): string => parts.get(type as 'day') ?? '';
  const names = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'];
  return {
    date: `${part('year')}-${part('month')}-${part('day')}`,
    weekday: names.indexOf(part('weekday')) + 1,
    minute: Number(part('hour')) * 60 + Number(part('minute')),
  };
}

const at = (hours: number, minutes = 0): number => hours * 60 + minutes;
const isIn = (minute: number, from: number, to: number): boolean => from <= minute && minute < to;

/** The parent's own acts: from and until a second. */
const GRANT = { from: BEGIN + 86_400 + 22 * 3600, minutes: 60 };
const PAUSE = { from: BEGIN + 2 * 86_400 + 19 * 3600 + 600, minutes: 30 };
const isDuring = (second: number, { from, minutes }: typeof GRANT): boolean =>
  from <= second && second < from + minutes * 60;

/** Bedtimes, in sentences. */
function isOff(child: Child, second: number): boolean {
  if (isDuring(second, PAUSE)) return true;
  const { weekday, minute } = wallAt(second);
  if (child === 'ben') return minute >= at(21, 30) || minute < at(6, 30);
  if (child === 'clara') {
    return (weekday === 5 && minute >= at(23)) || (weekday === 6 && minute < at(1));
  }
  const isWeekend = weekday >= 6;
  if (minute >= (isWeekend ? at(21, 30) : at(20, 30))) return true;
  // The morning belongs to the night before: Saturday's and Sunday's end at 8, the others at 7.
  const isAfterWeekendNight = weekday === 7 || weekday === 1;
  return minute < (isAfterWeekendNight ? at(8) : at(7));
}

/**
 * Anna asks for the tube in each minute that she may, so her hour is over an hour after she woke; on
 * Wednesday long before the pause. A minute counts as soon as she has asked in it, the sixtieth too.
 */
function isTubeUsedUp(second: number): boolean {
  const { weekday, minute } = wallAt(second);
  const wakesAt = weekday === 7 || weekday === 1 ? at(8) : at(7);
  const isAsked = second % 60 > 0;
  return minute >= wakesAt + 60 || (minute === wakesAt + 59 && isAsked);
}

type Expected = 'open' | 'blocked' | 'moderate' | 'strict';

function expected(child: Child, name: Name, second: number): Expected {
  const { date, weekday, minute } = wallAt(second);
  if (child === 'anna' && name === 'school.example') return 'open';
  const isGranted = child === 'ben' && name === 'tube.example' && isDuring(second, GRANT);
  if (isGranted) return 'open';
  if (isOff(child, second)) return 'blocked';
  if (name === 'clips.example' && isClipsBlocked(child, weekday, minute)) return 'blocked';
  if (name === 'tube.example') {
    if (child === 'anna' && isTubeUsedUp(second)) return 'blocked';
    if (child === 'clara' && date === '2026-03-25') return 'blocked';
  }
  if (name === 'chat.example' && child === 'ben') {
    if (isIn(minute, at(12), at(13)) || isIn(minute, at(18), at(18, 30))) return 'blocked';
  }
  if (name === 'www.youtube.com') return youtubeOf(child, weekday, minute);
  return 'open';
}

function isClipsBlocked(child: Child, weekday: number, minute: number): boolean {
  if (child === 'anna') return weekday >= 6 && minute < at(10);
  if (child === 'ben') return weekday <= 5 && isIn(minute, at(15), at(17));
  // 02:00 to 03:00 does not exist that night, so half of the window does not.
  return weekday === 7 && isIn(minute, at(1, 30), at(2, 30));
}

function youtubeOf(child: Child, weekday: number, minute: number): Expected {
  if (child === 'anna') return 'strict';
  if (child === 'ben') return 'moderate';
  const isSchoolDay = weekday <= 5 && isIn(minute, at(14), at(20));
  return isSchoolDay ? 'strict' : YOUTUBE_AT_14;
}

/** What the preset of 14 to 16 asks for. */
const YOUTUBE_AT_14: Expected = 'moderate';

const TARGETS = { moderate: 'restrictmoderate.youtube.com', strict: 'restrict.youtube.com' };

function namesOf(child: Child): readonly Name[] {
  return child === 'ben'
    ? [...NAMES.filter((name) => name !== 'school.example'), 'chat.example']
    : [...NAMES.filter((name) => child === 'anna' || name !== 'school.example'), 'www.youtube.com'];
}

/** What a child gets for each name; a change of it is a boundary, whoever made it. */
function stateOf(child: Child, second: number): string {
  return namesOf(child)
    .map((name) => expected(child, name, second))
    .join(' ');
}

/** By child, for each minute of the week: the second of the next change after it began. */
function nextChanges(child: Child): number[] {
  const next: number[] = [];
  let change = BEGIN + (MINUTES + 1440) * 60;
  for (let minute = MINUTES + 1439; minute >= 0; minute--) {
    const second = BEGIN + minute * 60;
    next[minute] = change;
    if (minute > 0 && stateOf(child, second) !== stateOf(child, second - 60)) change = second;
  }
  return next;
}

/** Beginnings that nobody could know before. */
function isSurprise(child: Child, second: number): boolean {
  const isUsedUp = child === 'anna' && isTubeUsedUp(second) && !isTubeUsedUp(second - 60);
  return second === PAUSE.from || (child === 'ben' && second === GRANT.from) || isUsedUp;
}

test(
  'each minute of a week every child gets what its parents wrote down, and no TTL reaches beyond',
  { timeout: TIMEOUT_MS },
  async () => {
    const server = await ClockedServer.start(BEGIN, household);
    const boundaries = new Map(
      (Object.keys(CHILDREN) as Child[]).map((child) => [child, nextChanges(child)]),
    );
    let checks = 0;
    const faults: string[] = [];

    async function checkAll(second: number): Promise<void> {
      await server.setClock(second);
      const minute = Math.floor((second - BEGIN) / 60);
      const asked: Promise<void>[] = [];
      for (const child of Object.keys(CHILDREN) as Child[]) {
        const change = boundaries.get(child)![minute]!;
        for (const name of namesOf(child)) {
          asked.push(check(child, name, second, isSurprise(child, change) ? Infinity : change));
        }
      }
      await Promise.all(asked);
    }

    async function check(child: Child, name: Name, second: number, change: number): Promise<void> {
      const answer = await server.ask(CHILDREN[child], name);
      const wanted = expected(child, name, second);
      const last = answer.data.at(-1);
      const isRight =
        wanted === 'blocked'
          ? answer.rcode === 'NXDOMAIN'
          : wanted === 'open'
            ? last === UPSTREAM_ADDRESS && answer.data.length === 1
            : last === UPSTREAM_ADDRESS && answer.data[0] === TARGETS[wanted];
      checks++;
      if (!isRight || second + answer.ttl > change) {
        const { date, minute } = wallAt(second);
        faults.push(
          `${child} ${name} at ${date} ${Math.floor(minute / 60)}:${minute % 60} (second ${second}): wanted ${wanted}, got ${JSON.stringify(answer)}, next change ${change}`,
        );
      }
      if (faults.length > 10) throw new Error(faults.join('\n'));
    }

    for (let minute = 0; minute < MINUTES; minute++) {
      const second = BEGIN + minute * 60;
      await server.setClock(second);
      await act(server, second);
      await checkAll(second);
      await server.settle();
      await checkAll(second + 59);
      await server.settle();
    }
    expect(faults).toEqual([]);
    expect(checks).toBe(MINUTES * 2 * 13);
  },
);

/** What the parent does in this minute. */
async function act(server: ClockedServer, second: number): Promise<void> {
  if (second === GRANT.from) {
    const grant = { subscriber: 'home-1', profile: 'ben', target: 'service:tube' };
    await server.store.households.grant({ ...grant, minutes: GRANT.minutes }, { actor: 'parent' });
    await server.publish();
  }
  if (second === PAUSE.from) {
    await server.store.households.pause(
      { subscriber: 'home-1', minutes: PAUSE.minutes },
      { actor: 'parent' },
    );
    await server.publish();
  }
}
