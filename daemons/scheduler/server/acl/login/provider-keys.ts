import { createPublicKey, type KeyObject } from "node:crypto";
import type { JSONWebKeySet } from "jose";
import * as v from "valibot";
import type { Env } from "#base/env/env.ts";
import { fail, messageOf, succeed, type Result } from "#base/env/errors.ts";
import type { AuthMethodConfig } from "#base/protocol/acl.ts";
import { fetchJson } from "./fetch-json.ts";

/** Keys of providers are asked for again after this time, and when one is unknown. */
const FRESH_MS = 300_000;
/** But no more often than this. */
const AGAIN_MS = 5_000;

const JwksSchema = v.object({ keys: v.array(v.looseObject({ kty: v.string() })) });

const DiscoverySchema = v.object({
  issuer: v.string(),
  jwks_uri: v.string(),
  authorization_endpoint: v.nullish(v.string(), ""),
  token_endpoint: v.nullish(v.string(), ""),
  userinfo_endpoint: v.nullish(v.string(), ""),
  token_endpoint_auth_methods_supported: v.nullish(v.array(v.string()), () => ["client_secret_basic"]),
});
/** https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderMetadata */
export type Discovery = v.InferOutput<typeof DiscoverySchema>;

export type VerifyingKeys =
  | { readonly kind: "static"; readonly keys: readonly KeyObject[] }
  | { readonly kind: "set"; readonly set: JSONWebKeySet };

interface Known<T> {
  readonly atMs: number;
  readonly value: T;
}

/** Public keys and addresses of identity providers, remembered for a while. */
export class ProviderKeys {
  readonly #env: Pick<Env, "http" | "clock">;
  readonly #sets = new Map<string, Known<JSONWebKeySet>>();
  readonly #discoveries = new Map<string, Known<Discovery>>();

  constructor(env: Pick<Env, "http" | "clock">) {
    this.#env = env;
  }

  /** `anew`: a key was not among those known. Fails with `provider`. */
  async of(config: AuthMethodConfig, anew = false): Promise<Result<VerifyingKeys>> {
    if (config.JWTValidationPubKeys.length > 0) return staticKeys(config.JWTValidationPubKeys);
    if (config.JWKSURL !== "") return this.#set(config.JWKSURL, config.JWKSCACert, anew);
    const discovery = await this.discover(config);
    if (!discovery.ok) return discovery;
    return this.#set(discovery.value.jwks_uri, config.DiscoveryCaPem.join("\n"), anew);
  }

  /** Fails with `provider`. */
  async discover(config: AuthMethodConfig): Promise<Result<Discovery>> {
    const base = config.OIDCDiscoveryURL.replace(/\/+$/, "");
    const known = this.#discoveries.get(base);
    const nowMs = this.#env.clock.monotonicMs();
    if (known !== undefined && nowMs - known.atMs < FRESH_MS) return succeed(known.value);
    const ca = config.DiscoveryCaPem.join("\n");
    const found = await fetchJson(this.#env.http, `${base}/.well-known/openid-configuration`, { ca });
    if (!found.ok) return found;
    const read = v.safeParse(DiscoverySchema, found.value);
    if (!read.success) return fail("provider", `${base} does not describe an OpenID Connect provider`);
    // https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderConfigurationValidation
    if (read.output.issuer.replace(/\/+$/, "") !== base) {
      return fail("provider", `${base} says that it is ${JSON.stringify(read.output.issuer)}`);
    }
    this.#discoveries.set(base, { atMs: nowMs, value: read.output });
    return succeed(read.output);
  }

  async #set(url: string, ca: string, anew: boolean): Promise<Result<VerifyingKeys>> {
    const known = this.#sets.get(url);
    const nowMs = this.#env.clock.monotonicMs();
    if (known !== undefined && nowMs - known.atMs < (anew ? AGAIN_MS : FRESH_MS)) {
      return succeed({ kind: "set", set: known.value });
    }
    const found = await fetchJson(this.#env.http, url, { ca });
    if (!found.ok) return found;
    const read = v.safeParse(JwksSchema, found.value);
    if (!read.success) return fail("provider", `${url} holds no JSON Web Key Set`);
    this.#sets.set(url, { atMs: nowMs, value: read.output });
    return succeed({ kind: "set", set: read.output });
  }
}

/** Fails with `invalid`. */
export function staticKeys(pems: readonly string[]): Result<VerifyingKeys> {
  const keys: KeyObject[] = [];
  for (const [i, pem] of pems.entries()) {
    try {
      keys.push(createPublicKey(pem));
    } catch (thrown) {
      return fail("invalid", `JWTValidationPubKeys[${i}] is no public key in PEM: ${messageOf(thrown)}`);
    }
  }
  return succeed({ kind: "static", keys });
}
