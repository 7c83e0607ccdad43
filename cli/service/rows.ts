import { NOMAD_FLAGS, on, value } from "../api/flags.ts";
import type { Command } from "../command/command.ts";

export const SERVICE_COMMANDS: readonly Command[] = [
  {
    name: "service list",
    summary: "List the services jobs registered with the built-in provider",
    operands: "",
    flags: NOMAD_FLAGS,
    load: async () => (await import("./service.ts")).list,
  },
  {
    name: "service info",
    summary: "Show the instances of a service",
    operands: "SERVICE",
    flags: {
      ...NOMAD_FLAGS,
      verbose: on("Everything about each"),
      filter: value("EXPRESSION", "Only those for which it holds"),
      "per-page": value("COUNT", "So many at a time"),
      "page-token": value("TOKEN", "The page an earlier answer named"),
    },
    load: async () => (await import("./service.ts")).info,
  },
  {
    name: "service delete",
    summary: "Forget a registration whose owner cannot do it any more",
    operands: "SERVICE ID",
    flags: NOMAD_FLAGS,
    load: async () => (await import("./service.ts")).remove,
  },
];
