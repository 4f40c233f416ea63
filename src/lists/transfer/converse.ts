/**
 * One query over TCP and the messages that answer it, on a connection of its own. Whatever the other
 * side does, it ends: by a deadline for connecting, for silence and for all of it, by too few octets
 * and by too many.
 */

import { connect } from 'node:net';
import type { Endpoint } from '../../lib/endpoint.ts';
import { messageOf } from '../../lib/errors.ts';
import { FrameBuffer } from '../../transport/frame-buffer.ts';
import { TransferError } from './transfer-error.ts';

export interface ConversationLimits {
  readonly connectMs: number;
  /** Without an octet. */
  readonly silenceMs: number;
  readonly totalMs: number;
  /** From the first octet on; without it the deadlines are enough. */
  readonly pace?: {
    /** It is looked at this often … */
    readonly everyMs: number;
    /** … and octets must have come at this rate. */
    readonly bytesPerSecondMin: number;
  };
  /** Octets received. */
  readonly bytesMax: number;
  /** Ends the conversation. */
  readonly signal?: AbortSignal;
}

/**
 * @param onMessage told each message, which is its own only during the call; returns what the answer
 *   is with the last of them, null before. What it throws ends the conversation.
 * @throws TransferError `network`, `cut` or `limit`, or what `onMessage` threw
 */
export function converse<Answer>(
  { address, port }: Endpoint,
  query: Uint8Array,
  limits: ConversationLimits,
  onMessage: (message: Uint8Array) => Answer | null,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { signal, pace } = limits;
    const frames = new FrameBuffer();
    const socket = connect({ host: address, port, noDelay: true });
    let received = 0;
    let receivedBefore = 0;
    let paceTimer: NodeJS.Timeout | null = null;
    let isOver = false;
    /** Once; what is settled stays so. */
    const end = (): void => {
      isOver = true;
      clearTimeout(total);
      if (paceTimer !== null) clearInterval(paceTimer);
      signal?.removeEventListener('abort', giveUp);
      socket.destroy();
    };
    const failWith = (error: Error): void => {
      end();
      reject(error);
    };
    const fail = (what: string, cause?: unknown): void => {
      failWith(new TransferError('network', what, cause));
    };
    const total = setTimeout(() => {
      fail(`it was not done within ${limits.totalMs / 1000} seconds`);
    }, limits.totalMs);
    /** Who sends next to nothing is left long before the deadline for all of it. */
    const keepPace = ({ everyMs, bytesPerSecondMin }: NonNullable<typeof pace>): NodeJS.Timeout =>
      setInterval(() => {
        if (received - receivedBefore < (bytesPerSecondMin * everyMs) / 1000) {
          fail(`it sends less than ${bytesPerSecondMin} octets a second`);
        }
        receivedBefore = received;
      }, everyMs);
    const giveUp = (): void => {
      fail('it was given up');
    };
    signal?.addEventListener('abort', giveUp);
    if (signal?.aborted === true) giveUp();
    socket.setTimeout(limits.connectMs, () => {
      fail(received === 0 ? 'it does not answer' : 'it fell silent before the end');
    });
    socket.on('connect', () => {
      socket.setTimeout(limits.silenceMs);
      // Length and message in one write (RFC 7766, section 8).
      socket.write(Uint8Array.of(query.length >>> 8, query.length, ...query));
    });
    socket.on('data', (chunk) => {
      received += chunk.length;
      if (pace !== undefined) paceTimer ??= keepPace(pace);
      if (received > limits.bytesMax) {
        failWith(new TransferError('limit', `it sends more than ${limits.bytesMax} octets`));
        return;
      }
      try {
        frames.push(chunk);
        while (!isOver && frames.next()) {
          const { bytes, messageAt, messageLength } = frames;
          const answer = onMessage(bytes.subarray(messageAt, messageAt + messageLength));
          if (answer === null) continue;
          end();
          resolve(answer);
        }
        frames.settle();
      } catch (error) {
        failWith(error instanceof Error ? error : new Error(messageOf(error)));
      }
    });
    socket.on('error', (error) => {
      fail(messageOf(error), error);
    });
    socket.on('close', () => {
      failWith(new TransferError('cut', 'it closed the connection before the end'));
    });
  });
}
