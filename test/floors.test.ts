import { execFile } from 'node:child_process';
import { rm, writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';

const run = promisify(execFile);
const ROOT = new URL('..', import.meta.url);

interface Cruise {
  readonly modules: number;
  readonly violations: readonly string[];
}

/** Cruises with the repository's own rules. */
async function cruise(...paths: readonly string[]): Promise<Cruise> {
  const { stdout } = await run(
    'node_modules/.bin/depcruise',
    ['--config', '.dependency-cruiser.cjs', '--output-type', 'json', ...paths],
    { cwd: ROOT, maxBuffer: 1 << 28 },
  ).catch((failure: unknown) => failure as { stdout: string });
  const { summary } = JSON.parse(stdout) as {
    summary: { totalCruised: number; violations: { rule: { name: string } }[] };
  };
  return {
    modules: summary.totalCruised,
    violations: summary.violations.map(({ rule }) => rule.name),
  };
}

describe('the floors', () => {
  const planted: string[] = [];

  afterEach(async () => {
    for (const path of planted.splice(0)) await rm(new URL(path, ROOT), { force: true });
  });

  async function plant(path: string, text: string): Promise<string> {
    planted.push(path);
    await writeFile(new URL(path, ROOT), text);
    return path;
  }

  it('hold in the sources, and the cruiser has really read them', async () => {
    const { modules, violations } = await cruise('src');
    expect(violations).toEqual([]);
    expect(modules).toBeGreaterThan(100);
  });

  it('an import upwards is found', async () => {
    const path = await plant(
      'src/dns/planted-upwards.ts',
      `import { decide } from '../policy/decide.ts';\nexport const planted = decide;\n`,
    );
    expect((await cruise(path)).violations).toContain('floor-1-dns');
  });

  it('a Node module on the lower floors is found', async () => {
    const path = await plant(
      'src/policy/planted-node.ts',
      `import { readFileSync } from 'node:fs';\nexport const planted = readFileSync;\n`,
    );
    expect((await cruise(path)).violations).toContain('floors-0-to-3-are-pure');
  });
});
