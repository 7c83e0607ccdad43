import { NOMAD_FLAGS } from "../api/flags.ts";
import type { Command } from "../command/command.ts";

export const EVAL_COMMANDS: readonly Command[] = [
  {
    name: "eval status",
    summary: "List evaluations, or show one and what it could not place",
    operands: "[EVALUATION]",
    flags: NOMAD_FLAGS,
    load: async () => (await import("./eval.ts")).status,
  },
];
