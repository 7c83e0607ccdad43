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
  if (name.startsWith("attr.")) return node.Attributes[name.slice("attr.".length)];
  if (name.startsWith("meta.")) return node.Meta[name.slice("meta.".length)];
  switch (name) {
    case "node.unique.id":
      return node.ID;
    case "node.unique.name":
      return node.Name;
    case "node.datacenter":
      return node.Datacenter;
    case "node.class":
      return node.NodeClass;
    case "node.pool":
      return node.NodePool;
    case "node.region":
      return node.Attributes["lares.region"] ?? node.Attributes["nomad.region"] ?? "global";
    default:
      return undefined;
  }
}
