import type { Result } from "#base/env/errors.ts";
import { HttpError } from "#base/http/http-error.ts";
import type { Acl } from "../../server/acl/acl.ts";
import type { Identity } from "../../server/acl/resolver.ts";

/** Most bodies here are small; policies are the largest. */
export const MAX_ACL_BODY_BYTES = 1024 * 1024;

export const anyToken = { kind: "any-token" } as const;
export const open = { kind: "public" } as const;
/** The handler shows everybody their own. */
export const filtered = { kind: "filtered" } as const;

const STATUS: Readonly<Record<string, number>> = {
  not_found: 404,
  invalid: 400,
  conflict: 409,
  bad_secret: 400,
  done: 400,
  forbidden: 403,
  unknown_token: 403,
  expired_token: 403,
  bad_identity: 403,
  refused: 403,
  provider: 500,
};

/** The value, or the failure as the answer its users know. */
export function aclAnswer<T>(result: Result<T>): T {
  if (result.ok) return result.value;
  const { code, message, hint } = result.error;
  throw new HttpError(STATUS[code] ?? 500, hint === undefined ? message : `${message} (${hint})`);
}

/** Throws the 400 that users know where access is not controlled. */
export function requireAcl(acl: Acl): void {
  if (!acl.enabled) throw new HttpError(400, "ACL support disabled");
}

/** Who asks. Throws a 403 for a token that does not count. */
export function identityOf(acl: Acl, token: string): Identity {
  requireAcl(acl);
  return aclAnswer(acl.resolver.identify(token));
}

/** Nanoseconds → RFC 3339. */
export function timeText(ns: number): string {
  return new Date(ns / 1e6).toISOString();
}
