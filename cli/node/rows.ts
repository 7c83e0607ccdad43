import { NOMAD_FLAGS, on } from "../api/flags.ts";
import type { Command } from "../command/command.ts";

export const NODE_COMMANDS: readonly Command[] = [
  {
    name: "node status",
    summary: "List nodes, or show one: its drivers, what is used of it, what runs there",
    operands: "[NODE]",
    flags: { ...NOMAD_FLAGS, verbose: on("Show its attributes and meta, too") },
    load: async () => (await import("./status.ts")).status,
  },
];
