import { join } from "node:path/posix";
import { utf8 } from "#base/env/bytes.ts";
import { sleep } from "#base/env/clock.ts";
import type { Env } from "#base/env/env.ts";
import { fail, messageOf, succeed, type Result } from "#base/env/errors.ts";
import type { Exit } from "#base/env/exec.ts";
import type { ExecRequest, ExecSession } from "../driver.ts";
import { RUN_FILES } from "./run-folder.ts";

/** The command by which a task's serial console is asked for. */
export const CONSOLE_COMMAND = "console";
/** A viewer may be this far behind; then it misses lines. The guest is never kept waiting, and its log misses nothing. */
const MAX_BEHIND_BYTES = 1024 * 1024;
/** Without a terminal: after the last input, how long the guest may be silent before that is taken for its answer's end. */
const QUIET_MS = 1000;
const CONNECT_MS = 2000;

/** Serial consoles that somebody sits at; QEMU serves one at a time. */
export class Consoles {
  readonly #env: Env;
  readonly #open = new Set<string>();

  constructor(env: Env) {
    this.#env = env;
  }

  /** Failures: `BUSY`, `NOT_RUNNING`. */
  async open(folder: string, request: ExecRequest): Promise<Result<ExecSession>> {
    if (this.#open.has(folder))
      return fail("BUSY", "somebody else is at this guest's console", "what it says is in the task's logs, too");
    this.#open.add(folder);
    const session = await attach(this.#env, join(folder, RUN_FILES.console), request);
    if (session.ok) void session.value.exited.then(() => this.#open.delete(folder));
    else this.#open.delete(folder);
    return session;
  }
}

async function attach(env: Env, socketPath: string, request: ExecRequest): Promise<Result<ExecSession>> {
  try {
    const stream = await env.net.connect({ host: "", port: 0, socketPath, timeoutMs: CONNECT_MS });
    const { promise: exited, resolve } = Promise.withResolvers<Exit>();
    let behind = 0;
    let missed = 0;
    let heardMs = env.clock.monotonicMs();
    let shown: Promise<void> = Promise.resolve();
    const show = (data: Uint8Array): void => {
      behind += data.length;
      shown = shown.then(() => request.onOutput("stdout", data)).then(() => void (behind -= data.length));
    };
    stream.onData((data) => {
      heardMs = env.clock.monotonicMs();
      if (behind > MAX_BEHIND_BYTES) {
        missed += data.length;
        return;
      }
      if (missed > 0) show(utf8(`\r\n[${missed} bytes left out: this console was too slow]\r\n`));
      missed = 0;
      show(data.slice());
    });
    const close = (): void => stream.destroy();
    stream.onClose(() => {
      request.signal.removeEventListener("abort", close);
      void shown.finally(() => resolve({ code: 0, signal: 0 }));
    });
    if (request.signal.aborted) close();
    request.signal.addEventListener("abort", close, { once: true });
    return succeed({
      write: (data) => stream.write(data).catch(() => undefined),
      endInput: () => {
        if (!request.tty) void untilQuiet(env, () => heardMs).then(close);
      },
      resize: () => {},
      exited,
    });
  } catch (thrown) {
    return fail("NOT_RUNNING", `the guest's console is gone: ${messageOf(thrown)}`);
  }
}

async function untilQuiet(env: Env, heardMs: () => number): Promise<void> {
  const begun = env.clock.monotonicMs();
  for (;;) {
    const quietMs = env.clock.monotonicMs() - Math.max(begun, heardMs());
    if (quietMs >= QUIET_MS) return;
    await sleep(env.clock, QUIET_MS - quietMs);
  }
}
