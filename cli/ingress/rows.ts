import { CONSUL_FLAGS, value } from "../api/flags.ts";
import type { Command } from "../command/command.ts";

export const INGRESS_COMMANDS: readonly Command[] = [
  {
    name: "ingress status",
    summary: "Show what each ingress runs, and what is wrong (exit code 1: something is)",
    operands: "",
    flags: CONSUL_FLAGS,
    load: async () => (await import("./ingress.ts")).status,
  },
  {
    name: "ingress routes",
    summary: "List what is served, by which service, and how many of its instances are ready",
    operands: "[SERVICE]",
    flags: CONSUL_FLAGS,
    load: async () => (await import("./ingress.ts")).routes,
  },
  {
    name: "ingress addresses",
    summary: "List virtual addresses, and which nodes hold them (exit code 1: one is held by none, or by several)",
    operands: "",
    flags: CONSUL_FLAGS,
    load: async () => (await import("./addresses.ts")).addresses,
  },
  {
    name: "ingress ca",
    summary: "Print the certificate of the cluster's authority for internal names, which clients are to trust",
    operands: "",
    flags: CONSUL_FLAGS,
    load: async () => (await import("./ca.ts")).ca,
  },
  {
    name: "ingress top",
    summary: "Show requests, errors and times of each route, live",
    operands: "",
    flags: {
      ...CONSUL_FLAGS,
      interval: value("SECONDS", "Time between two looks (default 2)"),
      count: value("COUNT", "End after so many looks; default: on a terminal never, else 1"),
    },
    load: async () => (await import("./top.ts")).top,
  },
];
