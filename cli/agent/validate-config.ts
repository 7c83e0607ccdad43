import { UsageError, type RunCommand } from "../command/command.ts";
import { loadConfig } from "./load-config.ts";

/** Files and folders as `agent` would read them, merged in their order. Exit code 1 with every mistake in its line. */
export const validateConfig: RunCommand = ({ operands, flags, output }) => {
  if (operands.length === 0) throw new UsageError("name the configuration files, or folders of them");
  loadConfig({ ...flags, value: () => undefined, values: (name) => (name === "config" ? operands : []) }, {});
  output.line("Configuration is valid!");
  return Promise.resolve(0);
};
