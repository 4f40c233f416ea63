/** The images that the last run left on the disk, opened; a server starts with them where it can. */

import { join } from 'node:path';
import { IMAGES_FOLDER } from '../compiler/compile-revision.ts';
import { readImages, removeImages } from '../compiler/image-folder.ts';
import { AppError, messageOf } from '../lib/errors.ts';
import type { HashSeed } from '../lib/half-siphash.ts';
import type { ListKey } from '../sealing/list-keys.ts';
import type { Log } from './log.ts';
import { openImages, type OpenedImages } from './publisher.ts';

export interface StoredImages {
  readonly images: OpenedImages;
  readonly blocklistKey: string;
  readonly addressFingerprint: string;
}

/**
 * @param keys of sealed lists
 * @returns null where there are none, or none that can be used; damaged ones are removed
 */
export function readStoredImages(
  dataDir: string,
  seed: HashSeed,
  keys: readonly ListKey[],
  log: Log,
): StoredImages | null {
  const folder = join(dataDir, IMAGES_FOLDER);
  try {
    const stored = readImages(folder, seed);
    if (stored === null) {
      log.info({}, `no images in ${folder} yet; compiling them`);
      return null;
    }
    const { blocklistKey, addressFingerprint } = stored;
    return { images: openImages(stored, keys), blocklistKey, addressFingerprint };
  } catch (error) {
    if (error instanceof AppError && error.code === 'SEALING_KEY_MISSING') {
      // Without their key they would let everything pass that the law wants blocked.
      log.error({}, `${error.message}; the images from the disk are not used`);
      return null;
    }
    log.warn({}, `${messageOf(error)}; compiling the images again`);
    removeImages(folder);
    return null;
  }
}
