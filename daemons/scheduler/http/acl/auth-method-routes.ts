import * as v from "valibot";
import { jsonBody } from "#base/http/body.ts";
import { HttpError } from "#base/http/http-error.ts";
import { queryText } from "#base/http/query.ts";
import { route, type Reply, type Route } from "#base/http/route.ts";
import { formatDuration } from "#base/language/duration.ts";
import { AUTH_METHOD_TYPES, TOKEN_LOCALITIES, type AuthMethod } from "#base/protocol/acl.ts";
import { flag, text, textMap, texts } from "#base/protocol/schema.ts";
import type { Row } from "#base/state/table.ts";
import { authMethods } from "#base/state/tables.ts";
import type { Acl } from "../../server/acl/acl.ts";
import { REDACTED } from "../../server/acl/login/auth-method-endpoint.ts";
import { contentHash } from "../../server/acl/secret.ts";
import { durationInput } from "#base/http/time-input.ts";
import { aclAnswer, open, requireAcl, timeText } from "./acl-requests.ts";
import { management } from "../requests.ts";

const ConfigBody = v.object({
  JWTValidationPubKeys: texts,
  JWKSURL: text,
  JWKSCACert: text,
  OIDCDiscoveryURL: text,
  OIDCClientID: text,
  OIDCClientSecret: text,
  OIDCEnablePKCE: flag,
  OIDCDisableUserInfo: flag,
  OIDCScopes: texts,
  BoundAudiences: texts,
  BoundIssuer: texts,
  AllowedRedirectURIs: texts,
  DiscoveryCaPem: texts,
  SigningAlgs: texts,
  ExpirationLeeway: durationInput,
  NotBeforeLeeway: durationInput,
  ClockSkewLeeway: durationInput,
  ClaimMappings: textMap,
  ListClaimMappings: textMap,
  VerboseLogging: flag,
});
const MethodBody = v.object({
  Name: text,
  Type: v.picklist(AUTH_METHOD_TYPES),
  TokenLocality: v.picklist(TOKEN_LOCALITIES),
  TokenNameFormat: text,
  MaxTokenTTL: durationInput,
  Default: flag,
  Config: v.nullish(ConfigBody, () => v.parse(ConfigBody, {})),
});
type MethodBody = v.InferOutput<typeof MethodBody>;

/** https://developer.hashicorp.com/nomad/api-docs/acl/auth-methods */
export function authMethodRoutes(acl: Acl): Route[] {
  const table = acl.context.server.state.view.table(authMethods);
  return [
    route({
      method: "GET",
      path: "/v1/acl/auth-methods",
      summary: "List the ways to log in, to everybody",
      access: open,
      query: v.object({ prefix: queryText }),
      tables: [authMethods],
      filter: "items",
      handle({ query }) {
        requireAcl(acl);
        const read = () => ({ index: table.lastIndex, value: acl.methods.list(query.prefix).map(methodStub) });
        return { kind: "state", read };
      },
    }),
    route({
      method: "GET",
      path: "/v1/acl/auth-method/:name",
      summary: "Read a way to log in",
      access: management,
      tables: [authMethods],
      handle({ params }) {
        requireAcl(acl);
        const read = () => {
          const row = acl.methods.get(params.name);
          const value = row === undefined ? undefined : methodAnswer(row);
          return { index: row?.modifyIndex ?? table.lastIndex, value, missing: "ACL auth-method not found" };
        };
        return { kind: "state", read };
      },
    }),
    ...methodWrites(acl),
  ];
}

function methodWrites(acl: Acl): Route[] {
  const write = async (body: MethodBody): Promise<Reply> => {
    requireAcl(acl);
    const { OIDCClientSecret: clientSecret, ...Config } = body.Config;
    const sealed = { ...Config, OIDCClientSecret: { KeyID: "", Data: "" } };
    const row = aclAnswer(await acl.methods.upsert({ ...body, Config: sealed, clientSecret }));
    return { kind: "json", index: row.modifyIndex, value: methodAnswer(row) };
  };
  const writing = { method: ["PUT", "POST"], access: management, body: jsonBody(MethodBody) } as const;
  return [
    route({
      ...writing,
      path: "/v1/acl/auth-method",
      summary: "Create a way to log in",
      target: ({ Name }) => `auth-method ${Name}`,
      handle: ({ body }) => write(body),
    }),
    route({
      ...writing,
      path: "/v1/acl/auth-method/:name",
      summary: "Change a way to log in",
      handle({ params, body }) {
        if (body.Name !== "" && body.Name !== params.name) {
          throw new HttpError(400, "ACL auth-method name does not match request path");
        }
        return write({ ...body, Name: params.name });
      },
    }),
    route({
      method: "DELETE",
      path: "/v1/acl/auth-method/:name",
      summary: "Delete a way to log in, with its rules",
      access: management,
      async handle({ params }) {
        requireAcl(acl);
        return { kind: "empty", status: 200, index: aclAnswer(await acl.methods.remove(params.name)) };
      },
    }),
  ];
}

function methodStub({ value, createIndex, modifyIndex }: Row<AuthMethod>) {
  const { Name, Type, Default } = value;
  return { Name, Type, Default, Hash: contentHash(value), CreateIndex: createIndex, ModifyIndex: modifyIndex };
}

export function methodAnswer(row: Row<AuthMethod>) {
  const { Config, CreateTime, ModifyTime, MaxTokenTTL, ...rest } = row.value;
  const { ExpirationLeeway, NotBeforeLeeway, ClockSkewLeeway } = Config;
  return {
    ...rest,
    ...methodStub(row),
    MaxTokenTTL: formatDuration(MaxTokenTTL),
    Config: {
      ...Config,
      OIDCClientSecret: Config.OIDCClientSecret.KeyID === "" ? "" : REDACTED,
      ExpirationLeeway: formatDuration(ExpirationLeeway),
      NotBeforeLeeway: formatDuration(NotBeforeLeeway),
      ClockSkewLeeway: formatDuration(ClockSkewLeeway),
    },
    CreateTime: timeText(CreateTime),
    ModifyTime: timeText(ModifyTime),
  };
}
