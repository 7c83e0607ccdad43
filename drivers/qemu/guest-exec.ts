import { basename, join } from "node:path/posix";
import * as v from "valibot";
import { concatBytes } from "#base/env/bytes.ts";
import { sleep } from "#base/env/clock.ts";
import type { Env } from "#base/env/env.ts";
import { fail, succeed, type Result } from "#base/env/errors.ts";
import type { Exit } from "#base/env/exec.ts";
import type { ExecRequest, ExecSession } from "../driver.ts";
import { CONSOLE_COMMAND } from "./console.ts";
import { openAgent, type GuestAgent } from "./guest-agent.ts";
import { RUN_FILES } from "./run-folder.ts";

/** How long a guest may take to have its agent running: it may just have been started. */
const AGENT_TIMEOUT_MS = 90_000;
const FIRST_TRY_MS = 1000;
const LAST_TRY_MS = 8000;
/** The agent takes a command's input whole. So long is waited for some, and then for its end. */
const INPUT_WAIT_MS = 2000;
const MAX_INPUT_BYTES = 8 * 1024 * 1024;
const FIRST_LOOK_MS = 20;
const LAST_LOOK_MS = 1000;
const SHELLS = new Set(["sh", "bash", "ash", "dash", "zsh", "fish", "csh", "tcsh", "ksh"]);

const StartedSchema = v.looseObject({ pid: v.number() });
const StatusSchema = v.looseObject({
  exited: v.boolean(),
  exitcode: v.optional(v.number(), 0),
  signal: v.optional(v.number(), 0),
  "out-data": v.optional(v.string(), ""),
  "err-data": v.optional(v.string(), ""),
});

/**
 * Runs a command in the guest through its agent, which has no terminals and no streams: input goes in before, output comes
 * when the command has ended. Failures: `NO_AGENT`, `NO_TERMINAL`, `AGENT`.
 */
export async function execInGuest(env: Env, folder: string, request: ExecRequest): Promise<Result<ExecSession>> {
  const [program = "", ...args] = request.command;
  if (request.tty && args.length === 0 && SHELLS.has(basename(program)))
    return fail(
      "NO_TERMINAL",
      "the guest's agent has no terminals",
      `for a shell at the guest's console, run: ${CONSOLE_COMMAND}`,
    );
  const agent = await whenReady(env, join(folder, RUN_FILES.agent), request.signal);
  if (!agent.ok) return agent;
  const input = new InputCollector(env, request.tty);
  const exited = run(env, agent.value, { request, program, args, input }).finally(() => agent.value.close());
  return succeed({ write: (data) => input.take(data), endInput: () => input.end(), resize: () => {}, exited });
}

async function whenReady(env: Env, socketPath: string, signal: AbortSignal): Promise<Result<GuestAgent>> {
  const deadline = env.clock.monotonicMs() + AGENT_TIMEOUT_MS;
  for (let tryMs = FIRST_TRY_MS; ; tryMs = Math.min(tryMs * 2, LAST_TRY_MS)) {
    const agent = await openAgent(env, socketPath, tryMs);
    if (agent.ok || agent.error.code === "UNREACHABLE") return agent;
    if (signal.aborted || env.clock.monotonicMs() > deadline) return agent;
  }
}

interface Run {
  readonly request: ExecRequest;
  readonly program: string;
  readonly args: readonly string[];
  readonly input: InputCollector;
}

async function run(env: Env, agent: GuestAgent, { request, program, args, input }: Run): Promise<Exit> {
  const say = async (text: string): Promise<Exit> => {
    await request.onOutput("stderr", Buffer.from(`${text}\n`));
    return { code: 126, signal: 0 };
  };
  const given = await input.whole(request.signal);
  const started = await agent.ask("guest-exec", {
    path: program,
    arg: args,
    "capture-output": true,
    ...(given.length === 0 ? {} : { "input-data": Buffer.from(given).toString("base64") }),
  });
  if (!started.ok) return say(started.error.message);
  const { pid } = v.parse(StartedSchema, started.value);
  for (let pause = FIRST_LOOK_MS; ; pause = Math.min(pause * 2, LAST_LOOK_MS)) {
    if (request.signal.aborted) return { code: 0, signal: 9 };
    const looked = await agent.ask("guest-exec-status", { pid });
    if (!looked.ok) return say(looked.error.message);
    const status = v.parse(StatusSchema, looked.value);
    if (!status.exited) {
      await sleep(env.clock, pause, request.signal);
      continue;
    }
    for (const [stream, data] of [
      ["stdout", status["out-data"]],
      ["stderr", status["err-data"]],
    ] as const)
      if (data !== "") await request.onOutput(stream, forScreen(Buffer.from(data, "base64"), request.tty));
    return { code: status.exitcode, signal: status.signal };
  }
}

/** A person's terminal that is ours alone does not return to the line's begin by itself. */
function forScreen(data: Buffer, tty: boolean): Uint8Array {
  return tty ? Buffer.from(data.toString("latin1").replaceAll(/\r?\n/g, "\r\n"), "latin1") : data;
}

/** Collects what comes until its end, or until it is clear that nothing does. At a terminal nothing is waited for. */
class InputCollector {
  readonly #env: Env;
  readonly #parts: Uint8Array[] = [];
  readonly #ended = new AbortController();
  #size = 0;

  constructor(env: Env, isTerminal: boolean) {
    this.#env = env;
    if (isTerminal) this.#ended.abort();
  }

  take(data: Uint8Array): Promise<void> {
    this.#size += data.length;
    if (this.#size <= MAX_INPUT_BYTES) this.#parts.push(data.slice());
    return Promise.resolve();
  }

  end(): void {
    this.#ended.abort();
  }

  async whole(signal: AbortSignal): Promise<Uint8Array> {
    for (let before = -1; !this.#ended.signal.aborted && !signal.aborted && before !== this.#size;) {
      before = this.#size;
      await sleep(this.#env.clock, INPUT_WAIT_MS, this.#ended.signal);
    }
    return concatBytes(this.#parts);
  }
}
