/** The part of dns-packet 5.6 that the tests use; the package ships no types. */
declare module 'dns-packet' {
  export interface Question {
    name: string;
    type: string;
    class?: string;
  }

  export interface PacketOption {
    code: number | string;
    type?: string;
    data?: Buffer;
  }

  export interface Answer {
    name: string;
    type: string;
    class?: string;
    ttl?: number;
    /** By type: text, `{ preference, exchange }`, `Buffer`, … */
    data?: unknown;
    flush?: boolean;
    /** OPT only. */
    udpPayloadSize?: number;
    extendedRcode?: number;
    ednsVersion?: number;
    flags?: number;
    flag_do?: boolean;
    options?: PacketOption[];
  }

  export interface Packet {
    id?: number;
    type?: 'query' | 'response';
    flags?: number;
    questions?: Question[];
    answers?: Answer[];
    authorities?: Answer[];
    additionals?: Answer[];
  }

  export interface DecodedPacket extends Required<Packet> {
    flag_qr: boolean;
    opcode: string;
    flag_aa: boolean;
    flag_tc: boolean;
    flag_rd: boolean;
    flag_ra: boolean;
    flag_z: boolean;
    flag_ad: boolean;
    flag_cd: boolean;
    /** `NOERROR`, `NXDOMAIN`, … */
    rcode: string;
  }

  export function encode(packet: Packet): Buffer;
  export function decode(bytes: Buffer): DecodedPacket;

  export const AUTHORITATIVE_ANSWER: number;
  export const TRUNCATED_RESPONSE: number;
  export const RECURSION_DESIRED: number;
  export const RECURSION_AVAILABLE: number;
  export const AUTHENTIC_DATA: number;
  export const CHECKING_DISABLED: number;
  export const DNSSEC_OK: number;
}
