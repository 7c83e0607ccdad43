import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { constants } from "node:os";
import type { Readable } from "node:stream";
import { assert } from "#base/env/assert.ts";
import { concatBytes, textOf } from "#base/env/bytes.ts";
import type { RunOptions, RunResult } from "#base/env/exec.ts";
import { OUTPUT_GRACE_MS, whenEnded } from "./program-end.ts";
import { codeOf } from "./system-error.ts";

const DEFAULT_TIMEOUT_MS = 30_000;
const DEFAULT_OUTPUT_BYTES = 1024 * 1024;

/** Runs in a process group of its own, so that a timeout ends what the program started, too. */
export async function runProgram(argv: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  const [program, ...rest] = argv;
  assert(program !== undefined && program !== "", "run needs a program");
  if (options.signal?.aborted === true) return notRun(`${program} was not started: cancelled`, 126);
  const child = spawn(program, rest, {
    env: options.env === undefined ? process.env : { ...options.env },
    cwd: options.cwd,
    stdio: ["pipe", "pipe", "pipe"],
    detached: true,
  });
  const failed = new Promise<RunResult>((resolve) => {
    child.once("error", (error) => resolve(startFailure(program, { code: codeOf(error), cwd: options.cwd })));
  });
  const limit = options.maxOutputBytes ?? DEFAULT_OUTPUT_BYTES;
  const stdout = capture(child.stdout, limit);
  const stderr = capture(child.stderr, limit);
  feed(child, options.input);
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    killGroup(child);
  }, options.timeoutMs ?? DEFAULT_TIMEOUT_MS);
  const cancel = (): void => killGroup(child);
  options.signal?.addEventListener("abort", cancel, { once: true });
  try {
    const ended = whenEnded(child, OUTPUT_GRACE_MS).then((exit): RunResult => ({
      ...exit,
      stdout: stdout.text(),
      stderr: stderr.text(),
      timedOut,
      truncated: stdout.truncated() || stderr.truncated(),
    }));
    return await Promise.race([ended, failed]);
  } finally {
    clearTimeout(timer);
    if (options.leaveNothing === true) killGroup(child);
    options.signal?.removeEventListener("abort", cancel);
  }
}

function feed(child: ChildProcess, input: Uint8Array | string | undefined): void {
  child.stdin?.on("error", () => {});
  child.stdin?.end(input);
}

interface Capture {
  text(): string;
  truncated(): boolean;
}

function capture(stream: Readable | null, limit: number): Capture {
  const parts: Uint8Array[] = [];
  let size = 0;
  let cut = false;
  stream?.on("error", () => {});
  stream?.on("data", (data: Buffer) => {
    const room = limit - size;
    if (data.length > room) cut = true;
    if (room <= 0) return;
    const kept = data.length > room ? data.subarray(0, room) : data;
    parts.push(kept);
    size += kept.length;
  });
  return { text: () => textOf(concatBytes(parts)), truncated: () => cut };
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, constants.signals.SIGKILL);
  } catch {
    // It ended by itself in this moment.
  }
}

/** 127 and 126 as a POSIX shell answers: https://pubs.opengroup.org/onlinepubs/9699919799/utilities/V3_chap02.html#tag_18_08_02 */
function startFailure(program: string, cause: { readonly code: string; readonly cwd: string | undefined }): RunResult {
  if (cause.code === "ENOENT" && cause.cwd !== undefined && !existsSync(cause.cwd)) {
    return notRun(`cannot start ${program}: its working folder ${cause.cwd} does not exist`, 126);
  }
  if (cause.code === "ENOENT") return notRun(`${program}: no such program in PATH`, 127);
  return notRun(`cannot start ${program}: ${cause.code}`, 126);
}

function notRun(stderr: string, code: number): RunResult {
  return { code, signal: 0, stdout: "", stderr, timedOut: false, truncated: false };
}
