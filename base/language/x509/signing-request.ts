import { createPublicKey, sign, type KeyObject } from "node:crypto";
import { utf8 } from "#base/env/bytes.ts";
import { extension, nameOf, OID, signatureOf } from "./certificate.ts";
import { bits, der, integer, oid, sequence, setOf } from "./der.ts";

const EXTENSION_REQUEST = "1.2.840.113549.1.9.14";

/** What an authority is asked to sign for these host names, DER (PKCS #10, RFC 2986). Undefined: such a key cannot sign here. */
export function makeSigningRequest(names: readonly string[], key: KeyObject): Uint8Array | undefined {
  const algorithm = signatureOf(key);
  if (algorithm === undefined) return undefined;
  const alternatives = extension(OID.subjectAltName, sequence(...names.map((name) => der(0x82, utf8(name)))));
  const attribute = sequence(oid(EXTENSION_REQUEST), setOf(sequence(alternatives)));
  const publicKey = createPublicKey(key).export({ type: "spki", format: "der" });
  const body = sequence(integer(0n), nameOf(""), publicKey, der(0xa0, attribute));
  return sequence(body, algorithm.identifier, bits(sign(algorithm.hash, body, key)));
}
