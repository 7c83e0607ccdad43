import * as v from "valibot";
import { jsonBody } from "#base/http/body.ts";
import { HttpError } from "#base/http/http-error.ts";
import { route, type Reply, type Route } from "#base/http/route.ts";
import { text, texts } from "#base/protocol/schema.ts";
import type { ConsulDeps } from "../consul-deps.ts";
import { aclAnswer, keeperOf, MAX_ACL_BODY_BYTES, notFound, readAcl, writeAcl } from "./acl-access.ts";
import { GLOBAL_MANAGEMENT_POLICY, policyAnswer } from "./acl-answers.ts";
import { GLOBAL_MANAGEMENT, policyWithId } from "./policy-links.ts";

const PolicyBody = v.object({ ID: text, Name: text, Description: text, Rules: text, Datacenters: texts });

/** https://developer.hashicorp.com/consul/api-docs/acl/policies */
export function policyRoutes(deps: ConsulDeps): Route[] {
  return [
    route({
      method: "GET",
      path: "/v1/acl/policies",
      summary: "List policies",
      access: readAcl,
      handle() {
        const keeper = keeperOf(deps);
        const rows = keeper.policies.list("").map(policyAnswer);
        return { kind: "json", value: [GLOBAL_MANAGEMENT_POLICY, ...rows].map(({ Rules: _rules, ...stub }) => stub) };
      },
    }),
    route({
      method: "GET",
      path: "/v1/acl/policy/name/:name",
      summary: "Read a policy by its name",
      access: readAcl,
      handle({ params }) {
        const keeper = keeperOf(deps);
        if (params.name === GLOBAL_MANAGEMENT.Name) return { kind: "json", value: GLOBAL_MANAGEMENT_POLICY };
        const row = keeper.policies.get(params.name);
        if (row === undefined) throw notFound("policy");
        return { kind: "json", value: policyAnswer(row) };
      },
    }),
    route({
      method: "GET",
      path: "/v1/acl/policy/:id",
      summary: "Read a policy",
      access: readAcl,
      handle({ params }) {
        const keeper = keeperOf(deps);
        if (params.id === GLOBAL_MANAGEMENT.ID) return { kind: "json", value: GLOBAL_MANAGEMENT_POLICY };
        const row = policyWithId(keeper, params.id);
        if (row === undefined) throw notFound("policy");
        return { kind: "json", value: policyAnswer(row) };
      },
    }),
    ...policyWrites(deps),
  ];
}

function policyWrites(deps: ConsulDeps): Route[] {
  const write = async ({ Name, Description, Rules }: v.InferOutput<typeof PolicyBody>): Promise<Reply> => {
    const keeper = keeperOf(deps);
    const JobACL = keeper.policies.get(Name)?.value.JobACL ?? null;
    aclAnswer(await keeper.policies.upsert({ Name, Description, Rules, JobACL }, { mayBeEmpty: true }));
    const row = keeper.policies.get(Name);
    if (row === undefined) throw new HttpError(409, "the policy was deleted meanwhile");
    return { kind: "json", value: policyAnswer(row) };
  };
  const writing = {
    method: "PUT",
    access: writeAcl,
    body: jsonBody(PolicyBody),
    maxBodyBytes: MAX_ACL_BODY_BYTES,
  } as const;
  return [
    route({
      ...writing,
      path: "/v1/acl/policy",
      summary: "Create a policy",
      handle({ body }) {
        const keeper = keeperOf(deps);
        if (body.ID !== "") throw new HttpError(400, "Cannot specify the ID when creating a new policy");
        if (body.Name === GLOBAL_MANAGEMENT.Name || keeper.policies.get(body.Name) !== undefined)
          throw new HttpError(400, `Invalid Policy: A Policy with Name ${JSON.stringify(body.Name)} already exists`);
        return write(body);
      },
    }),
    route({
      ...writing,
      path: "/v1/acl/policy/:id",
      summary: "Change a policy",
      handle({ params, body }) {
        const name = changeable(deps, params.id);
        if (body.ID !== "" && body.ID !== params.id)
          throw new HttpError(400, "Policy ID in URL and payload do not match");
        if (body.Name !== "" && body.Name !== name)
          throw new HttpError(
            400,
            `a policy keeps its name (${name}): create one with the new name and delete this one`,
          );
        return write({ ...body, Name: name });
      },
    }),
    route({
      method: "DELETE",
      path: "/v1/acl/policy/:id",
      summary: "Delete a policy",
      access: writeAcl,
      async handle({ params }) {
        aclAnswer(await keeperOf(deps).policies.remove(changeable(deps, params.id)));
        return { kind: "json", value: true };
      },
    }),
  ];
}

function changeable(deps: ConsulDeps, id: string): string {
  const keeper = keeperOf(deps);
  if (id === GLOBAL_MANAGEMENT.ID)
    throw new HttpError(400, `The builtin policy ${GLOBAL_MANAGEMENT.Name} cannot be changed or deleted`);
  const row = policyWithId(keeper, id);
  if (row === undefined) throw notFound("policy");
  return row.id;
}
