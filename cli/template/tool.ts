import { CodedError, messageOf } from "#base/env/errors.ts";
import type { Output } from "../command/command.ts";
import { SIGNALS } from "./config/readers.ts";
import { EXIT } from "./exit-codes.ts";

/** A tool at work, from its start to its end. */
export interface Running {
  /** Resolves with the exit code when it ends by itself. */
  readonly ended: Promise<number>;
  /** Its program runs, and gets the signals that are not ours. */
  readonly hasProgram: () => boolean;
  readonly signal: (number: number) => void;
  /** Lines about what it is doing. */
  readonly report: () => readonly string[];
  readonly stop: () => Promise<void>;
}

export interface ToolSignals {
  /** Names; empty: none. */
  readonly reload: string;
  readonly kill: string;
  readonly dump: string;
}

export interface Tool<C> {
  readonly load: () => C;
  readonly signals: (config: C) => ToolSignals;
  readonly start: (config: C) => Promise<Running>;
}

/** Signals that are caught and passed on; others end or stop us as ever, or mean nothing to a program. */
const PASSED: readonly NodeJS.Signals[] = [
  "SIGHUP",
  "SIGINT",
  "SIGQUIT",
  "SIGTERM",
  "SIGUSR1",
  "SIGUSR2",
  "SIGALRM",
  "SIGCONT",
  "SIGWINCH",
  "SIGIO",
];

/**
 * Runs a tool until it ends or is told to: reload (read everything again), kill and dump by the configured signals, all
 * others go to its program. Without one, SIGTERM and SIGINT end it, too. Resolves with the exit code.
 */
export async function runTool<C>(tool: Tool<C>, output: Output): Promise<number> {
  const arrived = new Arrivals();
  try {
    for (;;) {
      const begun = await begin(tool, output);
      if (typeof begun === "number") return begun;
      const code = await attend(begun, { arrived, output });
      if (code !== undefined) return code;
      output.error("Reloading configuration...");
    }
  } finally {
    arrived.stop();
  }
}

interface Begun {
  readonly running: Running;
  readonly signals: ToolSignals;
}

async function begin<C>(tool: Tool<C>, output: Output): Promise<Begun | number> {
  let config: C;
  try {
    config = tool.load();
  } catch (thrown) {
    return complain(output, thrown, EXIT.config);
  }
  try {
    return { running: await tool.start(config), signals: tool.signals(config) };
  } catch (thrown) {
    const isConfig = thrown instanceof CodedError && thrown.code === "template_config";
    return complain(output, thrown, isConfig ? EXIT.config : EXIT.runner);
  }
}

/** Undefined: it shall begin anew. */
async function attend(
  { running, signals }: Begun,
  { arrived, output }: { readonly arrived: Arrivals; readonly output: Output },
): Promise<number | undefined> {
  const ended = running.ended.then((code) => ({ code }));
  for (;;) {
    const happened = await Promise.race([ended, arrived.next()]);
    if (typeof happened !== "string") {
      await running.stop();
      return happened.code;
    }
    const isOurs = happened === signals.kill || (["SIGTERM", "SIGINT"].includes(happened) && !running.hasProgram());
    if (happened === signals.reload) {
      await running.stop();
      return undefined;
    }
    if (happened === signals.dump) for (const line of running.report()) output.error(line);
    if (isOurs || happened === signals.dump) {
      output.error("Cleaning up...");
      await running.stop();
      return EXIT.interrupt;
    }
    running.signal(SIGNALS.get(happened) ?? 0);
  }
}

function complain(output: Output, thrown: unknown, code: number): number {
  output.error(messageOf(thrown));
  if (thrown instanceof CodedError && thrown.hint !== undefined) output.error(thrown.hint);
  return code;
}

/** Signals in the order they came. */
class Arrivals {
  readonly #waiting: NodeJS.Signals[] = [];
  readonly #handlers = new Map<NodeJS.Signals, () => void>();
  #wake: (() => void) | undefined;
  #pending: Promise<NodeJS.Signals> | undefined;

  constructor() {
    for (const name of PASSED) {
      const handler = (): void => {
        this.#waiting.push(name);
        this.#wake?.();
      };
      this.#handlers.set(name, handler);
      process.on(name, handler);
    }
  }

  /** Asked again before one came, it gives the same promise. */
  next(): Promise<NodeJS.Signals> {
    this.#pending ??= this.#take().finally(() => (this.#pending = undefined));
    return this.#pending;
  }

  stop(): void {
    for (const [name, handler] of this.#handlers) process.off(name, handler);
  }

  async #take(): Promise<NodeJS.Signals> {
    for (;;) {
      const first = this.#waiting.shift();
      if (first !== undefined) return first;
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}
