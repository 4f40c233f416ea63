/** What comes with every write, whatever it is about. */

import type { Expectation } from './expectation.ts';
import type { IdempotencyKey } from './idempotency.ts';

export interface WriteContext {
  /** Who: the id of a token, `offline` or `first-start`; what has a space in it is nobody's token. */
  readonly actor: string;
  readonly expectation?: Expectation | undefined;
  readonly idempotency?: IdempotencyKey | undefined;
}
