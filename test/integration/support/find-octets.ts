/** Searches for octets where a secret must not be: in files, and in the memory of a running process. */

import { closeSync, openSync, readdirSync, readFileSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';

const PIECE_OCTETS = 1 << 22;
/** Longer than what is looked for, which may lie across two pieces. */
const OVERLAP = 256;

/** The files below a folder that hold any of the texts, as `file: text`. */
export function findInFolder(folder: string, texts: readonly string[]): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).isFile())
    .flatMap((path) => findIn(readFileSync(path), texts).map((text) => `${path}: ${text}`));
}

/** Those of the texts that any memory of the process holds which it has written to. */
export function findInMemory(pid: number, texts: readonly string[]): string[] {
  const found = new Set<string>();
  const memory = openSync(`/proc/${pid}/mem`, 'r');
  try {
    const piece = Buffer.alloc(PIECE_OCTETS + OVERLAP);
    for (const { start, end } of writableRegions(pid)) {
      for (let at = start; at < end; at += PIECE_OCTETS) {
        const wanted = Math.min(piece.length, end - at);
        const count = readPiece(memory, piece, wanted, at);
        for (const text of findIn(piece.subarray(0, count), texts)) found.add(text);
      }
    }
  } finally {
    closeSync(memory);
  }
  return [...found];
}

export function findIn(octets: Buffer, texts: readonly string[]): string[] {
  return texts.filter((text) => octets.includes(text) || octets.includes(text, 0, 'utf16le'));
}

function writableRegions(pid: number): { start: number; end: number }[] {
  return readFileSync(`/proc/${pid}/maps`, 'utf8')
    .split('\n')
    .flatMap((line) => {
      const [, start = '', end = ''] = /^([0-9a-f]+)-([0-9a-f]+) rw/.exec(line) ?? [];
      const region = { start: Number.parseInt(start, 16), end: Number.parseInt(end, 16) };
      return start === '' ? [] : [region];
    });
}

/** A region may be gone meanwhile, and some of the kernel's cannot be read. */
function readPiece(memory: number, into: Buffer, length: number, at: number): number {
  try {
    return readSync(memory, into, 0, length, at);
  } catch {
    return 0;
  }
}
