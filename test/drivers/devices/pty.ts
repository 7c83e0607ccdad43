import { existsSync, rmSync } from "node:fs";
import type { Env } from "#base/env/env.ts";
import { textOf } from "#base/env/bytes.ts";

/** A device with a serial port, as a pseudo-terminal: the port is at `path`, what is plugged into it is here. */
export interface Board {
  /** What the machine sent so far. */
  received(): string;
  raw(): Buffer;
  say(text: string): Promise<void>;
  sayBytes(bytes: Uint8Array): Promise<void>;
  unplug(): Promise<void>;
}

const PLUGGED_IN = 'stty raw -echo; chmod 666 "$(tty)"; ln -sfn "$(tty)" "$1"; exec sleep 3600';

/** Resolves when the port is there. `onLine` hears every line the machine sends. */
export async function plugIn(env: Env, path: string, onLine?: (line: string, board: Board) => void): Promise<Board> {
  let received = Buffer.alloc(0);
  let line = "";
  const terminal = await env.exec.spawnTerminal(["/bin/sh", "-c", PLUGGED_IN, "sh", path], {
    env: { PATH: process.env["PATH"] ?? "/usr/bin:/bin" },
    onOutput(data) {
      const text = textOf(data);
      received = Buffer.concat([received, data]);
      line += text;
      for (let at = line.indexOf("\n"); at >= 0; at = line.indexOf("\n")) {
        onLine?.(line.slice(0, at).replace(/\r$/, ""), board);
        line = line.slice(at + 1);
      }
    },
  });
  const board: Board = {
    received: () => received.toString("utf8"),
    raw: () => received,
    say: (text) => terminal.write(Buffer.from(text)),
    sayBytes: (bytes) => terminal.write(bytes),
    async unplug() {
      rmSync(path, { force: true });
      env.exec.kill(terminal.pid, 9);
      await terminal.exited;
    },
  };
  await until(() => existsSync(path));
  return board;
}

export async function until(met: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await met())) await new Promise((resolve) => setTimeout(resolve, 20));
}
