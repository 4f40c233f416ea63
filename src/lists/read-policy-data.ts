/**
 * The policy data that ships as files: services, the names of safe search, helplines and age presets.
 * People edit the files; an edit counts from the next start or reload on.
 *
 *     blocklists/services/GROUP.yaml     services, a file a group
 *     blocklists/safe-search.yaml        engines, YouTube, engines without a safe mode
 *     blocklists/helplines.yaml          whom to call, by country and language
 *     blocklists/age-presets.yaml        what is blocked at which age, and why
 *
 * Reading is all or nothing: one fault, and the caller keeps what it has. What only an editor must
 * mind (order, public suffixes, time zones, a name in two services) is checked by `test/blocklists`.
 *
 * The first reading costs a thread a quarter of a second of CPU, nearly all of it the YAML parser's
 * warming up; the next ones, where no file has changed, under a millisecond. So nothing that the
 * first answer after a start waits for may call it.
 */

import { readdirSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Static, Type } from 'typebox';
import { AppError, messageOf } from '../lib/errors.ts';
import { isIpv4Words, parseIpAddress } from '../lib/ip-address.ts';
import { LANGUAGES } from '../lib/messages.ts';
import type { PolicyHelpline, SafeSearchEngine, SafeSearchMap } from '../policy/policy-input.ts';
import { AGE_PRESETS, LOG_LEVELS, SafeSearchSchema, ServiceSchema } from '../store/document.ts';
import type { SafeSearchDocument, ServiceDocument } from '../store/document.ts';
import { canonicalName, nameToWire } from '../store/rule-name.ts';
import { quote } from '../lib/quote.ts';
import { ShapeChecker } from '../store/schema-faults.ts';
import { readYamlFile, seedsInvalid } from './read-yaml-file.ts';

export type AgePresetId = (typeof AGE_PRESETS)[number];

export interface PolicyData {
  readonly services: readonly ServiceDocument[];
  /** By id: what people read. */
  readonly serviceGroups: ReadonlyMap<string, string>;
  readonly safeSearch: SafeSearchMap;
  readonly helplines: readonly Helpline[];
  readonly agePresets: ReadonlyMap<string, AgePreset>;
}

export interface Helpline extends PolicyHelpline {
  readonly name: string;
  /** Whose line it is. */
  readonly url: string;
  /** The day on which somebody read the number there; null where nobody has. */
  readonly verifiedAt: string | null;
}

export interface SafeSearchTarget {
  /** The id of the engine; `youtube-moderate` and `youtube-strict`. */
  readonly engine: string;
  readonly name: string;
  /** The address that answers carry, where they are no CNAME; the target must have it. */
  readonly address: string | null;
}

export interface AgePreset {
  readonly id: AgePresetId;
  readonly title: string;
  /** Ids of categories, and of services as service:ID. */
  readonly block: readonly string[];
  readonly safeSearch: SafeSearchDocument;
  /** Of a profile that says nothing itself, and the most that it may say. */
  readonly log: LogLevel;
  readonly logMax: LogLevel;
  /** One for each entry of `block`, one for `safeSearch`, one for `log`. */
  readonly reasons: readonly PresetReason[];
}

/** One sentence each. */
export interface PresetReason {
  readonly choice: string;
  readonly why: string;
  readonly whyForChild: string;
}

type LogLevel = (typeof LOG_LEVELS)[number];

/** From `src/lists` and from `dist/lists` alike. */
export const PACKAGED_FOLDER = join(dirname(fileURLToPath(import.meta.url)), '../../blocklists');

const SERVICES_FOLDER = 'services';
const SAFE_SEARCH_FILE = 'safe-search.yaml';
const HELPLINES_FILE = 'helplines.yaml';
const AGE_PRESETS_FILE = 'age-presets.yaml';

/** Engines are bits in a word of the policy image. */
const ENGINES_MAX = 16;
/** Ends as EXTRA-TEXT, behind the words of the block. */
const HELPLINE_BYTES_MAX = 24;

