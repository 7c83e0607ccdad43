import type { Alloc, AllocReport } from "#base/protocol/alloc.ts";
import type { HostVolume } from "#base/protocol/host-volume.ts";
import type { Job } from "#base/protocol/job.ts";
import type { Node, NodeStatus } from "#base/protocol/node.ts";

/**
 * What a node's client needs of the servers: in the same process a direct call, between machines HTTPS on the
 * internal port. Every method rejects when no server can be reached; the caller retries with a growing pause.
 */
export interface ServerLink {
  /** Says what this node is; again whenever that changes. */
  register(node: Node, proof?: NodeProof): Promise<HeartbeatReply>;
  heartbeat(nodeId: string, wants?: Pick<NodeProof, "wantsIdentity">): Promise<HeartbeatReply>;
  /** Long poll: resolves when an allocation of this node changed after `index`, or after `waitMs`. */
  allocs(request: AllocsRequest): Promise<AllocsReply>;
  /** Reports are kept in order per allocation. */
  report(reports: readonly AllocReport[]): Promise<void>;
  /** Signs identities of a task of this node. Absent: tasks have none. */
  readonly signIdentities?: ((request: IdentityRequest) => Promise<readonly SignedIdentity[]>) | undefined;
  /** What the allocation that one of this node replaces kept on another node's disk. Absent: nobody can tell. */
  readonly previousDisk?: ((request: DiskRequest) => Promise<PreviousDisk>) | undefined;
}

export interface DiskRequest {
  readonly nodeId: string;
  /** The one that takes over. */
  readonly allocId: string;
  readonly signal: AbortSignal;
}

export type PreviousDisk =
  /** It has not ended: to be asked again. */
  | { readonly kind: "running" }
  /** There is none to be had, for good. */
  | { readonly kind: "gone"; readonly why: string }
  /** A tar archive of `alloc/data` and each task's `local`. */
  | { readonly kind: "disk"; readonly body: AsyncIterable<Uint8Array> };

export interface NodeProof {
  /** A token that lets a new node in; empty: none. */
  readonly introduction: string;
  /** The reply is to bring a new identity. */
  readonly wantsIdentity: boolean;
  /** It comes from another machine. */
  readonly isRemote?: boolean;
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
  /** Who the node is, signed (a JWT): where it asked for one. */
  readonly identity?: string | undefined;
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
  /** The volumes it is to have, and those it is to delete. Undefined: nothing is known of them. */
  readonly volumes?: readonly HostVolume[] | undefined;
}

export interface ClientAlloc {
  readonly alloc: Alloc;
  readonly job: Job;
  readonly modifyIndex: number;
  /** This node reported its end once: it is not run again, even where a power cut took the node's own memory of it. */
  readonly ended?: boolean;
}
