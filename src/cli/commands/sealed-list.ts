/**
 * `stairgate list …` of sealed lists. Keys and sealing are the publisher's, who needs no server;
 * attestations come from the server and are checked anywhere. No command takes a key as an argument,
 * which others could see, and none prints a name.
 */

import { readFileSync, writeFileSync } from 'node:fs';
import type { Command } from 'commander';
import { DETECT_OCTETS, detectFormat } from '../../blocklist/formats/detect.ts';
import { LIST_FORMAT_NAMES, type TextFormatName } from '../../blocklist/formats/list-format.ts';
import { AppError, messageOf } from '../../lib/errors.ts';
import { quote } from '../../lib/quote.ts';
import { createGate } from '../../lists/gate.ts';
import { verifyAttestation } from '../../sealing/attestation.ts';
import { drawListKey } from '../../sealing/list-keys.ts';
import { sealList } from '../../sealing/seal-list.ts';
import { readKeyFile, readListKey } from '../../sealing/sealing-keys.ts';
import { drawSigningKeys, parsePrivateKey, parsePublicKey } from '../../sealing/signatures.ts';
import { ID_PATTERN } from '../../store/document.ts';
import { addClientOptions, clientOf } from '../options.ts';
import type { ServeOptions } from '../options.ts';
import type { Output } from '../output.ts';

const SECRET_MODE = 0o600;
const PUBLIC_MODE = 0o644;

interface SealFlags {
  readonly list: string;
  readonly keyId: string;
  readonly keyFile?: string;
  readonly keyEnv?: string;
  readonly publisher: string;
  readonly signKeyFile: string;
  readonly serial?: string;
  readonly format?: string;
  readonly subdomains?: boolean;
}

interface AttestFlags extends ServeOptions {
  readonly publicKeyFile?: string;
}

export function addSealedListCommands(list: Command, output: Output): void {
  addKeyCommands(list, output);
  addSealCommand(list, output);
  addAttestationCommands(list, output);
}

function addKeyCommands(list: Command, output: Output): void {
  list
    .command('new-key')
    .description('draw the key of a sealed list; whoever has it can look names up in the list')
    .argument('<file>', 'where it goes; must not be there yet')
    .action((file: string) => {
      writeNew(file, `${drawListKey()}\n`, SECRET_MODE);
      output.out(`${file} holds a new list key; give it to the publisher and to each server`);
    });
  list
    .command('new-signing-key')
    .description("draw the publisher's key pair, which signs sealed lists")
    .argument('<private>', 'where the private key goes; must not be there yet')
    .argument('<public>', 'where the public key goes, which servers are configured with')
    .action((privateFile: string, publicFile: string) => {
      const { privateKey, publicKey } = drawSigningKeys();
      writeNew(privateFile, privateKey, SECRET_MODE);
      writeNew(publicFile, publicKey, PUBLIC_MODE);
      output.out(`${privateFile} signs; ${publicFile} is for the servers`);
    });
}

function addSealCommand(list: Command, output: Output): void {
  list
    .command('seal')
    .description('make a file without names out of a list, offline')
    .argument('<in>', 'the list, in a format of text')
    .argument('<out>', 'the sealed file')
    .requiredOption('--list <id>', 'id that the list has on the servers')
    .requiredOption('--key-id <id>', 'id of the list key in the configuration of the servers')
    .option('--key-file <file>', 'the list key')
    .option('--key-env <name>', 'the variable of the environment that holds it')
    .requiredOption('--publisher <id>', 'id of the publisher in the configuration of the servers')
    .requiredOption('--sign-key-file <file>', "the publisher's private key")
    .option('--serial <number>', 'higher than before (default: the time in seconds)')
    .option('--format <format>', `${LIST_FORMAT_NAMES.join(', ')} (default: found out)`)
    .option('--subdomains', 'entries of a domains or hosts list cover subdomains too')
    .option('--no-subdomains', 'they cover the name only')
    .action((input: string, file: string, flags: SealFlags) => {
      const content = readInput(input);
      const sealedAtSecond = Math.floor(Date.now() / 1000);
      const { octets, names } = sealList(content, formatOf(flags, content), {
        list: idOf(flags.list, '--list'),
        key: { id: idOf(flags.keyId, '--key-id'), key: keyOf(flags) },
        publisher: idOf(flags.publisher, '--publisher'),
        signingKey: parsePrivateKey(readKeyFile(flags.signKeyFile), flags.signKeyFile),
        serial: serialOf(flags, sealedAtSecond),
        sealedAtSecond,
        ...(flags.subdomains === undefined ? {} : { coversSubdomains: flags.subdomains }),
        isRefused: createGate(),
      });
      writeFileSync(file, octets, { mode: PUBLIC_MODE });
      output.out(`${file}: ${names} names, serial ${serialOf(flags, sealedAtSecond)}`);
    });
}

