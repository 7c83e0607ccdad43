import type { Task } from "#base/protocol/task.ts";
import { leaderDead, mainsDead, siblingFailed } from "../task/task-event.ts";
import type { Happening } from "../task/task-event.ts";
import type { TaskRecord } from "../task/task-record.ts";

export interface MemberTask {
  readonly task: Pick<Task, "Name" | "Lifecycle" | "Leader">;
  readonly record: TaskRecord;
}

export interface LifecyclePlan {
  readonly begin: readonly string[];
  readonly stop: readonly { readonly name: string; readonly why: Happening | undefined }[];
}

/**
 * Which tasks of a group begin or end now (https://developer.hashicorp.com/nomad/docs/job-specification/lifecycle):
 * prestart before main, poststart once main runs, poststop when everything else is over; a failed task takes its
 * siblings along, the leader's end ends the rest.
 */
export function planLifecycle(members: readonly MemberTask[], stopping: boolean): LifecyclePlan {
  const of = (hook: string): MemberTask[] => members.filter((each) => hookOf(each) === hook);
  const [prestart, main, poststart, poststop] = [of("prestart"), of(""), of("poststart"), of("poststop")];
  const ordinary = [...prestart, ...main, ...poststart];
  const ending = reasonToEnd({ ordinary, main, stopping });
  if (ending !== undefined) {
    const alive = ordinary.filter((each) => !isDead(each));
    if (alive.length === 0) return { begin: namesOf(poststop.filter(isWaiting)), stop: [] };
    const leader = stopping ? alive.find((each) => each.task.Leader) : undefined;
    const now = leader === undefined ? alive : [leader];
    return { begin: [], stop: now.map((each) => ({ name: each.task.Name, why: ending.why })) };
  }
  // Everything begins again, in its order, when the last of what ran has ended.
  if (ordinary.some(isRewinding)) return { begin: [], stop: [] };
  const begin = prestart.filter(isWaiting);
  const ready = prestart.every((each) => isDead(each) || (isSidecar(each) && isRunning(each)));
  if (ready) begin.push(...main.filter(isWaiting));
  if (main.every((each) => isRunning(each) || isDead(each))) begin.push(...poststart.filter(isWaiting));
  return { begin: namesOf(begin), stop: [] };
}

interface Situation {
  readonly ordinary: readonly MemberTask[];
  readonly main: readonly MemberTask[];
  readonly stopping: boolean;
}

function reasonToEnd({ ordinary, main, stopping }: Situation): { readonly why: Happening | undefined } | undefined {
  if (stopping) return { why: undefined };
  const failed = ordinary.find((each) => isDead(each) && each.record.state.Failed);
  if (failed !== undefined) return { why: siblingFailed(failed.task.Name) };
  if (ordinary.some((each) => each.task.Leader && isDead(each))) return { why: leaderDead };
  // One-shot poststart tasks are allowed to finish after main did; sidecars have nothing left to serve.
  const left = ordinary.filter((each) => !isDead(each));
  if (main.every(isDead) && left.every(isSidecar)) return { why: mainsDead };
  return undefined;
}

function hookOf({ task }: MemberTask): string {
  return task.Lifecycle?.Hook ?? "";
}

function isSidecar({ task }: MemberTask): boolean {
  return task.Lifecycle?.Sidecar ?? false;
}

function isDead({ record }: MemberTask): boolean {
  return record.phase.kind === "dead";
}

function isWaiting({ record }: MemberTask): boolean {
  return record.phase.kind === "waiting";
}

function isRewinding({ record: { phase } }: MemberTask): boolean {
  return phase.kind === "stopping" && phase.then === "again";
}

function isRunning({ record }: MemberTask): boolean {
  return record.phase.kind === "running";
}

function namesOf(members: readonly MemberTask[]): string[] {
  return members.map((each) => each.task.Name);
}
