import { sleep } from "#base/env/clock.ts";
import type { Env } from "#base/env/env.ts";
import { messageOf, type Result } from "#base/env/errors.ts";
import type { Task } from "#base/protocol/task.ts";
import type { Driver, StartFailure, TaskStart } from "#drivers/driver.ts";
import type { ClientAlloc } from "../../link.ts";
import { completePolicy } from "../task/restart-policy.ts";
import type { TaskRecord } from "../task/task-record.ts";
import type { TaskContext } from "../task/task-machine.ts";
import { downloadingArtifacts, waitingForShutdown, type Happening } from "../task/task-event.ts";
import type { StartWatch, TaskRunner, TaskSurroundings } from "../task/task-runner.ts";
import { HostedTemplates } from "../templates/hosted-templates.ts";
import { allocDirOf, taskFolders } from "./alloc-dir.ts";
import type { AllocRunnerDeps } from "./alloc-deps.ts";
import { groupOf, killTimeoutMs, restartsOnSuccess } from "./group-tasks.ts";
import type { RunnerNetwork } from "./runner-network.ts";
import { keptVariables } from "./kept-identities.ts";
import { missingDriver } from "./missing-driver.ts";
import { keepIdentities, shownIdentities, type Renewal } from "./task-identity.ts";
import { takenPorts } from "./taken-ports.ts";
import { environmentOf, prepareStart } from "./task-start.ts";
import type { RenderScope } from "../templates/hosted-templates.ts";
import type { StartScope } from "./task-start.ts";

export interface TaskHost {
  readonly deps: AllocRunnerDeps;
  /** Undefined: its tasks use the host's. */
  readonly network: RunnerNetwork | undefined;
  current(): ClientAlloc;
  deregister(taskName: string): Promise<void>;
  /** Whether another task of the allocation may be listening on its ports. */
  othersRun(taskName: string): boolean;
  changed(task: Task, record: TaskRecord, before: TaskRecord): void;
  /** An earlier agent began it. */
  readonly resumed: boolean;
  /** Calls `end` when nothing of the allocation runs any more, or the agent leaves it. */
  onLeave(end: () => void): void;
  isOver(taskName: string): boolean;
  restart(taskName: string, reason: string): void;
  signal(taskName: string, signal: string): void;
  runner(taskName: string): TaskRunner | undefined;
}

export function newAttemptId(deps: AllocRunnerDeps, allocId: string, task: string): string {
  return `${allocId}/${task}/${deps.env.random.uuid().slice(0, 8)}`;
}

/** What one task of an allocation is surrounded by; the specification is looked up anew each time, as updates may change it. */
export function surroundTask(host: TaskHost, initial: Task): TaskSurroundings {
  return new HostedTask(host, initial);
}

/** A class, so that a thousand tasks share its functions. */
class HostedTask implements TaskSurroundings {
  readonly env: Env;
  readonly driver: Driver;
  readonly #host: TaskHost;
  readonly #initial: Task;
  /** Undefined until there is a template: most tasks have none. */
  #templates: HostedTemplates | undefined;

