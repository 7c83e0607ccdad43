import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { until, type Lab } from "../server/lab.ts";

/** A host whose link-local address may be used at once, and which believes no router. */
export async function host6(wire: Lab, name: string, ...addresses: readonly string[]): Promise<void> {
  await wire.host(name);
  await wire.in(name, ["sysctl", "-qw", "net.ipv6.conf.eth0.accept_dad=0", "net.ipv6.conf.eth0.accept_ra=0"]);
  await wire.in(name, ["ip", "link", "set", "eth0", "down"]);
  await wire.in(name, ["ip", "link", "set", "eth0", "up"]);
  for (const address of addresses) await wire.in(name, ["ip", "addr", "add", address, "dev", "eth0", "nodad"]);
  await until(`${name} has a link-local address`, async () =>
    /inet6 fe80::\S+ scope link(?! tentative)/.test(await wire.in(name, ["ip", "-6", "addr", "show", "dev", "eth0"])),
  );
}

export interface Leased6 {
  readonly address: string | undefined;
  readonly prefix: string | undefined;
  readonly serverId: string | undefined;
  /** The lease file. */
  readonly text: string;
}

/** What dhclient gets for itself (and, with `-P`, for those behind it); it is named by its hardware address. */
export async function dhclient6(wire: Lab, host: string, ...options: readonly string[]): Promise<Leased6> {
  const leases = join(wire.dir, `${host}.leases6`);
  rmSync(leases, { force: true });
  const files = ["-sf", "/bin/true", "-lf", leases, "-pf", join(wire.dir, `${host}.pid6`)];
  await wire.in(host, ["timeout", "90", "dhclient", "-6", "-1", "-D", "LL", "-N", ...options, ...files, "eth0"]);
  const text = readFileSync(leases, "utf8");
  await wire.in(host, ["sh", "-c", `kill $(cat ${join(wire.dir, `${host}.pid6`)})`]).catch(() => {});
  return {
    address: /iaaddr (\S+) /.exec(text)?.[1],
    prefix: /iaprefix (\S+) /.exec(text)?.[1],
    serverId: /server-id ([0-9a-f:]+);/.exec(text)?.[1],
    text,
  };
}

/** dhcpcd, apart from the machine's own: what its hook was told. */
export async function dhcpcd6(wire: Lab, host: string): Promise<string> {
  const script = join(wire.dir, `${host}-dhcpcd.sh`);
  const out = join(wire.dir, `${host}-dhcpcd.out`);
  writeFileSync(script, `#!/bin/sh\nenv | grep -E "^(reason|new_dhcp6)" >> ${out}\n`, { mode: 0o755 });
  const apart = 'mount -t tmpfs none /run && mount -t tmpfs none /var/lib/dhcpcd && exec timeout 90 dhcpcd "$@"';
  const options = ["-B", "-6", "--oneshot", "--noipv6rs", "--ia_na", "-c", script, "eth0"];
  await wire.in(host, ["unshare", "-m", "--propagation", "private", "sh", "-c", apart, "sh", ...options]);
  return readFileSync(out, "utf8");
}
