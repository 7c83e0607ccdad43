import type { Env } from "#base/env/env.ts";
import type { AgentConfig } from "#base/language/agent-config/config.ts";
import { ShapeKeeper } from "#base/state/shapes/shape-keeper.ts";
import * as tables from "#base/state/tables.ts";
import { knownShapes } from "./cluster/known-shapes.ts";
import type { ClusterServers } from "./cluster/servers.ts";
import type { Lifecycle } from "./lifecycle.ts";
import type { State } from "./open-state.ts";

interface Keeping {
  readonly env: Pick<Env, "clock" | "log">;
  readonly config: AgentConfig;
  readonly state: State;
  /** Undefined: this server has the state to itself. */
  readonly cluster: ClusterServers | undefined;
}

/** Refuses what a newer version left (throws a `CodedError`); while it leads, it brings the state to the shape that this version knows. */
export function keepShapes({ env, config, state, cluster }: Keeping, lifecycle: Lifecycle): ShapeKeeper {
  const { store, view, held } = state;
  const keeper = new ShapeKeeper({
    clock: env.clock,
    log: env.log.child("state"),
    store,
    view,
    held,
    tables: Object.values(tables),
    servers: () => (cluster === undefined ? [knownShapes()] : cluster.list().map(({ Shapes = {} }) => Shapes)),
    fence: () => cluster?.fence() ?? [],
    afterMs: config.state.migrateAfterMs,
  });
  lifecycle.add("the state's shape", () => keeper.stop());
  return keeper;
}
