import { spawn } from "node:child_process";
import { closeSync, constants, openSync, readFileSync } from "node:fs";
import { ReadStream } from "node:tty";
import { assert } from "#base/env/assert.ts";
import { CodedError, messageOf } from "#base/env/errors.ts";
import type { Terminal, TerminalOptions, TerminalSize } from "#base/env/exec.ts";
import { pour } from "./pour.ts";
import { OUTPUT_GRACE_MS, whenEnded } from "./program-end.ts";
import { runProgram } from "./run-program.ts";

const OPEN = constants.O_RDWR | constants.O_NOCTTY;
/** ioctl_tty(2) keeps the sizes in 16 bits. */
const MAX_SIDE = 65_535;

/** A program with a pseudoterminal (pty(7)) as its controlling one. */
export async function spawnTerminal(argv: readonly string[], options: TerminalOptions): Promise<Terminal> {
  assert(argv.length > 0, "a terminal needs a program");
  const { master, path } = await openPair();
  const slave = openSync(path, OPEN);
  if (options.size !== undefined) await setSize(path, options.size);
  // Node's `detached` makes a session, but gives it no terminal; setsid(1) does both, and becomes the program.
  const child = spawn("setsid", ["--ctty", "--", ...argv], {
    env: { ...options.env },
    cwd: options.cwd,
    stdio: [slave, slave, slave],
  });
  closeSync(slave);
  const screen = new ReadStream(master);
  pour(screen, options.onOutput);
  // Reading fails with EIO once the last program has closed its side: that is how a terminal ends.
  const drained = new Promise<void>((resolve) => {
    screen.once("error", () => resolve());
    screen.once("close", () => resolve());
  });
  const exited = whenEnded(child, OUTPUT_GRACE_MS).then(async (exit) => {
    await within(drained, OUTPUT_GRACE_MS);
    screen.destroy();
    return exit;
  });
  await new Promise<void>((resolve, reject) => {
    child.once("spawn", resolve);
    child.once("error", (error) => {
      screen.destroy();
      reject(new CodedError("SPAWN", `cannot start setsid: ${messageOf(error)}`, "it is in the package util-linux"));
    });
  });
  const { pid } = child;
  assert(pid !== undefined, "a started program has a process id");
  return {
    pid,
    exited,
    write: (data) =>
      new Promise((resolve) => {
        if (screen.destroyed) resolve();
        else screen.write(data, () => resolve());
      }),
    endInput: () => void screen.write(END_OF_INPUT),
    resize: (size) => void setSize(path, size),
  };
}

/** Control-D, which a terminal in its usual mode takes for the end (termios(3), VEOF). */
const END_OF_INPUT = Uint8Array.of(4);

async function openPair(): Promise<{ readonly master: number; readonly path: string }> {
  const unlock = await loadUnlock();
  const master = openSync("/dev/ptmx", OPEN);
  // proc_pid_fdinfo(5) tells the number of the other side, which unlockpt(3) lets be opened.
  const index = /^tty-index:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${master}`, "utf8"))?.[1];
  if (index === undefined || unlock(master) !== 0) {
    closeSync(master);
    throw unsupported("the kernel gave no pseudoterminal");
  }
  return { master, path: `/dev/pts/${index}` };
}

async function loadUnlock(): Promise<(master: number) => number> {
  try {
    const { dlopen } = await import("node:ffi");
    const { functions } = dlopen("libc.so.6", { unlockpt: { return: "i32", arguments: ["i32"] } });
    return (master) => Number(functions.unlockpt(master));
  } catch (thrown) {
    throw unsupported(messageOf(thrown));
  }
}

function unsupported(why: string): CodedError {
  return new CodedError("UNSUPPORTED", `no terminal can be opened here: ${why}`, "run the command without a terminal");
}

async function setSize(path: string, { height, width }: TerminalSize): Promise<void> {
  const side = (length: number): string => String(Math.min(MAX_SIDE, Math.max(0, Math.trunc(length))));
  await runProgram(["stty", "-F", path, "rows", side(height), "cols", side(width)]);
}

function within(done: Promise<void>, ms: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    void done.then(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}
