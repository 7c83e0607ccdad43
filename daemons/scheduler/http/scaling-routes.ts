import * as v from "valibot";
import { queryText } from "#base/http/query.ts";
import { route, type Route } from "#base/http/route.ts";
import { jobs } from "#base/state/tables.ts";
import { scalingPolicies, type TargetedPolicy } from "../server/scaling/scaling-policy.ts";
import type { NomadHttpDeps } from "./nomad-deps.ts";
import { idKey, namespaced, namespaceFilter, eachOf, within } from "./requests.ts";

const access = (capability: string) => ({ kind: "capability", resource: "namespace", capability }) as const;

/** https://developer.hashicorp.com/nomad/api-docs/scaling-policies */
export function scalingRoutes({ server }: NomadHttpDeps): Route[] {
  const { view } = server.context.state;
  const table = view.table(jobs);
  const policyById = (id: string) => scalingPolicies(view, undefined).find((each) => each.id === id);
  return [
    route({
      method: "GET",
      path: "/v1/scaling/policies",
      summary: "List the scaling policies of jobs",
      access: eachOf(access("list-scaling-policies"), targetOf),
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
      access: within(access("read-scaling-policy"), (id) => policyById(id)),
      tables: [jobs],
      handle: ({ params }) => ({
        kind: "state",
        read: () => {
          const found = policyById(params.id);
          return found === undefined
            ? { index: table.lastIndex, value: undefined, missing: "policy not found" }
            : { index: found.modifyIndex, value: policyAnswer(found) };
        },
      }),
    }),
  ];
}

function targetOf(item: unknown): string {
  return v.parse(v.object({ Target: v.object({ Namespace: v.string() }) }), item).Target.Namespace;
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
