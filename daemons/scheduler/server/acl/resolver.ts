import { fail, succeed, type Result } from "#base/env/errors.ts";
import { isSameSecret } from "#base/env/same-secret.ts";
import { fullAccess, noAccess, nobody, type Access, type Requester } from "#base/http/access.ts";
import type { Grants } from "#base/language/acl-policy/compile.ts";
import { READ_SERVICE } from "#base/language/acl-policy/vocabulary.ts";
import type { AclToken } from "#base/protocol/acl.ts";
import type { Row } from "#base/state/table.ts";
import { nodes } from "#base/state/tables.ts";
import type { Workload, WorkloadIdentities } from "../identity/workload-identities.ts";
import type { AclContext } from "./acl-context.ts";
import { CompiledGrants } from "./grants.ts";
import type { TokenEndpoint } from "./token-endpoint.ts";
import { implicitKeys, implicitPaths, policiesForWorkload, type ImplicitKeys } from "./workload-policies.ts";

/** The policy of requests without a token; there is none until somebody writes one. */
const ANONYMOUS = "anonymous";

/** Under this id Consul's users say what everybody may. */
const ANONYMOUS_ACCESSOR = "00000000-0000-0000-0000-000000000002";

/** Who a token says that somebody is. */
export type Identity =
  | { readonly kind: "anonymous" }
  | { readonly kind: "token"; readonly row: Row<AclToken> }
  | { readonly kind: "workload"; readonly workload: Workload }
  | { readonly kind: "node"; readonly id: string };

export interface ResolverDeps {
  readonly context: AclContext;
  readonly tokens: TokenEndpoint;
  readonly identities: WorkloadIdentities;
}

/** From the token of a request to what it may do. */
export class AclResolver {
  readonly #deps: ResolverDeps;
  readonly #grants: CompiledGrants;

  constructor(deps: ResolverDeps) {
    this.#deps = deps;
    this.#grants = new CompiledGrants(deps.context);
  }

  /** Fails with `unknown_token`, `expired_token` or `bad_identity`. */
  identify(token: string): Result<Identity> {
    if (token === "") return succeed({ kind: "anonymous" });
    if (token.split(".").length === 3) {
      const workload = this.#deps.identities.verify(token);
      return workload.ok ? succeed({ kind: "workload", workload: workload.value }) : workload;
    }
    const { tokens } = this.#deps;
    const row = tokens.bySecret(token);
    if (row === undefined) {
      const node = this.#nodeWith(token);
      return node === undefined ? fail("unknown_token", "ACL token not found") : succeed({ kind: "node", id: node });
    }
    return tokens.isExpired(row) ? fail("expired_token", "ACL token expired") : succeed({ kind: "token", row });
  }

