import type { Happening } from "../server/events/happening.ts";
import { unknownSince } from "../server/alloc-state.ts";
import type { ClusterState } from "../server/cluster-state.ts";
import { allocServices } from "../server/native-services.ts";
import type { Acl } from "../server/acl/acl.ts";
import { ACL_TOPICS, aclEvent, aclTopicOf, type AclTopic } from "./acl/acl-event.ts";
import { allocAnswer } from "./answers/alloc.ts";
import { deploymentAnswer } from "./answers/deployment.ts";
import { evalAnswer } from "./answers/evaluation.ts";
import { jobAnswer, versionAnswer } from "./answers/job.ts";
import { hostVolumes } from "#base/state/tables.ts";
import { nodeAnswer } from "./answers/node.ts";
import { fixedVolumesOf, volumeAnswer } from "./answers/host-volume.ts";
import { variableMetadata } from "./answers/variable.ts";

/** One event as the stream gives it. https://developer.hashicorp.com/nomad/api-docs/events */
export interface StreamEvent {
  readonly Topic: Topic;
  readonly Type: string;
  readonly Key: string;
  readonly Namespace: string;
  readonly FilterKeys: readonly string[];
  readonly Index: number;
  readonly Payload: unknown;
}

/** Those that know no namespace. */
const GLOBAL_TOPICS: readonly Topic[] = ["Node", "NodePool", ...ACL_TOPICS];
export type Topic =
  | "Job"
  | "Allocation"
  | "Evaluation"
  | "Deployment"
  | "Node"
  | "NodePool"
  | "Service"
  | "HostVolume"
  | "Variable"
  | AclTopic;

export interface EventSources {
  readonly state: ClusterState;
  readonly acl: Acl;
}

export function isGlobal({ Topic }: StreamEvent): boolean {
  return GLOBAL_TOPICS.includes(Topic);
}

/** What a happening means; most mean one event. `wants` spares what nobody asked for. */
export function eventsOf(
  { state, acl }: EventSources,
  happening: Happening,
  { Index, wants }: { readonly Index: number; readonly wants: (topic: Topic) => boolean },
): StreamEvent[] {
  const { namespace: Namespace, id: Key } = happening.at;
  const base = { Key, Namespace, Index, FilterKeys: [] };
  switch (happening.of) {
    case "job":
      return wants("Job") ? [{ ...base, Topic: "Job", ...jobEvent(state, happening) }] : [];
    case "eval": {
      if (!wants("Evaluation")) return [];
      const FilterKeys = keys(happening.row.value.JobID, happening.row.value.DeploymentID);
      const Payload = { Evaluation: evalAnswer(happening.row) };
      return [{ ...base, Topic: "Evaluation", Type: "EvaluationUpdated", FilterKeys, Payload }];
    }
    case "deployment": {
      if (!wants("Deployment")) return [];
      const Payload = { Deployment: deploymentAnswer(state, happening.row) };
      const Type = isPromotion(happening) ? "DeploymentPromotion" : "DeploymentStatusUpdate";
      return [{ ...base, Topic: "Deployment", Type, FilterKeys: keys(happening.row.value.JobID), Payload }];
    }
    case "alloc":
      return allocEvents(state, happening, { Index, wants });
    case "node":
      return [
        ...(wants("Node") ? [{ ...base, Namespace: "", Topic: "Node", ...nodeEvent(state, happening) } as const] : []),
        ...(wants("HostVolume") ? volumeEvents(state, happening, Index) : []),
      ];
    case "pool": {
      if (!wants("NodePool")) return [];
      const { row } = happening;
      const Payload = { NodePool: row === undefined ? { Name: Key } : { ...row.value, ...indexesOf(row) } };
      const Type = row === undefined ? "NodePoolDeleted" : "NodePoolUpserted";
      return [{ ...base, Namespace: "", Topic: "NodePool", Type, Payload }];
    }
    case "variable":
      return wants("Variable") ? [{ ...base, Topic: "Variable", ...variableEvent(happening) }] : [];
    case "volume":
      return wants("HostVolume") ? volumeEvent(state, happening, base) : [];
    case "token":
    case "policy":
    case "role":
    case "method":
    case "rule":
      return wants(aclTopicOf(happening)) ? [{ ...base, Namespace: "", ...aclEvent(acl, happening) }] : [];
    default:
      return happening satisfies never;
  }
}

