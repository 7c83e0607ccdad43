import { UsageError, type RunCommand } from "../command/command.ts";
import { flagHelp, parseGoFlags } from "../template/config/go-flags.ts";
import { levelFrom, loadToolConfig } from "../template/config/load.ts";
import { EXIT } from "../template/exit-codes.ts";
import { runTool } from "../template/tool.ts";
import { VERSION } from "../version.ts";
import { ENVCONSUL_FLAGS } from "./flags.ts";
import { EnvconsulSchema, type EnvconsulConfig } from "./schema.ts";
import { envconsulTable } from "./tables.ts";

const USAGE = `Usage: lares envconsul [options] <command>

  Runs a program with keys of Consul, secrets of Vault and services as its environment, and starts it anew when they
  change. Ends with the program's own exit code. Understands envconsul's options and files.

Options:

`;

/** envconsul. */
export const envconsul: RunCommand = async ({ operands, environment, output }) => {
  let parsed: ReturnType<typeof parseGoFlags>;
  try {
    parsed = parseGoFlags(operands, ENVCONSUL_FLAGS);
  } catch (thrown) {
    if (!(thrown instanceof UsageError)) throw thrown;
    output.error(thrown.message);
    return EXIT.flags;
  }
  if (parsed.help) {
    output.line(USAGE + flagHelp(ENVCONSUL_FLAGS));
    return EXIT.ok;
  }
  const { version, config: paths, ...flags } = parsed.fields;
  if (version === true) {
    output.line(`envconsul, as Lares v${VERSION} has it`);
    return EXIT.ok;
  }
  const { startEnvconsul, withVariables } = await import("./start.ts");
  const load = (): EnvconsulConfig => {
    const config = loadToolConfig({
      table: envconsulTable,
      schema: EnvconsulSchema,
      paths: Array.isArray(paths) ? paths.map(String) : [],
      flags,
      base: { ...levelFrom(environment["ENVCONSUL_LOG"]), exec: { killSignal: "SIGTERM" } },
    });
    const named = <T extends { readonly path: string }>(each: T): T => ({
      ...each,
      path: withVariables(each.path, environment),
    });
    const command = config.exec.command.length > 0 ? config.exec.command : [...parsed.rest];
    return {
      ...config,
      exec: { ...config.exec, command },
      prefixes: config.prefixes.map(named),
      secrets: config.secrets.map(named),
    };
  };
  return runTool(
    {
      load,
      signals: ({ reloadSignal, killSignal }) => ({ reload: reloadSignal, kill: killSignal, dump: "" }),
      start: (config) => startEnvconsul(config, { variables: environment, output }),
    },
    output,
  );
};
