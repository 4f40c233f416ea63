/**
 * The events of an iCalendar file (RFC 5545, section 3.4): its components as BEGIN and END nest them.
 * What stands inside events (alarms) and beside them (time zones, tasks) is passed over.
 */

import { readContentLines, shownText } from './content-lines.ts';
import type { ContentLine, Fault } from './content-lines.ts';

export const EVENTS_MAX = 5_000;
/** A calendar has VALARM in VEVENT in VCALENDAR. */
const DEPTH_MAX = 10;

export interface CalendarEvent {
  /** Its BEGIN. */
  readonly line: number;
  readonly lines: readonly ContentLine[];
}

/** @param names the properties of events that are asked for */
export function readEvents(
  content: Uint8Array,
  names: readonly string[],
  faults: Fault[],
): CalendarEvent[] {
  const wanted = new Set(['BEGIN', 'END', 'CALSCALE', 'METHOD', ...names]);
  const damages: Fault[] = [];
  const lines = readContentLines(content, wanted, damages);
  if (lines[0]?.name !== 'BEGIN') {
    faults.push({ line: 1, text: 'this is no calendar; valid: BEGIN:VCALENDAR' });
    return [];
  }
  faults.push(...damages);
  const events: CalendarEvent[] = [];
  const open: string[] = [];
  let eventLines: ContentLine[] = [];
  for (const line of lines) {
    const value = shownText(line.value).toUpperCase();
    if (line.name === 'BEGIN') {
      open.push(value);
      if ((open.length === 1) !== (value === 'VCALENDAR') || open.length > DEPTH_MAX) {
        faults.push({ line: line.number, text: `BEGIN:${value} cannot stand here` });
        return events;
      }
      if (open.length === 2 && value === 'VEVENT') {
        if (events.length === EVENTS_MAX) {
          faults.push({ line: line.number, text: `there are more than ${EVENTS_MAX} events` });
          return events;
        }
        eventLines = [];
        events.push({ line: line.number, lines: eventLines });
      }
    } else if (line.name === 'END') {
      if (open.pop() !== value) {
        faults.push({ line: line.number, text: `END:${value} ends nothing that is open` });
        return events;
      }
    } else if (open.length === 1) {
      checkCalendar(line, value, faults);
    } else if (open.length === 2 && open[1] === 'VEVENT') {
      eventLines.push(line);
    }
  }
  if (open.length > 0) {
    faults.push({ line: Infinity, text: `it is cut off: END:${open.at(-1)} is missing` });
  }
  return events;
}

function checkCalendar({ number, name }: ContentLine, value: string, faults: Fault[]): void {
  if (name === 'CALSCALE' && value !== 'GREGORIAN') {
    faults.push({ line: number, text: `CALSCALE:${value} is not supported; valid: GREGORIAN` });
  }
  if (name === 'METHOD' && value === 'CANCEL') {
    faults.push({
      line: number,
      text: 'METHOD:CANCEL takes events back; valid: a calendar of events',
    });
  }
}
