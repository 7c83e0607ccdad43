import type { Env } from "#base/env/env.ts";
import type { AccessPolicy, CapabilityRule } from "#base/http/access.ts";
import { HttpError } from "#base/http/http-error.ts";
import type { Failure } from "#base/env/errors.ts";
import type { AllocRunner } from "../alloc/alloc-runner.ts";
import type { SchedulerClient } from "../client.ts";

export interface ClientHttpDeps {
  readonly env: Env;
  readonly client: SchedulerClient;
  /** Default: open. */
  readonly access?: AccessPolicy;
}

export function runnerOf({ client }: ClientHttpDeps, allocId: string): AllocRunner {
  const runner = client.runner(allocId);
  if (runner === undefined)
    throw new HttpError(404, `Unknown allocation ${JSON.stringify(allocId)}: this node does not run it`);
  return runner;
}

export function refuse(failure: Failure): HttpError {
  return new HttpError(400, failure.hint === undefined ? failure.message : `${failure.message} (${failure.hint})`);
}

export const readFs = { kind: "capability", resource: "namespace", capability: "read-fs" } as const;
export const readLogs = { kind: "capability", resource: "namespace", capability: "read-logs" } as const;
export const readJob = { kind: "capability", resource: "namespace", capability: "read-job" } as const;
export const allocLifecycle = { kind: "capability", resource: "namespace", capability: "alloc-lifecycle" } as const;
export const readNode = { kind: "capability", resource: "node", capability: "read" } as const;
export const writeNode = { kind: "capability", resource: "node", capability: "write" } as const;

/** A rule of an allocation: the namespace it is in counts, whatever the query says. */
export function ofAlloc({ client }: ClientHttpDeps, rule: CapabilityRule): CapabilityRule {
  return {
    ...rule,
    of: ({ params, rawQuery }) => {
      const given = rawQuery.get("namespace")?.[0] ?? "";
      const known = client.runner(params["alloc"] ?? "")?.current.alloc.Namespace;
      return known ?? (given === "" ? "default" : given);
    },
  };
}
