import type { Alloc, AllocClientStatus, AllocReport, TaskState } from "#base/protocol/alloc.ts";
import type { TaskRecord } from "../task/task-record.ts";
import type { HealthVerdict } from "./alloc-health.ts";
import { RUN_LIMIT_DESCRIPTION } from "./run-limit.ts";

interface FoldedStatus {
  readonly status: AllocClientStatus;
  readonly description: string;
}

/** An allocation's status from its tasks'. A failed task decides at once; otherwise one that runs, then one that will. */
function foldStatus(states: readonly TaskState[]): FoldedStatus {
  if (states.some((state) => state.State === "dead" && state.Failed))
    return { status: "failed", description: "Failed tasks" };
  if (states.some((state) => state.State === "running")) return { status: "running", description: "Tasks are running" };
  if (states.some((state) => state.State === "pending"))
    return { status: "pending", description: "No tasks have started" };
  return { status: "complete", description: "All tasks have completed" };
}

/** What the servers are told of an allocation; what was killed because its time was up did not fail. */
export function reportOf(
  alloc: Alloc,
  states: Readonly<Record<string, TaskState>>,
  of: {
    readonly isExpired: boolean;
    readonly verdict: HealthVerdict | null;
    readonly network: AllocReport["NetworkStatus"];
    readonly now: number;
  },
): AllocReport {
  const { status, description } = foldStatus(Object.values(states));
  const isExpired = of.isExpired && (status === "complete" || status === "failed");
  return {
    AllocID: alloc.ID,
    NodeID: alloc.NodeID,
    ClientStatus: isExpired ? "complete" : status,
    ClientDescription: isExpired ? RUN_LIMIT_DESCRIPTION : description,
    TaskStates: states,
    DeploymentStatus: of.verdict,
    DeploymentID: alloc.DeploymentID,
    NetworkStatus: of.network,
    ModifyTime: of.now,
    UnknownSince: 0,
  };
}

/** Driver ids that are running, and about to where starts are under way. */
export function attemptsOf(records: readonly TaskRecord[], isReady: boolean): readonly string[] {
  return records.flatMap(({ phase }) =>
    phase.kind === "running" || phase.kind === "stopping"
      ? [phase.handle.taskId]
      : phase.kind === "starting" && isReady
        ? [phase.attempt]
        : [],
  );
}
