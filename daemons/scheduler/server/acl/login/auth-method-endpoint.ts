import { textOf, utf8 } from "#base/env/bytes.ts";
import { fail, succeed, type Result } from "#base/env/errors.ts";
import { formatDuration } from "#base/language/duration.ts";
import type { AuthMethod } from "#base/protocol/acl.ts";
import { GLOBAL } from "#base/protocol/keys.ts";
import { remove } from "#base/state/codec.ts";
import type { Row } from "#base/state/table.ts";
import { authMethods, bindingRules } from "#base/state/tables.ts";
import { nowNsOf } from "../../server-context.ts";
import { commit, putGlobal, rowOf, rowsOf, sameAs, type AclContext } from "../acl-context.ts";
import { NAME } from "../policy-endpoint.ts";
import { ALGORITHMS } from "./algorithms.ts";
import { staticKeys } from "./provider-keys.ts";

/** Stands for the secret where it is shown; sent back, it means the one that is there. */
export const REDACTED = "redacted";

/** As somebody writes it: the client secret is still in the clear. */
export type AuthMethodRequest = Omit<AuthMethod, "CreateTime" | "ModifyTime"> & { readonly clientSecret: string };

/** Writes and finds the ways to log in. */
export class AuthMethodEndpoint {
  readonly #context: AclContext;

  constructor(context: AclContext) {
    this.#context = context;
    context.server.keyring.register({
      name: "auth methods",
      uses: (key) => this.list("").some(({ value }) => value.Config.OIDCClientSecret.KeyID === key.KeyID),
      rekey: (keyId) => this.#rekey(keyId),
    });
  }

  get(name: string): Row<AuthMethod> | undefined {
    return rowOf(this.#context, authMethods, name);
  }

  list(prefix: string): Row<AuthMethod>[] {
    return rowsOf(this.#context, authMethods, prefix);
  }

  /** Empty where there is none. */
  secretOf({ Name, Config }: AuthMethod): Result<string> {
    if (Config.OIDCClientSecret.KeyID === "") return succeed("");
    const opened = this.#context.server.keyring.decrypt(Config.OIDCClientSecret, sealedAt(Name));
    return opened.ok ? succeed(textOf(opened.value)) : opened;
  }

  /** Fails with `invalid` or `conflict`. */
  async upsert({ clientSecret, ...request }: AuthMethodRequest): Promise<Result<Row<AuthMethod>>> {
    const { Name } = request;
    const known = this.get(Name);
    const kept = clientSecret === REDACTED ? known?.value.Config.OIDCClientSecret : undefined;
    const problem = this.#problemOf(request, clientSecret !== "" && (clientSecret !== REDACTED || kept !== undefined));
    if (problem !== undefined) return fail("invalid", problem);
    const { keyring } = this.#context.server;
    const sealed = clientSecret === "" ? NO_SECRET : keyring.encrypt(utf8(clientSecret), sealedAt(Name));
    const now = nowNsOf(this.#context.server);
    const value: AuthMethod = {
      ...request,
      Config: { ...request.Config, OIDCClientSecret: kept ?? sealed },
      CreateTime: known?.value.CreateTime ?? now,
      ModifyTime: now,
    };
    const done = await commit(this.#context, [sameAs(authMethods, Name, known)], [putGlobal(authMethods, Name, value)]);
    const row = this.get(Name);
    return done === undefined || row === undefined
      ? fail("conflict", "the auth-method was changed meanwhile")
      : succeed(row);
  }

  /** With its binding rules. Fails with `not_found`. */
  async remove(name: string): Promise<Result<number>> {
    const row = this.get(name);
    const gone = fail("not_found", `auth-method ${name} not found`);
    if (row === undefined) return gone;
    const rules = [...this.#context.server.state.view.table(bindingRules).by("method", name)];
    const ops = [remove(authMethods, GLOBAL, name), ...rules.map(({ id }) => remove(bindingRules, GLOBAL, id))];
    const revision = await commit(this.#context, [sameAs(authMethods, name, row)], ops);
    return revision === undefined ? gone : succeed(revision);
  }

  #problemOf(method: Omit<AuthMethod, "CreateTime" | "ModifyTime">, hasSecret: boolean): string | undefined {
    const { Name, Type, Config, MaxTokenTTL, Default } = method;
    if (!NAME.test(Name)) return `invalid name ${JSON.stringify(Name)}: expected letters, digits, dashes, underscores`;
    const { tokenMinExpirationTtlMs, tokenMaxExpirationTtlMs } = this.#context.settings;
    const [least, most] = [tokenMinExpirationTtlMs * 1e6, tokenMaxExpirationTtlMs * 1e6];
    if (MaxTokenTTL < least || MaxTokenTTL > most) {
      const given = formatDuration(MaxTokenTTL);
      return `invalid MaxTokenTTL ${given}: expected ${formatDuration(least)} to ${formatDuration(most)}`;
    }
    const bad = Config.SigningAlgs.find((each) => !ALGORITHMS.some((known) => known === each));
    if (bad !== undefined) return `invalid signing algorithm ${JSON.stringify(bad)}: expected ${ALGORITHMS.join(", ")}`;
    const other = this.list("").find(({ id, value }) => value.Default && value.Type === Type && id !== Name);
    if (Default && other !== undefined) return `default method for type ${Type} already exists: ${other.id}`;
    return Type === "JWT" ? problemOfJwt(Config) : problemOfOidc(Config, hasSecret);
  }

  async #rekey(keyId: string): Promise<void> {
    for (const row of this.list("")) {
      if (row.value.Config.OIDCClientSecret.KeyID !== keyId) continue;
      const secret = this.secretOf(row.value);
      if (!secret.ok) throw new Error(`auth-method ${row.id}: ${secret.error.message}`);
      const OIDCClientSecret = this.#context.server.keyring.encrypt(utf8(secret.value), sealedAt(row.id));
      const value = { ...row.value, Config: { ...row.value.Config, OIDCClientSecret } };
      await commit(this.#context, [sameAs(authMethods, row.id, row)], [putGlobal(authMethods, row.id, value)]);
    }
  }
}

const NO_SECRET = { KeyID: "", Data: "" };

function sealedAt(name: string): string {
  return `acl-auth-methods/${name}`;
}

function problemOfJwt({ JWTValidationPubKeys, JWKSURL, OIDCDiscoveryURL }: AuthMethod["Config"]): string | undefined {
  const given = [JWTValidationPubKeys.length > 0, JWKSURL !== "", OIDCDiscoveryURL !== ""].filter(Boolean).length;
  if (given !== 1) return "exactly one of JWTValidationPubKeys, JWKSURL and OIDCDiscoveryURL must be set";
  const keys = staticKeys(JWTValidationPubKeys);
  return keys.ok ? undefined : keys.error.message;
}

function problemOfOidc(config: AuthMethod["Config"], hasSecret: boolean): string | undefined {
  if (config.OIDCDiscoveryURL === "") return "missing OIDCDiscoveryURL";
  if (config.OIDCClientID === "") return "missing OIDCClientID";
  if (!hasSecret && !config.OIDCEnablePKCE) return "missing OIDCClientSecret";
  return config.AllowedRedirectURIs.length === 0 ? "missing AllowedRedirectURIs" : undefined;
}
