/**
 * Which types hold domain names in their RDATA, and where. A name that upstream compressed must be
 * written anew, because its pointer means nothing in another message; all other RDATA, that of
 * unknown types above all, passes octet for octet (RFC 3597, section 3).
 *
 *     RDATA   │ fixed │ strings, each with its length octet │ names │ tail │
 */

/** How names of a type may arrive and must leave. */
export type NameForm =
  /** Types of RFC 1035: may arrive compressed, may leave compressed. */
  | 'compressible'
  /** May arrive compressed from old servers, leaves in full (RFC 3597, section 4). */
  | 'literal'
  /** Must arrive in full (RFC 9460, section 2.2); a pointer makes the response malformed. */
  | 'strict';

export interface RdataShape {
  readonly form: NameForm;
  /** Octets before the first string or name. */
  readonly fixed: number;
  /** Character-strings between the fixed octets and the names. */
  readonly strings: number;
  readonly names: number;
  /** Octets after the last name, or `TAIL_ANY`. */
  readonly tail: number;
}

export const TAIL_ANY = -1;

/** By type number; every type above the last entry is opaque. */
const SHAPES: (RdataShape | undefined)[] = new Array<RdataShape | undefined>(66).fill(undefined);

/** Where the RDATA of a type must be looked into; undefined where it is opaque. */
export function rdataShapeOf(type: number): RdataShape | undefined {
  return type < SHAPES.length ? SHAPES[type] : undefined;
}

function setShape(type: number, form: NameForm, fixed: number, names: number, tail = 0): void {
  SHAPES[type] = { form, fixed, strings: 0, names, tail };
}

setShape(1, 'compressible', 4, 0); // A: an address of another length is no address
setShape(2, 'compressible', 0, 1); // NS
setShape(3, 'compressible', 0, 1); // MD
setShape(4, 'compressible', 0, 1); // MF
setShape(5, 'compressible', 0, 1); // CNAME
setShape(6, 'compressible', 0, 2, 20); // SOA
setShape(7, 'compressible', 0, 1); // MB
setShape(8, 'compressible', 0, 1); // MG
setShape(9, 'compressible', 0, 1); // MR
setShape(12, 'compressible', 0, 1); // PTR
setShape(14, 'compressible', 0, 2); // MINFO
setShape(15, 'compressible', 2, 1); // MX
setShape(17, 'literal', 0, 2); // RP
setShape(18, 'literal', 2, 1); // AFSDB
setShape(21, 'literal', 2, 1); // RT
setShape(24, 'literal', 18, 1, TAIL_ANY); // SIG
setShape(26, 'literal', 2, 2); // PX
setShape(28, 'compressible', 16, 0); // AAAA
setShape(30, 'literal', 0, 1, TAIL_ANY); // NXT
setShape(33, 'literal', 6, 1); // SRV
SHAPES[35] = { form: 'literal', fixed: 4, strings: 3, names: 1, tail: 0 }; // NAPTR
setShape(36, 'literal', 2, 1); // KX
setShape(39, 'literal', 0, 1); // DNAME
setShape(46, 'literal', 18, 1, TAIL_ANY); // RRSIG
setShape(47, 'literal', 0, 1, TAIL_ANY); // NSEC
setShape(64, 'strict', 2, 1, TAIL_ANY); // SVCB
setShape(65, 'strict', 2, 1, TAIL_ANY); // HTTPS
