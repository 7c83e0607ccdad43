import type { Env } from "#base/env/env.ts";
import type { Lan } from "#base/env/lan.ts";
import { leaseHome } from "./lease-home.ts";
import { DhcpServer } from "./server/dhcp-server.ts";
import type { Settings } from "./settings/settings.ts";
import type { SharedKv } from "./share/kv.ts";
import type { ShareTimes } from "./share/share-times.ts";

export interface DhcpDeps {
  readonly env: Env;
  readonly lan: Lan;
  readonly settings: Settings;
  /** Where leases are kept. */
  readonly dir: string;
  /** Default 67. */
  readonly port?: number;
  /** The keys that instances share their leases in. Absent: this one is alone. */
  readonly kv?: SharedKv;
  /** Default: {@link import("./share/share-times.ts").shareTimes} of the settings. */
  readonly times?: ShareTimes;
}

/** One instance. Rejects with a `DiskError` where its folder cannot be used. */
export async function createDhcp(deps: DhcpDeps): Promise<DhcpServer> {
  const home = await leaseHome({ ...deps, addresses: () => addressesOf(deps.env, deps.settings) });
  return new DhcpServer({ ...deps, ...home });
}

/** On the interfaces it serves. */
function addressesOf({ net }: Env, { subnets }: Settings): readonly string[] {
  const names = new Set(subnets.map((subnet) => subnet.interface));
  return net
    .interfaces()
    .filter(({ name, family, internal }) => family === 4 && !internal && (names.has(name) || names.has(undefined)))
    .map(({ address }) => address);
}
