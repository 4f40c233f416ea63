/** What the compile bench has found out: the shape of `dist-bench/results/compile.json`, and its table. */

import { number, table } from '../load/markdown.ts';

export interface CompileRow {
  /** A format, or `all six`: a sixth of the names in each. */
  readonly lists: string;
  /** Names a second of CPU time, all threads of the process counted: the first pass of a fresh process. */
  readonly coldPerSecond: number;
  /** The median of later passes, with optimised code. */
  readonly warmPerSecond: number;
  /** Octets a name of the image, and of the most that table and image had at a time. */
  readonly imageOctets: number;
  readonly octetsMax: number;
  /** By how much the resident memory of the process grew in the first pass, octets a name; NaN off Linux. */
  readonly residentOctets: number;
}

export interface CompileResult {
  readonly at: string;
  readonly nameCount: number;
  /** Of the warm figure. */
  readonly passes: number;
  readonly rows: readonly CompileRow[];
}

export function compileTable(result: CompileResult): string {
  const head = [
    'lists',
    'names/s, first pass',
    'names/s, later',
    'octets a name: image',
    'compiling, at most',
    'resident, at most',
  ];
  const rows = result.rows.map((row) => [
    row.lists,
    number(row.coldPerSecond, 0),
    number(row.warmPerSecond, 0),
    number(row.imageOctets, 2),
    number(row.octetsMax, 0),
    number(row.residentOctets, 0),
  ]);
  return table(head, rows);
}
