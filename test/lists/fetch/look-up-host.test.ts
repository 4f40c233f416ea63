import { afterEach, describe, expect, it } from 'vitest';
import { lookUpHost } from '../../../src/lists/fetch/look-up-host.ts';
import {
  addressAnswer,
  answerTo,
  closedPort,
  type FakeUpstream,
  nxdomainAnswer,
  startFakeUpstream,
  type UpstreamScript,
} from '../../support/fake-upstream.ts';

const running: FakeUpstream[] = [];

afterEach(async () => {
  await Promise.all(running.splice(0).map((upstream) => upstream.close()));
});

async function anUpstream(script: UpstreamScript): Promise<FakeUpstream> {
  const upstream = await startFakeUpstream(script);
  running.push(upstream);
  return upstream;
}

const both: UpstreamScript = (query) =>
  addressAnswer(query, query.type === 'A' ? '192.0.2.7' : '2001:db8::7');

describe('the host of a list', () => {
  it('is looked up at the upstream resolvers that are handed in, IPv4 first', async () => {
    const upstream = await anUpstream(both);
    expect(await lookUpHost('lists.example.org', [upstream])).toEqual(['192.0.2.7', '2001:db8::7']);
    expect(upstream.queries.map(({ name }) => name.toLowerCase())).toEqual([
      'lists.example.org',
      'lists.example.org',
    ]);
  });

  it('is neither taken from /etc/hosts nor known without being asked for', async () => {
    const upstream = await anUpstream(both);
    expect(await lookUpHost('localhost', [upstream])).toEqual(['192.0.2.7', '2001:db8::7']);
    expect(upstream.queries).toHaveLength(2);
  });

  it('may have addresses of one family', async () => {
    const upstream = await anUpstream((query) =>
      query.type === 'A' ? answerTo(query) : addressAnswer(query, '2001:db8::7'),
    );
    expect(await lookUpHost('lists.example.org', [upstream])).toEqual(['2001:db8::7']);
  });

  it('with a hundred addresses has eight of them', async () => {
    const upstream = await anUpstream((query) => {
      if (query.type !== 'A') return answerTo(query);
      const answers = Array.from({ length: 100 }, (_, index) => {
        return { name: query.name, type: 'A', ttl: 60, data: `192.0.2.${index}` } as const;
      });
      return answerTo(query, { answers });
    });
    expect(await lookUpHost('lists.example.org', [upstream])).toHaveLength(8);
  });

  it('is asked for at the next resolver where the first is gone', async () => {
    const upstream = await anUpstream(both);
    const gone = { address: '127.0.0.1', port: await closedPort() };
    expect(await lookUpHost('lists.example.org', [gone, upstream])).toHaveLength(2);
  });

  it.each<[string, UpstreamScript, string]>([
    ['that does not exist', (query) => nxdomainAnswer(query), 'knows no such name'],
    ['without an address', (query) => answerTo(query), 'knows no address of it'],
    ['that nobody resolves', (query) => answerTo(query, { rcode: 2 }), 'SERVFAIL'],
  ])('%s is told so, and by whom', async (_what, script, words) => {
    const upstream = await anUpstream(script);
    await expect(lookUpHost('lists.example.org', [upstream])).rejects.toThrow(
      expect.objectContaining({
        code: 'LIST_FETCH_FAILED',
        message: expect.stringMatching(
          new RegExp(
            `^Looking up lists\\.example\\.org: 127\\.0\\.0\\.1:${upstream.port}.*${words}`,
          ),
        ) as string,
      }) as Error,
    );
  });

  it('ends with whoever asks for it', async () => {
    const end = new AbortController();
    const upstream = await anUpstream(() => {
      end.abort();
      return null;
    });
    await expect(lookUpHost('lists.example.org', [upstream], end.signal)).rejects.toThrow(
      'did not answer',
    );
  });

  it('without any resolver is not asked of the system', async () => {
    await expect(lookUpHost('localhost', [])).rejects.toThrow(
      'no upstream resolver is configured besides this server',
    );
  });
});
