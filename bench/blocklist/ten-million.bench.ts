/**
 * Ten million names: the real lists of ../shared/data/lists where they are there, and synthetic names
 * beyond them, as forty lists in ten categories; and a million names beside it. Each part has a process of
 * its own:
 *
 *     ten-million.bench.js                  writes the lists, then runs the parts, one after the other
 *     ten-million.bench.js compile FOLDER   files read, checksums, gate, table, image; the image to the disk
 *     ten-million.bench.js restart FOLDER   the image from the disk, checked in full, as a start does
 *     ten-million.bench.js query FOLDER     queries in batches, blocked and not
 *
 * Time is CPU time of the process, since the machine is shared. What was seen last stands in bench/README.md.
 */

import { execFileSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type CompileList, compileBlocklist } from '../../src/blocklist/compile.ts';
import { detectFormat } from '../../src/blocklist/formats/detect.ts';
import { openBlocklistImage } from '../../src/blocklist/image.ts';
import { copyBytes } from '../../src/lib/bytes.ts';
import { parseIpAddress } from '../../src/lib/ip-address.ts';
import { createPacketBatch, UDP_SLOT_BYTES } from '../../src/lib/packet-batch.ts';
import { createGate } from '../../src/lists/gate.ts';
import { ListFile } from '../../src/lists/list-file.ts';
import { resolveQuery } from '../../src/resolver/resolve-query.ts';
import { aQuery } from '../../test/support/dns-query.ts';
import { bitOf } from '../../test/support/household.ts';
import { KIDS, ResolverHarness, SEED } from '../../test/support/resolver-harness.ts';
import { measureBatch, print } from '../measure.ts';
import { createRandom } from './names.ts';

const NAME_COUNT = 10_000_000;
const LIST_COUNT = 40;
const CATEGORY_COUNT = 10;
const REAL_LISTS = join(process.cwd(), '../shared/data/lists');
/** Octets written at a time. */
const PIECE_NAMES = 10_000;
const IMAGE_FILE = 'all.image';
const SLOTS = 64;
const ASKED = 100_000;
/** In turn with a million names, as the machine is not the same from minute to minute. */
const QUERY_ROUNDS = 3;
const TOPS = ['com', 'net', 'org', 'de', 'co.uk', 'info', 'xyz', 'com.br'];

const [part, folder] = process.argv.slice(2);
if (part === undefined || folder === undefined) bench();
else if (part === 'compile') compileAll(folder);
else if (part === 'restart') restart(folder);
else query(folder);

