import { createCipheriv, createDecipheriv } from "node:crypto";

/**
 * Version byte, 12 bytes of nonce, ciphertext, 16 bytes of tag (memberlist's `security.go`). Version 0 pads the text to
 * whole blocks of 16 bytes as PKCS #7 does, version 1 does not pad.
 */
export type SealVersion = 0 | 1;

export const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const BLOCK_BYTES = 16;
/** What sealing in version 1 adds. */
export const SEAL_OVERHEAD = 1 + NONCE_BYTES + TAG_BYTES;

export interface SealOptions {
  readonly key: Uint8Array;
  /** 12 bytes, never twice under one key. */
  readonly nonce: Uint8Array;
  /** Not hidden, but bound to the text: the cluster's label. */
  readonly bound: Uint8Array;
  /** Default 1. */
  readonly version?: SealVersion;
}

export function seal(text: Uint8Array, { key, nonce, bound, version = 1 }: SealOptions): Uint8Array {
  const cipher = createCipheriv(cipherFor(key), key, nonce);
  cipher.setAAD(bound);
  const padded = version === 0 ? pad(text) : text;
  const sealed = new Uint8Array(SEAL_OVERHEAD + padded.length);
  sealed[0] = version;
  sealed.set(nonce, 1);
  sealed.set(cipher.update(padded), 1 + NONCE_BYTES);
  cipher.final();
  sealed.set(cipher.getAuthTag(), sealed.length - TAG_BYTES);
  return sealed;
}

/** The text, opened with the first of the keys that fits; undefined when none does or the layout is unknown. */
export function unseal(
  sealed: Uint8Array,
  { keys, bound }: { readonly keys: readonly Uint8Array[]; readonly bound: Uint8Array },
): Uint8Array | undefined {
  const version = sealed[0];
  if ((version !== 0 && version !== 1) || sealed.length < SEAL_OVERHEAD) return undefined;
  for (const key of keys) {
    const text = openWith(sealed, key, bound);
    if (text !== undefined) return version === 0 ? unpad(text) : text;
  }
  return undefined;
}

function openWith(sealed: Uint8Array, key: Uint8Array, bound: Uint8Array): Uint8Array | undefined {
  const decipher = createDecipheriv(cipherFor(key), key, sealed.subarray(1, 1 + NONCE_BYTES));
  decipher.setAAD(bound);
  decipher.setAuthTag(sealed.subarray(sealed.length - TAG_BYTES));
  const text = decipher.update(sealed.subarray(1 + NONCE_BYTES, sealed.length - TAG_BYTES));
  try {
    decipher.final();
    return text;
  } catch {
    return undefined;
  }
}

function cipherFor(key: Uint8Array): "aes-128-gcm" | "aes-192-gcm" | "aes-256-gcm" {
  return key.length === 16 ? "aes-128-gcm" : key.length === 24 ? "aes-192-gcm" : "aes-256-gcm";
}

function pad(text: Uint8Array): Uint8Array {
  const more = BLOCK_BYTES - (text.length % BLOCK_BYTES);
  const padded = new Uint8Array(text.length + more).fill(more, text.length);
  padded.set(text);
  return padded;
}

/** The tag was good, so the padding is what the sender wrote; nonsense still gives nothing. */
function unpad(text: Uint8Array): Uint8Array | undefined {
  const more = text[text.length - 1] ?? 0;
  return more >= 1 && more <= BLOCK_BYTES && more <= text.length ? text.subarray(0, text.length - more) : undefined;
}
