/**
 * The canonical form of a subscriber with its profiles and devices. Profiles keep the order in which
 * they were written; devices are a set. MACs are kept as they are, since `export` gives them back
 * (docs/adr/0010): logs and the audit log never show one whole.
 */

import { formatIpAddress, parseIpAddress } from '../lib/ip-address.ts';
import type { Language } from '../lib/messages.ts';
import { openZone } from '../policy/time-zone.ts';
import {
  canonicalOwn,
  canonicalRules,
  canonicalTarget,
  type OwnRecord,
  type RuleNames,
  sortedSet,
} from './canonical-settings.ts';
import type { AgePreset, DeviceDocument, ProfileDocument, SubscriberDocument } from './document.ts';
import { canonicalPrefix } from './prefix-key.ts';
import { quote } from '../lib/quote.ts';

export const DEFAULT_TIMEZONE = 'UTC';
export const DEFAULT_LANGUAGE: Language = 'en';

export type DeviceRecord =
  { readonly mac: string } | { readonly address: string } | { readonly clientId: string };

export interface BudgetRecord {
  /** `internet`, `category:ID`, `service:ID`. */
  readonly target: string;
  readonly minutesPerDay: number;
}

/** What a profile keeps as JSON. */
export interface ProfileSettings extends OwnRecord {
  readonly name?: string;
  readonly age?: AgePreset;
  readonly budgets?: readonly BudgetRecord[];
}

export interface ProfileRecord extends RuleNames, ProfileSettings {
  readonly id: string;
  readonly devices?: readonly DeviceRecord[];
}

/** What a household keeps as JSON. */
export interface HouseholdSettings extends OwnRecord {
  readonly minor?: true;
  readonly language?: Language;
  readonly defaultProfile?: string;
}

export interface SubscriberRecord extends RuleNames, HouseholdSettings {
  readonly id: string;
  /** Left out only for a pool of unknown clients of a child tariff (`minor`). */
  readonly plan?: string;
  readonly timezone: string;
  readonly addresses: readonly string[];
  readonly cpeIds?: readonly string[];
  readonly profiles?: readonly ProfileRecord[];
}

export function canonicalSubscriber(
  document: SubscriberDocument,
  path: string,
  faults: string[],
): SubscriberRecord {
  const timezone = document.timezone ?? DEFAULT_TIMEZONE;
  if (!isTimezone(timezone)) {
    faults.push(
      `${path}.timezone: ${quote(timezone)} is no IANA time zone; valid: such as Europe/Minsk, America/New_York, UTC`,
    );
  }
  if (document.plan === undefined && document.minor !== true) {
    faults.push(
      `${path}: plan is missing; valid: the id of a plan, or minor: true for a pool of unknown clients, which gets the safest plan`,
    );
  }
  const addresses = canonicalAddresses(document.addresses ?? [], `${path}.addresses`, faults);
  const cpeIds = canonicalCpeIds(document.cpeIds ?? [], `${path}.cpeIds`, faults);
  const profiles = canonicalProfiles(document.profiles ?? [], path, faults);
  const { defaultProfile, language } = document;
  if (defaultProfile !== undefined && !profiles.some(({ id }) => id === defaultProfile)) {
    const valid = profiles.map(({ id }) => id).join(', ');
    faults.push(
      `${path}.defaultProfile: there is no profile ${quote(defaultProfile)}; valid: ${valid === '' ? 'none, the household has no profiles' : valid}`,
    );
  }
  return {
    id: document.id,
    ...(document.plan === undefined ? {} : { plan: document.plan }),
    timezone,
    addresses,
    ...(cpeIds.length === 0 ? {} : { cpeIds }),
    ...canonicalRules(document, path, faults),
    ...(document.minor === true ? { minor: true } : {}),
    ...(language === undefined || language === DEFAULT_LANGUAGE ? {} : { language }),
    ...(defaultProfile === undefined ? {} : { defaultProfile }),
    ...canonicalOwn(document, path, faults),
    ...(profiles.length === 0 ? {} : { profiles }),
  };
}

function canonicalProfiles(
  documents: readonly ProfileDocument[],
  path: string,
  faults: string[],
): ProfileRecord[] {
  const pathOfId = new Map<string, string>();
  const pathOfDevice = new Map<string, string>();
  return documents.map((document, index) => {
    const at = `${path}.profiles[${index}]`;
    const earlier = pathOfId.get(document.id);
    if (earlier === undefined) pathOfId.set(document.id, at);
    else faults.push(`${at}.id: ${quote(document.id)} is already the id of ${earlier}`);
    return canonicalProfile(document, at, pathOfDevice, faults);
  });
}

