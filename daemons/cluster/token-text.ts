import { timingSafeEqual, createHash } from "node:crypto";
import { fail, succeed, type Result } from "#base/env/errors.ts";
import { unpem } from "#base/language/x509/keys.ts";

/** What a join line carries: which token, its secret, and the authority that must have signed the server's certificate. */
export interface TokenText {
  readonly id: string;
  readonly secret: string;
  /** {@link pinOf} the authority. */
  readonly pin: string;
}

const PREFIX = "lares1";
const HINT = "copy the whole line that `lares init` or `lares join-token create` printed";

export function writeToken({ id, secret, pin }: TokenText): string {
  return [PREFIX, id, secret, pin].join(".");
}

/** Fails with `bad_token`. */
export function readToken(text: string): Result<TokenText> {
  const [prefix = "", id = "", secret = "", pin = "", ...rest] = text.trim().split(".");
  if (prefix !== PREFIX && /^lares\d+$/.test(prefix))
    return fail("bad_token", `the token is of another version (${prefix}); this program reads ${PREFIX}`, "upgrade it");
  const isWhole = [id, secret, pin].every((part) => /^[A-Za-z0-9_-]+$/.test(part)) && pin.length === PIN_LENGTH;
  if (prefix !== PREFIX || !isWhole || rest.length > 0)
    return fail("bad_token", "this is no join token, or not all of it: expected lares1.ID.SECRET.PIN", HINT);
  return succeed({ id, secret, pin });
}

/** SHA-256 in base64url. */
const PIN_LENGTH = 43;

/** Of a certificate, PEM. */
export function pinOf(certificate: string): string {
  return createHash("sha256")
    .update(unpem(certificate) ?? new Uint8Array())
    .digest("base64url");
}

export function hashOf(secret: string): string {
  return createHash("sha256").update(secret).digest("base64");
}

export function isSecret(secret: string, hash: string): boolean {
  return timingSafeEqual(Buffer.from(hashOf(secret), "base64"), Buffer.from(hash, "base64").subarray(0, 32));
}

/** The certificates of a text, each a PEM block. */
export function certificatesIn(text: string): readonly string[] {
  return text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\n?/g) ?? [];
}
