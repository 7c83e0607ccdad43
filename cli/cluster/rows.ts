import { CONSUL_FLAGS, NOMAD_FLAGS, on, value } from "../api/flags.ts";
import type { Command } from "../command/command.ts";

const BOTH = { ...CONSUL_FLAGS, ...NOMAD_FLAGS };

export const CLUSTER_COMMANDS: readonly Command[] = [
  {
    name: "status",
    summary: "Show how the cluster is (exit code 1: not well), or what an id begins with",
    operands: "[ID]",
    flags: BOTH,
    load: async () => (await import("./status.ts")).status,
  },
  {
    name: "server members",
    summary: "List the cluster's servers",
    operands: "",
    flags: { ...NOMAD_FLAGS, verbose: on("Show their tags"), detailed: on("The same") },
    load: async () => (await import("./members.ts")).members,
  },
  {
    name: "server join",
    summary: "Make the server join others",
    operands: "ADDRESS…",
    flags: NOMAD_FLAGS,
    load: async () => (await import("./servers.ts")).join,
  },
  {
    name: "server force-leave",
    summary: "Take a server that failed for one that left",
    operands: "NAME",
    flags: { ...NOMAD_FLAGS, prune: on("Forget it at once") },
    load: async () => (await import("./servers.ts")).forceLeave,
  },
  {
    name: "agent-info",
    summary: "Show what the agent says of itself",
    operands: "",
    flags: NOMAD_FLAGS,
    load: async () => (await import("./agent-info.ts")).agentInfo,
  },
  {
    name: "monitor",
    summary: "Print the agent's log as it comes",
    operands: "",
    flags: {
      ...NOMAD_FLAGS,
      "log-level": value("LEVEL", "trace, debug, info, warn or error"),
      "node-id": value("NODE", "Another node's agent"),
      "server-id": value("SERVER", "Another server, or leader"),
    },
    load: async () => (await import("./monitor.ts")).monitor,
  },
  {
    name: "ui",
    summary: "Print where the browser finds the cluster, a job, a node or an allocation",
    operands: "[JOB|NODE|ALLOC]",
    flags: NOMAD_FLAGS,
    load: async () => (await import("./ui.ts")).ui,
  },
  {
    name: "system gc",
    summary: "Collect everything that is over: jobs, evaluations, allocations, nodes",
    operands: "",
    flags: NOMAD_FLAGS,
    load: async () => (await import("./system.ts")).gc,
  },
  {
    name: "system reconcile summaries",
    summary: "Count the allocations of every job anew",
    operands: "",
    flags: NOMAD_FLAGS,
    load: async () => (await import("./system.ts")).reconcileSummaries,
  },
  {
    name: "api openapi",
    summary: "Print the OpenAPI document of the scheduler's or the discovery API",
    operands: "[scheduler|discovery]",
    flags: BOTH,
    load: async () => (await import("./openapi.ts")).openapi,
  },
];
