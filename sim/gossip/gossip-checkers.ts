import type { GossipWorld } from "./gossip-world.ts";
import type { SimNode } from "./sim-node.ts";

/** A node never goes back to an older word of another: per life (name and address) incarnations only rise. */
export class IncarnationsRise {
  readonly #seen = new Map<SimNode, Map<string, number>>();

  /** What is wrong, or undefined. Looks at everything this node knows. */
  check(node: SimNode): string | undefined {
    const seen = this.#seen.get(node) ?? new Map<string, number>();
    this.#seen.set(node, seen);
    for (const member of node.swim.members()) {
      const life = `${member.name} at ${member.host}`;
      const before = seen.get(life) ?? 0;
      if (member.incarnation < before) {
        return `${node.name} fell back from incarnation ${before} to ${member.incarnation} of ${life}`;
      }
      seen.set(life, member.incarnation);
    }
    return undefined;
  }
}

/** Whether every running node knows exactly the running nodes, alive and where they are; else the first difference. */
export function viewsDiffer(world: GossipWorld): string | undefined {
  const up = world.up();
  for (const node of up) {
    const members = node.swim.members();
    const extra = members.find((member) => !up.some((other) => other.name === member.name));
    if (extra !== undefined) return `${node.name} still holds ${extra.name} for ${extra.state}, which is down`;
    for (const other of up) {
      const view = node.swim.member(other.name);
      if (view?.state !== "alive")
        return `${node.name} holds ${other.name}, which runs, for ${view?.state ?? "unknown"}`;
      if (view.host !== other.host) return `${node.name} looks for ${other.name} at ${view.host}, not ${other.host}`;
    }
  }
  return undefined;
}
