/**
 * Compiling a million names as the compile thread does it: files read, their checksum taken, parsed,
 * judged by the gate, hashed, put in the table, written as image. The figures to reach are 1,000,000
 * names a second and 12 octets a name. Each kind of list has a process of its own, since the first pass
 * in a fresh one, before the code is optimised, is what a server does that was just started.
 *
 *     compile.bench.js              all kinds, one after the other; the results also as JSON
 *     compile.bench.js FOLDER       one kind, its files in the folder: what `bench` starts
 */

import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { CompileList, CompileReport } from '../../src/blocklist/compile.ts';
import { compileBlocklist } from '../../src/blocklist/compile.ts';
import type { TextFormatName } from '../../src/blocklist/formats/list-format.ts';
import { LIST_FORMAT_NAMES } from '../../src/blocklist/formats/list-format.ts';
import { createGate } from '../../src/lists/gate.ts';
import { ListFile } from '../../src/lists/list-file.ts';
import { median } from '../measure.ts';
import type { CompileResult, CompileRow } from './compile-report.ts';
import { compileTable } from './compile-report.ts';
import { listContent, listNames, NAME_COUNT } from './names.ts';

const PASSES = 5;
const RESULTS_FOLDER = 'dist-bench/results';

const [folder] = process.argv.slice(2);
if (folder === undefined) bench();
else console.log(JSON.stringify(measureFolder(folder)));

function bench(): void {
  const names = listNames(NAME_COUNT);
  const rows: CompileRow[] = [];
  for (const format of LIST_FORMAT_NAMES) rows.push(measureApart(format, names, [format]));
  rows.push(measureApart('all six', names, LIST_FORMAT_NAMES));
  const at = new Date().toISOString();
  const result: CompileResult = { at, nameCount: NAME_COUNT, passes: PASSES, rows };
  console.log(compileTable(result));
  mkdirSync(RESULTS_FOLDER, { recursive: true });
  writeFileSync(join(RESULTS_FOLDER, 'compile.json'), `${JSON.stringify(result, null, 2)}\n`);
}

/** The names shared out over lists of these formats, measured in a process of its own. */
function measureApart(
  lists: string,
  names: readonly string[],
  formats: readonly TextFormatName[],
): CompileRow {
  const scratch = mkdtempSync(join(tmpdir(), 'stairgate-compile-'));
  try {
    const share = Math.ceil(names.length / formats.length);
    for (const [index, format] of formats.entries()) {
      const own = names.slice(index * share, (index + 1) * share);
      writeFileSync(join(scratch, format), listContent(format, own));
    }
    const self = fileURLToPath(import.meta.url);
    const output = execFileSync(process.execPath, [self, scratch], { encoding: 'utf8' });
    return { ...(JSON.parse(output) as Omit<CompileRow, 'lists'>), lists };
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** @param from holds one list a file, named by its format */
function measureFolder(from: string): Omit<CompileRow, 'lists'> {
  const residentBefore = resetResident();
  const cold = timePass(from);
  const residentOctets = (residentMax() - residentBefore) / NAME_COUNT;
  const warm = Array.from({ length: PASSES }, () => timePass(from).perSecond);
  const { nameCount, imageOctets, octetsMax } = cold.report;
  return {
    coldPerSecond: cold.perSecond,
    warmPerSecond: median(warm),
    imageOctets: imageOctets / nameCount,
    octetsMax: octetsMax / nameCount,
    residentOctets,
  };
}

function timePass(from: string): { readonly report: CompileReport; readonly perSecond: number } {
  const start = process.cpuUsage();
  const files = readdirSync(from).map((format) => ({
    format: format as TextFormatName,
    file: new ListFile(join(from, format)),
  }));
  const lists: CompileList[] = files.map(({ format, file }) => ({
    id: format,
    categoryBit: 1,
    format,
    content: file,
  }));
  const { report } = compileBlocklist(lists, [1, 2], { isRefused: createGate() });
  for (const { file } of files) file.digest();
  const { user, system } = process.cpuUsage(start);
  return { report, perSecond: (report.nameCount / (user + system)) * 1e6 };
}

/** Begins a new maximum of the resident memory. @returns what it is now, octets; NaN off Linux */
function resetResident(): number {
  if (process.platform !== 'linux') return Number.NaN;
  writeFileSync('/proc/self/clear_refs', '5');
  return readStatus('VmRSS');
}

function residentMax(): number {
  return process.platform === 'linux' ? readStatus('VmHWM') : Number.NaN;
}

function readStatus(field: string): number {
  const status = readFileSync('/proc/self/status', 'utf8');
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]) * 1024;
}
