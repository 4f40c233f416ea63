/** What a grant or a request is about, as it is written, stored and shown. */

import { type Static, Type } from 'typebox';
import { canonicalNames, canonicalTarget } from './canonical-settings.ts';
import { quote } from '../lib/quote.ts';

/** Names in one grant: an opening for an evening, not a list. */
const NAMES_MAX = 20;

export const targetFields = {
  target: Type.String({
    maxLength: 80,
    description: 'internet, category:ID, service:ID, or names with the names beside it',
  }),
  names: Type.Optional(
    Type.Array(Type.String({ minLength: 1, maxLength: 1_000 }), {
      maxItems: NAMES_MAX,
      description: 'domain names; each covers everything below it',
    }),
  ),
};

export type TargetDocument = Static<Type.TObject<typeof targetFields>>;

export interface TargetRecord {
  /** `internet`, `category:ID`, `service:ID`, `names`. */
  readonly target: string;
  /** Of target `names`. */
  readonly names?: readonly string[];
}

export function canonicalTargetRecord(document: TargetDocument, faults: string[]): TargetRecord {
  const kinds = ['internet', 'category', 'names'] as const;
  const target = canonicalTarget(document.target, kinds, 'target', faults) ?? document.target;
  if (target !== 'names') {
    if (document.names !== undefined) {
      faults.push(`names: it goes with target names only, this is ${quote(document.target)}`);
    }
    return { target };
  }
  const names = canonicalNames(document.names ?? [], 'names', faults);
  if ((document.names ?? []).length === 0) {
    faults.push('names: target names needs the names; valid: such as [chat.example]');
  }
  // One tap on the answer to a child should not open half of the internet.
  for (const name of names.filter((one) => !one.includes('.'))) {
    faults.push(
      `names: ${quote(name)} would stand for all names that end in it; valid: such as chat.example`,
    );
  }
  return { target, names };
}
