import { describe, expect, test } from 'vitest';
import { UpstreamHealth } from '../../src/upstream/health.ts';
import { RandomPool } from '../../src/upstream/random-pool.ts';
import { chooseProbe, chooseUpstream } from '../../src/upstream/selection.ts';

interface Named {
  readonly name: string;
  readonly health: UpstreamHealth;
}

const random = new RandomPool();

function anUpstream(name: string, rttMs: number, failures = 0): Named {
  const health = new UpstreamHealth();
  health.noteRoundTrip(rttMs);
  for (let count = 0; count < failures; count++) health.noteFailure(0);
  return { name, health };
}

/** The names that 400 draws give. */
function drawn(draw: () => Named | null): Set<string> {
  return new Set(Array.from({ length: 400 }, () => draw()?.name ?? 'none'));
}

describe('chooseUpstream', () => {
  test('takes a quick one, and those about as quick in turn', () => {
    const upstreams = [anUpstream('quick', 5), anUpstream('similar', 12), anUpstream('slow', 90)];
    expect(drawn(() => chooseUpstream(upstreams, new Set(), random))).toEqual(
      new Set(['quick', 'similar']),
    );
  });

  test('takes a slow one rather than one that is down', () => {
    const upstreams = [anUpstream('down', 5, 4), anUpstream('slow', 900)];
    expect(drawn(() => chooseUpstream(upstreams, new Set(), random))).toEqual(new Set(['slow']));
  });

  test('takes what is down where nothing else is left, and null where nothing is', () => {
    const [down, up] = [anUpstream('down', 5, 4), anUpstream('up', 5)];
    expect(chooseUpstream([down, up], new Set([up]), random)).toBe(down);
    expect(chooseUpstream([down, up], new Set([up, down]), random)).toBeNull();
  });
});

describe('chooseProbe', () => {
  test('gives one that is down when it is due', () => {
    const [down, up] = [anUpstream('down', 5, 4), anUpstream('up', 5)];
    expect(chooseProbe([down, up], up, 500, random)).toBe(down);
    expect(drawn(() => chooseProbe([down, up], up, 499, random))).toEqual(new Set(['none']));
  });

  test('gives a healthy one that was not chosen, seldom', () => {
    const [quick, slow] = [anUpstream('quick', 5), anUpstream('slow', 90)];
    const probes = Array.from({ length: 6400 }, () => chooseProbe([quick, slow], quick, 0, random));
    const count = probes.filter((probe) => probe === slow).length;
    expect(count).toBeGreaterThan(40);
    expect(count).toBeLessThan(200);
    expect(probes).not.toContain(quick);
  });

  test('gives none where there is only one', () => {
    const only = anUpstream('only', 5);
    expect(drawn(() => chooseProbe([only], only, 0, random))).toEqual(new Set(['none']));
  });
});
