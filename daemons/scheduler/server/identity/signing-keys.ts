import { createPublicKey } from "node:crypto";
import type { Keyring, OpenKey } from "../keyring/keyring.ts";
import { parseJwt, type JwsKey } from "./jws.ts";

/** The audience of what this cluster's own API takes. */
export const OWN_AUDIENCE = "nomadproject.io";
/** Clocks of servers may differ by this much. */
export const LEEWAY_S = 10;
const RSA_SUFFIX = "-rs256";

/** What one root key signs with. */
export interface SigningKeys {
  /** Ed25519: our own API asks for it more often, and it costs less. */
  readonly own: JwsKey;
  /** Others often know RSA only. */
  readonly rsa: JwsKey | undefined;
  readonly all: readonly JwsKey[];
}

export function keysOf({ row, material }: OpenKey): SigningKeys {
  const own: JwsKey = { kid: row.KeyID, alg: "EdDSA", key: material.ed25519 };
  if (material.rsa === undefined) return { own, rsa: undefined, all: [own] };
  const rsa: JwsKey = { kid: `${row.KeyID}${RSA_SUFFIX}`, alg: "RS256", key: material.rsa };
  return { own, rsa, all: [own, rsa] };
}

/** What a token says that a key of ours signed; undefined: it is none of ours. Whether it still counts is not looked at. */
export function claimsOf(keyring: Keyring, token: string): unknown {
  const parsed = parseJwt(token);
  const key = parsed === undefined ? undefined : publicKeyOf(keyring, parsed.header.kid);
  return key !== undefined && parsed?.isSignedBy(key) === true ? parsed.claims : undefined;
}

function publicKeyOf(keyring: Keyring, kid: string): JwsKey | undefined {
  const open = keyring.find(kid.replace(RSA_SUFFIX, ""));
  const key = open === undefined ? undefined : keysOf(open).all.find((each) => each.kid === kid);
  return key === undefined ? undefined : { ...key, key: createPublicKey(key.key) };
}
