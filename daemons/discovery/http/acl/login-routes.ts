import * as v from "valibot";
import { jsonBody } from "#base/http/body.ts";
import { HttpError } from "#base/http/http-error.ts";
import { queryText } from "#base/http/query.ts";
import { route, type Route } from "#base/http/route.ts";
import { formatDuration } from "#base/language/duration.ts";
import type { AuthMethod, BindingRule } from "#base/protocol/acl.ts";
import { text, textMap } from "#base/protocol/schema.ts";
import type { Row } from "#base/state/table.ts";
import type { ConsulDeps } from "../consul-deps.ts";
import { aclAnswer, keeperOf, notFound, open, readAcl } from "./acl-access.ts";
import { hashOf, tokenAnswer } from "./acl-answers.ts";

/** https://developer.hashicorp.com/consul/api-docs/acl : logging in and out, and what it goes by. */
export function loginRoutes(deps: ConsulDeps): Route[] {
  return [...sessionRoutes(deps), ...methodRoutes(deps), ...elsewhere(deps)];
}

function sessionRoutes(deps: ConsulDeps): Route[] {
  return [
    route({
      method: "POST",
      path: "/v1/acl/login",
      summary: "Log in with a token of somebody else",
      access: open,
      body: jsonBody(v.object({ AuthMethod: text, BearerToken: text, Meta: textMap })),
      target: ({ AuthMethod: method }) => `login by ${method}`,
      async handle({ body }) {
        const keeper = keeperOf(deps);
        const token = aclAnswer(await keeper.logins.login(body.AuthMethod, body.BearerToken));
        return { kind: "json", value: tokenAnswer(keeper, token, deps.config.datacenter) };
      },
    }),
    route({
      method: "POST",
      path: "/v1/acl/logout",
      summary: "Give up the token that asks, if it came from a login",
      access: open,
      async handle({ token }) {
        const keeper = keeperOf(deps);
        const row = token === "" ? undefined : keeper.tokens.bySecret(token);
        if (row === undefined || keeper.tokens.isExpired(row)) throw new HttpError(403, "ACL not found");
        if (row.value.AuthMethod === "")
          throw new HttpError(403, "Permission denied: this token was not made by a login");
        aclAnswer(await keeper.tokens.remove(row.id));
        return { kind: "empty", status: 200 };
      },
    }),
  ];
}

function methodRoutes(deps: ConsulDeps): Route[] {
  return [
    route({
      method: "GET",
      path: "/v1/acl/auth-methods",
      summary: "List the ways to log in",
      access: readAcl,
      handle() {
        const rows = keeperOf(deps).methods.list("");
        return { kind: "json", value: rows.map((row) => withoutConfig(methodAnswer(row))) };
      },
    }),
    route({
      method: "GET",
      path: "/v1/acl/auth-method/:name",
      summary: "Read a way to log in",
      access: readAcl,
      handle({ params }) {
        const row = keeperOf(deps).methods.get(params.name);
        if (row === undefined) throw notFound("auth method");
        return { kind: "json", value: methodAnswer(row) };
      },
    }),
    route({
      method: "GET",
      path: "/v1/acl/binding-rules",
      summary: "List what logins give",
      access: readAcl,
      query: v.object({ authmethod: queryText }),
      handle({ query }) {
        const rows = keeperOf(deps).bindingRules.list();
        const found = rows.filter(({ value }) => query.authmethod === "" || value.AuthMethod === query.authmethod);
        return { kind: "json", value: found.map(ruleAnswer) };
      },
    }),
    route({
      method: "GET",
      path: "/v1/acl/binding-rule/:id",
      summary: "Read what a login gives",
      access: readAcl,
      handle({ params }) {
        const row = keeperOf(deps).bindingRules.get(params.id);
        if (row === undefined) throw notFound("binding rule");
        return { kind: "json", value: ruleAnswer(row) };
      },
    }),
  ];
}

/** Both are written on the scheduler's API. */
function elsewhere(deps: ConsulDeps): Route[] {
  return ["auth-method", "binding-rule"].flatMap((noun) =>
    [`/v1/acl/${noun}`, `/v1/acl/${noun}/:id`].map((path) =>
      route({
        method: path.endsWith(":id") ? ["PUT", "DELETE"] : "PUT",
        path,
        summary: `Says where to write one: lares acl ${noun}`,
        access: readAcl,
        handle() {
          keeperOf(deps);
          throw new HttpError(501, `write it with lares acl ${noun}, or on the scheduler's API: it counts for both`);
        },
      }),
    ),
  );
}

function methodAnswer({ value, createIndex, modifyIndex }: Row<AuthMethod>) {
  const { OIDCClientSecret, ...Config } = value.Config;
  return {
    Name: value.Name,
    Type: value.Type.toLowerCase(),
    DisplayName: "",
    Description: "",
    MaxTokenTTL: formatDuration(value.MaxTokenTTL),
    TokenLocality: value.TokenLocality,
    Config: { ...Config, OIDCClientSecret: OIDCClientSecret.KeyID === "" ? "" : "<hidden>" },
    CreateIndex: createIndex,
    ModifyIndex: modifyIndex,
    Hash: hashOf(value),
  };
}

function withoutConfig({ Config: _config, ...stub }: ReturnType<typeof methodAnswer>) {
  return stub;
}

function ruleAnswer({ value, createIndex, modifyIndex }: Row<BindingRule>) {
  const { ID, Description, AuthMethod: method, Selector, BindType, BindName } = value;
  return {
    ID,
    Description,
    AuthMethod: method,
    Selector,
    BindType,
    BindName,
    CreateIndex: createIndex,
    ModifyIndex: modifyIndex,
  };
}
