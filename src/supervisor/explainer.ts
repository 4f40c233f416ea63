/**
 * `explain`: what the server would do with a query, and why. It runs the same `decide` on the same
 * images as the workers, and adds the words: whose policy, which row, which line of which list, and when
 * it will be otherwise. It asks no upstream, so it says nothing about the targets of an answer.
 *
 *     who       address ─▶ subscriber ─▶ device ─▶ profile;  or the ids of a subscriber and a profile
 *     when      within the image in force: that one; else the profile's policy is compiled for the time
 *     what      decide ─▶ words, the twelve rows, the next change
 */

import { bitsOf, createMask } from '../blocklist/category.ts';
import { lookUpCategories } from '../blocklist/lookup.ts';
import { addSealedCategories, findSealedRecords } from '../blocklist/sealed/look-up-sealed.ts';
import type { Compiler } from '../compiler/compiler.ts';
import type { ListEvidence } from '../compiler/messages.ts';
import type { Config } from '../config/config.ts';
import { nameToText } from '../dns/name.ts';
import { createSuffixHashes, hashSuffixes, type SuffixHashes } from '../dns/suffix-hashes.ts';
import { writeUint32 } from '../lib/bytes.ts';
import { type Clock, systemClock } from '../lib/clock.ts';
import { AppError } from '../lib/errors.ts';
import { formatIpAddress, type AddressWords } from '../lib/ip-address.ts';
import {
  createDecision,
  decide,
  type Decision,
  DECIDE_BLOCK,
  DECIDE_SPECIAL,
} from '../policy/decide.ts';
import { DEVICE_ADDRESS, DEVICE_MAC, lookUpDevice } from '../policy/devices.ts';
import { hasDevices, type PolicyImage, policyRecordOf } from '../policy/image.ts';
import { firstRecordOf, specialKindOf } from '../resolver/local-names.ts';
import type { Store } from '../store/store.ts';
import type { Explanation, ExplainQuestion } from './control-plane-contract.ts';
import { describeDecision, describeRefusal } from './decision-words.ts';
import {
  isKnownClient,
  localNamesOf,
  type ParsedQuestion,
  parseExplainQuestion,
} from './explain-question.ts';
import { explainRows } from './explain-rows.ts';
import { findNextChange } from './next-change.ts';
import { policiesOfProfileAt } from './profile-policies.ts';
import type { InForce, OpenedImages } from './publisher.ts';
import type { SubscriberDirectory } from './subscriber-directory.ts';

const ADDRESS_BYTES = 16;
/** As of other evidence. */
const CONTENT_DIGITS = 12;

interface SealedQuestion {
  readonly name: Uint8Array;
  readonly hashes: SuffixHashes;
  readonly categoryOf: ReadonlyMap<number, string>;
  /** Ids of categories. */
  readonly wanted: readonly string[];
}

export class Explainer {
  readonly #store: Store;
  readonly #directory: Pick<SubscriberDirectory, 'lookUp'>;
  readonly #compiler: Pick<Compiler, 'compileProfile' | 'findEvidence'>;
  readonly #clock: Clock;

  constructor(
    store: Store,
    directory: Pick<SubscriberDirectory, 'lookUp'>,
    compiler: Pick<Compiler, 'compileProfile' | 'findEvidence'>,
    clock: Clock = systemClock,
  ) {
    this.#store = store;
    this.#directory = directory;
    this.#compiler = compiler;
    this.#clock = clock;
  }

