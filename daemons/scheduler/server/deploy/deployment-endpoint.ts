import { fail, succeed, type Result } from "#base/env/errors.ts";
import type { Deployment, DeploymentState } from "#base/protocol/deployment.ts";
import type { Job } from "#base/protocol/job.ts";
import type { Row } from "#base/state/table.ts";
import { put, unchanged } from "#base/state/codec.ts";
import type { Op } from "#base/state/store.ts";
import { deployments, jobVersions } from "#base/state/tables.ts";
import { allocChange, type AllocChange } from "../alloc-change.ts";
import type { JobEndpoint } from "../job-endpoint.ts";
import { sameSpecification } from "../job-specification.ts";
import { isActive } from "../reconcile/standing.ts";
import { runningDescription } from "../schedule/draft-deployment.ts";
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
    const StatusDescription = "Deployment completed successfully";
    const ops = [this.#set(row, { Status: "successful", StatusDescription, TaskGroups: this.#counted(value) })];
    if (version !== undefined && !version.value.Stable) {
      const at = { namespace: version.namespace, id: version.id };
      ops.push(put(jobVersions, at, { ...version.value, Stable: true }));
    }
    await this.#commit(row, ops);
  }

  /** Fails it; goes back to the last stable version where a group asks for that. */
  async failed(row: Row<Deployment>, reason: string): Promise<DeploymentAnswer | undefined> {
    const { target, note } = this.#revert(row.value);
    const StatusDescription = `${reason}${note}`;
    const evaluation = this.#evaluation(row.value);
    const TaskGroups = this.#counted(row.value);
    const ops = [this.#set(row, { Status: "failed", StatusDescription, TaskGroups }), putEval(evaluation)];
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
      : [this.#set(row, this.#resumed(row.value)), putEval(evaluation)];
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
    const unknown = groups?.find((name) => TaskGroups[name] === undefined);
    if (unknown !== undefined) {
      const names = Object.keys(TaskGroups).join(", ");
      return fail("unknown_group", `the deployment has no task group "${unknown}"; it has: ${names}`);
    }
    const changes: AllocChange[] = [];
    for (const [name, group] of Object.entries(TaskGroups)) {
      if (group.DesiredCanaries === 0 || group.Promoted || (groups !== undefined && !groups.includes(name))) continue;
      const canaries = known.filter(({ alloc }) => alloc.TaskGroup === name && alloc.Canary);
      const unhealthy = group.DesiredCanaries - canaries.filter(isHealthy).length;
      if (unhealthy > 0) {
        const counts = `${group.DesiredCanaries - unhealthy}/${group.DesiredCanaries}`;
        return fail("unhealthy", `Task group "${name}" has ${counts} healthy allocations`);
      }
      TaskGroups[name] = { ...this.#granted(group), Promoted: true };
      for (const canary of canaries) changes.push(allocChange(canary, { Canary: false }));
    }
    if (changes.length === 0) return fail("no_canaries", "no canaries to promote");
    const evaluation = this.#evaluation(row.value);
    const StatusDescription = runningDescription(Object.values(TaskGroups));
    const status = row.value.Status === "paused" ? {} : { StatusDescription };
    const index = await this.#commit(row, [this.#set(row, { TaskGroups, ...status }), putEval(evaluation)], changes);
    if (index === undefined) return fail("conflict", "the deployment was changed at the same time");
    return succeed({ evalId: evaluation.ID, index, revertedTo: undefined });
  }

  /** Says of allocations how they fare, where that is for a person (or a program) to decide. */
  async setHealth(
    id: string,
    health: { readonly healthy: readonly string[]; readonly unhealthy: readonly string[] },
  ): Promise<Result<DeploymentAnswer>> {
    const { state } = this.#context;
    const row = state.deploymentById(id);
    if (row === undefined) return fail("not_found", "deployment not found");
    if (!isActive(row.value.Status))
      return fail("terminal", "can't set health of allocations for a terminal deployment");
    if (health.healthy.length + health.unhealthy.length === 0) {
      return fail("no_allocs", "must specify at least one healthy or unhealthy allocation ID");
    }
    const own = new Map(state.deploymentAllocs(id).map((known) => [known.alloc.ID, known]));
    const Timestamp = nowNsOf(this.#context);
    const changes: AllocChange[] = [];
    for (const allocId of new Set([...health.healthy, ...health.unhealthy])) {
      const known = own.get(allocId);
      if (known === undefined) return fail("foreign_alloc", `alloc ${allocId} is not part of deployment ${id}`);
      const Healthy = !health.unhealthy.includes(allocId);
      changes.push(allocChange(known, { DeploymentHealth: { Healthy, Timestamp }, ModifyTime: Timestamp }));
    }
    const evaluation = this.#evaluation(row.value);
    const index = await this.#commit(row, [this.#set(row, {}), putEval(evaluation)], changes);
    if (index === undefined) return fail("conflict", "the deployment was changed at the same time");
    return succeed({ evalId: evaluation.ID, index, revertedTo: undefined });
  }

  /** Only deployments over several regions ever wait for others; here there is one. */
  unblock(id: string): Result<DeploymentAnswer> {
    const row = this.#context.state.deploymentById(id);
    if (row === undefined) return fail("not_found", "deployment not found");
    return fail("not_blocked", `can't unblock deployment in status "${row.value.Status}": it is not blocked`);
  }

  /** As it goes on after a pause: the time to make progress starts anew. */
  #resumed({ TaskGroups }: Deployment): Partial<Deployment> {
    const groups = Object.entries(TaskGroups).map(([name, group]): [string, DeploymentState] => [
      name,
      this.#granted(group),
    ]);
    const StatusDescription = runningDescription(Object.values(TaskGroups));
    return { Status: "running", StatusDescription, TaskGroups: Object.fromEntries(groups) };
  }

  #counted(deployment: Deployment): Deployment["TaskGroups"] {
    return countedGroups(deployment, this.#context.state.deploymentAllocs(deployment.ID));
  }

  #granted(group: DeploymentState): DeploymentState {
    if (group.ProgressDeadline === 0) return group;
    const byMs = this.#context.env.clock.nowMs() + group.ProgressDeadline / 1e6;
    return { ...group, RequireProgressBy: new Date(byMs).toISOString() };
  }

  /** The version to go back to, and what the description says of it. */
  #revert(deployment: Deployment): { readonly target: Job | undefined; readonly note: string } {
    if (!Object.values(deployment.TaskGroups).some((group) => group.AutoRevert)) return { target: undefined, note: "" };
    const { state } = this.#context;
    const job = state.job(deployment.Namespace, deployment.JobID);
    const versions = job === undefined ? [] : state.currentVersions(job).map(({ value }) => value);
    const failing = versions.find((each) => each.Version === deployment.JobVersion);
    const target = versions.findLast((each) => each.Stable && each.Version < deployment.JobVersion);
    if (target === undefined) return { target, note: " - no stable job version to auto revert to" };
    // Going back to the same would fail the same way, for ever.
    if (failing !== undefined && sameSpecification(target, failing)) {
      const why = `not rolling back to stable job version ${target.Version} as current job has same specification`;
      return { target: undefined, note: ` - ${why}` };
    }
    return { target, note: ` - rolling back to job version ${target.Version}` };
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
  async #commit(
    row: Row<Deployment>,
    ops: readonly Op[],
    changes: readonly AllocChange[] = [],
  ): Promise<number | undefined> {
    const compare = [unchanged(deployments, row), ...changes.map((change) => change.compare)];
    const then = [...ops, ...changes.map(({ op }) => op)];
    const result = await this.#context.store.txn({ compare, then });
    return result.ok ? readable(this.#context, result.revision) : undefined;
  }
}
