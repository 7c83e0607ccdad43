import * as v from "valibot";
import { readDuration } from "#base/language/duration.ts";
import { errorOf, valueOf } from "../api/answer.ts";
import { withConsul, type ConsulSession } from "../api/session.ts";
import { UsageError, type FlagValues } from "../command/command.ts";
import { sleep } from "#base/env/clock.ts";
import { keepSession } from "../lock/contender.ts";
import { ExecProgress } from "./exec-progress.ts";

const SESSION_TTL_S = 15;
const NOBODY = 1;
const FAILED_SOMEWHERE = 2;
const DEFAULT_WAIT_MS = 2000;
const DEFAULT_REPLICATION_MS = 200;
const DEFAULT_PREFIX = "_rexec";

/** `[-node REGEX] COMMAND…` on all nodes that fit, by the keys and the event of Consul's remote execution. */
export const exec = withConsul(async (session) => {
  const { consul, operands, flags, output, env } = session;
  if (operands.length === 0) throw new UsageError("name a command");
  const isShell = flags.value("shell") !== "false";
  const prefix = flags.value("prefix") ?? DEFAULT_PREFIX;
  const waitMs = msOf(flags, "wait", DEFAULT_WAIT_MS);
  const kept = await keepSession(session, { name: "lares exec", ttlS: SESSION_TTL_S, behavior: "delete" });
  const over = new AbortController();
  // More than one comes where a terminal or a supervisor signals the whole group.
  const interrupt = (): void => over.abort();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, interrupt);
  const root = `${prefix}/${kept.id}/`;
  try {
    const job = isShell ? { Command: operands.join(" ") } : { Args: operands };
    const written = valueOf(
      await consul.kv.put(`${root}job`, JSON.stringify({ ...job, Wait: waitMs * 1e6 }), { acquire: kept.id }),
    );
    if (!written) throw new UsageError(`the key ${root}job could not be written`);
    await sleep(env.clock, msOf(flags, "wait-repl", DEFAULT_REPLICATION_MS));
    const query = { node: flags.value("node"), service: flags.value("service"), tag: flags.value("tag") };
    const body = JSON.stringify({ Prefix: prefix, Session: kept.id });
    const path = `/v1/event/fire/${DEFAULT_PREFIX}`;
    const fired = valueOf(
      await consul.call({ method: "PUT", path, query, body, schema: v.object({ ID: v.string() }) }),
    );
    if (flags.on("verbose")) output.error(`event ${fired.ID} was sent`);
    const progress = new ExecProgress(output, flags.on("verbose"));
    await follow(session, { root, waitMs, progress, over: over.signal });
    const { acknowledged, finished, failed } = progress;
    output.error(`${finished} / ${acknowledged} node(s) completed / acknowledged`);
    if (acknowledged === 0) return NOBODY;
    return failed > 0 || finished < acknowledged ? FAILED_SOMEWHERE : 0;
  } finally {
    over.abort();
    // The session takes its keys with it; what somebody wrote beside them goes, too.
    await kept.end();
    await consul.kv.delete(root, { recurse: true });
  }
});

interface Follow {
  readonly root: string;
  readonly waitMs: number;
  readonly progress: ExecProgress;
  readonly over: AbortSignal;
}

/** Until no node said anything for so long, and none that took the command up still runs it. */
async function follow({ consul, env }: ConsulSession, { root, waitMs, progress, over }: Follow): Promise<void> {
  let index = 0;
  let lastMs = env.clock.monotonicMs();
  while (!over.aborted) {
    const quietMs = env.clock.monotonicMs() - lastMs;
    if (quietMs >= waitMs && progress.finished === progress.acknowledged) return;
    const block = { index, waitMs: Math.max(100, Math.min(waitMs, waitMs - quietMs)) };
    const answer = await consul.kv.list(root, { block, signal: over });
    if (over.aborted) return;
    if (!answer.ok) throw errorOf(answer.error);
    index = answer.value.index;
    const news = progress.take(
      answer.value.value.map(({ Key, Value }) => ({ key: Key.slice(root.length), value: Value })),
    );
    if (news) lastMs = env.clock.monotonicMs();
  }
}

function msOf(flags: FlagValues, name: string, otherwise: number): number {
  const text = flags.value(name);
  if (text === undefined) return otherwise;
  const read = readDuration(text);
  if (!read.ok || read.value < 0) throw new UsageError(`-${name} takes a duration such as 2s, not "${text}"`);
  return read.value / 1e6;
}
