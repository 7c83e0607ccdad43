import { CONSUL_FLAGS, NOMAD_FLAGS } from "../api/flags.ts";
import type { Command } from "../command/command.ts";

const BOTH = { ...CONSUL_FLAGS, ...NOMAD_FLAGS };

export const CLUSTER_COMMANDS: readonly Command[] = [
  {
    name: "status",
    summary: "Show how the cluster is (exit code 1: not well), or a job",
    operands: "[JOB]",
    flags: BOTH,
    load: async () => (await import("./status.ts")).status,
  },
  {
    name: "server members",
    summary: "List the cluster's servers",
    operands: "",
    flags: NOMAD_FLAGS,
    load: async () => (await import("./members.ts")).members,
  },
  {
    name: "api openapi",
    summary: "Print the OpenAPI document of the scheduler's or the discovery API",
    operands: "[scheduler|discovery]",
    flags: BOTH,
    load: async () => (await import("./openapi.ts")).openapi,
  },
];
