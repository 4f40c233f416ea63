/**
 * `explain`: what the server would do with a query, and why. It runs the same `decide` on the same
 * images as the workers, and adds the words: whose policy, which category, which line of which list.
 * It asks no upstream, so it says nothing about the targets of an answer.
 */

import { bitsOf, createMask } from '../blocklist/category.ts';
import { lookUpCategories } from '../blocklist/lookup.ts';
import type { Compiler } from '../compiler/compiler.ts';
import type { Config } from '../config/config.ts';
import { nameToText } from '../dns/name.ts';
import { createSuffixHashes, hashSuffixes } from '../dns/suffix-hashes.ts';
import { AppError } from '../lib/errors.ts';
import { formatIpAddress } from '../lib/ip-address.ts';
import { createDecision, decide, DECIDE_BLOCK, DECIDE_PASS } from '../policy/decide.ts';
import { policyRecordOf } from '../policy/image.ts';
import { firstRecordOf, specialKindOf } from '../resolver/local-names.ts';
import type { Store } from '../store/store.ts';
import type { Explanation, ExplainQuestion, ListEvidence } from './control-plane-contract.ts';
import { describeDecision, describeRefusal } from './decision-words.ts';
import { isKnownClient, localNamesOf, parseExplainQuestion } from './explain-question.ts';
import type { InForce } from './publisher.ts';
import type { SubscriberDirectory } from './subscriber-directory.ts';

export class Explainer {
  readonly #store: Store;
  readonly #directory: SubscriberDirectory;
  readonly #compiler: Compiler;

  constructor(store: Store, directory: SubscriberDirectory, compiler: Compiler) {
    this.#store = store;
    this.#directory = directory;
    this.#compiler = compiler;
  }

  /** @throws AppError `EXPLAIN_INVALID` with every fault, `NOT_READY` before the first images */
  async explain(question: ExplainQuestion, inForce: InForce, config: Config): Promise<Explanation> {
    const { name, client, type } = parseExplainQuestion(question);
    const { images, seed } = inForce;
    if (images === null) throw new AppError('NOT_READY', 'Explaining: no images are loaded yet');
    const { blocklist, policies } = images.opened;
    const hashes = createSuffixHashes();
    hashSuffixes(hashes, seed, name, 0);
    const mask = createMask();
    lookUpCategories(blocklist, hashes, mask);
    const profile = this.#directory.lookUp(Uint32Array.from(client));
    const owner = await this.#store.subscriberOfProfile(profile);
    const categoryOf = await this.#categoryIds();
    const categories = bitsOf(mask).map((bit) => categoryOf.get(bit) ?? `bit ${bit}`);
    const base = {
      name: nameToText(name),
      client: formatIpAddress(client),
      type: question.type.toUpperCase(),
      subscriber: owner?.id ?? null,
      plan: owner?.plan ?? null,
      categories,
      revision: images.revision,
    };

    const record = policyRecordOf(policies, profile);
    if (record < 0) {
      return { ...base, ...describeRefusal(isKnownClient(client, config)), evidence: [] };
    }
    const local = localNamesOf(config, seed);
    const decision = createDecision();
    decide(decision, policies, record, hashes, mask, specialKindOf(local, hashes, type));
    const hasRecord = decision.action === DECIDE_PASS && firstRecordOf(local, hashes) >= 0;
    const category = categoryOf.get(decision.category) ?? null;
    const words = describeDecision(decision, policies, {
      category,
      plan: base.plan,
      hasRecord,
    });
    // A block is shown by the lists of its category, a pass by all lists that hold the name.
    const decisive = category === null ? [] : [category];
    const wanted = decision.action === DECIDE_BLOCK ? decisive : categories;
    return { ...base, ...words, evidence: await this.#findEvidence(name, wanted) };
  }

  async #categoryIds(): Promise<ReadonlyMap<number, string>> {
    const categories = await this.#store.categories();
    return new Map([...categories].map(([id, { bit }]) => [bit, id]));
  }

  #findEvidence(name: Uint8Array, categories: readonly string[]): Promise<readonly ListEvidence[]> {
    if (categories.length === 0) return Promise.resolve([]);
    return this.#compiler.findEvidence(name, categories);
  }
}
