/**
 * Profiles, grants, pauses, requests and budgets of a server that is ended by SIGKILL while they are
 * written: what was acknowledged is there at the next start, the audit chain is whole, and a budget that
 * was used up stays so from the first packet on.
 */

import { expect, it } from 'vitest';
import { aQuery, askUdp, decodeResponse, edesOf } from '../support/dns-query.ts';
import { pause, type ServerProcess } from './support/server-process.ts';
import { prepareSite } from './support/server-site.ts';

const HOUSE = '/subscribers/home-1';
const KILLS = 6;
const BLOCKED_WITHIN_MS = 30_000;

const { aFolder, start } = prepareSite();

/** Where it is about noon, so that no day ends while the test runs. */
function zoneOfNoon(): string {
  const ahead = 12 - new Date().getUTCHours();
  return ahead === 0 ? 'Etc/GMT' : `Etc/GMT${ahead > 0 ? '-' : '+'}${Math.abs(ahead)}`;
}

function aHouse(anna: object = {}) {
  return {
    services: [{ id: 'clips', title: 'Clips', group: 'own', names: ['clips.example'] }],
    plans: [{ id: 'kids', block: [] }],
    subscribers: [
      {
        id: 'home-1',
        plan: 'kids',
        timezone: zoneOfNoon(),
        addresses: ['127.0.0.1/32'],
        profiles: [{ id: 'anna', devices: [{ address: '127.0.0.1' }], ...anna }],
      },
    ],
  };
}

/** What was answered with success; what was under way is in one of two states. */
interface Acknowledged {
  readonly running: Set<string>;
  readonly ended: Set<string>;
  readonly requests: Map<string, string>;
  minutesPerDay: number;
  /** Sent, and not acknowledged as yet. */
  nextMinutes: number;
}

it(
  'what was acknowledged of a household is there after a SIGKILL, and the audit chain is whole',
  { timeout: 120_000 },
  async () => {
    const dataDir = await aFolder();
    let server = await start(dataDir);
    expect((await server.apply(aHouse())).status).toBe(200);
    const seen: Acknowledged = {
      running: new Set(),
      ended: new Set(),
      requests: new Map(),
      minutesPerDay: 0,
      nextMinutes: 0,
    };
    for (let kill = 0; kill < KILLS; kill++) {
      const writing = Promise.allSettled([
        writeGrants(server, seen),
        writeProfile(server, seen),
        askAndAnswer(server, seen),
      ]);
      await pause(200 + Math.random() * 400);
      await server.end('SIGKILL');
      await writing;
      server = await start(dataDir);
      await expectAcknowledged(server, seen);
    }
    await server.end();
    expect(seen.running.size, 'grants and pauses').toBeGreaterThan(KILLS);
    expect(seen.ended.size, 'ended').toBeGreaterThan(0);
    expect(seen.requests.size, 'requests').toBeGreaterThan(KILLS);
    expect(seen.minutesPerDay, 'writes of the profile').toBeGreaterThan(KILLS);
  },
);

it('a budget that is used up stays so after a SIGKILL, from the first packet on', async () => {
  const dataDir = await aFolder();
  let server = await start(dataDir);
  const budgets = [{ target: 'service:clips', minutesPerDay: 1 }];
  expect((await server.apply(aHouse({ budgets }))).status).toBe(200);
  expect((await ask(server)).rcode).toBe('NOERROR');
  const deadline = Date.now() + BLOCKED_WITHIN_MS;
  while ((await ask(server)).rcode === 'NOERROR') {
    expect(Date.now(), 'the minute is noticed').toBeLessThan(deadline);
    await pause(100);
  }
  await server.end('SIGKILL');
  server = await start(dataDir);
  const answer = await ask(server);
  expect(answer.rcode).toBe('NXDOMAIN');
  expect(edesOf(answer)).toMatchObject([{ code: 17, text: 'Time for today is used up: Clips' }]);
  const { body } = await server.api('GET', '/audit?limit=5');
  expect(body['items']).toContainEqual(
    expect.objectContaining({ action: 'used-up', resource: 'home-1/anna', actor: 'budget' }),
  );
  expect((await server.api('GET', '/audit/verify')).body).toMatchObject({ isIntact: true });
  await server.end();
}, 90_000);

async function ask(server: ServerProcess) {
  return decodeResponse(await askUdp(server.port, aQuery().name('clips.example').edns().build()));
}

/** Grants and pauses, of which every third is ended again, until the server is gone. */
async function writeGrants(server: ServerProcess, seen: Acknowledged): Promise<void> {
  for (let count = 0; ; count++) {
    const path = `${HOUSE}/${count % 2 === 0 ? 'grants' : 'pauses'}`;
    const body = { profile: 'anna', minutes: 600 };
    const target = count % 2 === 0 ? { target: 'service:clips' } : {};
    const made = await server.api('POST', path, { ...body, ...target });
    expect(made.status).toBe(201);
    const id = String(made.body['id']);
    seen.running.add(id);
    if (count % 3 !== 0) continue;
    seen.running.delete(id);
    await server.api('DELETE', `${path}/${id}`);
    seen.ended.add(id);
  }
}

/** The profile again and again, each time with another budget. */
async function writeProfile(server: ServerProcess, seen: Acknowledged): Promise<void> {
  for (;;) {
    seen.nextMinutes = seen.minutesPerDay + 1;
    const budgets = [{ target: 'service:clips', minutesPerDay: seen.nextMinutes }];
    const { status } = await server.api('PUT', `${HOUSE}/profiles/anna`, { budgets });
    expect(status).toBe(200);
    seen.minutesPerDay = seen.nextMinutes;
  }
}

async function askAndAnswer(server: ServerProcess, seen: Acknowledged): Promise<void> {
  for (let count = seen.requests.size; ; count++) {
    const name = `n${count}.example`;
    const asked = await server.api('POST', `${HOUSE}/requests`, { profile: 'anna', name });
    expect(asked.status).toBe(201);
    const id = String(asked.body['id']);
    seen.requests.set(id, 'any');
    expect((await server.api('POST', `${HOUSE}/requests/${id}/deny`)).status).toBe(200);
    seen.requests.set(id, 'denied');
  }
}

async function expectAcknowledged(server: ServerProcess, seen: Acknowledged): Promise<void> {
  const ids = new Set<string>();
  for (const kind of ['grants', 'pauses', 'requests']) {
    const { body } = await server.api('GET', `${HOUSE}/${kind}?limit=1000`);
    const items = body['items'] as { id: string; state?: string }[];
    for (const { id, state } of items) {
      ids.add(id);
      if (seen.requests.get(id) === 'denied') expect(state).toBe('denied');
    }
  }
  for (const id of [...seen.running, ...seen.requests.keys()]) {
    expect(ids.has(id), `${id} was acknowledged`).toBe(true);
  }
  for (const id of seen.ended) expect(ids.has(id), `${id} was ended`).toBe(false);
  const { body } = await server.api('GET', `${HOUSE}/profiles/anna`);
  const budgets = body['budgets'] as { minutesPerDay: number }[] | undefined;
  const minutes = budgets?.[0]?.minutesPerDay ?? 0;
  expect([seen.minutesPerDay, seen.nextMinutes]).toContain(minutes);
  seen.minutesPerDay = minutes;
  expect((await server.api('GET', '/audit/verify')).body).toMatchObject({ isIntact: true });
}
