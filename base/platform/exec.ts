import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { accessSync, constants as fsConstants, statSync } from "node:fs";
import { open } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { assert } from "#base/env/assert.ts";
import { CodedError } from "#base/env/errors.ts";
import type { Child, Exec, Exit, SpawnOptions } from "#base/env/exec.ts";
import { pour } from "./pour.ts";
import { OUTPUT_GRACE_MS, whenEnded } from "./program-end.ts";
import { runProgram } from "./run-program.ts";
import { codeOf } from "./system-error.ts";
import { spawnTerminal } from "./terminal.ts";

const NO_INPUT = "this program was started without an input";

export const systemExec: Exec = {
  run: runProgram,
  spawn: spawnProgram,
  spawnTerminal,
  kill: sendSignal,
  find: (program) => Promise.resolve(findProgram(program)),
};

async function spawnProgram(argv: readonly string[], options: SpawnOptions): Promise<Child> {
  const [program, ...rest] = argv;
  assert(program !== undefined && program !== "", "spawn needs a program");
  const files: FileHandle[] = [];
  try {
    const stdout = await openOutput(options.stdout, files);
    const stderr = await openOutput(options.stderr, files);
    const child = spawn(program, rest, {
      env: { ...options.env },
      cwd: options.cwd,
      // A program that outlives us must not find its input gone when we end.
      stdio: [options.stdin ?? (options.detached ? "ignore" : "pipe"), stdout, stderr],
      detached: options.detached,
      uid: options.uid,
      gid: options.gid,
    });
    const exited = whenEnded(child, OUTPUT_GRACE_MS);
    forwardOutput(child, options);
    await started(child, program);
    if (options.detached) child.unref();
    return childOf(child, exited);
  } finally {
    await Promise.all(files.map((file) => file.close()));
  }
}

async function openOutput(
  target: SpawnOptions["stdout"],
  files: FileHandle[],
): Promise<"ignore" | "pipe" | "inherit" | number> {
  if (typeof target === "string") return target;
  const file = await open(target.appendTo, "a", 0o644);
  files.push(file);
  return file.fd;
}

function forwardOutput(child: ChildProcess, options: SpawnOptions): void {
  const { onOutput = () => {} } = options;
  if (child.stdout !== null) pour(child.stdout, (data) => onOutput("stdout", data));
  if (child.stderr !== null) pour(child.stderr, (data) => onOutput("stderr", data));
  // The program may end before it read its input.
  child.stdin?.on("error", () => {});
}

function started(child: ChildProcess, program: string): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once("spawn", resolve);
    child.once("error", (error) => {
      const code = codeOf(error);
      reject(new CodedError(code, `cannot start ${program}: ${code}`));
    });
  });
}

function childOf(child: ChildProcess, exited: Promise<Exit>): Child {
  const { pid } = child;
  assert(pid !== undefined, "a started program has a process id");
  return {
    pid,
    exited,
    write(data) {
      const { stdin } = child;
      assert(stdin !== null, NO_INPUT);
      return new Promise((resolve) => {
        if (stdin.writable) stdin.write(data, () => resolve());
        else resolve();
      });
    },
    endInput() {
      child.stdin?.end();
    },
  };
}

function sendSignal(pid: number, signal: number): boolean {
  assert(Number.isInteger(pid) && Math.abs(pid) > 1, `a signal goes to a process or group, not to ${pid}`);
  try {
    process.kill(pid, signal);
    return true;
  } catch (thrown) {
    const code = codeOf(thrown);
    if (code === "ESRCH") return false;
    if (code === "EPERM" && signal === 0) return true;
    throw new CodedError(code, `cannot send signal ${signal} to ${pid}: ${code}`);
  }
}

function findProgram(program: string): string | undefined {
  if (program.includes("/")) return isExecutable(program) ? program : undefined;
  const folders = (process.env["PATH"] ?? "/usr/sbin:/usr/bin:/sbin:/bin").split(delimiter);
  return folders.map((folder) => join(folder, program)).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, fsConstants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
