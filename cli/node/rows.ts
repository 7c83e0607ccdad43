import { NOMAD_FLAGS, on, value } from "../api/flags.ts";
import type { Command } from "../command/command.ts";

export const NODE_COMMANDS: readonly Command[] = [
  {
    name: "node status",
    summary: "List nodes, or show one: its drivers, what is used of it, what runs there",
    operands: "[NODE]",
    flags: { ...NOMAD_FLAGS, verbose: on("Show its attributes and meta, too") },
    load: async () => (await import("./status.ts")).status,
  },
  {
    name: "node eligibility",
    summary: "Let a node take new allocations, or not; what runs there stays",
    operands: "NODE",
    flags: { ...NOMAD_FLAGS, enable: on("It may"), disable: on("It may not") },
    load: async () => (await import("./change.ts")).eligibility,
  },
  {
    name: "node drain",
    summary: "Move what runs on a node elsewhere, and keep new allocations away",
    operands: "NODE",
    flags: {
      ...NOMAD_FLAGS,
      enable: on("Begin"),
      disable: on("End it before it is done"),
      deadline: value("DURATION", "Stop what is left after so long (default 1h)"),
      "no-deadline": on("Wait for ever"),
      force: on("Stop everything at once"),
      "ignore-system": on("Leave system jobs alone"),
      "keep-ineligible": on("With -disable: still no new allocations"),
      detach: on("Do not wait until it is done"),
    },
    load: async () => (await import("./change.ts")).drain,
  },
];
