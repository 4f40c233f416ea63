import { expect, onTestFinished, test } from 'vitest';
import { Compiler } from '../../src/compiler/compiler.ts';

test('searches for evidence follow one another, since each holds a whole list in memory', async () => {
  const entry = new URL('../fixtures/counting-compiler.mjs', import.meta.url);
  const compiler = new Compiler({ entry, dataDir: '/nowhere' });
  onTestFinished(() => compiler.close());
  const asked = [1, 2, 3].map(() => compiler.findEvidence(Uint8Array.of(0), ['adult']));
  const found = (await Promise.all(asked)).flat();
  expect(found.map(({ line }) => line)).toEqual([1, 1, 1]);
});
