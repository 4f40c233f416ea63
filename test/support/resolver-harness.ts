/**
 * The whole query path without a socket: two arrays and a clock. Lists, plans and clients are
 * given as plain data; the forwarder is a script that fails the test on an unexpected question.
 */

import assert from 'node:assert/strict';
import { compileBlocklist } from '../../src/blocklist/compile.ts';
import { openBlocklistImage } from '../../src/blocklist/image.ts';
import { nameToText } from '../../src/dns/name.ts';
import { decodeResponse } from './dns-query.ts';
import type { DecodedPacket } from 'dns-packet';
import type { HashSeed } from '../../src/lib/half-siphash.ts';
import { parseIpAddress, parseIpPrefix, type IpPrefix } from '../../src/lib/ip-address.ts';
import { createPacketBatch, TCP_SLOT_BYTES, UDP_SLOT_BYTES } from '../../src/lib/packet-batch.ts';
import { createEventRing, readEvents, type RingEvent } from '../../src/lib/event-ring.ts';
import { createAccess, type AccessOptions } from '../../src/policy/access.ts';
import { compilePolicies } from '../../src/policy/compile.ts';
import { openPolicyImage } from '../../src/policy/check-image.ts';
import { SubscriberWriter } from '../../src/policy/subscriber-writer.ts';
import { openSubscriberTable } from '../../src/policy/subscribers.ts';
import { failForward, finishForward, serveStale } from '../../src/resolver/finish-forward.ts';
import type { ForwardCause, ForwardQuestion } from '../../src/resolver/forwarder.ts';
import { createLocalNames } from '../../src/resolver/local-names.ts';
import { resolveQuery } from '../../src/resolver/resolve-query.ts';
import {
  createResolver,
  type InstalledImages,
  type Resolver,
} from '../../src/resolver/resolver.ts';
import { openSealedLists } from '../../src/sealing/open-sealed.ts';
import { wireName } from './dns-query.ts';
import {
  bitOf,
  householdInput,
  KIDS_PROFILE,
  OPEN_PROFILE,
  type HouseholdOptions,
} from './household.ts';
import { aSealedFile, aSealedPart, LIST_KEY } from './sealed.ts';

export const SEED: HashSeed = [0x01234567, 0x89abcdef];
export const KIDS = '192.0.2.7';
export const OPEN = '192.0.2.8';

export interface HarnessOptions extends HouseholdOptions {
  /** Names by category id; a name covers those below it. */
  readonly lists?: Readonly<Record<string, readonly string[]>>;
  /** Names of one sealed list each, by category id. */
  readonly sealed?: Readonly<Record<string, readonly string[]>>;
  readonly access?: Partial<AccessOptions>;
  readonly zones?: readonly { readonly name: string; readonly group: number }[];
  readonly records?: readonly {
    readonly name: string;
    readonly type: number;
    readonly rdata: Uint8Array;
  }[];
  readonly pendingMax?: number;
  readonly waitersPerClientMax?: number;
  /** Prefixes that lead to the subscriber `KIDS`, beside its own address. */
  readonly clients?: readonly string[];
  readonly cacheBytes?: number;
}

export interface Forwarded extends ForwardQuestion {
  readonly handle: number;
  readonly text: string;
}

export interface LateResponse {
  readonly port: number;
  readonly bytes: Uint8Array;
  readonly response: DecodedPacket;
}

export interface AskFrom {
  readonly client?: string;
  readonly port?: number;
  readonly isStream?: boolean;
}

export class ResolverHarness {
  readonly resolver: Resolver;
  readonly forwarded: Forwarded[] = [];
  readonly late: LateResponse[] = [];
  readonly events = createEventRing(1 << 16);
  readonly askedNames = createEventRing(1 << 12);
  /** The late response to this port throws, as a fault of ours would. */
  failLateFor = -1;
  nowMs = 1_000_000;
  nowSeconds = 1_790_000_000;

  constructor(options: HarnessOptions = {}) {
    this.resolver = createResolver({
      seed: SEED,
      access: createAccess(
        { prefixes: [], ratePerSecond: 0, burst: 0, ...options.access },
        1,
        SEED,
      ),
      local: createLocalNames(
        SEED,
        (options.zones ?? []).map(({ name, group }) => ({ name: wireName(name), group })),
        (options.records ?? []).map(({ name, type, rdata }) => ({
          name: wireName(name),
          type,
          ttlSeconds: 300,
          rdata,
        })),
      ),
      cache: { bytesMax: options.cacheBytes ?? 1 << 20 },
      pendingMax: options.pendingMax ?? 100,
      waitersPerClientMax: options.waitersPerClientMax ?? 100,
      forwarder: {
        forward: (handle, question) => {
          const text = nameToText(question.name);
          this.forwarded.push({ ...question, handle, text });
        },
      },
      sendLate: (_transport, _route, _addresses, _at, port, bytes, length) => {
        if (port === this.failLateFor) throw new Error('planted');
        const copy = bytes.slice(0, length);
        this.late.push({ port, bytes: copy, response: decodeResponse(copy) });
      },
      events: this.events,
      askedNames: this.askedNames,
    });
    this.install(options);
  }

