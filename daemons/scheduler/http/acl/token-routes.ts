import * as v from "valibot";
import { jsonBody } from "#base/http/body.ts";
import { HttpError } from "#base/http/http-error.ts";
import { queryFlag, queryText } from "#base/http/query.ts";
import { route, type Reply, type Route } from "#base/http/route.ts";
import { flag, list, text, texts } from "#base/protocol/schema.ts";
import { aclRoles, aclTokens } from "#base/state/tables.ts";
import type { Acl } from "../../server/acl/acl.ts";
import type { TokenRequest } from "../../server/acl/token-rules.ts";
import { durationInput, timeInput } from "#base/http/time-input.ts";
import { aclAnswer, anyToken, identityOf, filtered, open, requireAcl, timeText } from "./acl-requests.ts";
import { management } from "../requests.ts";
import { openAnswer, tokenKey, tokenStub } from "./token-answer.ts";

const TokenBody = v.object({
  AccessorID: text,
  Name: text,
  Type: text,
  Policies: texts,
  Roles: list(v.object({ ID: text, Name: text })),
  Global: flag,
  ExpirationTime: timeInput,
  ExpirationTTL: durationInput,
});

/** https://developer.hashicorp.com/nomad/api-docs/acl/tokens */
export function tokenRoutes(acl: Acl): Route[] {
  const table = acl.context.server.state.view.table(aclTokens);
  return [
    bootstrapRoute(acl),
    route({
      method: "GET",
      path: "/v1/acl/tokens",
      summary: "List tokens, without their secrets",
      access: management,
      query: v.object({ prefix: queryText, global: queryFlag }),
      tables: [aclTokens, aclRoles],
      filter: "items",
      pageKey: tokenKey,
      handle({ query }) {
        requireAcl(acl);
        const read = () => ({
          index: table.lastIndex,
          value: acl.tokens
            .list(query.prefix)
            .filter(({ value }) => !query.global || value.Global)
            .toSorted((a, b) => a.createIndex - b.createIndex || (a.id < b.id ? -1 : 1))
            .map((row) => tokenStub(acl, row)),
        });
        return { kind: "state", read };
      },
    }),
    ...tokenReads(acl),
    ...tokenWrites(acl),
    ...oneTimeRoutes(acl),
  ];
}

function bootstrapRoute(acl: Acl): Route {
  return route({
    method: ["PUT", "POST"],
    path: "/v1/acl/bootstrap",
    summary: "Make the first management token, once",
    access: open,
    body: jsonBody(v.object({ BootstrapSecret: text }), { whenEmpty: {} }),
    async handle({ body }) {
      requireAcl(acl);
      const token = aclAnswer(await acl.bootstrap(body.BootstrapSecret));
      return { kind: "json", index: token.row.modifyIndex, value: openAnswer(acl, token) };
    },
  });
}

function tokenReads(acl: Acl): Route[] {
  const reading = { method: "GET", access: filtered, tables: [aclTokens, aclRoles] } as const;
  const read = (id: string): Reply => ({
    kind: "state",
    read: () => {
      const row = acl.tokens.get(id);
      const { lastIndex } = acl.context.server.state.view.table(aclTokens);
      if (row === undefined) return { index: lastIndex, value: undefined, missing: "ACL token not found" };
      return { index: row.modifyIndex, value: openAnswer(acl, { row, secret: aclAnswer(acl.tokens.secretOf(row)) }) };
    },
  });
  return [
    route({
      ...reading,
      path: "/v1/acl/token/self",
      summary: "Read the token that asks",
      handle({ token }) {
        const identity = identityOf(acl, token);
        if (identity.kind !== "token") throw new HttpError(403, "Permission denied");
        return read(identity.row.id);
      },
    }),
    route({
      ...reading,
      path: "/v1/acl/token/:accessor",
      summary: "Read a token, with its secret",
      handle({ params, token }) {
        const identity = identityOf(acl, token);
        const own = identity.kind === "token" ? identity.row : undefined;
        if (own === undefined || (own.value.Type !== "management" && own.id !== params.accessor)) {
          throw new HttpError(403, "Permission denied");
        }
        return read(params.accessor);
      },
    }),
  ];
}

function tokenWrites(acl: Acl): Route[] {
  const writing = { method: ["PUT", "POST"], access: management, body: jsonBody(TokenBody) } as const;
  return [
    route({
      ...writing,
      path: "/v1/acl/token",
      summary: "Create a token",
      async handle({ body }) {
        requireAcl(acl);
        const token = aclAnswer(await acl.tokens.create(requestOf(body)));
        return { kind: "json", index: token.row.modifyIndex, value: openAnswer(acl, token) };
      },
    }),
    route({
      ...writing,
      path: "/v1/acl/token/:accessor",
      summary: "Change a token",
      async handle({ params, body }) {
        requireAcl(acl);
        if (body.AccessorID !== "" && body.AccessorID !== params.accessor) {
          throw new HttpError(400, "ACL token ID does not match request path");
        }
        const Identities = acl.tokens.get(params.accessor)?.value.Identities ?? [];
        const request = { ...requestOf(body), Identities };
        const token = aclAnswer(await acl.tokens.update(params.accessor, request));
        return { kind: "json", index: token.row.modifyIndex, value: openAnswer(acl, token) };
      },
    }),
    route({
      method: "DELETE",
      path: "/v1/acl/token/:accessor",
      summary: "Delete a token",
      access: management,
      async handle({ params }) {
        requireAcl(acl);
        return { kind: "empty", status: 200, index: aclAnswer(await acl.tokens.remove(params.accessor)) };
      },
    }),
  ];
}

function oneTimeRoutes(acl: Acl): Route[] {
  return [
    route({
      method: ["PUT", "POST"],
      path: "/v1/acl/token/onetime",
      summary: "Make a stand-in for the token that asks, good for one exchange",
      access: anyToken,
      async handle({ token }) {
        const identity = identityOf(acl, token);
        if (identity.kind !== "token") throw new HttpError(403, "Permission denied");
        const { row, secret } = await acl.oneTime.create(identity.row);
        const OneTimeToken = {
          OneTimeSecretID: secret,
          AccessorID: row.value.AccessorID,
          ExpiresAt: timeText(row.value.ExpiresAt),
          CreateIndex: row.createIndex,
          ModifyIndex: row.modifyIndex,
        };
        return { kind: "json", index: row.modifyIndex, value: { OneTimeToken, Index: row.modifyIndex } };
      },
    }),
    route({
      method: ["PUT", "POST"],
      path: "/v1/acl/token/onetime/exchange",
      summary: "Exchange a stand-in for its token",
      access: open,
      body: jsonBody(v.object({ OneTimeSecretID: text })),
      async handle({ body }) {
        requireAcl(acl);
        const found = aclAnswer(await acl.oneTime.exchange(body.OneTimeSecretID));
        return { kind: "json", index: found.index, value: { Token: openAnswer(acl, found), Index: found.index } };
      },
    }),
  ];
}

function requestOf(body: v.InferOutput<typeof TokenBody>): TokenRequest {
  const { AccessorID: _accessor, ...request } = body;
  return request;
}
