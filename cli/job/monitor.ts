import type { ApiResult } from "#base/client/api-caller.ts";
import type { AllocStub, DeploymentAnswer, EvalAnswer } from "#base/client/nomad-answers.ts";
import { sleep } from "#base/env/clock.ts";
import { errorOf, foundOf } from "../api/answer.ts";
import type { NomadSession } from "../api/session.ts";
import { LiveLine } from "../print/live-line.ts";
import { shortId, span } from "../print/time.ts";
import { placementHint, placementReasons } from "./placement.ts";

/** How it ended: everything as wanted, some of it without a place, or failed. */
export type Outcome = "done" | "unplaced" | "failed";

export const EXIT_CODES: Readonly<Record<Outcome, number>> = { done: 0, failed: 1, unplaced: 2 };

const WAIT_MS = 60_000;
/** An agent that restarts is back within this many attempts. */
const ATTEMPTS = 15;
const PAUSE_MS = 1000;
const PASSING: readonly string[] = ["unreachable", "timeout", "failed"];

/** Follows an evaluation, then the deployment it made, and says what happens. */
export async function monitorEval(session: NomadSession, evalId: string): Promise<Outcome> {
  return new Monitor(session).follow(evalId);
}

/** Follows a deployment until it has ended, or waits for its canaries to be promoted. */
export async function monitorDeployment(session: NomadSession, id: string): Promise<Outcome> {
  return new Monitor(session).followDeployment(id);
}

class Monitor {
  readonly #session: NomadSession;
  readonly #live: LiveLine;
  readonly #seen = new Map<string, string>();
  readonly #startMs: number;
  /** Of the evaluation: allocations made before it are only changed by it. */
  #since = 0;

  /** Ids as they are shown: whole with `-verbose`. */
  readonly #short: (id: string) => string;

  constructor(session: NomadSession) {
    this.#short = session.flags.on("verbose") ? (id) => id : shortId;
    this.#session = session;
    this.#live = new LiveLine(session.output);
    this.#startMs = session.env.clock.monotonicMs();
  }

