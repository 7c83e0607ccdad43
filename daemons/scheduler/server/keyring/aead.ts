import { createCipheriv, createDecipheriv } from "node:crypto";
import { concatBytes } from "#base/env/bytes.ts";
import type { Random } from "#base/env/random.ts";

export const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const CIPHER = "aes-256-gcm";

export interface AeadInput {
  /** {@link KEY_BYTES} long. */
  readonly key: Uint8Array;
  /** Authenticated with the data but not part of the result: where it belongs. */
  readonly context: Uint8Array;
}

/** AES-256-GCM with a random nonce (NIST SP 800-38D): nonce, ciphertext, tag. */
export function seal(plain: Uint8Array, { key, context }: AeadInput, random: Random): Uint8Array {
  const nonce = random.bytes(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(context);
  return concatBytes([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

/** Undefined when the data was changed, is cut short, or was made with another key or for another place. */
export function unseal(sealed: Uint8Array, { key, context }: AeadInput): Uint8Array | undefined {
  if (sealed.length < NONCE_BYTES + TAG_BYTES) return undefined;
  const decipher = createDecipheriv(CIPHER, key, sealed.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES });
  decipher.setAAD(context);
  decipher.setAuthTag(sealed.subarray(sealed.length - TAG_BYTES));
  try {
    return concatBytes([decipher.update(sealed.subarray(NONCE_BYTES, sealed.length - TAG_BYTES)), decipher.final()]);
  } catch {
    return undefined;
  }
}
