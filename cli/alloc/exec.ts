import { segment } from "#base/client/api-caller.ts";
import { openExecChannel } from "#base/client/exec-channel.ts";
import { CodedError } from "#base/env/errors.ts";
import { dialWebSocket } from "#base/platform/web-socket-dial.ts";
import { nomadTarget, withNomad } from "../api/session.ts";
import { UsageError } from "../command/command.ts";
import { runAttached, shellOptions } from "./attached.ts";
import { chosenAlloc, taskOf } from "./find-alloc.ts";

/** `ALLOC COMMAND [ARG...]`: resolves with the command's own exit code. */
export const exec = withNomad(async (session) => {
  const { operands, flags, env } = session;
  const [first, ...command] = operands;
  if (first === undefined || command.length === 0)
    throw new UsageError("name an allocation and a command to run in it");
  const alloc = await chosenAlloc(session, first);
  const task = taskOf(alloc, flags.value("task"));
  const shell = shellOptions(session);
  const opened = await openExecChannel(nomadTarget(session, env, alloc.Namespace), dialWebSocket, {
    path: `/v1/client/allocation/${segment(alloc.ID)}/exec`,
    query: { task, tty: String(shell.tty), command: JSON.stringify(command) },
  });
  if (!opened.ok) throw new CodedError(opened.error.code, opened.error.message, opened.error.hint);
  return runAttached(opened.value, shell);
});
