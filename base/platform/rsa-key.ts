import { generateKeyPair } from "node:crypto";
import { promisify } from "node:util";

const BITS = 2048;

/** A new RSA private key (PKCS #8, PEM), made in a thread of its own: it takes a second on a small machine. */
export async function makeRsaKey(): Promise<string> {
  const { privateKey } = await promisify(generateKeyPair)("rsa", {
    modulusLength: BITS,
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
    publicKeyEncoding: { type: "spki", format: "pem" },
  });
  return privateKey;
}
