import { HttpError } from "#base/http/http-error.ts";
import { route, type Method, type Route } from "#base/http/route.ts";

const ANY: readonly Method[] = ["GET", "PUT", "POST", "DELETE"];
/** What the API's users know to mean "not in this edition". */
export const ENTERPRISE_ONLY = "Nomad Enterprise only endpoint";

const PATHS = [
  "/v1/quotas",
  "/v1/quota-usages",
  "/v1/quota",
  "/v1/quota/+name",
  "/v1/sentinel/policies",
  "/v1/sentinel/policy/:name",
  "/v1/recommendations",
  "/v1/recommendations/apply",
  "/v1/recommendation",
  "/v1/recommendation/:id",
  "/v1/operator/license",
  "/v1/operator/utilization",
] as const;

/** Routes of things that do not exist here: 501, so that clients go on without them. */
export function enterpriseRoutes(): Route[] {
  return PATHS.map((path) => missing(path, ENTERPRISE_ONLY));
}

function missing(path: `/v1/${string}`, why: string): Route {
  return route({
    method: ANY,
    path,
    summary: "Not available: answers 501",
    group: "enterprise",
    access: { kind: "any-token" },
    handle: () => {
      throw new HttpError(501, why);
    },
  });
}
