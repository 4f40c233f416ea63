/** A sealed list of the store as the compiler takes it: whole, undamaged, and of a key that there is. */

import { readWhole } from '../blocklist/formats/list-window.ts';
import { SEALED_OCTETS_READ } from '../blocklist/sealed/sealed-file.ts';
import type { SealedPart } from '../blocklist/sealed/sealed-section.ts';
import { openList } from '../lists/open-list.ts';
import { openKeptFile } from '../sealing/open-sealed.ts';
import type { SealingKeys } from '../sealing/sealing-keys.ts';
import type { CompileListSource } from '../store/compile-input.ts';

export interface OpenedSealedPart {
  readonly id: string;
  readonly entries: number;
  readonly part: SealedPart;
}

/** @throws AppError `SEALING_KEY_MISSING`, or as `openList` */
export function openSealedPart(source: CompileListSource, sealing: SealingKeys): OpenedSealedPart {
  const { id, categoryBit, contentSha256: sha256 } = source;
  const { list, refuseDamage } = openList(source);
  const octets = readWhole(list.content, SEALED_OCTETS_READ);
  refuseDamage();
  const { names } = openKeptFile(octets, sealing);
  return { id, entries: names, part: { categoryBit, octets, sha256 } };
}
