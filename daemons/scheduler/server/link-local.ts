import { CodedError } from "#base/env/errors.ts";
import { isTerminalClientStatus, type Alloc, type AllocReport } from "#base/protocol/alloc.ts";
import type { Node } from "#base/protocol/node.ts";
import type { Evaluation, EvalTrigger } from "#base/protocol/evaluation.ts";
import { put } from "#base/state/codec.ts";
import type { Op } from "#base/state/store.ts";
import { allocReports, allocs } from "#base/state/tables.ts";
import type {
  AllocsReply,
  AllocsRequest,
  ClientAlloc,
  HeartbeatReply,
  IdentityRequest,
  ServerLink,
  SignedIdentity,
} from "../link.ts";
import type { WorkloadIdentities } from "./identity/workload-identities.ts";
import { unknownSince } from "./alloc-state.ts";
import type { NodeEndpoint } from "./node-endpoint.ts";
import type { NodeWatch } from "./node-watch.ts";
import { evalFor, putEval, readable, type ServerContext } from "./server-context.ts";

export interface LocalLinkDeps {
  readonly context: ServerContext;
  readonly nodes: NodeEndpoint;
  /** Renews the node's heartbeat; returns the TTL. */
  readonly renew: (nodeId: string) => number;
  readonly watch: NodeWatch;
  readonly identities: WorkloadIdentities;
}

/** The client's side of the servers, called in the same process. */
export function createLocalLink(deps: LocalLinkDeps): ServerLink {
  return {
    register: (node) => register(deps, node),
    heartbeat: (nodeId) => heartbeat(deps, nodeId),
    allocs: (request) => allocsOf(deps, request),
    report: (reports) => report(deps.context, reports),
    signIdentities: (request) => signIdentities(deps, request),
  };
}

/** Only for what runs on the node that asks. */
async function signIdentities(
  { context, identities }: LocalLinkDeps,
  { nodeId, allocId, task, names }: IdentityRequest,
): Promise<readonly SignedIdentity[]> {
  if (context.state.allocById(allocId)?.value.NodeID !== nodeId) {
    throw new CodedError("unknown_alloc", `allocation ${allocId} is not on node ${nodeId}`, "");
  }
  const signed = await identities.sign(allocId, task, names);
  if (!signed.ok) throw new CodedError(signed.error.code, signed.error.message, signed.error.hint);
  return signed.value;
}

async function register(deps: LocalLinkDeps, node: Node): Promise<HeartbeatReply> {
  const answer = await deps.nodes.register(node);
  if (!answer.ok) throw new CodedError(answer.error.code, answer.error.message, answer.error.hint);
  return { status: "ready", ttlMs: deps.renew(node.ID) };
}

async function heartbeat(deps: LocalLinkDeps, nodeId: string): Promise<HeartbeatReply> {
  const { state } = deps.context;
  const status = state.nodeState(nodeId)?.value.Status;
  if (status === undefined) throw new CodedError("unknown_node", `node ${nodeId} is not registered`, "register it");
  const ttlMs = deps.renew(nodeId);
  if (status !== "ready") await deps.nodes.setStatus(nodeId, "ready", "node heartbeats again");
  return { status: state.nodeState(nodeId)?.value.Status ?? "ready", ttlMs };
}

async function allocsOf({ context, watch }: LocalLinkDeps, request: AllocsRequest): Promise<AllocsReply> {
  await watch.changed(request);
  const { state } = context;
  const found: ClientAlloc[] = [];
  for (const row of state.view.table(allocs).by("node", request.nodeId)) {
    const alloc = row.value;
    const job = state.jobVersion(alloc.Namespace, alloc.JobID, alloc.JobVersion)?.value;
    if (job === undefined) continue;
    const ended = hasEnded(state.known(row).report);
    found.push({ alloc, job, modifyIndex: row.modifyIndex, ...(ended ? { ended } : {}) });
  }
  return { index: state.index, allocs: found };
}

/** A verdict stays: a node that forgot it in a power cut would have others wait for it again. */
function verdictOf(alloc: Alloc, before: AllocReport | undefined, now: AllocReport): Partial<AllocReport> {
  if (before === undefined || now.DeploymentStatus !== null || before.DeploymentStatus === null) return {};
  if (before.DeploymentID !== alloc.DeploymentID) return {};
  const { DeploymentStatus, DeploymentID } = before;
  return now.DeploymentID === "" || now.DeploymentID === DeploymentID ? { DeploymentStatus, DeploymentID } : {};
}

/** Why its job is to be looked at again, if it is. */
function triggerOf(alloc: Alloc, before: AllocReport | undefined, now: AllocReport): EvalTrigger | undefined {
  if (alloc.DesiredStatus !== "run") return undefined;
  if (now.UnknownSince !== 0 && before?.UnknownSince !== now.UnknownSince) return "reconnect";
  return now.ClientStatus === "failed" && before?.ClientStatus !== "failed" ? "alloc-failure" : undefined;
}

/** The client goes on with the states it told of. */
function ownCopy(report: AllocReport): AllocReport {
  const states = Object.entries(report.TaskStates).map(
    ([task, state]) => [task, { ...state, Events: state.Events.map((event) => ({ ...event })) }] as const,
  );
  return { ...report, TaskStates: Object.fromEntries(states) };
}

function hasEnded(report: AllocReport | undefined): boolean {
  return report !== undefined && isTerminalClientStatus(report.ClientStatus);
}

/** Reports, and evaluations for the jobs of what failed or came back, in one revision. */
async function report(context: ServerContext, reports: readonly AllocReport[]): Promise<void> {
  const { state, writer } = context;
  const ops: Op[] = [];
  const concerned = new Map<string, Evaluation>();
  for (const each of reports) {
    const row = state.allocById(each.AllocID);
    // Collected, or never placed there: nobody asks for it any more.
    if (row === undefined || row.value.NodeID !== each.NodeID) continue;
    const known = state.known(row).report;
    // It may have been replaced already. A node that forgot the end says something else after a power cut.
    if (hasEnded(known) && !hasEnded(each)) continue;
    const UnknownSince = unknownSince(row.value) ?? 0;
    const told = { ...ownCopy(each), ...verdictOf(row.value, known, each), UnknownSince };
    ops.push(put(allocReports, { namespace: row.namespace, id: row.id }, told));
    const trigger = triggerOf(row.value, known, { ...each, UnknownSince });
    const job = state.job(row.namespace, row.value.JobID)?.value;
    if (trigger === undefined || job === undefined || job.Stop) continue;
    if (trigger === "alloc-failure" && (job.Type === "system" || job.Type === "sysbatch")) continue;
    concerned.set(`${row.namespace}/${job.ID}`, evalFor(context, { namespace: row.namespace, job, trigger }));
  }
  for (const evaluation of concerned.values()) ops.push(putEval(evaluation));
  await readable(context, await writer.write(ops));
}
