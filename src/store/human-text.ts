/** Text that people write for people: nothing in it that a screen would obey in place of showing it. */

import { Type } from 'typebox';
import { UNSEEN } from '../lib/unseen.ts';

interface TextOptions {
  readonly maxLength: number;
  readonly minLength?: number;
  readonly description?: string;
}

/** What `humanText` may be. */
export const HUMAN_TEXT_PATTERN = `^[^${UNSEEN}]*$`;

/** One line. */
export function humanText({ description, ...length }: TextOptions) {
  const pattern = HUMAN_TEXT_PATTERN;
  return Type.String({ ...length, pattern, description: describe(description, 'one line') });
}

/** One or more lines, each ended by a line feed. */
export function humanLines({ description, ...length }: TextOptions) {
  const pattern = `^(?:[^${UNSEEN}]|\\n)*$`;
  return Type.String({ ...length, pattern, description: describe(description, 'text') });
}

function describe(description: string | undefined, form: string): string {
  const rule = `${form} without control characters`;
  return description === undefined ? rule : `${description}; ${rule}`;
}
