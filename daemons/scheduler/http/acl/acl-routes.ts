import type { Route } from "#base/http/route.ts";
import type { Acl } from "../../server/acl/acl.ts";
import { authMethodRoutes } from "./auth-method-routes.ts";
import { bindingRuleRoutes } from "./binding-rule-routes.ts";
import { introductionRoutes } from "./introduction-routes.ts";
import { keyringRoutes } from "./keyring-routes.ts";
import { loginRoutes } from "./login-routes.ts";
import { policyRoutes } from "./policy-routes.ts";
import { roleRoutes } from "./role-routes.ts";
import { tokenRoutes } from "./token-routes.ts";

/** Tokens, policies, roles, logins and keys. https://developer.hashicorp.com/nomad/api-docs/acl */
export function aclRoutes(acl: Acl): Route[] {
  return [
    ...tokenRoutes(acl),
    ...policyRoutes(acl),
    ...roleRoutes(acl),
    ...authMethodRoutes(acl),
    ...bindingRuleRoutes(acl),
    ...loginRoutes(acl),
    ...introductionRoutes(acl),
    ...keyringRoutes(acl),
  ];
}
