/**
 * From an unknown value to canonical resources, all faults collected. An element that has not even
 * the right shape is reported and left out, so that the others are still looked at.
 */

import type { TSchema } from 'typebox';
import {
  canonicalCategory,
  canonicalPlan,
  canonicalService,
  type CategoryRecord,
  type PlanRecord,
  type ServiceRecord,
} from './canonical.ts';
import { canonicalList, type ListRecord } from './canonical-list.ts';
import { canonicalSubscriber, type SubscriberRecord } from './canonical-household.ts';
import {
  CategorySchema,
  DocumentSchema,
  ListSchema,
  PlanSchema,
  ServiceSchema,
  SubscriberSchema,
} from './document.ts';
import { breathe, isTurn } from './breathe.ts';
import { quote } from '../lib/quote.ts';
import { ShapeChecker } from './schema-faults.ts';

/** A resource and what faults call it. */
export interface Placed<Resource> {
  readonly record: Resource;
  readonly path: string;
}

/** A section that the document does not have is null: `prune` leaves it alone. */
export interface ReadDocument {
  readonly categories: readonly Placed<CategoryRecord>[] | null;
  readonly lists: readonly Placed<ListRecord>[] | null;
  readonly services: readonly Placed<ServiceRecord>[] | null;
  readonly plans: readonly Placed<PlanRecord>[] | null;
  readonly subscribers: readonly Placed<SubscriberRecord>[] | null;
}

type Canonicalize<Document, Resource> = (
  document: Document,
  path: string,
  faults: string[],
) => Resource;

const categoryShape = new ShapeChecker(CategorySchema);
const listShape = new ShapeChecker(ListSchema);
const serviceShape = new ShapeChecker(ServiceSchema);
const planShape = new ShapeChecker(PlanSchema);
const subscriberShape = new ShapeChecker(SubscriberSchema);
const SECTIONS = Object.keys(DocumentSchema.properties);

export async function readDocument(value: unknown, faults: string[]): Promise<ReadDocument> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    faults.push(`the document: ${quote(value)} is no mapping; valid: ${SECTIONS.join(', ')}`);
    return { categories: null, lists: null, services: null, plans: null, subscribers: null };
  }
  const document = value as Record<string, unknown>;
  for (const key of Object.keys(document)) {
    if (!SECTIONS.includes(key)) {
      faults.push(`the document: unknown ${key}; valid: ${SECTIONS.join(', ')}`);
    }
  }
  const sections = {
    categories: await readSection(document, 'categories', categoryShape, canonicalCategory, faults),
    lists: await readSection(document, 'lists', listShape, canonicalList, faults),
    services: await readSection(document, 'services', serviceShape, canonicalService, faults),
    plans: await readSection(document, 'plans', planShape, canonicalPlan, faults),
    subscribers: await readSection(
      document,
      'subscribers',
      subscriberShape,
      canonicalSubscriber,
      faults,
    ),
  };
  await findSharedAddresses(sections.subscribers ?? [], faults);
  return sections;
}

async function readSection<
  Shape extends TSchema,
  Document,
  Resource extends { readonly id: string },
>(
  document: Record<string, unknown>,
  section: string,
  shape: ShapeChecker<Shape>,
  canonicalize: Canonicalize<Document, Resource>,
  faults: string[],
): Promise<Placed<Resource>[] | null> {
  const elements = document[section];
  // `plans:` with nothing after it is null in YAML.
  if (elements === undefined || elements === null) return null;
  if (!Array.isArray(elements)) {
    faults.push(`${section}: ${quote(elements)} is no list`);
    return null;
  }
  const placed: Placed<Resource>[] = [];
  const pathOf = new Map<string, string>();
  for (const [index, element] of (elements as unknown[]).entries()) {
    if (isTurn(index)) await breathe();
    const path = `${section}[${index}]`;
    if (!shape.isValid(element)) {
      faults.push(...shape.faultsOf(element, path));
      continue;
    }
    const record = canonicalize(element, path, faults);
    const earlier = pathOf.get(record.id);
    if (earlier !== undefined) {
      faults.push(`${path}.id: ${quote(record.id)} is already the id of ${earlier}`);
      continue;
    }
    pathOf.set(record.id, path);
    placed.push({ record, path });
  }
  return placed;
}

/** An address leads to one subscriber only, and so does a CPE id. */
async function findSharedAddresses(
  subscribers: readonly Placed<SubscriberRecord>[],
  faults: string[],
): Promise<void> {
  const ownerOf = { addresses: new Map<string, string>(), cpeIds: new Map<string, string>() };
  for (const [index, { record, path }] of subscribers.entries()) {
    if (isTurn(index)) await breathe();
    for (const field of ['addresses', 'cpeIds'] as const) {
      for (const key of record[field] ?? []) {
        const owner = ownerOf[field].get(key);
        if (owner === undefined) ownerOf[field].set(key, record.id);
        else
          faults.push(`${path}.${field}: ${quote(key)} belongs to subscriber ${quote(owner)} too`);
      }
    }
  }
}
