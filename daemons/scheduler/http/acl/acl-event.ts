import type { Acl } from "../../server/acl/acl.ts";
import type { Happening } from "../../server/events/happening.ts";
import { methodAnswer } from "./auth-method-routes.ts";
import { ruleAnswer } from "./binding-rule-routes.ts";
import { policyAnswer } from "./policy-routes.ts";
import { roleAnswer } from "./role-routes.ts";
import { tokenStub } from "./token-answer.ts";

export type AclHappening = Extract<Happening, { readonly of: "token" | "policy" | "role" | "method" | "rule" }>;

const TOPICS = {
  token: "ACLToken",
  policy: "ACLPolicy",
  role: "ACLRole",
  method: "ACLAuthMethod",
  rule: "ACLBindingRule",
} as const;
export const ACL_TOPICS = Object.values(TOPICS);
export type AclTopic = (typeof ACL_TOPICS)[number];

export function aclTopicOf({ of }: AclHappening): AclTopic {
  return TOPICS[of];
}

/**
 * What changed in who may do what: the record as the API shows it, never with a secret; of one that is gone its name.
 * https://developer.hashicorp.com/nomad/api-docs/events
 */
export function aclEvent(acl: Acl, happening: AclHappening) {
  const Topic = aclTopicOf(happening);
  const { row, at } = happening;
  const Key = at.id;
  if (row === undefined) {
    const name = happening.of === "token" ? "AccessorID" : isNamed(happening) ? "Name" : "ID";
    return { Topic, Type: `${Topic}Deleted`, Key, FilterKeys: [], Payload: { [Topic]: { [name]: at.id } } };
  }
  const FilterKeys = happening.of === "role" && happening.row !== undefined ? [happening.row.value.Name] : [];
  return { Topic, Type: `${Topic}Upserted`, Key, FilterKeys, Payload: { [Topic]: recordOf(acl, happening) } };
}

function isNamed({ of }: AclHappening): boolean {
  return of === "policy" || of === "method";
}

function recordOf(acl: Acl, happening: AclHappening) {
  if (happening.row === undefined) return undefined;
  switch (happening.of) {
    case "token":
      return tokenStub(acl, happening.row);
    case "policy":
      return policyAnswer(happening.row);
    case "role":
      return roleAnswer(happening.row);
    case "method":
      return methodAnswer(happening.row);
    case "rule":
      return ruleAnswer(happening.row);
    default:
      return happening satisfies never;
  }
}
