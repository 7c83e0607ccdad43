import { timingSafeEqual } from "node:crypto";
import type { Random } from "#base/env/random.ts";

const SALT_BYTES = 16;
/** Longer ones are refused before anything is computed. */
export const MAX_PASSWORD = 1024;

/** scrypt (RFC 7914) with N = 2^14, r = 8, p = 1, to 32 bytes, away from the thread that answers. */
export type DeriveKey = (password: string, salt: Uint8Array) => Promise<Uint8Array>;

export interface Passwords {
  readonly random: Random;
  readonly deriveKey: DeriveKey;
}

/** `$scrypt$ln=14,r=8,p=1$SALT$HASH`, both in base64. */
export async function hashPassword(password: string, { random, deriveKey }: Passwords): Promise<string> {
  const salt = Buffer.from(random.bytes(SALT_BYTES));
  const hash = Buffer.from(await deriveKey(password.normalize("NFC"), salt));
  return `$scrypt$ln=14,r=8,p=1$${salt.toString("base64")}$${hash.toString("base64")}`;
}

/** In constant time. A hash of another form fits no password. */
export async function isPassword(password: string, hash: string, deriveKey: DeriveKey): Promise<boolean> {
  const [, salt, wanted] = /^\$scrypt\$ln=14,r=8,p=1\$([A-Za-z0-9+/=]+)\$([A-Za-z0-9+/=]+)$/.exec(hash) ?? [];
  if (salt === undefined || wanted === undefined || password.length > MAX_PASSWORD) return false;
  const expected = Buffer.from(wanted, "base64");
  const found = await deriveKey(password.normalize("NFC"), Buffer.from(salt, "base64"));
  return expected.length === found.length && timingSafeEqual(expected, found);
}