  constructor(host: TaskHost, initial: Task) {
    this.env = host.deps.env;
    this.driver = driverFor(host.deps, initial);
    this.#host = host;
    this.#initial = initial;
    if (shownIdentities(initial).some(({ TTL }) => TTL > 0)) {
      const kept = keepIdentities(this.env, initial, this.#renewal());
      host.onLeave(() => kept.stop());
    }
  }

  context(): Omit<TaskContext, "nowNs" | "random"> {
    const { deps } = this.#host;
    const current = this.#host.current();
    const task = this.#task();
    const policy = task.RestartPolicy ?? groupOf(current)?.RestartPolicy ?? null;
    return {
      policy: completePolicy(policy, current.job.Type),
      restartOnSuccess: restartsOnSuccess(task, current.job.Type),
      killTimeoutMs: killTimeoutMs(task, deps.maxKillTimeoutMs),
    };
  }

  newAttempt(): string {
    return newAttemptId(this.#host.deps, this.#host.current().alloc.ID, this.#initial.Name);
  }

  async prepare(
    attempt: string,
    { signal }: Pick<StartWatch, "signal">,
  ): Promise<Result<Omit<TaskStart, "signal" | "onEvent">, StartFailure>> {
    const network = await this.#host.network?.ready();
    if (network?.ok === false) return network;
    const scope = startScope(this.#host, this.#task());
    if (scope !== undefined) {
      const onFetch = (): void => this.#note(downloadingArtifacts);
      const artifacts = { limits: this.#host.deps.artifacts, signal, onFetch };
      return prepareStart(this.env, attempt, { ...scope, artifacts, render: (what) => this.#render(what, signal) });
    }
    const message = `the job has no group ${JSON.stringify(this.#host.current().alloc.TaskGroup)}`;
    return { ok: false, error: { code: "SETUP", message, recoverable: false } };
  }

  #note(happening: Happening): void {
    this.#host.runner(this.#initial.Name)?.send({ kind: "note", happening });
  }

  #renewal(): Renewal {
    const { deps } = this.#host;
    const name = this.#initial.Name;
    return {
      isLate: this.#host.resumed,
      scope: () => {
        if (this.#host.isOver(name)) return undefined;
        const allocId = this.#host.current().alloc.ID;
        const taskDir = `${allocDirOf(deps.allocsRoot, allocId).root}/${name}`;
        const sign = deps.signIdentities;
        return { env: this.env, sign, nodeId: deps.node().ID, allocId, task: this.#task(), taskDir };
      },
      restart: (reason) => this.#host.restart(name, reason),
      signal: (signal) => this.#host.signal(name, signal),
    };
  }

  killSignal(): string {
    return this.#task().KillSignal;
  }

  async beforeStop(): Promise<void> {
    await this.#host.deregister(this.#initial.Name);
    const { NoShutdownDelay } = this.#host.current().alloc.DesiredTransition;
    const delayMs = NoShutdownDelay ? 0 : this.#task().ShutdownDelay / 1e6;
    if (delayMs <= 0) return;
    this.#note(waitingForShutdown(delayMs));
    await sleep(this.env.clock, delayMs);
  }

  async explain(): Promise<readonly Happening[]> {
    if (this.#host.othersRun(this.#initial.Name)) return [];
    return takenPorts(this.env, this.#host.current().alloc.AllocatedResources.Shared.Ports);
  }

  changed(record: TaskRecord, before: TaskRecord): void {
    if (record.phase.kind === "dead") this.#letGo();
    // Taken up from an agent before: its templates are followed again.
    if (record.phase.kind === "running" && record === before) this.#followAgain();
    this.#host.changed(this.#task(), record, before);
  }

  leave(): void {
    this.#letGo();
  }

  /** Started once more, it gets its templates anew. */
  #letGo(): void {
    void this.#templates?.stop();
    this.#templates = undefined;
  }

  async #render(what: RenderScope, signal: AbortSignal): ReturnType<HostedTemplates["render"]> {
    const { templates } = this.#host.deps;
    if (!needsRendering(what.scope.task)) return { ok: true, value: {} };
    if (templates === undefined) {
      const message = "template blocks need an agent that serves the cluster's APIs";
      return { ok: false, error: { code: "UNSUPPORTED", message, recoverable: false } };
    }
    this.#templates ??= new HostedTemplates({
      env: this.env,
      driver: this.driver,
      ...templates,
      runner: () => this.#host.runner(this.#initial.Name),
    });
    return this.#templates.render(what, signal);
  }

  #followAgain(): void {
    const scope = startScope(this.#host, this.#task());
    if (scope === undefined || !needsRendering(scope.task) || this.#templates !== undefined) return;
    const warn = (error: string): void => this.env.log.warn("cannot follow a task's templates", { error });
    this.#renderAgain(scope).then(
      (rendered) => rendered.ok || warn(rendered.error.message),
      (thrown: unknown) => warn(messageOf(thrown)),
    );
  }

  async #renderAgain(scope: StartScope): ReturnType<HostedTemplates["render"]> {
    const paths = taskFolders(scope.dir, scope.task.Name);
    const { env, lookup } = environmentOf(scope, paths);
    const environment = { env: { ...env, ...(await keptVariables(this.env.disk, paths.taskDir)) }, lookup };
    const what = { scope, allocRoot: scope.dir.root, paths, environment, resumed: true };
    return this.#render(what, new AbortController().signal);
  }

  #task(): Task {
    return groupOf(this.#host.current())?.Tasks.find((each) => each.Name === this.#initial.Name) ?? this.#initial;
  }
}

/** A login is rendered, too: into the environment and a file. */
function needsRendering({ Templates, Vault }: Task): boolean {
  return Templates.length > 0 || Vault !== null;
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
    network: host.network?.network,
    dir: allocDirOf(deps.allocsRoot, alloc.ID),
    secrets: deps.secrets,
    driver: driverFor(deps, task),
    devices: deps.devices.reserve(alloc.AllocatedResources.Tasks[task.Name]?.Devices ?? []),
    killTimeoutMs: killTimeoutMs(task, deps.maxKillTimeoutMs),
    signIdentities: deps.signIdentities,
  };
}

function driverFor(deps: AllocRunnerDeps, task: Task): Driver {
  return deps.drivers.get(task.Driver) ?? missingDriver(task.Driver, [...deps.drivers.keys()]);
}
