import { errors, compactVerify, createLocalJWKSet } from "jose";
import * as v from "valibot";
import { textOf } from "#base/env/bytes.ts";
import { fail, succeed, type Result } from "#base/env/errors.ts";
import type { AuthMethodConfig } from "#base/protocol/acl.ts";
import { MAX_JWT_LENGTH } from "../../identity/jws.ts";
import { DEFAULT_ALGORITHMS } from "./algorithms.ts";
import type { ProviderKeys, VerifyingKeys } from "./provider-keys.ts";

const number = v.optional(v.pipe(v.number(), v.finite()));
const ClaimsSchema = v.looseObject({
  iss: v.optional(v.string()),
  aud: v.optional(v.union([v.string(), v.array(v.string())])),
  exp: number,
  nbf: number,
  iat: number,
});
export type Claims = v.InferOutput<typeof ClaimsSchema>;

/** As https://developer.hashicorp.com/nomad/api-docs/acl/auth-methods has them, in seconds. */
const DEFAULT_LIFE_S = 150;
const DEFAULT_SKEW_S = 60;

export interface Expected {
  readonly keys: ProviderKeys;
  readonly config: AuthMethodConfig;
  readonly nowMs: number;
  /** Any of them is right; empty: not looked at. */
  readonly issuers: readonly string[];
  readonly audiences: readonly string[];
}

/** The claims of a token that an auth method trusts. Fails with `refused`, or `provider` when keys could not be had. */
export async function verifyJwt(token: string, expected: Expected): Promise<Result<Claims>> {
  if (token.length > MAX_JWT_LENGTH) return fail("refused", `the token is longer than ${MAX_JWT_LENGTH} characters`);
  const keys = await expected.keys.of(expected.config);
  if (!keys.ok) return keys;
  let payload = await payloadOf(token, keys.value, expected.config);
  if (payload === "unknown key") {
    const fresh = await expected.keys.of(expected.config, true);
    if (!fresh.ok) return fresh;
    payload = await payloadOf(token, fresh.value, expected.config);
  }
  if (typeof payload === "string") return fail("refused", `the token is not trusted: ${payload}`);
  const claims = claimsOf(payload);
  if (claims === undefined) return fail("refused", "the token's claims cannot be read");
  const problem = problemOf(claims, expected);
  return problem === undefined ? succeed(claims) : fail("refused", problem);
}

/** What was signed, or why it does not count. */
async function payloadOf(token: string, keys: VerifyingKeys, config: AuthMethodConfig): Promise<Uint8Array | string> {
  const algorithms = config.SigningAlgs.length === 0 ? [...DEFAULT_ALGORITHMS] : config.SigningAlgs;
  if (keys.kind === "set") {
    try {
      return (await compactVerify(token, createLocalJWKSet(keys.set), { algorithms })).payload;
    } catch (thrown) {
      return thrown instanceof errors.JWKSNoMatchingKey ? "unknown key" : reasonOf(thrown);
    }
  }
  let reason = "there is no key";
  for (const key of keys.keys) {
    try {
      return (await compactVerify(token, key, { algorithms })).payload;
    } catch (thrown) {
      reason = reasonOf(thrown);
    }
  }
  return reason;
}

function reasonOf(thrown: unknown): string {
  return thrown instanceof errors.JOSEError ? thrown.message : "its signature cannot be checked with this key";
}

function claimsOf(payload: Uint8Array): Claims | undefined {
  try {
    const read = v.safeParse(ClaimsSchema, JSON.parse(textOf(payload)));
    return read.success ? read.output : undefined;
  } catch {
    return undefined;
  }
}

function problemOf(claims: Claims, { config, nowMs, issuers, audiences }: Expected): string | undefined {
  const { iss = "", aud = [], exp, nbf, iat } = claims;
  const nowS = nowMs / 1000;
  const skewS = leeway(config.ClockSkewLeeway, DEFAULT_SKEW_S);
  if (exp === undefined && nbf === undefined && iat === undefined) return "the token says nothing of its time";
  const endS = exp ?? Math.max(nbf ?? 0, iat ?? 0) + leeway(config.ExpirationLeeway, DEFAULT_LIFE_S);
  const startS = nbf ?? (iat ?? exp ?? 0) - leeway(config.NotBeforeLeeway, DEFAULT_LIFE_S);
  if (endS + skewS <= nowS) return "the token has expired";
  if (startS - skewS > nowS || (iat !== undefined && iat - skewS > nowS)) return "the token is not valid yet";
  if (issuers.length > 0 && !issuers.includes(iss)) return `the token's issuer ${JSON.stringify(iss)} is not bound`;
  if (audiences.length > 0 && ![aud].flat().some((each) => audiences.includes(each))) {
    return `the token's audience ${JSON.stringify(aud)} is not bound`;
  }
  return undefined;
}

/** Zero takes the default, less than zero means none. */
function leeway(ns: number, defaultS: number): number {
  return ns === 0 ? defaultS : Math.max(0, ns / 1e9);
}
