import * as v from "valibot";
import { queryText } from "#base/http/query.ts";
import { route, type Route } from "#base/http/route.ts";
import { jobs } from "#base/state/tables.ts";
import { scalingPolicies, type TargetedPolicy } from "../server/scaling/scaling-policy.ts";
import type { NomadHttpDeps } from "./nomad-deps.ts";
import { idKey, namespaced, namespaceFilter } from "./requests.ts";

const access = (capability: string) => ({ kind: "capability", resource: "namespace", capability }) as const;

/** https://developer.hashicorp.com/nomad/api-docs/scaling-policies */
export function scalingRoutes({ server }: NomadHttpDeps): Route[] {
  const { view } = server.context.state;
  const table = view.table(jobs);
  return [
    route({
      method: "GET",
      path: "/v1/scaling/policies",
      summary: "List the scaling policies of jobs",
      access: access("list-scaling-policies"),
      query: v.object({ ...namespaced, job: queryText, type: queryText, prefix: queryText }),
      tables: [jobs],
      filter: "items",
      pageKey: idKey,
      handle: ({ query }) => ({
        kind: "state",
        read: () => {
          const found = [...scalingPolicies(view, namespaceFilter(query.namespace))].filter(
            ({ id, policy, target }) =>
              id.startsWith(query.prefix) &&
              (query.job === "" || target["Job"] === query.job) &&
              isOfType(policy.Type, query.type),
          );
          const value = found.map(policyStub).toSorted((a, b) => (a.ID < b.ID ? -1 : 1));
          return { index: table.lastIndex, value };
        },
      }),
    }),
    route({
      method: "GET",
      path: "/v1/scaling/policy/:id",
      summary: "Read a scaling policy",
      access: access("read-scaling-policy"),
      tables: [jobs],
      handle: ({ params }) => ({
        kind: "state",
        read: () => {
          const found = scalingPolicies(view, undefined).find(({ id }) => id === params.id);
          return found === undefined
            ? { index: table.lastIndex, value: undefined, missing: "policy not found" }
            : { index: found.modifyIndex, value: policyAnswer(found) };
        },
      }),
    }),
  ];
}

/** `vertical` stands for every type that starts with it. */
function isOfType(type: string, wanted: string): boolean {
  return wanted === "" || type === wanted || (wanted === "vertical" && type.startsWith("vertical_"));
}

function policyStub({ id, policy, target, createIndex, modifyIndex }: TargetedPolicy) {
  return {
    ID: id,
    Enabled: policy.Enabled,
    Type: policy.Type,
    Target: target,
    CreateIndex: createIndex,
    ModifyIndex: modifyIndex,
  };
}

function policyAnswer(found: TargetedPolicy) {
  const { Min, Max, Policy } = found.policy;
  return { ...policyStub(found), Min: Min ?? 0, Max: Max ?? 0, Policy, Namespace: found.namespace };
}
