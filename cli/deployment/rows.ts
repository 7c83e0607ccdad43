import { NOMAD_FLAGS } from "../api/flags.ts";
import type { Command } from "../command/command.ts";

export const DEPLOYMENT_COMMANDS: readonly Command[] = [
  {
    name: "deployment status",
    summary: "List deployments, or show one",
    operands: "[DEPLOYMENT]",
    flags: NOMAD_FLAGS,
    load: async () => (await import("./deployment.ts")).status,
  },
  {
    name: "deployment promote",
    summary: "Let a deployment go on after its canaries",
    operands: "DEPLOYMENT",
    flags: NOMAD_FLAGS,
    load: async () => (await import("./deployment.ts")).promote,
  },
  {
    name: "deployment fail",
    summary: "End a deployment as failed",
    operands: "DEPLOYMENT",
    flags: NOMAD_FLAGS,
    load: async () => (await import("./deployment.ts")).fail,
  },
];
