import { CONSUL_FLAGS, on } from "../api/flags.ts";
import type { Command } from "../command/command.ts";

export const ALERT_COMMANDS: readonly Command[] = [
  {
    name: "alerts",
    summary: "List what was told of checks that do not pass (exit code 1: there are some)",
    operands: "",
    flags: { ...CONSUL_FLAGS, all: on("Those that pass again, too") },
    load: async () => (await import("./alerts.ts")).list,
  },
  {
    name: "alerts log",
    summary: "List what was told, and what could not be delivered",
    operands: "",
    flags: CONSUL_FLAGS,
    load: async () => (await import("./alerts.ts")).log,
  },
  {
    name: "alerts acknowledge",
    summary: "Say that somebody knows: no reminders until it changes",
    operands: "ID",
    flags: CONSUL_FLAGS,
    load: async () => (await import("./alerts.ts")).acknowledge,
  },
];
