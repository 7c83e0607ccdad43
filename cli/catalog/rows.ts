import { CONSUL_FLAGS, on, value, values } from "../api/flags.ts";
import type { Command } from "../command/command.ts";

const OF_NODES = { "node-meta": values("KEY=VALUE", "Only of nodes with this metadata") };

export const CATALOG_COMMANDS: readonly Command[] = [
  {
    name: "catalog services",
    summary: "List the names of services",
    operands: "",
    flags: { ...CONSUL_FLAGS, ...OF_NODES, node: value("NAME", "Only those on it"), tags: on("Show their tags, too") },
    load: async () => (await import("./catalog.ts")).services,
  },
  {
    name: "catalog nodes",
    summary: "List the catalog's nodes",
    operands: "",
    flags: {
      ...CONSUL_FLAGS,
      ...OF_NODES,
      service: value("NAME", "Only those with an instance of it"),
      near: value("NODE", "Those near it first; _agent is this one"),
      filter: value("EXPRESSION", "Only those of which it is true"),
      detailed: on("Show the whole id, addresses and metadata"),
    },
    load: async () => (await import("./catalog.ts")).nodes,
  },
  {
    name: "catalog datacenters",
    summary: "List the datacenters",
    operands: "",
    flags: CONSUL_FLAGS,
    load: async () => (await import("./catalog.ts")).datacenters,
  },
  {
    name: "catalog service",
    summary: "List the instances of a service, and how they are (exit code 1: none)",
    operands: "NAME",
    flags: { ...CONSUL_FLAGS, passing: on("Only those whose checks pass") },
    load: async () => (await import("./catalog.ts")).service,
  },
];
