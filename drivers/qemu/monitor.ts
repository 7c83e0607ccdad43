import * as v from "valibot";
import type { Env } from "#base/env/env.ts";
import { fail, succeed, type Result } from "#base/env/errors.ts";
import { LineTalk, type JsonObject } from "./line-talk.ts";

/** QEMU serves one client at a time, so a visit may have to wait for another's end. */
const ANSWER_TIMEOUT_MS = 10_000;

const ErrorSchema = v.looseObject({ error: v.looseObject({ desc: v.string() }) });

export interface MonitorCommand {
  readonly name: string;
  readonly arguments?: JsonObject;
  /** Default 10 s. */
  readonly timeoutMs?: number;
}

/**
 * Says one thing to QEMU's monitor, and hangs up: whoever comes next is never kept waiting. The answer is what `return`
 * holds (https://www.qemu.org/docs/master/interop/qmp-spec.html). Failures: `UNREACHABLE`, `MONITOR`.
 */
export async function askMonitor(env: Env, socketPath: string, command: MonitorCommand): Promise<Result<unknown>> {
  const timeoutMs = command.timeoutMs ?? ANSWER_TIMEOUT_MS;
  const opened = await LineTalk.open(env, socketPath, timeoutMs);
  if (!opened.ok) return opened;
  const talk = opened.value;
  try {
    if ((await talk.next((object) => "QMP" in object, timeoutMs)) === undefined)
      return fail("MONITOR", "QEMU's monitor does not answer");
    await talk.send({ execute: "qmp_capabilities", id: "hello" });
    await talk.next(({ id }) => id === "hello", timeoutMs);
    const { name, arguments: given = {} } = command;
    await talk.send({ execute: name, arguments: given, id: "ask" });
    const answer = await talk.next(({ id }) => id === "ask", timeoutMs);
    if (answer === undefined) return fail("MONITOR", `QEMU does not answer ${name}`);
    const refused = v.safeParse(ErrorSchema, answer);
    return refused.success
      ? fail("MONITOR", `QEMU refuses ${name}: ${refused.output.error.desc}`)
      : succeed(answer["return"]);
  } finally {
    talk.close();
  }
}

/** A command of the monitor for people, which answers in words: nothing, when all went well. */
export async function sayToMonitor(
  env: Env,
  socketPath: string,
  command: { readonly line: string; readonly timeoutMs?: number },
): Promise<Result<void>> {
  const answer = await askMonitor(env, socketPath, {
    ...command,
    name: "human-monitor-command",
    arguments: { "command-line": command.line },
  });
  if (!answer.ok) return answer;
  const words = typeof answer.value === "string" ? answer.value.trim() : "";
  return words === "" ? succeed(undefined) : fail("MONITOR", `QEMU answers to ${command.line}: ${words}`);
}
