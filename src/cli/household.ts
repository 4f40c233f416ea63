/** A household or one of its profiles, as commands name it: `SUBSCRIBER` or `SUBSCRIBER/PROFILE`. */

import { AppError } from '../lib/errors.ts';

export interface Household {
  readonly subscriber: string;
  /** Null: the whole household. */
  readonly profile: string | null;
  /** Of the subscriber, below /api/v1. */
  readonly path: string;
}

/** @throws AppError `ARGUMENT_INVALID` */
export function parseHousehold(text: string): Household {
  const [subscriber = '', profile = null, ...rest] = text.split('/');
  if (subscriber === '' || profile === '' || rest.length > 0) {
    throw new AppError(
      'ARGUMENT_INVALID',
      `"${text}" names no household; valid: such as home-1 or home-1/anna`,
    );
  }
  return { subscriber, profile, path: `/subscribers/${encodeURIComponent(subscriber)}` };
}

export interface ProfilePlace extends Household {
  readonly profile: string;
  /** Of the profile, below /api/v1. */
  readonly profilePath: string;
}

/** @throws AppError `ARGUMENT_INVALID` */
export function parseProfile(text: string): ProfilePlace {
  const household = parseHousehold(text);
  const { profile, path } = household;
  if (profile === null) {
    throw new AppError(
      'ARGUMENT_INVALID',
      `"${text}" names no profile; valid: such as home-1/anna`,
    );
  }
  return { ...household, profile, profilePath: `${path}/profiles/${encodeURIComponent(profile)}` };
}
