import { concatBytes } from "#base/env/bytes.ts";
import { fail, succeed, type Result } from "#base/env/errors.ts";
import { MESSAGE, OPTION } from "./codes.ts";

/** In the order of the wire; a code may stand there several times. */
export interface Option6 {
  readonly code: number;
  readonly data: Uint8Array;
}

/** RFC 8415 §8. */
export interface Message6 {
  readonly type: number;
  /** 24 bits. */
  readonly xid: number;
  readonly options: readonly Option6[];
}

/** One relay's envelope (§9). Addresses are 16 bytes. */
export interface Relay6 {
  readonly hops: number;
  readonly link: Uint8Array;
  readonly peer: Uint8Array;
  /** What has to come back as it was sent (§21.18); undefined: nothing. */
  readonly interfaceId: Uint8Array | undefined;
  /** The client's hardware address, as the first relay saw it (RFC 6939). */
  readonly linkLayer: Uint8Array | undefined;
}

export interface Packet6 {
  /** From the outside to the inside. */
  readonly relays: readonly Relay6[];
  readonly message: Message6;
}

/** §7.6, HOP_COUNT_LIMIT. */
const MAX_RELAYS = 8;
const MAX_PACKET_BYTES = 9000;
const RELAY_HEAD = 34;
const HEAD = 4;

/** Reads one datagram and keeps no part of it. An option that runs past its end makes all of it worthless. */
export function decodePacket6(data: Uint8Array): Result<Packet6> {
  if (data.length > MAX_PACKET_BYTES) return bad(`${data.length} bytes are more than ${MAX_PACKET_BYTES}`);
  let bytes = new Uint8Array(data);
  const relays: Relay6[] = [];
  while (bytes[0] === MESSAGE.relayForward || bytes[0] === MESSAGE.relayReply) {
    if (relays.length === MAX_RELAYS) return bad(`it came through more than ${MAX_RELAYS} relays`);
    if (bytes.length < RELAY_HEAD) return bad(`${bytes.length} bytes are too few for a relay's message`);
    const options = readOptions6(bytes.subarray(RELAY_HEAD));
    if (options === undefined) return bad("an option runs past the end of a relay's message");
    const inner = findOption(options, OPTION.relayMessage);
    if (inner === undefined) return bad("a relay's message without a message in it");
    relays.push({
      hops: bytes[1] ?? 0,
      link: bytes.subarray(2, 18),
      peer: bytes.subarray(18, RELAY_HEAD),
      interfaceId: findOption(options, OPTION.interfaceId),
      linkLayer: findOption(options, OPTION.linkLayerAddress)?.subarray(2),
    });
    bytes = new Uint8Array(inner);
  }
  if (bytes.length < HEAD) return bad(`${bytes.length} bytes are too few for a message`);
  const options = readOptions6(bytes.subarray(HEAD));
  if (options === undefined) return bad("an option runs past the end of the message");
  const xid = ((bytes[1] ?? 0) << 16) | ((bytes[2] ?? 0) << 8) | (bytes[3] ?? 0);
  return succeed({ relays, message: { type: bytes[0] ?? 0, xid, options } });
}

/** Undefined where one runs past the end. */
export function readOptions6(bytes: Uint8Array): readonly Option6[] | undefined {
  const options: Option6[] = [];
  let at = 0;
  while (at < bytes.length) {
    const length = uint16(bytes, at + 2);
    const end = at + 4 + length;
    if (at + 4 > bytes.length || end > bytes.length) return undefined;
    options.push({ code: uint16(bytes, at), data: bytes.subarray(at + 4, end) });
    at = end;
  }
  return options;
}

/** The first of that code. */
export function findOption(options: readonly Option6[], code: number): Uint8Array | undefined {
  return options.find((option) => option.code === code)?.data;
}

export function encodeMessage6({ type, xid, options }: Message6): Uint8Array {
  return concatBytes([Uint8Array.of(type, (xid >>> 16) & 255, (xid >>> 8) & 255, xid & 255), encodeOptions6(options)]);
}

export function encodeOptions6(options: readonly Option6[]): Uint8Array {
  return concatBytes(options.flatMap(({ code, data }) => [uint16Bytes(code, data.length), data]));
}

/** The way back through the same relays (§19.3). */
export function encodeThroughRelays(relays: readonly Relay6[], message: Uint8Array): Uint8Array {
  return relays.toReversed().reduce((inner, { hops, link, peer, interfaceId }) => {
    const options = [
      ...(interfaceId === undefined ? [] : [{ code: OPTION.interfaceId, data: interfaceId }]),
      { code: OPTION.relayMessage, data: inner },
    ];
    return concatBytes([Uint8Array.of(MESSAGE.relayReply, hops), link, peer, encodeOptions6(options)]);
  }, message);
}

export function uint16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
}

export function uint32(bytes: Uint8Array, at: number): number {
  return uint16(bytes, at) * 0x1_00_00 + uint16(bytes, at + 2);
}

export function uint16Bytes(...numbers: readonly number[]): Uint8Array {
  return Uint8Array.from(numbers.flatMap((number) => [(number >>> 8) & 255, number & 255]));
}

export function uint32Bytes(...numbers: readonly number[]): Uint8Array {
  return uint16Bytes(...numbers.flatMap((number) => [number >>> 16, number & 0xff_ff]));
}

function bad(message: string): ReturnType<typeof fail> {
  return fail("bad_packet", message);
}
