/**
 * What would be decided on many names, for a plan, a household or a profile: the same `decide` on the same
 * images as the workers, with only the result in words. It stays on the main thread, some
 * microseconds a name, so whoever hands in the names bounds them.
 *
 *     whose     plan ─▶ its policy by itself;  subscriber, profile ─▶ theirs in the image in force
 *     when      within that image; else the policy is compiled for the time
 */

import { bitsOf, createMask } from '../blocklist/category.ts';
import { lookUpCategories } from '../blocklist/lookup.ts';
import { addSealedCategories } from '../blocklist/sealed/look-up-sealed.ts';
import type { Compiler } from '../compiler/compiler.ts';
import { PLAN_PROFILE } from '../compiler/messages.ts';
import type { Config } from '../config/config.ts';
import { TYPE_A } from '../dns/constants.ts';
import { nameToText } from '../dns/name.ts';
import { createSuffixHashes, hashSuffixes } from '../dns/suffix-hashes.ts';
import { type Clock, systemClock } from '../lib/clock.ts';
import { AppError } from '../lib/errors.ts';
import { quote } from '../lib/quote.ts';
import { createDecision, decide } from '../policy/decide.ts';
import { type PolicyImage, policyRecordOf } from '../policy/image.ts';
import { firstRecordOf, specialKindOf } from '../resolver/local-names.ts';
import type { Store } from '../store/store.ts';
import type { Decisions, DecisionsQuestion } from './control-plane-contract.ts';
import { shortDecision } from './decision-words.ts';
import { localNamesOf, parseTime, wireName } from './explain-question.ts';
import { PlanPolicies } from './plan-policies.ts';
import { policiesOfProfileAt } from './profile-policies.ts';
import type { InForce, OpenedImages } from './publisher.ts';

export class BulkDecisions {
  readonly #store: Store;
  readonly #compiler: Pick<Compiler, 'compileProfile'>;
  readonly #plans: PlanPolicies;
  readonly #clock: Clock;

  constructor(
    store: Store,
    compiler: Pick<Compiler, 'compileProfile' | 'compilePlan'>,
    clock: Clock = systemClock,
  ) {
    this.#store = store;
    this.#compiler = compiler;
    this.#plans = new PlanPolicies(compiler);
    this.#clock = clock;
  }

  /** @throws AppError `EXPLAIN_INVALID` with every fault, `NOT_READY`, `RESOURCE_UNKNOWN` */
  async decide(question: DecisionsQuestion, inForce: InForce, config: Config): Promise<Decisions> {
    const { names, atSecond } = parseQuestion(question);
    const { images, seed } = inForce;
    if (images === null) throw new AppError('NOT_READY', 'Deciding: no images are loaded yet');
    const second = atSecond ?? Math.floor(this.#clock.wallMs() / 1000);
    const isNow = atSecond === null;
    const { policies, profile } = await this.#policiesOf(question, second, isNow, inForce, images);
    const record = policyRecordOf(policies, profile, second);
    if (record < 0) throw new AppError('NOT_READY', 'Deciding: no policy is in force for it yet');
    const categoryOf = await this.#store.categoryIds();
    const idOf = (bit: number): string => categoryOf.get(bit) ?? `bit ${bit}`;
    const local = localNamesOf(config, seed);
    const { blocklist, sealed } = images.opened;
    const [hashes, mask, decision] = [createSuffixHashes(), createMask(), createDecision()];
    const items = names.map((name) => {
      hashSuffixes(hashes, seed, name, 0);
      lookUpCategories(blocklist, hashes, mask);
      if (sealed !== null) addSealedCategories(sealed, name, 0, hashes, mask);
      decide(decision, policies, record, hashes, mask, specialKindOf(local, hashes, TYPE_A));
      const hasRecord = firstRecordOf(local, hashes) >= 0;
      const categories = bitsOf(mask).map(idOf);
      return { name: nameToText(name), ...shortDecision(decision, hasRecord, idOf), categories };
    });
    return { revision: images.revision, items };
  }

  async #policiesOf(
    { plan, subscriber, profile }: DecisionsQuestion,
    second: number,
    isNow: boolean,
    { seed }: InForce,
    images: OpenedImages,
  ): Promise<{ readonly policies: PolicyImage; readonly profile: number }> {
    if (plan !== null) {
      const { revision } = images;
      const policies = await this.#plans.policiesAt(plan, second, revision, seed);
      return { policies, profile: PLAN_PROFILE };
    }
    const number = (await this.#store.profileNumbers(subscriber ?? '')).get(profile);
    if (number === undefined) {
      const whose = `subscriber ${quote(subscriber)}`;
      const what = profile === null ? whose : `profile ${quote(profile)} of ${whose}`;
      throw new AppError('RESOURCE_UNKNOWN', `There is no ${what}`);
    }
    const inImage = images.opened.policies;
    // Now is what the workers decide with, also where their image was not renewed in time.
    const policies = isNow
      ? inImage
      : await policiesOfProfileAt(this.#compiler, seed, inImage, number, second);
    return { policies, profile: number };
  }
}

function parseQuestion({ names, plan, subscriber, profile, at }: DecisionsQuestion): {
  readonly names: readonly Uint8Array[];
  readonly atSecond: number | null;
} {
  const atMs = at === null ? null : parseTime(at);
  const faults = [
    ...((plan === null) === (subscriber === null)
      ? ['plan, subscriber: one of the two says whose policy']
      : []),
    ...(profile !== null && subscriber === null
      ? [`profile: ${quote(profile)} needs its subscriber`]
      : []),
    ...(Number.isNaN(atMs)
      ? [`at: ${quote(at)}; valid: a time of the years 2000 to 2099, such as 2026-11-22T21:00:00Z`]
      : []),
  ];
  const parsed = names.flatMap((text, index) => {
    const name = wireName(text);
    if (name !== null) return [name];
    faults.push(`names[${index}]: ${quote(text)}; valid: a domain name, such as www.example.org`);
    return [];
  });
  if (faults.length > 0) {
    throw new AppError('EXPLAIN_INVALID', `Deciding: ${faults.join(' · ')}`, { faults });
  }
  return { names: parsed, atSecond: atMs === null ? null : Math.floor(atMs / 1000) };
}
