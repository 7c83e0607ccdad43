import type { Alloc } from "#base/protocol/alloc.ts";
import type { Placed } from "../place/group-placer.ts";
import type { Placement } from "../reconcile/decision.ts";
import { failureTime } from "../reconcile/reschedule.ts";
import type { PlaceStep } from "./request.ts";

/** Rescheduling events an allocation carries on from those before it; older ones are forgotten. */
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
  const inDeployment = deployment?.TaskGroups[placement.group.Name] !== undefined;
  return {
    ID: allocId,
    Namespace: evaluation.Namespace,
    EvalID: evaluation.ID,
    Name: placement.name,
    NodeID: placed.nodeId,
    NodeName: placed.nodeName,
    JobID: evaluation.JobID,
    JobVersion: job.Version,
    TaskGroup: placement.group.Name,
    AllocatedResources: placed.resources,
    Metrics: placed.metric,
    DesiredStatus: "run",
    DesiredDescription: "",
    Lost: false,
    DesiredTransition: { Migrate: false, Reschedule: false, ForceReschedule: false, NoShutdownDelay: false },
    DeploymentID: inDeployment ? (deployment?.ID ?? "") : "",
    Canary: placement.canary,
    PreviousAllocation: placement.previous?.alloc.ID ?? "",
    NextAllocation: "",
    RescheduleTracker: trackerOf(placement, nowNs),
    FollowupEvalID: "",
    PreemptedByAllocation: "",
    CreateTime: nowNs,
    ModifyTime: nowNs,
  };
}

function trackerOf({ previous, reason }: Placement, nowNs: number): Alloc["RescheduleTracker"] {
  if (previous === undefined || (reason !== "reschedule" && reason !== "lost")) return null;
  const before = previous.alloc.RescheduleTracker?.Events ?? [];
  if (reason === "lost") return previous.alloc.RescheduleTracker;
  const event = {
    RescheduleTime: nowNs,
    PrevAllocID: previous.alloc.ID,
    PrevNodeID: previous.alloc.NodeID,
    Delay: Math.max(0, nowNs - failureTime(previous)),
  };
  return { Events: [...before, event].slice(-MAX_RESCHEDULE_EVENTS) };
}
