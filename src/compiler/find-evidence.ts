/** Which lines of which lists put a name into categories: the lists are read again for it. */

import { findInList } from '../blocklist/provenance.ts';
import type { EvidenceDone, EvidenceRequest, ListEvidence } from './messages.ts';
import { readNewestInput } from './newest-input.ts';
import { openList } from '../lists/open-list.ts';

/** Enough to tell the contents of one list apart. */
const CONTENT_DIGITS = 12;

export async function findEvidence(request: EvidenceRequest): Promise<EvidenceDone> {
  const { name } = request;
  const { lists } = await readNewestInput(request.dataDir);
  const places: ListEvidence[] = [];
  for (const source of lists) {
    // A sealed list has no lines; that it holds the name, whoever explains has seen.
    if (source.format === 'sealed' || !request.categories.includes(source.category)) continue;
    const { list, refuseDamage } = openList(source);
    const place = findInList(list, name, name.length);
    refuseDamage();
    if (place !== null) {
      places.push({
        list: list.id,
        version: source.version?.number ?? null,
        since: source.version?.installedAt ?? null,
        content: source.contentSha256.slice(0, CONTENT_DIGITS),
        line: place.line,
        text: place.text,
      });
    }
  }
  return { kind: 'found', job: request.job, places };
}
