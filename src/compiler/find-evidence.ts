/** Which lines of which lists put a name into categories: the lists are read again for it. */

import { findInList } from '../blocklist/provenance.ts';
import { readCompileInputFrom } from '../store/compile-input.ts';
import { readList } from './compile-revision.ts';
import type { EvidenceDone, EvidenceRequest, ListPlaceFound } from './messages.ts';

/** One list after the other, so that only one content is in memory. */
export async function findEvidence(request: EvidenceRequest): Promise<EvidenceDone> {
  const { name } = request;
  const { lists } = await readCompileInputFrom(request.dataDir);
  const places: ListPlaceFound[] = [];
  for (const source of lists.filter(({ category }) => request.categories.includes(category))) {
    const { id, format, content, coversSubdomains } = await readList(source);
    const place = findInList(content, format, name, name.length, coversSubdomains);
    if (place !== null) places.push({ list: id, line: place.line, text: place.text });
  }
  return { kind: 'found', job: request.job, places };
}
