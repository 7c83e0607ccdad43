import { createHash } from "node:crypto";

/** What a secret is found by: nobody can guess their way along a hash. */
export function hashOf(secret: string): string {
  return createHash("sha256").update(secret).digest("hex");
}

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

export function isUuid(text: string): boolean {
  return UUID.test(text);
}

/** What clients compare to see whether something changed. */
export function contentHash(value: unknown): string {
  return createHash("sha256").update(JSON.stringify(value)).digest("base64");
}
