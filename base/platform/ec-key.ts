import { generateKeyPair } from "node:crypto";
import { promisify } from "node:util";

/** A new private key on the curve P-256 (PKCS #8, PEM). */
export async function makeEcKey(): Promise<string> {
  const { privateKey } = await promisify(generateKeyPair)("ec", {
    namedCurve: "P-256",
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
    publicKeyEncoding: { type: "spki", format: "pem" },
  });
  return privateKey;
}
