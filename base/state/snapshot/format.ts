import { createHash, scryptSync } from "node:crypto";
import * as v from "valibot";
import { integer } from "#base/protocol/schema.ts";

/**
 * A snapshot file:
 *
 *     lares snapshot 1\n
 *     {"revision":N,"createdMs":N,"encryption":null}\n
 *     payload    gzip members (RFC 1952), together lines of JSON: ["key","value"], last {"records":N}
 *     trailer    SHA-256 of everything before (32 bytes); encrypted: the tag of AES-256-GCM (16 bytes)
 *
 * Encrypted, the payload is AES-256-GCM of what it would have been, with both lines as additional data, under a key made
 * by scrypt (RFC 7914, N 2^14, r 8, p 1) from a passphrase and the salt of the header.
 */
export const FORMAT = 1;
export const MAGIC = `lares snapshot ${FORMAT}\n`;
export const HASH_BYTES = 32;
export const TAG_BYTES = 16;
export const NONCE_BYTES = 12;
export const SALT_BYTES = 16;
/** Unpacked; more is refused, so that a small file cannot fill the memory. */
export const MAX_UNPACKED_BYTES = 1024 ** 3;

export const SnapshotHeaderSchema = v.object({
  revision: integer,
  createdMs: integer,
  encryption: v.nullable(v.object({ salt: v.string(), nonce: v.string() })),
});
export type SnapshotHeader = v.InferOutput<typeof SnapshotHeaderSchema>;

export function snapshotKey(passphrase: string, salt: Uint8Array): Uint8Array {
  return scryptSync(passphrase, salt, 32, { N: 2 ** 14, r: 8, p: 1 });
}

export function headText(header: SnapshotHeader): string {
  return `${MAGIC}${JSON.stringify(header)}\n`;
}

export function newHash() {
  return createHash("sha256");
}
