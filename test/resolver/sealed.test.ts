import { describe, expect, it } from 'vitest';
import { aQuery, edesOf } from '../support/dns-query.ts';
import { rawResponse, wire } from '../support/raw-response.ts';
import { OPEN, ResolverHarness } from '../support/resolver-harness.ts';

const ALL_ALLOWED = {
  sealed: { court: ['hidden.example.org'] },
  plan: { allow: ['hidden.example.org'] },
  allow: ['hidden.example.org'],
  always: ['www.hidden.example.org'],
  grants: [{ target: 'names:hidden.example.org', untilSecond: 1_790_003_600 }],
};

const query = (name: string): Buffer => aQuery().name(name).edns().build();

function aliasResponse(name: string, target: string): Uint8Array {
  return rawResponse({
    question: { name, type: 1 },
    answer: [
      { owner: name, type: 5, ttl: 300, rdata: wire(target) },
      { owner: target, type: 1, ttl: 300, rdata: [192, 0, 2, 80] },
    ],
  });
}

describe('a name of a sealed list', () => {
  it('is blocked by law in any case, though everybody allows it', () => {
    const harness = new ResolverHarness(ALL_ALLOWED);
    for (const name of ['hidden.example.org', 'WWW.Hidden.Example.ORG']) {
      for (const from of [{}, { client: OPEN }, { isStream: true }]) {
        const response = harness.ask(query(name), from);
        expect(response.rcode).toBe('NXDOMAIN');
        expect(edesOf(response)).toMatchObject([{ code: 16 }]);
      }
    }
    expect(harness.forwarded).toEqual([]);
  });

  it('is blocked as a target, fresh, cached and for who was parked', () => {
    const harness = new ResolverHarness(ALL_ALLOWED);
    const asked = harness.park(query('alias.example.net'), { client: OPEN });
    harness.upstreamAnswers(asked, aliasResponse('alias.example.net', 'x.hidden.example.org'));
    expect(harness.takeLate()).toMatchObject([{ response: { rcode: 'NXDOMAIN' } }]);
    for (let round = 0; round < 2; round++) {
      expect(harness.ask(query('alias.example.net')).rcode).toBe('NXDOMAIN');
    }
  });

  it('is blocked from the moment when the list is in force, whatever was seen and cached', () => {
    const harness = new ResolverHarness();
    const aliased = harness.park(query('alias.example.net'));
    harness.upstreamAnswers(aliased, aliasResponse('alias.example.net', 'x.hidden.example.org'));
    const plain = { sealed: { court: ['other.example.org'] } };
    harness.install(plain);
    expect(harness.ask(query('alias.example.net')).rcode).toBe('NOERROR');
    harness.install(ALL_ALLOWED);
    expect(harness.ask(query('alias.example.net')).rcode).toBe('NXDOMAIN');
    harness.install(plain);
    expect(harness.ask(query('alias.example.net')).rcode).toBe('NOERROR');
    // Without any rule, the categories kept beside the answer alone tell that it must be asked.
    harness.install({ sealed: { court: ['hidden.example.org'] } });
    expect(harness.ask(query('alias.example.net')).rcode).toBe('NXDOMAIN');
  });

  it('leaves no name, though the plan logs all', () => {
    const harness = new ResolverHarness({ ...ALL_ALLOWED, plan: { log: 'all', logMax: 'all' } });
    harness.ask(query('hidden.example.org'));
    const [event] = harness.takeEvents();
    expect(event).toBeDefined();
    expect(JSON.stringify(event)).not.toContain('hidden');
  });
});
