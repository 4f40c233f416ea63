import { describe, expect, it } from 'vitest';
import { nameToText } from '../../src/dns/name.ts';
import { EVENT_ASKED, readEvents } from '../../src/lib/event-ring.ts';
import { QUERIES_A_SAMPLE } from '../../src/resolver/leave-events.ts';
import { aQuery } from '../support/dns-query.ts';
import { QNAME, rawResponse, wire, type RawRecord } from '../support/raw-response.ts';
import { ResolverHarness, type HarnessOptions } from '../support/resolver-harness.ts';

const ADDRESS = { owner: QNAME, type: 1, ttl: 300, rdata: [192, 0, 2, 80] };
const OPTIONS: HarnessOptions = {
  lists: {
    adult: ['adult.example'],
    court: ['ordered.example'],
    protected: ['help.example'],
    'self-harm': ['harm.example'],
  },
  records: [{ name: 'tv.home.example', type: 1, rdata: Uint8Array.from([10, 0, 0, 7]) }],
  zones: [{ name: 'lan', group: 1 }],
  plan: { block: ['adult', 'self-harm'] },
};

/** Asks with the sample due; the names left behind, and nothing else with them. */
function namesOf(
  harness: ResolverHarness,
  name: string,
  answer: RawRecord[] = [ADDRESS],
): string[] {
  harness.resolver.untilSample = 1;
  const before = harness.forwarded.length;
  harness.resolve(aQuery().name(name).build());
  for (const question of harness.forwarded.slice(before)) {
    const asked = { name: question.text, type: question.type };
    harness.upstreamAnswers(question, rawResponse({ question: asked, answer }));
  }
  return readEvents(harness.askedNames, 10).map((event) => {
    expect(event).toEqual({
      ...{ second: 0, profile: 0, kind: EVENT_ASKED, row: 0, verdictClass: 0, category: 0 },
      ...{ qtype: 0, flags: 0, clientHash: 0, name: event.name },
    });
    return nameToText(event.name);
  });
}

describe('a sample of the asked names', () => {
  it('is one name in a fixed number of queries, whatever the log level says', () => {
    const harness = new ResolverHarness(OPTIONS);
    const query = aQuery().name('Adult.example').build();
    for (let asked = 0; asked < 5 * QUERIES_A_SAMPLE; asked++) harness.resolve(query);
    const names = readEvents(harness.askedNames, 100).map(({ name }) => nameToText(name));
    expect(names).toEqual(Array(5).fill('adult.example'));
    expect(harness.takeEvents()).toEqual([]);
  });

  it('holds names that pass, fresh and cached, and those that are blocked', () => {
    const harness = new ResolverHarness(OPTIONS);
    expect(namesOf(harness, 'www.example.org')).toEqual(['www.example.org']);
    expect(namesOf(harness, 'www.example.org')).toEqual(['www.example.org']);
    expect(namesOf(harness, 'adult.example')).toEqual(['adult.example']);
  });

  it('holds nothing of the law, of helplines, of what no log shows, or of the house itself', () => {
    const harness = new ResolverHarness(OPTIONS);
    for (const name of [
      ...['ordered.example', 'www.help.example', 'harm.example'],
      ...['tv.home.example', 'printer.lan', 'localhost', 'mask.icloud.com'],
    ]) {
      expect(namesOf(harness, name), name).toEqual([]);
    }
    const toLaw = [
      { owner: QNAME, type: 5, ttl: 300, rdata: wire('www.ordered.example') },
      { ...ADDRESS, owner: 'www.ordered.example' },
    ];
    expect(namesOf(harness, 'alias.example.org', toLaw)).toEqual([]);
  });

  it('drops what the ring has no room for, and goes on when it was read', () => {
    const harness = new ResolverHarness(OPTIONS);
    const query = aQuery().name('adult.example').build();
    for (let asked = 0; asked < 200; asked++) {
      harness.resolver.untilSample = 1;
      harness.resolve(query);
    }
    const kept = readEvents(harness.askedNames, 1000).length;
    expect(kept).toBeGreaterThan(50);
    expect(kept).toBeLessThan(200);
    expect(namesOf(harness, 'adult.example')).toEqual(['adult.example']);
  });
});
