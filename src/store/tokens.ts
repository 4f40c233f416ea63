/**
 * API tokens. The secret is shown once and only its SHA-256 is kept; 256 random bits need no slow
 * hash. The first start writes an admin token to a file that only this user may read, so that the
 * CLI on the same machine needs none typed.
 */

import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { AppError, messageOf } from '../lib/errors.ts';
import { writeFileDurably } from './data-folder.ts';
import { readMeta, writeMeta } from './meta.ts';
import type { Db, Role } from './schema.ts';
import type { StoreAccess } from './store-access.ts';
import type { WriteContext } from './write-context.ts';

export const ROLES = ['reader', 'editor', 'operator', 'admin'] as const satisfies readonly Role[];
export const ADMIN_TOKEN_FILE = 'admin.token';

/** The token that the first start makes, and the one that `--admin-token-file` brings. */
const FIRST_TOKEN_ID = 'first-admin';
const FILE_TOKEN_ID = 'admin-token-file';
/** Who writes without a token. */
export const OFFLINE_ACTOR = 'offline';
export const FIRST_START_ACTOR = 'first-start';
/** What ships with Stairgate, after an upgrade or an edit of its files. */
export const SHIPPED_ACTOR = 'shipped-files';
/** What counts the minutes of budgets, when they are used up. */
export const BUDGET_ACTOR = 'budget';
/** A token of such a name could do what the audit log would say that nobody with a token did. */
const RESERVED_ACTORS = [OFFLINE_ACTOR, FIRST_START_ACTOR, SHIPPED_ACTOR, BUDGET_ACTOR];
const FIRST_TOKEN_MARK = 'firstAdminToken';
const TOKENS_MAX = 1_000;
const SECRET_PATTERN = /^[\x21-\x7e]{16,512}$/;

export interface Token {
  readonly id: string;
  readonly role: Role;
  readonly createdAt: string;
}

interface HashedToken extends Token {
  readonly hash: string;
}

export interface TokenOptions {
  /** An admin token that the operator keeps; its file stays the truth, and no other is made. */
  readonly adminTokenFile?: string;
  /** No API will be served: tokens are left to the next start of the server. */
  readonly isOffline?: boolean;
}

export class Tokens {
  readonly #store: StoreAccess;
  #tokens: readonly HashedToken[] = [];

  constructor(store: StoreAccess) {
    this.#store = store;
  }

  /** To be called once the tables are there. */
  async load(dataDir: string, { adminTokenFile, isOffline }: TokenOptions): Promise<void> {
    const { db } = this.#store;
    await db.transaction().execute(async (tx) => {
      if (isOffline === true) return;
      if (adminTokenFile === undefined) await ensureFirstToken(tx, dataDir, this.#store.now());
      else await adoptTokenFile(tx, adminTokenFile, this.#store.now());
    });
    this.#tokens = await readTokens(db);
  }

  all(): readonly Token[] {
    return this.#tokens.map(({ id, role, createdAt }) => ({ id, role, createdAt }));
  }

  /** Whose secret this is; null = nobody's. */
  authenticate(secret: string): Token | null {
    return findToken(this.#tokens, secret);
  }

  /** @returns the secret, shown this once */
  async create(id: string, role: Role, context: WriteContext): Promise<string> {
    const secret = await this.#store.transact(async (tx) => {
      const created = await insertToken(tx, id, role, this.#store.now());
      await this.#audit(tx, 'create', context, { id, role });
      return created;
    });
    this.#tokens = await readTokens(this.#store.db);
    return secret;
  }

  /** @throws AppError `TOKEN_UNKNOWN`, `TOKEN_LAST_ADMIN` */
  async remove(id: string, context: WriteContext): Promise<void> {
    await this.#store.transact(async (tx) => {
      const { role } = await removeToken(tx, id);
      await this.#audit(tx, 'delete', context, { id, role });
    });
    this.#tokens = await readTokens(this.#store.db);
  }

  async #audit(
    tx: Db,
    action: 'create' | 'delete',
    context: WriteContext,
    token: { id: string; role: Role },
  ): Promise<void> {
    const before = action === 'delete' ? token : null;
    const after = action === 'create' ? token : null;
    const entry = { action, kind: 'token', resource: token.id, before, after };
    await this.#store.audit(tx, this.#store.revision(), context, [entry]);
  }
}

/** Whether somebody with a token wrote, and not a part of this server or a file. */
export function isPerson(actor: string): boolean {
  return !actor.includes(' ') && !RESERVED_ACTORS.includes(actor);
}

export function hashSecret(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}

