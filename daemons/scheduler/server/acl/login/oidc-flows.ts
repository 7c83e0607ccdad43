import { createHash } from "node:crypto";
import * as v from "valibot";
import type { Env } from "#base/env/env.ts";
import { fail, succeed, type Result } from "#base/env/errors.ts";
import type { AuthMethod } from "#base/protocol/acl.ts";
import { fetchJson } from "./fetch-json.ts";
import type { Discovery, ProviderKeys } from "./provider-keys.ts";
import type { Claims } from "./verify-jwt.ts";

/** Logins that were begun and not finished; above that the oldest is forgotten. */
const MAX_PENDING = 1000;
/** A login is finished within this time, or begun again. */
const PENDING_MS = 600_000;
const RANDOM_BYTES = 32;

export interface OidcQuestion {
  readonly method: string;
  readonly redirectUri: string;
  readonly clientNonce: string;
}

export interface OidcAnswer extends OidcQuestion {
  readonly state: string;
  readonly code: string;
}

interface Pending {
  readonly method: string;
  readonly redirectUri: string;
  readonly nonce: string;
  /** RFC 7636; empty: not used. */
  readonly verifier: string;
  readonly atMs: number;
}

export interface OidcDeps {
  readonly env: Pick<Env, "http" | "clock" | "random">;
  readonly keys: ProviderKeys;
  readonly secretOf: (method: AuthMethod) => Result<string>;
}

const TokensSchema = v.object({ id_token: v.string(), access_token: v.nullish(v.string(), "") });
const UserInfoSchema = v.looseObject({ sub: v.string() });

/** The authorization code flow of OpenID Connect, with PKCE where the method wants it. */
export class OidcFlows {
  readonly #deps: OidcDeps;
  readonly #pending = new Map<string, Pending>();

  constructor(deps: OidcDeps) {
    this.#deps = deps;
  }

  /** Where to go. Fails with `invalid` or `provider`. https://openid.net/specs/openid-connect-core-1_0.html#AuthRequest */
  async begin({ Name, Config }: AuthMethod, question: OidcQuestion): Promise<Result<string>> {
    if (question.clientNonce === "") return fail("invalid", "missing client nonce");
    if (!Config.AllowedRedirectURIs.includes(question.redirectUri)) {
      return fail("invalid", `unauthorized redirect_uri ${JSON.stringify(question.redirectUri)}`);
    }
    const discovery = await this.#deps.keys.discover(Config);
    if (!discovery.ok) return discovery;
    const { random, clock } = this.#deps.env;
    const secret = (): string => Buffer.from(random.bytes(RANDOM_BYTES)).toString("base64url");
    const state = `st_${secret()}`;
    const verifier = Config.OIDCEnablePKCE ? secret() : "";
    const pending = { method: Name, redirectUri: question.redirectUri, nonce: question.clientNonce, verifier };
    this.#remember(state, { ...pending, atMs: clock.monotonicMs() });
    const url = new URL(discovery.value.authorization_endpoint);
    const challenge = createHash("sha256").update(verifier).digest("base64url");
    const parameters = {
      client_id: Config.OIDCClientID,
      nonce: question.clientNonce,
      redirect_uri: question.redirectUri,
      response_type: "code",
      scope: [...new Set(["openid", ...Config.OIDCScopes])].join(" "),
      state,
      ...(verifier === "" ? {} : { code_challenge: challenge, code_challenge_method: "S256" }),
    };
    for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
    return succeed(url.href);
  }

