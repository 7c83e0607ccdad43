import { createEnv } from "#base/platform/create-env.ts";
import { UsageError, type RunCommand } from "./command/command.ts";
import { definedEntries } from "./command/environment.ts";
import { startRole } from "./role/role.ts";
import { untilSignal } from "./command/signals.ts";

/** Between being asked to end and being ended. */
const STOP_MS = 15_000;

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
  // Whatever it waits for, nobody waits for it: what was acknowledged is durable.
  setTimeout(() => {
    output.error(`the role ${name} did not end within ${STOP_MS / 1000} s and is ended`);
    process.exit(1);
  }, STOP_MS).unref();
  await started.value.stop();
  env.close();
  return 0;
};
