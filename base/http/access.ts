import type { AccessRule, RouteRequest } from "./route.ts";

export type AccessVerdict = { readonly allowed: true } | { readonly allowed: false; readonly message: string };

/** Decides whether a token opens a route. Asked before query and body are parsed, which are undefined here. */
export type AccessPolicy = (rule: AccessRule, request: RouteRequest) => AccessVerdict | Promise<AccessVerdict>;

/** No access control: for listeners that only the machine's own users reach. */
export const openAccess: AccessPolicy = () => ({ allowed: true });
