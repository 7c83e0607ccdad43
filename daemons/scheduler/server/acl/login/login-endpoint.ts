import { fail, type Result } from "#base/env/errors.ts";
import type { AuthMethod } from "#base/protocol/acl.ts";
import type { Row } from "#base/state/table.ts";
import { bindingRules } from "#base/state/tables.ts";
import { nowNsOf } from "../../server-context.ts";
import type { AclContext } from "../acl-context.ts";
import type { PolicyEndpoint } from "../policy-endpoint.ts";
import type { RoleEndpoint } from "../role-endpoint.ts";
import type { OpenToken, TokenEndpoint } from "../token-endpoint.ts";
import type { AuthMethodEndpoint } from "./auth-method-endpoint.ts";
import { attributesOf, bindingsOf, fillIn } from "./bindings.ts";
import { OidcFlows, type OidcAnswer, type OidcQuestion } from "./oidc-flows.ts";
import { ProviderKeys } from "./provider-keys.ts";
import type { Claims } from "./verify-jwt.ts";

export interface LoginDeps {
  readonly context: AclContext;
  readonly tokens: TokenEndpoint;
  readonly policies: PolicyEndpoint;
  readonly roles: RoleEndpoint;
  readonly methods: AuthMethodEndpoint;
}

const DEFAULT_NAME_FORMAT = "${auth_method_type}-${auth_method_name}";
const MAX_NAME_LENGTH = 256;

/** Tokens for those whom somebody else vouches for. */
export class LoginEndpoint {
  readonly #deps: LoginDeps;
  readonly #keys: ProviderKeys;
  readonly #flows: OidcFlows;

  constructor(deps: LoginDeps) {
    const { env } = deps.context.server;
    this.#deps = deps;
    this.#keys = new ProviderKeys(env);
    this.#flows = new OidcFlows({ env, keys: this.#keys, secretOf: (method) => deps.methods.secretOf(method) });
  }

  /** By a JWT of somebody else. Fails with `not_found`, `invalid`, `refused` or `provider`. */
  async login(methodName: string, token: string): Promise<Result<OpenToken>> {
    const row = this.#method(methodName, "JWT");
    if (!row.ok) return row;
    const { Config } = row.value.value;
    const { clock } = this.#deps.context.server.env;
    // Loaded when somebody logs in: most agents never need it.
    const { verifyJwt } = await import("./verify-jwt.ts");
    const verified = await verifyJwt(token, {
      keys: this.#keys,
      config: Config,
      nowMs: clock.nowMs(),
      issuers: await this.#issuers(row.value.value),
      audiences: Config.BoundAudiences,
    });
    return verified.ok ? this.#issue(row.value.value, verified.value) : verified;
  }

  /** Where a browser goes to log in. Fails with `not_found`, `invalid` or `provider`. */
  async authUrl(question: OidcQuestion): Promise<Result<string>> {
    const row = this.#method(question.method, "OIDC");
    return row.ok ? this.#flows.begin(row.value.value, question) : row;
  }

  /** What the browser brought back. Fails with `not_found`, `invalid`, `refused` or `provider`. */
  async completeAuth(answer: OidcAnswer): Promise<Result<OpenToken>> {
    const row = this.#method(answer.method, "OIDC");
    if (!row.ok) return row;
    const claims = await this.#flows.complete(row.value.value, answer);
    return claims.ok ? this.#issue(row.value.value, claims.value) : claims;
  }

  async #issuers({ Config }: AuthMethod): Promise<readonly string[]> {
    if (Config.BoundIssuer.length > 0 || Config.OIDCDiscoveryURL === "") return Config.BoundIssuer;
    const found = await this.#keys.discover(Config);
    return found.ok ? [found.value.issuer] : [];
  }

  #method(name: string, type: AuthMethod["Type"]): Result<Row<AuthMethod>> {
    const row = this.#deps.methods.get(name);
    if (row === undefined) return fail("not_found", `auth-method ${JSON.stringify(name)} not found`);
    if (row.value.Type !== type) return fail("invalid", `auth-method ${JSON.stringify(name)} is not of type ${type}`);
    return { ok: true, value: row };
  }

  async #issue(method: AuthMethod, claims: Claims): Promise<Result<OpenToken>> {
    const attributes = attributesOf(claims, method);
    if (!attributes.ok) return attributes;
    const { context, tokens, policies, roles } = this.#deps;
    const rules = [...context.server.state.view.table(bindingRules).by("method", method.Name)];
    const bound = bindingsOf(
      rules.map(({ value }) => value),
      attributes.value,
    );
    // Names of policies and roles that do not exist bind nothing.
    const Policies = bound.policies.filter((name) => policies.get(name) !== undefined);
    const Roles = bound.roles.flatMap((name) => roles.byName(name)?.id ?? []);
    if (!bound.management && Policies.length + Roles.length === 0) {
      return fail("refused", "no role or policy bindings matched");
    }
    const format = method.TokenNameFormat === "" ? DEFAULT_NAME_FORMAT : method.TokenNameFormat;
    const facts = { auth_method_type: method.Type, auth_method_name: method.Name };
    const name = fillIn(format, attributes.value, facts) ?? `${method.Type}-${method.Name}`;
    const now = nowNsOf(context.server);
    return tokens.issue({
      Name: name.slice(0, MAX_NAME_LENGTH),
      Type: bound.management ? "management" : "client",
      Policies: bound.management ? [] : Policies,
      Roles: bound.management ? [] : Roles,
      Identities: [],
      AuthMethod: method.Name,
      Global: method.TokenLocality === "global",
      CreateTime: now,
      ExpirationTime: now + method.MaxTokenTTL,
      ExpirationTTL: method.MaxTokenTTL,
      secret: context.server.env.random.uuid(),
    });
  }
}
