import type { Alloc, AllocReport, TaskState } from "#base/protocol/alloc.ts";
import type { Job } from "#base/protocol/job.ts";
import type { AllocatedResources, NetworkResource } from "#base/protocol/resources.ts";
import { healthOf } from "../../server/health.ts";
import { clientStatus, type KnownAlloc } from "../../server/alloc-state.ts";
import type { ClusterState } from "../../server/cluster-state.ts";
import { jobAnswer, versionAnswer } from "./job.ts";
import { olderAllocResources } from "./older-resources.ts";
import { timeText } from "./time.ts";

/** An allocation as `/v1/allocation/:id` gives it; `jobs` keeps those of a list that were looked at already. https://developer.hashicorp.com/nomad/api-docs/allocations */
export function allocAnswer(state: ClusterState, known: KnownAlloc, jobs: Map<string, unknown> = new Map()) {
  const { alloc, report } = known;
  const { JobVersion: _version, Lost: _lost, DeploymentHealth: _health, AllocatedResources, ...rest } = alloc;
  const group = jobSpec(state, known)?.TaskGroups.find(({ Name }) => Name === alloc.TaskGroup);
  const resources = withNetworks(AllocatedResources, group?.Networks[0]);
  return {
    ...rest,
    Job: jobOf(state, known, jobs),
    AllocatedResources: resources,
    ...olderAllocResources(resources),
    AllocStates: allocStates(alloc.AllocStates),
    ...reported(known),
    NetworkStatus: report?.NetworkStatus ?? null,
    AllocModifyIndex: known.modifyIndex,
    CreateIndex: known.createIndex,
    ModifyIndex: known.modifyIndex,
    ModifyTime: Math.max(alloc.ModifyTime, report?.ModifyTime ?? 0),
  };
}

export interface StubOptions {
  readonly resources?: boolean | undefined;
  readonly taskStates?: boolean | undefined;
}

/** A line of a list of allocations. */
export function allocStub(state: ClusterState, known: KnownAlloc, options: StubOptions = {}) {
  const { alloc, report } = known;
  const stub = {
    ID: alloc.ID,
    EvalID: alloc.EvalID,
    Name: alloc.Name,
    Namespace: alloc.Namespace,
    NodeID: alloc.NodeID,
    NodeName: alloc.NodeName,
    JobID: alloc.JobID,
    JobType: jobSpec(state, known)?.Type ?? "",
    JobVersion: alloc.JobVersion,
    TaskGroup: alloc.TaskGroup,
    DesiredStatus: alloc.DesiredStatus,
    DesiredDescription: alloc.DesiredDescription,
    DesiredTransition: alloc.DesiredTransition,
    ...reported(known),
    FollowupEvalID: alloc.FollowupEvalID,
    NextAllocation: alloc.NextAllocation,
    RescheduleTracker: alloc.RescheduleTracker,
    PreemptedAllocations: alloc.PreemptedAllocations,
    PreemptedByAllocation: alloc.PreemptedByAllocation,
    CreateIndex: known.createIndex,
    ModifyIndex: known.modifyIndex,
    CreateTime: alloc.CreateTime,
    ModifyTime: Math.max(alloc.ModifyTime, report?.ModifyTime ?? 0),
    ...(options.resources === true ? { AllocatedResources: alloc.AllocatedResources } : {}),
  };
  return options.taskStates === false ? { ...stub, TaskStates: null } : stub;
}

function allocStates(states: Alloc["AllocStates"]) {
  return states === null ? null : states.map((each) => ({ ...each, Time: timeText(each.Time) }));
}

/** The client's side. */
function reported(known: KnownAlloc) {
  const { alloc, report } = known;
  const health = healthOf(known);
  return {
    ClientStatus: clientStatus(known),
    ClientDescription: report?.ClientDescription ?? "",
    TaskStates: taskStates(report),
    DeploymentStatus:
      health.Healthy === null && !alloc.Canary
        ? null
        : {
            Healthy: health.Healthy,
            Timestamp: timeText(health.Timestamp),
            Canary: alloc.Canary,
            ModifyIndex: known.modifyIndex,
          },
  };
}

function taskStates(report: AllocReport | undefined) {
  const states = Object.entries(report?.TaskStates ?? {});
  return states.length === 0 ? null : Object.fromEntries(states.map(([name, task]) => [name, taskState(task)]));
}

function taskState({ TaskHandle: _handle, ...task }: TaskState) {
  return {
    ...task,
    LastRestart: timeText(task.LastRestart),
    StartedAt: timeText(task.StartedAt),
    FinishedAt: timeText(task.FinishedAt),
    Paused: "",
  };
}

function jobSpec(state: ClusterState, { alloc }: KnownAlloc): Job | undefined {
  const version = state.jobVersion(alloc.Namespace, alloc.JobID, alloc.JobVersion)?.value;
  return version ?? state.job(alloc.Namespace, alloc.JobID)?.value;
}

/** The version it runs, as a job. */
function jobOf(state: ClusterState, { alloc }: KnownAlloc, jobs: Map<string, unknown>): unknown {
  const key = JSON.stringify([alloc.Namespace, alloc.JobID, alloc.JobVersion]);
  if (jobs.has(key)) return jobs.get(key);
  const current = state.job(alloc.Namespace, alloc.JobID);
  const isCurrent = current !== undefined && current.value.Version === alloc.JobVersion;
  const row = isCurrent ? current : state.jobVersion(alloc.Namespace, alloc.JobID, alloc.JobVersion);
  const answer = row === undefined ? null : isCurrent ? jobAnswer(state, row) : versionAnswer(state, row);
  jobs.set(key, answer);
  return answer;
}

/** Ports are stored once; older clients look for them inside networks, static and chosen ones apart. */
function withNetworks(resources: AllocatedResources, asked: NetworkResource | undefined): AllocatedResources {
  const { Ports } = resources.Shared;
  if (Ports.length === 0) return resources;
  const chosen = new Set(asked?.DynamicPorts.map(({ Label }) => Label));
  const ports = (isChosen: boolean) =>
    Ports.filter(({ Label }) => chosen.has(Label) === isChosen).map(({ Label, Value, To }) => {
      const port = [...(asked?.DynamicPorts ?? []), ...(asked?.ReservedPorts ?? [])].find(
        (each) => each.Label === Label,
      );
      return {
        Label,
        Value,
        To,
        HostNetwork: port?.HostNetwork || "default",
        IgnoreCollision: port?.IgnoreCollision ?? false,
      };
    });
  const network = {
    Mode: asked?.Mode || "host",
    Device: "",
    CIDR: "",
    IP: Ports[0]?.HostIP ?? "",
    Hostname: "",
    MBits: 0,
    DNS: null,
    CNI: null,
    ReservedPorts: ports(false),
    DynamicPorts: ports(true),
  };
  return { ...resources, Shared: { ...resources.Shared, Networks: [network] } };
}
