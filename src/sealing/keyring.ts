/** The keys in use. A reload replaces them all at once; whoever needs them looks here each time. */

import type { SealingKeys } from './sealing-keys.ts';

export interface Keyring {
  current: SealingKeys;
}
