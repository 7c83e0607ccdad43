import { messageOf } from "#base/env/errors.ts";
import type { MemberRole } from "#base/protocol/cluster.ts";
import type { AgentOptions } from "./agent-options.ts";
import type { Composition } from "./composition.ts";
import type { Lifecycle } from "./lifecycle.ts";

type Announced = Pick<AgentOptions, "env" | "config" | "version"> &
  Pick<Composition, "identity" | "nodeName"> & { readonly clusterId: string; readonly role: MemberRole };

const TTL_S = 120;

/** Says on every link that this node is there, until the lifecycle ends. Nothing else depends on it. */
export async function announce(node: Announced, lifecycle: Lifecycle): Promise<void> {
  const { env, config, identity, nodeName, clusterId, role, version } = node;
  // Only nodes that do it pay for it.
  const { Neighbours } = await import("#daemons/mdns/neighbours.ts");
  const { systemLinkSockets } = await import("#base/platform/link-sockets.ts");
  const text = { id: identity.nodeId, cluster: clusterId, role, version };
  const own = { host: labelOf(nodeName), port: config.ports.rpc, text, ttlS: TTL_S };
  const neighbours = new Neighbours({ env, sockets: systemLinkSockets, own, listens: false });
  lifecycle.add("the announcement on the local network", () => neighbours.stop());
  await neighbours.start().catch((thrown: unknown) => {
    env.log.warn("the local network is not told of this node", { error: messageOf(thrown) });
  });
}

/** What fits into one label of a name. */
export function labelOf(name: string): string {
  const label = (name.split(".")[0] ?? "").toLowerCase().replaceAll(/[^a-z0-9-]/g, "-");
  return label.slice(0, 60) || "lares";
}
