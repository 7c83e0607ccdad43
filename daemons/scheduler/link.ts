import type { Alloc, AllocReport } from "#base/protocol/alloc.ts";
import type { Job } from "#base/protocol/job.ts";
import type { Node, NodeStatus } from "#base/protocol/node.ts";

/**
 * What a node's client needs of the servers: in the same process a direct call, between machines HTTPS on the
 * internal port. Every method rejects when no server can be reached; the caller retries with a growing pause.
 */
export interface ServerLink {
  /** Says what this node is; again whenever that changes. */
  register(node: Node): Promise<HeartbeatReply>;
  heartbeat(nodeId: string): Promise<HeartbeatReply>;
  /** Long poll: resolves when an allocation of this node changed after `index`, or after `waitMs`. */
  allocs(request: AllocsRequest): Promise<AllocsReply>;
  /** Reports are kept in order per allocation. */
  report(reports: readonly AllocReport[]): Promise<void>;
  /** Signs identities of a task of this node. Absent: tasks have none. */
  readonly signIdentities?: ((request: IdentityRequest) => Promise<readonly SignedIdentity[]>) | undefined;
}

export interface IdentityRequest {
  readonly nodeId: string;
  readonly allocId: string;
  readonly task: string;
  readonly names: readonly string[];
}

/** What a task proves with who it is. */
export interface SignedIdentity {
  readonly name: string;
  /** A JWT. */
  readonly token: string;
  /** Milliseconds since the epoch; 0: never. */
  readonly expiresMs: number;
}

export interface HeartbeatReply {
  readonly status: NodeStatus;
  /** The next heartbeat is due within this time. */
  readonly ttlMs: number;
}

export interface AllocsRequest {
  readonly nodeId: string;
  /** 0: answer at once with everything. */
  readonly index: number;
  readonly waitMs: number;
  readonly signal: AbortSignal;
}

export interface AllocsReply {
  readonly index: number;
  /** All allocations of the node that are not collected yet, with the job version each runs. */
  readonly allocs: readonly ClientAlloc[];
}

export interface ClientAlloc {
  readonly alloc: Alloc;
  readonly job: Job;
  readonly modifyIndex: number;
  /** This node reported its end once: it is not run again, even where a power cut took the node's own memory of it. */
  readonly ended?: boolean;
}
