import * as v from "valibot";
import { fail, succeed, type Result } from "#base/env/errors.ts";
import { fullAccess, noAccess, nobody, type Access } from "#base/http/access.ts";
import { compilePolicies } from "#base/language/acl-policy/compile.ts";
import { parsePolicy } from "#base/language/acl-policy/parse-policy.ts";
import { aclPolicies } from "#base/state/tables.ts";
import { implicitKeys, implicitPaths } from "./workload-policies.ts";
import { rowOf } from "./acl-context.ts";
import type { Acl } from "./acl.ts";
import { identityRules } from "./identity-rules.ts";
import { accessBy, NOTHING, READ_NODE, withImplicit, type Identity } from "./resolver.ts";

/** What a token may do, as servers tell nodes that keep no state. */
export const AccessAnswerSchema = v.object({
  kind: v.picklist(["unknown", "open", "management", "anonymous", "token", "workload", "node"]),
  /** Why it is unknown. */
  problem: v.optional(v.string(), ""),
  accessorId: v.optional(v.string(), ""),
  name: v.optional(v.string(), ""),
  policies: v.optional(v.array(v.object({ name: v.string(), rules: v.string() })), () => []),
  /** Variables a workload reads without a policy. */
  paths: v.optional(v.array(v.string()), () => []),
  /** Keys a workload uses without one. */
  keys: v.optional(v.array(v.object({ prefix: v.string(), isWritable: v.boolean() })), () => []),
});
export type AccessAnswer = v.InferOutput<typeof AccessAnswerSchema>;

export function describeAccess({ resolver, context, enabled }: Acl, token: string): AccessAnswer {
  const nothing = { problem: "", accessorId: "", name: "", policies: [], paths: [], keys: [] };
  if (!enabled) return { ...nothing, kind: "open" };
  const identity = resolver.identify(token);
  if (!identity.ok) return { ...nothing, kind: "unknown", problem: identity.error.message };
  const policies = resolver
    .policiesOf(identity.value)
    .map((name) => ({ name, rules: rowOf(context, aclPolicies, name)?.value.Rules ?? "" }));
  return { ...nothing, policies, ...whoIs(identity.value) };
}

function whoIs(identity: Identity): Pick<AccessAnswer, "kind"> & Partial<AccessAnswer> {
  switch (identity.kind) {
    case "anonymous":
      return { kind: "anonymous", accessorId: "anonymous", name: "Anonymous Token" };
    case "token": {
      const { AccessorID, Name, Type } = identity.row.value;
      return { kind: Type === "management" ? "management" : "token", accessorId: AccessorID, name: Name };
    }
    case "workload": {
      const { workload } = identity;
      const name = `workload ${workload.namespace}/${workload.jobId}/${workload.task}`;
      const [paths, keys] = [[...implicitPaths(workload)], [...implicitKeys(workload)]];
      return { kind: "workload", accessorId: workload.allocId, name, paths, keys };
    }
    case "node":
      return { kind: "node", accessorId: identity.id, name: "node" };
    default:
      return identity satisfies never;
  }
}

/** The other way round. Fails with `unknown_token`. */
export function accessFrom(answer: AccessAnswer): Result<Access> {
  const { kind, accessorId, name, policies, paths, keys, problem } = answer;
  const requester = { ...nobody, accessorId, name };
  const granted = (isAnonymous: boolean): Access => {
    const rules = policies.flatMap((policy) => {
      const implied = identityRules(policy.name);
      if (implied !== undefined) return [implied];
      const parsed = parsePolicy(policy.rules);
      return parsed.ok ? [parsed.value] : [];
    });
    return accessBy(compilePolicies(rules), { requester, isAnonymous });
  };
  switch (kind) {
    case "unknown":
      return fail("unknown_token", problem);
    case "open":
      return succeed(fullAccess);
    case "management":
      return succeed({ ...fullAccess, requester });
    case "anonymous":
      return succeed(granted(true));
    case "token":
      return succeed(granted(false));
    case "workload":
      return succeed(withImplicit(granted(false), { paths: new Set(paths), keys }));
    case "node":
      return succeed(withImplicit({ ...noAccess, requester, isAnonymous: false, ...READ_NODE }, NOTHING));
    default:
      return kind satisfies never;
  }
}
