import type { Env } from "#base/env/env.ts";
import type { LogLevel } from "#base/env/log.ts";
import { skewedClock, systemClock } from "./clock.ts";
import { createSystemDisk } from "./disk.ts";
import { systemExec } from "./exec.ts";
import { createSystemHttp } from "./http-client.ts";
import { openLogFile } from "./log-file.ts";
import type { LogFileOptions } from "./log-file.ts";
import { createLogHub } from "./log.ts";
import type { LogHub, LogSink } from "./log.ts";
import { systemNet } from "./net.ts";
import { createSystemRandom } from "./random.ts";

export interface EnvOptions {
  /** Default `info`. */
  readonly logLevel?: LogLevel;
  /** Default `text`. */
  readonly logFormat?: "text" | "json";
  /** Default true. */
  readonly logToStderr?: boolean;
  readonly logFile?: Omit<LogFileOptions, "clock">;
  /** A file that says by how many milliseconds the clock is to be off, also while the program runs. Default: none. */
  readonly clockFile?: string | undefined;
}

export interface SystemEnv extends Env {
  readonly logHub: LogHub;
  /** Opens the log file anew, after somebody moved it away. */
  reopenLog(): void;
  /** Gives back what the environment itself holds: idle connections, the log file. */
  close(): void;
}

/** The one real {@link Env} of a program. Throws when the log file cannot be opened. */
export function createEnv(options: EnvOptions = {}): SystemEnv {
  const clock = options.clockFile === undefined ? systemClock : skewedClock(options.clockFile);
  const file = options.logFile === undefined ? undefined : openLogFile({ ...options.logFile, clock });
  const sinks: LogSink[] = [];
  if (options.logToStderr ?? true) sinks.push((line) => void process.stderr.write(line));
  if (file !== undefined) sinks.push((line) => file.write(line));
  const logHub = createLogHub({ clock, level: options.logLevel ?? "info", format: options.logFormat ?? "text", sinks });
  const random = createSystemRandom();
  const http = createSystemHttp();
  return {
    clock,
    random,
    net: systemNet,
    http,
    disk: createSystemDisk(random),
    exec: systemExec,
    log: logHub.log,
    logHub,
    reopenLog: () => file?.reopen(),
    close() {
      http.close();
      file?.close();
    },
  };
}
