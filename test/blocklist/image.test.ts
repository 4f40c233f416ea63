import { expect, test } from 'vitest';
import { emptyBlocklistImage, openBlocklistImage } from '../../src/blocklist/image.ts';
import type { Image } from '../../src/lib/image.ts';
import { createImage, IMAGE_POLICY, sealImage, sectionWords } from '../../src/lib/image.ts';
import { aList, categoriesOf, compile, SEED } from './helpers.ts';

function compiled(): Image {
  return compile(aList('domains', 5, 'a.example.org\nb.example.org')).image;
}

/** Writes a word of a section and seals the image again, as a faulty compiler would. */
function damaged(section: number, word: number, value: number): SharedArrayBuffer {
  const image = compiled();
  sectionWords(image, section)[word] = value;
  sealImage(image);
  return image.buffer;
}

test('an image that is opened again answers as the one that was compiled', () => {
  const copy = new SharedArrayBuffer(compiled().bytes.length);
  new Uint8Array(copy).set(compiled().bytes);
  const blocklist = openBlocklistImage(copy);
  expect(blocklist).toMatchObject({ nameCount: 2, setCount: 2, labelsMin: 3, labelsMax: 3 });
  expect(categoriesOf(blocklist, 'www.a.example.org')).toEqual([5]);
  expect(categoriesOf(blocklist, 'c.example.org')).toEqual([]);
});

test('the empty image can be opened', () => {
  expect(openBlocklistImage(emptyBlocklistImage(SEED).image.buffer).nameCount).toBe(0);
});

test('a flipped bit, a cut image and another kind of image are refused', () => {
  const { bytes } = compiled();
  for (let at = 0; at < bytes.length; at += 13) {
    const copy = new SharedArrayBuffer(bytes.length);
    new Uint8Array(copy).set(bytes);
    new Uint8Array(copy)[at]! ^= 0x10;
    if (at >= 24 && at < 32) continue; // The seed id is checked by its owner, who knows the seed.
    expect(() => openBlocklistImage(copy), `octet ${at}`).toThrow('Opening an image');
  }
  expect(() => openBlocklistImage(new SharedArrayBuffer(64))).toThrow('Opening an image');
  const policy = createImage(IMAGE_POLICY, 1, [0, 0], [20, 8, 96]);
  sealImage(policy);
  expect(() => openBlocklistImage(policy.buffer)).toThrow('kind and version');
});

test('an image is refused whose checksum agrees but which a look-up would run out of', () => {
  expect(() => openBlocklistImage(damaged(0, 0, 1000))).toThrow('the slots do not agree');
  expect(() => openBlocklistImage(damaged(0, 2, 3))).toThrow('the sets do not agree');
  expect(() => openBlocklistImage(damaged(0, 1, 4))).toThrow('no slot is empty');
  expect(() => openBlocklistImage(damaged(0, 1, 1))).toThrow('it says 1 names, has 2');
  expect(() => openBlocklistImage(damaged(1, 1, 9))).toThrow('names set 9, which is none');
  expect(() => openBlocklistImage(damaged(3, 0, 0))).toThrow('the filter leaves a name out');
});
