import { CONSUL_FLAGS, on, value } from "../api/flags.ts";
import type { Command } from "../command/command.ts";

export const CATALOG_COMMANDS: readonly Command[] = [
  {
    name: "catalog services",
    summary: "List the names of services",
    operands: "",
    flags: { ...CONSUL_FLAGS, tags: on("Show their tags, too") },
    load: async () => (await import("./catalog.ts")).services,
  },
  {
    name: "catalog nodes",
    summary: "List the catalog's nodes",
    operands: "",
    flags: { ...CONSUL_FLAGS, service: value("NAME", "Only those with an instance of it") },
    load: async () => (await import("./catalog.ts")).nodes,
  },
  {
    name: "catalog service",
    summary: "List the instances of a service, and how they are (exit code 1: none)",
    operands: "NAME",
    flags: { ...CONSUL_FLAGS, passing: on("Only those whose checks pass") },
    load: async () => (await import("./catalog.ts")).service,
  },
];
