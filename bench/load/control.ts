/** What the bench wants of our server's control plane. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { StairgateServer } from './servers.ts';
import { sourceAddress } from './sources.ts';

/** One in so many households has a schedule. */
const SCHEDULED = 5;

/**
 * Subscribers with an address each, those that `many-sources` sends from; in force when it returns.
 * @param households how many of them have a name of their own to deny
 */
export async function putSubscribers(
  server: StairgateServer,
  count: number,
  households = 0,
): Promise<void> {
  if (count === 0) return;
  const subscribers = Array.from({ length: count }, (_, index) => ({
    id: `home-${index}`,
    plan: 'bench',
    addresses: [`${sourceAddress(index)}/32`],
    ...(index < households && settingsOf(index)),
  }));
  const token = readFileSync(join(server.dataDir, 'admin.token'), 'utf8').trim();
  const response = await fetch(`http://${server.admin}/api/v1/apply?wait=true`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ document: { subscribers } }),
  });
  if (!response.ok) throw new Error(`apply: ${response.status} ${await response.text()}`);
}

function settingsOf(index: number): object {
  const deny = [`own-${index}.example`];
  if (index % SCHEDULED !== 0) return { deny };
  return { deny, schedules: [{ target: 'category:adult', from: bedtimeOf(index), to: '07:00' }] };
}

/** Households do not go to bed all at once. */
function bedtimeOf(index: number): string {
  return `${20 + (Math.floor(index / SCHEDULED) % 4)}:${index % 2 === 0 ? '00' : '30'}`;
}

/** How long the newest list took to compile, by the server's own clock. */
export function compileMs(server: StairgateServer): number {
  const lines = [...server.log().matchAll(/"elapsedMs":(\d+).*"isBlocklistNew":true/g)];
  const last = lines.at(-1)?.[1];
  if (last === undefined) throw new Error(`the log names no compilation: ${server.log()}`);
  return Number(last);
}

export async function blocklistOctets(server: StairgateServer): Promise<number> {
  const response = await fetch(`http://${server.admin}/metrics`);
  const [, octets] = /^stairgate_blocklist_bytes (\S+)$/m.exec(await response.text()) ?? [];
  if (octets === undefined) throw new Error('the metrics do not hold the size of the blocklist');
  return Number(octets);
}
