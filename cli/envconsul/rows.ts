import type { Command } from "../command/command.ts";

export const ENVCONSUL_COMMANDS: readonly Command[] = [
  {
    name: "envconsul",
    summary: "Run a program with keys, secrets and services as its environment (envconsul)",
    operands: "[OPTIONS] COMMAND",
    flags: {},
    ownFlags: true,
    load: async () => (await import("./envconsul.ts")).envconsul,
  },
];
