import * as v from "valibot";
import { jsonBody } from "#base/http/body.ts";
import { route, type Route } from "#base/http/route.ts";
import { list, text } from "#base/protocol/schema.ts";
import type { ConsulDeps } from "../consul-deps.ts";
import { aclAnswer, keeperOf, open, readAcl } from "./acl-access.ts";
import { tokenAnswer } from "./acl-answers.ts";
import { TEMPLATES } from "./identities.ts";
import { loginRoutes } from "./login-routes.ts";
import { policyRoutes } from "./policy-routes.ts";
import { roleRoutes } from "./role-routes.ts";
import { tokenRoutes } from "./token-routes.ts";

/** https://developer.hashicorp.com/consul/api-docs/acl */
export function aclRoutes(deps: ConsulDeps): Route[] {
  return [
    ...beginnings(deps),
    ...tokenRoutes(deps),
    ...policyRoutes(deps),
    ...roleRoutes(deps),
    ...loginRoutes(deps),
    ...templateRoutes(deps),
  ];
}

function beginnings(deps: ConsulDeps): Route[] {
  return [
    route({
      method: "PUT",
      path: "/v1/acl/bootstrap",
      summary: "Make the first management token, once",
      access: open,
      body: jsonBody(v.object({ BootstrapSecret: text }), { whenEmpty: {} }),
      async handle({ body }) {
        const keeper = keeperOf(deps);
        const token = aclAnswer(await keeper.bootstrap(body.BootstrapSecret));
        return { kind: "json", value: { ID: token.secret, ...tokenAnswer(keeper, token, deps.config.datacenter) } };
      },
    }),
    route({
      method: "GET",
      path: "/v1/acl/replication",
      summary: "There is one datacenter: nothing is replicated between several",
      access: open,
      handle() {
        keeperOf(deps);
        const never = "0001-01-01T00:00:00Z";
        const value = {
          Enabled: false,
          Running: false,
          SourceDatacenter: "",
          ReplicationType: "",
          ReplicatedIndex: 0,
          ReplicatedRoleIndex: 0,
          ReplicatedTokenIndex: 0,
          LastSuccess: never,
          LastError: never,
        };
        return { kind: "json", value };
      },
    }),
    route({
      method: "POST",
      path: "/v1/internal/acl/authorize",
      summary: "What the token that asks may do",
      access: { kind: "any-token" },
      body: jsonBody(list(v.object({ Resource: text, Segment: text, Access: text }))),
      handle({ body, access }) {
        keeperOf(deps);
        const value = body.map((asked) => ({
          ...asked,
          Allow:
            access.isManagement ||
            access.allows(OWN_WORD[asked.Resource] ?? asked.Resource, asked.Access, asked.Segment),
        }));
        return { kind: "json", value };
      },
    }),
  ];
}

/** Where the cluster has another word for a resource of Consul's. */
const OWN_WORD: Readonly<Record<string, string>> = { node: "node-name" };

function templateRoutes(deps: ConsulDeps): Route[] {
  return [
    route({
      method: "GET",
      path: "/v1/acl/templated-policies",
      summary: "The rules that follow from a name",
      access: readAcl,
      handle() {
        keeperOf(deps);
        const entries = Object.entries(TEMPLATES).map(([name, needsName]) => [
          name,
          { TemplateName: name, Schema: needsName ? NAME_SCHEMA : "", Template: "" },
        ]);
        return { kind: "json", value: Object.fromEntries(entries) };
      },
    }),
  ];
}

const NAME_SCHEMA = JSON.stringify({ type: "object", properties: { name: { type: "string" } }, required: ["name"] });
