import type { Settings6 } from "../settings/settings.ts";
import { textOf } from "#base/env/bytes.ts";
import type { Env } from "#base/env/env.ts";
import type { GroupSockets } from "#base/env/group-socket.ts";
import { leaseHome, type LeaseHome } from "../lease-home.ts";
import type { SharedKv } from "../share/kv.ts";
import type { ShareTimes } from "../share/share-times.ts";
import { Reconfigurer } from "./reconfigurer.ts";
import { DhcpServer6 } from "./server.ts";

export interface Dhcp6Deps {
  readonly env: Env;
  readonly sockets: GroupSockets;
  readonly settings: Settings6;
  /** Where leases are kept; not IPv4's. */
  readonly dir: string;
  /** Default 547. */
  readonly port?: number;
  /** The keys that instances share their leases in. Absent: this one is alone. */
  readonly kv?: SharedKv;
  readonly times?: ShareTimes;
}

const DUID_UUID = 4;

/** One instance. Rejects with a `DiskError` where its folder cannot be used. */
export async function createDhcp6(deps: Dhcp6Deps): Promise<DhcpServer6> {
  const { env, settings, dir } = deps;
  await env.disk.makeDir(dir, { mode: 0o700 });
  const duid = await ownDuid(env, `${dir}/duid`);
  const home: LeaseHome = await leaseHome({
    ...deps,
    settings: settings.leases,
    addresses: () => [Buffer.from(duid).toString("hex")],
  });
  const reconfigurer = await Reconfigurer.open({ env, settings, clock: home.clock, duid, dir });
  return new DhcpServer6({ ...deps, ...home, duid, reconfigurer });
}

/** This server's identifier, the same as long as its folder lives: one by a UUID (RFC 8415 §11.5). */
async function ownDuid({ disk, random }: Env, path: string): Promise<Uint8Array> {
  const bytes = await disk.read(path);
  const known = bytes === undefined ? "" : textOf(bytes).trim();
  if (/^0004[0-9a-f]{32}$/.test(known)) return Buffer.from(known, "hex");
  const duid = Buffer.from([0, DUID_UUID, ...random.bytes(16)]);
  await disk.replace(path, `${duid.toString("hex")}\n`, { mode: 0o600 });
  return duid;
}
