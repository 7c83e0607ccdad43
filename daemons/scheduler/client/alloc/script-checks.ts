import type { Timer } from "#base/env/clock.ts";
import { sleep } from "#base/env/clock.ts";
import type { Env } from "#base/env/env.ts";
import { textOf } from "#base/env/bytes.ts";
import { messageOf, type Result } from "#base/env/errors.ts";
import type { CheckStatus } from "#base/protocol/catalog.ts";
import type { Service, ServiceCheck } from "#base/protocol/service.ts";
import type { ExecRequest, ExecSession } from "#drivers/driver.ts";
import type { ServiceRegistry } from "../service-registry.ts";
import { interpolate, type Lookup } from "./interpolate.ts";
import { checkId, checkTiming } from "./service-definitions.ts";

/** Runs a command in a task of the allocation. */
export type ExecInTask = (task: string, request: ExecRequest) => Promise<Result<ExecSession>>;

export interface ScriptCheckDeps {
  readonly env: Env;
  readonly exec: ExecInTask;
  readonly registry: Pick<ServiceRegistry, "report">;
}

const MAX_OUTPUT_BYTES = 4096;

/**
 * The checks of a service that are programs, run in the task they are about, at their interval. Exit code 0 passes, 1
 * warns, everything else is critical. https://developer.hashicorp.com/nomad/docs/job-specification/check
 * @returns what ends them
 */
export function runScriptChecks(
  deps: ScriptCheckDeps,
  service: Service,
  where: { readonly serviceId: string; readonly taskName: string; readonly lookup: Lookup },
): () => void {
  const ends = service.Checks.flatMap((check, index) => {
    if (check.Type !== "script") return [];
    const task = check.TaskName || service.TaskName || where.taskName;
    const argv = [check.Command, ...check.Args].map((word) => interpolate(word, where.lookup));
    return [repeat(deps, check, { id: checkId(where.serviceId, index), task, argv })];
  });
  return () => {
    for (const end of ends) end();
  };
}

interface Script {
  readonly id: string;
  readonly task: string;
  readonly argv: readonly string[];
}

function repeat(deps: ScriptCheckDeps, check: ServiceCheck, script: Script): () => void {
  const { env, registry } = deps;
  const { intervalMs, timeoutMs } = checkTiming(check);
  const over = new AbortController();
  let timer: Timer | undefined;
  const again = async (): Promise<void> => {
    const { status, output } = await runOnce(deps, script, { timeoutMs, over: over.signal });
    if (over.signal.aborted) return;
    registry.report(script.id, status, output);
    timer = env.clock.after(intervalMs, () => void again());
  };
  // The first run comes soon, the ones of many allocations not at once.
  timer = env.clock.after(env.random.float() * Math.min(intervalMs, FIRST_WITHIN_MS), () => void again());
  return () => {
    over.abort();
    timer?.cancel();
  };
}

const FIRST_WITHIN_MS = 1000;

async function runOnce(
  { env, exec }: ScriptCheckDeps,
  { task, argv }: Script,
  { timeoutMs, over }: { readonly timeoutMs: number; readonly over: AbortSignal },
): Promise<{ readonly status: CheckStatus; readonly output: string }> {
  const end = new AbortController();
  const abort = (): void => end.abort();
  over.addEventListener("abort", abort, { once: true });
  let output = "";
  const onOutput = (_: string, data: Uint8Array): void => {
    if (output.length < MAX_OUTPUT_BYTES) output = (output + textOf(data)).slice(0, MAX_OUTPUT_BYTES);
  };
  try {
    const begun = await exec(task, { command: argv, tty: false, signal: end.signal, onOutput });
    if (!begun.ok) return { status: "critical", output: begun.error.message };
    begun.value.endInput();
    const exit = await Promise.race([begun.value.exited, sleep(env.clock, timeoutMs, over).then(() => undefined)]);
    if (exit === undefined) return { status: "critical", output: `it took longer than ${timeoutMs / 1000} s` };
    const status = exit.signal !== 0 ? "critical" : (STATUS_OF_CODE[exit.code] ?? "critical");
    return { status, output };
  } catch (thrown) {
    return { status: "critical", output: messageOf(thrown) };
  } finally {
    end.abort();
    over.removeEventListener("abort", abort);
  }
}

const STATUS_OF_CODE: Readonly<Record<number, CheckStatus>> = { 0: "passing", 1: "warning" };
