import type { Deployment } from "#base/protocol/deployment.ts";
import type { Row } from "#base/state/table.ts";
import { isTerminal, type KnownAlloc } from "#daemons/scheduler/server/alloc-state.ts";
import { STOP_UPDATED } from "#daemons/scheduler/server/reconcile/decision.ts";
import { healthOf } from "#daemons/scheduler/server/health.ts";
import type { Checker } from "../checker.ts";

/** Most that any job of the simulator lets be replaced at a time. */
const MAX_PARALLEL = 2;

/** Of what a deployment replaced (not of what came in the place of the lost), never more than `max_parallel` are not known to be healthy. */
export class Rollout implements Checker {
  readonly name = "no more than max_parallel in the open";
  #violation: string | undefined;

  /** `own`: the deployment's allocations; `all`: the job's. */
  compare(
    {
      value: deployment,
      createIndex: since,
    }: Pick<Row<Pick<Deployment, "ID" | "JobVersion">>, "value" | "createIndex">,
    own: readonly KnownAlloc[],
    all: readonly KnownAlloc[],
  ): void {
    const updated = new Set(
      all.filter(({ alloc }) => alloc.DesiredDescription === STOP_UPDATED).map(({ alloc }) => alloc.NextAllocation),
    );
    const open = own.filter((known) => {
      const { ID, Canary, JobVersion } = known.alloc;
      // What was updated in place is older than its deployment, and not limited.
      const replaces = updated.has(ID) && known.createIndex >= since && !Canary && JobVersion === deployment.JobVersion;
      return replaces && !isTerminal(known) && healthOf(known).Healthy !== true;
    });
    if (open.length <= MAX_PARALLEL) return;
    this.#violation ??= `deployment ${deployment.ID} has ${open.length} unproven replacements: ${open.map(({ alloc }) => alloc.Name).join(", ")}`;
  }

  check(): string | undefined {
    return this.#violation;
  }
}
