import { parseDuration } from "#base/language/duration.ts";
import { GLOBAL } from "#base/protocol/keys.ts";
import type { View } from "#base/state/table.ts";
import { allocReports, allocs, autopilotConfigurations, evals } from "#base/state/tables.ts";

const NS_PER_MS = 1e6;
/** On a slow machine whoever waits for the third server sees it some seconds late, and gives the cluster its first job then. */
const LEAST_MS = 30_000;

/** Something is being decided or started: an evaluation that waits for nothing, or an allocation none of whose tasks runs yet. */
export function isPlacing(view: View): boolean {
  for (const { value } of view.table(evals).by("status", "pending")) if (value.WaitUntil === 0) return true;
  const reports = view.table(allocReports);
  for (const { namespace, id, value } of view.table(allocs).each()) {
    if (value.DesiredStatus !== "run") continue;
    if ((reports.get(namespace, id)?.value.ClientStatus ?? "pending") === "pending") return true;
  }
  return false;
}

/** Autopilot's `ServerStabilizationTime` where that is longer. https://developer.hashicorp.com/nomad/api-docs/operator/autopilot */
export function stabilizationMs(view: View): number {
  const set = view.table(autopilotConfigurations).get(GLOBAL, "current")?.value.ServerStabilizationTime;
  return Math.max(LEAST_MS, (parseDuration(set ?? "") ?? 0) / NS_PER_MS);
}
