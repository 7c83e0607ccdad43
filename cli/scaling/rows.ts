import { NOMAD_FLAGS, on, value } from "../api/flags.ts";
import type { Command } from "../command/command.ts";

export const SCALING_COMMANDS: readonly Command[] = [
  {
    name: "scaling policy list",
    summary: "List scaling policies",
    operands: "",
    flags: {
      ...NOMAD_FLAGS,
      job: value("JOB", "Only this job's"),
      type: value("TYPE", "Only this type"),
      verbose: on("Whole ids"),
    },
    load: async () => (await import("./policy.ts")).list,
  },
  {
    name: "scaling policy info",
    summary: "Show a scaling policy",
    operands: "POLICY",
    flags: NOMAD_FLAGS,
    load: async () => (await import("./policy.ts")).info,
  },
];
