/**
 * The one error class of the control plane. Its code is stable and part of the API (problem+json
 * `code`); its message reads "doing what: cause", quotes the bad input and says what would be valid.
 */

export interface AppErrorOptions {
  readonly cause?: unknown;
  /** All single faults, where a validation collected several. */
  readonly faults?: readonly string[];
}

export class AppError extends Error {
  override readonly name = 'AppError';
  /** Stable upper-case identifier, such as `LIST_REFUSED`. */
  readonly code: string;
  /** The single faults of a validation; empty where the message says it all. */
  readonly faults: readonly string[];

  /** @param message one sentence for people; never holds a secret */
  constructor(code: string, message: string, options: AppErrorOptions = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined);
    this.code = code;
    this.faults = options.faults ?? [];
  }
}

/** The message of anything thrown, for logs and `cause` texts. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
