import { expect, test } from 'vitest';
import { RECORD_WORDS } from '../../src/policy/image.ts';
import { RecordTable } from '../../src/policy/record-table.ts';

test('a record that is added again has the number it had, however many there are', () => {
  const table = new RecordTable();
  // Few words differ, and only their highest bits do in some: a weak hash would take minutes.
  const records = Array.from({ length: 5_000 }, (_, index) => {
    const words = new Uint32Array(RECORD_WORDS);
    words[index % RECORD_WORDS] = index * 0x1_0000;
    return words;
  });
  const numbers = records.map((words) => table.add(words));
  expect(new Set(numbers).size).toBe(table.count);
  expect(records.map((words) => table.add(words))).toEqual(numbers);
  const distinct = new Set(records.map((words) => words.join()));
  expect(table.count).toBe(distinct.size);
  for (const [index, words] of records.entries()) {
    const at = numbers[index]! * RECORD_WORDS;
    expect(
      table
        .words()
        .subarray(at, at + RECORD_WORDS)
        .join(),
    ).toBe(words.join());
  }
});
