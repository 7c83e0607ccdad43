import type { SeedNetwork } from "./seed.ts";

/** Stands for the first wired card, which only the machine knows (`files/links.sh`). */
const WIRED = "@WIRED@";

/** A fixed address, as dhcpcd.conf(5) takes it. Without an interface it holds for the first wired one. */
export function dhcpcdSettings(network: SeedNetwork): string {
  const name = network.interface ?? WIRED;
  const on = network.vlan === undefined ? name : `${name}.${network.vlan}`;
  return [
    "",
    // The card itself has none then.
    ...(network.vlan === undefined ? [] : [`denyinterfaces ${name}`]),
    `interface ${on}`,
    `static ip_address=${network.address}`,
    ...(network.gateway === undefined ? [] : [`static routers=${network.gateway}`]),
    ...(network.dns.length === 0 ? [] : [`static domain_name_servers=${network.dns.join(" ")}`]),
    "",
  ].join("\n");
}
