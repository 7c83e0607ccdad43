import type { LeaseTable } from "../leases/lease-table.ts";
import { isHeld } from "../leases/lease.ts";
import type { Counters } from "./counters.ts";
import type { Rogue } from "./rogues.ts";

/** What a server of one family can tell. */
export interface Told {
  readonly family: "ipv4" | "ipv6";
  readonly counters: Counters;
  readonly table: LeaseTable;
  readonly nowMs: number;
  readonly rogues: readonly Rogue[];
}

const HELP: readonly (readonly [name: keyof Counters, help: string])[] = [
  ["received", "Packets that came in."],
  ["malformed", "Packets that were none."],
  ["flooded", "Packets of clients that sent too many."],
  ["ignored", "Packets that are not for this server to answer."],
  ["offered", "Offers made."],
  ["granted", "Leases granted or prolonged."],
  ["refused", "Requests refused."],
  ["unkept", "Grants nobody was told of, because they could not be made durable."],
  ["conflicts", "Addresses found in use by somebody who was not given them."],
  ["rogues", "Times another server was found anew on a network."],
];
/** Other servers with a line of their own. */
const MAX_ROGUES = 20;

/** The text format of Prometheus, version 0.0.4. No client is in it. */
export function prometheusText(servers: readonly Told[]): string {
  const lines: string[] = [];
  const head = (name: string, kind: string, help: string): void => {
    lines.push(`# HELP lares_dhcp_${name} ${help}`, `# TYPE lares_dhcp_${name} ${kind}`);
  };
  for (const [key, help] of HELP) {
    head(`${key}_total`, "counter", help);
    for (const { family, counters } of servers)
      lines.push(`lares_dhcp_${key}_total{family="${family}"} ${counters[key]}`);
  }
  head("pool_addresses", "gauge", "Addresses and prefixes of a network's pools.");
  for (const told of servers)
    for (const [subnet, { size }] of poolsOf(told)) lines.push(`lares_dhcp_pool_addresses{subnet="${subnet}"} ${size}`);
  head("pool_leased", "gauge", "Of them, those that are leased now.");
  for (const told of servers)
    for (const [subnet, { held }] of poolsOf(told)) lines.push(`lares_dhcp_pool_leased{subnet="${subnet}"} ${held}`);
  head("other_server", "gauge", "1 for each other DHCP server that clients were seen to choose.");
  for (const { ip, interface: name } of servers.flatMap(({ rogues }) => rogues).slice(0, MAX_ROGUES))
    lines.push(`lares_dhcp_other_server{server="${ip}",interface="${name}"} 1`);
  return `${lines.join("\n")}\n`;
}

function poolsOf({ table, nowMs }: Told): ReadonlyMap<string, { readonly size: number; readonly held: number }> {
  const all = new Map<string, { size: number; held: number }>();
  for (const { subnet, pool } of table.pools) {
    const known = all.get(subnet.id) ?? { size: 0, held: 0 };
    all.set(subnet.id, { ...known, size: known.size + pool.size });
  }
  for (const lease of table.leases()) {
    const pool = all.get(lease.subnet);
    if (pool !== undefined && isHeld(lease, nowMs)) pool.held += 1;
  }
  return all;
}