  async follow(evalId: string): Promise<Outcome> {
    this.#say(`==> Monitoring evaluation "${this.#short(evalId)}"`);
    const evaluation = await this.#evaluated(evalId);
    if (evaluation === undefined) return "failed";
    if (evaluation.Status !== "complete") {
      const why = evaluation.StatusDescription === "" ? "" : `: ${evaluation.StatusDescription}`;
      this.#say(`==> Evaluation "${this.#short(evaluation.ID)}" ended with status "${evaluation.Status}"${why}`);
      return "failed";
    }
    const unplaced = Object.entries(evaluation.FailedTGAllocs);
    this.#say(
      `==> Evaluation "${this.#short(evaluation.ID)}" finished with status "complete"${unplaced.length > 0 ? " but failed to place all allocations:" : ""}`,
    );
    if (evaluation.DeploymentID === "") {
      this.#sayUnplaced(evaluation, undefined);
      return unplaced.length > 0 ? "unplaced" : "done";
    }
    return this.followDeployment(evaluation.DeploymentID, evaluation);
  }

  /** Reads until the evaluation has ended; a delayed one hands over to the next. */
  async #evaluated(evalId: string): Promise<EvalAnswer | undefined> {
    const { evals } = this.#session.nomad;
    let last = "";
    for (let index = 0; ;) {
      const { value, index: next } = await this.#ask((block) => evals.read(evalId, { block }), index);
      index = next;
      if (value === undefined) return undefined;
      this.#since = value.CreateIndex;
      if (last === "") this.#say(`    Evaluation triggered by job "${value.JobID}"`);
      else if (last !== value.Status) this.#say(`    Evaluation status changed: "${last}" -> "${value.Status}"`);
      last = value.Status;
      if (value.Status === "pending") continue;
      const allocs = foundOf(await evals.allocations(evalId)) ?? [];
      for (const alloc of allocs) this.#sayAlloc(alloc);
      return value;
    }
  }

  /** The evaluation that made it, where one is known, says what found no place. */
  async followDeployment(id: string, evaluation?: EvalAnswer): Promise<Outcome> {
    const { deployments } = this.#session.nomad;
    const isShort = evaluation !== undefined && Object.keys(evaluation.FailedTGAllocs).length > 0;
    this.#say(`==> Monitoring deployment "${this.#short(id)}"`);
    for (let index = 0; ;) {
      const { value, index: next } = await this.#ask((block) => deployments.read(id, { block }), index);
      index = next;
      if (value === undefined) return "failed";
      await this.#sayProgress(value);
      if (value.Status === "successful") {
        this.#say(`==> Deployment "${this.#short(id)}" successful after ${this.#elapsed()}`);
        if (evaluation !== undefined) this.#sayUnplaced(evaluation, value);
        return isShort ? "unplaced" : "done";
      }
      if (value.Status === "failed" || value.Status === "cancelled") {
        this.#say(`==> Deployment "${this.#short(id)}" ${value.Status}: ${value.StatusDescription}`);
        await this.#sayFailures(id);
        return "failed";
      }
      if (isShort && allPlacedAreHealthy(value, evaluation)) {
        this.#sayUnplaced(evaluation, value);
        return "unplaced";
      }
      if (needsPromotion(value)) {
        this.#say(`==> Canaries are healthy; "lares deployment promote ${this.#short(id)}" goes on`);
        return "done";
      }
    }
  }

  async #ask<T>(
    read: (block: { readonly index: number; readonly waitMs: number }) => Promise<ApiResult<T>>,
    index: number,
  ): Promise<{ readonly value: T | undefined; readonly index: number }> {
    for (let attempt = 1; ; attempt++) {
      const result = await read({ index, waitMs: WAIT_MS });
      if (result.ok) return { value: result.value.value, index: Math.max(1, result.value.index) };
      if (result.error.code === "missing") return { value: undefined, index };
      if (!PASSING.includes(result.error.code) || attempt > ATTEMPTS) {
        this.#live.clear();
        throw errorOf(result.error);
      }
      if (attempt === 1) this.#say(`    Contact lost (${result.error.message}); trying again`);
      await sleep(this.#session.env.clock, PAUSE_MS);
    }
  }

  async #sayProgress(deployment: DeploymentAnswer): Promise<void> {
    for (const alloc of foundOf(await this.#session.nomad.deployments.allocations(deployment.ID)) ?? [])
      this.#sayAlloc(alloc);
    const groups = Object.entries(deployment.TaskGroups).map(
      ([name, group]) =>
        `${name} ${group.HealthyAllocs}/${group.DesiredTotal} healthy${group.UnhealthyAllocs > 0 ? `, ${group.UnhealthyAllocs} unhealthy` : ""}`,
    );
    const text = `Deployment "${this.#short(deployment.ID)}" ${deployment.Status}: ${groups.join("; ")}`;
    if (this.#isNews("deployment", text) && !this.#session.output.terminal) this.#say(`    ${text}`);
    this.#live.show(`    ${text}`, ` (${this.#elapsed()})`);
  }

  /** Each state of an allocation once. */
  #sayAlloc(alloc: AllocStub): void {
    const id = this.#short(alloc.ID);
    if (!this.#seen.has(alloc.ID)) {
      const where = alloc.NodeName === "" ? this.#short(alloc.NodeID) : alloc.NodeName;
      const verb = alloc.CreateIndex < this.#since ? "updated in place" : "created";
      this.#say(`    Allocation "${id}" ${verb}: node "${where}", group "${alloc.TaskGroup}"`);
    }
    const health = alloc.DeploymentStatus?.Healthy;
    const state = health === true ? "healthy" : health === false ? "unhealthy" : alloc.ClientStatus;
    const isFirst = !this.#seen.has(alloc.ID);
    if (!this.#isNews(alloc.ID, state) || (isFirst && state === "pending")) return;
    const why = lastWords(alloc);
    this.#say(`    Allocation "${id}" is ${state}${state === "failed" || state === "unhealthy" ? why : ""}`);
  }

  async #sayFailures(deploymentId: string): Promise<void> {
    const allocs = foundOf(await this.#session.nomad.deployments.allocations(deploymentId)) ?? [];
    for (const alloc of allocs.filter(
      (one) => one.DeploymentStatus?.Healthy === false || one.ClientStatus === "failed",
    )) {
      this.#say(`    Allocation "${this.#short(alloc.ID)}"${lastWords(alloc)}`);
      this.#say(
        `      see: lares alloc status ${this.#short(alloc.ID)}; lares alloc logs -stderr ${this.#short(alloc.ID)}`,
      );
    }
  }

  #sayUnplaced(evaluation: EvalAnswer, deployment: DeploymentAnswer | undefined): void {
    for (const [group, metric] of Object.entries(evaluation.FailedTGAllocs)) {
      const missing = metric.CoalescedFailures + 1;
      this.#say(`    Task Group "${group}" (failed to place ${missing} allocation${missing === 1 ? "" : "s"}):`);
      for (const reason of placementReasons(metric)) this.#say(`      * ${reason}`);
      const state = deployment?.TaskGroups[group];
      const wanted = state?.DesiredTotal;
      const placed = wanted === undefined ? "" : `${Math.max(0, wanted - missing)} of ${wanted} placed; `;
      this.#say(`    ${placed}${placementHint(metric)}`);
    }
    if (evaluation.BlockedEval !== "") {
      this.#say(`    Evaluation "${this.#short(evaluation.BlockedEval)}" waits for room to place the rest`);
    }
  }

  #isNews(key: string, state: string): boolean {
    if (this.#seen.get(key) === state) return false;
    this.#seen.set(key, state);
    return true;
  }

  #say(text: string): void {
    this.#live.line(text);
  }

  #elapsed(): string {
    return span((this.#session.env.clock.monotonicMs() - this.#startMs) / 1000);
  }
}

