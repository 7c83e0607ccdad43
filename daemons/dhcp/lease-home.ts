import type { Env } from "#base/env/env.ts";
import { ALONE, type Authority } from "./leases/authority.ts";
import type { Lease } from "./leases/lease.ts";
import { LeaseTable } from "./leases/lease-table.ts";
import { isInside, type Ipv4 } from "./packet/ipv4.ts";
import type { LeaseEvent } from "./answer/decision.ts";
import { Hooks } from "./server/hooks.ts";
import { LeaseClock, saneTimes } from "./server/lease-clock.ts";
import type { Settings } from "./settings/settings.ts";
import { Cluster } from "./share/cluster.ts";
import type { SharedKv } from "./share/kv.ts";
import { readShareFile } from "./share/share-file.ts";
import { shareTimes, type ShareTimes } from "./share/share-times.ts";
import type { Keeper } from "./store/keeper.ts";
import { LeaseLog } from "./store/lease-log.ts";
import { createLocalKeeper } from "./store/local-keeper.ts";

export interface LeaseHomeDeps {
  readonly env: Env;
  readonly settings: Settings;
  readonly dir: string;
  /** Absent: this instance is alone. */
  readonly kv?: SharedKv;
  /** Default: {@link shareTimes} of the settings. */
  readonly times?: ShareTimes;
  /** What the others know this instance by. */
  readonly addresses: () => readonly string[];
}

/** Leases of one family: who has what, how it becomes durable, and what may be promised. */
export interface LeaseHome {
  readonly table: LeaseTable;
  readonly clock: LeaseClock;
  readonly keeper: Keeper;
  readonly authority: Authority;
  readonly onLease: (event: LeaseEvent | "expired", lease: Lease) => void;
  /** Asks whoever shares the leases; the table knows afterwards. */
  readonly lookUp?: (ip: Ipv4) => Promise<void>;
  readonly isPeer?: (serverId: Ipv4) => boolean;
}

/** Reads what the folder has, and begins to share it. Rejects with a `DiskError` where the folder cannot be used. */
export async function leaseHome(deps: LeaseHomeDeps): Promise<LeaseHome> {
  const { env, settings, kv, dir, addresses } = deps;
  const text = settings.family.addresses;
  const { log, leases } = await LeaseLog.open(env, dir, text);
  const filePath = `${dir}/share.json`;
  const file = await readShareFile(env, filePath);
  const clock = new LeaseClock(env.clock, Math.max(file.contactMs ?? 0, newestStamp(leases.values())));
  const table = new LeaseTable(settings);
  fillTable(table, { settings, leases: leases.values(), nowMs: clock.nowMs() });
  const hooks = new Hooks(env, settings.hook, text);
  if (kv === undefined) {
    const keeper = createLocalKeeper({ env, log, leases: () => table.leases() });
    return { table, clock, keeper, authority: ALONE, onLease: (event, lease) => hooks.add(event, lease) };
  }
  const times = deps.times ?? shareTimes(settings.takeoverMs);
  const cluster = new Cluster({ env, kv, settings, table, clock, log, times, file, filePath, addresses });
  const onLease: LeaseHome["onLease"] = (event, lease) => {
    hooks.add(event, lease);
    if (event !== "expired") return cluster.noteName(lease);
    // It may have been prolonged elsewhere.
    void cluster.lookUp(lease.ip).then(() => cluster.noteName(table.get(lease.ip) ?? lease));
  };
  cluster.start();
  return {
    table,
    clock,
    keeper: cluster,
    authority: cluster,
    onLease,
    lookUp: (ip) => cluster.lookUp(ip),
    isPeer: (serverId) => cluster.isPeer(serverId),
  };
}

/** Leases of networks that are not configured any more are left out; their log entries go with the next fold. */
function fillTable(
  table: LeaseTable,
  from: { readonly settings: Settings; readonly leases: Iterable<Lease>; readonly nowMs: number },
): void {
  for (const lease of from.leases) {
    const subnet = from.settings.subnets.find(({ network }) => isInside(lease.ip, network));
    if (subnet !== undefined) table.put(saneTimes({ ...lease, subnet: subnet.id }, from.nowMs), from.nowMs);
  }
}

function newestStamp(leases: Iterable<Lease>): number {
  let newest = 0;
  for (const { startMs } of leases) newest = Math.max(newest, startMs);
  return newest;
}
