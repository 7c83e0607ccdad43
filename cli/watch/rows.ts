import { CONSUL_FLAGS, on, value } from "../api/flags.ts";
import type { Command } from "../command/command.ts";

export const WATCH_COMMANDS: readonly Command[] = [
  {
    name: "watch",
    summary: "Print what a query answers, or run a handler on every change of it",
    operands: "[COMMAND...]",
    flagsEndAt: 1,
    flags: {
      ...CONSUL_FLAGS,
      type: value("KIND", "key, keyprefix, services, nodes, service, checks, event or agent_service"),
      key: value("KEY", "For key"),
      prefix: value("PREFIX", "For keyprefix"),
      service: value("NAME", "For service and checks; for agent_service the id"),
      tag: value("TAG", "For service: instances with this tag"),
      passingonly: on("For service: instances whose checks pass"),
      state: value("STATE", "For checks: any, passing, warning or critical"),
      name: value("NAME", "For event"),
      stale: on("Any server may answer"),
      shell: value("BOOL", "A command of one word runs in a shell (default true)"),
      "handler-url": value("URL", "POST the answer here instead of running a command"),
    },
    load: async () => (await import("./watch.ts")).watch,
  },
];
