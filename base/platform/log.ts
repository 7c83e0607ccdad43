import type { Log, LogEntry, LogFeed, LogFields, LogLevel } from "#base/env/log.ts";
import type { Clock } from "#base/env/clock.ts";
import { mapStack } from "./embedded/stack-trace.ts";
import { LogRing } from "./log-ring.ts";
import { formatJson, formatText } from "./log-format.ts";

/** Where lines go. Must not throw: there is nowhere left to report it. */
export type LogSink = (line: string, level: LogLevel) => void;

export interface LogHubOptions {
  readonly clock: Clock;
  readonly level: LogLevel;
  readonly format: "text" | "json";
  readonly sinks: readonly LogSink[];
}

/** The program's one log: filters by level, writes to its sinks, and lets people listen in (`monitor`). */
export interface LogHub extends LogFeed {
  readonly log: Log;
}

const ORDER: Readonly<Record<LogLevel, number>> = { trace: 0, debug: 1, info: 2, warn: 3, error: 4 };

export function createLogHub(options: LogHubOptions): LogHub {
  const hub = new Hub(options);
  return {
    log: loggerOf(hub, "", {}),
    setLevel: (level) => hub.setLevel(level),
    recent: () => hub.ring.newest(),
    subscribe: (level, onEntry) => hub.subscribe(level, onEntry),
  };
}

class Hub {
  readonly ring = new LogRing();
  readonly #options: LogHubOptions;
  readonly #listeners = new Set<{ readonly level: number; readonly onEntry: (entry: LogEntry) => void }>();
  #level: number;
  /** The lowest level anybody wants, so that a suppressed message costs one comparison. */
  #wanted: number;

  constructor(options: LogHubOptions) {
    this.#options = options;
    this.#level = ORDER[options.level];
    this.#wanted = this.#level;
  }

  enabled(level: LogLevel): boolean {
    return ORDER[level] >= this.#wanted;
  }

  setLevel(level: LogLevel): void {
    this.#level = ORDER[level];
    this.#reckon();
  }

  subscribe(level: LogLevel, onEntry: (entry: LogEntry) => void): () => void {
    const listener = { level: ORDER[level], onEntry };
    this.#listeners.add(listener);
    this.#reckon();
    return () => {
      this.#listeners.delete(listener);
      this.#reckon();
    };
  }

  write(entry: Omit<LogEntry, "timeMs">): void {
    const order = ORDER[entry.level];
    if (order < this.#wanted) return;
    const timed = { ...entry, fields: withSources(entry.fields), timeMs: this.#options.clock.nowMs() };
    if (order >= this.#level) {
      this.ring.add(timed);
      const line = this.#options.format === "json" ? formatJson(timed) : formatText(timed);
      for (const sink of this.#options.sinks) sink(line, entry.level);
    }
    for (const listener of this.#listeners) if (order >= listener.level) listener.onEntry(timed);
  }

  #reckon(): void {
    this.#wanted = Math.min(this.#level, ...[...this.#listeners].map((each) => each.level));
  }
}

/** A stack among the fields names the sources, not the bundled program. */
function withSources(fields: LogFields): LogFields {
  if (!Object.values(fields).some(isStack)) return fields;
  return Object.fromEntries(
    Object.entries(fields).map(([key, value]) => [key, isStack(value) ? mapStack(value) : value]),
  );
}

function isStack(value: unknown): value is string {
  return typeof value === "string" && value.includes("\n    at ");
}

function loggerOf(hub: Hub, name: string, own: LogFields): Log {
  const at =
    (level: LogLevel) =>
    (message: string, fields?: LogFields): void => {
      if (hub.enabled(level))
        hub.write({ level, name, message, fields: fields === undefined ? own : { ...own, ...fields } });
    };
  return {
    enabled: (level) => hub.enabled(level),
    trace: at("trace"),
    debug: at("debug"),
    info: at("info"),
    warn: at("warn"),
    error: at("error"),
    child: (child, fields) => loggerOf(hub, name === "" ? child : `${name}.${child}`, { ...own, ...fields }),
  };
}
