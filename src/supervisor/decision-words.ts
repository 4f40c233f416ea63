/** A decision in words: the part of an explanation that people read. */

import { EDE_NONE, EDE_PROHIBITED } from '../dns/constants.ts';
import { nameToText } from '../dns/name.ts';
import {
  DECIDE_BLOCK,
  DECIDE_SAFE_SEARCH,
  DECIDE_SPECIAL,
  LEVEL_PLAN,
  LEVEL_PROFILE,
  LEVEL_SUBSCRIBER,
} from '../policy/decide.ts';
import type { Decision } from '../policy/decide.ts';
import { textAt, textLength } from '../policy/image.ts';
import type { PolicyImage } from '../policy/image.ts';
import {
  isTargetAddress,
  targetAddress4,
  targetNameAt,
  targetNameLength,
} from '../policy/safe-search.ts';
import { formatIpAddress } from '../lib/ip-address.ts';
import type { Explanation } from './control-plane-contract.ts';

/** In the order of the numbers in `policy/decide` and `policy/image`. */
const VERDICT_CLASSES = ['none', 'law', 'operator', 'policy'] as const;
const BLOCKING_MODES = ['nxdomain', 'nodata', 'zero', 'address', 'refused'] as const;
const IPV4_PREFIX_WORDS = [0, 0, 0xffff] as const;

type Words = Pick<
  Explanation,
  | 'decision'
  | 'row'
  | 'verdictClass'
  | 'category'
  | 'blockingMode'
  | 'edeCode'
  | 'safeSearchTarget'
  | 'reason'
>;

/** What stands around a decision. */
export interface Surroundings {
  /** Id of the category that decided. */
  readonly category: string | null;
  readonly plan: string | null;
  /** True where a local record answers what passes. */
  readonly hasRecord: boolean;
}

export function describeDecision(
  decision: Decision,
  policies: PolicyImage,
  around: Surroundings,
): Words {
  const isBlocked = decision.action === DECIDE_BLOCK;
  return {
    decision: actionOf(decision, around.hasRecord),
    row: decision.row,
    verdictClass: VERDICT_CLASSES[decision.verdictClass] ?? 'none',
    category: around.category,
    blockingMode: isBlocked ? (BLOCKING_MODES[decision.blockingMode] ?? null) : null,
    edeCode: decision.edeCode === EDE_NONE ? null : decision.edeCode,
    safeSearchTarget: around.hasRecord ? null : targetText(decision, policies),
    reason: isBlocked ? blockReason(decision, policies) : passReason(decision, policies, around),
  };
}

/** The result alone, of many names at a time. */
export function shortDecision(
  decision: Readonly<Decision>,
  hasRecord: boolean,
  idOf: (bit: number) => string,
): Pick<Words, 'decision' | 'row' | 'verdictClass' | 'category'> {
  const category = decision.category < 0 ? null : idOf(decision.category);
  return {
    decision: actionOf(decision, hasRecord),
    row: decision.row,
    verdictClass: VERDICT_CLASSES[decision.verdictClass] ?? 'none',
    category,
  };
}

/** For a client without a policy, a stranger or one that the subscriber table does not know. */
export function describeRefusal(isKnown: boolean): Words {
  return {
    decision: 'refuse',
    row: 0,
    verdictClass: 'none',
    category: null,
    blockingMode: null,
    edeCode: EDE_PROHIBITED,
    safeSearchTarget: null,
    reason: isKnown
      ? 'No subscriber has an address that holds this client, so no policy applies to it.'
      : 'The client is in no access prefix and belongs to no subscriber.',
  };
}

function actionOf(decision: Readonly<Decision>, hasRecord: boolean): Explanation['decision'] {
  if (decision.action === DECIDE_BLOCK) return 'block';
  if (decision.action === DECIDE_SPECIAL || hasRecord) return 'local';
  return decision.action === DECIDE_SAFE_SEARCH ? 'safe-search' : 'pass';
}

/** The text that the client gets too (EXTRA-TEXT of the EDE). */
function blockReason(decision: Decision, policies: PolicyImage): string {
  const at = textAt(policies, decision.text);
  // TextDecoder refuses shared memory, hence the copy.
  const octets = policies.texts.slice(at, at + textLength(policies, decision.text));
  return `${new TextDecoder().decode(Uint8Array.from(octets))}.`;
}

function passReason(
  decision: Decision,
  policies: PolicyImage,
  { plan, category, hasRecord }: Surroundings,
): string {
  const target = targetText(decision, policies);
  if (target !== null && !hasRecord) return `Safe search: it is answered with ${target}.`;
  if (decision.row === 2) return 'The name is protected: lists cannot block it.';
  if (decision.row === 3) return 'A special name: it is answered here and never forwarded.';
  const local = hasRecord ? ' A local record answers it.' : '';
  if (decision.row === 5) return `A running grant opens ${category ?? 'the name'}.${local}`;
  const always = decision.row === 6 ? ', also while the internet is off' : '';
  switch (decision.ruleLevel) {
    case LEVEL_PROFILE:
      return `The profile allows the name${always}.${local}`;
    case LEVEL_SUBSCRIBER:
      return `The household allows the name${always}.${local}`;
    case LEVEL_PLAN:
      return `Plan ${plan ?? '?'} allows the name${always}.${local}`;
    default:
      return `Nothing in plan ${plan ?? '?'} or the household's settings blocks the name.${local}`;
  }
}

function targetText(decision: Decision, policies: PolicyImage): string | null {
  const { safeTarget } = decision;
  if (decision.action !== DECIDE_SAFE_SEARCH) return null;
  if (isTargetAddress(policies, safeTarget)) {
    return formatIpAddress([...IPV4_PREFIX_WORDS, targetAddress4(policies, safeTarget)]);
  }
  const at = targetNameAt(policies, safeTarget);
  const octets = policies.targetNames.slice(at, at + targetNameLength(policies, safeTarget));
  return nameToText(Uint8Array.from(octets));
}
