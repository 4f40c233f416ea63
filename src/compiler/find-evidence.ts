/** Which lines of which lists put a name into categories: the lists are read again for it. */

import { findInList } from '../blocklist/provenance.ts';
import type { EvidenceDone, EvidenceRequest, ListPlaceFound } from './messages.ts';
import { readNewestInput } from './newest-input.ts';
import { openList } from '../lists/open-list.ts';

/** Enough to tell the versions of one list apart. */
const VERSION_DIGITS = 12;

export async function findEvidence(request: EvidenceRequest): Promise<EvidenceDone> {
  const { name } = request;
  const { lists } = await readNewestInput(request.dataDir);
  const places: ListPlaceFound[] = [];
  for (const source of lists.filter(({ category }) => request.categories.includes(category))) {
    const { list, refuseDamage } = openList(source);
    const place = findInList(list, name, name.length);
    refuseDamage();
    if (place !== null) {
      const version = source.contentSha256.slice(0, VERSION_DIGITS);
      places.push({ list: list.id, version, line: place.line, text: place.text });
    }
  }
  return { kind: 'found', job: request.job, places };
}
