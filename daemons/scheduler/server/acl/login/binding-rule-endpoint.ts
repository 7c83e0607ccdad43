import { fail, succeed, type Result } from "#base/env/errors.ts";
import { compileFilter } from "#base/language/filter/compile.ts";
import { BIND_TYPES, type BindingRule } from "#base/protocol/acl.ts";
import { GLOBAL } from "#base/protocol/keys.ts";
import { remove } from "#base/state/codec.ts";
import type { Row } from "#base/state/table.ts";
import { authMethods, bindingRules } from "#base/state/tables.ts";
import { nowNsOf } from "../../server-context.ts";
import { commit, putGlobal, rowOf, rowsOf, sameAs, type AclContext } from "../acl-context.ts";

const MAX_DESCRIPTION_LENGTH = 256;

export interface BindingRuleRequest extends Omit<BindingRule, "BindType" | "CreateTime" | "ModifyTime"> {
  readonly BindType: string;
}

/** Writes and finds the rules that say what a login gives. */
export class BindingRuleEndpoint {
  readonly #context: AclContext;

  constructor(context: AclContext) {
    this.#context = context;
  }

  get(id: string): Row<BindingRule> | undefined {
    return rowOf(this.#context, bindingRules, id);
  }

  list(): Row<BindingRule>[] {
    return rowsOf(this.#context, bindingRules);
  }

  /** An empty id makes a new one; what an update leaves empty stays. Fails with `not_found`, `invalid` or `conflict`. */
  async upsert(request: BindingRuleRequest): Promise<Result<Row<BindingRule>>> {
    const known = request.ID === "" ? undefined : this.get(request.ID);
    if (request.ID !== "" && known === undefined) return fail("not_found", `cannot find binding rule ${request.ID}`);
    const ID = known?.id ?? this.#context.server.env.random.uuid();
    const merged = known === undefined ? request : overlay(known.value, request);
    const BindType = BIND_TYPES.find((each) => each === merged.BindType);
    const problem = this.#problemOf(merged);
    if (problem !== undefined || BindType === undefined) {
      return fail(
        "invalid",
        problem ?? `invalid bind type ${JSON.stringify(merged.BindType)}: expected ${BIND_TYPES.join(", ")}`,
      );
    }
    const now = nowNsOf(this.#context.server);
    const value = { ...merged, ID, BindType, CreateTime: known?.value.CreateTime ?? now, ModifyTime: now };
    const done = await commit(this.#context, [sameAs(bindingRules, ID, known)], [putGlobal(bindingRules, ID, value)]);
    const row = this.get(ID);
    return done === undefined || row === undefined ? fail("conflict", "the rule was changed meanwhile") : succeed(row);
  }

  /** Fails with `not_found`. */
  async remove(id: string): Promise<Result<number>> {
    const row = this.get(id);
    const gone = fail("not_found", `cannot find binding rule ${id}`);
    if (row === undefined) return gone;
    const revision = await commit(this.#context, [sameAs(bindingRules, id, row)], [remove(bindingRules, GLOBAL, id)]);
    return revision === undefined ? gone : succeed(revision);
  }

  #problemOf({ AuthMethod, BindType, BindName, Selector, Description }: BindingRuleRequest): string | undefined {
    if (rowOf(this.#context, authMethods, AuthMethod) === undefined) return `ACL auth method ${AuthMethod} not found`;
    if (BindType === "management" && BindName !== "") return "bind name must be empty when bind type is management";
    if (BindType !== "management" && BindName === "") return "bind name is missing";
    if (Description.length > MAX_DESCRIPTION_LENGTH) return `description longer than ${MAX_DESCRIPTION_LENGTH}`;
    if (Selector.trim() === "") return undefined;
    const filter = compileFilter(Selector);
    return filter.ok ? undefined : `selector is invalid: ${filter.error.message}`;
  }
}

function overlay(
  known: BindingRule,
  { Description, Selector, BindType, BindName }: BindingRuleRequest,
): BindingRuleRequest {
  const or = (given: string, before: string): string => (given === "" ? before : given);
  return {
    ID: known.ID,
    AuthMethod: known.AuthMethod,
    Description: or(Description, known.Description),
    Selector: or(Selector, known.Selector),
    BindType: or(BindType, known.BindType),
    BindName: BindType === "management" ? BindName : or(BindName, known.BindName),
  };
}
