import { createPrivateKey, createPublicKey, type KeyObject } from "node:crypto";
import * as v from "valibot";
import { textOf, utf8 } from "#base/env/bytes.ts";
import type { Random } from "#base/env/random.ts";
import { KEY_BYTES, seal, unseal } from "./aead.ts";

/** The secrets of one root key. */
export interface KeyMaterial {
  /** Encrypts variables and tokens. */
  readonly secret: Uint8Array;
  readonly ed25519: KeyObject;
  /** For readers of identities that know no Ed25519; undefined where none could be made. */
  readonly rsa: KeyObject | undefined;
}

/** How material is stored, before it is encrypted. */
const StoredSchema = v.object({ secret: v.string(), ed25519: v.string(), rsa: v.nullish(v.string()) });
export type StoredMaterial = v.InferOutput<typeof StoredSchema>;

/** Fresh secrets. `rsa`: a private key in PKCS #8 as PEM. */
export function newMaterial(random: Random, rsa: string | undefined): StoredMaterial {
  return {
    secret: base64(random.bytes(KEY_BYTES)),
    ed25519: base64(random.bytes(KEY_BYTES)),
    ...(rsa === undefined ? {} : { rsa }),
  };
}

export interface Wrapping {
  readonly wrappingKey: Uint8Array;
  readonly keyId: string;
}

export function wrap(material: StoredMaterial, { wrappingKey, keyId }: Wrapping, random: Random): string {
  return base64(seal(utf8(JSON.stringify(material)), { key: wrappingKey, context: utf8(keyId) }, random));
}

/** Undefined when it cannot be decrypted. */
export function unwrap(wrapped: string, { wrappingKey, keyId }: Wrapping): KeyMaterial | undefined {
  const stored = readWrapped(wrapped, { wrappingKey, keyId });
  if (stored === undefined) return undefined;
  const { secret, ed25519, rsa } = stored;
  return {
    secret: Buffer.from(secret, "base64"),
    ed25519: ed25519Key(Buffer.from(ed25519, "base64")),
    rsa: rsa === undefined || rsa === null ? undefined : createPrivateKey(rsa),
  };
}

/** The same secrets and an RSA key, wrapped anew. */
export function addRsa(
  wrapped: string,
  rsa: string,
  { random, ...wrapping }: Wrapping & { readonly random: Random },
): string | undefined {
  const stored = readWrapped(wrapped, wrapping);
  return stored === undefined ? undefined : wrap({ ...stored, rsa }, wrapping, random);
}

/** The same secrets, wrapped with another key. Undefined when they cannot be decrypted. */
export function rewrap(
  wrapped: string,
  from: Wrapping,
  to: { readonly wrappingKey: Uint8Array; readonly random: Random },
): string | undefined {
  const stored = readWrapped(wrapped, from);
  return stored === undefined ? undefined : wrap(stored, { ...to, keyId: from.keyId }, to.random);
}

function readWrapped(wrapped: string, { wrappingKey, keyId }: Wrapping): StoredMaterial | undefined {
  const plain = unseal(Buffer.from(wrapped, "base64"), { key: wrappingKey, context: utf8(keyId) });
  return plain === undefined ? undefined : v.parse(StoredSchema, JSON.parse(textOf(plain)));
}

export function publicJwk(key: KeyObject): Readonly<Record<string, unknown>> {
  return { ...createPublicKey(key).export({ format: "jwk" }) };
}

/** RFC 8410 section 7: PKCS #8 around a seed of 32 bytes. */
const ED25519_PKCS8 = Buffer.from("302e020100300506032b657004220420", "hex");

function ed25519Key(seed: Uint8Array): KeyObject {
  return createPrivateKey({ key: Buffer.concat([ED25519_PKCS8, seed]), format: "der", type: "pkcs8" });
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64");
}
