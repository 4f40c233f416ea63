/**
 * The processes of the bench: each pinned to a core where the machine lets us, so that the server has
 * one to itself and the load takes nothing from it, and what the kernel says that they cost.
 */

import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';

/** Where daemons are, which the path of a user may lack. */
const PROGRAM_FOLDERS = [...(process.env['PATH'] ?? '').split(':'), '/usr/sbin', '/usr/local/sbin'];
/** A process that ignores SIGTERM is ended after this. */
const STOP_WAIT_MS = 10_000;
const OUTPUT_CHARACTERS_MAX = 4000;

export const SERVER_CORE = 0;
export const LOAD_CORE = 1;
export const isPinned =
  availableParallelism() > 1 && spawnSync('taskset', ['--version']).status === 0;

/** Those that run: they end with the bench, however it ends. */
const children = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL');
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));

/** The path of an installed program; null = it is not installed. */
export function findProgram(name: string): string | null {
  return (
    PROGRAM_FOLDERS.map((folder) => join(folder, name)).find((path) => existsSync(path)) ?? null
  );
}

/** Starts a command on a core (or several: `0,1`); its standard output is the caller's to read. */
export function start(
  core: number | string,
  command: readonly string[],
  errors: 'inherit' | 'pipe' = 'inherit',
): ChildProcess {
  const [file = '', ...args] = isPinned ? ['taskset', '-c', String(core), ...command] : command;
  const child = spawn(file, args, { stdio: ['ignore', 'pipe', errors, 'ipc'] });
  children.add(child);
  child.once('exit', () => children.delete(child));
  return child;
}

/** Pins this process with all its threads: the bench itself must not take from the server. */
export function pinSelf(core: number): void {
  if (isPinned) spawnSync('taskset', ['-a', '-c', '-p', String(core), String(process.pid)]);
}

/** A script of this folder, and the first message that it sends. */
export async function startScript(
  core: number,
  name: string,
  ...args: readonly string[]
): Promise<{ readonly child: ChildProcess; readonly message: unknown }> {
  const child = start(core, [process.execPath, join(import.meta.dirname, name), ...args]);
  const exited = once(child, 'exit').then(() => {
    throw new Error(`${name} ended without a word`);
  });
  const [message] = (await Promise.race([once(child, 'message'), exited])) as [unknown];
  exited.catch(() => undefined);
  return { child, message };
}

/** Reads what a process writes, so that no pipe fills up, and keeps the end of it. */
export function collectOutput(child: ChildProcess): () => string {
  let output = '';
  const collect = (chunk: Buffer): void => {
    output = (output + chunk.toString()).slice(-OUTPUT_CHARACTERS_MAX);
  };
  child.stdout?.on('data', collect);
  child.stderr?.on('data', collect);
  return () => output;
}

export function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

export async function stop(child: ChildProcess): Promise<void> {
  if (hasEnded(child)) return;
  const hard = setTimeout(() => child.kill('SIGKILL'), STOP_WAIT_MS);
  child.kill('SIGTERM');
  await once(child, 'exit');
  clearTimeout(hard);
}

/** CPU time of all threads of a process so far, user and system, to the nanosecond. */
export function cpuMs(pid: number): number {
  const folder = `/proc/${pid}/task`;
  const nanoseconds = readdirSync(folder).map((thread) => {
    const path = join(folder, thread, 'schedstat');
    // A thread may end between the two calls.
    return existsSync(path) ? Number(readFileSync(path, 'utf8').split(' ')[0]) : 0;
  });
  return nanoseconds.reduce((sum, ofThread) => sum + ofThread, 0) / 1e6;
}

export function residentMebibytes(pid: number): number {
  return kibibytes(`/proc/${pid}/status`, 'VmRSS') / 1024;
}

/** What the process has to itself, without code and libraries that others share. */
export function privateMebibytes(pid: number): number {
  const path = `/proc/${pid}/smaps_rollup`;
  return (kibibytes(path, 'Private_Clean') + kibibytes(path, 'Private_Dirty')) / 1024;
}

function kibibytes(path: string, field: string): number {
  const [, text] = new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(readFileSync(path, 'utf8')) ?? [];
  return Number(text);
}
