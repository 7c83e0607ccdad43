import { fail, succeed, type Result } from "#base/env/errors.ts";

/** Of all keys and values together. https://developer.hashicorp.com/nomad/api-docs/variables/variables#restrictions */
export const MAX_ITEMS_BYTES = 64 * 1024;
export const MIN_LOCK_NS = 10e9;
export const MAX_LOCK_NS = 24 * 3600e9;
/** Of a lock that names no times of its own. */
export const DEFAULT_LOCK_NS = 15e9;

const PATH = /^[a-zA-Z0-9-_~/]{1,128}$/;

export type Items = Readonly<Record<string, string>>;

/** Paths below `nomad/` belong to jobs, whose tasks may read them by their name alone. */
export function checkPath(path: string): Result<void> {
  if (!PATH.test(path)) {
    return fail(
      "invalid",
      `invalid path ${JSON.stringify(path)}: expected ${PATH}`,
      "use letters, digits, - _ ~ and /",
    );
  }
  if (path !== "nomad" && !path.startsWith("nomad/")) return succeed(undefined);
  const [, owner = "", ...rest] = path.split("/");
  if (owner === "jobs" && rest.every((part) => part !== "")) return succeed(undefined);
  if (owner === "job-templates" && rest.length === 1 && rest[0] !== "") return succeed(undefined);
  return fail(
    "invalid",
    `invalid path "${path}": below "nomad" only "nomad/jobs", what is below it, and "nomad/job-templates/NAME" are allowed`,
  );
}

export function checkItems(items: Items): Result<void> {
  let size = 0;
  for (const [key, value] of Object.entries(items)) size += Buffer.byteLength(key) + Buffer.byteLength(value);
  if (size <= MAX_ITEMS_BYTES) return succeed(undefined);
  return fail("invalid", `variables are limited to 64KiB in total size, and these items have ${size} bytes`);
}

export function checkLockTimes(times: { readonly TTL: number; readonly LockDelay: number }): Result<void> {
  for (const [name, ns] of Object.entries(times)) {
    if (ns < MIN_LOCK_NS || ns > MAX_LOCK_NS) {
      return fail("invalid", `lock ${name} of ${ns / 1e9}s: expected between 10 seconds and 24 hours`);
    }
  }
  return succeed(undefined);
}
