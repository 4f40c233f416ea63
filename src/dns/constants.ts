/** Numbers of the protocol, named as the IANA "Domain Name System (DNS) Parameters" registry names them. */

export const HEADER_BYTES = 12;

export const FLAG_QR = 0x8000;
export const FLAG_AA = 0x0400;
export const FLAG_TC = 0x0200;
export const FLAG_RD = 0x0100;
export const FLAG_RA = 0x0080;
export const FLAG_AD = 0x0020;
export const FLAG_CD = 0x0010;

export const OPCODE_QUERY = 0;
export const OPCODE_NOTIFY = 4;

export const RCODE_NOERROR = 0;
export const RCODE_FORMERR = 1;
export const RCODE_SERVFAIL = 2;
export const RCODE_NXDOMAIN = 3;
export const RCODE_NOTIMP = 4;
export const RCODE_REFUSED = 5;
/** The substituted name of a DNAME is too long (RFC 6672, section 2.2): the DNAME is the answer. */
export const RCODE_YXDOMAIN = 6;
export const RCODE_NOTAUTH = 9;
/** Extended: its upper bits travel in the OPT record (RFC 6891, section 9). */
export const RCODE_BADVERS = 16;

/** Errors of a signature (RFC 8945, section 3); they stand in the TSIG record, not in the header. */
export const TSIG_BADSIG = 16;
export const TSIG_BADKEY = 17;
export const TSIG_BADTIME = 18;
export const TSIG_BADTRUNC = 22;

export const CLASS_IN = 1;
export const CLASS_ANY = 255;

export const TYPE_A = 1;
export const TYPE_NS = 2;
export const TYPE_CNAME = 5;
export const TYPE_SOA = 6;
export const TYPE_PTR = 12;
export const TYPE_HINFO = 13;
export const TYPE_MX = 15;
export const TYPE_TXT = 16;
export const TYPE_AAAA = 28;
export const TYPE_SRV = 33;
export const TYPE_DNAME = 39;
export const TYPE_OPT = 41;
export const TYPE_DS = 43;
export const TYPE_RRSIG = 46;
export const TYPE_NSEC = 47;
export const TYPE_DNSKEY = 48;
export const TYPE_NSEC3 = 50;
export const TYPE_NSEC3PARAM = 51;
export const TYPE_CDS = 59;
export const TYPE_CDNSKEY = 60;
export const TYPE_ZONEMD = 63;
export const TYPE_SVCB = 64;
export const TYPE_HTTPS = 65;
/** 128 to 255 are meta-types and question types (RFC 6895, section 3.1). */
export const TYPE_META_FIRST = 128;
export const TYPE_META_LAST = 255;
export const TYPE_TSIG = 250;
export const TYPE_IXFR = 251;
export const TYPE_AXFR = 252;
export const TYPE_ANY = 255;

export const OPTION_ECS = 8;
export const OPTION_EDE = 15;
/** By convention among forwarders (dnsmasq's `add-mac` and `add-cpe-id`), in the range for local use. */
export const OPTION_MAC = 65_001;
export const OPTION_MAC_TEXT = 65_073;
export const OPTION_CPE_ID = 65_074;

/** What we offer and the most that we send over UDP (RFC 9715). */
export const UDP_PAYLOAD_BYTES = 1232;
/** The payload size of a client without EDNS (RFC 1035, section 4.2.1). */
export const UDP_PAYLOAD_BYTES_WITHOUT_EDNS = 512;

/** Extended DNS Errors (RFC 8914, section 5.2). */
export const EDE_STALE_ANSWER = 3;
export const EDE_FORGED_ANSWER = 4;
export const EDE_CACHED_ERROR = 13;
export const EDE_NOT_READY = 14;
export const EDE_BLOCKED = 15;
export const EDE_CENSORED = 16;
export const EDE_FILTERED = 17;
export const EDE_PROHIBITED = 18;
export const EDE_STALE_NXDOMAIN = 19;
export const EDE_NOT_SUPPORTED = 21;
export const EDE_NO_REACHABLE_AUTHORITY = 22;
export const EDE_NETWORK_ERROR = 23;
/** No EDE at all. */
export const EDE_NONE = -1;
