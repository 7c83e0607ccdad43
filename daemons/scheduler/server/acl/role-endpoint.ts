import { fail, succeed, type Result } from "#base/env/errors.ts";
import type { AclRole } from "#base/protocol/acl.ts";
import { GLOBAL } from "#base/protocol/keys.ts";
import { remove } from "#base/state/codec.ts";
import type { Row } from "#base/state/table.ts";
import { aclPolicies, aclRoles } from "#base/state/tables.ts";
import { commit, putGlobal, rowOf, rowsOf, sameAs, type AclContext } from "./acl-context.ts";
import { NAME } from "./policy-endpoint.ts";

const MAX_DESCRIPTION_LENGTH = 256;

/** Writes and finds roles: policies under one name. */
export class RoleEndpoint {
  readonly #context: AclContext;

  constructor(context: AclContext) {
    this.#context = context;
  }

  get(id: string): Row<AclRole> | undefined {
    return rowOf(this.#context, aclRoles, id);
  }

  byName(name: string): Row<AclRole> | undefined {
    return [...this.#context.server.state.view.table(aclRoles).by("name", name)][0];
  }

  list(prefix: string): Row<AclRole>[] {
    return rowsOf(this.#context, aclRoles, prefix);
  }

  /** An empty id makes a new one; with policies, unless `mayBeEmpty`. Fails with `not_found`, `invalid` or `conflict`. */
  async upsert(role: AclRole, options: { readonly mayBeEmpty?: boolean } = {}): Promise<Result<Row<AclRole>>> {
    const known = role.ID === "" ? undefined : this.get(role.ID);
    if (role.ID !== "" && known === undefined) return fail("not_found", `cannot find role ${role.ID}`);
    const ID = role.ID === "" ? this.#context.server.env.random.uuid() : role.ID;
    const problem = this.#problemOf(role, ID, options.mayBeEmpty === true);
    if (problem !== undefined) return fail("invalid", problem);
    const value = { ...role, ID, Policies: [...new Set(role.Policies)] };
    const revision = await commit(this.#context, [sameAs(aclRoles, ID, known)], [putGlobal(aclRoles, ID, value)]);
    const row = this.get(ID);
    return revision === undefined || row === undefined
      ? fail("conflict", "the role was changed meanwhile")
      : succeed(row);
  }

  /** Fails with `not_found`. */
  async remove(id: string): Promise<Result<number>> {
    const row = this.get(id);
    const gone = fail("not_found", `cannot find role ${id}`);
    if (row === undefined) return gone;
    const revision = await commit(this.#context, [sameAs(aclRoles, id, row)], [remove(aclRoles, GLOBAL, id)]);
    return revision === undefined ? gone : succeed(revision);
  }

  #problemOf({ Name, Description, Policies }: AclRole, id: string, mayBeEmpty: boolean): string | undefined {
    if (!NAME.test(Name)) return `invalid name ${JSON.stringify(Name)}: expected letters, digits, dashes, underscores`;
    if (Description.length > MAX_DESCRIPTION_LENGTH) return `description longer than ${MAX_DESCRIPTION_LENGTH}`;
    if (Policies.length === 0 && !mayBeEmpty) return "at least one policy should be specified";
    const missing = Policies.find((name) => rowOf(this.#context, aclPolicies, name) === undefined);
    if (missing !== undefined) return `cannot find policy ${missing}`;
    const other = this.byName(Name);
    return other !== undefined && other.id !== id ? `role with name ${Name} already exists` : undefined;
  }
}
