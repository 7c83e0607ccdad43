import type { Env } from "#base/env/env.ts";
import type { OpenSqlFile } from "#base/env/sql.ts";
import type { LeaseName } from "#base/protocol/lease-name.ts";
import type { DnsStatus } from "../create-dns.ts";
import type { ListReport } from "../lists/list-keeper.ts";
import type { QueryLog } from "../log/query-log.ts";
import type { Neighbours } from "../resolve/client-matcher.ts";
import type { SettingsStore } from "../settings/settings-store.ts";
import type { Statistics } from "../statistics/statistics.ts";
import type { DeriveKey } from "./password.ts";
import type { Sessions } from "./sessions.ts";

/** What the API asks of the server it belongs to. */
export interface ServedDns {
  status(): DnsStatus;
  flushCache(): void;
  /** Which lists hold a name. */
  listsWith(
    name: string,
  ): readonly { readonly listId: number; readonly pattern: string; readonly isException: boolean }[];
  readonly neighbours: Neighbours;
  readonly leases: readonly LeaseName[];
  readonly lists: {
    report(): readonly ListReport[];
    update(options: { readonly force: boolean }): Promise<void>;
  };
}

/** A lease as Pi-hole's API tells it. */
export interface HouseLease {
  readonly address: string;
  /** Empty: nameless. */
  readonly name: string;
  readonly mac: string;
  /** The client's identifier, `aa:bb:…`; empty where it is known by its MAC. */
  readonly clientId: string;
  /** Ms since the epoch; undefined: never. */
  readonly endsMs: number | undefined;
}

/** Leases of the cluster's DHCP servers. */
export interface HouseLeases {
  /** Those that are held. Undefined: the cluster's store does not answer. */
  held(): Promise<readonly HouseLease[] | undefined>;
  remove(address: string): Promise<"removed" | "missing" | "no address" | "unknown">;
}

export interface MachineFacts {
  readonly model: string;
  readonly kernel: string;
  readonly machine: string;
  readonly uptimeSeconds: number;
  readonly totalBytes: number;
  readonly availableBytes: number;
  readonly load: readonly number[];
  readonly cores: number;
  /** Of this process. */
  readonly pid: number;
  readonly residentBytes: number;
  readonly cpuPercent: number;
}

export interface ApiDeps {
  readonly env: Pick<Env, "clock" | "disk" | "log" | "net" | "random">;
  readonly settings: SettingsStore;
  readonly log: QueryLog;
  /** This instance's. */
  readonly statistics: Statistics;
  /** The whole house's: all instances as one. */
  readonly counts: () => Promise<Statistics>;
  readonly dns: ServedDns;
  /** Undefined: there is no cluster. */
  readonly leases: HouseLeases | undefined;
  readonly sessions: Sessions;
  readonly deriveKey: DeriveKey;
  readonly openSql: OpenSqlFile;
  /** For archives on their way in and out. */
  readonly folder: string;
  readonly version: string;
  readonly machine: () => Promise<MachineFacts>;
  /** The last lines of this program's log, oldest first. */
  readonly logLines: () => readonly { readonly timeMs: number; readonly level: string; readonly message: string }[];
}
