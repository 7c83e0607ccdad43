/** How a process ended: `code` when it exited, else the number of the signal that killed it. */
export interface Exit {
  readonly code: number;
  /** 0 unless killed by a signal. */
  readonly signal: number;
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly input?: Uint8Array | string;
  /** Killed (SIGKILL) after this long. Default 30 000. */
  readonly timeoutMs?: number;
  /** What it started and left behind in its group is killed when it ends. Default false. */
  readonly leaveNothing?: boolean;
  /** Output kept per stream; more is dropped and flagged. Default 1 MiB. */
  readonly maxOutputBytes?: number;
  readonly signal?: AbortSignal;
}

export interface RunResult extends Exit {
  readonly stdout: string;
  readonly stderr: string;
  readonly timedOut: boolean;
  readonly truncated: boolean;
}

export type OutputTarget = "ignore" | "pipe" | "inherit" | { readonly appendTo: string };

export interface SpawnOptions {
  readonly env: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** `pipe` hands the bytes to `onOutput`, `inherit` shares ours; a path appends to that file without passing through us. */
  readonly stdout: OutputTarget;
  readonly stderr: OutputTarget;
  /** While the promise it returned is pending nothing more is read of that stream. */
  readonly onOutput?: (stream: "stdout" | "stderr", data: Uint8Array) => void | Promise<void>;
  /** `pipe`: what `write` fills. Default: that, and nothing where `detached`. */
  readonly stdin?: "inherit" | "ignore" | "pipe";
  /** Own session and process group, and outlives this program. */
  readonly detached: boolean;
  readonly uid?: number;
  readonly gid?: number;
}

export interface Child {
  readonly pid: number;
  readonly exited: Promise<Exit>;
  /** Resolves when the program's pipe took it, or there is nobody left to. */
  write(data: Uint8Array): Promise<void>;
  endInput(): void;
}

export interface TerminalSize {
  readonly height: number;
  readonly width: number;
}

export interface TerminalOptions {
  readonly env: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Default: what the kernel starts with, 0 by 0. */
  readonly size?: TerminalSize;
  /** What the program shows, standard error included. */
  readonly onOutput: (data: Uint8Array) => void | Promise<void>;
}

/** A program and its terminal. It leads a session and a process group of its own. */
export interface Terminal extends Child {
  resize(size: TerminalSize): void;
}

/** Programs. `argv[0]` is looked up in PATH; nothing ever goes through a shell. */
export interface Exec {
  /** Runs to the end. A program that is missing or may not be run gives `{ code: 127 | 126 }` and says so in `stderr`. */
  run(argv: readonly string[], options?: RunOptions): Promise<RunResult>;
  /** Rejects when the program cannot be started. */
  spawn(argv: readonly string[], options: SpawnOptions): Promise<Child>;
  /** Starts a program in a terminal of its own. Rejects, with code `UNSUPPORTED` where this system has none to give. */
  spawnTerminal(argv: readonly string[], options: TerminalOptions): Promise<Terminal>;
  /** Sends a signal by number; a negative pid means the process group. False when there is no such process. */
  kill(pid: number, signal: number): boolean;
  /** Absolute path of a program in PATH, or undefined. */
  find(program: string): Promise<string | undefined>;
}
