/**
 * One event of a calendar as days. Taken as well, because calendars in use have it and it can mean only
 * one thing:
 *     DTSTART:20261224                a date without VALUE=DATE
 *     DTEND equal to DTSTART          one day, though the end is exclusive
 */

import { openZone } from '../../policy/time-zone.ts';
import { shownText } from './content-lines.ts';
import type { ContentLine, Fault } from './content-lines.ts';
import type { CalendarEvent } from './events.ts';
import { parseIcsDate, parseIcsDays } from './ics-date.ts';
import { expandRule, RULE_DAYS_MAX } from './recurrence.ts';

/** Properties that an event has once at most. */
const SINGLE = ['UID', 'STATUS', 'DTSTART', 'DTEND', 'DURATION', 'RRULE', 'RECURRENCE-ID'] as const;
/** What is read of an event. */
export const EVENT_PROPERTIES = [...SINGLE, 'SUMMARY', 'RDATE', 'EXDATE', 'EXRULE'];

/** Days count from 1970-01-01. */
export interface EventDays {
  readonly uid: string;
  /** Not null: it stands for this day's occurrence of the event with the same UID. */
  readonly replacedDay: number | null;
  /** None where it is cancelled. */
  readonly startDays: readonly number[];
  /** Days that each occurrence lasts. */
  readonly length: number;
}

export function isCancelled({ lines }: CalendarEvent): boolean {
  return lines.some(({ name, value }) => name === 'STATUS' && /^cancelled *$/i.test(value));
}

/** What cannot be expressed goes to the faults; what is returned then is of no use. */
export function readEventDays(event: CalendarEvent, faults: Fault[]): EventDays {
  return new EventReader(event, faults).read();
}

class EventReader {
  readonly #event: CalendarEvent;
  readonly #title: string;
  readonly #faults: Fault[];

  constructor(event: CalendarEvent, faults: Fault[]) {
    this.#event = event;
    this.#faults = faults;
    const [summary] = this.#all('SUMMARY');
    this.#title = summary === undefined ? 'an event' : `"${shownText(summary.value)}"`;
  }

  read(): EventDays {
    const replaced = this.#one('RECURRENCE-ID');
    const common = {
      uid: this.#one('UID')?.value ?? '',
      replacedDay: replaced === undefined ? null : this.#dayOf(replaced),
    };
    if (replaced?.parameters.has('RANGE') === true) {
      this.#say(replaced, 'changes all occurrences from a day on, which cannot be expressed');
    }
    if (isCancelled(this.#event)) return { ...common, startDays: [], length: 1 };
    for (const name of SINGLE) this.#refuseSecond(name);
    const start = this.#one('DTSTART');
    if (start === undefined) this.#say(null, 'has no DTSTART');
    const zone = start?.parameters.get('TZID');
    if (start !== undefined && zone !== undefined && !isZone(zone)) {
      this.#say(start, `has the unknown zone ${shownText(zone)}; a whole day needs none`);
    }
    const firstDay = start === undefined ? null : this.#dayOf(start);
    if (firstDay === null) return { ...common, startDays: [], length: 1 };
    return { ...common, startDays: this.#startDays(firstDay), length: this.#length(firstDay) };
  }

  /** The days on which it begins (section 3.8.5): the first, those of RRULE and RDATE, less EXDATE. */
  #startDays(firstDay: number): number[] {
    const days = new Set([firstDay]);
    const rule = this.#one('RRULE');
    if (rule !== undefined) {
      const expanded = expandRule(rule.value, firstDay);
      if (typeof expanded === 'string') {
        this.#say(rule, `recurs in a way that cannot be expressed: RRULE ${expanded}`);
      } else {
        for (const day of expanded) days.add(day);
      }
    }
    for (const line of this.#all('RDATE')) for (const day of this.#daysOf(line)) days.add(day);
    for (const line of this.#all('EXDATE')) for (const day of this.#daysOf(line)) days.delete(day);
    for (const line of this.#all('EXRULE')) {
      this.#say(line, 'has an EXRULE, which cannot be expressed');
    }
    return [...days];
  }

  #length(firstDay: number): number {
    const [end, duration] = [this.#one('DTEND'), this.#one('DURATION')];
    if (end !== undefined && duration !== undefined) {
      this.#say(duration, 'has both DTEND and DURATION; valid: one of them');
    }
    let length: number | null = 1;
    if (end !== undefined) {
      const endDay = this.#dayOf(end);
      if (endDay !== null && endDay < firstDay) this.#say(end, 'ends before it begins');
      length = endDay === null ? 1 : Math.max(endDay - firstDay, 1);
    } else if (duration !== undefined) {
      length = parseIcsDays(duration.value);
      if (length === null) {
        this.#say(
          duration,
          `lasts ${shownText(duration.value)}; valid: whole days such as P5D or P2W`,
        );
      }
    }
    if (length !== null && length > RULE_DAYS_MAX) {
      this.#say(end ?? duration ?? null, 'lasts for more than five years');
    }
    return length ?? 1;
  }

  #daysOf(line: ContentLine): number[] {
    return line.value.split(',').flatMap((text) => {
      const day = this.#dayOf(line, text);
      return day === null ? [] : [day];
    });
  }

  #dayOf(line: ContentLine, text: string = line.value): number | null {
    const day = parseIcsDate(text.trim());
    if (day !== null) return day;
    const { name } = line;
    const isTime = /^\d{8}T/.test(text);
    this.#say(
      line,
      isTime
        ? `has a time of day, ${name} ${shownText(text)}; valid: whole days, such as ${name};VALUE=DATE:${text.slice(0, 8)}`
        : `has ${name} ${shownText(text)}, which is no date from 1970 to 2199; valid: such as 20270228`,
    );
    return null;
  }

  #one(name: (typeof SINGLE)[number]): ContentLine | undefined {
    return this.#event.lines.find((line) => line.name === name);
  }

  #all(name: string): ContentLine[] {
    return this.#event.lines.filter((line) => line.name === name);
  }

  #refuseSecond(name: (typeof SINGLE)[number]): void {
    const [, second] = this.#all(name);
    if (second !== undefined) this.#say(second, `has ${name} twice`);
  }

  /** @param line where it stands; null = the event as a whole */
  #say(line: ContentLine | null, text: string): void {
    this.#faults.push({ line: line?.number ?? this.#event.line, text: `${this.#title} ${text}` });
  }
}

function isZone(name: string): boolean {
  try {
    openZone(name);
    return true;
  } catch {
    return false;
  }
}
