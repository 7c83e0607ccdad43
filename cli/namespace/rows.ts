import { NOMAD_FLAGS, value, values } from "../api/flags.ts";
import type { Command } from "../command/command.ts";

export const NAMESPACE_COMMANDS: readonly Command[] = [
  {
    name: "namespace apply",
    summary: "Create or change a namespace, by flags or from a file",
    operands: "NAME|FILE",
    flags: {
      ...NOMAD_FLAGS,
      description: value("TEXT", "What it is for"),
      quota: value("NAME", "Its quota"),
      meta: values("KEY=VALUE", "Replaces its metadata"),
    },
    load: async () => (await import("./namespace.ts")).apply,
  },
  {
    name: "namespace delete",
    summary: "Delete a namespace that nothing uses",
    operands: "NAME",
    flags: NOMAD_FLAGS,
    load: async () => (await import("./namespace.ts")).remove,
  },
  {
    name: "namespace inspect",
    summary: "Print a namespace as JSON",
    operands: "NAME",
    flags: NOMAD_FLAGS,
    load: async () => (await import("./namespace.ts")).inspect,
  },
  {
    name: "namespace list",
    summary: "List namespaces",
    operands: "",
    flags: NOMAD_FLAGS,
    load: async () => (await import("./namespace.ts")).list,
  },
  {
    name: "namespace status",
    summary: "Show a namespace",
    operands: "NAME",
    flags: NOMAD_FLAGS,
    load: async () => (await import("./namespace.ts")).status,
  },
];
