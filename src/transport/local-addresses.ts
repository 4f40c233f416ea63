/**
 * The addresses that a wildcard stands for. A socket bound to the wildcard answers from whichever
 * address the kernel's routes prefer, and a client drops an answer from another address than it
 * asked; so there is one socket for each local address, and addresses that come and go are noticed.
 */

import { networkInterfaces } from 'node:os';
import { formatIpAddress, parseIpAddress } from '../lib/ip-address.ts';

/** How often the machine's addresses are read again. */
export const LOCAL_ADDRESSES_INTERVAL_MS = 10_000;

/** What `os.networkInterfaces` tells of an address, as far as it matters here. */
export interface InterfaceAddress {
  readonly address: string;
  readonly family: string;
}
export type InterfaceReader = () => NodeJS.Dict<readonly InterfaceAddress[]>;

export function isWildcard(address: string): boolean {
  const words = parseIpAddress(address);
  if (words === null) return false;
  const [first, second, third, fourth] = words;
  return first === 0 && second === 0 && fourth === 0 && (third === 0 || third === 0xffff);
}

/**
 * The addresses to bind, each once: wildcards replaced by the machine's addresses of that family
 * (link-local ones with their zone), `::ffff:a.b.c.d` written as IPv4.
 */
export function expandAddresses(
  addresses: readonly string[],
  read: InterfaceReader = networkInterfaces,
): string[] {
  const expanded = addresses.flatMap((address) =>
    isWildcard(address) ? localAddresses(isIpv4Text(address), read) : [normalize(address)],
  );
  return [...new Set(expanded)];
}

/** The one way we write an address; one with a zone stays as it is. */
function normalize(text: string): string {
  const words = parseIpAddress(text);
  return words === null ? text : formatIpAddress(words);
}

function isIpv4Text(address: string): boolean {
  return parseIpAddress(address)?.[2] === 0xffff;
}

function localAddresses(isIpv4: boolean, read: InterfaceReader): string[] {
  const found: string[] = [];
  for (const [name, entries] of Object.entries(read())) {
    for (const { address, family } of entries ?? []) {
      if ((family === 'IPv4') !== isIpv4) continue;
      found.push(isLinkLocal(address) ? `${address}%${name}` : normalize(address));
    }
  }
  return found;
}

/** fe80::/10. */
function isLinkLocal(address: string): boolean {
  const words = parseIpAddress(address);
  return words !== null && words[0] >>> 22 === 0xfe80 >>> 6;
}

export interface AddressChange {
  readonly added: readonly string[];
  readonly removed: readonly string[];
}

export interface LocalAddressWatcherOptions {
  /** As configured, wildcards included. */
  readonly addresses: readonly string[];
  readonly onChange: (change: AddressChange) => void;
  readonly intervalMs?: number;
  readonly read?: InterfaceReader;
}

/** Tells which addresses came and went since the last look. Does nothing where there is no wildcard. */
export class LocalAddressWatcher {
  readonly #options: LocalAddressWatcherOptions;
  #current: string[];
  #timer: NodeJS.Timeout | null = null;

  constructor(options: LocalAddressWatcherOptions) {
    this.#options = options;
    this.#current = expandAddresses(options.addresses, options.read);
  }

  /** The addresses at the last look. */
  get current(): readonly string[] {
    return this.#current;
  }

  start(): void {
    if (this.#timer !== null || !this.#options.addresses.some(isWildcard)) return;
    const { intervalMs = LOCAL_ADDRESSES_INTERVAL_MS } = this.#options;
    this.#timer = setInterval(() => {
      this.refresh();
    }, intervalMs);
    this.#timer.unref();
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }

  /** Looks now. */
  refresh(): void {
    const before = this.#current;
    const now = expandAddresses(this.#options.addresses, this.#options.read);
    this.#current = now;
    const added = now.filter((address) => !before.includes(address));
    const removed = before.filter((address) => !now.includes(address));
    if (added.length > 0 || removed.length > 0) this.#options.onChange({ added, removed });
  }

  /**
   * Makes the next look report an address as new again: for one that could not be bound, as a fresh
   * IPv6 address cannot before duplicate address detection is through (RFC 4862, section 5.4).
   */
  retry(address: string): void {
    this.#current = this.#current.filter((known) => known !== address);
  }
}
