import { expect, test } from 'vitest';
import { findInList } from '../../src/blocklist/provenance.ts';
import { octetsOf, wireName } from './helpers.ts';

function find(content: string, name: string): ReturnType<typeof findInList> {
  const wire = wireName(name);
  return findInList({ content: octetsOf(content), format: 'domains' }, wire, wire.length);
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
  const list = { content: octetsOf('abc.org'), format: 'domains' } as const;
  expect(findInList(list, odd, odd.length)).toBeNull();
});

test('a hosts list covers names below only where the list says so', () => {
  const hosts = { content: octetsOf('0.0.0.0 example.org'), format: 'hosts' } as const;
  const domains = { content: octetsOf('example.org'), format: 'domains' } as const;
  const wire = wireName('www.example.org');
  const { length } = wire;
  expect(findInList(hosts, wire, length)).toBeNull();
  expect(findInList({ ...hosts, coversSubdomains: true }, wire, length)?.line).toBe(1);
  expect(findInList({ ...domains, coversSubdomains: false }, wire, length)).toBeNull();
});

test('a name that an editor has taken out is on no line, nor is what is below it', () => {
  const list = {
    content: octetsOf('example.org\na.example.org'),
    format: 'domains',
    except: ['a.example.org'],
  } as const;
  const place = (name: string) => findInList(list, wireName(name), wireName(name).length);
  expect(place('a.example.org')).toBeNull();
  expect(place('b.a.example.org')).toBeNull();
  expect(place('b.example.org')?.line).toBe(1);
});
