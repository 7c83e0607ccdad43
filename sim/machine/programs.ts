import { basename } from "node:path/posix";
import { textOf } from "#base/env/bytes.ts";
import { CodedError } from "#base/env/errors.ts";
import type { Child, Exec, Exit, RunOptions, RunResult, SpawnOptions } from "#base/env/exec.ts";
import type { Life } from "./life.ts";

/** A program as a function. It is told its life's time by `sleep`, and of signals by `onSignal`. */
export type Program = (process: SimProcess) => Promise<number> | number;

export interface SimProcess {
  readonly pid: number;
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly input: string;
  write(stream: "stdout" | "stderr", text: string): void;
  sleep(ms: number): Promise<void>;
  /** Without a handler every signal ends the program. SIGKILL always does. */
  onSignal(handler: (signal: number) => void): void;
}

interface Running {
  readonly group: number;
  handler: ((signal: number) => void) | undefined;
  readonly end: (exit: Exit) => void;
}

const SIGKILL = 9;
const NOT_FOUND = 127;

/** The programs and processes of one machine. Processes belong to it, not to the agent: they go on when that alone dies. */
export class Programs {
  readonly installed = new Map<string, Program>();
  readonly #running = new Map<number, Running>();
  #lastPid = 1000;

  get pids(): readonly number[] {
    return [...this.#running.keys()];
  }

  /** Power fails: nothing of them is left, and nobody is told. */
  vanish(): void {
    this.#running.clear();
  }

  launch(program: Program, options: LaunchOptions): { readonly pid: number; readonly exited: Promise<Exit> } {
    this.#lastPid += 1;
    const pid = this.#lastPid;
    const exited = new Promise<Exit>((resolve) => {
      const end = (exit: Exit): void => {
        if (!this.#running.delete(pid)) return;
        options.life.schedule(0.1, `exit of ${options.argv[0]} ${pid}`, () => resolve(exit));
      };
      const running: Running = { group: pid, handler: undefined, end };
      this.#running.set(pid, running);
      const process: SimProcess = {
        pid,
        argv: options.argv,
        env: options.env,
        input: options.input,
        write: options.onOutput,
        sleep: (ms) =>
          new Promise((resolve) => {
            this.#atMachine(pid, options, { delayMs: ms, what: "sleeps", fire: resolve });
          }),
        onSignal: (handler) => (running.handler = handler),
      };
      const fire = (): void => {
        void Promise.resolve(program(process)).then(
          (code) => end({ code, signal: 0 }),
          () => end({ code: 1, signal: 0 }),
        );
      };
      this.#atMachine(pid, options, { delayMs: 1, what: "starts", fire });
    });
    return { pid, exited };
  }

  /** An event of the machine, which a dead agent does not stop, but the end of the process does. */
  #atMachine(pid: number, { life, argv }: LaunchOptions, event: MachineEvent): void {
    life.timeline.at(event.delayMs, `${life.name} ${argv[0]} ${pid} ${event.what}`, () => {
      if (this.#running.has(pid)) event.fire();
    });
  }

  signal(pid: number, signal: number): boolean {
    const targets = [...this.#running].filter(([each, { group }]) => (pid < 0 ? group === -pid : each === pid));
    for (const [, running] of targets) {
      if (signal === 0) continue;
      if (signal !== SIGKILL && running.handler !== undefined) running.handler(signal);
      else running.end({ code: 0, signal });
    }
    return targets.length > 0;
  }
}

interface MachineEvent {
  readonly delayMs: number;
  readonly what: string;
  readonly fire: () => void;
}

export interface LaunchOptions {
  readonly life: Life;
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly input: string;
  readonly onOutput: (stream: "stdout" | "stderr", text: string) => void;
}

export class SimExec implements Exec {
  readonly #life: Life;
  readonly #programs: Programs;

  constructor(life: Life, programs: Programs) {
    this.#life = life;
    this.#programs = programs;
  }

  async run(argv: readonly string[], options: RunOptions = {}): Promise<RunResult> {
    const program = this.#find(argv[0]);
    const out = { stdout: "", stderr: "" };
    if (program === undefined) {
      const stderr = `${argv[0]}: no such program in PATH`;
      return { code: NOT_FOUND, signal: 0, ...out, stderr, timedOut: false, truncated: false };
    }
    const { input = "" } = options;
    const { pid, exited } = this.#programs.launch(program, {
      life: this.#life,
      argv,
      env: options.env ?? {},
      input: typeof input === "string" ? input : textOf(input),
      onOutput: (stream, text) => (out[stream] += text),
    });
    let timedOut = false;
    const timer = this.#life.schedule(options.timeoutMs ?? 30_000, `timeout of ${argv[0]}`, () => {
      timedOut = true;
      this.kill(pid, SIGKILL);
    });
    options.signal?.addEventListener("abort", () => this.kill(pid, SIGKILL), { once: true });
    const exit = await exited;
    timer.cancelled = true;
    return { ...exit, ...out, timedOut, truncated: false };
  }

  async spawn(argv: readonly string[], options: SpawnOptions): Promise<Child> {
    const program = this.#find(argv[0]);
    await this.#life.later(1, `spawn ${argv[0]}`, () => {});
    if (program === undefined) throw new CodedError("ENOENT", `cannot start ${argv[0]}: ENOENT`);
    const encoder = new TextEncoder();
    const { pid, exited } = this.#programs.launch(program, {
      life: this.#life,
      argv,
      env: options.env,
      input: "",
      onOutput: (stream, text) => void options.onOutput?.(stream, encoder.encode(text)),
    });
    return { pid, exited, write: () => Promise.resolve(), endInput: () => {} };
  }

  spawnTerminal(): Promise<never> {
    return Promise.reject(new CodedError("UNSUPPORTED", "no terminal can be opened on a simulated machine"));
  }

  kill(pid: number, signal: number): boolean {
    return this.#programs.signal(pid, signal);
  }

  find(program: string): Promise<string | undefined> {
    return Promise.resolve(
      this.#programs.installed.has(basename(program)) ? `/usr/bin/${basename(program)}` : undefined,
    );
  }

  #find(program: string | undefined): Program | undefined {
    return program === undefined ? undefined : this.#programs.installed.get(basename(program));
  }
}
