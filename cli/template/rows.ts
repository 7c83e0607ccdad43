import type { Command } from "../command/command.ts";

export const TEMPLATE_COMMANDS: readonly Command[] = [
  {
    name: "template",
    summary: "Keep files rendered from templates (consul-template)",
    operands: "[OPTIONS]",
    flags: {},
    ownFlags: true,
    load: async () => (await import("./template.ts")).template,
  },
];
