/** Which lines of which lists put a name into categories: the lists are read again for it. */

import { findInList } from '../blocklist/provenance.ts';
import { readCompileInputFrom } from '../store/compile-input.ts';
import type { EvidenceDone, EvidenceRequest, ListPlaceFound } from './messages.ts';
import { openList } from './open-list.ts';

export async function findEvidence(request: EvidenceRequest): Promise<EvidenceDone> {
  const { name } = request;
  const { lists } = await readCompileInputFrom(request.dataDir);
  const places: ListPlaceFound[] = [];
  for (const source of lists.filter(({ category }) => request.categories.includes(category))) {
    const { list, refuseDamage } = openList(source);
    const { id, format, content, coversSubdomains } = list;
    const place = findInList(content, format, name, name.length, coversSubdomains);
    refuseDamage();
    if (place !== null) places.push({ list: id, line: place.line, text: place.text });
  }
  return { kind: 'found', job: request.job, places };
}
