import { spawn } from "node:child_process";
import { CodedError, messageOf } from "#base/env/errors.ts";
import { sleep } from "#base/env/clock.ts";
import { readDuration } from "#base/language/duration.ts";
import { errorOf } from "../api/answer.ts";
import { withNomad, type NomadSession } from "../api/session.ts";
import { UsageError } from "../command/command.ts";
import { variableIfThere, variablePath, VariableSchema } from "./variable.ts";

const RETRY_MS = 1000;
const DEFAULT_RETRIES = 5;
const FORWARDED = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** `PATH COMMAND…`: holds the variable's lock while the command runs; ends it when the lock is lost. */
export const lock = withNomad(async (session) => {
  const [path, ...command] = session.operands;
  const [program] = command;
  if (path === undefined || program === undefined) throw new UsageError("name a variable's path, then a command");
  const held = await acquire(session, path);
  const lost = new AbortController();
  const over = new AbortController();
  const renewing = keepRenewing(session, held, { lost, over: over.signal });
  try {
    return await runCommand(session, command, lost.signal);
  } finally {
    over.abort();
    await renewing;
    await operate(session, "release", held);
  }
});

interface Held {
  readonly path: string;
  readonly id: string;
  readonly ttlMs: number;
}

async function acquire(session: NomadSession, path: string): Promise<Held> {
  const { flags, env, output } = session;
  const ttl = flags.value("ttl") ?? "15s";
  const delay = flags.value("delay") ?? "15s";
  const parsed = readDuration(ttl);
  if (!parsed.ok || parsed.value <= 0) throw new UsageError(`-ttl takes a duration such as 15s, not "${ttl}"`);
  const retries = Number(flags.value("max-retry") ?? DEFAULT_RETRIES);
  if (!Number.isInteger(retries)) throw new UsageError("-max-retry takes a whole number");
  const before = await variableIfThere(session, path);
  for (let attempt = 0; ; attempt++) {
    const answer = await send(session, "acquire", {
      Path: path,
      Items: before?.Items ?? {},
      Lock: { TTL: ttl, LockDelay: delay },
    });
    if (answer.ok) {
      const id = answer.value.value.Lock?.ID ?? "";
      return { path, id, ttlMs: parsed.value / 1e6 };
    }
    if (answer.error.status !== 409) throw errorOf(answer.error);
    if (retries >= 0 && attempt >= retries) {
      throw new CodedError("locked", `the lock on "${path}" is held by somebody else`, "Wait longer: -max-retry.");
    }
    if (attempt === 0) output.error(`the lock on "${path}" is held by somebody else; waiting`);
    await sleep(env.clock, RETRY_MS);
  }
}

/** Three times within the lock's time to live; what no renewal reached in time is lost. */
async function keepRenewing(
  session: NomadSession,
  held: Held,
  { lost, over }: { readonly lost: AbortController; readonly over: AbortSignal },
): Promise<void> {
  const { clock } = session.env;
  for (let renewedMs = clock.monotonicMs(); ;) {
    await sleep(clock, held.ttlMs / 3, over);
    if (over.aborted) return;
    const renewal = await operate(session, "renew", held);
    if (renewal.ok) renewedMs = clock.monotonicMs();
    else if (renewal.error.status === 409 || clock.monotonicMs() - renewedMs > held.ttlMs) {
      session.output.error(`the lock on "${held.path}" is lost: ${renewal.error.message}`);
      lost.abort();
      return;
    }
  }
}

function operate(session: NomadSession, operation: "renew" | "release", { path, id }: Held) {
  return send(session, operation, { Path: path, Lock: { ID: id } });
}

interface LockRequest {
  readonly Path: string;
  readonly Items?: Readonly<Record<string, string>>;
  readonly Lock: { readonly ID: string } | { readonly TTL: string; readonly LockDelay: string };
}

function send({ nomad, namespace }: NomadSession, operation: string, body: LockRequest) {
  const query = { namespace, [`lock-${operation}`]: true };
  return nomad.call({ method: "PUT", path: variablePath(body.Path), query, body, schema: VariableSchema });
}

function runCommand(session: NomadSession, command: readonly string[], lost: AbortSignal): Promise<number> {
  const [program = "", ...rest] = session.flags.on("shell") ? ["/bin/sh", "-c", command.join(" ")] : command;
  return new Promise((resolve, reject) => {
    const child = spawn(program, rest, { stdio: "inherit" });
    const forward = (signal: NodeJS.Signals): void => void child.kill(signal);
    for (const signal of FORWARDED) process.on(signal, forward);
    lost.addEventListener("abort", () => void child.kill("SIGTERM"), { once: true });
    child.on("error", (error) => reject(new CodedError("start", `cannot run ${program}: ${messageOf(error)}`)));
    child.on("exit", (code) => {
      for (const signal of FORWARDED) process.off(signal, forward);
      resolve(lost.aborted ? 1 : (code ?? 1));
    });
  });
}
