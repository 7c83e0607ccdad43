import * as v from "valibot";
import { PolicyRulesSchema, type PolicyRules } from "#base/language/acl-policy/policy.ts";

type NameRule = PolicyRules["Names"][number];

/** What sets the name of an identity apart from a policy's among those that count for a token. */
const MARK = "@";

/** An identity as a name among those of policies, which cannot have such a one. */
export function identityName(identity: string): string {
  return `${MARK}${identity}`;
}

/**
 * The rules an identity stands for; undefined for the name of a policy.
 * https://developer.hashicorp.com/consul/docs/secure/acl/role#service-identities and …/templated-policy
 */
export function identityRules(name: string): PolicyRules | undefined {
  if (!name.startsWith(MARK)) return undefined;
  const identity = name.slice(MARK.length).replace(/^builtin\//, "");
  const slash = identity.indexOf("/");
  const of = identity.slice(slash + 1);
  switch (identity.slice(0, slash)) {
    case "service":
      return rules([write("service", of), write("service", `${of}-sidecar-proxy`), read("service"), read("node-name")]);
    case "node":
      return rules([write("node-name", of), read("service")]);
    case "dns":
      return rules([read("node-name"), read("service"), read("query")]);
    default:
      return rules([]);
  }
}

function rules(Names: readonly NameRule[]): PolicyRules {
  return v.parse(PolicyRulesSchema, { Names });
}

function write(Resource: NameRule["Resource"], Name: string): NameRule {
  return { Resource, Name, Policy: "write", Prefix: false };
}

function read(Resource: NameRule["Resource"]): NameRule {
  return { Resource, Name: "", Policy: "read", Prefix: true };
}