const closed = { additionalProperties: false };
const text = Type.String({ minLength: 1, maxLength: 200 });
const sentence = Type.String({ minLength: 1, maxLength: 300 });
const names = Type.Array(Type.String(), { minItems: 1 });
const reason = { why: sentence, whyForChild: sentence };
const { id, sources, verifiedAt } = ServiceSchema.properties;
const logLevel = Type.Enum([...LOG_LEVELS]);

const groupShape = new ShapeChecker(
  Type.Object(
    {
      id,
      title: text,
      services: Type.Array(Type.Omit(ServiceSchema, ['group'], closed), { minItems: 1 }),
    },
    closed,
  ),
);

const EngineSchema = Type.Object(
  {
    id,
    title: text,
    target: Type.String(),
    address: Type.Optional(Type.String()),
    sources,
    verifiedAt,
    names,
  },
  closed,
);

const YoutubeSchema = Type.Object(
  { moderate: Type.String(), strict: Type.String(), sources, verifiedAt, names },
  closed,
);

const SafeSearchFileSchema = Type.Object(
  {
    engines: Type.Array(EngineSchema, { maxItems: ENGINES_MAX }),
    youtube: YoutubeSchema,
    unsafe: names,
  },
  closed,
);
type SafeSearchFile = Static<typeof SafeSearchFileSchema>;
const safeSearchShape = new ShapeChecker(SafeSearchFileSchema);

const helplinesShape = new ShapeChecker(
  Type.Object(
    {
      helplines: Type.Array(
        Type.Object(
          {
            name: text,
            zones: Type.Array(Type.String()),
            languages: Type.Array(Type.Enum([...LANGUAGES])),
            text,
            url: Type.String({ pattern: '^https://[a-z0-9.-]+/' }),
            verifiedAt,
          },
          closed,
        ),
        { minItems: 1 },
      ),
    },
    closed,
  ),
);

const PresetSchema = Type.Object(
  {
    id: Type.Enum([...AGE_PRESETS]),
    title: text,
    block: Type.Array(
      Type.Object({ what: Type.Array(Type.String(), { minItems: 1 }), ...reason }, closed),
    ),
    servicesAboveAge: Type.Object({ age: Type.Integer({ minimum: 0 }), ...reason }, closed),
    safeSearch: Type.Object({ set: SafeSearchSchema, ...reason }, closed),
    log: Type.Object({ default: logLevel, max: logLevel, ...reason }, closed),
  },
  closed,
);

const presetsShape = new ShapeChecker(Type.Object({ presets: Type.Array(PresetSchema) }, closed));

/** The last one read, and what the files were like then. */
let latest: { readonly key: string; readonly data: PolicyData } | null = null;

/**
 * Reads the files, or returns what the last call read where none has changed since.
 * @throws AppError `SEEDS_MISSING`, `SEEDS_INVALID` with every fault of the first bad file
 */
export function readPolicyData(folder: string = PACKAGED_FOLDER): PolicyData {
  const serviceFiles = listServiceFiles(folder);
  const files = [
    ...serviceFiles,
    ...[SAFE_SEARCH_FILE, HELPLINES_FILE, AGE_PRESETS_FILE].map((file) => join(folder, file)),
  ];
  const key = files.map(stampOf).join('\n');
  if (latest?.key === key) return latest.data;
  const { services, serviceGroups } = readServices(serviceFiles);
  const data = {
    services,
    serviceGroups,
    safeSearch: safeSearchMapOf(readSafeSearch(join(folder, SAFE_SEARCH_FILE))),
    helplines: readHelplines(join(folder, HELPLINES_FILE)),
    agePresets: readAgePresets(join(folder, AGE_PRESETS_FILE), services),
  };
  latest = { key, data };
  return data;
}

/**
 * What the daily self-check resolves. Of its one file alone, and not kept: main must not stand still for
 * files that it does not need.
 * @throws AppError `SEEDS_MISSING`, `SEEDS_INVALID`
 */
