import type { Alloc } from "#base/protocol/alloc.ts";
import type { Placed } from "../place/placement.ts";
import type { Placement } from "../reconcile/decision.ts";
import { rescheduleDelay } from "../reconcile/reschedule.ts";
import type { PlaceStep } from "./request.ts";

/** Rescheduling events an allocation carries on from those before it, unless its policy counts more; older ones are forgotten. */
export const MAX_RESCHEDULE_EVENTS = 10;

export function newAlloc(from: {
  readonly step: PlaceStep;
  readonly placement: Placement;
  readonly placed: Placed;
  readonly allocId: string;
}): Alloc {
  const { step, placement, placed, allocId } = from;
  const { request, job, deployment } = step;
  const { evaluation, nowNs } = request;
  const inDeployment = placement.olderJob === undefined && deployment?.TaskGroups[placement.group.Name] !== undefined;
  return {
    ID: allocId,
    Namespace: evaluation.Namespace,
    EvalID: evaluation.ID,
    Name: placement.name,
    NodeID: placed.nodeId,
    NodeName: placed.nodeName,
    JobID: evaluation.JobID,
    JobVersion: (placement.olderJob ?? job).Version,
    TaskGroup: placement.group.Name,
    AllocatedResources: placed.resources,
    Metrics: placed.metric,
    DesiredStatus: "run",
    DesiredDescription: "",
    Lost: false,
    DesiredTransition: {
      Migrate: false,
      MigrateDisablePlacement: false,
      Reschedule: false,
      ForceReschedule: false,
      NoShutdownDelay: false,
    },
    DeploymentID: inDeployment ? (deployment?.ID ?? "") : "",
    DeploymentHealth: null,
    Canary: placement.canary,
    PreviousAllocation: placement.previous?.alloc.ID ?? "",
    NextAllocation: "",
    RescheduleTracker: trackerOf(placement, nowNs),
    FollowupEvalID: "",
    AllocStates: null,
    PreemptedByAllocation: "",
    PreemptedAllocations: placed.evicted.length === 0 ? null : placed.evicted.map((victim) => victim.allocId),
    CreateTime: nowNs,
    ModifyTime: nowNs,
  };
}

function trackerOf({ previous, reason, group }: Placement, nowNs: number): Alloc["RescheduleTracker"] {
  if (previous === undefined || (reason !== "reschedule" && reason !== "lost")) return null;
  const before = previous.alloc.RescheduleTracker?.Events ?? [];
  if (reason === "lost") return previous.alloc.RescheduleTracker;
  const event = {
    RescheduleTime: nowNs,
    PrevAllocID: previous.alloc.ID,
    PrevNodeID: previous.alloc.NodeID,
    Delay: group.ReschedulePolicy === null ? 0 : rescheduleDelay(previous, group.ReschedulePolicy),
  };
  const most = Math.max(MAX_RESCHEDULE_EVENTS, group.ReschedulePolicy?.Attempts ?? 0);
  return { Events: [...before, event].slice(-most), LastReschedule: "ok" };
}
