import { NOMAD_FLAGS, on, value } from "../api/flags.ts";
import type { Command, Flag } from "../command/command.ts";

const FLAGS: Readonly<Record<string, Flag>> = {
  ...NOMAD_FLAGS,
  verbose: on("Whole ids"),
  filter: value("EXPRESSION", "Only evaluations for which it holds"),
  job: value("JOB", "Only this job's"),
  status: value("STATUS", "Only those with this status"),
  "per-page": value("COUNT", "So many at a time"),
  "page-token": value("TOKEN", "The page an earlier answer named"),
};

export const EVAL_COMMANDS: readonly Command[] = [
  {
    name: "eval list",
    summary: "List evaluations",
    operands: "",
    flags: FLAGS,
    load: async () => (await import("./eval.ts")).list,
  },
  {
    name: "eval status",
    summary: "List evaluations, or show one and what it could not place",
    operands: "[EVALUATION]",
    flags: { ...FLAGS, monitor: on("Follow it until it has ended") },
    load: async () => (await import("./eval.ts")).status,
  },
  {
    name: "eval delete",
    summary: "Delete evaluations; the broker has to be paused (operator scheduler set-config -pause-eval-broker=true)",
    operands: "[EVALUATION]",
    flags: { ...NOMAD_FLAGS, filter: value("EXPRESSION", "All for which it holds"), yes: on("Do not ask") },
    load: async () => (await import("./delete.ts")).remove,
  },
];
