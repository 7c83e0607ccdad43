import { NOMAD_FLAGS, on, value } from "../api/flags.ts";
import type { Command } from "../command/command.ts";

const NODE_FLAGS = {
  json: on("Print JSON"),
  config: value("PATH", "Configuration file or folder; written where there is none (default: /etc/lares)"),
  "data-dir": value("FOLDER", "Where everything is kept; default: /var/lib/lares"),
  bind: value("ADDRESS", "Address to listen on; default: all"),
  node: value("NAME", "This node's name; default: the host's"),
  "no-start": on("Leave the agent to be started by hand"),
} as const;

const JSON_FLAG = { json: on("Print JSON") };

export const MEMBERSHIP_COMMANDS: readonly Command[] = [
  {
    name: "init",
    summary: "Make this machine the first server of a cluster, and print how others join it",
    operands: "",
    flags: { ...NODE_FLAGS, "no-client": on("Run no tasks here") },
    load: async () => (await import("./init.ts")).init,
  },
  {
    name: "join-token create",
    summary: "Make a token that lets nodes in, and print the line to run there",
    operands: "",
    flags: {
      ...NOMAD_FLAGS,
      ...JSON_FLAG,
      server: on("It may be used by servers, too"),
      ttl: value("DURATION", "How long it is good for; default: 24h"),
      uses: value("COUNT", "How many nodes it lets in; default 0: any number"),
      description: value("TEXT", "What it is for"),
    },
    load: async () => (await import("./tokens.ts")).create,
  },
  {
    name: "join-token list",
    summary: "List the tokens that let nodes in",
    operands: "",
    flags: { ...NOMAD_FLAGS, ...JSON_FLAG },
    load: async () => (await import("./tokens.ts")).list,
  },
  {
    name: "join-token revoke",
    summary: "Make a join token worthless; nodes it let in stay",
    operands: "ID",
    flags: NOMAD_FLAGS,
    load: async () => (await import("./tokens.ts")).revoke,
  },
  {
    name: "node approve",
    summary: "Let in a node that asks for it, by the code on its screen; without one, list those that ask",
    operands: "[CODE]",
    flags: {
      ...NOMAD_FLAGS,
      ...JSON_FLAG,
      role: value("ROLE", "server or client; default: what it asks for"),
    },
    load: async () => (await import("./approve.ts")).approve,
  },
  {
    name: "node refuse",
    summary: "Refuse a node that asks to be let in",
    operands: "CODE",
    flags: NOMAD_FLAGS,
    load: async () => (await import("./approve.ts")).refuse,
  },
  {
    name: "member list",
    summary: "List the nodes that have a certificate of the cluster",
    operands: "",
    flags: { ...NOMAD_FLAGS, ...JSON_FLAG },
    load: async () => (await import("./members.ts")).list,
  },
  {
    name: "member forget",
    summary: "Take a node out of the cluster: its certificate is not renewed, and its id may join anew",
    operands: "NODE_ID",
    flags: NOMAD_FLAGS,
    load: async () => (await import("./members.ts")).forget,
  },
  {
    name: "authority list",
    summary: "List those who sign the certificates of nodes",
    operands: "",
    flags: { ...NOMAD_FLAGS, ...JSON_FLAG },
    load: async () => (await import("./members.ts")).authorities,
  },
  {
    name: "authority rotate",
    summary: "Replace the authority that signs certificates, without an interruption",
    operands: "",
    flags: NOMAD_FLAGS,
    load: async () => (await import("./members.ts")).rotate,
  },
];
