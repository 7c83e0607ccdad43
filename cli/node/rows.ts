import { NOMAD_FLAGS, on, value, values } from "../api/flags.ts";
import type { Command } from "../command/command.ts";
import { NODE_POOL_COMMANDS } from "./pool-rows.ts";

export const NODE_COMMANDS: readonly Command[] = [
  {
    name: "node status",
    summary: "List nodes, or show one: its drivers, what is used of it, what runs there",
    operands: "[NODE]",
    flags: {
      ...NOMAD_FLAGS,
      self: on("The node whose agent is asked"),
      short: on("Without events and resources"),
      stats: on("What its machine uses right now, too"),
      verbose: on("Whole ids; its attributes and meta, too"),
      quiet: on("Only ids"),
      os: on("Ask for the operating systems, too"),
      filter: value("EXPRESSION", "Only nodes for which it holds"),
      "per-page": value("COUNT", "So many at a time"),
      "page-token": value("TOKEN", "The page an earlier answer named"),
    },
    load: async () => (await import("./status.ts")).status,
  },
  {
    name: "node eligibility",
    summary: "Let a node take new allocations, or not; what runs there stays",
    operands: "[NODE]",
    flags: {
      ...NOMAD_FLAGS,
      enable: on("It may"),
      disable: on("It may not"),
      self: on("The node whose agent is asked"),
    },
    load: async () => (await import("./change.ts")).eligibility,
  },
  {
    name: "node drain",
    summary: "Move what runs on a node elsewhere, and keep new allocations away",
    operands: "[NODE]",
    flags: {
      ...NOMAD_FLAGS,
      enable: on("Begin"),
      disable: on("End it before it is done"),
      deadline: value("DURATION", "Stop what is left after so long (default 1h)"),
      "no-deadline": on("Wait for ever"),
      force: on("Stop everything at once"),
      "ignore-system": on("Leave system jobs alone"),
      "keep-ineligible": on("With -disable: still no new allocations"),
      self: on("The node whose agent is asked"),
      message: value("TEXT", "Why; kept with the drain"),
      meta: values("KEY=VALUE", "Kept with the drain"),
      monitor: on("Only follow a drain that goes on"),
      yes: on("Accepted; it never asks"),
      detach: on("Do not wait until it is done"),
    },
    load: async () => (await import("./change.ts")).drain,
  },
  {
    name: "node meta read",
    summary: "Show a node's metadata",
    operands: "",
    flags: {
      ...NOMAD_FLAGS,
      "node-id": value("NODE", "The node; default: the one that is asked"),
      verbose: on("Say where it comes from"),
    },
    load: async () => (await import("./meta.ts")).read,
  },
  {
    name: "node meta apply",
    summary: "Change a node's metadata while it runs",
    operands: "KEY=VALUE…",
    flags: {
      ...NOMAD_FLAGS,
      "node-id": value("NODE", "The node; default: the one that is asked"),
      unset: value("KEYS", "Take these away (comma between them)"),
    },
    load: async () => (await import("./meta.ts")).apply,
  },
  {
    name: "node config",
    summary: "Show or set the servers the agent's client talks to",
    operands: "[ADDRESS…]",
    flags: { ...NOMAD_FLAGS, servers: on("List them"), "update-servers": on("Set them") },
    load: async () => (await import("./configure.ts")).configure,
  },
  ...NODE_POOL_COMMANDS,
];
