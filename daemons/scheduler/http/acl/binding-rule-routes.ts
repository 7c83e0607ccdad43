import * as v from "valibot";
import { jsonBody } from "#base/http/body.ts";
import { HttpError } from "#base/http/http-error.ts";
import { route, type Reply, type Route } from "#base/http/route.ts";
import type { BindingRule } from "#base/protocol/acl.ts";
import { text } from "#base/protocol/schema.ts";
import type { Row } from "#base/state/table.ts";
import { bindingRules } from "#base/state/tables.ts";
import type { Acl } from "../../server/acl/acl.ts";
import { contentHash } from "../../server/acl/secret.ts";
import { aclAnswer, requireAcl, timeText } from "./acl-requests.ts";
import { management } from "../requests.ts";

const RuleBody = v.object({
  ID: text,
  Description: text,
  AuthMethod: text,
  Selector: text,
  BindType: text,
  BindName: text,
});

/** https://developer.hashicorp.com/nomad/api-docs/acl/binding-rules */
export function bindingRuleRoutes(acl: Acl): Route[] {
  const table = acl.context.server.state.view.table(bindingRules);
  return [
    route({
      method: "GET",
      path: "/v1/acl/binding-rules",
      summary: "List what logins give",
      access: management,
      tables: [bindingRules],
      filter: "items",
      handle() {
        requireAcl(acl);
        return {
          kind: "state",
          read: () => ({ index: table.lastIndex, value: acl.bindingRules.list().map(ruleStub) }),
        };
      },
    }),
    route({
      method: "GET",
      path: "/v1/acl/binding-rule/:id",
      summary: "Read what a login gives",
      access: management,
      tables: [bindingRules],
      handle({ params }) {
        requireAcl(acl);
        const read = () => {
          const row = acl.bindingRules.get(params.id);
          const value = row === undefined ? undefined : ruleAnswer(row);
          return { index: row?.modifyIndex ?? table.lastIndex, value, missing: "ACL binding rule not found" };
        };
        return { kind: "state", read };
      },
    }),
    ...ruleWrites(acl),
  ];
}

function ruleWrites(acl: Acl): Route[] {
  const write = async (body: v.InferOutput<typeof RuleBody>): Promise<Reply> => {
    requireAcl(acl);
    const row = aclAnswer(await acl.bindingRules.upsert(body));
    return { kind: "json", index: row.modifyIndex, value: ruleAnswer(row) };
  };
  const writing = { method: ["PUT", "POST"], access: management, body: jsonBody(RuleBody) } as const;
  return [
    route({
      ...writing,
      path: "/v1/acl/binding-rule",
      summary: "Create a rule of what a login gives",
      target: ({ AuthMethod }) => `binding rule of ${AuthMethod}`,
      handle: ({ body }) => write({ ...body, ID: "" }),
    }),
    route({
      ...writing,
      path: "/v1/acl/binding-rule/:id",
      summary: "Change a rule of what a login gives",
      handle({ params, body }) {
        if (body.ID !== "" && body.ID !== params.id) {
          throw new HttpError(400, "ACL binding rule ID does not match request path");
        }
        return write({ ...body, ID: params.id });
      },
    }),
    route({
      method: "DELETE",
      path: "/v1/acl/binding-rule/:id",
      summary: "Delete a rule of what a login gives",
      access: management,
      async handle({ params }) {
        requireAcl(acl);
        return { kind: "empty", status: 200, index: aclAnswer(await acl.bindingRules.remove(params.id)) };
      },
    }),
  ];
}

function ruleStub({ value, createIndex, modifyIndex }: Row<BindingRule>) {
  const { ID, Description, AuthMethod } = value;
  return { ID, Description, AuthMethod, Hash: contentHash(value), CreateIndex: createIndex, ModifyIndex: modifyIndex };
}

export function ruleAnswer(row: Row<BindingRule>) {
  const { CreateTime, ModifyTime, ...rest } = row.value;
  return { ...ruleStub(row), ...rest, CreateTime: timeText(CreateTime), ModifyTime: timeText(ModifyTime) };
}