  /** Compiles and installs; also in the middle of a test. */
  install(options: HarnessOptions): void {
    this.resolver.images = imagesOf(options, this.nowSeconds);
  }

  /** The raw outcome: octets of the response, or the status that `resolveQuery` returned. */
  resolve(query: Uint8Array, from: AskFrom = {}): Uint8Array | number {
    const { client = KIDS, port = 4242, isStream = false } = from;
    const batch = createPacketBatch({
      slotCount: 2,
      slotBytes: isStream ? TCP_SLOT_BYTES : UDP_SLOT_BYTES,
      transport: 0,
      isStream,
    });
    // The second slot, so that an offset forgotten somewhere shows.
    const at = batch.slotBytes;
    batch.bytes.set(query, at);
    batch.lengths[1] = query.length;
    batch.addresses.set(parseIpAddress(client)!, 4);
    batch.ports[1] = port;
    batch.nowMs[0] = this.nowMs;
    batch.nowSeconds = this.nowSeconds;
    const length = resolveQuery(this.resolver, batch, 1);
    return length > 0 ? batch.bytes.slice(at, at + length) : length;
  }

  /** The response that comes at once. */
  ask(query: Uint8Array, from: AskFrom = {}): DecodedPacket {
    const outcome = this.resolve(query, from);
    assert(typeof outcome !== 'number', `a response at once, not ${String(outcome)}`);
    return decodeResponse(outcome);
  }

  /** Parks the query and returns the question that went upstream. */
  park(query: Uint8Array, from: AskFrom = {}): Forwarded {
    const before = this.forwarded.length;
    assert.equal(this.resolve(query, from), 0, 'parked');
    assert.equal(this.forwarded.length, before + 1, 'one question upstream');
    return this.forwarded.at(-1)!;
  }

  /** Upstream answers a parked question with these octets. */
  upstreamAnswers(question: Forwarded, bytes: Uint8Array, isAuthentic = false): void {
    const { nowMs, nowSeconds } = this;
    finishForward(
      this.resolver,
      question.handle,
      Uint8Array.from(bytes),
      bytes.length,
      isAuthentic,
      nowMs,
      nowSeconds,
    );
  }

  upstreamFails(question: Forwarded, cause: ForwardCause): void {
    failForward(this.resolver, question.handle, cause, this.nowMs, this.nowSeconds);
  }

  upstreamIsSlow(question: Forwarded): void {
    serveStale(this.resolver, question.handle, this.nowMs, this.nowSeconds);
  }

  /** Takes the responses that came late since the last call. */
  takeLate(): LateResponse[] {
    return this.late.splice(0);
  }

  /** Takes the events that queries have left since the last call. */
  takeEvents(): RingEvent[] {
    return readEvents(this.events, 10_000);
  }

  passSeconds(seconds: number): void {
    this.nowMs += seconds * 1000;
    this.nowSeconds += seconds;
  }
}

function imagesOf(options: HarnessOptions, nowSeconds: number): InstalledImages {
  const { lists = {}, sealed = {}, clients = [] } = options;
  const compiled = compileBlocklist(
    Object.entries(lists).map(([id, names]) => ({
      id,
      categoryBit: bitOf(id),
      format: 'domains',
      coversSubdomains: true,
      content: new TextEncoder().encode(names.join('\n')),
    })),
    SEED,
    {
      isRefused: () => null,
      sealed: Object.entries(sealed).map(([id, names]) =>
        aSealedPart(bitOf(id), aSealedFile(names.join('\n'), { list: id })),
      ),
    },
  );
  const policies = compilePolicies(householdInput(options, nowSeconds), SEED);
  const writer = new SubscriberWriter(SEED);
  writer.insert(prefixOf(KIDS), KIDS_PROFILE);
  writer.insert(prefixOf(OPEN), OPEN_PROFILE);
  for (const client of clients) writer.insert(prefixOf(client), KIDS_PROFILE);
  const blocklist = openBlocklistImage(compiled.buffer);
  return {
    blocklist,
    sealed: openSealedLists(blocklist, [LIST_KEY]),
    policies: openPolicyImage(policies),
    subscribers: openSubscriberTable(writer.buffer, SEED),
  };
}

function prefixOf(text: string): IpPrefix {
  const prefix = parseIpPrefix(text);
  if (prefix === null) throw new Error(`"${text}" is no prefix`);
  return prefix;
}
