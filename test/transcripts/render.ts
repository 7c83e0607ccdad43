import type { SchedulerServer } from "#daemons/scheduler/server/server.ts";
import { formatDuration } from "#base/language/duration.ts";
import { clientStatus, type KnownAlloc } from "#daemons/scheduler/server/alloc-state.ts";
import { healthOf } from "#daemons/scheduler/server/health.ts";
import { countedGroups } from "#daemons/scheduler/server/deploy/assess.ts";
import { standingOf } from "#daemons/scheduler/server/job-status.ts";
import { allocs, deployments, evals, jobs, nodes } from "#base/state/tables.ts";

/** Names for ids that are drawn: `a1`, `a2`, … in the order they came up. */
export class Labels {
  readonly #labels = new Map<string, string>();
  readonly #ids = new Map<string, string>();
  readonly #counts = new Map<string, number>();

  of(kind: string, id: string): string {
    const known = this.#labels.get(id);
    if (known !== undefined) return known;
    const count = (this.#counts.get(kind) ?? 0) + 1;
    this.#counts.set(kind, count);
    const label = `${kind}${count}`;
    this.#labels.set(id, label);
    this.#ids.set(label, id);
    return label;
  }

  idOf(label: string): string {
    const id = this.#ids.get(label);
    if (id === undefined) throw new Error(`nothing is called ${label}`);
    return id;
  }
}

/** All that can be seen of the cluster, one line per thing. */
export function picture(server: SchedulerServer, labels: Labels, nowNs: number): Map<string, string> {
  const { state } = server.context;
  const lines = new Map<string, string>();
  for (const { id } of state.view.table(nodes).list()) lines.set(`node ${id}`, nodeLine(server, id));
  for (const row of state.view.table(jobs).list()) {
    const { status } = standingOf(state, row);
    const stable = state.jobVersion(row.namespace, row.id, row.value.Version)?.value.Stable === true ? " stable" : "";
    lines.set(`job ${row.id}`, `v${row.value.Version}${stable} ${status}`);
  }
  const found = [...state.view.table(allocs).list()].map((row) => state.known(row));
  const order = (a: KnownAlloc, b: KnownAlloc): number =>
    a.createIndex - b.createIndex ||
    compare(a.alloc.JobID, b.alloc.JobID) ||
    compare(a.alloc.Name, b.alloc.Name) ||
    compare(a.alloc.NodeID, b.alloc.NodeID);
  for (const known of found.toSorted(order)) {
    const { ID, Name } = known.alloc;
    lines.set(`${labels.of("a", ID)} ${Name.replace(/^[^.]*\./, "")}`, allocLine(known, labels));
  }
  for (const row of [...state.view.table(deployments).list()].toSorted((a, b) => a.createIndex - b.createIndex)) {
    lines.set(labels.of("d", row.id), deploymentLine(server, row.id));
  }
  const open = [...state.view.table(evals).list()].filter(({ value }) => ["pending", "blocked"].includes(value.Status));
  for (const { id, value } of open.toSorted((a, b) => a.createIndex - b.createIndex)) {
    const due =
      value.WaitUntil > nowNs ? ` due at ${formatDuration(Math.round((value.WaitUntil - EPOCH_NS) / 1e9) * 1e9)}` : "";
    lines.set(`${labels.of("e", id)} of ${value.JobID}`, `${value.TriggeredBy} ${value.Status}${due}`);
  }
  return lines;
}

/** Where the world's time begins. */
const EPOCH_NS = 1_767_225_600_000 * 1e6;

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : a.length - b.length;
}

function nodeLine({ context: { state } }: SchedulerServer, id: string): string {
  const known = state.nodeState(id)?.value;
  const drain = (known?.DrainStrategy ?? null) === null ? "" : " draining";
  const ineligible = known?.SchedulingEligibility === "ineligible" ? " ineligible" : "";
  const status = known?.LastDrain?.Status ?? "";
  const last = status === "" || drain !== "" ? "" : ` (drain ${status})`;
  return `${known?.Status ?? "gone"}${ineligible}${drain}${last}`;
}

function allocLine(known: KnownAlloc, labels: Labels): string {
  const { alloc } = known;
  const { Healthy } = healthOf(known);
  const health = Healthy === null ? "" : Healthy ? " healthy" : " unhealthy";
  const canary = alloc.Canary ? " canary" : "";
  const after = alloc.PreviousAllocation === "" ? "" : ` after ${labels.of("a", alloc.PreviousAllocation)}`;
  const desired = alloc.DesiredStatus === "run" ? "" : `, ${alloc.DesiredStatus}: ${alloc.DesiredDescription}`;
  return `v${alloc.JobVersion} ${alloc.NodeID} ${clientStatus(known)}${health}${canary}${after}${desired}`;
}

function deploymentLine({ context: { state } }: SchedulerServer, id: string): string {
  const row = state.deploymentById(id);
  if (row === undefined) return "gone";
  const groups = Object.entries(countedGroups(row.value, state.deploymentAllocs(id))).map(([name, group]) => {
    const canaries =
      group.DesiredCanaries === 0 ? "" : ` canaries ${group.DesiredCanaries}${group.Promoted ? " promoted" : ""}`;
    return `${name} ${group.HealthyAllocs}/${group.DesiredTotal}${canaries}`;
  });
  return `v${row.value.JobVersion} ${row.value.Status}, ${groups.join(", ")}: ${row.value.StatusDescription}`;
}

/** What is different now, as lines. */
export function changes(before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>): string[] {
  const lines: string[] = [];
  for (const [key, line] of after) {
    const old = before.get(key);
    if (old === undefined) lines.push(`+ ${key}: ${line}`);
    else if (old !== line) lines.push(`  ${key}: ${line}`);
  }
  for (const key of before.keys()) if (!after.has(key)) lines.push(`- ${key}`);
  return lines;
}
