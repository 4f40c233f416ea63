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
/** Of the figures in `/proc`, on every Linux that Node runs on. */
const TICK_MS = 10;
/** User and system time are cut to whole ticks, before and after. */
const TICKS_WRONG = 4;
/** `utime`, the 14th of `proc_pid_stat(5)`, behind the name. */
const USER_TICKS_FIELD = 14 - 3;

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

/** @throws with what it wrote where its exit code is not 0 */
export async function runCommand(core: number, command: readonly string[]): Promise<void> {
  const child = start(core, command, 'pipe');
  const output = collectOutput(child);
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`${command.join(' ')} ended with ${code}: ${output()}`);
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

/**
 * CPU time of a process from now on, user and system, of all its threads.
 *
 * To the nanosecond the kernel tells it only of threads that live; those that have ended, a compile
 * thread or a killed worker, are in the total of the process, which is in ticks. So the total counts
 * where it is more than ticks can be wrong.
 * @returns milliseconds since the call
 */
export function startCpuMeter(pid: number): () => number {
  const threadsBefore = threadsMs(pid);
  const totalBefore = totalMs(pid);
  return () => {
    const living = [...threadsMs(pid)].reduce(
      (sum, [thread, ms]) => sum + ms - (threadsBefore.get(thread) ?? 0),
      0,
    );
    const total = totalMs(pid) - totalBefore;
    return total - living > TICKS_WRONG * TICK_MS ? total : living;
  };
}

/** CPU time of each living thread so far. */
function threadsMs(pid: number): Map<string, number> {
  const folder = `/proc/${pid}/task`;
  const threads = new Map<string, number>();
  for (const thread of readdirSync(folder)) {
    const path = join(folder, thread, 'schedstat');
    // A thread may end between the two calls.
    if (!existsSync(path)) continue;
    threads.set(thread, Number(readFileSync(path, 'utf8').split(' ')[0]) / 1e6);
  }
  return threads;
}

/** CPU time of a process so far, with all threads that it ever had. */
function totalMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The second field, the name, may hold blanks.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [user, system] = fields.slice(USER_TICKS_FIELD).map(Number);
  return ((user ?? 0) + (system ?? 0)) * TICK_MS;
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
