import * as v from "valibot";
import { jsonBody } from "#base/http/body.ts";
import { HttpError } from "#base/http/http-error.ts";
import { queryText } from "#base/http/query.ts";
import { route, type Reply, type Route } from "#base/http/route.ts";
import type { AclRole } from "#base/protocol/acl.ts";
import { list, text } from "#base/protocol/schema.ts";
import type { Row } from "#base/state/table.ts";
import type { ConsulDeps } from "../consul-deps.ts";
import { aclAnswer, keeperOf, notFound, readAcl, writeAcl } from "./acl-access.ts";
import { roleAnswer } from "./acl-answers.ts";
import { identitiesOf, identityFields } from "./identities.ts";
import { GLOBAL_MANAGEMENT, policyNames, policyWithId } from "./policy-links.ts";

const RoleBody = v.object({
  ID: text,
  Name: text,
  Description: text,
  Policies: list(v.object({ ID: text, Name: text })),
  ...identityFields,
});

/** https://developer.hashicorp.com/consul/api-docs/acl/roles */
export function roleRoutes(deps: ConsulDeps): Route[] {
  const { datacenter } = deps.config;
  const one = (row: Row<AclRole> | undefined): Reply => {
    if (row === undefined) throw notFound("role");
    return { kind: "json", value: roleAnswer(row, datacenter) };
  };
  return [
    route({
      method: "GET",
      path: "/v1/acl/roles",
      summary: "List roles",
      access: readAcl,
      query: v.object({ policy: queryText }),
      handle({ query }) {
        const keeper = keeperOf(deps);
        const name = policyWithId(keeper, query.policy)?.id ?? query.policy;
        const found = keeper.roles.list("").filter(({ value }) => name === "" || value.Policies.includes(name));
        return { kind: "json", value: found.map((row) => roleAnswer(row, datacenter)) };
      },
    }),
    route({
      method: "GET",
      path: "/v1/acl/role/name/:name",
      summary: "Read a role by its name",
      access: readAcl,
      handle: ({ params }) => one(keeperOf(deps).roles.byName(params.name)),
    }),
    route({
      method: "GET",
      path: "/v1/acl/role/:id",
      summary: "Read a role",
      access: readAcl,
      handle: ({ params }) => one(keeperOf(deps).roles.get(params.id)),
    }),
    ...roleWrites(deps),
  ];
}

function roleWrites(deps: ConsulDeps): Route[] {
  const { datacenter } = deps.config;
  const write = async (body: v.InferOutput<typeof RoleBody>): Promise<Reply> => {
    const keeper = keeperOf(deps);
    const Policies = policyNames(keeper, body.Policies);
    if (Policies.includes(GLOBAL_MANAGEMENT.Name))
      throw new HttpError(400, `a role cannot hold ${GLOBAL_MANAGEMENT.Name}: give it to a token`);
    const { ID, Name, Description } = body;
    const role = { ID, Name, Description, Policies, Identities: identitiesOf(body, datacenter) };
    const row = aclAnswer(await keeper.roles.upsert(role, { mayBeEmpty: true }));
    return { kind: "json", value: roleAnswer(row, datacenter) };
  };
  const writing = { method: "PUT", access: writeAcl, body: jsonBody(RoleBody) } as const;
  return [
    route({
      ...writing,
      path: "/v1/acl/role",
      summary: "Create a role",
      handle: ({ body }) => write({ ...body, ID: "" }),
    }),
    route({
      ...writing,
      path: "/v1/acl/role/:id",
      summary: "Change a role",
      handle({ params, body }) {
        if (body.ID !== "" && body.ID !== params.id)
          throw new HttpError(400, "Role ID in URL and payload do not match");
        const known = keeperOf(deps).roles.get(params.id);
        if (known === undefined) throw notFound("role");
        return write({ ...body, ID: params.id, Name: body.Name === "" ? known.value.Name : body.Name });
      },
    }),
    route({
      method: "DELETE",
      path: "/v1/acl/role/:id",
      summary: "Delete a role",
      access: writeAcl,
      async handle({ params }) {
        aclAnswer(await keeperOf(deps).roles.remove(params.id));
        return { kind: "json", value: true };
      },
    }),
  ];
}
