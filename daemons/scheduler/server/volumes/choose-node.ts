import { fail, succeed, type Result } from "#base/env/errors.ts";
import type { HostVolume } from "#base/protocol/host-volume.ts";
import type { Node } from "#base/protocol/node.ts";
import { hostVolumes, nodes } from "#base/state/tables.ts";
import type { ClusterState } from "../cluster-state.ts";
import { nodeRule } from "../place/node-rule.ts";

/** The node a new volume is made on: of those that can, the one with the fewest. */
export function chooseNode(state: ClusterState, volume: HostVolume): Result<Node> {
  const reasons = new Map<string, number>();
  let best: { readonly node: Node; readonly count: number } | undefined;
  for (const { value: node } of state.view.table(nodes).list()) {
    if (volume.NodeID !== "" && node.ID !== volume.NodeID) continue;
    const reason = whyNot(state, volume, node);
    if (reason !== undefined) {
      reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
      continue;
    }
    const count = state.view.table(hostVolumes).count("node", node.ID);
    if (best === undefined || count < best.count) best = { node, count };
  }
  if (best !== undefined) return succeed(best.node);
  const found = [...reasons].map(([reason, count]) => `${count} × ${reason}`).join("; ");
  const where = volume.NodeID === "" ? "no node can have this volume" : `node ${volume.NodeID} cannot have this volume`;
  return fail("no_node", `${where}: ${found === "" ? "there is none such" : found}`);
}

function whyNot(state: ClusterState, volume: HostVolume, node: Node): string | undefined {
  const standing = state.nodeState(node.ID)?.value;
  if (volume.NodePool !== "" && volume.NodePool !== "all" && node.NodePool !== volume.NodePool)
    return `in node pool ${node.NodePool}, not ${volume.NodePool}`;
  if (standing?.Status !== "ready") return "not ready";
  if (standing.SchedulingEligibility !== "eligible") return "not eligible";
  if (volume.HostPath === "" && node.Attributes[`plugins.host_volume.${volume.PluginID}.version`] === undefined)
    return `without the plugin ${volume.PluginID}`;
  if (!volume.Constraints.every((constraint) => nodeRule(constraint)(node))) return "against a constraint";
  return hasNamed(state, volume, node) ? `with a volume ${JSON.stringify(volume.Name)} already` : undefined;
}

function hasNamed(state: ClusterState, { Name }: HostVolume, node: Node): boolean {
  if (node.HostVolumes[Name] !== undefined) return true;
  return [...state.view.table(hostVolumes).by("node", node.ID)].some(({ value }) => value.Name === Name);
}
