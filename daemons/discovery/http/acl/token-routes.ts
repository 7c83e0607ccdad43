import * as v from "valibot";
import { jsonBody } from "#base/http/body.ts";
import { HttpError } from "#base/http/http-error.ts";
import { queryText } from "#base/http/query.ts";
import { route, type Route } from "#base/http/route.ts";
import { durationInput, timeInput } from "#base/http/time-input.ts";
import type { AclToken } from "#base/protocol/acl.ts";
import { flag, list, text } from "#base/protocol/schema.ts";
import type { Row } from "#base/state/table.ts";
import type { ConsulDeps } from "../consul-deps.ts";
import { aclAnswer, keeperOf, MAX_ACL_BODY_BYTES, notFound, open, readAcl, writeAcl } from "./acl-access.ts";
import { ANONYMOUS, tokenAnswer } from "./acl-answers.ts";
import type { AclKeeper, HeldToken, TokenWish } from "./acl-keeper.ts";
import { identitiesOf, identityFields } from "./identities.ts";
import { GLOBAL_MANAGEMENT, policyNames, policyWithId } from "./policy-links.ts";

const links = list(v.object({ ID: text, Name: text }));
const TokenBody = v.object({
  AccessorID: text,
  SecretID: text,
  Description: text,
  Policies: links,
  Roles: links,
  ...identityFields,
  Local: flag,
  ExpirationTime: timeInput,
  ExpirationTTL: durationInput,
});
type TokenBody = v.InferOutput<typeof TokenBody>;

/** https://developer.hashicorp.com/consul/api-docs/acl/tokens */
export function tokenRoutes(deps: ConsulDeps): Route[] {
  return [...tokenReads(deps), ...tokenWrites(deps), ...copiesAndEnds(deps)];
}

function tokenReads(deps: ConsulDeps): Route[] {
  const { datacenter } = deps.config;
  return [
    route({
      method: "GET",
      path: "/v1/acl/tokens",
      summary: "List tokens",
      access: readAcl,
      query: v.object({ policy: queryText, role: queryText, authmethod: queryText, servicename: queryText }),
      handle({ query, access }) {
        const keeper = keeperOf(deps);
        const policy = query.policy === "" ? "" : policyNameOf(keeper, query.policy);
        const wanted = ({ value }: Row<AclToken>): boolean =>
          (policy === "" || holdsPolicy(value, policy)) &&
          (query.role === "" || value.Roles.includes(query.role)) &&
          (query.authmethod === "" || value.AuthMethod === query.authmethod) &&
          (query.servicename === "" || value.Identities.includes(`service/${query.servicename}`));
        // Whoever may only read learns what there is, not what opens the doors.
        const shows = access.isManagement || access.allows("acl", "write", "");
        const held = keeper.tokens.list("").filter((row) => wanted(row) && !keeper.tokens.isExpired(row));
        const value = held
          .map((row) => ({ row, secret: shows ? aclAnswer(keeper.tokens.secretOf(row)) : HIDDEN }))
          .map((token) => tokenAnswer(keeper, token, datacenter));
        return { kind: "json", value };
      },
    }),
    route({
      method: "GET",
      path: "/v1/acl/token/self",
      summary: "Read the token that asks",
      access: open,
      handle({ token }) {
        const keeper = keeperOf(deps);
        const row = token === "" ? undefined : keeper.tokens.bySecret(token);
        if (row === undefined || keeper.tokens.isExpired(row)) throw new HttpError(403, "ACL not found");
        return { kind: "json", value: tokenAnswer(keeper, { row, secret: token }, datacenter) };
      },
    }),
    route({
      method: "GET",
      path: "/v1/acl/token/:accessor",
      summary: "Read a token",
      access: readAcl,
      handle({ params, access }) {
        const keeper = keeperOf(deps);
        const { row, secret } = find(keeper, params.accessor);
        const shows = access.isManagement || access.allows("acl", "write", "");
        return { kind: "json", value: tokenAnswer(keeper, { row, secret: shows ? secret : HIDDEN }, datacenter) };
      },
    }),
  ];
}

/** As Consul shows the secrets of others. */
const HIDDEN = "<hidden>";

