import type { Log, LogFields, LogLevel } from "#base/env/log.ts";
import type { Trace } from "../trace.ts";
import type { Life } from "./life.ts";

/** Log lines are part of the trace: two runs of a seed must also say the same. */
export function createSimLog(life: Life, trace: Trace): Log {
  return loggerOf({ life, trace }, "", {});
}

interface Target {
  readonly life: Life;
  readonly trace: Trace;
}

function loggerOf(target: Target, name: string, own: LogFields): Log {
  const { life, trace } = target;
  const at =
    (level: LogLevel) =>
    (message: string, fields?: LogFields): void => {
      if (level === "trace" || !life.alive) return;
      const all = JSON.stringify({ ...own, ...fields });
      trace.add(`${life.timeline.timeMs.toFixed(3)} ${life.name} [${level}] ${name}: ${message} ${all}`);
    };
  return {
    enabled: (level) => level !== "trace",
    trace: at("trace"),
    debug: at("debug"),
    info: at("info"),
    warn: at("warn"),
    error: at("error"),
    child: (child, fields) => loggerOf(target, name === "" ? child : `${name}.${child}`, { ...own, ...fields }),
  };
}
