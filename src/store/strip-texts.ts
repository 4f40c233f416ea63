/**
 * The seventh step: titles, names and other texts of resources that were written before `human-text.ts` had
 * its rule follow it now. A resource is checked as a whole whenever something of it changes.
 */

import { type Kysely, sql } from 'kysely';
import { UNSEEN } from '../lib/unseen.ts';

/** Rows at a time. */
const BATCH_ROWS = 5_000;
const BREAKS = /[\t-\r\u0085\u2028\u2029]+/g;
const unseen = new RegExp(`[${UNSEEN}]`, 'g');
/** JSON writes the lowest control characters with a backslash. */
const unseenInJson = new RegExp(`[${UNSEEN}]|\\\\[bfnrtu]`);

export async function stripTexts(db: Kysely<unknown>): Promise<void> {
  await stripColumn(db, 'categories', 'title');
  await stripColumn(db, 'plans', 'title');
  await stripColumn(db, 'lists', 'origin');
  const services = await sql<{ category: string; record: string }>`
    select category, record from services`.execute(db);
  for (const { category, record } of services.rows) {
    if (!unseenInJson.test(record)) continue;
    const stripped = stripAll(record);
    const named = {
      ...stripped,
      title: stripped['title'] === '' ? stripped['id'] : stripped['title'],
    };
    await sql`update services set record = ${JSON.stringify(named)} where category = ${category}`.execute(
      db,
    );
  }
  await stripProfiles(db);
}

async function stripColumn(db: Kysely<unknown>, table: string, column: string): Promise<void> {
  const [rowsOf, text] = [sql.table(table), sql.ref(column)];
  const { rows } = await sql<{ id: string; text: string }>`
    select id, ${text} as text from ${rowsOf}`.execute(db);
  for (const row of rows) {
    const stripped = strip(row.text);
    if (stripped === row.text) continue;
    await sql`update ${rowsOf} set ${text} = ${stripped} where id = ${row.id}`.execute(db);
  }
}

async function stripProfiles(db: Kysely<unknown>): Promise<void> {
  for (let after = 0; ;) {
    const { rows } = await sql<{ number: number; settings: string }>`
      select number, settings from profiles where number > ${after} order by number limit ${BATCH_ROWS}`.execute(
      db,
    );
    for (const { number, settings } of rows) {
      if (!unseenInJson.test(settings)) continue;
      const { name, ...rest } = stripAll(settings);
      const stripped = JSON.stringify(name === undefined || name === '' ? rest : { name, ...rest });
      await sql`update profiles set settings = ${stripped} where number = ${number}`.execute(db);
    }
    const last = rows.at(-1);
    if (last === undefined) return;
    after = last.number;
  }
}

function stripAll(json: string): Record<string, unknown> {
  return JSON.parse(json, (_key, value: unknown) =>
    typeof value === 'string' ? strip(value) : value,
  ) as Record<string, unknown>;
}

/** A text that has none of them stays as it is. */
function strip(text: string): string {
  const stripped = text.replace(BREAKS, ' ').replace(unseen, '');
  return stripped === text ? text : stripped.trim();
}
