import { NOMAD_FLAGS, on, value } from "../api/flags.ts";
import type { Command } from "../command/command.ts";

const out = value("FORM", "hcl, json, table or none");
const checkIndex = value("INDEX", "Only if its modify index is still this (0: only if there is none)");

export const VAR_COMMANDS: readonly Command[] = [
  {
    name: "var get",
    summary: "Read a variable, or one of its items",
    operands: "PATH",
    flags: { ...NOMAD_FLAGS, item: value("KEY", "Print this item's value alone"), out },
    load: async () => (await import("./read.ts")).get,
  },
  {
    name: "var list",
    summary: "List variables, without what they hold",
    operands: "[PREFIX]",
    flags: {
      ...NOMAD_FLAGS,
      quiet: on("Only paths"),
      out: value("FORM", "table, terse or json"),
      filter: value("EXPRESSION", "Only those for which it holds"),
      "per-page": value("COUNT", "So many at a time"),
      "page-token": value("TOKEN", "The page an earlier answer named"),
    },
    load: async () => (await import("./read.ts")).list,
  },
  {
    name: "var put",
    summary: "Write a variable from a file, from KEY=VALUE, or from both",
    operands: "[PATH] [@FILE] KEY=VALUE…",
    flags: { ...NOMAD_FLAGS, "check-index": checkIndex, force: on("Whatever is there now"), out },
    load: async () => (await import("./write.ts")).put,
  },
  {
    name: "var purge",
    summary: "Delete a variable",
    operands: "PATH",
    flags: { ...NOMAD_FLAGS, "check-index": checkIndex },
    load: async () => (await import("./write.ts")).purge,
  },
  {
    name: "var init",
    summary: "Write an example of a variable's file",
    operands: "[FILE]",
    flags: { json: on("In JSON"), out: value("FORM", "hcl or json") },
    load: async () => (await import("./init.ts")).init,
  },
  {
    name: "var lock",
    summary: "Hold a variable's lock while a command runs",
    operands: "PATH COMMAND…",
    flagsEndAt: 2,
    flags: {
      ...NOMAD_FLAGS,
      ttl: value("DURATION", "The lock ends so long after the last renewal (default 15s)"),
      delay: value("DURATION", "Nobody may take it for so long after it was lost (default 15s)"),
      "max-retry": value("COUNT", "Give up after so many attempts (default 5; -1 never)"),
      shell: on("Run the command by a shell"),
    },
    load: async () => (await import("./lock.ts")).lock,
  },
];
