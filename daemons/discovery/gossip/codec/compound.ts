import { MAX_COMPOUND_PARTS } from "./limits.ts";
import { MessageType } from "./message.ts";

/** Bytes of a compound's head, and more for each part. */
export const COMPOUND_HEAD_BYTES = 2;
export const COMPOUND_PART_BYTES = 2;

/** Several messages in one: type, count, two bytes of length for each, bodies. At most 255 parts of at most 65,535 bytes. */
export function makeCompound(parts: readonly Uint8Array[]): Uint8Array {
  let size = COMPOUND_HEAD_BYTES;
  for (const part of parts) size += COMPOUND_PART_BYTES + part.length;
  const whole = new Uint8Array(size);
  whole[0] = MessageType.compound;
  whole[1] = parts.length;
  let head = COMPOUND_HEAD_BYTES;
  let body = head + COMPOUND_PART_BYTES * parts.length;
  for (const part of parts) {
    whole[head++] = part.length >>> 8;
    whole[head++] = part.length & 0xff;
    whole.set(part, body);
    body += part.length;
  }
  return whole;
}

/** Packets for any number of messages: one by itself needs no compound. */
export function packMessages(messages: readonly Uint8Array[]): Uint8Array[] {
  const packets: Uint8Array[] = [];
  for (let at = 0; at < messages.length; at += MAX_COMPOUND_PARTS) {
    const some = messages.slice(at, at + MAX_COMPOUND_PARTS);
    const [only] = some;
    packets.push(some.length === 1 && only !== undefined ? only : makeCompound(some));
  }
  return packets;
}

/**
 * Calls `visit` with each part. Of a compound that was cut short the whole parts are still visited; the answer is false
 * then.
 */
export function splitCompound(whole: Uint8Array, visit: (part: Uint8Array) => void): boolean {
  const count = whole[1];
  if (count === undefined) return false;
  let body = COMPOUND_HEAD_BYTES + COMPOUND_PART_BYTES * count;
  if (body > whole.length) return false;
  for (let i = 0; i < count; i++) {
    const at = COMPOUND_HEAD_BYTES + COMPOUND_PART_BYTES * i;
    const length = ((whole[at] ?? 0) << 8) | (whole[at + 1] ?? 0);
    if (body + length > whole.length) return false;
    visit(whole.subarray(body, body + length));
    body += length;
  }
  return true;
}
