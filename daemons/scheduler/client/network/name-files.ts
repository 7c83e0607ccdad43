import { textOf } from "#base/env/bytes.ts";
import type { Disk } from "#base/env/disk.ts";
import type { NetworkResource } from "#base/protocol/resources.ts";

/** Where systemd-resolved says which servers stand behind its own on loopback, which no other namespace reaches. */
const BEHIND_RESOLVED = "/run/systemd/resolve/resolv.conf";
const OWN_STUB = /^\s*nameserver\s+127\.0\.0\.53\s*$/m;
const LOOPBACK = /^\s*nameserver\s+(?:127\.|::1\s*$)/;

/** `resolv.conf` of an allocation: what its job says, else the host's servers that it can reach. */
export async function resolvConf(disk: Disk, dns: NetworkResource["DNS"]): Promise<string> {
  if (dns !== null && dns.Servers.length + dns.Searches.length + dns.Options.length > 0) {
    return [
      ...(dns.Searches.length === 0 ? [] : [`search ${dns.Searches.join(" ")}`]),
      ...dns.Servers.map((server) => `nameserver ${server}`),
      ...(dns.Options.length === 0 ? [] : [`options ${dns.Options.join(" ")}`]),
      "",
    ].join("\n");
  }
  const own = await read(disk, "/etc/resolv.conf");
  const text = OWN_STUB.test(own) ? (await read(disk, BEHIND_RESOLVED)) || own : own;
  return text
    .split("\n")
    .filter((line) => !LOOPBACK.test(line))
    .join("\n");
}

/** `hosts` of an allocation: itself. */
export function hostsFile(address: string, hostname: string): string {
  const own = address === "" || hostname === "" ? [] : [`${address} ${hostname}`];
  return ["127.0.0.1 localhost", "::1 localhost ip6-localhost ip6-loopback", ...own, ""].join("\n");
}

async function read(disk: Disk, path: string): Promise<string> {
  const bytes = await disk.read(path).catch(() => undefined);
  return bytes === undefined ? "" : textOf(bytes);
}