  /** The claims of whoever logged in. Fails with `refused` or `provider`. */
  async complete(method: AuthMethod, answer: OidcAnswer): Promise<Result<Claims>> {
    const pending = this.#take(answer.state);
    const isSame =
      pending?.method === method.Name &&
      pending.redirectUri === answer.redirectUri &&
      pending.nonce === answer.clientNonce;
    if (!isSame || answer.code === "") return fail("refused", "no such login was begun, or it took too long");
    const discovery = await this.#deps.keys.discover(method.Config);
    if (!discovery.ok) return discovery;
    const tokens = await this.#exchange(method, discovery.value, { pending, code: answer.code });
    if (!tokens.ok) return tokens;
    const { verifyJwt } = await import("./verify-jwt.ts");
    const { Config } = method;
    const claims = await verifyJwt(tokens.value.id_token, {
      keys: this.#deps.keys,
      config: Config,
      nowMs: this.#deps.env.clock.nowMs(),
      issuers: [discovery.value.issuer],
      audiences: Config.BoundAudiences.length === 0 ? [Config.OIDCClientID] : Config.BoundAudiences,
    });
    if (!claims.ok) return claims;
    if (claims.value["nonce"] !== pending.nonce) return fail("refused", "the token answers another login");
    return this.#withUserInfo(method, discovery.value, { claims: claims.value, access: tokens.value.access_token });
  }

  async #exchange(
    method: AuthMethod,
    discovery: Discovery,
    { pending, code }: { readonly pending: Pending; readonly code: string },
  ): Promise<Result<v.InferOutput<typeof TokensSchema>>> {
    const secret = this.#deps.secretOf(method);
    if (!secret.ok) return secret;
    const { OIDCClientID: id, DiscoveryCaPem } = method.Config;
    const form = { grant_type: "authorization_code", code, redirect_uri: pending.redirectUri };
    const proof = pending.verifier === "" ? {} : { code_verifier: pending.verifier };
    const inHeader = discovery.token_endpoint_auth_methods_supported.includes("client_secret_basic");
    // RFC 6749 section 2.3.1: both are form-encoded before they are joined.
    const basic = Buffer.from(`${encodeURIComponent(id)}:${encodeURIComponent(secret.value)}`).toString("base64");
    const asked = await fetchJson(this.#deps.env.http, discovery.token_endpoint, {
      ca: DiscoveryCaPem.join("\n"),
      headers: inHeader ? { authorization: `Basic ${basic}` } : {},
      form: { ...form, ...proof, ...(inHeader ? {} : { client_id: id, client_secret: secret.value }) },
    });
    if (!asked.ok) return asked;
    const tokens = v.safeParse(TokensSchema, asked.value);
    return tokens.success ? succeed(tokens.output) : fail("provider", "the provider's answer holds no id_token");
  }

  async #withUserInfo(
    { Config }: AuthMethod,
    discovery: Discovery,
    { claims, access }: { readonly claims: Claims; readonly access: string },
  ): Promise<Result<Claims>> {
    if (Config.OIDCDisableUserInfo || discovery.userinfo_endpoint === "" || access === "") return succeed(claims);
    const asked = await fetchJson(this.#deps.env.http, discovery.userinfo_endpoint, {
      ca: Config.DiscoveryCaPem.join("\n"),
      headers: { authorization: `Bearer ${access}` },
    });
    if (!asked.ok) return asked;
    const info = v.safeParse(UserInfoSchema, asked.value);
    // https://openid.net/specs/openid-connect-core-1_0.html#UserInfoResponse: another subject's must not be used.
    if (!info.success || info.output.sub !== claims["sub"]) return fail("refused", "UserInfo is about somebody else");
    return succeed({ ...info.output, ...claims });
  }

  #remember(state: string, pending: Pending): void {
    for (const [known, { atMs }] of this.#pending) {
      if (this.#pending.size < MAX_PENDING && pending.atMs - atMs < PENDING_MS) break;
      this.#pending.delete(known);
    }
    this.#pending.set(state, pending);
  }

  /** Once only. */
  #take(state: string): Pending | undefined {
    const pending = this.#pending.get(state);
    this.#pending.delete(state);
    const isFresh = pending !== undefined && this.#deps.env.clock.monotonicMs() - pending.atMs < PENDING_MS;
    return isFresh ? pending : undefined;
  }
}
