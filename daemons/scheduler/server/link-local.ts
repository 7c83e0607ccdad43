import { isDeepStrictEqual } from "node:util";
import { CodedError } from "#base/env/errors.ts";
import { isTerminalClientStatus, type Alloc, type AllocReport } from "#base/protocol/alloc.ts";
import type { Node } from "#base/protocol/node.ts";
import type { Evaluation, EvalTrigger } from "#base/protocol/evaluation.ts";
import { put } from "#base/state/codec.ts";
import type { Op } from "#base/state/store.ts";
import { allocReports, allocs, hostVolumes } from "#base/state/tables.ts";
import type {
  AllocsReply,
  AllocsRequest,
  ClientAlloc,
  HeartbeatReply,
  DiskRequest,
  IdentityRequest,
  NodeProof,
  PreviousDisk,
  ServerLink,
  SignedIdentity,
} from "../link.ts";
import type { NodeIdentities } from "./identity/node-identities.ts";
import type { WorkloadIdentities } from "./identity/workload-identities.ts";
import { unknownSince } from "./alloc-state.ts";
import type { NodeEndpoint } from "./node-endpoint.ts";
import type { NodeWatch } from "./node-watch.ts";
import { evalFor, putEval, readable, type ServerContext } from "./server-context.ts";

export interface LocalLinkDeps {
  readonly context: ServerContext;
  readonly nodes: NodeEndpoint;
  /** Renews the node's heartbeat, here or at the leader; gives the TTL in milliseconds. */
  readonly renew: (nodeId: string) => number | Promise<number>;
  readonly watch: NodeWatch;
  readonly identities: WorkloadIdentities;
  readonly nodeIdentities: NodeIdentities;
  readonly readDisk: ReadDisk | undefined;
}

/** Reads what an ended allocation keeps on a node's disk, as a tar archive. Rejects with what to tell the user. */
export type ReadDisk = (
  allocId: string,
  at: { readonly nodeId: string; readonly signal: AbortSignal },
) => Promise<AsyncIterable<Uint8Array>>;

/** The client's side of the servers, called in the same process. */
export function createLocalLink(deps: LocalLinkDeps): ServerLink {
  return {
    register: (node, proof) => register(deps, node, proof),
    heartbeat: (nodeId, wants) => heartbeat(deps, nodeId, wants),
    allocs: (request) => allocsOf(deps, request),
    report: (reports) => report(deps.context, reports),
    signIdentities: (request) => signIdentities(deps, request),
    previousDisk: (request) => previousDisk(deps, request),
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

/** Only of the allocation that one of the node that asks replaces. */
async function previousDisk(
  { context: { state }, readDisk }: LocalLinkDeps,
  { nodeId, allocId, signal }: DiskRequest,
): Promise<PreviousDisk> {
  const alloc = state.allocById(allocId)?.value;
  if (alloc?.NodeID !== nodeId)
    throw new CodedError("unknown_alloc", `allocation ${allocId} is not on node ${nodeId}`, "");
  const before = state.allocById(alloc.PreviousAllocation);
  if (before === undefined) return { kind: "gone", why: "the servers have forgotten it" };
  const at = before.value.NodeID;
  const status = state.nodeState(at)?.value.Status;
  if (status !== "ready") return { kind: "gone", why: `node ${at.slice(0, 8)} is ${status ?? "gone"}` };
  if (!hasEnded(state.known(before).report)) return { kind: "running" };
  if (readDisk === undefined) return { kind: "gone", why: "this server is alone and reads no disks" };
  return { kind: "disk", body: await readDisk(before.value.ID, { nodeId: at, signal }) };
}

async function register(deps: LocalLinkDeps, node: Node, proof?: NodeProof): Promise<HeartbeatReply> {
  // The node of this very process needs nobody to introduce it.
  if (proof?.isRemote === true && deps.context.state.node(node.ID) === undefined) {
    const admitted = deps.nodeIdentities.admit(node, proof.introduction);
    if (!admitted.ok) throw new CodedError(admitted.error.code, admitted.error.message, admitted.error.hint);
  }
  const answer = await deps.nodes.register(node);
  if (!answer.ok) throw new CodedError(answer.error.code, answer.error.message, answer.error.hint);
  return { status: "ready", ttlMs: await deps.renew(node.ID), ...identityFor(deps, node.ID, proof) };
}

function identityFor(
  { context, nodeIdentities }: LocalLinkDeps,
  nodeId: string,
  wants?: Pick<NodeProof, "wantsIdentity">,
): Pick<HeartbeatReply, "identity"> {
  const node = wants?.wantsIdentity === true ? context.state.node(nodeId)?.value : undefined;
  return node === undefined ? {} : { identity: nodeIdentities.issue(node) };
}

const UNKNOWN_TTL_MS = 1000;

async function heartbeat(
  deps: LocalLinkDeps,
  nodeId: string,
  wants?: Pick<NodeProof, "wantsIdentity">,
): Promise<HeartbeatReply> {
  const { state } = deps.context;
  const status = state.nodeState(nodeId)?.value.Status;
  // Purged, or of a state that was restored: it says anew what it is.
  if (status === undefined) return { status: "initializing", ttlMs: UNKNOWN_TTL_MS };
  const ttlMs = await deps.renew(nodeId);
  if (status !== "ready") await deps.nodes.setStatus(nodeId, "ready", "node heartbeats again");
  const now = state.nodeState(nodeId)?.value.Status ?? "ready";
  return { status: now, ttlMs, ...identityFor(deps, nodeId, wants) };
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
  const volumes = [...state.view.table(hostVolumes).by("node", request.nodeId)].map(({ value }) => value);
  return { index: state.index, allocs: found, volumes };
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
    // A node that starts again tells of all it has: what is known is not written once more.
    if (isDeepStrictEqual({ ...known, ModifyTime: told.ModifyTime }, told)) continue;
    ops.push(put(allocReports, { namespace: row.namespace, id: row.id }, told));
    const trigger = triggerOf(row.value, known, { ...each, UnknownSince });
    const job = state.job(row.namespace, row.value.JobID)?.value;
    if (trigger === undefined || job === undefined || job.Stop) continue;
    if (trigger === "alloc-failure" && (job.Type === "system" || job.Type === "sysbatch")) continue;
    concerned.set(`${row.namespace}/${job.ID}`, evalFor(context, { namespace: row.namespace, job, trigger }));
  }
  for (const evaluation of concerned.values()) ops.push(putEval(evaluation));
  if (ops.length > 0) await readable(context, await writer.write(ops));
}
