import { text } from "#base/language/hcl/decode/readers.ts";
import { add, type ToolFlag } from "./go-flags.ts";
import { signal, templateText } from "./readers.ts";
import { NOMAD_FLAGS, SHARED_FLAGS, toggle, value } from "./shared-flags.ts";

/** consul-template's command line. */
export const TEMPLATE_FLAGS: Readonly<Record<string, ToolFlag>> = {
  ...SHARED_FLAGS,
  ...NOMAD_FLAGS,
  template: {
    value: "source:destination:command",
    summary: "A template, the file it becomes, and what to run when that changed",
    read: templateText,
    apply: add("templates"),
  },
  "default-left-delimiter": value("text", text, ["defaultDelimiters.left", "Opens an action; default: {{"]),
  "default-right-delimiter": value("text", text, ["defaultDelimiters.right", "Closes an action; default: }}"]),
  dedup: toggle("deduplicate.enabled", "Share the work with others that render the same templates"),
  dry: toggle("dry", "Print what would be written"),
  "dump-signal": value("signal", signal, ["dumpSignal", "The signal that ends this tool with a report of its state"]),
  "exec-reload-signal": value("signal", signal, [
    "exec.reloadSignal",
    "Sent to the program instead of starting it anew",
  ]),
  "parse-only": toggle("parseOnly", "Only say whether the templates can be read"),
  "template-error-fatal": toggle("templateErrorFatal", "Whether an error in a template ends everything"),
};
