import { UsageError, type RunCommand } from "../command/command.ts";
import { VERSION } from "../version.ts";
import { flagHelp, parseGoFlags } from "./config/go-flags.ts";
import { levelFrom, loadToolConfig } from "./config/load.ts";
import { TemplateToolSchema, type TemplateToolConfig } from "./config/schema.ts";
import { consulTemplate } from "./config/tables.ts";
import { TEMPLATE_FLAGS } from "./config/template-flags.ts";
import { EXIT } from "./exit-codes.ts";
import { runTool } from "./tool.ts";

const USAGE = `Usage: lares template [options]

  Watches a series of templates on the file system, and writes them anew when the services, keys and secrets they show
  change. Runs until interrupted, unless -once is given. Understands consul-template's options and files.

  lares template test FILE renders one template with data from a file (lares template test -help).

Options:

`;

/** consul-template. */
export const template: RunCommand = async ({ operands, environment, output }) => {
  let parsed: ReturnType<typeof parseGoFlags>;
  try {
    parsed = parseGoFlags(operands, TEMPLATE_FLAGS);
    const [extra] = parsed.rest;
    if (!parsed.help && extra !== undefined) throw new UsageError(`there is something after the flags: "${extra}"`);
  } catch (thrown) {
    if (!(thrown instanceof UsageError)) throw thrown;
    output.error(thrown.message);
    return EXIT.flags;
  }
  if (parsed.help) {
    output.line(USAGE + flagHelp(TEMPLATE_FLAGS));
    return EXIT.ok;
  }
  const { version, dry, config: paths, ...flags } = parsed.fields;
  if (version === true) {
    output.line(`consul-template, as Lares v${VERSION} has it`);
    return EXIT.ok;
  }
  const base = levelFrom(environment["CT_LOG"], environment["CONSUL_TEMPLATE_LOG"]);
  const files = Array.isArray(paths) ? paths.map(String) : [];
  const load = (): TemplateToolConfig =>
    loadToolConfig({ table: consulTemplate, schema: TemplateToolSchema, paths: files, flags, base });
  const { startTemplates } = await import("./start.ts");
  return runTool(
    {
      load,
      signals: ({ reloadSignal, killSignal, dumpSignal }) => ({
        reload: reloadSignal,
        kill: killSignal,
        dump: dumpSignal,
      }),
      start: (config) => startTemplates(config, { variables: environment, output, dry: dry === true }),
    },
    output,
  );
};