/** What a node offers is known with its registration; with the node it is gone. */
function volumeEvents(state: ClusterState, { row, cause }: Of<"node">, Index: number): StreamEvent[] {
  if (row === undefined || cause !== "registration") return [];
  const asked = [...state.view.table(hostVolumes).by("node", row.id)].map((each) => volumeAnswer(state, each));
  return [...fixedVolumesOf(row), ...asked].map((Volume) => ({
    Topic: "HostVolume",
    Type: "HostVolumeRegistered",
    Key: Volume.ID,
    Namespace: Volume.Namespace,
    FilterKeys: keys(Volume.Name, Volume.NodeID),
    Index,
    Payload: { Volume },
  }));
}

/** One that was asked for, or is gone for good; how it stands is told with its node. */
function volumeEvent(
  state: ClusterState,
  { row, at }: Of<"volume">,
  base: Pick<StreamEvent, "Key" | "Namespace" | "Index">,
): StreamEvent[] {
  if (row?.value.Deleting === true) return [];
  const Topic = "HostVolume";
  if (row === undefined) {
    const Payload = { Volume: { ID: at.id, Namespace: at.namespace } };
    return [{ ...base, Topic, Type: "HostVolumeDeleted", FilterKeys: [], Payload }];
  }
  const Volume = volumeAnswer(state, row);
  const FilterKeys = keys(Volume.Name, Volume.NodeID);
  return [{ ...base, Topic, Type: "HostVolumeRegistered", FilterKeys, Payload: { Volume } }];
}

/** Never what it holds. */
function variableEvent({ row, at }: Of<"variable">): Pick<StreamEvent, "Type" | "Payload"> {
  if (row !== undefined) return { Type: "VariableUpdated", Payload: { Variable: variableMetadata(row) } };
  return { Type: "VariableDeleted", Payload: { Variable: { Namespace: at.namespace, Path: at.id } } };
}

type Of<K extends Happening["of"]> = Extract<Happening, { readonly of: K }>;

function jobEvent(state: ClusterState, { row, at, collected }: Of<"job">): Pick<StreamEvent, "Type" | "Payload"> {
  if (row !== undefined) {
    return { Type: row.value.Stop ? "JobDeregistered" : "JobRegistered", Payload: { Job: jobAnswer(state, row) } };
  }
  const last = state.jobVersions(at.namespace, at.id).at(-1);
  const Payload = { Job: last === undefined ? null : versionAnswer(state, last) };
  return { Type: collected ? "JobBatchDeregistered" : "JobDeregistered", Payload };
}

/** The allocation's own event, what it means for its deployment, and for its services. */
function allocEvents(
  state: ClusterState,
  { at, known, cause }: Of<"alloc">,
  { Index, wants }: { readonly Index: number; readonly wants: (topic: Topic) => boolean },
): StreamEvent[] {
  const { alloc } = known;
  const events: StreamEvent[] = [];
  const base = { Key: at.id, Namespace: at.namespace, Index };
  if (wants("Allocation")) {
    const { Job: _job, ...Allocation } = allocAnswer(state, known);
    const FilterKeys = keys(alloc.JobID, alloc.DeploymentID);
    events.push({ ...base, Topic: "Allocation", Type: allocType(known, cause), FilterKeys, Payload: { Allocation } });
  }
  if (cause === "report" && wants("Deployment") && saysHealth(known)) {
    const row = state.deploymentById(alloc.DeploymentID);
    const FilterKeys = keys(alloc.JobID);
    if (row !== undefined) {
      const Payload = { Deployment: deploymentAnswer(state, row) };
      events.push({ ...base, Key: row.id, Topic: "Deployment", Type: "DeploymentAllocHealth", FilterKeys, Payload });
    }
  }
  if (wants("Service")) {
    const change = serviceChange(known, cause);
    for (const Service of change === undefined ? [] : allocServices(state, known)) {
      const FilterKeys = keys(alloc.JobID, Service.ServiceName);
      events.push({ ...base, Key: Service.ID, Topic: "Service", Type: change ?? "", FilterKeys, Payload: { Service } });
    }
  }
  return events;
}

