/** Why a zone could not be transferred. */

import { AppError } from '../../lib/errors.ts';

export type TransferFault =
  /** No connection, or a deadline passed. */
  | 'network'
  /** The connection ended before the transfer did. */
  | 'cut'
  /** The signature is missing or wrong; nothing of what was said counts. */
  | 'signature'
  /** The primary says no, with a response code. */
  | 'refused'
  /** What it says is no transfer. */
  | 'protocol'
  /** The differences do not fit the copy that they were asked for. */
  | 'mismatch'
  /** More than is taken. */
  | 'limit';

/** The message of it is shown to operators; it names the primary or the zone, never a secret. */
export class TransferError extends AppError {
  readonly fault: TransferFault;

  constructor(fault: TransferFault, message: string, cause?: unknown) {
    super('TRANSFER_FAILED', message, cause === undefined ? {} : { cause });
    this.fault = fault;
  }

  /** Where differences were asked for, the whole zone may still be had. */
  get mayAskForWhole(): boolean {
    return this.fault !== 'network' && this.fault !== 'signature';
  }
}
