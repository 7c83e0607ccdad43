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
  /** It is passed over: the others have theirs. */
  | { readonly kind: "skip"; readonly node: NodeUpdate; readonly reason: string }
  | { readonly kind: "fail"; readonly node: NodeUpdate; readonly reason: string }
  | { readonly kind: "finish" };

/** A node that was told to update and was not seen well for so long has failed: downloads over slow lines included. */
export const UPDATE_MS = 3_600_000;

/** Those that are not ready are waited for when all others have the update, for so long. */
export const AWAY_MS = 300_000;
const AWAY = "it is not ready";
const CLOSED = "it waits for the window";
const GONE = "it is no node of this cluster any more";

/** One node at a time, in their order, those that are not ready last; nothing is begun while the cluster is not whole. */
export function nextStep(rollout: Rollout, facts: ClusterFacts): RolloutStep {
  const { Nodes } = rollout;
  const begun = Nodes.find(({ State }) => State === "draining" || State === "updating");
  if (begun !== undefined) return stepOfBegun(begun, facts);
  const waiting = Nodes.filter(({ State }) => State === "waiting");
  const [first] = waiting;
  if (first === undefined) return { kind: "finish" };
  const isGone = ({ NodeID }: NodeUpdate): boolean => !facts.nodes.some(({ id }) => id === NodeID);
  const gone = waiting.find(isGone);
  if (gone !== undefined) return { kind: "skip", node: gone, reason: GONE };
  const isReady = ({ NodeID }: NodeUpdate): boolean => facts.nodes.some((each) => each.id === NodeID && each.isReady);
  const node = waiting.find(isReady);
  if (node === undefined) return stepOfAway(first, facts);
  const hindrance = hindranceOf(rollout, node, facts);
  if (hindrance !== undefined) return { kind: "wait", node, reason: hindrance };
  const restore = facts.nodes.some(({ id, isEligible }) => id === node.NodeID && isEligible);
  return { kind: "begin", node, drains: facts.othersTake(node.NodeID), restore };
}

function stepOfBegun(node: NodeUpdate, facts: ClusterFacts): RolloutStep {
  const known = facts.nodes.find(({ id }) => id === node.NodeID);
  if (known === undefined) return { kind: "fail", node, reason: GONE };
  if (node.State === "updating")
    return facts.nowMs - node.Since > UPDATE_MS
      ? { kind: "fail", node, reason: `it was not seen with the update for ${UPDATE_MS / 60_000} minutes` }
      : { kind: "watch", node };
  if (known.isDraining) return { kind: "wait", node, reason: "its tasks move to other nodes" };
  return { kind: "order", node };
}

/** It may be on its way. */
function stepOfAway(node: NodeUpdate, { nowMs, isInWindow }: ClusterFacts): RolloutStep {
  if (!isInWindow) return { kind: "wait", node, reason: CLOSED };
  const isLong = node.Reason === AWAY && nowMs - node.Since > AWAY_MS;
  return isLong ? { kind: "skip", node, reason: AWAY } : { kind: "wait", node, reason: AWAY };
}

/** Why a node that waits is not begun now. */
function hindranceOf({ Nodes }: Rollout, { NodeID }: NodeUpdate, facts: ClusterFacts): string | undefined {
  if (!facts.isInWindow) return CLOSED;
  const done = new Set(Nodes.filter(({ State }) => State === "updated").map((each) => each.NodeID));
  const away = facts.nodes.find(({ id, isReady }) => !isReady && done.has(id));
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
