import { parseVersion, compareVersions } from "#base/language/version.ts";
import type { UpdateRecord } from "./update-record.ts";

/** An update on a stick that is made for this machine. */
export interface StickUpdate {
  readonly file: string;
  readonly version: string;
}

export type StickChoice =
  | { readonly kind: "take"; readonly update: StickUpdate }
  | { readonly kind: "pass"; readonly why: string };

/**
 * Takes the newest that is newer than what runs. One that failed here before is passed over: the stick still is in the
 * machine when it comes back.
 */
export function chooseUpdate(
  found: readonly StickUpdate[],
  running: string,
  last: UpdateRecord | undefined,
): StickChoice {
  const [newest] = found.toSorted((a, b) => compare(b.version, a.version));
  if (newest === undefined) return { kind: "pass", why: "there is no update for this machine on it" };
  if (compare(newest.version, running) <= 0)
    return { kind: "pass", why: `${newest.version} is no newer than ${running}` };
  if (last?.state === "failed" && last.version === newest.version)
    return {
      kind: "pass",
      why: `${newest.version} failed here before: ${last.reason ?? "no reason known"} (\`lares os update\` tries it again)`,
    };
  return { kind: "take", update: newest };
}

/** What is no version is older than any. */
function compare(a: string, b: string): number {
  const [left, right] = [parseVersion(a), parseVersion(b)];
  if (left === undefined || right === undefined) return Number(left !== undefined) - Number(right !== undefined);
  return compareVersions(left, right);
}
