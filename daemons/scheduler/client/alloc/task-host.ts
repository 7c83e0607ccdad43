import { sleep } from "#base/env/clock.ts";
import type { Task } from "#base/protocol/task.ts";
import type { Driver } from "#drivers/driver.ts";
import type { ClientAlloc } from "../../link.ts";
import { completePolicy } from "../task/restart-policy.ts";
import type { TaskRecord } from "../task/task-record.ts";
import type { TaskSurroundings } from "../task/task-runner.ts";
import { allocDirOf } from "./alloc-dir.ts";
import type { AllocRunnerDeps } from "./alloc-deps.ts";
import { groupOf, killTimeoutMs, restartsOnSuccess } from "./group-tasks.ts";
import { missingDriver } from "./missing-driver.ts";
import { prepareStart } from "./task-start.ts";
import type { StartScope } from "./task-start.ts";

export interface TaskHost {
  readonly deps: AllocRunnerDeps;
  current(): ClientAlloc;
  deregister(taskName: string): Promise<void>;
  changed(task: Task, record: TaskRecord, before: TaskRecord): void;
}

export function newAttemptId(deps: AllocRunnerDeps, allocId: string, task: string): string {
  return `${allocId}/${task}/${deps.env.random.uuid().slice(0, 8)}`;
}

/** What one task of an allocation is surrounded by; the specification is looked up anew each time, as updates may change it. */
export function surroundTask(host: TaskHost, initial: Task): TaskSurroundings {
  const { deps } = host;
  const task = (): Task => groupOf(host.current())?.Tasks.find((each) => each.Name === initial.Name) ?? initial;
  const driver = driverFor(deps, initial);
  const timeout = (): number => killTimeoutMs(task(), deps.maxKillTimeoutMs);
  return {
    env: deps.env,
    driver,
    context: () => {
      const { job } = host.current();
      return {
        policy: completePolicy(task().RestartPolicy ?? groupOf(host.current())?.RestartPolicy ?? null, job.Type),
        restartOnSuccess: restartsOnSuccess(task(), job.Type),
        killTimeoutMs: timeout(),
      };
    },
    newAttempt: () => newAttemptId(deps, host.current().alloc.ID, initial.Name),
    async prepare(attempt) {
      const scope = startScope(host, task());
      if (scope !== undefined) return prepareStart(deps.env, attempt, scope);
      const message = `the job has no group ${JSON.stringify(host.current().alloc.TaskGroup)}`;
      return { ok: false, error: { code: "SETUP", message, recoverable: false } };
    },
    killSignal: () => task().KillSignal,
    async beforeStop() {
      await host.deregister(initial.Name);
      const delayMs = host.current().alloc.DesiredTransition.NoShutdownDelay ? 0 : task().ShutdownDelay / 1e6;
      if (delayMs > 0) await sleep(deps.env.clock, delayMs);
    },
    changed: (record, before) => host.changed(task(), record, before),
  };
}

export function startScope(host: TaskHost, task: Task): StartScope | undefined {
  const { deps } = host;
  const current = host.current();
  const { alloc, job } = current;
  const group = groupOf(current);
  if (group === undefined) return undefined;
  return {
    alloc,
    job,
    group,
    task,
    node: deps.node(),
    region: deps.region,
    dir: allocDirOf(deps.allocsRoot, alloc.ID),
    driver: driverFor(deps, task),
    killTimeoutMs: killTimeoutMs(task, deps.maxKillTimeoutMs),
  };
}

function driverFor(deps: AllocRunnerDeps, task: Task): Driver {
  return deps.drivers.get(task.Driver) ?? missingDriver(task.Driver, [...deps.drivers.keys()]);
}
