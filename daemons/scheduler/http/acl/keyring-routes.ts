import * as v from "valibot";
import { HttpError } from "#base/http/http-error.ts";
import { queryFlag, queryInteger } from "#base/http/query.ts";
import { route, type Route } from "#base/http/route.ts";
import type { RootKey } from "#base/protocol/keyring.ts";
import type { Row } from "#base/state/table.ts";
import { rootKeys } from "#base/state/tables.ts";
import type { Acl } from "../../server/acl/acl.ts";
import { aclAnswer, open } from "./acl-requests.ts";
import { management, rotateKeyring } from "../requests.ts";

/** https://developer.hashicorp.com/nomad/api-docs/operator/keyring */
export function keyringRoutes(acl: Acl): Route[] {
  const { keyring, state } = acl.context.server;
  const table = state.view.table(rootKeys);
  return [
    route({
      method: "GET",
      path: "/v1/operator/keyring/keys",
      summary: "List root keys, without what they are made of",
      access: management,
      tables: [rootKeys],
      filter: "items",
      handle: () => ({ kind: "state", read: () => ({ index: table.lastIndex, value: keyring.list().map(keyAnswer) }) }),
    }),
    route({
      method: ["PUT", "POST"],
      path: "/v1/operator/keyring/rotate",
      summary: "Make a new root key",
      access: rotateKeyring,
      query: v.object({ full: queryFlag, publish_time: queryInteger, algorithm: v.optional(v.string(), "") }),
      async handle({ query }) {
        if (query.algorithm !== "" && query.algorithm !== "aes256-gcm") {
          throw new HttpError(400, `unknown algorithm ${JSON.stringify(query.algorithm)}: expected aes256-gcm`);
        }
        const rotated = await keyring.rotate({ full: query.full, publishNs: query.publish_time ?? 0 });
        if (!rotated.ok) throw new HttpError(400, rotated.error.message);
        const row = rotated.value;
        return { kind: "json", index: row.modifyIndex, value: { Key: keyAnswer(row), Index: row.modifyIndex } };
      },
    }),
    route({
      method: "DELETE",
      path: "/v1/operator/keyring/key/:id",
      summary: "Delete a root key that is not in use",
      access: management,
      query: v.object({ force: queryFlag }),
      async handle({ params, query }) {
        const removed = await keyring.remove(params.id, query.force);
        if (!removed.ok && removed.error.code !== "not_found") throw new HttpError(400, removed.error.message);
        const index = aclAnswer(removed);
        return { kind: "json", index, value: { Index: index } };
      },
    }),
    ...wellKnownRoutes(acl),
  ];
}

/** What others need to check identities. https://openid.net/specs/openid-connect-discovery-1_0.html */
function wellKnownRoutes({ identities, context }: Acl): Route[] {
  const { oidcIssuer } = context.settings;
  const table = context.server.state.view.table(rootKeys);
  const asJson = { "Cache-Control": "max-age=60" };
  return [
    route({
      method: "GET",
      path: "/.well-known/jwks.json",
      summary: "The public keys that workload identities are signed with",
      access: open,
      tables: [rootKeys],
      handle: () => ({
        kind: "state",
        read: () => ({ index: table.lastIndex, value: { keys: identities.jwks() }, headers: asJson }),
      }),
    }),
    route({
      method: "GET",
      path: "/.well-known/openid-configuration",
      summary: "Where an OpenID Connect relying party finds them",
      access: open,
      handle() {
        if (oidcIssuer === "") throw new HttpError(404, "OIDC Discovery endpoint disabled: set server { oidc_issuer }");
        const value = {
          issuer: oidcIssuer,
          jwks_uri: `${oidcIssuer.replace(/\/+$/, "")}/.well-known/jwks.json`,
          id_token_signing_alg_values_supported: ["RS256", "EdDSA"],
          response_types_supported: ["code"],
          subject_types_supported: ["public"],
        };
        return { kind: "json", value, headers: asJson };
      },
    }),
  ];
}

function keyAnswer({ value, createIndex, modifyIndex }: Row<RootKey>) {
  const { Wrapped: _wrapped, RetireTime: _retired, ...known } = value;
  return { ...known, CreateIndex: createIndex, ModifyIndex: modifyIndex };
}
