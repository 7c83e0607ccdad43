import type { StoredReply } from "../cache/stored-reply.ts";
import type { Asked } from "../packet/asked.ts";

const HEADER = 12;
const RD = 0x01;
const CD = 0x10;
const AD = 0x20;

/**
 * A stored reply for this very question: its number, its flags, its letter case, its records' remaining lives. Returns
 * where the message ends. `staleTtl` is what records of a reply that is too old get; -1: it is not.
 */
export function copyReply(
  packet: Uint8Array,
  asked: Asked,
  as: {
    readonly stored: StoredReply;
    readonly out: Uint8Array;
    readonly nowMs: number;
    readonly staleTtl: number;
    readonly validates: boolean;
  },
): number {
  const { stored, out } = as;
  const { bytes, ttlAt } = stored;
  const size = bytes.length;
  const { questionEnd, flags } = asked;
  out[0] = asked.id >> 8;
  out[1] = asked.id & 255;
  out[2] = (bytes[2] ?? 0) | ((flags >> 8) & RD);
  const wantsAuthentic = asked.dnssecOk || (flags & AD) !== 0;
  out[3] = (bytes[3] ?? 0) | (flags & CD) | (as.validates && stored.authentic && wantsAuthentic ? AD : 0);
  for (let i = 4; i < HEADER; i++) out[i] = bytes[i] ?? 0;
  for (let i = HEADER; i < questionEnd; i++) out[i] = packet[i] ?? 0;
  for (let i = questionEnd; i < size; i++) out[i] = bytes[i] ?? 0;
  if (ttlAt.length === 0) return size;
  const age = Math.max(0, Math.floor((as.nowMs - stored.storedMs) / 1000));
  for (let n = 0; n < ttlAt.length; n++) {
    const at = ttlAt[n] ?? 0;
    const stated =
      (((bytes[at] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0)) >>>
      0;
    const left = as.staleTtl >= 0 ? as.staleTtl : stated > age ? stated - age : 0;
    out[at] = left >>> 24;
    out[at + 1] = (left >>> 16) & 255;
    out[at + 2] = (left >>> 8) & 255;
    out[at + 3] = left & 255;
  }
  return size;
}
