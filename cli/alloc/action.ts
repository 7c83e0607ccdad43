import { segment } from "#base/client/api-caller.ts";
import { openExecChannel } from "#base/client/exec-channel.ts";
import { CodedError } from "#base/env/errors.ts";
import { dialWebSocket } from "#base/platform/web-socket-dial.ts";
import { nomadTarget, withNomad } from "../api/session.ts";
import { UsageError } from "../command/command.ts";
import { runAttached, shellOptions } from "./attached.ts";

/** `-job JOB ACTION`: resolves with the action's own exit code. */
export const action = withNomad(async (session) => {
  const { operands, flags, env, namespace } = session;
  const [name] = operands;
  const job = flags.value("job");
  if (name === undefined || operands.length > 1) throw new UsageError("name one action");
  if (job === undefined) throw new UsageError("name the job that has it: -job JOB");
  const shell = shellOptions(session);
  const opened = await openExecChannel(nomadTarget(session, env, namespace), dialWebSocket, {
    path: `/v1/job/${segment(job)}/action`,
    query: {
      action: name,
      tty: String(shell.tty),
      group: flags.value("group"),
      task: flags.value("task"),
      allocID: flags.value("allocation"),
    },
  });
  if (!opened.ok) throw new CodedError(opened.error.code, opened.error.message, opened.error.hint);
  return runAttached(opened.value, shell);
});
