import * as v from "valibot";
import { jsonBody } from "#base/http/body.ts";
import { HttpError } from "#base/http/http-error.ts";
import { queryText } from "#base/http/query.ts";
import { route, type Route } from "#base/http/route.ts";
import { parsePolicy } from "#base/language/acl-policy/parse-policy.ts";
import { AclPolicySchema, type AclPolicy } from "#base/protocol/acl.ts";
import type { Row } from "#base/state/table.ts";
import { aclPolicies, aclRoles } from "#base/state/tables.ts";
import type { Acl } from "../../server/acl/acl.ts";
import { contentHash } from "../../server/acl/secret.ts";
import { aclAnswer, identityOf, filtered, requireAcl, MAX_ACL_BODY_BYTES } from "./acl-requests.ts";
import { management } from "../requests.ts";

/** https://developer.hashicorp.com/nomad/api-docs/acl/policies */
export function policyRoutes(acl: Acl): Route[] {
  const table = acl.context.server.state.view.table(aclPolicies);
  return [
    route({
      method: "GET",
      path: "/v1/acl/policies",
      summary: "List policies: all to management tokens, to others their own",
      access: filtered,
      query: v.object({ prefix: queryText }),
      tables: [aclPolicies, aclRoles],
      filter: "items",
      handle({ query, token }) {
        const sees = visibleTo(acl, token);
        const read = () => ({
          index: table.lastIndex,
          value: acl.policies
            .list(query.prefix)
            .filter(({ id }) => sees(id))
            .map(policyStub),
        });
        return { kind: "state", read };
      },
    }),
    route({
      method: "GET",
      path: "/v1/acl/policy/self",
      summary: "Read the policies of the token that asks",
      access: filtered,
      handle({ token }) {
        const names = acl.resolver.policiesOf(identityOf(acl, token));
        const rows = names.flatMap((name) => acl.policies.get(name) ?? []);
        return { kind: "json", value: Object.fromEntries(rows.map((row) => [row.id, policyAnswer(row)])) };
      },
    }),
    route({
      method: "GET",
      path: "/v1/acl/policy/:name",
      summary: "Read a policy",
      access: filtered,
      tables: [aclPolicies],
      handle({ params, token }) {
        if (!visibleTo(acl, token)(params.name)) throw new HttpError(403, "Permission denied");
        const read = () => {
          const row = acl.policies.get(params.name);
          const value = row === undefined ? undefined : policyAnswer(row);
          return { index: row?.modifyIndex ?? table.lastIndex, value, missing: "ACL policy not found" };
        };
        return { kind: "state", read };
      },
    }),
    ...policyWrites(acl),
  ];
}

function policyWrites(acl: Acl): Route[] {
  return [
    route({
      method: ["PUT", "POST"],
      path: "/v1/acl/policy/:name",
      summary: "Create or change a policy",
      access: management,
      body: jsonBody(AclPolicySchema),
      maxBodyBytes: MAX_ACL_BODY_BYTES,
      async handle({ params, body }) {
        requireAcl(acl);
        if (body.Name !== "" && body.Name !== params.name) {
          throw new HttpError(400, "ACL policy name does not match request path");
        }
        return {
          kind: "empty",
          status: 200,
          index: aclAnswer(await acl.policies.upsert({ ...body, Name: params.name })),
        };
      },
    }),
    route({
      method: "DELETE",
      path: "/v1/acl/policy/:name",
      summary: "Delete a policy",
      access: management,
      async handle({ params }) {
        requireAcl(acl);
        return { kind: "empty", status: 200, index: aclAnswer(await acl.policies.remove(params.name)) };
      },
    }),
  ];
}

/** Which policies a token may look at. Throws for one that does not count. */
function visibleTo(acl: Acl, token: string): (name: string) => boolean {
  const identity = identityOf(acl, token);
  if (identity.kind === "token" && identity.row.value.Type === "management") return () => true;
  const own = new Set(acl.resolver.policiesOf(identity));
  return (name) => own.has(name);
}

function policyStub({ value, createIndex, modifyIndex }: Row<AclPolicy>) {
  const { Name, Description, JobACL } = value;
  return { Name, Description, JobACL, Hash: contentHash(value), CreateIndex: createIndex, ModifyIndex: modifyIndex };
}

export function policyAnswer(row: Row<AclPolicy>) {
  const parsed = parsePolicy(row.value.Rules);
  return { ...policyStub(row), Rules: row.value.Rules, RulesJSON: parsed.ok ? parsed.value : null };
}
