import type { View } from "#base/state/table.ts";
import { catalogChecks } from "#base/state/tables.ts";
import { checksOfInstance } from "../catalog/instances.ts";
import type { LocalState } from "../local/local-state.ts";
import type { ProbeResult } from "./probe.ts";
import { worstStatus } from "./threshold.ts";

/** Keeps alias checks at the worst status of what they stand for, as soon as that changes. Returns what ends it. */
export function followAliases(state: LocalState, view: View): () => void {
  const refresh = (id: string): void => {
    const check = state.checks.get(id);
    if (check?.registration.spec.probe.kind !== "alias") return;
    const { node, serviceId } = check.registration.spec.probe;
    check.runner.follow(aliasResult(view, id, { node, serviceId }));
  };
  const aliases = new Set<string>();
  const stopState = state.onChange(({ kind, id }) => {
    if (kind !== "check") return;
    if (state.checks.get(id)?.registration.spec.probe.kind !== "alias") return void aliases.delete(id);
    if (aliases.has(id)) return;
    aliases.add(id);
    refresh(id);
  });
  const stopView = view.onChange(({ rows }) => {
    if (aliases.size > 0 && rows.some((row) => row.table === catalogChecks.name)) for (const id of aliases) refresh(id);
  });
  return () => {
    stopState();
    stopView();
  };
}

function aliasResult(
  view: View,
  aliasId: string,
  of: { readonly node: string; readonly serviceId: string },
): ProbeResult {
  const checks = checksOfInstance(view, of.node, of.serviceId)
    .map((row) => row.value)
    .filter((check) => check.CheckID !== aliasId);
  if (checks.length === 0) return { status: "passing", output: "No checks found." };
  const bad = checks.find((check) => check.Status === "critical") ?? checks.find((check) => check.Status === "warning");
  if (bad === undefined) return { status: "passing", output: "All checks passing." };
  const output = `Aliased check "${bad.Name}" ${bad.Status === "critical" ? "failing" : "warning"}: ${bad.Output}`;
  return { status: worstStatus(checks.map((check) => check.Status)), output };
}
