/**
 * Policies of plans by themselves, kept while they hold: whoever asks about the same plan again, and
 * many who ask at a time, wait for one compilation.
 */

import type { Compiler } from '../compiler/compiler.ts';
import type { HashSeed } from '../lib/half-siphash.ts';
import { type PolicyImage, trustPolicyImage } from '../policy/image.ts';
import { holdsAt } from './profile-policies.ts';

/** Of those asked about; a few kilobytes each. */
const PLANS_KEPT_MAX = 16;

interface Kept {
  readonly revision: number;
  readonly seed: HashSeed;
  readonly policies: Promise<PolicyImage>;
}

export class PlanPolicies {
  readonly #compiler: Pick<Compiler, 'compilePlan'>;
  /** By id of the plan; the longest unused first. */
  readonly #kept = new Map<string, Kept>();

  constructor(compiler: Pick<Compiler, 'compilePlan'>) {
    this.#compiler = compiler;
  }

  /**
   * @param revision of the images in force: a newer one may have changed the plan
   * @throws AppError `RESOURCE_UNKNOWN`
   */
  async policiesAt(
    plan: string,
    atSecond: number,
    revision: number,
    seed: HashSeed,
  ): Promise<PolicyImage> {
    const kept = this.#kept.get(plan);
    if (kept?.revision === revision && kept.seed === seed) {
      const policies = await kept.policies;
      if (holdsAt(policies, atSecond)) {
        this.#keep(plan, kept);
        return policies;
      }
    }
    const policies = this.#compiler.compilePlan(seed, plan, atSecond).then(trustPolicyImage);
    this.#keep(plan, { revision, seed, policies });
    policies.catch(() => {
      if (this.#kept.get(plan)?.policies === policies) this.#kept.delete(plan);
    });
    return policies;
  }

  #keep(plan: string, kept: Kept): void {
    this.#kept.delete(plan);
    this.#kept.set(plan, kept);
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= PLANS_KEPT_MAX) return;
      this.#kept.delete(oldest);
    }
  }
}