function allocType({ alloc }: Of<"alloc">["known"], cause: "plan" | "report"): string {
  if (cause === "report") return "AllocationUpdated";
  const { Migrate, Reschedule, ForceReschedule } = alloc.DesiredTransition;
  const asked = alloc.DesiredStatus === "run" && (Migrate || Reschedule || ForceReschedule);
  return asked && alloc.NextAllocation === "" ? "AllocationUpdateDesiredStatus" : "PlanResult";
}

/** The report that brings the verdict is sent as soon as there is one; later ones only repeat it. */
const SAME_MOMENT_NS = 1e9;

function saysHealth({ alloc, report }: Of<"alloc">["known"]): boolean {
  const health = report?.DeploymentStatus ?? null;
  if (alloc.DeploymentID === "" || report === undefined || health === null) return false;
  return Math.abs(report.ModifyTime - health.Timestamp) < SAME_MOMENT_NS;
}

/** Services of an allocation are there while it runs: nothing else registers them. */
function serviceChange({ alloc, report }: Of<"alloc">["known"], cause: "plan" | "report"): string | undefined {
  const runs = report?.ClientStatus === "running" && unknownSince(alloc) === undefined;
  if (cause === "report") {
    if (alloc.DesiredStatus !== "run") return undefined;
    if (runs && startedJustNow(report)) return "ServiceRegistration";
    return report?.ClientStatus === "failed" || report?.ClientStatus === "complete"
      ? "ServiceDeregistration"
      : undefined;
  }
  return runs && alloc.DesiredStatus !== "run" ? "ServiceDeregistration" : undefined;
}

function startedJustNow(report: NonNullable<Of<"alloc">["known"]["report"]>): boolean {
  const starts = Object.values(report.TaskStates).map(({ StartedAt, LastRestart }) => Math.max(StartedAt, LastRestart));
  return starts.length === 0 || report.ModifyTime - Math.max(...starts) < SAME_MOMENT_NS;
}

function nodeEvent(state: ClusterState, happening: Of<"node">): Pick<StreamEvent, "Type" | "Payload" | "FilterKeys"> {
  const { row, cause, at } = happening;
  if (row === undefined) return { Type: "NodeDeregistration", FilterKeys: [], Payload: { Node: { ID: at.id } } };
  const Payload = { Node: nodeAnswer(state, row) };
  return { Type: cause === "registration" ? "NodeRegistration" : nodeType(happening), FilterKeys: [], Payload };
}

function nodeType({ state }: Of<"node">): string {
  const last = state?.value.Events.at(-1);
  if (last?.Subsystem === "Drain") return "NodeDrain";
  return last?.Message.startsWith("Node marked as") === true ? "NodeEligibility" : "NodeEvent";
}

function isPromotion({ row }: Of<"deployment">): boolean {
  const { TaskGroups, Status } = row.value;
  const promoted = Object.values(TaskGroups).some(({ Promoted }) => Promoted);
  return promoted && Status === "running";
}

function indexesOf(row: { readonly createIndex: number; readonly modifyIndex: number }) {
  return { CreateIndex: row.createIndex, ModifyIndex: row.modifyIndex };
}

function keys(...found: readonly string[]): string[] {
  return found.filter((key) => key !== "");
}
