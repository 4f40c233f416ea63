/** Rows of the query log: queries whose names are kept. Appended by time, read by profile, removed by age. */

import { sql } from 'kysely';
import { nameToText } from '../dns/name.ts';
import { formatRecordType } from '../dns/record-type.ts';
import type { LogDb, LogRow } from './log-tables.ts';

/** Of a day's blocked names, the newest so many are counted. */
const COUNTED_ROWS_MAX = 20_000;
const TOP_NAMES_MAX = 20;
const VERDICT_CLASSES = ['none', 'law', 'operator', 'policy'] as const;

export interface LogEntry {
  /** Its place in the log: what `after` takes. */
  readonly id: string;
  /** Seconds since the Unix epoch. */
  readonly at: number;
  /** Profile number. */
  readonly number: number;
  readonly name: string;
  /** `A`, `HTTPS`, `TYPE65280`. */
  readonly type: string;
  readonly outcome: 'passed' | 'blocked';
  /** Row of the order of decision, 1 to 12. */
  readonly row: number;
  readonly verdictClass: (typeof VERDICT_CLASSES)[number];
  readonly category: string | null;
  /** Tells the clients of a profile apart; null where its level keeps none. */
  readonly client: string | null;
}

export interface NameCount {
  readonly name: string;
  readonly count: number;
}

/** One statement; as one JSON text for the reason given in `statistics`. */
export async function insertLogRows(tx: LogDb, rows: readonly LogRow[]): Promise<void> {
  const values = rows.map((row) => [
    row.at,
    row.profile,
    row.is_blocked,
    row.decision_row,
    row.verdict_class,
    row.qtype,
    row.category,
    row.client,
    Buffer.from(row.name).toString('hex'),
  ]);
  await sql`
    insert into log (at, profile, is_blocked, decision_row, verdict_class, qtype, category, client, name)
    select value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6,
        value ->> 7, unhex(value ->> 8)
      from json_each(${JSON.stringify(values)})
  `.execute(tx);
}

export interface LogPageOptions {
  /** Only entries after this one's id; empty = from the newest. */
  readonly after: string;
  readonly limit: number;
}

/** Newest first. */
export async function readLogPage(
  db: LogDb,
  numbers: readonly number[],
  { after, limit }: LogPageOptions,
): Promise<LogEntry[]> {
  const place = /^(\d{1,15})-(\d{1,15})$/.exec(after);
  const entries: LogEntry[] = [];
  // One walk down the index for each profile; a household has a few.
  for (const number of numbers) {
    let query = db
      .selectFrom('log')
      .selectAll()
      .where('profile', '=', number)
      .orderBy('at', 'desc')
      .orderBy('sequence', 'desc')
      .limit(limit);
    if (place !== null) {
      const at = Number(place[1]);
      query = query
        .where('at', '<=', at)
        .where((eb) => eb.or([eb('at', '<', at), eb('sequence', '<', Number(place[2]))]));
    }
    entries.push(...(await query.execute()).map(toEntry));
  }
  return entries.sort(byPlace).slice(0, limit);
}

function byPlace(a: LogEntry, b: LogEntry): number {
  return b.at - a.at || sequenceOf(b) - sequenceOf(a);
}

function sequenceOf(entry: LogEntry): number {
  return Number(entry.id.slice(entry.id.indexOf('-') + 1));
}

function toEntry(row: LogRow & { readonly sequence: number }): LogEntry {
  return {
    id: `${row.at}-${row.sequence}`,
    at: row.at,
    number: row.profile,
    name: nameToText(row.name),
    type: formatRecordType(row.qtype),
    outcome: row.is_blocked === 1 ? 'blocked' : 'passed',
    row: row.decision_row,
    verdictClass: VERDICT_CLASSES[row.verdict_class] ?? 'none',
    category: row.category,
    client: row.client === null ? null : row.client.toString(16).padStart(8, '0'),
  };
}

/**
 * The names that a profile was blocked most often, of the newest `COUNTED_ROWS_MAX` blocks in the time.
 * They are counted when somebody asks: a table of their own would be a second place that knows names.
 */
export async function readTopBlocked(
  db: LogDb,
  number: number,
  fromSecond: number,
  untilSecond: number,
): Promise<NameCount[]> {
  const rows = await db
    .selectFrom((eb) =>
      eb
        .selectFrom('log')
        .select(['name', 'is_blocked'])
        .where('profile', '=', number)
        .where('at', '>=', fromSecond)
        .where('at', '<', untilSecond)
        .where('is_blocked', '=', 1)
        .orderBy('at', 'desc')
        .limit(COUNTED_ROWS_MAX)
        .as('newest'),
    )
    .select(['name', (eb) => eb.fn.countAll<number>().as('count')])
    .groupBy('name')
    .orderBy('count', 'desc')
    .orderBy('name')
    .limit(TOP_NAMES_MAX)
    .execute();
  return rows.map(({ name, count }) => ({ name: nameToText(name), count }));
}
