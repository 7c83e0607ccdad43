import { GLOBAL } from "#base/protocol/keys.ts";
import type { Server } from "#base/protocol/server.ts";
import type { View } from "#base/state/table.ts";
import { autopilotConfigurations } from "#base/state/tables.ts";
import type { Serf } from "#daemons/discovery/serf/shell/serf.ts";

interface Known {
  readonly view: View;
  readonly serf: Pick<Serf, "members" | "forceLeave">;
  /** Those that have a part of the state. */
  readonly servers: readonly Server[];
}

/**
 * Servers that failed and whose part of the state was given up have left: gossip says so from then on, and the catalog loses
 * them. With autopilot's `CleanupDeadServers` off they stay failed, until they are forgotten.
 */
export async function sayThatTheyLeft({ view, serf, servers }: Known): Promise<void> {
  if (view.table(autopilotConfigurations).get(GLOBAL, "current")?.value.CleanupDeadServers === false) return;
  const names = new Set(servers.map(({ Name }) => Name));
  const gone = serf.members().filter(
    // As Consul calls its servers.
    ({ name, status, tags }) => status === "failed" && tags["role"] === "consul" && !names.has(name),
  );
  for (const { name } of gone) await serf.forceLeave(name);
}
