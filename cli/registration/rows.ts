import { CONSUL_FLAGS, on, value, values } from "../api/flags.ts";
import type { Command } from "../command/command.ts";

export const REGISTRATION_COMMANDS: readonly Command[] = [
  {
    name: "services register",
    summary: "Register services of files (HCL or JSON), or one that flags describe, with this node's agent",
    operands: "[FILE...]",
    flags: {
      ...CONSUL_FLAGS,
      id: value("ID", "Default: the name"),
      name: value("NAME", "Name of the service"),
      address: value("ADDRESS", "Default: the node's"),
      port: value("PORT", "Its port"),
      tag: values("TAG", "May be repeated"),
      meta: values("KEY=VALUE", "May be repeated"),
    },
    load: async () => (await import("./services.ts")).register,
  },
  {
    name: "services deregister",
    summary: "Deregister services of files, or the one with -id",
    operands: "[FILE...]",
    flags: { ...CONSUL_FLAGS, id: value("ID", "The service's id") },
    load: async () => (await import("./services.ts")).deregister,
  },
  {
    name: "maint",
    summary: "Take this node, or one of its services, out of service and back in; without flags: say what is out",
    operands: "",
    flags: {
      ...CONSUL_FLAGS,
      enable: on("Out of service"),
      disable: on("Back in"),
      service: value("ID", "Only this service"),
      reason: value("TEXT", "Why"),
    },
    load: async () => (await import("./maint.ts")).maint,
  },
];
