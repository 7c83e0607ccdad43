export type LogLevel = "trace" | "debug" | "info" | "warn" | "error";

/** Values that may be logged beside a message. Secrets never go in here. */
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

export interface Log {
  /** True when a message of this level would be written: guard for costly fields. */
  enabled(level: LogLevel): boolean;
  trace(message: string, fields?: LogFields): void;
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A logger whose lines carry `name` (dotted under the parent's) and the fields. */
  child(name: string, fields?: LogFields): Log;
}

export interface LogEntry {
  readonly timeMs: number;
  readonly level: LogLevel;
  /** Dotted name of the part that speaks; empty for the program itself. */
  readonly name: string;
  readonly message: string;
  readonly fields: LogFields;
}

/** Listening in on the program's log. */
export interface LogFeed {
  setLevel(level: LogLevel): void;
  /** The newest entries, oldest first. */
  recent(): readonly LogEntry[];
  /** Calls `onEntry` for every entry of `level` and above, whatever the log's own level is. Returns what ends it. */
  subscribe(level: LogLevel, onEntry: (entry: LogEntry) => void): () => void;
}

/** Swallows everything: for tests and for code that was handed no logger. */
export const silentLog: Log = {
  enabled: () => false,
  trace: () => {},
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  child: () => silentLog,
};
