/**
 * Compiling a million names: read, parsed, hashed, put in the table, written as image. One run is a
 * million names, so `hz` is millions of names a second; the figure to reach is 1. The gate costs next
 * to nothing here. The lines printed first are CPU time of one core, which other work on the machine
 * does not touch as much, and the size of the image.
 */

import { bench, describe } from 'vitest';
import type { CompiledBlocklist, CompileList } from '../../src/blocklist/compile.ts';
import { compileBlocklist } from '../../src/blocklist/compile.ts';
import { LIST_FORMAT_NAMES } from '../../src/blocklist/formats/list-format.ts';
import { listContent, listNames, NAME_COUNT } from './names.ts';

const names = listNames(NAME_COUNT);

describe('compile a million names', () => {
  for (const format of LIST_FORMAT_NAMES) {
    const list = { id: format, categoryBit: 1, format, content: listContent(format, names) };
    report(list);
    bench(format, () => void compileOne(list), {
      iterations: 3,
      time: 0,
      warmupIterations: 0,
      warmupTime: 0,
    });
  }
});

function compileOne(list: CompileList): CompiledBlocklist {
  return compileBlocklist([list], [1, 2], {
    isRefused: (_name, _length, labelCount) => (labelCount < 2 ? 'single-label' : null),
  });
}

/** The better of three, since the first one runs before the code is optimised. */
function report(list: CompileList): void {
  let best = Infinity;
  let octets = 0;
  for (let run = 0; run < 3; run++) {
    const start = process.cpuUsage();
    octets = compileOne(list).report.imageOctets;
    best = Math.min(best, process.cpuUsage(start).user / 1e6);
  }
  const rate = Math.round(NAME_COUNT / best).toLocaleString('en');
  console.log(`${list.format}: ${rate} names/s of CPU, ${octets / NAME_COUNT} octets a name`);
}
