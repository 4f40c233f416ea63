import { expect, it } from 'vitest';
import { upstreamsOf } from '../../src/supervisor/upstreams-of.ts';

const at = (last: number) => [{ address: `192.0.2.${last}`, port: 53 }];
const CONFIG = {
  upstreams: at(1),
  zones: [
    { name: 'lan', upstreams: at(2) },
    { name: 'nas.lan', upstreams: at(3) },
  ],
};

it.each([
  ['lists.example.org', 1],
  ['plan', 1],
  ['lan', 2],
  ['printer.LAN', 2],
  ['nas.lan', 3],
  ['a.nas.lan', 3],
  ['bnas.lan', 2],
])('%s is asked of 192.0.2.%i', (host, last) => {
  expect(upstreamsOf(host, CONFIG)).toEqual(at(last));
});
