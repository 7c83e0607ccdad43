import type { ConsulClient } from "#base/client/consul-client.ts";
import type { NomadClient } from "#base/client/nomad-client.ts";
import type { Clock } from "#base/env/clock.ts";
import { sleep } from "#base/env/clock.ts";
import { CodedError } from "#base/env/errors.ts";
import { renderDiagnostics } from "#base/language/hcl/diagnostic.ts";
import { parseJob } from "#base/language/jobspec/parse-job.ts";
import type { Job } from "#base/protocol/job.ts";
import { readEmbeddedText } from "#base/platform/embedded/files.ts";
import { assert } from "#base/env/assert.ts";

/** A job of `packs/`. */
export function packJob(path: string, variables: Readonly<Record<string, string>> = {}): Job {
  const source = readEmbeddedText(path);
  assert(source !== undefined, `the program carries ${path}`);
  const inputs = Object.entries(variables).map(([name, text]) => ({ kind: "text", name, text, from: "flag" }) as const);
  const parsed = parseJob({ source, fileName: path, variables: inputs });
  if (!parsed.ok) throw new CodedError("pack", renderDiagnostics(parsed.diagnostics));
  return parsed.job;
}

/** Registers a job; throws with the API's own words when it is refused. */
export async function register(nomad: NomadClient, job: Job): Promise<void> {
  const done = await nomad.jobs.register(job);
  if (!done.ok) throw new CodedError(done.error.code, `job ${job.ID}: ${done.error.message}`, done.error.hint);
}

export interface HealthWait {
  readonly consul: ConsulClient;
  readonly nomad: NomadClient;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
  /** How many have to pass. */
  readonly instances: number;
}

export interface Instance {
  readonly address: string;
  readonly port: number;
}

/** The passing instances of a service, once there are enough. Undefined when there are not in time. */
export async function untilHealthy(service: string, wait: HealthWait): Promise<readonly Instance[] | undefined> {
  const deadline = wait.clock.monotonicMs() + wait.timeoutMs;
  let index = 0;
  while (!wait.signal.aborted && wait.clock.monotonicMs() < deadline) {
    const read = await wait.consul.health.service(service, {
      passing: true,
      block: { index, waitMs: 1000 },
      signal: wait.signal,
    });
    if (!read.ok) {
      await sleep(wait.clock, 200, wait.signal);
      continue;
    }
    index = read.value.index;
    const found = read.value.value.map(({ Node: node, Service: one }) => ({
      address: one.Address === "" ? node.Address : one.Address,
      port: one.Port,
    }));
    if (found.length >= wait.instances) return found;
  }
  return undefined;
}

/** What its tasks last said, for a job that does not come up. */
export async function lastWords(nomad: NomadClient, job: string): Promise<readonly string[]> {
  const allocs = await nomad.jobs.allocations(job);
  if (!allocs.ok) return [allocs.error.message];
  const states = allocs.value.value.flatMap((alloc) => Object.entries(alloc.TaskStates));
  return states.flatMap(([task, state]) =>
    state.Events.slice(-3).map((event) => `${task}: ${event.Type}: ${event.DisplayMessage}`),
  );
}
