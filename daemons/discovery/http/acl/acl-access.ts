import { HttpError } from "#base/http/http-error.ts";
import type { Result } from "#base/env/errors.ts";
import type { ConsulDeps } from "../consul-deps.ts";
import { capability } from "../consul-deps.ts";
import type { AclKeeper } from "./acl-keeper.ts";

/** Most bodies are small; policies are the largest. */
export const MAX_ACL_BODY_BYTES = 1024 * 1024;

export const readAcl = capability("acl", "read");
export const writeAcl = capability("acl", "write");
export const open = { kind: "public" } as const;

/** Throws the 401 that users know where access is not controlled. */
export function keeperOf({ surroundings }: ConsulDeps): AclKeeper {
  const { acl } = surroundings;
  if (acl === undefined || !acl.enabled) throw new HttpError(401, "ACL support disabled");
  return acl;
}

const STATUS: Readonly<Record<string, number>> = {
  not_found: 404,
  invalid: 400,
  bad_secret: 400,
  conflict: 409,
  done: 403,
  refused: 403,
  forbidden: 403,
  provider: 500,
};

/** The value, or the failure as an answer. */
export function aclAnswer<T>(result: Result<T>): T {
  if (result.ok) return result.value;
  const { code, message, hint } = result.error;
  const text = code === "done" ? `Permission denied: ${message.replace("already done", "no longer allowed")}` : message;
  throw new HttpError(STATUS[code] ?? 500, hint === undefined ? text : `${text}; ${hint}`);
}

/** What clients look for in the text when something is missing. */
export function notFound(what: string): HttpError {
  return new HttpError(404, `Requested ${what} does not exist: ACL not found`);
}