function bench(): void {
  const scratch = mkdtempSync(join(tmpdir(), 'stairgate-ten-million-'));
  try {
    const folders = [NAME_COUNT / 10, NAME_COUNT].map((count) => {
      const lists = join(scratch, String(count));
      mkdirSync(lists);
      writeLists(lists, count);
      return lists;
    });
    for (const lists of folders) {
      runPart('compile', lists);
      runPart('restart', lists);
    }
    for (let round = 0; round < QUERY_ROUNDS; round++) {
      for (const lists of folders) runPart('query', lists);
    }
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

function runPart(name: string, lists: string): void {
  const self = fileURLToPath(import.meta.url);
  console.log(execFileSync(process.execPath, [self, name, lists], { encoding: 'utf8' }).trimEnd());
}

/** Synthetic names, the same number in each file. */
function writeLists(lists: string, count: number): void {
  const share = count / LIST_COUNT;
  for (let list = 0; list < LIST_COUNT; list++) {
    const file = openSync(join(lists, `list-${String(list).padStart(2, '0')}`), 'w');
    for (let from = 0; from < share; from += PIECE_NAMES) {
      const names: string[] = [];
      for (let index = from; index < Math.min(from + PIECE_NAMES, share); index++) {
        names.push(syntheticName(list * share + index));
      }
      writeSync(file, `${names.join('\n')}\n`);
    }
    closeSync(file);
  }
}

/** Two to four labels, some twenty octets; distinct by its number. */
function syntheticName(number: number): string {
  const mixed = Math.imul(number ^ 0x5bd1e995, 0x9e3779b1) >>> 0;
  const host = mixed % 3 === 0 ? 'www.' : '';
  return `${host}${mixed.toString(36)}-${number.toString(36)}.${TOPS[mixed % 8]!}`;
}

function compileAll(from: string): void {
  resetResident();
  const before = process.cpuUsage();
  const startedAt = performance.now();
  const paths = readdirSync(from).map((name) => join(from, name));
  if (paths.length === LIST_COUNT && from.endsWith(String(NAME_COUNT))) paths.push(...realLists());
  const files = paths.map((path) => new ListFile(path));
  const lists = files.map((content, index) => aList(content, paths[index]!, index));
  const { buffer, report } = compileBlocklist(lists, SEED, { isRefused: createGate() });
  for (const file of files) file.digest();
  const wallMs = performance.now() - startedAt;
  const { user, system } = process.cpuUsage(before);
  writeFileSync(join(from, IMAGE_FILE), new Uint8Array(buffer));
  const { nameCount, imageOctets, octetsMax } = report;
  const title = `compile ${nameCount} names, ${lists.length} lists`;
  print(title, seconds((user + system) / 1000), `${seconds(wallMs)} wall`);
  print('  names a second of CPU', ((nameCount * 1e6) / (user + system)).toFixed(0));
  print('  image', mebibytes(imageOctets), `${(imageOctets / nameCount).toFixed(2)} a name`);
  print('  table and image, at most', mebibytes(octetsMax));
  print('  resident memory, at most', mebibytes(residentMax()));
}

function realLists(): string[] {
  if (!existsSync(REAL_LISTS)) return [];
  return readdirSync(REAL_LISTS).map((name) => join(REAL_LISTS, name));
}

function aList(content: ListFile, path: string, index: number): CompileList {
  const head = new Uint8Array(64 * 1024);
  const format = detectFormat(head.subarray(0, content.read(head, 0))) ?? 'domains';
  const categoryBit =
    index % CATEGORY_COUNT === 0 ? bitOf('adult') : 100 + (index % CATEGORY_COUNT);
  return { id: path, categoryBit, format, content };
}

function restart(from: string): void {
  resetResident();
  const before = process.cpuUsage();
  const startedAt = performance.now();
  const { nameCount } = openBlocklistImage(readImage(from));
  const wallMs = performance.now() - startedAt;
  const { user, system } = process.cpuUsage(before);
  print(
    `read and check the image of ${nameCount} names`,
    seconds((user + system) / 1000),
    `${seconds(wallMs)} wall`,
  );
  print('  resident memory, at most', mebibytes(residentMax()));
}

function readImage(from: string): SharedArrayBuffer {
  const path = join(from, IMAGE_FILE);
  const buffer = new SharedArrayBuffer(statSync(path).size);
  const bytes = new Uint8Array(buffer);
  const file = openSync(path, 'r');
  for (let at = 0; at < bytes.length;) at += readSync(file, bytes, at, bytes.length - at, at);
  closeSync(file);
  return buffer;
}

/** Names of the lists spread over the whole image, and names that no list has, each from the cache. */
function query(from: string): void {
  const blocklist = openBlocklistImage(readImage(from));
  const harness = new ResolverHarness({
    lists: { adult: ['x.example'] },
    access: { ratePerSecond: 1e9, burst: 1e9 },
  });
  harness.resolver.images = { ...harness.resolver.images!, blocklist };
  const random = createRandom(7);
  const share = Math.floor(Math.min(blocklist.nameCount, NAME_COUNT) / LIST_COUNT);
  // Every tenth list is in the blocked category.
  const blocked = Array.from({ length: ASKED }, () => {
    const list = Math.floor(random() * (LIST_COUNT / CATEGORY_COUNT)) * CATEGORY_COUNT;
    return listedName(from, list, Math.floor(random() * share));
  });
  run(harness, `blocked, ${blocklist.nameCount} names`, blocked);
}

function listedName(from: string, list: number, index: number): string {
  const count = from.endsWith(String(NAME_COUNT)) ? NAME_COUNT : NAME_COUNT / 10;
  return syntheticName((list * count) / LIST_COUNT + (index % (count / LIST_COUNT)));
}

function run(harness: ResolverHarness, title: string, names: readonly string[]): void {
  const queries = names.map((name) => aQuery().name(name).edns().build());
  const starts = new Uint32Array(queries.length + 1);
  for (const [index, one] of queries.entries()) starts[index + 1] = starts[index]! + one.length;
  const octets = new Uint8Array(starts.at(-1)!);
  for (const [index, one] of queries.entries()) octets.set(one, starts[index]);
  const batch = createPacketBatch({
    ...{ slotCount: SLOTS, slotBytes: UDP_SLOT_BYTES, transport: 0, isStream: false },
  });
  batch.nowMs[0] = harness.nowMs;
  batch.nowSeconds = harness.nowSeconds;
  for (let slot = 0; slot < SLOTS; slot++) batch.addresses.set(parseIpAddress(KIDS)!, slot * 4);
  let next = 0;
  const receive = (): void => {
    batch.nowMs[0] = batch.nowMs[0]! + 0.064;
    for (let slot = 0; slot < SLOTS; slot++) {
      const length = starts[next + 1]! - starts[next]!;
      copyBytes(octets, starts[next]!, batch.bytes, slot * UDP_SLOT_BYTES, length);
      batch.lengths[slot] = length;
      if (++next === queries.length) next = 0;
    }
  };
  const resolve = (): void => {
    for (let slot = 0; slot < SLOTS; slot++) {
      if (resolveQuery(harness.resolver, batch, slot) <= 0) throw new Error('no answer at once');
    }
  };
  measureBatch(title, SLOTS, receive, resolve);
}

/** Begins a new maximum of the resident memory; only Linux has one. */
function resetResident(): void {
  if (process.platform === 'linux') writeFileSync('/proc/self/clear_refs', '5');
}

function residentMax(): number {
  if (process.platform !== 'linux') return Number.NaN;
  const status = readFileSync('/proc/self/status', 'utf8');
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(2)} s`;
}

function mebibytes(octets: number): string {
  return `${(octets / 1_048_576).toFixed(0)} MiB`;
}
