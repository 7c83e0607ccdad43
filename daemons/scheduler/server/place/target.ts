import { nodeValue } from "../../node-value.ts";
import type { Node } from "#base/protocol/node.ts";

/**
 * What a constraint's or affinity's side means on a node: `${attr.…}`, `${meta.…}`, `${node.…}`; other text stands for
 * itself. Undefined: the node has no such value.
 * https://developer.hashicorp.com/nomad/docs/runtime/interpolation#interpreted_node_vars
 */
export function resolveTarget(target: string, node: Node): string | undefined {
  const match = /^\$\{\s*(.+?)\s*\}$/.exec(target);
  const name = match?.[1];
  if (name === undefined) return target;
  return nodeValue(node, name, node.Attributes["lares.region"] ?? node.Attributes["nomad.region"] ?? "global");
}
