import { parseVersion } from "#base/language/version.ts";
import { fail, succeed, type Result } from "#base/env/errors.ts";
import { lockChanges } from "../../oci/locked-packages.ts";

/** A line of the lock, before its packages; there is none until they change for the first time. */
const LINE = /^# version (.*)\n?/m;

/**
 * The version of what is built from a lock. Each change of the packages within one version of Lares counts one part more
 * on: 0.1.0, 0.1.0.1, 0.1.0.2, 0.1.1. Build metadata (`0.1.0+1`) would not do: it has no order (semver.org, section 10),
 * and neither os-release(5) nor the tag of a container image takes a `+`.
 */
export function versionOf(lares: string, lock: string): Result<string> {
  const [, written = lares] = LINE.exec(lock) ?? [];
  if (parseVersion(written) === undefined)
    return fail(
      "os_lock_version",
      `the version in the lock is "${written}"`,
      `expected a line "# version ${lares}.1", or none`,
    );
  // One that counts on from another Lares is over.
  return succeed(revisionOf(lares, written) === 0 ? lares : written);
}

/** The lock after its packages were taken anew: as it was where they are the same, else with the next version. */
export function raisedLock(lares: string, before: string, packages: string): Result<string> {
  if (before === "") return succeed(packages);
  const version = versionOf(lares, before);
  if (!version.ok) return version;
  if (lockChanges(before, packages).length === 0) return succeed(before);
  return succeed(`# version ${lares}.${revisionOf(lares, version.value) + 1}\n${packages}`);
}

/** How often packages changed; 0: never, or the version is not of this Lares. */
function revisionOf(lares: string, version: string): number {
  const more = version.startsWith(`${lares}.`) ? version.slice(lares.length + 1) : "";
  return /^[1-9]\d*$/.test(more) ? Number(more) : 0;
}
