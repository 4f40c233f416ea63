/**
 * Where `apply` and `export` work: on the running server through its API, or, where nothing listens
 * there, on the data folder itself.
 */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compileNewest } from '../compiler/compile-newest.ts';
import { Compiler } from '../compiler/compiler.ts';
import { loadSeed } from '../compiler/seed-file.ts';
import type { ClientConfig } from '../config/config.ts';
import { AppError } from '../lib/errors.ts';
import { createInspector } from '../lists/inspector.ts';
import { openStore } from '../lists/open-store.ts';
import { readSealingKeys, type SealingKeys } from '../sealing/sealing-keys.ts';
import { holdsDatabase } from '../store/data-folder.ts';
import type { ApplyOptions, ApplyResult } from '../store/document-writer.ts';
import type { Store, StoreOptions } from '../store/store.ts';
import { OFFLINE_ACTOR } from '../store/tokens.ts';
import { ApiClient } from './api-client.ts';
import type { LoadedDocument } from './policy-document.ts';

/** A compilation of twenty million names and its way to all workers. */
const APPLY_DEADLINE_MS = 600_000;

export interface PolicyTarget {
  /** What is done and since when it counts, for people. */
  readonly effect: string;
  apply(loaded: LoadedDocument, options: ApplyOptions): Promise<ApplyResult>;
  exportDocument(): Promise<unknown>;
  close(): Promise<void>;
}

/** Only `apply` may make a data folder where there is none. */
export type PolicyUse = 'apply' | 'dry-run' | 'export';

/**
 * @throws AppError where a server has the folder but does not listen at the address, and where there
 *   is nothing to export
 */
export async function openPolicyTarget(
  config: ClientConfig,
  use: PolicyUse,
): Promise<PolicyTarget> {
  const client = new ApiClient(config);
  if (await client.isListening()) return serverTarget(client);
  if (use !== 'apply' && !holdsDatabase(config.dataDir)) {
    if (use === 'dry-run') return scratchTarget(config.sealing);
    throw new AppError(
      'DATA_DIR_UNUSABLE',
      `Exporting: there is no Stairgate database in "${config.dataDir}", and no server listens at ${client.base}; name the folder with --data-dir, or the server with --admin`,
    );
  }
  try {
    const sealing = readSealingKeys(config.sealing);
    const inspector = createInspector(config.dataDir, [], sealing);
    const store = await openStore(config.dataDir, offlineOptions(config.sealing), inspector);
    return folderTarget(store, sealing);
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== 'DATA_DIR_LOCKED') throw error;
    throw new AppError(
      error.code,
      `Opening the data folder "${config.dataDir}": a server is using it, but none listens at ${client.base}; name its API with --admin`,
      { cause: error },
    );
  }
}

function serverTarget(client: ApiClient): PolicyTarget {
  return {
    effect: 'in force on all workers',
    async apply({ document, contents }, { isDryRun, isPruning }) {
      for (const [sha256, content] of contents) {
        await client.request('PUT', `/list-contents/${sha256}`, {
          body: content,
          deadlineMs: APPLY_DEADLINE_MS,
        });
      }
      const body = { document, dryRun: isDryRun, prune: isPruning };
      const path = isDryRun ? '/apply' : '/apply?wait=true';
      const result = await client.request('POST', path, { body, deadlineMs: APPLY_DEADLINE_MS });
      return result as ApplyResult;
    },
    exportDocument: () => client.request('GET', '/export', { deadlineMs: APPLY_DEADLINE_MS }),
    close: () => Promise.resolve(),
  };
}

function folderTarget(store: Store, sealing: SealingKeys): PolicyTarget {
  return {
    effect: 'stored; in force from the next start on',
    async apply({ document, contents }, options) {
      for (const content of contents.values()) {
        if (options.isDryRun) store.contents.hold(content);
        else store.contents.save(content);
      }
      const result = await store.applyDocument(document, { actor: OFFLINE_ACTOR }, options);
      if (!result.isDryRun) await compileImages(store.dataDir, sealing);
      return result;
    },
    exportDocument: () => store.exportDocument(),
    close: () => store.close(),
  };
}

/** What a first start would hold, in a folder that goes again: looking must leave nothing behind. */
async function scratchTarget(config: ClientConfig['sealing']): Promise<PolicyTarget> {
  const sealing = readSealingKeys(config);
  const folder = mkdtempSync(join(tmpdir(), 'stairgate-dry-run-'));
  const remove = (): void => {
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    const inspector = createInspector(folder, [], sealing);
    const store = await openStore(folder, offlineOptions(config), inspector);
    const target = folderTarget(store, sealing);
    return { ...target, close: () => target.close().finally(remove) };
  } catch (error) {
    remove();
    throw error;
  }
}

function offlineOptions({ approvals }: ClientConfig['sealing']): StoreOptions {
  return { isOffline: true, sealedApprovals: () => approvals };
}

/** So that the next start serves this revision from its first packet. */
async function compileImages(dataDir: string, sealing: SealingKeys): Promise<void> {
  const compiler = new Compiler({ dataDir, sealing: () => sealing });
  try {
    await compileNewest(compiler, dataDir, loadSeed(dataDir), null);
  } finally {
    await compiler.close();
  }
}
