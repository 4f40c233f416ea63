/** The household of the manual, with the plan and the services that it needs. */

import { expect } from 'vitest';
import { AppError } from '../../src/lib/errors.ts';
import type { Store } from '../../src/store/store.ts';
import { ACTOR } from './support.ts';

export const MAC = '02:00:5e:10:00:01';

export function aService(id: string) {
  return { id, title: id, group: 'video', names: [`${id}.example`] };
}

export function anna() {
  return {
    id: 'anna',
    age: '6-9',
    devices: [{ mac: MAC }, { address: '192.0.2.7' }, { clientId: 'anna-tablet' }],
    block: ['games'],
    allow: [{ name: 'school.example', always: true }],
    deny: ['chat.example'],
    safeSearch: { youtube: 'strict' },
    schedules: [
      {
        target: 'internet',
        days: ['mon', 'tue', 'wed', 'thu', 'fri'],
        from: '21:00',
        to: '07:00',
      },
      { target: 'service:tiktok', days: ['sat', 'sun'], from: '00:00', to: '10:00' },
    ],
    budgets: [{ target: 'service:youtube', minutesPerDay: 60 }],
    log: 'blocked',
  };
}

export function aHome() {
  return {
    id: 'home-1',
    plan: 'kids',
    timezone: 'Europe/Minsk',
    language: 'ru',
    addresses: ['192.0.2.7/32'],
    profiles: [anna()],
  };
}

/** All that `aHome` refers to. */
export function theGround() {
  return {
    categories: [{ id: 'games' }, { id: 'adult' }, { id: 'court', class: 'law' }],
    services: [aService('tiktok'), aService('youtube')],
    plans: [{ id: 'kids', block: ['adult'], minor: true }, { id: 'open' }],
  };
}

export async function aStoreWithHome(store: Store): Promise<Store> {
  await store.applyDocument({ ...theGround(), subscribers: [aHome()] }, ACTOR);
  return store;
}

export async function faultOf(work: Promise<unknown>): Promise<AppError> {
  const error: unknown = await work.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(AppError);
  return error as AppError;
}