/** What follows from an end, and says nothing of its cause. */
const CONSEQUENCES = ["Not Restarting", "Restarting", "Killing", "Killed"];

/** The newest thing a task of the allocation has to say for itself: what went wrong rather than what became of it. */
function lastWords(alloc: AllocStub): string {
  const tasks = Object.entries(alloc.TaskStates);
  const [name, state] = tasks.find(([, task]) => task.Failed) ?? tasks[0] ?? [];
  const telling = state?.Events.filter(({ DisplayMessage }) => DisplayMessage !== "") ?? [];
  const event = telling.findLast(({ Type }) => !CONSEQUENCES.includes(Type)) ?? telling.at(-1) ?? state?.Events.at(-1);
  const said = event === undefined ? alloc.ClientDescription : `${event.Type}: ${event.DisplayMessage}`;
  return said === "" ? "" : ` (${name === undefined ? "" : `task "${name}": `}${said})`;
}

/** Nothing more can become healthy before there is room for the rest. */
function allPlacedAreHealthy({ TaskGroups }: DeploymentAnswer, { FailedTGAllocs }: EvalAnswer): boolean {
  return Object.entries(TaskGroups).every(([name, group]) => {
    const failed = FailedTGAllocs[name];
    const missing = failed === undefined ? 0 : failed.CoalescedFailures + 1;
    return group.HealthyAllocs >= group.DesiredTotal - missing;
  });
}

function needsPromotion(deployment: DeploymentAnswer): boolean {
  const groups = Object.values(deployment.TaskGroups).filter((group) => group.DesiredCanaries > 0);
  return (
    groups.length > 0 &&
    groups.every((group) => !group.Promoted && !group.AutoPromote && group.HealthyAllocs >= group.DesiredCanaries)
  );
}
