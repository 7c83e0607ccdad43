import { fail, succeed, type Result } from "#base/env/errors.ts";
import type { Deployment } from "#base/protocol/deployment.ts";
import type { Job } from "#base/protocol/job.ts";
import type { Row } from "#base/state/table.ts";
import { put, unchanged } from "#base/state/codec.ts";
import type { Op } from "#base/state/store.ts";
import { allocs, deployments, jobVersions } from "#base/state/tables.ts";
import type { JobEndpoint } from "../job-endpoint.ts";
import { sameSpecification } from "../job-specification.ts";
import { isActive } from "../reconcile/sort-allocs.ts";
import { evalFor, nowNsOf, putEval, readable, type ServerContext } from "../server-context.ts";
import { countedGroups, isHealthy } from "./assess.ts";

export interface DeploymentAnswer {
  readonly evalId: string;
  readonly index: number;
  readonly revertedTo: number | undefined;
}

/** What is written about deployments: by the watcher as health comes in, and by users who pause, promote or fail them. */
export class DeploymentEndpoint {
  readonly #context: ServerContext;
  readonly #jobs: JobEndpoint;

  constructor(context: ServerContext, jobEndpoint: JobEndpoint) {
    this.#context = context;
    this.#jobs = jobEndpoint;
  }

  /** All groups are healthy: the version is one to come back to. */
  async succeed(row: Row<Deployment>): Promise<void> {
    const { value } = row;
    const version = this.#context.state.jobVersion(value.Namespace, value.JobID, value.JobVersion);
    const ops = [this.#set(row, { Status: "successful", StatusDescription: "Deployment completed successfully" })];
    if (version !== undefined && !version.value.Stable) {
      const at = { namespace: version.namespace, id: version.id };
      ops.push(put(jobVersions, at, { ...version.value, Stable: true }));
    }
    await this.#commit(row, ops);
  }

  /** Fails it; goes back to the last stable version where a group asks for that. */
  async failed(row: Row<Deployment>, reason: string): Promise<DeploymentAnswer | undefined> {
    const target = this.#revertTarget(row.value);
    const StatusDescription =
      target === undefined ? reason : `${reason} - rolling back to job version ${target.Version}`;
    const evaluation = this.#evaluation(row.value);
    const ops = [this.#set(row, { Status: "failed", StatusDescription }), putEval(evaluation)];
    const index = await this.#commit(row, ops);
    if (index === undefined) return undefined;
    if (target !== undefined) await this.#jobs.register({ ...target, Stop: false });
    return { evalId: evaluation.ID, index, revertedTo: target?.Version };
  }

  /** More may be replaced now. */
  async proceed(row: Row<Deployment>): Promise<void> {
    const index = await this.#context.writer.write([putEval(this.#evaluation(row.value))]);
    await readable(this.#context, index);
  }

  async failByUser(id: string): Promise<Result<DeploymentAnswer>> {
    const row = this.#context.state.deploymentById(id);
    if (row === undefined) return fail("not_found", "deployment not found");
    if (!isActive(row.value.Status)) return fail("terminal", "can't fail terminal deployment");
    const done = await this.failed(row, "Deployment marked as failed");
    return done === undefined ? fail("conflict", "the deployment was changed at the same time") : succeed(done);
  }

  async pause(id: string, pause: boolean): Promise<Result<DeploymentAnswer>> {
    const row = this.#context.state.deploymentById(id);
    if (row === undefined) return fail("not_found", "deployment not found");
    if (!isActive(row.value.Status)) {
      return fail("terminal", `can't ${pause ? "pause" : "resume"} terminal deployment`);
    }
    const evaluation = this.#evaluation(row.value);
    const ops = pause
      ? [this.#set(row, { Status: "paused", StatusDescription: "Deployment is paused" })]
      : [this.#set(row, { Status: "running", StatusDescription: "Deployment is running" }), putEval(evaluation)];
    const index = await this.#commit(row, ops);
    if (index === undefined) return fail("conflict", "the deployment was changed at the same time");
    return succeed({ evalId: pause ? "" : evaluation.ID, index, revertedTo: undefined });
  }

  /** Lets the canaries of these groups (undefined: all) count, so that the old version is replaced. */
  async promote(id: string, groups: readonly string[] | undefined): Promise<Result<DeploymentAnswer>> {
    const { state } = this.#context;
    const row = state.deploymentById(id);
    if (row === undefined) return fail("not_found", "deployment not found");
    if (!isActive(row.value.Status)) return fail("terminal", "can't promote terminal deployment");
    const known = state.deploymentAllocs(id);
    const TaskGroups = countedGroups(row.value, known);
    const ops: Op[] = [];
    for (const [name, group] of Object.entries(TaskGroups)) {
      if (group.DesiredCanaries === 0 || group.Promoted || (groups !== undefined && !groups.includes(name))) continue;
      const canaries = known.filter(({ alloc }) => alloc.TaskGroup === name && alloc.Canary);
      const unhealthy = group.DesiredCanaries - canaries.filter(isHealthy).length;
      if (unhealthy > 0) {
        const counts = `${group.DesiredCanaries - unhealthy}/${group.DesiredCanaries}`;
        return fail("unhealthy", `Task group "${name}" has ${counts} healthy allocations`);
      }
      TaskGroups[name] = { ...group, Promoted: true };
      for (const { alloc } of canaries) {
        ops.push(put(allocs, { namespace: alloc.Namespace, id: alloc.ID }, { ...alloc, Canary: false }));
      }
    }
    if (ops.length === 0) return fail("no_canaries", "no canaries to promote");
    const evaluation = this.#evaluation(row.value);
    const StatusDescription = "Deployment is running";
    const index = await this.#commit(row, [
      this.#set(row, { TaskGroups, StatusDescription }),
      ...ops,
      putEval(evaluation),
    ]);
    if (index === undefined) return fail("conflict", "the deployment was changed at the same time");
    return succeed({ evalId: evaluation.ID, index, revertedTo: undefined });
  }

  #revertTarget(deployment: Deployment): Job | undefined {
    if (!Object.values(deployment.TaskGroups).some((group) => group.AutoRevert)) return undefined;
    const { state } = this.#context;
    const versions = state.jobVersions(deployment.Namespace, deployment.JobID).map(({ value }) => value);
    const failing = versions.find((each) => each.Version === deployment.JobVersion);
    const target = versions.findLast((each) => each.Stable && each.Version < deployment.JobVersion);
    // Going back to the same would fail the same way, for ever.
    return target !== undefined && failing !== undefined && sameSpecification(target, failing) ? undefined : target;
  }

  #evaluation(deployment: Deployment) {
    const { Namespace: namespace, JobID, ID, EvalPriority } = deployment;
    const job = this.#context.state.job(namespace, JobID)?.value ?? {
      ID: JobID,
      Type: "service",
      Priority: EvalPriority,
    };
    return evalFor(this.#context, { namespace, job, trigger: "deployment-watcher", fields: { DeploymentID: ID } });
  }

  #set({ value }: Row<Deployment>, fields: Partial<Deployment>): Op {
    const at = { namespace: value.Namespace, id: value.ID };
    return put(deployments, at, { ...value, ...fields, ModifyTime: nowNsOf(this.#context) });
  }

  /** Undefined: somebody else changed it. */
  async #commit(row: Row<Deployment>, then: readonly Op[]): Promise<number | undefined> {
    const result = await this.#context.store.txn({ compare: [unchanged(deployments, row)], then });
    return result.ok ? readable(this.#context, result.revision) : undefined;
  }
}
