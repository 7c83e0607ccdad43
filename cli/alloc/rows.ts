import { NOMAD_FLAGS, on, value } from "../api/flags.ts";
import type { Command } from "../command/command.ts";

export const ALLOC_COMMANDS: readonly Command[] = [
  {
    name: "alloc status",
    summary: "List allocations, or show one: its addresses, tasks and their events",
    operands: "[ALLOC]",
    flags: NOMAD_FLAGS,
    load: async () => (await import("./status.ts")).status,
  },
  {
    name: "alloc logs",
    summary: "Print what a task wrote",
    operands: "ALLOC [TASK]",
    flags: {
      ...NOMAD_FLAGS,
      task: value("TASK", "The task"),
      stdout: on("Standard output (default)"),
      stderr: on("Standard error"),
      f: on("Go on with what comes"),
      tail: on("Start near the end"),
      n: value("LINES", "The last so many lines"),
      c: value("BYTES", "The last so many bytes"),
      job: on("The operand is a job; take its newest running allocation"),
    },
    load: async () => (await import("./logs.ts")).logs,
  },
  {
    name: "alloc stop",
    summary: "Stop an allocation; another takes its place",
    operands: "ALLOC",
    flags: { ...NOMAD_FLAGS, detach: on("Do not wait for the outcome") },
    load: async () => (await import("./change.ts")).stop,
  },
  {
    name: "alloc restart",
    summary: "Restart an allocation's tasks where they are",
    operands: "ALLOC [TASK]",
    flags: { ...NOMAD_FLAGS, task: value("TASK", "Only this task") },
    load: async () => (await import("./change.ts")).restart,
  },
];
