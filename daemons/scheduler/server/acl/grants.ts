import { compilePolicies, type Grants } from "#base/language/acl-policy/compile.ts";
import { parsePolicy } from "#base/language/acl-policy/parse-policy.ts";
import type { PolicyRules } from "#base/language/acl-policy/policy.ts";
import type { AclToken } from "#base/protocol/acl.ts";
import { aclPolicies, aclRoles } from "#base/state/tables.ts";
import { identityName, identityRules } from "./identity-rules.ts";
import { rowOf, type AclContext } from "./acl-context.ts";

/** What a token or a role holds. */
type Holder = Pick<AclToken, "Policies" | "Roles" | "Identities">;

/** Sets of policies compiled at a time; all are forgotten when a policy changes, and at this many. */
const MAX_COMPILED = 1000;

/** What sets of policies grant, compiled once until one of them changes. */
export class CompiledGrants {
  readonly #context: AclContext;
  readonly #compiled = new Map<string, Grants>();
  #at = 0;

  constructor(context: AclContext) {
    this.#context = context;
  }

  /** Names of policies, those of the token's roles included, that still exist; and its identities, see `identityName`. */
  policiesOf({ Policies, Roles, Identities }: Holder): readonly string[] {
    const roles = Roles.flatMap((id) => rowOf(this.#context, aclRoles, id)?.value ?? []);
    const holders = [{ Policies, Identities }, ...roles];
    const names = new Set(holders.flatMap((each) => each.Policies));
    const identities = new Set(holders.flatMap((each) => each.Identities));
    return [
      ...[...names].filter((name) => rowOf(this.#context, aclPolicies, name) !== undefined),
      ...[...identities].map(identityName),
    ];
  }

  of(names: readonly string[]): Grants {
    const { lastIndex } = this.#context.server.state.view.table(aclPolicies);
    if (lastIndex !== this.#at || this.#compiled.size >= MAX_COMPILED) this.#compiled.clear();
    this.#at = lastIndex;
    const key = names.toSorted().join(" ");
    const known = this.#compiled.get(key);
    if (known !== undefined) return known;
    const grants = compilePolicies(this.#rules(names));
    this.#compiled.set(key, grants);
    return grants;
  }

  #rules(names: readonly string[]): PolicyRules[] {
    return names.flatMap((name) => {
      const implied = identityRules(name);
      if (implied !== undefined) return [implied];
      const parsed = parsePolicy(rowOf(this.#context, aclPolicies, name)?.value.Rules ?? "");
      return parsed.ok ? [parsed.value] : [];
    });
  }
}
