/**
 * What every list format shares: the sink that a parser hands its finds to, and the names of the
 * formats and of the reasons why a line is refused.
 *
 * A parser reads octets and knows nothing of categories, gates or tables. It calls the sink line by
 * line in order; every line that is neither blank, comment nor header leads to at least one call, or
 * is documented as ignored. It never throws on any octets.
 */

/** The octets of a list as fetched: in memory, or read piece by piece each time it is parsed. */
export type ListContent = Uint8Array | ListSource;

export interface ListSource {
  /** Octets in all. */
  readonly length: number;
  /**
   * Copies the octets from `at` on; returns how many. They are fewer than `into` has room for only
   * where the content ends.
   */
  read(into: Uint8Array, at: number): number;
}

/** The name itself. */
export const COVER_EXACT = 1;
/** Everything under the name. */
export const COVER_BELOW = 2;
export const COVER_BOTH = COVER_EXACT | COVER_BELOW;

export type TextFormatName = 'domains' | 'hosts' | 'adblock' | 'dnsmasq' | 'rpz' | 'wildcard';

/** `sealed` is no text: its content is known again, counted and looked up, but never parsed. */
export type ListFormatName = TextFormatName | 'sealed';

/** Those that a document may name. */
export const LIST_FORMAT_NAMES: readonly TextFormatName[] = [
  'domains',
  'hosts',
  'adblock',
  'dnsmasq',
  'rpz',
  'wildcard',
];

/** Why a parser refuses a line or a name on it. */
export type FaultReason =
  | 'bad-name'
  | 'bad-character'
  | 'label-too-long'
  | 'name-too-long'
  | 'bad-idn'
  | 'ip-address'
  | 'line-too-long'
  | 'bad-wildcard'
  | 'markup'
  | 'bad-syntax'
  | 'unsupported-rule'
  | 'unsupported-modifier'
  | 'unsupported-directive'
  | 'unsupported-trigger'
  | 'unsupported-action';

/** Why the gate refuses a name that a parser accepted. */
export type RefusalReason = 'single-label' | 'public-suffix' | 'protected';

/** The longest text of a refused line that is handed on. */
export const FAULT_TEXT_MAX = 120;

export interface ListSink {
  /**
   * A name of the list.
   * @param name lower-cased wire octets with the root, valid only during the call
   * @param coverage `COVER_EXACT`, `COVER_BELOW` or both
   * @param line counted from 1
   */
  entry(name: Uint8Array, length: number, coverage: number, line: number): void;
  /** A name that the list takes out again; what that means for names below is the format's. */
  exception(name: Uint8Array, length: number, coverage: number, line: number): void;
  /** @param text the refused line or the part of it that was refused, at most `FAULT_TEXT_MAX` characters */
  reject(line: number, reason: FaultReason, text: string): void;
}