  /** What whoever has this token may do. Everything, where access is not controlled. */
  access(token: string): Result<Access> {
    if (!this.#deps.context.settings.enabled) return succeed(fullAccess);
    const identity = this.identify(token);
    return identity.ok ? succeed(this.#accessOf(identity.value)) : identity;
  }

  /** Names of the policies that count for it. */
  policiesOf(identity: Identity): readonly string[] {
    switch (identity.kind) {
      case "anonymous":
        return this.#grants.policiesOf(this.#anonymous());
      case "token":
        return this.#grants.policiesOf(identity.row.value);
      case "workload":
        return policiesForWorkload(this.#deps.context, identity.workload);
      case "node":
        return [];
      default:
        return identity satisfies never;
    }
  }

  /** The policy of that name, and what Consul's API gave the token of that id. */
  #anonymous() {
    const given = this.#deps.tokens.get(ANONYMOUS_ACCESSOR)?.value;
    const { Policies = [], Roles = [], Identities = [] } = given ?? {};
    return { Policies: [ANONYMOUS, ...Policies], Roles, Identities };
  }

  #accessOf(identity: Identity): Access {
    const policies = this.policiesOf(identity);
    switch (identity.kind) {
      case "anonymous":
        return accessBy(this.#grants.of(policies), { requester: ANONYMOUS_REQUESTER, isAnonymous: true });
      case "token": {
        const requester = requesterOf(identity.row);
        if (identity.row.value.Type === "management") return { ...fullAccess, requester };
        return accessBy(this.#grants.of(policies), { requester, isAnonymous: false });
      }
      case "workload": {
        const { workload } = identity;
        const name = `workload ${workload.namespace}/${workload.jobId}/${workload.task}`;
        const requester = { ...nobody, accessorId: workload.allocId, name };
        return withImplicit(accessBy(this.#grants.of(policies), { requester, isAnonymous: false }), {
          paths: implicitPaths(workload),
          keys: implicitKeys(workload),
        });
      }
      case "node": {
        const requester = { ...nobody, accessorId: identity.id, name: "node" };
        return withImplicit({ ...noAccess, requester, isAnonymous: false, ...READ_NODE }, NOTHING);
      }
      default:
        return identity satisfies never;
    }
  }

  #nodeWith(secret: string): string | undefined {
    for (const row of this.#deps.context.server.state.view.table(nodes).by("secret", secret)) {
      if (isSameSecret(row.value.SecretID, secret)) return row.id;
    }
    return undefined;
  }
}

const ANONYMOUS_REQUESTER: Requester = { ...nobody, accessorId: "anonymous", name: "Anonymous Token" };

function requesterOf({ value }: Row<AclToken>): Requester {
  return {
    accessorId: value.AccessorID,
    name: value.Name,
    global: value.Global,
    createTime: new Date(value.CreateTime / 1e6).toISOString(),
  };
}

export function accessBy(grants: Grants, who: Pick<Access, "requester" | "isAnonymous">): Access {
  return {
    ...who,
    isManagement: false,
    rights: grants,
    allows: (resource, capability, name) => grants.allows(resource, capability, name),
    allowsSome: (resource, capability) => grants.allowsSome(resource, capability),
  };
}

/** A node sees nodes. */
export const READ_NODE = {
  allows: (resource: string, capability: string) => resource === "node" && capability === "read",
  allowsSome: (resource: string, capability: string) => resource === "node" && capability === "read",
};

/** The same services, as Consul's API shows them. */
const CATALOG: readonly string[] = ["service", "node-name"];

/** What needs no policy. */
export interface Implicit {
  /** Of variables. */
  readonly paths: ReadonlySet<string>;
  readonly keys: readonly ImplicitKeys[];
}

export const NOTHING: Implicit = { paths: new Set(), keys: [] };

/**
 * Workloads and nodes may find every service; workloads read the variables of their own task, group and job; roles of this
 * program use their keys.
 * https://developer.hashicorp.com/nomad/docs/concepts/workload-identity
 */
export function withImplicit(access: Access, { paths, keys }: Implicit): Access {
  const reads = (capability: string): boolean => capability === "read" || capability === "list";
  const isService = (resource: string, capability: string): boolean =>
    (resource === "namespace" && capability === READ_SERVICE) || (CATALOG.includes(resource) && capability === "read");
  const opens = (key: ImplicitKeys, resource: string, capability: string): boolean =>
    resource === "key" && (reads(capability) || (key.isWritable && capability === "write"));
  return {
    ...access,
    allows: (resource, capability, name) =>
      isService(resource, capability) ||
      // By name and never by pattern: a job may be called *.
      (resource === "variables" && reads(capability) && paths.has(name)) ||
      keys.some((key) => name.startsWith(key.prefix) && opens(key, resource, capability)) ||
      access.allows(resource, capability, name),
    allowsSome: (resource, capability) =>
      isService(resource, capability) ||
      (resource === "variables" && reads(capability) && paths.size > 0) ||
      keys.some((key) => opens(key, resource, capability)) ||
      access.allowsSome(resource, capability),
  };
}
