import * as v from "valibot";
import { messageOf } from "#base/env/errors.ts";
import { AgentServiceDefinitionSchema } from "#base/protocol/catalog.ts";
import type { Backup } from "#base/protocol/backup.ts";
import { fencedStore } from "#base/state/leadership/fenced-store.ts";
import type { Gauge } from "#daemons/scheduler/gauge.ts";
import type { Backups, Composition } from "./composition.ts";
import { createSnapshots } from "./snapshots.ts";

type Known = Pick<
  Composition,
  "config" | "env" | "folder" | "state" | "snapshots" | "discovery" | "nodeName" | "cluster"
>;

/** In the catalog, on the server that makes the backups: what alerts are made from. */
const SERVICE = "lares-backup";
/** Beyond two intervals, before silence counts as failure. */
const SLACK_MS = 600_000;

/** Rejects with a `CodedError` where a file that the configuration of backups names cannot be read. */
export async function createSaving(
  known: Omit<Known, "snapshots"> & Pick<Composition, "identity" | "restart">,
): Promise<Pick<Composition, "snapshots" | "backups">> {
  const snapshots = await createSnapshots(known);
  return { snapshots, backups: await createBackups({ ...known, snapshots }) };
}

async function createBackups(known: Known): Promise<Backups | undefined> {
  const { config, env, folder, state, snapshots, nodeName, cluster } = known;
  if (config.backup.targets.length === 0) return undefined;
  const [{ BackupKeeper }, { createTargets }, { backupRoutes }] = await Promise.all([
    import("#daemons/backup/backup-keeper.ts"),
    import("#daemons/backup/create-targets.ts"),
    import("#daemons/backup/http/backup-routes.ts"),
  ]);
  const keeper = new BackupKeeper({
    env: { ...env, log: env.log.child("backup") },
    store: fencedStore(state.store, () => cluster?.fence() ?? []),
    view: state.view,
    snapshots,
    targets: await createTargets(env, config.backup),
    intervalMs: config.backup.intervalMs,
    folder: `${folder.root}/backup`,
    server: nodeName,
    onState: tellCatalog(known),
  });
  return {
    routes: backupRoutes(keeper, state.view, snapshots.isEncrypted),
    gauges: () => Promise.resolve(gaugesOf(keeper.rows(), { host: nodeName, nowMs: env.clock.nowMs() })),
    startLeading: () => keeper.startLeading(),
    stopLeading: () => keeper.stopLeading(),
  };
}

/** A check for each target, in the order in which it was told. */
function tellCatalog({ discovery, config, env }: Known): (rows: readonly Backup[] | undefined) => void {
  const { registry } = discovery;
  const { intervalMs } = config.backup;
  let telling: Promise<void> = Promise.resolve();
  let isThere = false;
  const tell = async (rows: readonly Backup[] | undefined): Promise<void> => {
    if (rows === undefined) {
      isThere = false;
      return registry.deregister(SERVICE);
    }
    if (!isThere) {
      const Checks = rows.map(({ Target }) => ({
        CheckID: checkId(Target),
        Name: `Backup to ${Target}`,
        TTL: `${Math.round((2 * intervalMs + SLACK_MS) / 1000)}s`,
        Status: "passing",
      }));
      await registry.register(v.parse(AgentServiceDefinitionSchema, { ID: SERVICE, Name: SERVICE, Checks }));
      isThere = true;
    }
    for (const row of rows)
      registry.report(checkId(row.Target), row.Problem === "" ? "passing" : "critical", says(row));
  };
  return (rows) => {
    if (intervalMs === 0) return;
    telling = telling
      .then(() => tell(rows))
      .catch((thrown: unknown) => env.log.warn("how backups stand could not be told", { error: messageOf(thrown) }));
  };
}

function checkId(target: string): string {
  return `${SERVICE}:${target}`;
}

function says({ Name, MadeAt, Problem }: Backup): string {
  const last = MadeAt === 0 ? "no backup was made yet" : `the newest is ${Name}`;
  return Problem === "" ? last : `${Problem}; ${last}`;
}

function gaugesOf(
  rows: readonly Backup[],
  { host, nowMs }: { readonly host: string; readonly nowMs: number },
): readonly Gauge[] {
  return rows.flatMap(({ Target: target, MadeAt, Bytes, Kept, Problem }) => {
    const Labels = { host, target };
    const gauge = (name: string, Value: number): Gauge => ({ Name: `lares.backup.${name}`, Value, Labels });
    return [
      gauge("failing", Problem === "" ? 0 : 1),
      gauge("kept", Kept),
      gauge("bytes", Bytes),
      ...(MadeAt === 0 ? [] : [gauge("age_seconds", Math.max(0, Math.round((nowMs - MadeAt) / 1000)))]),
    ];
  });
}
