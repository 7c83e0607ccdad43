import type { SerfMember } from "../serf/core/member.ts";

/** What the catalog says of a node that has an agent. */
export interface CataloguedNode {
  readonly name: string;
  readonly address: string;
  readonly id: string;
  readonly health: string;
}

/** What to do to the catalog so that it says what gossip says. */
export type MemberStep =
  | {
      readonly kind: "register";
      readonly node: Pick<CataloguedNode, "name" | "address" | "id">;
      readonly alive: boolean;
    }
  | { readonly kind: "deregister"; readonly node: string };

/**
 * Members that are there are registered and pass, those that failed are critical, those that left go. Nodes that gossip
 * does not know are critical (after a restart it knows nobody yet), and go when `isForgotten`. `own` looks after itself.
 */
export function planMembers(
  members: readonly SerfMember[],
  catalog: readonly CataloguedNode[],
  { own, isForgotten }: { readonly own: string; readonly isForgotten: (node: string) => boolean },
): readonly MemberStep[] {
  const nodes = new Map(catalog.map((node) => [node.name, node]));
  const steps: MemberStep[] = [];
  for (const member of members) {
    if (member.name === own) continue;
    const node = nodes.get(member.name);
    nodes.delete(member.name);
    if (member.status === "left") {
      if (node !== undefined) steps.push({ kind: "deregister", node: member.name });
      continue;
    }
    const alive = member.status !== "failed";
    const same = node?.address === member.host && node.id === (member.tags["id"] ?? "");
    if (!same || node.health !== (alive ? "passing" : "critical"))
      steps.push({ kind: "register", node: nodeOf(member), alive });
  }
  for (const node of nodes.values()) {
    if (node.name === own) continue;
    if (isForgotten(node.name)) steps.push({ kind: "deregister", node: node.name });
    else if (node.health !== "critical") steps.push({ kind: "register", node, alive: false });
  }
  return steps;
}

function nodeOf({ name, host, tags }: SerfMember): Pick<CataloguedNode, "name" | "address" | "id"> {
  return { name, address: host, id: tags["id"] ?? "" };
}
