/**
 * States that can be told apart by a few queries: state `k` is one document that changes a list of
 * very many names (its first and its last), a rule, and the two addresses of a filtered and of an open
 * subscriber, which swap from one state to the next. What a server answers either is a state, whole,
 * or shows a change that was done by half.
 */

import { aQuery, askTcpMany, decodeResponse } from '../../support/dns-query.ts';

const ADDRESSES = ['127.0.0.7', '127.0.0.8'] as const;

export interface NumberedState {
  readonly content: Buffer;
  readonly documentOf: (contentSha256: string) => unknown;
}

export function numberedState(state: number, names: number): NumberedState {
  const filler = Array.from({ length: names }, (_, index) => `name-${index}.filler.example.net`);
  const lines = [`first-${state}.example.net`, ...filler, `last-${state}.example.net`];
  const [kids, open] = addressesOf(state);
  return {
    content: Buffer.from(`${lines.join('\n')}\n`),
    documentOf: (contentSha256) => ({
      categories: [{ id: 'numbered', class: 'policy' }],
      lists: [{ id: 'numbered', category: 'numbered', format: 'domains', contentSha256 }],
      plans: [
        { id: 'kids', block: ['numbered'], deny: [`rule-${state}.example.net`] },
        { id: 'open' },
      ],
      subscribers: [
        { id: 'home-kids', plan: 'kids', addresses: [kids] },
        { id: 'home-open', plan: 'open', addresses: [open] },
      ],
    }),
  };
}

/**
 * Which of the states a server decides with, seen from each address. Every row is asked in one write
 * on one connection, so one worker takes it between two installs.
 * @param states two that follow each other, so that each address is open in one of them
 * @returns for each address the state that fits, or what it was answered where none fits
 */
export async function observeState(
  port: number,
  states: readonly number[],
): Promise<readonly (number | string)[]> {
  const names = states.flatMap((state) =>
    ['first', 'last', 'rule'].map((kind) => `${kind}-${state}.example.net`),
  );
  return Promise.all(
    ADDRESSES.map(async (from) => {
      const blocked = await askBlocked(port, names, from);
      const fits = states.find((state) => expectedOf(state, from).join() === blocked.join());
      return fits ?? `${from} gets ${blocked.join(' ')}`;
    }),
  );
}

function expectedOf(state: number, address: string): string[] {
  if (addressesOf(state)[0] !== address) return [];
  return ['first', 'last', 'rule'].map((kind) => `${kind}-${state}.example.net`);
}

function addressesOf(state: number): readonly [string, string] {
  const [even, odd] = ADDRESSES;
  return state % 2 === 0 ? [even, odd] : [odd, even];
}

async function askBlocked(port: number, names: readonly string[], from: string): Promise<string[]> {
  const queries = names.map((name, index) => aQuery().id(index).name(name).build());
  const responses = await askTcpMany(port, queries, { from, timeoutMs: 20_000 });
  if (responses.length < queries.length) throw new Error(`Only ${responses.length} answers`);
  const rcodes = new Map(
    responses.map(decodeResponse).map((response) => [response.id, response.rcode]),
  );
  return names.flatMap((name, index) => {
    const rcode = rcodes.get(index) ?? 'no answer';
    if (rcode === 'NOERROR') return [];
    return rcode === 'NXDOMAIN' ? [name] : [`${name} ${rcode}`];
  });
}
