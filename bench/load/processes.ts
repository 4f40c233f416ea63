/**
 * The processes of the bench: each pinned to a core where the machine lets us, so that the server has
 * one to itself and the load takes nothing from it, and what the kernel says that they cost.
 */

import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';

/** Ticks of /proc: USER_HZ is 100 on every Linux that Node runs on. */
const MS_PER_TICK = 10;
/** Fields after the command's name in /proc/PID/stat, state = 0. */
const STAT_UTIME = 11;
const STAT_STIME = 12;

export const SERVER_CORE = 0;
export const LOAD_CORE = 1;
export const isPinned =
  availableParallelism() > 1 && spawnSync('taskset', ['--version']).status === 0;

/** Starts a command on a core; its standard output is the caller's to read. */
export function start(core: number, command: readonly string[]): ChildProcess {
  const [file = '', ...args] = isPinned ? ['taskset', '-c', String(core), ...command] : command;
  return spawn(file, args, { stdio: ['ignore', 'pipe', 'inherit', 'ipc'] });
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

export async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGTERM');
  await once(child, 'exit');
}

/** CPU time of the whole process so far, user and system. */
export function cpuMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[STAT_UTIME]) + Number(fields[STAT_STIME])) * MS_PER_TICK;
}

export function residentMebibytes(pid: number): number {
  const [, kibibytes] = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kibibytes) / 1024;
}
