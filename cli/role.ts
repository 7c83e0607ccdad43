import { createEnv } from "#base/platform/create-env.ts";
import { UsageError, type RunCommand } from "./command/command.ts";
import { definedEntries } from "./command/environment.ts";
import { startRole } from "./role/role.ts";
import { untilSignal } from "./command/signals.ts";

export const role: RunCommand = async ({ operands, environment, output }) => {
  const [name] = operands;
  if (name === undefined || operands.length !== 1) throw new UsageError("name one role");
  const env = createEnv();
  const started = await startRole(name, env, definedEntries(environment));
  if (!started.ok) {
    output.error(`${started.error.message}: ${started.error.hint ?? ""}`);
    env.close();
    return 1;
  }
  await untilSignal(["SIGINT", "SIGTERM"]);
  await started.value.stop();
  env.close();
  return 0;
};
