import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FrameBuffer } from '../../src/transport/frame-buffer.ts';
import { frame } from '../contract/packet-socket-clients.ts';

/** Feeds the stream cut into pieces of these lengths, in turn, and takes at most `perPush` messages after each. */
function cut(stream: Buffer, pieces: readonly number[], perPush: number): Buffer[] {
  const frames = new FrameBuffer();
  const messages: Buffer[] = [];
  const take = (limit: number): void => {
    for (let count = 0; count < limit && frames.next(); count++) {
      const { bytes, messageAt, messageLength } = frames;
      messages.push(Buffer.from(bytes.subarray(messageAt, messageAt + messageLength)));
    }
    frames.settle();
  };
  for (let at = 0, turn = 0; at < stream.length; turn++) {
    const end = Math.min(stream.length, at + pieces[turn % pieces.length]!);
    const chunk = Buffer.from(stream.subarray(at, end));
    frames.push(chunk);
    take(perPush);
    // The chunk is the caller's again: what it holds now must not matter.
    chunk.fill(0xaa);
    at = end;
  }
  take(Infinity);
  expect(frames.waitingBytes).toBe(0);
  expect(frames.heldBytes).toBe(0);
  return messages;
}

describe('a FrameBuffer', () => {
  test('finds the same messages however the stream is cut and however slowly they are taken', () => {
    const message = fc.uint8Array({ maxLength: 1500 });
    const pieces = fc.array(fc.integer({ min: 1, max: 2000 }), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(
        fc.array(message, { maxLength: 20 }),
        pieces,
        fc.integer({ min: 0, max: 4 }),
        (messages, lengths, perPush) => {
          const stream = Buffer.concat(messages.map(frame));
          expect(cut(stream, lengths, perPush)).toEqual(messages.map((one) => Buffer.from(one)));
        },
      ),
    );
  });

  test('reads the longest message, octet by octet', () => {
    const message = Buffer.alloc(65_535, 3);
    expect(cut(frame(message), [1], 1)).toEqual([message]);
  });

  test('moves what waits to the front of its memory rather than take more', () => {
    const frames = new FrameBuffer();
    const stream = Buffer.concat([1, 2, 3, 4, 5, 6, 7, 8].map((id) => frame(Buffer.alloc(98, id))));
    const taken: number[] = [];
    for (const [from, to, count] of [
      [0, 300, 1],
      [300, 600, 3],
      [600, 800, 4],
    ] as const) {
      frames.push(stream.subarray(from, to));
      for (let index = 0; index < count && frames.next(); index++) {
        taken.push(frames.bytes[frames.messageAt]!);
      }
      expect(frames.bytes.length).toBeLessThanOrEqual(512);
      frames.settle();
    }
    expect(taken).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  });

  test('reads a chunk that holds whole messages where it lies', () => {
    const frames = new FrameBuffer();
    const chunk = frame(Buffer.alloc(20));
    frames.push(chunk);
    expect(frames.next()).toBe(true);
    expect(frames.bytes).toBe(chunk);
  });

  test('holds memory for what came, not for what was claimed', () => {
    const frames = new FrameBuffer();
    frames.push(Buffer.of(0xff, 0xff, 1, 2, 3));
    expect(frames.next()).toBe(false);
    frames.settle();
    expect(frames.heldBytes).toBe(512);
  });

  test('lets go of the memory of a long message once it was taken', () => {
    const frames = new FrameBuffer();
    const stream = Buffer.concat([frame(Buffer.alloc(60_000)), Buffer.of(0, 9)]);
    frames.push(stream.subarray(0, 50_000));
    frames.settle();
    expect(frames.heldBytes).toBeGreaterThanOrEqual(50_000);
    frames.push(stream.subarray(50_000));
    expect(frames.next()).toBe(true);
    expect(frames.next()).toBe(false);
    frames.settle();
    expect(frames.heldBytes).toBe(512);
    expect(frames.waitingBytes).toBe(2);
  });
});
