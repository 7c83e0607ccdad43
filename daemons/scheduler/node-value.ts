import type { Node } from "#base/protocol/node.ts";

/**
 * What a name means on a node: `attr.kernel.name`, `meta.rack`, `node.unique.id`. The same for constraints when a job is
 * placed and for `${…}` where its tasks run. Undefined: the node has no such value.
 * https://developer.hashicorp.com/nomad/docs/runtime/interpolation#interpreted_node_vars
 */
export function nodeValue(node: Node, name: string, region: string): string | undefined {
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
      return region;
    default:
      return undefined;
  }
}