function tokenWrites(deps: ConsulDeps): Route[] {
  const { datacenter } = deps.config;
  const writing = {
    method: "PUT",
    access: writeAcl,
    body: jsonBody(TokenBody, { whenEmpty: {} }),
    maxBodyBytes: MAX_ACL_BODY_BYTES,
  } as const;
  const answer = (keeper: AclKeeper, token: HeldToken) =>
    ({ kind: "json", value: tokenAnswer(keeper, token, datacenter) }) as const;
  return [
    route({
      ...writing,
      path: "/v1/acl/token",
      summary: "Create a token",
      async handle({ body }) {
        const keeper = keeperOf(deps);
        const own = { accessorId: body.AccessorID, secret: body.SecretID };
        return answer(keeper, aclAnswer(await keeper.tokens.create(wishOf(keeper, body, datacenter), own)));
      },
    }),
    route({
      ...writing,
      path: "/v1/acl/token/:accessor",
      summary: "Change a token",
      async handle({ params, body }) {
        const keeper = keeperOf(deps);
        if (body.AccessorID !== "" && body.AccessorID !== params.accessor)
          throw new HttpError(400, "Token Accessor ID in URL and payload do not match");
        const wish = wishOf(keeper, body, datacenter);
        if (params.accessor === ANONYMOUS.accessorId && keeper.tokens.get(params.accessor) === undefined)
          return answer(keeper, aclAnswer(await keeper.tokens.create({ ...wish, Global: true }, ANONYMOUS)));
        const { row } = find(keeper, params.accessor);
        const request = { ...wish, Global: row.value.Global };
        return answer(keeper, aclAnswer(await keeper.tokens.update(params.accessor, request)));
      },
    }),
  ];
}

function copiesAndEnds(deps: ConsulDeps): Route[] {
  return [
    route({
      method: "PUT",
      access: writeAcl,
      body: jsonBody(v.object({ Description: text }), { whenEmpty: {} }),
      path: "/v1/acl/token/:accessor/clone",
      summary: "Create a token like another",
      async handle({ params, body }) {
        const keeper = keeperOf(deps);
        const { value } = find(keeper, params.accessor).row;
        const wish: TokenWish = {
          ...value,
          Name: body.Description === "" ? value.Name : body.Description,
          Roles: value.Roles.map((ID) => ({ ID, Name: "" })),
          mayBeEmpty: true,
          ExpirationTime: 0,
          ExpirationTTL: value.ExpirationTTL,
        };
        const made = aclAnswer(await keeper.tokens.create(wish, { accessorId: "", secret: "" }));
        return { kind: "json", value: tokenAnswer(keeper, made, deps.config.datacenter) };
      },
    }),
    route({
      method: "DELETE",
      path: "/v1/acl/token/:accessor",
      summary: "Delete a token",
      access: writeAcl,
      async handle({ params }) {
        const keeper = keeperOf(deps);
        if (params.accessor === ANONYMOUS.accessorId)
          throw new HttpError(400, "Cannot delete the anonymous token: change what it may do");
        find(keeper, params.accessor);
        aclAnswer(await keeper.tokens.remove(params.accessor));
        return { kind: "json", value: true };
      },
    }),
  ];
}

function wishOf(keeper: AclKeeper, body: TokenBody, datacenter: string): TokenWish {
  const policies = policyNames(keeper, body.Policies);
  const management = policies.includes(GLOBAL_MANAGEMENT.Name);
  return {
    Name: body.Description,
    // It grants everything, so nothing else that the token holds counts.
    Type: management ? "management" : "client",
    Policies: management ? [] : policies,
    Roles: management ? [] : body.Roles,
    Identities: management ? [] : identitiesOf(body, datacenter),
    mayBeEmpty: true,
    Global: !body.Local,
    ExpirationTime: body.ExpirationTime,
    ExpirationTTL: body.ExpirationTTL,
  };
}

function find(keeper: AclKeeper, accessor: string): HeldToken {
  const row = keeper.tokens.get(accessor);
  if (row === undefined || keeper.tokens.isExpired(row)) throw notFound("token");
  return { row, secret: aclAnswer(keeper.tokens.secretOf(row)) };
}

function policyNameOf(keeper: AclKeeper, id: string): string {
  if (id === GLOBAL_MANAGEMENT.ID) return GLOBAL_MANAGEMENT.Name;
  return policyWithId(keeper, id)?.id ?? id;
}

function holdsPolicy({ Type, Policies }: AclToken, name: string): boolean {
  return name === GLOBAL_MANAGEMENT.Name ? Type === "management" : Policies.includes(name);
}
