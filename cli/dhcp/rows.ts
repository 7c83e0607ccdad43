import { CONSUL_FLAGS, on, value, values } from "../api/flags.ts";
import type { Command } from "../command/command.ts";
import { LIVE } from "../print/live.ts";

export const DHCP_COMMANDS: readonly Command[] = [
  {
    name: "dhcp leases",
    summary: "Print who has which address",
    operands: "",
    flags: { ...CONSUL_FLAGS, all: on("Those that ended, were given back or rest, too"), live: LIVE },
    load: async () => (await import("./leases.ts")).leases,
  },
  {
    name: "dhcp reserve",
    summary: "Keep an address, a name or options for one client; print what is reserved",
    operands: "",
    flags: {
      ...CONSUL_FLAGS,
      mac: value("MAC", "The client, by its hardware address"),
      "client-id": value("HEX", "The client, by its client identifier"),
      hostname: value("NAME", "The client, by the name it gives itself"),
      address: value("IP", "The address it gets"),
      name: value("NAME", "The name it gets"),
      "lease-time": value("DURATION", "For example 12h, 7d or infinite"),
      option: values("NAME=VALUE", "An option for it, for example router=192.168.1.1"),
      delete: on("Forget the reservation"),
    },
    load: async () => (await import("./reserve.ts")).reserve,
  },
  {
    name: "dhcp release",
    summary: "Take addresses from who has them, as if they had been given back",
    operands: "ADDRESS|MAC...",
    flags: CONSUL_FLAGS,
    load: async () => (await import("./release.ts")).release,
  },
  {
    name: "dhcp test",
    summary: "Ask the network for an address, take none, and print every server that answers",
    operands: "INTERFACE",
    flags: {
      json: on("Print JSON"),
      wait: value("DURATION", "How long answers are waited for; default: 3s"),
      mac: value("MAC", "Ask as this client; default: one nobody knows"),
    },
    load: async () => (await import("./test.ts")).test,
  },
];
