import type { Clock } from "#base/env/clock.ts";
import type { Random } from "#base/env/random.ts";
import { parseDuration } from "#base/language/duration.ts";
import type { Dialect } from "./dialect.ts";
import { HttpError } from "./http-error.ts";
import type { LocalAnswer, LocalReply, NamedTable } from "./route.ts";

/** Waits until what was read is newer than `index`, or `waitMs` and a random part of up to a sixteenth of it are over. */
export interface BlockingReads {
  /** Rises whenever `read` may answer something else; two reads at one version answer the same. */
  version?(): number;
  /** Calls `wake` once `run` would answer; undefined: answer now. Returns what `leave` takes. */
  wait?(
    query: {
      readonly index: number;
      readonly waitMs: number;
      readonly tables: readonly NamedTable[] | undefined;
      readonly read: () => { readonly index: number };
    },
    wake: () => void,
  ): object | undefined;
  leave?(waiting: object): void;
  run<A extends { readonly index: number }>(query: {
    readonly index: number;
    readonly waitMs: number;
    readonly tables: readonly NamedTable[] | undefined;
    readonly signal?: AbortSignal | undefined;
    readonly read: () => A;
  }): Promise<A>;
}

/** What `index`, `wait` and `hash` of a request ask for. */
export interface WaitFor {
  /** Decimal; undefined: does not block. */
  readonly index: string | undefined;
  readonly hash: string | undefined;
  readonly waitMs: number;
}

/** Throws an {@link HttpError} 400. */
export function waitOf(dialect: Dialect, query: ReadonlyMap<string, readonly string[]>): WaitFor {
  const index = query.get("index")?.[0] ?? "";
  if (index !== "" && !/^\d{1,20}$/.test(index)) {
    throw new HttpError(400, `Invalid index ${JSON.stringify(index)}: expected a whole number, as in the index header`);
  }
  const hash = dialect.contentHashHeader === undefined ? "" : (query.get("hash")?.[0] ?? "");
  return {
    index: index === "" || /^0+$/.test(index) ? undefined : index,
    hash: hash === "" ? undefined : hash,
    waitMs: waitMsOf(dialect, query.get("wait")?.[0] ?? ""),
  };
}

function waitMsOf(dialect: Dialect, wait: string): number {
  if (wait === "") return dialect.defaultWaitMs;
  const ns = parseDuration(wait);
  if (ns === undefined || ns < 0) {
    throw new HttpError(400, `Invalid wait time ${JSON.stringify(wait)}: expected a duration such as 30s or 5m`);
  }
  return ns === 0 ? dialect.defaultWaitMs : Math.min(ns / 1e6, dialect.maxWaitMs);
}

export interface LocalWait {
  readonly clock: Clock;
  readonly random: Random;
  readonly wait: WaitFor;
  readonly signal: AbortSignal;
  readonly hashOf: (answer: LocalAnswer) => string;
}

/** Answers a read of something outside the state once it differs from what the client has seen, or time is up. */
export function readLocal(reply: LocalReply, options: LocalWait): Promise<LocalAnswer> | LocalAnswer {
  const { wait, signal, clock, random } = options;
  const first = reply.read();
  if (isNews(first, options) || signal.aborted) return first;
  return new Promise((resolve, reject) => {
    const settle = (isEnough: (answer: LocalAnswer) => boolean): void => {
      try {
        const answer = reply.read();
        if (!isEnough(answer)) return;
        resolve(answer);
      } catch (thrown) {
        reject(thrown instanceof Error ? thrown : new Error(String(thrown)));
      }
      stop();
      timer.cancel();
      signal.removeEventListener("abort", giveUp);
    };
    const giveUp = (): void => settle(() => true);
    const stop = reply.onChange(() => settle((answer) => isNews(answer, options)));
    const timer = clock.after(wait.waitMs + (random.float() * wait.waitMs) / 16, giveUp);
    signal.addEventListener("abort", giveUp, { once: true });
  });
}

function isNews(answer: LocalAnswer, { wait, hashOf }: LocalWait): boolean {
  if (wait.hash !== undefined) return hashOf(answer) !== wait.hash;
  if (wait.index !== undefined && answer.index !== undefined) return answer.index !== wait.index;
  return true;
}
