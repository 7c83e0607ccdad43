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
  {
    name: "template test",
    summary: "Render a template with data from a file, and compare with what is expected",
    operands: "FILE",
    flags: {
      data: { kind: "value", value: "FILE", summary: "What the servers would answer, as JSON or HCL" },
      expect: { kind: "value", value: "FILE", summary: "What it should become; a difference is shown line by line" },
      watch: { kind: "switch", summary: "Again whenever one of the files changes, until Ctrl-C" },
      "left-delimiter": { kind: "value", value: "TEXT", summary: "Opens an action; default: {{" },
      "right-delimiter": { kind: "value", value: "TEXT", summary: "Closes an action; default: }}" },
      "error-on-missing-key": { kind: "switch", summary: "A key that is not in a map is an error" },
    },
    load: async () => (await import("./test/test.ts")).templateTest,
  },
];