function canonicalProfile(
  document: ProfileDocument,
  path: string,
  pathOfDevice: Map<string, string>,
  faults: string[],
): ProfileRecord {
  const devices: DeviceRecord[] = [];
  for (const [index, written] of (document.devices ?? []).entries()) {
    const at = `${path}.devices[${index}]`;
    const device = canonicalDevice(written, at, faults);
    if (device === null) continue;
    const earlier = pathOfDevice.get(deviceText(device));
    if (earlier !== undefined) {
      faults.push(
        `${at}: ${quote(device)} is ${earlier} already; valid: a device leads to one profile of the household`,
      );
      continue;
    }
    pathOfDevice.set(deviceText(device), at);
    devices.push(device);
  }
  const budgets = canonicalBudgets(document.budgets ?? [], `${path}.budgets`, faults);
  return {
    id: document.id,
    ...canonicalRules(document, path, faults),
    ...(document.name === undefined ? {} : { name: document.name }),
    ...(document.age === undefined ? {} : { age: document.age }),
    ...(budgets.length === 0 ? {} : { budgets }),
    ...canonicalOwn(document, path, faults),
    ...(devices.length === 0 ? {} : { devices: sortDevices(devices) }),
  };
}

export function sortDevices(devices: readonly DeviceRecord[]): DeviceRecord[] {
  return [...devices].sort((a, b) => (deviceText(a) < deviceText(b) ? -1 : 1));
}

function deviceText(device: DeviceRecord): string {
  return Object.entries(device).flat().join(' ');
}

function canonicalDevice(
  document: DeviceDocument,
  path: string,
  faults: string[],
): DeviceRecord | null {
  if (document.mac !== undefined) {
    const mac = canonicalMac(document.mac);
    if (mac !== null) return { mac };
    faults.push(
      `${path}.mac: ${quote(document.mac)} is no MAC address; valid: six octets such as 02:00:5e:10:00:01`,
    );
    return null;
  }
  if (document.address !== undefined) {
    const words = parseIpAddress(document.address);
    if (words !== null) return { address: formatIpAddress(words) };
    faults.push(
      `${path}.address: ${quote(document.address)} is no address of a device; valid: such as 192.0.2.7, 2001:db8::7`,
    );
    return null;
  }
  // Part of a host name (DoT) or of a path (DoH): the case of letters gets lost on the way.
  return { clientId: (document.clientId ?? '').toLowerCase() };
}

/** `02:00:5e:10:00:01`, `02-00-5E-10-00-01`, `0200.5e10.0001` or `02005e100001`, as the first. */
export function canonicalMac(text: string): string | null {
  const isWritten =
    /^[0-9a-f]{2}([:-])(?:[0-9a-f]{2}\1){4}[0-9a-f]{2}$/i.test(text) ||
    /^(?:[0-9a-f]{4}\.){2}[0-9a-f]{4}$/i.test(text) ||
    /^[0-9a-f]{12}$/i.test(text);
  if (!isWritten) return null;
  const digits = text.replace(/[^0-9a-f]/gi, '').toLowerCase();
  return (digits.match(/../g) ?? []).join(':');
}

function canonicalBudgets(
  documents: NonNullable<ProfileDocument['budgets']>,
  path: string,
  faults: string[],
): BudgetRecord[] {
  const pathOf = new Map<string, string>();
  return documents.map(({ target: text, minutesPerDay }, index) => {
    const at = `${path}[${index}].target`;
    const target = canonicalTarget(text, ['internet', 'category'], at, faults) ?? text;
    const earlier = pathOf.get(target);
    if (earlier === undefined) pathOf.set(target, `${path}[${index}]`);
    else faults.push(`${at}: ${quote(text)} has a budget already in ${earlier}`);
    return { target, minutesPerDay };
  });
}

function canonicalAddresses(texts: readonly string[], path: string, faults: string[]): string[] {
  const pathOf = new Map<string, string>();
  for (const [index, text] of texts.entries()) {
    const at = `${path}[${index}]`;
    const prefix = canonicalPrefix(text);
    const earlier = prefix === null ? undefined : pathOf.get(prefix);
    if (prefix === null) {
      faults.push(
        `${at}: ${quote(text)} is no address or prefix (no bits may be set past its length); valid: such as 192.0.2.7, 192.0.2.0/24, 2001:db8:7::/56`,
      );
    } else if (earlier === undefined) pathOf.set(prefix, at);
    else faults.push(`${at}: ${quote(text)} stands already in ${earlier}; valid: each prefix once`);
  }
  return [...pathOf.keys()].sort();
}

function canonicalCpeIds(texts: readonly string[], path: string, faults: string[]): string[] {
  for (const [index, text] of texts.entries()) {
    if (/^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(text)) continue;
    faults.push(
      `${path}[${index}]: ${quote(text)} is no CPE id; valid: printable ASCII without spaces at its ends`,
    );
  }
  return sortedSet(texts);
}

/** What the compiler of schedules takes is one; opening it anew for a million subscribers is not needed. */
const knownTimezones = new Map<string, boolean>();
const TIMEZONES_KNOWN_MAX = 2_000;

function isTimezone(timezone: string): boolean {
  const known = knownTimezones.get(timezone);
  if (known !== undefined) return known;
  let isValid = true;
  try {
    openZone(timezone);
  } catch {
    isValid = false;
  }
  if (knownTimezones.size < TIMEZONES_KNOWN_MAX) knownTimezones.set(timezone, isValid);
  return isValid;
}
