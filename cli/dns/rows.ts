import { on, value } from "../api/flags.ts";
import type { Command, Flag } from "../command/command.ts";
import { LIVE } from "../print/live.ts";

const FLAGS: Readonly<Record<string, Flag>> = {
  address: value("ADDRESS", "Where the server's API is (LARES_DNS_ADDR; default http://127.0.0.1:8053)"),
  json: on("Print JSON"),
  t: value("TEMPLATE", "Print through a Go template"),
};
const RULE: Readonly<Record<string, Flag>> = {
  ...FLAGS,
  regex: on("The name is a regular expression"),
  comment: value("TEXT", "Why"),
};

export const DNS_COMMANDS: readonly Command[] = [
  {
    name: "dns status",
    summary: "What the DNS server does, and how much is asked and blocked",
    operands: "",
    flags: { ...FLAGS, live: LIVE },
    load: async () => (await import("./status.ts")).status,
  },
  {
    name: "dns log",
    summary: "What was asked, newest last; with -follow as it comes",
    operands: "",
    flags: {
      ...FLAGS,
      follow: on("Go on until Ctrl-C"),
      n: value("COUNT", "So many lines (default 20)"),
      name: value("NAME", "Only names like this; * stands for anything"),
      client: value("ADDRESS", "Only this client"),
      blocked: on("Only what was blocked"),
    },
    load: async () => (await import("./query-log.ts")).queryLog,
  },
  {
    name: "dns top",
    summary: "Names and clients of the last 24 hours, most first",
    operands: "",
    flags: { ...FLAGS, blocked: on("Of what was blocked"), n: value("COUNT", "So many (default 10)"), live: LIVE },
    load: async () => (await import("./status.ts")).top,
  },
  {
    name: "dns block",
    summary: "Block names",
    operands: "NAME…",
    flags: RULE,
    load: async () => (await import("./rules.ts")).block,
  },
  {
    name: "dns unblock",
    summary: "Take names off those that `dns block` blocks",
    operands: "NAME…",
    flags: RULE,
    load: async () => (await import("./rules.ts")).unblock,
  },
  {
    name: "dns allow",
    summary: "Never block names, whatever lists say",
    operands: "NAME…",
    flags: RULE,
    load: async () => (await import("./rules.ts")).allow,
  },
  {
    name: "dns disallow",
    summary: "Take names off those that `dns allow` allows",
    operands: "NAME…",
    flags: RULE,
    load: async () => (await import("./rules.ts")).disallow,
  },
  {
    name: "dns rules",
    summary: "List what is blocked and allowed by name",
    operands: "",
    flags: FLAGS,
    load: async () => (await import("./rules.ts")).rules,
  },
  {
    name: "dns pause",
    summary: "Block nothing for a while (default 5m)",
    operands: "[DURATION]",
    flags: FLAGS,
    load: async () => (await import("./pause.ts")).pause,
  },
  {
    name: "dns resume",
    summary: "Block again",
    operands: "",
    flags: FLAGS,
    load: async () => (await import("./pause.ts")).resume,
  },
  {
    name: "dns test",
    summary: "Say which rules and lists hold a name (exit code 1: it is blocked)",
    operands: "NAME",
    flags: FLAGS,
    load: async () => (await import("./rules.ts")).testName,
  },
  {
    name: "dns lists",
    summary: "List the block lists and allow lists",
    operands: "",
    flags: FLAGS,
    load: async () => (await import("./lists.ts")).lists,
  },
  {
    name: "dns lists add",
    summary: "Add lists",
    operands: "URL…",
    flags: { ...FLAGS, allow: on("What is in it is never blocked"), comment: value("TEXT", "Why") },
    load: async () => (await import("./lists.ts")).add,
  },
  {
    name: "dns lists remove",
    summary: "Remove lists",
    operands: "URL…",
    flags: FLAGS,
    load: async () => (await import("./lists.ts")).remove,
  },
  {
    name: "dns lists update",
    summary: "Download all lists now",
    operands: "",
    flags: FLAGS,
    load: async () => (await import("./lists.ts")).update,
  },
  {
    name: "dns groups",
    summary: "List the groups and the clients in them",
    operands: "",
    flags: FLAGS,
    load: async () => (await import("./lists.ts")).groups,
  },
  {
    name: "dns password",
    summary: "Read a password from standard input and set it; an empty one shuts everybody else out",
    operands: "",
    flags: { ...FLAGS, hash: on("Only print its hash, for a file of settings") },
    load: async () => (await import("./password.ts")).password,
  },
  {
    name: "dns import",
    summary: "Make settings from a Pi-hole archive (Teleporter, .zip or .tar.gz) or AdGuard Home's AdGuardHome.yaml",
    operands: "FILE",
    flags: {
      json: on("Print JSON"),
      output: value("FILE", "Where to write them (default: standard output)"),
      onto: value("FILE", "Settings they are added to"),
    },
    load: async () => (await import("./import.ts")).importSettings,
  },
];
