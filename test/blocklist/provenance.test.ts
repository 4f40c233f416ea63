import { expect, test } from 'vitest';
import { findInList } from '../../src/blocklist/provenance.ts';
import { octetsOf, wireName } from './helpers.ts';

function find(content: string, name: string): ReturnType<typeof findInList> {
  const wire = wireName(name);
  return findInList(octetsOf(content), 'domains', wire, wire.length);
}

test('a name is traced to the line that names it, as it stands there', () => {
  const text = '# list\r\n\r\n  Bad.Example.org  # why\r\nother.example.org';
  expect(find(text, 'bad.example.org')).toEqual({ line: 3, text: 'Bad.Example.org  # why' });
});

test('the longest name that covers it is the one that is found, and of equals the first', () => {
  const text = 'example.org\nb.example.org\nb.example.org\na.example.org';
  expect(find(text, 'x.b.example.org')?.line).toBe(2);
  expect(find(text, 'x.example.org')?.line).toBe(1);
});

test('a name that ends alike but not at a dot is not covered', () => {
  expect(find('bad.example.org', 'notbad.example.org')).toBeNull();
  // The entry begins with the length octet 3, and so does this label's content.
  const odd = Uint8Array.from([5, 120, 3, 97, 98, 99, 3, 111, 114, 103, 0]);
  expect(findInList(octetsOf('abc.org'), 'domains', odd, odd.length)).toBeNull();
});

test('a hosts list covers names below only where the list says so', () => {
  const content = octetsOf('0.0.0.0 example.org');
  const wire = wireName('www.example.org');
  expect(findInList(content, 'hosts', wire, wire.length)).toBeNull();
  expect(findInList(content, 'hosts', wire, wire.length, true)?.line).toBe(1);
  expect(findInList(octetsOf('example.org'), 'domains', wire, wire.length, false)).toBeNull();
});