  /**
   * @throws AppError `EXPLAIN_INVALID` with every fault, `NOT_READY` before the first images,
   *   `RESOURCE_UNKNOWN` for a subscriber or profile that is none
   */
  async explain(question: ExplainQuestion, inForce: InForce, config: Config): Promise<Explanation> {
    const parsed = parseExplainQuestion(question);
    const { images, seed } = inForce;
    if (images === null) throw new AppError('NOT_READY', 'Explaining: no images are loaded yet');
    const { name, client, type } = parsed;
    const atSecond = parsed.atSecond ?? Math.floor(this.#clock.wallMs() / 1000);
    const profile = await this.#profileOf(question, parsed, inForce, images);
    const owner = (await this.#store.profileOwners([profile])).get(profile);
    const hashes = createSuffixHashes();
    hashSuffixes(hashes, seed, name, 0);
    const mask = createMask();
    const { blocklist, sealed } = images.opened;
    lookUpCategories(blocklist, hashes, mask);
    if (sealed !== null) addSealedCategories(sealed, name, 0, hashes, mask);
    const categoryOf = await this.#store.categoryIds();
    const categories = bitsOf(mask).map((bit) => categoryOf.get(bit) ?? `bit ${bit}`);
    const base = {
      name: nameToText(name),
      client: client === null ? null : formatIpAddress(client),
      type: question.type.toUpperCase(),
      at: new Date(atSecond * 1000).toISOString(),
      subscriber: owner?.id ?? null,
      profile: owner?.profile ?? null,
      plan: owner?.plan ?? null,
      categories,
      revision: images.revision,
    };

    // Now is what the workers decide with, also where their image was not renewed in time.
    const policies =
      parsed.atSecond === null
        ? images.opened.policies
        : await policiesOfProfileAt(
            this.#compiler,
            inForce.seed,
            images.opened.policies,
            profile,
            atSecond,
          );
    const record = policyRecordOf(policies, profile, atSecond);
    if (record < 0) {
      const isKnown = client !== null && isKnownClient(client, config);
      return { ...base, ...describeRefusal(isKnown), rows: [], nextChange: null, evidence: [] };
    }
    const local = localNamesOf(config, seed);
    const special = specialKindOf(local, hashes, type);
    const hasLocal = firstRecordOf(local, hashes) >= 0;
    const decideAt = (at: number) => decideBy(policies, at, hashes, mask, special);
    const describe = (decision: Decision) =>
      describeDecision(decision, policies, {
        category: categoryOf.get(decision.category) ?? null,
        plan: base.plan,
        hasRecord:
          decision.action !== DECIDE_BLOCK && decision.action !== DECIDE_SPECIAL && hasLocal,
      });
    const decision = decideAt(record);
    const words = describe(decision);
    // A block is shown by the lists of its category, a pass by all lists that hold the name.
    const decisive = words.category === null ? [] : [words.category];
    const wanted = decision.action === DECIDE_BLOCK ? decisive : categories;
    return {
      ...base,
      ...words,
      rows: explainRows(decision, policies, record, mask, categoryOf),
      nextChange: findNextChange(policies, record, (at) => describe(decideAt(at))),
      evidence: [
        ...(await this.#sealedEvidence(images, { name, hashes, categoryOf, wanted })),
        ...(await this.#findEvidence(name, wanted)),
      ],
    };
  }

  /** The profile number that a query of the question would be decided with; −1 for nobody's. */
  async #profileOf(
    question: ExplainQuestion,
    { client, mac }: ParsedQuestion,
    { seed }: InForce,
    { opened: { policies } }: OpenedImages,
  ): Promise<number> {
    if (client === null) {
      const numbers = await this.#store.profileNumbers(question.subscriber ?? '');
      const number = numbers.get(question.profile);
      if (number !== undefined) return number;
      const whose = `subscriber "${question.subscriber ?? ''}"`;
      const what = question.profile === null ? whose : `profile "${question.profile}" of ${whose}`;
      throw new AppError('RESOURCE_UNKNOWN', `There is no ${what}`);
    }
    const subscriber = this.#directory.lookUp(Uint32Array.from(client));
    if (!hasDevices(policies, subscriber)) return subscriber;
    const devices: (readonly [kind: number, key: Uint8Array])[] = [
      [DEVICE_ADDRESS, addressOctets(client)],
    ];
    if (mac !== null) devices.unshift([DEVICE_MAC, mac]);
    for (const [kind, key] of devices) {
      const profile = lookUpDevice(policies, seed, subscriber, kind, key, 0, key.length);
      if (profile >= 0) return profile;
    }
    return subscriber;
  }

  /** Of a sealed list: which one and which version, and nothing of what it holds. */
  async #sealedEvidence(
    { opened: { sealed } }: OpenedImages,
    { name, hashes, categoryOf, wanted }: SealedQuestion,
  ): Promise<readonly ListEvidence[]> {
    if (sealed === null) return [];
    const found = findSealedRecords(sealed, name, 0, hashes).filter(({ categoryBit }) =>
      wanted.includes(categoryOf.get(categoryBit) ?? ''),
    );
    const lists = await this.#store.lists();
    return found.map(({ list, sha256 }) => {
      const stored = lists.get(list);
      return {
        list,
        version: stored?.version ?? null,
        since: stored?.installedAt ?? null,
        content: sha256.slice(0, CONTENT_DIGITS),
        line: 0,
        text: '',
      };
    });
  }

  #findEvidence(name: Uint8Array, categories: readonly string[]): Promise<readonly ListEvidence[]> {
    if (categories.length === 0) return Promise.resolve([]);
    return this.#compiler.findEvidence(name, categories);
  }
}

function decideBy(
  policies: PolicyImage,
  record: number,
  hashes: SuffixHashes,
  mask: Uint32Array,
  special: number,
): Decision {
  const decision = createDecision();
  decide(decision, policies, record, hashes, mask, special);
  return decision;
}

function addressOctets(address: AddressWords): Uint8Array {
  const octets = new Uint8Array(ADDRESS_BYTES);
  for (const [word, value] of address.entries()) writeUint32(octets, word * 4, value);
  return octets;
}
