import type { KeyObject } from "node:crypto";
import { integer, numberOf, readDer, sequence } from "./der.ts";

/** A private key as OpenSSL and Go write it: PKCS #1 for RSA, SEC 1 for curves, OpenSSL's own for DSA, else PKCS #8. */
export function keyPem(key: KeyObject): string {
  switch (key.asymmetricKeyType) {
    case "rsa":
      return key.export({ type: "pkcs1", format: "pem" }).toString();
    case "ec":
      return key.export({ type: "sec1", format: "pem" }).toString();
    case "dsa":
      return (
        dsaPem(key.export({ type: "pkcs8", format: "der" })) ?? key.export({ type: "pkcs8", format: "pem" }).toString()
      );
    default:
      return key.export({ type: "pkcs8", format: "pem" }).toString();
  }
}

export function pem(label: string, bytes: Uint8Array): string {
  const lines =
    Buffer.from(bytes)
      .toString("base64")
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
}

/** The bytes of the first block; undefined: there is none. */
export function unpem(text: string): Uint8Array | undefined {
  const body = /-----BEGIN ([A-Z0-9 ]+)-----\s([^-]*)-----END \1-----/.exec(text)?.[2];
  return body === undefined ? undefined : Buffer.from(body, "base64");
}

/** Version, the three parameters, the public and the private number. */
function dsaPem(pkcs8: Uint8Array): string | undefined {
  const [, algorithm, secret] = readDer(readDer(pkcs8)?.[0]?.content ?? new Uint8Array()) ?? [];
  const parameters = readDer(algorithm?.content ?? new Uint8Array())?.[1];
  const [p, q, g] = (readDer(parameters?.content ?? new Uint8Array()) ?? []).map(({ content }) => numberOf(content));
  const x = numberOf(readDer(secret?.content ?? new Uint8Array())?.[0]?.content ?? new Uint8Array());
  if (p === undefined || q === undefined || g === undefined) return undefined;
  return pem("DSA PRIVATE KEY", sequence(...[0n, p, q, g, power(g, x, p), x].map(integer)));
}

function power(base: bigint, exponent: bigint, modulus: bigint): bigint {
  let result = 1n;
  let square = base % modulus;
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if ((rest & 1n) === 1n) result = (result * square) % modulus;
    square = (square * square) % modulus;
  }
  return result;
}
