import { spawn } from "node:child_process";
import { CodedError } from "#base/env/errors.ts";
import { readDuration } from "#base/language/duration.ts";
import { withConsul, type ConsulSession } from "../api/session.ts";
import { UsageError, type FlagValues } from "../command/command.ts";
import { acquire, keepSession, watchHeld, type Contender } from "./contender.ts";
import { createMutex } from "./mutex.ts";
import { createSemaphore } from "./semaphore.ts";

const SESSION_TTL_S = 15;
const DEFAULT_MONITOR_RETRIES = 3;
/** Between asking the program to end and ending it. */
const KILL_AFTER_MS = 5000;
const FORWARDED = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
const CHILD_FAILED = 2;

/** `PREFIX COMMAND…`. Exit code 1: the lock was not to be had, or was lost; 2 with `-child-exit-code`: the program failed. */
export const lock = withConsul(async (session) => {
  const { operands, flags, output } = session;
  const [given, ...command] = operands;
  const prefix = (given ?? "").replaceAll(/^\/+|\/+$/g, "");
  if (prefix === "" || command.length === 0) throw new UsageError("name a prefix of keys, then a program");
  const slots = wholeOf(flags, "n", 1);
  const retries = wholeOf(flags, "monitor-retry", DEFAULT_MONITOR_RETRIES);
  const giveUp = signalAfter(flags);
  const name = flags.value("name") ?? `lares lock for ${prefix}`;
  const kept = await keepSession(session, { name, ttlS: SESSION_TTL_S, behavior: "release" });
  const contender = slots === 1 ? createMutex(session, prefix) : createSemaphore(session, prefix, slots);
  try {
    const token = await acquire(session, { contender, id: kept.id, signal: giveUp });
    if (token === undefined) throw new CodedError("lock_timeout", `the lock ${prefix} was not to be had in time`);
    if (flags.on("verbose")) output.error(`holding ${prefix} with fencing token ${token}`);
    return await runHeld(session, { contender, id: kept.id, token, retries, prefix, command });
  } finally {
    await contender.release(kept.id).catch(() => undefined);
    await kept.end();
  }
});

interface Held {
  readonly contender: Contender;
  readonly id: string;
  readonly token: bigint;
  readonly retries: number;
  readonly prefix: string;
  readonly command: readonly string[];
}

async function runHeld(session: ConsulSession, held: Held): Promise<number> {
  const { flags, output } = session;
  const over = new AbortController();
  const state = { lost: false };
  const child = startChild(flags, held);
  const watching = watchHeld(session, { ...held, signal: over.signal }).then(() => {
    if (over.signal.aborted) return;
    state.lost = true;
    output.error(`the lock ${held.prefix} was lost; the program is ended`);
    child.end();
  });
  const code = await child.exited;
  over.abort();
  await watching;
  if (state.lost) return 1;
  return flags.on("child-exit-code") && code !== 0 ? CHILD_FAILED : 0;
}

function startChild(flags: FlagValues, { command, token, id, prefix }: Held) {
  const [program = "", ...rest] = command;
  const isShell = flags.value("shell") !== "false" && rest.length === 0;
  const environment = {
    ...process.env,
    CONSUL_LOCK_HELD: "true",
    LARES_LOCK_TOKEN: String(token),
    LARES_LOCK_SESSION: id,
    LARES_LOCK_PREFIX: prefix,
  };
  const stdin = flags.on("pass-stdin") ? "inherit" : "ignore";
  const child = isShell
    ? spawn("/bin/sh", ["-c", program], { env: environment, stdio: [stdin, "inherit", "inherit"] })
    : spawn(program, rest, { env: environment, stdio: [stdin, "inherit", "inherit"] });
  const forward = (signal: NodeJS.Signals): void => void child.kill(signal);
  for (const signal of FORWARDED) process.on(signal, forward);
  const exited = new Promise<number>((resolve, reject) => {
    child.once("error", (error) => reject(new CodedError("not_started", `cannot start ${program}: ${error.message}`)));
    child.once("exit", (code) => resolve(code ?? 1));
  }).finally(() => {
    for (const signal of FORWARDED) process.off(signal, forward);
  });
  return {
    exited,
    end(): void {
      child.kill("SIGTERM");
      setTimeout(() => child.kill("SIGKILL"), KILL_AFTER_MS).unref();
    },
  };
}

/** Never without `-try` (or `-timeout`). */
function signalAfter(flags: FlagValues): AbortSignal {
  const text = flags.value("try") ?? flags.value("timeout");
  if (text === undefined || text === "0" || text === "0s") return new AbortController().signal;
  const read = readDuration(text);
  if (!read.ok || read.value <= 0) throw new UsageError(`-try takes a duration such as 10s, not "${text}"`);
  return AbortSignal.timeout(read.value / 1e6);
}

function wholeOf(flags: FlagValues, name: string, otherwise: number): number {
  const text = flags.value(name);
  if (text === undefined) return otherwise;
  if (!/^\d{1,6}$/.test(text) || (name === "n" && Number(text) < 1))
    throw new UsageError(`-${name} takes a whole number, not "${text}"`);
  return Number(text);
}
