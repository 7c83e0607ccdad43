import { createHash, createPrivateKey } from "node:crypto";
import type { Env } from "#base/env/env.ts";
import { fail, succeed, type Result } from "#base/env/errors.ts";
import { extension, makeCertificate } from "#base/language/x509/certificate.ts";
import { octets } from "#base/language/x509/der.ts";

/** `id-pe-acmeIdentifier` (RFC 8737 section 6.1). */
const ACME_IDENTIFIER = "1.3.6.1.5.5.7.1.31";
const LIFE_MS = 3_600_000;
const SERIAL_BYTES = 16;

/** What a client that speaks `acme-tls/1` is shown for a name: a certificate of its own making, with the proof in it; and its key, PEM (RFC 8737 section 3). */
export function tlsProof(
  { clock, random }: Env,
  { name, authorization, key }: { readonly name: string; readonly authorization: string; readonly key: string },
): Result<string> {
  const proof = createHash("sha256").update(authorization).digest();
  const made = makeCertificate({
    commonName: "",
    fromMs: clock.nowMs() - LIFE_MS,
    toMs: clock.nowMs() + LIFE_MS,
    serial: random.bytes(SERIAL_BYTES),
    addresses: [],
    names: [name],
    isAuthority: false,
    key: createPrivateKey(key),
    issuer: undefined,
    more: [extension(ACME_IDENTIFIER, octets(proof), true)],
  });
  return made === undefined ? fail("acme_key", "a new key cannot sign") : succeed(`${made.trim()}\n${key.trim()}\n`);
}
