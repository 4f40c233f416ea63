import { describe, expect, it } from 'vitest';
import { attest, verifyAttestation } from '../../src/sealing/attestation.ts';
import {
  drawSigningKeys,
  fingerprintOf,
  parsePrivateKey,
  parsePublicKey,
  signOctets,
} from '../../src/sealing/signatures.ts';

const PAIR = drawSigningKeys();
const PRIVATE = parsePrivateKey(PAIR.privateKey, 'the test');
const PUBLIC = parsePublicKey(PAIR.publicKey, 'the test');
const ATTESTATION = attest(
  {
    list: 'court',
    serial: 7,
    sealedAtSecond: Date.UTC(2026, 10, 22) / 1000,
    sha256: 'ab'.repeat(32),
    names: 1234,
    inForceSinceMs: Date.UTC(2026, 10, 22, 1),
    workers: 2,
  },
  PRIVATE,
  Date.UTC(2026, 10, 22, 2),
);

describe('an attestation', () => {
  it('says in plain lines what is in force since when', () => {
    expect(verifyAttestation(JSON.parse(JSON.stringify(ATTESTATION)), PUBLIC)).toBe(
      [
        'Stairgate attestation 1',
        'list: court',
        'serial: 7',
        'sealed: 2026-11-22T00:00:00.000Z',
        `sha256: ${'ab'.repeat(32)}`,
        'names: 1234',
        'in force on all workers since: 2026-11-22T01:00:00.000Z',
        'workers: 2',
        'stated: 2026-11-22T02:00:00.000Z',
        `server key: ${fingerprintOf(PUBLIC)}`,
        '',
      ].join('\n'),
    );
    expect(ATTESTATION.publicKey).toBe(PAIR.publicKey);
  });

  it('is refused where a letter was changed, another server signed, or it is none', () => {
    const other = parsePublicKey(drawSigningKeys().publicKey, 'the test');
    const statement = ATTESTATION.statement.replace('serial: 7', 'serial: 8');
    expect(() => verifyAttestation({ ...ATTESTATION, statement }, PUBLIC)).toThrow('not that of');
    expect(() => verifyAttestation(ATTESTATION, other)).toThrow('not that of this key');
    for (const none of [null, 7, [], {}, { statement: 'x' }, { ...ATTESTATION, signature: 1 }]) {
      expect(() => verifyAttestation(none, PUBLIC)).toThrow('it has no statement');
    }
    const signature = Buffer.from(signOctets(Buffer.from('pay 7'), PRIVATE)).toString('base64');
    expect(() => verifyAttestation({ statement: 'pay 7', signature }, PUBLIC)).toThrow(
      'is no attestation',
    );
  });
});
