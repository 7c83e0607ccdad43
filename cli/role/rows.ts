import type { Command } from "../command/command.ts";

export const ROLE_COMMANDS: readonly Command[] = [
  {
    name: "role",
    summary: "Run one role of the cluster as a task",
    operands: "NAME",
    flags: {},
    hidden: true,
    load: async () => (await import("../role.ts")).role,
  },
];