async function readTokens(db: Db): Promise<HashedToken[]> {
  const rows = await db.selectFrom('tokens').selectAll().orderBy('id').execute();
  return rows.map((row) => ({
    id: row.id,
    role: row.role,
    createdAt: row.created_at,
    hash: row.hash,
  }));
}

/** Compares with every token in constant time, so that timing says nothing of how near a guess was. */
function findToken(tokens: readonly HashedToken[], secret: string): HashedToken | null {
  const hash = Buffer.from(hashSecret(secret), 'hex');
  let found: HashedToken | null = null;
  for (const token of tokens) {
    if (timingSafeEqual(hash, Buffer.from(token.hash, 'hex'))) found = token;
  }
  return found;
}

/** @returns the secret, which nobody can read again */
async function insertToken(tx: Db, id: string, role: Role, at: string): Promise<string> {
  if (RESERVED_ACTORS.includes(id)) {
    throw new AppError(
      'TOKEN_NAME_RESERVED',
      `Making a token: "${id}" stands in the audit log for writes without a token; choose another name`,
    );
  }
  const tokens = await readTokens(tx);
  if (tokens.some((token) => token.id === id)) {
    throw new AppError('TOKEN_EXISTS', `Making a token: there is already one called "${id}"`);
  }
  if (tokens.length >= TOKENS_MAX) {
    throw new AppError('TOKEN_LIMIT', `Making a token: there are ${TOKENS_MAX}; remove one first`);
  }
  const secret = `sg_${randomBytes(32).toString('base64url')}`;
  await upsertToken(tx, id, role, secret, at);
  return secret;
}

async function removeToken(tx: Db, id: string): Promise<HashedToken> {
  const tokens = await readTokens(tx);
  const token = tokens.find((candidate) => candidate.id === id);
  if (token === undefined) throw new AppError('TOKEN_UNKNOWN', `There is no token "${id}"`);
  if (token.role === 'admin' && tokens.filter(({ role }) => role === 'admin').length === 1) {
    throw new AppError(
      'TOKEN_LAST_ADMIN',
      `Removing the token "${id}": it is the last admin token; make another first`,
    );
  }
  await tx.deleteFrom('tokens').where('id', '=', id).execute();
  return token;
}

/**
 * Makes the admin token of the first start. The file comes first and the row after it, so a crash in
 * between only means that the next start finds the file and adds the row.
 */
async function ensureFirstToken(tx: Db, dataDir: string, at: string): Promise<void> {
  if ((await readMeta(tx, FIRST_TOKEN_MARK)) !== null) return;
  const path = join(dataDir, ADMIN_TOKEN_FILE);
  const secret = existsSync(path)
    ? readSecret(path)
    : `sg_${randomBytes(32).toString('base64url')}`;
  writeFileDurably(path, `${secret}\n`, 0o600);
  await upsertToken(tx, FIRST_TOKEN_ID, 'admin', secret, at);
  await writeMeta(tx, FIRST_TOKEN_MARK, at);
}

/** Takes over the admin token that the operator keeps in a file of his own; the file is the truth. */
async function adoptTokenFile(tx: Db, path: string, at: string): Promise<void> {
  const secret = readSecret(path);
  const tokens = await readTokens(tx);
  const known = tokens.find((token) => token.hash === hashSecret(secret));
  if (known?.role === 'admin') return;
  if (known !== undefined) {
    throw new AppError(
      'TOKEN_EXISTS',
      `Reading the admin token "${path}": this is the token "${known.id}" with role ${known.role}`,
    );
  }
  await upsertToken(tx, FILE_TOKEN_ID, 'admin', secret, at);
}

function readSecret(path: string): string {
  let secret: string;
  try {
    secret = readFileSync(path, 'utf8').trim();
  } catch (error) {
    throw new AppError('TOKEN_FILE_UNREADABLE', `Reading the admin token: ${messageOf(error)}`, {
      cause: error,
    });
  }
  if (SECRET_PATTERN.test(secret)) return secret;
  throw new AppError(
    'TOKEN_FILE_UNREADABLE',
    `Reading the admin token "${path}": it is no token; valid: one line of 16 to 512 printable characters without spaces`,
  );
}

async function upsertToken(
  tx: Db,
  id: string,
  role: Role,
  secret: string,
  at: string,
): Promise<void> {
  const values = { role, hash: hashSecret(secret), created_at: at };
  await tx
    .insertInto('tokens')
    .values({ id, ...values })
    .onConflict((conflict) => conflict.column('id').doUpdateSet(values))
    .execute();
}
