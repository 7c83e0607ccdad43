import { fail, succeed, type Result } from "#base/env/errors.ts";
import { parsePolicy } from "#base/language/acl-policy/parse-policy.ts";
import type { AclPolicy } from "#base/protocol/acl.ts";
import { GLOBAL } from "#base/protocol/keys.ts";
import { remove } from "#base/state/codec.ts";
import type { Row } from "#base/state/table.ts";
import { aclPolicies } from "#base/state/tables.ts";
import { commit, putGlobal, rowOf, rowsOf, sameAs, type AclContext } from "./acl-context.ts";

/** What names of policies and roles are made of. */
export const NAME = /^[a-zA-Z0-9-_]{1,128}$/;
const MAX_DESCRIPTION_LENGTH = 256;

/** Writes and finds policies. */
export class PolicyEndpoint {
  readonly #context: AclContext;

  constructor(context: AclContext) {
    this.#context = context;
  }

  get(name: string): Row<AclPolicy> | undefined {
    return rowOf(this.#context, aclPolicies, name);
  }

  list(prefix: string): Row<AclPolicy>[] {
    return rowsOf(this.#context, aclPolicies, prefix);
  }

  /** With rules, unless `mayBeEmpty`. Fails with `invalid` or `conflict`. */
  async upsert(policy: AclPolicy, options: { readonly mayBeEmpty?: boolean } = {}): Promise<Result<number>> {
    const problem = problemOf(policy, options.mayBeEmpty === true);
    if (problem !== undefined) return fail("invalid", problem);
    const row = this.get(policy.Name);
    const compare = [sameAs(aclPolicies, policy.Name, row)];
    const revision = await commit(this.#context, compare, [putGlobal(aclPolicies, policy.Name, policy)]);
    return revision === undefined ? fail("conflict", "the policy was changed meanwhile") : succeed(revision);
  }

  /** Fails with `not_found`. */
  async remove(name: string): Promise<Result<number>> {
    const row = this.get(name);
    const gone = fail("not_found", `policy ${name} not found`);
    if (row === undefined) return gone;
    const revision = await commit(this.#context, [sameAs(aclPolicies, name, row)], [remove(aclPolicies, GLOBAL, name)]);
    return revision === undefined ? gone : succeed(revision);
  }
}

function problemOf({ Name, Description, Rules, JobACL }: AclPolicy, mayBeEmpty: boolean): string | undefined {
  if (!NAME.test(Name)) return `invalid name ${JSON.stringify(Name)}: expected letters, digits, dashes, underscores`;
  if (Description.length > MAX_DESCRIPTION_LENGTH) return `description longer than ${MAX_DESCRIPTION_LENGTH}`;
  const parsed = parsePolicy(Rules);
  if (!parsed.ok && !(mayBeEmpty && Rules.trim() === "")) return `failed to parse rules: ${parsed.error.message}`;
  if (JobACL === null) return undefined;
  const { Namespace, JobID, Group, Task } = JobACL;
  if (Namespace === "" && JobID !== "") return "namespace must be set to set job ID";
  if (JobID === "" && Group !== "") return "job ID must be set to set group";
  return Group === "" && Task !== "" ? "group must be set to set task" : undefined;
}
