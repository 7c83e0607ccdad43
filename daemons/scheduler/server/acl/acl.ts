import type { Timer } from "#base/env/clock.ts";
import { messageOf, type Result } from "#base/env/errors.ts";
import { GLOBAL } from "#base/protocol/keys.ts";
import { remove } from "#base/state/codec.ts";
import { MAX_TXN_OPS } from "#base/state/store.ts";
import { aclTokens, oneTimeTokens } from "#base/state/tables.ts";
import { NodeIdentities } from "../identity/node-identities.ts";
import { WorkloadIdentities } from "../identity/workload-identities.ts";
import type { ServerContext } from "../server-context.ts";
import { bootstrap } from "./bootstrap.ts";
import { NO_ACL, type AclContext, type AclSettings } from "./acl-context.ts";
import { AuthMethodEndpoint } from "./login/auth-method-endpoint.ts";
import { BindingRuleEndpoint } from "./login/binding-rule-endpoint.ts";
import { LoginEndpoint } from "./login/login-endpoint.ts";
import { OneTimeTokens } from "./one-time-tokens.ts";
import { PolicyEndpoint } from "./policy-endpoint.ts";
import { AclResolver } from "./resolver.ts";
import { RoleEndpoint } from "./role-endpoint.ts";
import { TokenEndpoint, type OpenToken } from "./token-endpoint.ts";

const SWEEP_MS = 300_000;

/** Who may do what: everything about it that servers keep. */
export class Acl {
  readonly context: AclContext;
  readonly tokens: TokenEndpoint;
  readonly oneTime: OneTimeTokens;
  readonly policies: PolicyEndpoint;
  readonly roles: RoleEndpoint;
  readonly methods: AuthMethodEndpoint;
  readonly bindingRules: BindingRuleEndpoint;
  readonly logins: LoginEndpoint;
  readonly identities: WorkloadIdentities;
  readonly nodeIdentities: NodeIdentities;
  readonly resolver: AclResolver;
  #timer: Timer | undefined;

  constructor(server: ServerContext, settings: AclSettings = NO_ACL) {
    this.context = { server, settings };
    this.tokens = new TokenEndpoint(this.context);
    this.oneTime = new OneTimeTokens(this.context, this.tokens);
    this.policies = new PolicyEndpoint(this.context);
    this.roles = new RoleEndpoint(this.context);
    this.identities = new WorkloadIdentities(server, { region: settings.region, issuer: settings.oidcIssuer });
    this.nodeIdentities = new NodeIdentities(server, settings.region, settings.introduction);
    this.methods = new AuthMethodEndpoint(this.context);
    this.bindingRules = new BindingRuleEndpoint(this.context);
    const { context, tokens, identities, policies, roles, methods } = this;
    this.logins = new LoginEndpoint({ context, tokens, policies, roles, methods });
    this.resolver = new AclResolver({ context, tokens, identities });
  }

  get enabled(): boolean {
    return this.context.settings.enabled;
  }

  /** The first management token, see `bootstrap`. */
  bootstrap(secret: string): Promise<Result<OpenToken>> {
    return bootstrap(this.context, this.tokens, secret);
  }

  start(): void {
    this.#arm();
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** Forgets what has expired; writes nothing when nothing has. */
  async sweep(): Promise<void> {
    const ops = [
      ...this.tokens.expired().map((id) => remove(aclTokens, GLOBAL, id)),
      ...this.oneTime.expired().map((id) => remove(oneTimeTokens, GLOBAL, id)),
    ];
    if (ops.length > 0) await this.context.server.writer.write(ops.slice(0, MAX_TXN_OPS));
  }

  #arm(): void {
    const { clock, log } = this.context.server.env;
    this.#timer = clock.after(SWEEP_MS, () => {
      this.sweep()
        .catch((thrown: unknown) => log.error("expired tokens could not be removed", { reason: messageOf(thrown) }))
        .finally(() => {
          if (this.#timer !== undefined) this.#arm();
        });
    });
  }
}
