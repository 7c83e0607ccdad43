/** Numbers of https://www.iana.org/assignments/dns-parameters, by the names used here. */
export const TYPE = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  PTR: 12,
  MX: 15,
  TXT: 16,
  AAAA: 28,
  SRV: 33,
  OPT: 41,
  IXFR: 251,
  AXFR: 252,
  ANY: 255,
} as const;

export const CLASS = { IN: 1, CH: 3, ANY: 255 } as const;

export const RCODE = { NOERROR: 0, FORMERR: 1, SERVFAIL: 2, NXDOMAIN: 3, NOTIMP: 4, REFUSED: 5, BADVERS: 16 } as const;

/** Bits of the header's second word. */
export const FLAG = { QR: 0x8000, AA: 0x0400, TC: 0x0200, RD: 0x0100, RA: 0x0080, AD: 0x0020, CD: 0x0010 } as const;

/**
 * What a record says. Names are labels without the root; text is Latin-1, one character per byte, so that every name
 * and string of the wire survives. What is not modelled stays `raw`.
 */
export type RecordData =
  | { readonly kind: "A"; readonly address: string }
  | { readonly kind: "AAAA"; readonly address: string }
  | { readonly kind: "NS" | "CNAME" | "PTR"; readonly target: readonly string[] }
  | { readonly kind: "TXT"; readonly texts: readonly string[] }
  | {
      readonly kind: "SRV";
      readonly priority: number;
      readonly weight: number;
      readonly port: number;
      readonly target: readonly string[];
    }
  | { readonly kind: "MX"; readonly preference: number; readonly target: readonly string[] }
  | {
      readonly kind: "SOA";
      readonly primary: readonly string[];
      readonly mailbox: readonly string[];
      readonly serial: number;
      readonly refresh: number;
      readonly retry: number;
      readonly expire: number;
      readonly minimum: number;
    }
  | { readonly kind: "raw"; readonly type: number; readonly bytes: Uint8Array };

export interface ResourceRecord {
  readonly name: readonly string[];
  readonly class: number;
  readonly ttl: number;
  readonly data: RecordData;
}

export interface Question {
  readonly name: readonly string[];
  readonly type: number;
  readonly class: number;
}

export function typeOf(data: RecordData): number {
  return data.kind === "raw" ? data.type : TYPE[data.kind];
}
