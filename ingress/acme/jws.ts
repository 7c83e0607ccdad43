import { createHash, createPublicKey, sign, type KeyObject } from "node:crypto";

/** The public half as a JSON Web Key with its members in the order a thumbprint wants (RFC 7638 section 3). */
export function jwkOf(key: KeyObject): Readonly<Record<string, string>> {
  const { crv = "", kty = "", x = "", y = "" } = createPublicKey(key).export({ format: "jwk" });
  return { crv, kty, x, y };
}

/** What an answer to a challenge proves the account with (RFC 8555 section 8.1). */
export function keyAuthorization(token: string, key: KeyObject): string {
  return `${token}.${createHash("sha256")
    .update(JSON.stringify(jwkOf(key)))
    .digest("base64url")}`;
}

export interface JwsRequest {
  readonly url: string;
  readonly nonce: string;
  /** A key on P-256. */
  readonly key: KeyObject;
  /** Empty: the key itself stands for the account. */
  readonly account: string;
  /** Undefined: a read (POST-as-GET). */
  readonly payload: unknown;
}

/** The body of every request (RFC 8555 section 6.2), signed with ES256. */
export function signJws({ url, nonce, key, account, payload }: JwsRequest): string {
  const who = account === "" ? { jwk: jwkOf(key) } : { kid: account };
  const head = encode({ alg: "ES256", nonce, url, ...who });
  const body = payload === undefined ? "" : encode(payload);
  const signature = sign("sha256", Buffer.from(`${head}.${body}`), { key, dsaEncoding: "ieee-p1363" });
  return JSON.stringify({ protected: head, payload: body, signature: signature.toString("base64url") });
}

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}
