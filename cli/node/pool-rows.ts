import { NOMAD_FLAGS, on, value } from "../api/flags.ts";
import type { Command, Flag } from "../command/command.ts";

const PAGED: Readonly<Record<string, Flag>> = {
  ...NOMAD_FLAGS,
  filter: value("EXPRESSION", "Only those for which it holds"),
  "per-page": value("COUNT", "So many at a time"),
  "page-token": value("TOKEN", "The page an earlier answer named"),
};

export const NODE_POOL_COMMANDS: readonly Command[] = [
  {
    name: "node pool apply",
    summary: "Create or change the node pools of a file",
    operands: "FILE",
    flags: NOMAD_FLAGS,
    load: async () => (await import("./pool.ts")).apply,
  },
  {
    name: "node pool delete",
    summary: "Delete a node pool that nothing uses",
    operands: "POOL",
    flags: NOMAD_FLAGS,
    load: async () => (await import("./pool.ts")).remove,
  },
  {
    name: "node pool init",
    summary: "Write an example of a node pool's file",
    operands: "[FILE]",
    flags: { json: on("In JSON") },
    load: async () => (await import("./pool-init.ts")).init,
  },
  {
    name: "node pool info",
    summary: "Show a node pool",
    operands: "POOL",
    flags: NOMAD_FLAGS,
    load: async () => (await import("./pool.ts")).info,
  },
  {
    name: "node pool jobs",
    summary: "List the jobs of a node pool",
    operands: "POOL",
    flags: PAGED,
    load: async () => (await import("./pool.ts")).jobs,
  },
  {
    name: "node pool list",
    summary: "List node pools",
    operands: "",
    flags: PAGED,
    load: async () => (await import("./pool.ts")).list,
  },
  {
    name: "node pool nodes",
    summary: "List the nodes of a node pool",
    operands: "POOL",
    flags: { ...PAGED, verbose: on("Whole ids, addresses and versions") },
    load: async () => (await import("./pool.ts")).nodes,
  },
];
