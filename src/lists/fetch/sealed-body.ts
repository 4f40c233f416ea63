/**
 * What comes for a sealed list is a sealed file or nothing. A text in its place may be the names of the
 * list in the clear, so its first octets are looked at, and the rest is neither read nor written.
 */

import { Readable } from 'node:stream';
import { isSealed, MAGIC_OCTETS } from '../../blocklist/sealed/sealed-file.ts';

/** @throws Error where these are not the first octets of a sealed file */
export function requireSealed(head: Uint8Array): void {
  if (!isSealed(head)) throw new Error('the content is not sealed; valid: a sealed file');
}

/** The same body; it ends with an error in place of its first piece where it is not sealed. */
export function sealedBody(body: Readable): Readable {
  const sealed = Readable.from(checked(body), { objectMode: false });
  // Whoever reads it is thrown its error; whoever has stopped reading has one of his own.
  return sealed.on('error', () => undefined);
}

async function* checked(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let head: Uint8Array | null = new Uint8Array(0);
  for await (const piece of body) {
    if (head === null) {
      yield piece;
      continue;
    }
    head = Buffer.concat([head, piece]);
    if (head.length < MAGIC_OCTETS) continue;
    requireSealed(head);
    yield head;
    head = null;
  }
  if (head !== null) requireSealed(head);
}
