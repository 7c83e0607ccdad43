import { closeSync, fstatSync, mkdirSync, openSync, readdirSync, renameSync, rmSync, writeSync } from "node:fs";
import { basename, dirname, extname, join } from "node:path";
import type { Clock } from "#base/env/clock.ts";

export interface LogFileOptions {
  readonly clock: Clock;
  readonly path: string;
  /** A new file is begun above this size; 0 never. */
  readonly rotateBytes: number;
  /** A new file is begun after this time; 0 never. Default 24 hours. */
  readonly rotateMs?: number;
  /** Finished files kept beside the current one; 0 keeps all. */
  readonly maxFiles: number;
  /** Of new files. Default 0o640. */
  readonly mode?: number;
}

export interface LogFile {
  write(line: string): void;
  /** The same, but throws when the line could not be written. */
  append(line: string): void;
  /** Opens the path anew: for `logrotate`, which moves files away. */
  reopen(): void;
  close(): void;
  /** Lines lost because the file could not be written. */
  lost(): number;
}

const DAY_MS = 24 * 60 * 60 * 1000;

/**
 * Appends lines to a file. Finished files are named `agent-<time in ns>.log` beside `agent.log`.
 * Writes are synchronous: a line is in the system's hands when the call returns, so a crash right after still shows it.
 * Throws when the file cannot be opened at first; later failures (a full disk) lose lines and count them.
 */
export function openLogFile(options: LogFileOptions): LogFile {
  const { clock, path } = options;
  mkdirSync(dirname(path), { recursive: true });
  const { mode = 0o640 } = options;
  let file = openLog(path, mode);
  let openedMs = clock.nowMs();
  let lost = 0;
  const rotate = (): void => {
    const end = extname(path);
    const name = basename(path, end);
    closeSync(file.descriptor);
    renameSync(path, join(dirname(path), `${name}-${BigInt(Math.round(clock.nowMs() * 1e6))}${end}`));
    file = openLog(path, mode);
    openedMs = clock.nowMs();
    forgetOldest(options);
  };
  const append = (line: string): void => {
    const tooLarge = options.rotateBytes > 0 && file.size > 0 && file.size + line.length > options.rotateBytes;
    const tooOld = options.rotateMs !== 0 && clock.nowMs() - openedMs >= (options.rotateMs ?? DAY_MS);
    if (tooLarge || (tooOld && file.size > 0)) rotate();
    file.size += writeSync(file.descriptor, line);
  };
  return {
    append,
    write(line) {
      try {
        append(line);
      } catch {
        lost += 1;
      }
    },
    reopen() {
      const next = openLog(path, mode);
      closeSync(file.descriptor);
      file = next;
    },
    close: () => closeSync(file.descriptor),
    lost: () => lost,
  };
}

interface OpenLog {
  readonly descriptor: number;
  size: number;
}

function openLog(path: string, mode: number): OpenLog {
  const descriptor = openSync(path, "a", mode);
  return { descriptor, size: fstatSync(descriptor).size };
}

function forgetOldest({ path, maxFiles }: LogFileOptions): void {
  if (maxFiles <= 0) return;
  const end = extname(path);
  const start = `${basename(path, end)}-`;
  const finished = readdirSync(dirname(path))
    .filter(
      (name) =>
        name.startsWith(start) &&
        name.endsWith(end) &&
        /^\d+$/.test(name.slice(start.length, name.length - end.length)),
    )
    .sort();
  for (const name of finished.slice(0, Math.max(0, finished.length - maxFiles))) rmSync(join(dirname(path), name));
}