function addAttestationCommands(list: Command, output: Output): void {
  addClientOptions(list.command('attest'))
    .description('print a signed statement of which version of a sealed list is in force')
    .argument('<id>', 'the list')
    .option('--public-key-file <file>', "also write the server's public key here, for regulators")
    .action(async (id: string, flags: AttestFlags) => {
      const path = `/lists/${encodeURIComponent(id)}/attestation`;
      const attestation = (await clientOf(flags).request('GET', path)) as { publicKey: string };
      if (flags.publicKeyFile !== undefined) {
        writeNew(flags.publicKeyFile, attestation.publicKey, PUBLIC_MODE);
      }
      output.out(JSON.stringify(attestation, null, 2));
    });
  list
    .command('verify-attestation')
    .description('check whose statement it is, and print it')
    .argument('<file>', 'what "list attest" printed')
    .requiredOption('--public-key-file <file>', "the server's public key")
    .action((file: string, flags: { readonly publicKeyFile: string }) => {
      const publicKey = parsePublicKey(readKeyFile(flags.publicKeyFile), flags.publicKeyFile);
      output.out(verifyAttestation(parseJson(file), publicKey).trimEnd());
    });
}

function readInput(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new AppError('LIST_UNREADABLE', `Reading the list ${path}: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

function formatOf({ format }: SealFlags, content: Uint8Array): TextFormatName {
  const named = LIST_FORMAT_NAMES.find((name) => name === format);
  const found = format === undefined ? detectFormat(content.subarray(0, DETECT_OCTETS)) : named;
  if (found !== null && found !== undefined && found !== 'sealed') return found;
  const why =
    format === undefined
      ? 'the format is not clear; name it with --format'
      : `--format: ${quote(format)} is none; valid: ${LIST_FORMAT_NAMES.join(', ')}`;
  throw new AppError('LIST_REFUSED', `Sealing the list: ${why}`);
}

function keyOf({ keyFile, keyEnv }: SealFlags): Uint8Array {
  if ((keyFile === undefined) === (keyEnv === undefined)) {
    throw new AppError(
      'SEALING_KEY_UNREADABLE',
      'Reading the list key: it comes from one place; valid: either --key-file or --key-env',
    );
  }
  return readListKey({ file: keyFile, env: keyEnv });
}

function serialOf({ serial }: SealFlags, sealedAtSecond: number): number {
  if (serial === undefined) return sealedAtSecond;
  const number = /^\d{1,15}$/.test(serial) ? Number(serial) : 0;
  if (number > 0) return number;
  throw new AppError(
    'LIST_REFUSED',
    `Sealing the list: --serial: ${quote(serial)} is none; valid: a whole number from 1 on`,
  );
}

function idOf(text: string, option: string): string {
  if (new RegExp(ID_PATTERN).test(text)) return text;
  throw new AppError(
    'LIST_REFUSED',
    `Sealing the list: ${option}: ${quote(text)} is no id; valid: letters, digits, ".", "_", "-"; 64 characters at most`,
  );
}

function parseJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    const message = `Reading the attestation ${path}: ${messageOf(error)}`;
    throw new AppError('ATTESTATION_INVALID', message, { cause: error });
  }
}

/** A key that is overwritten is lost for good, and with it what it has signed or sealed. */
function writeNew(path: string, text: string, mode: number): void {
  try {
    writeFileSync(path, text, { mode, flag: 'wx' });
  } catch (error) {
    const isThere = error instanceof Error && 'code' in error && error.code === 'EEXIST';
    const why = isThere ? 'the file is there already; valid: a new name' : messageOf(error);
    throw new AppError('FILE_UNWRITABLE', `Writing ${path}: ${why}`, { cause: error });
  }
}
