import type { FirmwareState, NodeUpdate, Rollout } from "#base/protocol/rollout.ts";

/** What the servers know of a node with our firmware. */
export interface NodeFacts {
  readonly id: string;
  readonly name: string;
  /** Its heartbeats come. */
  readonly isReady: boolean;
  readonly isEligible: boolean;
  readonly isDraining: boolean;
  /** One that the cluster's state lives on. */
  readonly isServer: boolean;
  readonly isLeader: boolean;
}

export interface ClusterFacts {
  readonly nodes: readonly NodeFacts[];
  /** Servers that answer, of all that there are; those of other firmware count as well. */
  readonly servers: { readonly alive: number; readonly all: number };
  /** Whether anything else could run what a drained node ran. */
  readonly othersTake: (nodeId: string) => boolean;
  readonly nowMs: number;
  readonly isInWindow: boolean;
}

/** The one thing to do next. Everything but `wait` is done, then noted. */
export type RolloutStep =
  | { readonly kind: "wait"; readonly node?: NodeUpdate; readonly reason: string }
  /** Ask the node what the source offers; then `drain`, or skip it. */
  | { readonly kind: "begin"; readonly node: NodeUpdate; readonly drains: boolean; readonly restore: boolean }
  | { readonly kind: "order"; readonly node: NodeUpdate }
  | { readonly kind: "watch"; readonly node: NodeUpdate }
  | { readonly kind: "fail"; readonly node: NodeUpdate; readonly reason: string }
  | { readonly kind: "finish" };

/** A node that was told to update and was not seen well for so long has failed: downloads over slow lines included. */
export const UPDATE_MS = 3_600_000;

/** One node at a time, in their order; nothing is begun while the cluster is not whole. */
export function nextStep(rollout: Rollout, facts: ClusterFacts): RolloutStep {
  const node = rollout.Nodes.find(({ State }) => State === "waiting" || State === "draining" || State === "updating");
  if (node === undefined) return { kind: "finish" };
  const known = facts.nodes.find(({ id }) => id === node.NodeID);
  if (known === undefined) return { kind: "fail", node, reason: "it is no node of this cluster any more" };
  if (node.State === "updating")
    return facts.nowMs - node.Since > UPDATE_MS
      ? { kind: "fail", node, reason: `it was not seen with the update for ${UPDATE_MS / 60_000} minutes` }
      : { kind: "watch", node };
  if (node.State === "draining") {
    if (known.isDraining) return { kind: "wait", node, reason: "its tasks move to other nodes" };
    return { kind: "order", node };
  }
  const hindrance = hindranceOf(rollout, node, facts);
  if (hindrance !== undefined) return { kind: "wait", node, reason: hindrance };
  return { kind: "begin", node, drains: facts.othersTake(node.NodeID), restore: known.isEligible };
}

/** Why a node that waits is not begun now. */
function hindranceOf({ Nodes }: Rollout, { NodeID }: NodeUpdate, facts: ClusterFacts): string | undefined {
  if (!facts.isInWindow) return "it waits for the window";
  const done = new Set(Nodes.filter(({ State }) => State === "updated").map((each) => each.NodeID));
  const away = facts.nodes.find(({ id, isReady }) => !isReady && (id === NodeID || done.has(id)));
  if (away !== undefined) return `${away.name} is not ready`;
  const busy = facts.nodes.find(({ isDraining }) => isDraining);
  if (busy !== undefined) return `${busy.name} is being drained`;
  const { alive, all } = facts.servers;
  // With one server gone the majority has to stand.
  if (facts.nodes.find(({ id }) => id === NodeID)?.isServer === true && all > 1 && alive < all)
    return `${all - alive} of ${all} servers do not answer`;
  return undefined;
}

/** Nodes without state first, whoever leads last: leading changes hands once. */
export function orderOf(nodes: readonly NodeFacts[]): readonly NodeFacts[] {
  const rank = ({ isServer, isLeader }: NodeFacts): number => (isLeader ? 2 : isServer ? 1 : 0);
  return nodes.toSorted((a, b) => rank(a) - rank(b) || (a.name < b.name ? -1 : 1));
}

export type Seen =
  | { readonly kind: "pending" }
  | { readonly kind: "updated" }
  | { readonly kind: "failed"; readonly reason: string };

/** What a node that was told to update says about it. */
export function judge({ To, Before }: NodeUpdate, state: FirmwareState): Seen {
  const { Order, Update, Version, Judged } = state;
  if (Order !== null && !Order.Running && Order.Problem !== "") return { kind: "failed", reason: Order.Problem };
  if (Update === null || Update.At === Before || Update.Version !== To) return { kind: "pending" };
  if (Update.State === "failed") return { kind: "failed", reason: Update.Reason || "the update failed" };
  return Version === To && Judged && Update.State === "confirmed" ? { kind: "updated" } : { kind: "pending" };
}
