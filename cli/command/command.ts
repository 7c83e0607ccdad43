/** One command of the command line: a row that help, completion and parsing derive from. */
export interface Command {
  /** Words after `lares`: `job run`. */
  readonly name: string;
  readonly summary: string;
  /** What follows the flags: `FILE`, `[JOB]`, `KEY VALUE`. Empty: nothing may follow. */
  readonly operands: string;
  readonly flags: Readonly<Record<string, Flag>>;
  /** The operand of this number (1: the first) ends the flags: it is another program, and what follows belongs to it. */
  readonly flagsEndAt?: number;
  /** It reads its words itself, flags and help included: another tool's command line. */
  readonly ownFlags?: boolean;
  /** Not listed in help. */
  readonly hidden?: boolean;
  /** Loaded only when the command runs, so that the others start no slower for it. */
  readonly load: () => Promise<RunCommand>;
}

export interface Flag {
  readonly kind: "switch" | "value" | "values";
  readonly summary: string;
  /** What the value is called in help: `FILE`, `DURATION`. */
  readonly value?: string;
}

/** Resolves with the exit code: 0 done, 1 failed, 2 wrong input or (where the command says so) changes found. */
export type RunCommand = (invocation: Invocation) => Promise<number>;

export interface Invocation {
  readonly operands: readonly string[];
  readonly flags: FlagValues;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly output: Output;
}

export interface FlagValues {
  on(name: string): boolean;
  value(name: string): string | undefined;
  values(name: string): readonly string[];
}

export interface Output {
  /** Standard output is a terminal: progress may be redrawn. */
  readonly terminal: boolean;
  /** How wide the terminal is right now; undefined: unknown, 80 then. */
  readonly columns?: number | undefined;
  /** A line on standard output. */
  line(text: string): void;
  /** Raw bytes or text on standard output. */
  write(data: string | Uint8Array): void;
  /** A line on standard error. */
  error(text: string): void;
  /** Raw bytes on standard error. */
  writeError(data: Uint8Array): void;
}

/** Wrong use of a command: said on standard error with the way to its help, exit code 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}
