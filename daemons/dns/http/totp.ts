import { createHmac, timingSafeEqual } from "node:crypto";

const STEP_SECONDS = 30;
const DIGITS = 6;
const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/** The code of a time step (RFC 6238 with RFC 4226's truncation): six digits. */
export function totpCode(secret: string, timeMs: number): string {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.max(0, Math.floor(timeMs / 1000 / STEP_SECONDS))));
  const mac = createHmac("sha1", readBase32(secret)).update(counter).digest();
  const at = (mac.at(-1) ?? 0) & 15;
  const code = (mac.readUInt32BE(at) & 0x7fff_ffff) % 10 ** DIGITS;
  return String(code).padStart(DIGITS, "0");
}

/** The step a code belongs to, one before to one behind now; undefined: none. A step must be taken once only (RFC 6238 §5.2). */
export function totpStep(secret: string, code: number, nowMs: number): number | undefined {
  const given = Buffer.from(String(code).padStart(DIGITS, "0"));
  for (const offset of [0, -1, 1]) {
    const timeMs = nowMs + offset * STEP_SECONDS * 1000;
    const wanted = Buffer.from(totpCode(secret, timeMs));
    if (wanted.length === given.length && timingSafeEqual(wanted, given))
      return Math.floor(timeMs / 1000 / STEP_SECONDS);
  }
  return undefined;
}

/** RFC 4648 §6, without padding. */
export function base32(bytes: Uint8Array): string {
  let text = "";
  let bits = 0;
  let held = 0;
  for (const byte of bytes) {
    held = (held << 8) | byte;
    bits += 8;
    for (; bits >= 5; bits -= 5) text += ALPHABET[(held >> (bits - 5)) & 31] ?? "";
    held &= 255;
  }
  return bits > 0 ? text + (ALPHABET[(held << (5 - bits)) & 31] ?? "") : text;
}

/** Characters that do not belong are passed over, as people type secrets with blanks and dashes. */
export function readBase32(text: string): Uint8Array {
  const bytes: number[] = [];
  let bits = 0;
  let held = 0;
  for (const letter of text.toUpperCase()) {
    const value = ALPHABET.indexOf(letter);
    if (value < 0) continue;
    held = ((held << 5) | value) & 0xfff;
    bits += 5;
    if (bits < 8) continue;
    bits -= 8;
    bytes.push((held >> bits) & 255);
  }
  return Uint8Array.from(bytes);
}
