import { concatBytes, utf8 } from "#base/env/bytes.ts";

/** RFC 9113 section 6. */
export const FRAME = { DATA: 0, HEADERS: 1, RST_STREAM: 3, SETTINGS: 4, PING: 6, GOAWAY: 7 } as const;
export const END_STREAM = 0x1;
export const ACK = 0x1;
export const END_HEADERS = 0x4;
const PADDED = 0x8;
/** RFC 9113 section 4.2: what may come as long as nobody asked for more. */
const MAX_FRAME_BYTES = 16_384;
const HEAD_BYTES = 9;

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Uint8Array;
}

/** What a client says first: RFC 9113 section 3.4, with empty settings. */
export function clientPreface(): Uint8Array {
  return concatBytes([utf8("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), frame({ type: FRAME.SETTINGS })]);
}

export function frame({ type, flags = 0, stream = 0, payload = new Uint8Array(0) }: Partial<Frame>): Uint8Array {
  const bytes = new Uint8Array(HEAD_BYTES + payload.length);
  const head = new DataView(bytes.buffer);
  head.setUint8(0, payload.length >> 16);
  head.setUint16(1, payload.length & 0xffff);
  head.setUint8(3, type ?? 0);
  head.setUint8(4, flags);
  head.setUint32(5, stream);
  bytes.set(payload, HEAD_BYTES);
  return bytes;
}

/** Whole frames, and what is left; undefined when one is longer than may be. */
export function splitFrames(
  bytes: Uint8Array,
): { readonly frames: readonly Frame[]; readonly rest: Uint8Array } | undefined {
  const frames: Frame[] = [];
  let at = 0;
  while (at + HEAD_BYTES <= bytes.length) {
    const head = new DataView(bytes.buffer, bytes.byteOffset + at, HEAD_BYTES);
    const length = (head.getUint8(0) << 16) | head.getUint16(1);
    if (length > MAX_FRAME_BYTES) return undefined;
    if (at + HEAD_BYTES + length > bytes.length) break;
    const payload = bytes.slice(at + HEAD_BYTES, at + HEAD_BYTES + length);
    frames.push({ type: head.getUint8(3), flags: head.getUint8(4), stream: head.getUint32(5) & 0x7fffffff, payload });
    at += HEAD_BYTES + length;
  }
  return { frames, rest: bytes.slice(at) };
}

/** The content of a DATA frame without its padding (RFC 9113 section 6.1). */
export function dataOf({ flags, payload }: Frame): Uint8Array {
  if ((flags & PADDED) === 0) return payload;
  return payload.subarray(1, Math.max(1, payload.length - (payload[0] ?? 0)));
}

/** A header block of literals that nobody is to remember: RFC 7541 section 6.2.2, without compression. */
export function headerBlock(headers: readonly (readonly [string, string])[]): Uint8Array {
  return concatBytes(headers.flatMap(([name, value]) => [Uint8Array.of(0), ...literal(name), ...literal(value)]));
}

/** RFC 7541 section 5.2, its length as in section 5.1 with a prefix of 7 bits. */
function literal(text: string): readonly Uint8Array[] {
  const bytes = utf8(text);
  if (bytes.length < 127) return [Uint8Array.of(bytes.length), bytes];
  const length = [127];
  let rest = bytes.length - 127;
  for (; rest >= 128; rest >>= 7) length.push((rest & 127) | 128);
  return [Uint8Array.of(...length, rest), bytes];
}
