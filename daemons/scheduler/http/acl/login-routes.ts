import * as v from "valibot";
import { jsonBody } from "#base/http/body.ts";
import { route, type Reply, type Route } from "#base/http/route.ts";
import type { Result } from "#base/env/errors.ts";
import { text } from "#base/protocol/schema.ts";
import type { Acl } from "../../server/acl/acl.ts";
import type { OpenToken } from "../../server/acl/token-endpoint.ts";
import { aclAnswer, open, requireAcl } from "./acl-requests.ts";
import { openAnswer } from "./token-answer.ts";

const about = { AuthMethodName: text, RedirectURI: text, ClientNonce: text };

/** https://developer.hashicorp.com/nomad/api-docs/acl/login and …/oidc */
export function loginRoutes(acl: Acl): Route[] {
  const answer = (token: Result<OpenToken>): Reply => {
    const found = aclAnswer(token);
    return { kind: "json", index: found.row.modifyIndex, value: openAnswer(acl, found) };
  };
  const login = { method: ["PUT", "POST"], access: open } as const;
  return [
    route({
      ...login,
      path: "/v1/acl/login",
      summary: "Log in with a token of somebody else",
      body: jsonBody(v.object({ AuthMethodName: text, LoginToken: text })),
      target: ({ AuthMethodName }) => `login by ${AuthMethodName}`,
      async handle({ body }) {
        requireAcl(acl);
        return answer(await acl.logins.login(body.AuthMethodName, body.LoginToken));
      },
    }),
    route({
      ...login,
      path: "/v1/acl/oidc/auth-url",
      summary: "Where to log in with OpenID Connect",
      body: jsonBody(v.object(about)),
      target: ({ AuthMethodName }) => `login by ${AuthMethodName}`,
      async handle({ body }) {
        requireAcl(acl);
        const { AuthMethodName: method, RedirectURI: redirectUri, ClientNonce: clientNonce } = body;
        const AuthURL = aclAnswer(await acl.logins.authUrl({ method, redirectUri, clientNonce }));
        return { kind: "json", value: { AuthURL } };
      },
    }),
    route({
      ...login,
      path: "/v1/acl/oidc/complete-auth",
      summary: "Finish a login with OpenID Connect",
      body: jsonBody(v.object({ ...about, State: text, Code: text })),
      target: ({ AuthMethodName }) => `login by ${AuthMethodName}`,
      async handle({ body }) {
        requireAcl(acl);
        const { AuthMethodName: method, RedirectURI: redirectUri, ClientNonce: clientNonce } = body;
        const question = { method, redirectUri, clientNonce, state: body.State, code: body.Code };
        return answer(await acl.logins.completeAuth(question));
      },
    }),
  ];
}
