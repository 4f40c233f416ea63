/**
 * Says soon when one of some files has changed. It watches their folders, since an editor or a script
 * puts a new file in the place of the old one. Where watching is not to be had (too many watches, a
 * file system that tells nothing) it stays silent; whoever relies on it looks by himself now and then.
 */

import { type FSWatcher, watch } from 'node:fs';
import { dirname } from 'node:path';

/** A script that writes a file makes many events. */
const GATHER_MS = 500;
const FOLDERS_MAX = 1_000;

export class FileWatch {
  readonly #onChange: () => void;
  /** By folder; null where it cannot be watched. */
  readonly #watchers = new Map<string, FSWatcher | null>();
  #timer: NodeJS.Timeout | null = null;

  /** @param onChange anything has happened in the folder of one of the files */
  constructor(onChange: () => void) {
    this.#onChange = onChange;
  }

  /** Watches these files and no others. */
  follow(paths: readonly string[]): void {
    const folders = new Set(paths.map((path) => dirname(path)));
    for (const [folder, watcher] of this.#watchers) {
      // What could not be watched may be there by now.
      if (folders.has(folder) && watcher !== null) continue;
      watcher?.close();
      this.#watchers.delete(folder);
    }
    for (const folder of [...folders].slice(0, FOLDERS_MAX)) {
      if (!this.#watchers.has(folder)) this.#watchers.set(folder, this.#watch(folder));
    }
  }

  close(): void {
    this.follow([]);
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  #watch(folder: string): FSWatcher | null {
    try {
      const watcher = watch(folder, { persistent: false }, () => {
        this.#gather();
      });
      watcher.on('error', () => {
        watcher.close();
        this.#watchers.set(folder, null);
      });
      return watcher;
    } catch {
      return null;
    }
  }

  #gather(): void {
    if (this.#timer !== null) return;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.#onChange();
    }, GATHER_MS).unref();
  }
}
