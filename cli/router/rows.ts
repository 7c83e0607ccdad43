import { CONSUL_FLAGS, on, value } from "../api/flags.ts";
import type { Command } from "../command/command.ts";
import { LIVE } from "../print/live.ts";

const STATE = { state: value("FOLDER", "The router's memory (default /var/lib/lares/router)") };
/** The cluster's routers, where there are any; else the machine the command runs on. */
const CLUSTER = { ...STATE, ...CONSUL_FLAGS, local: on("This machine alone, whatever the cluster says") };

export const ROUTER_COMMANDS: readonly Command[] = [
  {
    name: "router plan",
    summary: "Say what a configuration would change on the router (exit code 2: something)",
    operands: "FILE",
    flags: { ...CLUSTER, ruleset: on("Print the whole firewall, too; for this machine") },
    load: async () => (await import("./plan.ts")).plan,
  },
  {
    name: "router apply",
    summary: "Put a configuration into force; without confirmation it is taken back",
    operands: "[FILE]",
    flags: {
      ...CLUSTER,
      history: value("VERSION", "Instead of a file: one that was in force before"),
      within: value("DURATION", "Time to confirm (default 60s)"),
      "auto-confirm": on("Do not wait for confirmation"),
    },
    load: async () => (await import("./apply.ts")).apply,
  },
  {
    name: "router confirm",
    summary: "Keep what was applied",
    operands: "",
    flags: CLUSTER,
    load: async () => (await import("./apply.ts")).confirm,
  },
  {
    name: "router rollback",
    summary: "Take back what was applied and not confirmed",
    operands: "",
    flags: CLUSTER,
    load: async () => (await import("./apply.ts")).rollback,
  },
  {
    name: "router history",
    summary: "List the cluster's former router configurations, or print one",
    operands: "[VERSION]",
    flags: CONSUL_FLAGS,
    load: async () => (await import("./history.ts")).history,
  },
  {
    name: "router watchdog",
    summary: "Take a change back when its time is over",
    operands: "ID",
    flags: { ...STATE, within: value("MS", "From now") },
    hidden: true,
    load: async () => (await import("./watchdog.ts")).watchdog,
  },
  {
    name: "router status",
    summary: "Show lines, networks, forwards and what waits for confirmation",
    operands: "",
    flags: { ...CLUSTER, live: LIVE },
    load: async () => (await import("./status.ts")).status,
  },
  {
    name: "router peer",
    summary: "Make the keys of a WireGuard peer, and show its configuration as a QR code",
    operands: "TUNNEL PEER",
    flags: {
      ...STATE,
      address: value("ADDRESS", "Its address in the tunnel; default: the first free one"),
      text: on("Print the configuration as text"),
    },
    load: async () => (await import("./peer.ts")).peer,
  },
  {
    name: "router wake",
    summary: "Wake a machine on the LAN: a host of the configuration, or a hardware address",
    operands: "HOST|MAC",
    flags: { ...STATE, to: value("ADDRESS", "Where to send it (default 255.255.255.255)") },
    load: async () => (await import("./wake.ts")).wake,
  },
];
