/**
 * A short text that changes whenever an address of a subscriber does, so that the subscriber table
 * need not be built anew for every change of policy.
 */

import { openDatabase } from '../store/database.ts';

/**
 * Every change of a subscriber, its addresses included, gives its row a revision of its own, and a
 * deletion changes the number of rows: the two together name the state.
 */
export async function readAddressFingerprint(dataDir: string): Promise<string> {
  const db = openDatabase(dataDir, { isReadOnly: true });
  try {
    const { newest, rows } = await db
      .selectFrom('subscribers')
      .select((eb) => [eb.fn.max('revision').as('newest'), eb.fn.countAll<number>().as('rows')])
      .executeTakeFirstOrThrow();
    return `${newest}/${rows}`;
  } finally {
    await db.destroy();
  }
}