export function readSafeSearchTargets(folder: string = PACKAGED_FOLDER): SafeSearchTarget[] {
  const { engines, youtube } = readSafeSearch(join(folder, SAFE_SEARCH_FILE));
  return [
    ...engines.map(({ id: engine, target, address }) => ({
      engine,
      name: target,
      address: address ?? null,
    })),
    { engine: 'youtube-moderate', name: youtube.moderate, address: null },
    { engine: 'youtube-strict', name: youtube.strict, address: null },
  ];
}

/**
 * The engines that documents may name. Of the one file as well: it is read by a write that names one.
 * @throws AppError `SEEDS_MISSING`, `SEEDS_INVALID`
 */
export function readEngineIds(folder: string = PACKAGED_FOLDER): string[] {
  return readSafeSearch(join(folder, SAFE_SEARCH_FILE)).engines.map(({ id }) => id);
}

function listServiceFiles(folder: string): string[] {
  const path = join(folder, SERVICES_FOLDER);
  try {
    const files = readdirSync(path).filter((file) => file.endsWith('.yaml'));
    return files.sort().map((file) => join(path, file));
  } catch (error) {
    throw new AppError('SEEDS_MISSING', `Reading the services: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

/** A file that is not there is told by whoever reads it. */
function stampOf(path: string): string {
  const stats = statSync(path, { throwIfNoEntry: false });
  return `${path} ${stats?.ino ?? 0} ${stats?.size ?? 0} ${stats?.mtimeMs ?? 0}`;
}

function readServices(paths: readonly string[]): Pick<PolicyData, 'services' | 'serviceGroups'> {
  const services: ServiceDocument[] = [];
  const serviceGroups = new Map<string, string>();
  const fileOf = new Map<string, string>();
  for (const path of paths) {
    const group = readYamlFile(path, groupShape);
    const faults: string[] = [];
    if (`${group.id}.yaml` !== basename(path)) {
      faults.push(`id: ${quote(group.id)} is not the name of the file`);
    }
    for (const [index, service] of group.services.entries()) {
      const at = `services[${index}]`;
      const earlier = fileOf.get(service.id);
      if (earlier !== undefined) {
        faults.push(`${at}.id: ${quote(service.id)} is already a service of ${earlier}`);
      }
      fileOf.set(service.id, basename(path));
      checkNames(service.names, `${at}.names`, faults);
      services.push({ ...service, group: group.id });
    }
    if (faults.length > 0) throw seedsInvalid(path, faults);
    serviceGroups.set(group.id, group.title);
  }
  return { services, serviceGroups };
}

function readSafeSearch(path: string): SafeSearchFile {
  const file = readYamlFile(path, safeSearchShape);
  const { engines, youtube, unsafe } = file;
  const faults: string[] = [];
  const ids = new Set<string>();
  for (const [index, engine] of engines.entries()) {
    const at = `engines[${index}]`;
    if (ids.has(engine.id)) faults.push(`${at}.id: ${quote(engine.id)} is there already`);
    ids.add(engine.id);
    checkNames([engine.target], `${at}.target`, faults);
    checkNames(engine.names, `${at}.names`, faults);
    if (engine.address !== undefined && address4Of(engine.address) === null) {
      faults.push(`${at}.address: ${quote(engine.address)} is no IPv4 address`);
    }
  }
  checkNames([youtube.moderate], 'youtube.moderate', faults);
  checkNames([youtube.strict], 'youtube.strict', faults);
  checkNames(youtube.names, 'youtube.names', faults);
  checkNames(unsafe, 'unsafe', faults);
  if (faults.length > 0) throw seedsInvalid(path, faults);
  return file;
}

function safeSearchMapOf({ engines, youtube, unsafe }: SafeSearchFile): SafeSearchMap {
  return {
    engines: engines.map(engineOf),
    youtube: {
      names: youtube.names.map(nameToWire),
      moderate: nameToWire(youtube.moderate),
      strict: nameToWire(youtube.strict),
    },
    unsafe: unsafe.map(nameToWire),
  };
}

function engineOf(engine: Static<typeof EngineSchema>): SafeSearchEngine {
  const address4 = engine.address === undefined ? null : address4Of(engine.address);
  return {
    id: engine.id,
    names: engine.names.map(nameToWire),
    target: address4 === null ? { name: nameToWire(engine.target) } : { address4 },
  };
}

/** As one unsigned word. */
function address4Of(address: string): number | null {
  const words = parseIpAddress(address);
  return words !== null && isIpv4Words(words) ? words[3] : null;
}

function readHelplines(path: string): Helpline[] {
  const { helplines } = readYamlFile(path, helplinesShape);
  const faults: string[] = [];
  for (const [index, helpline] of helplines.entries()) {
    const at = `helplines[${index}]`;
    if (Buffer.byteLength(helpline.text) > HELPLINE_BYTES_MAX) {
      faults.push(`${at}.text: ${quote(helpline.text)} has over ${HELPLINE_BYTES_MAX} octets`);
    }
  }
  const forAll = helplines.filter(({ zones, languages }) => zones.length + languages.length === 0);
  if (forAll.length !== 1) {
    faults.push(
      `helplines: ${forAll.length} entries are without zones and languages; valid: one, for everybody else`,
    );
  }
  if (faults.length > 0) throw seedsInvalid(path, faults);
  return helplines.map(({ verifiedAt: day = null, ...helpline }) => ({
    ...helpline,
    verifiedAt: day,
  }));
}

function readAgePresets(
  path: string,
  services: readonly ServiceDocument[],
): ReadonlyMap<string, AgePreset> {
  const { presets } = readYamlFile(path, presetsShape);
  const ids = presets.map((preset) => preset.id);
  if (ids.join() !== AGE_PRESETS.join()) {
    throw seedsInvalid(path, [
      `presets: ${quote(ids)} are not valid; valid: ${AGE_PRESETS.join(', ')}, in this order`,
    ]);
  }
  const known = new Set(services.map((service) => `service:${service.id}`));
  const unknown = presets.flatMap(({ block }) =>
    block.flatMap(({ what }) =>
      what.filter((one) => one.startsWith('service:') && !known.has(one)),
    ),
  );
  if (unknown.length > 0) {
    throw seedsInvalid(path, [`presets: no service is ${[...new Set(unknown)].join(', ')}`]);
  }
  return new Map(presets.map((preset) => [preset.id, presetOf(preset, services)]));
}

function presetOf(
  preset: Static<typeof PresetSchema>,
  services: readonly ServiceDocument[],
): AgePreset {
  const { servicesAboveAge: above, safeSearch, log } = preset;
  const reasonOf = new Map<string, PresetReason>();
  for (const { what, why, whyForChild } of preset.block) {
    for (const choice of what) reasonOf.set(choice, { choice, why, whyForChild });
  }
  for (const service of services) {
    const choice = `service:${service.id}`;
    if ((service.age ?? 0) <= above.age || reasonOf.has(choice)) continue;
    reasonOf.set(choice, { choice, why: above.why, whyForChild: above.whyForChild });
  }
  return {
    id: preset.id,
    title: preset.title,
    block: [...reasonOf.keys()],
    safeSearch: safeSearch.set,
    log: log.default,
    logMax: log.max,
    reasons: [
      ...reasonOf.values(),
      { choice: 'safeSearch', why: safeSearch.why, whyForChild: safeSearch.whyForChild },
      { choice: 'log', why: log.why, whyForChild: log.whyForChild },
    ],
  };
}

/** A name must stand there as the engine compares it, or an editor would search for another one. */
function checkNames(list: readonly string[], path: string, faults: string[]): void {
  const seen = new Set<string>();
  for (const name of list) {
    const canonical = canonicalName(name);
    if (canonical === null) faults.push(`${path}: ${quote(name)} is no domain name`);
    else if (canonical !== name) faults.push(`${path}: ${quote(name)} must be ${quote(canonical)}`);
    if (seen.has(name)) faults.push(`${path}: ${quote(name)} stands there twice`);
    seen.add(name);
  }
}
