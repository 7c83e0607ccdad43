import * as v from "valibot";
import { jsonBody } from "#base/http/body.ts";
import { HttpError } from "#base/http/http-error.ts";
import { queryText } from "#base/http/query.ts";
import { route, type Reply, type Route } from "#base/http/route.ts";
import { PolicyLinks, type AclRole } from "#base/protocol/acl.ts";
import { text } from "#base/protocol/schema.ts";
import type { Row } from "#base/state/table.ts";
import { aclRoles } from "#base/state/tables.ts";
import type { Acl } from "../../server/acl/acl.ts";
import { contentHash } from "../../server/acl/secret.ts";
import { aclAnswer, identityOf, filtered, requireAcl } from "./acl-requests.ts";
import { management } from "../requests.ts";

const RoleBody = v.object({ ID: text, Name: text, Description: text, Policies: PolicyLinks });

/** https://developer.hashicorp.com/nomad/api-docs/acl/roles */
export function roleRoutes(acl: Acl): Route[] {
  const table = acl.context.server.state.view.table(aclRoles);
  const one = (find: () => Row<AclRole> | undefined, token: string): Reply => {
    const sees = visibleTo(acl, token);
    const read = () => {
      const row = find();
      if (row !== undefined && !sees(row.id)) throw new HttpError(403, "Permission denied");
      const value = row === undefined ? undefined : roleAnswer(row);
      return { index: row?.modifyIndex ?? table.lastIndex, value, missing: "ACL role not found" };
    };
    return { kind: "state", read };
  };
  const reading = { method: "GET", access: filtered, tables: [aclRoles] } as const;
  return [
    route({
      ...reading,
      path: "/v1/acl/roles",
      summary: "List roles: all to management tokens, to others their own",
      query: v.object({ prefix: queryText }),
      filter: "items",
      handle({ query, token }) {
        const sees = visibleTo(acl, token);
        const read = () => ({
          index: table.lastIndex,
          value: acl.roles
            .list(query.prefix)
            .filter(({ id }) => sees(id))
            .map(roleAnswer),
        });
        return { kind: "state", read };
      },
    }),
    route({
      ...reading,
      path: "/v1/acl/role/name/:name",
      summary: "Read a role by its name",
      handle: ({ params, token }) => one(() => acl.roles.byName(params.name), token),
    }),
    route({
      ...reading,
      path: "/v1/acl/role/:id",
      summary: "Read a role",
      handle: ({ params, token }) => one(() => acl.roles.get(params.id), token),
    }),
    ...roleWrites(acl),
  ];
}

function roleWrites(acl: Acl): Route[] {
  const write = async (body: v.InferOutput<typeof RoleBody>): Promise<Reply> => {
    requireAcl(acl);
    const Policies = body.Policies.map(({ Name }) => Name);
    const row = aclAnswer(
      await acl.roles.upsert({ ...body, Policies, Identities: acl.roles.get(body.ID)?.value.Identities ?? [] }),
    );
    return { kind: "json", index: row.modifyIndex, value: roleAnswer(row) };
  };
  const writing = { method: ["PUT", "POST"], access: management, body: jsonBody(RoleBody) } as const;
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
          throw new HttpError(400, "ACL role ID does not match request path");
        return write({ ...body, ID: params.id });
      },
    }),
    route({
      method: "DELETE",
      path: "/v1/acl/role/:id",
      summary: "Delete a role",
      access: management,
      async handle({ params }) {
        requireAcl(acl);
        return { kind: "empty", status: 200, index: aclAnswer(await acl.roles.remove(params.id)) };
      },
    }),
  ];
}

function visibleTo(acl: Acl, token: string): (id: string) => boolean {
  const identity = identityOf(acl, token);
  if (identity.kind !== "token") return () => false;
  const { Type, Roles } = identity.row.value;
  return (id) => Type === "management" || Roles.includes(id);
}

export function roleAnswer({ value, createIndex, modifyIndex }: Row<AclRole>) {
  const { Identities: _identities, ...known } = value;
  const Policies = value.Policies.map((Name) => ({ Name }));
  return { ...known, Policies, Hash: contentHash(value), CreateIndex: createIndex, ModifyIndex: modifyIndex };
}
