import { nowNs, sleep } from "#base/env/clock.ts";
import { fail, succeed } from "#base/env/errors.ts";
import type { Result } from "#base/env/errors.ts";
import type { CheckStatus } from "#base/protocol/catalog.ts";
import type { Service } from "#base/protocol/service.ts";
import type { Task } from "#base/protocol/task.ts";
import type { ExecRequest, TaskHandle } from "#drivers/driver.ts";
import type { ClientAlloc } from "../../link.ts";
import type { Happening } from "../task/task-event.ts";
import { newTaskRecord } from "../task/task-machine.ts";
import type { TaskRecord } from "../task/task-record.ts";
import { TaskRunner } from "../task/task-runner.ts";
import type { AllocRunnerDeps, SavedTasks } from "./alloc-deps.ts";
import { allocDirOf, buildAllocDir } from "./alloc-dir.ts";
import type { AllocDir } from "./alloc-dir.ts";
import { createAllocHealth } from "./alloc-health.ts";
import type { AllocHealth, HealthVerdict } from "./alloc-health.ts";
import { createAllocServices } from "./alloc-services.ts";
import type { AllocServices } from "./alloc-services.ts";
import type { ExecInTask } from "./script-checks.ts";
import type { ServiceScope } from "./service-definitions.ts";
import { attemptsOf, reportOf } from "./alloc-status.ts";
import { groupOf, isMain, unknownTask } from "./group-tasks.ts";
import { RunnerNetwork } from "./runner-network.ts";
import { planLifecycle } from "./lifecycle-plan.ts";
import type { MemberTask } from "./lifecycle-plan.ts";
import { createRunLimit, type RunLimit } from "./run-limit.ts";
import type { Lookup } from "./interpolate.ts";
import { groupLookup } from "./task-environment.ts";
import { newAttemptId, startScope, surroundTask } from "./task-host.ts";
import type { TaskHost } from "./task-host.ts";
import { environmentOf } from "./task-start.ts";

/** One allocation on its node: its tasks in their order of life, its services, its health, its reports. */
export class AllocRunner {
  readonly tasks: ReadonlyMap<string, TaskRunner>;
  readonly #deps: AllocRunnerDeps;
  readonly #host: TaskHost;
  /** Undefined until there is one: most of a thousand tasks have none. */
  #services: AllocServices | undefined;
  readonly #resumed: boolean;
  #current: ClientAlloc;
  #stopping: boolean;
  #ready = false;
  #groupRegistered = false;
  #verdict: HealthVerdict | null;
  #health: AllocHealth | undefined;
  #limit: RunLimit | undefined;
  /** Undefined: the host's. */
  readonly #network: RunnerNetwork | undefined;
  readonly #atEnd: (() => void)[] = [];
  /** Undefined for most: their identities never expire. */
  #renewals: readonly (() => void)[] | undefined;

  constructor(deps: AllocRunnerDeps, initial: ClientAlloc, saved?: SavedTasks) {
    this.#deps = deps;
    this.#current = initial;
    this.#stopping = initial.alloc.DesiredStatus !== "run";
    this.#verdict = saved?.health ?? null;
    this.#resumed = saved !== undefined;
    this.#network = RunnerNetwork.of(deps, () => this.#current);
    this.#host = {
      deps,
      network: this.#network,
      current: () => this.#current,
      deregister: (name) => this.#deregister(name),
      othersRun: (name) =>
        this.#members().some(({ task, record }) => task.Name !== name && record.phase.kind !== "dead"),
      changed: (task, record, before) => this.#taskChanged(task, record, before),
      resumed: saved !== undefined,
      onLeave: (end) => void (this.#renewals = [...(this.#renewals ?? []), end]),
      isOver: (name) => this.isTerminal() || this.tasks.get(name)?.record().phase.kind === "dead",
      restart: (name, reason) => void this.restart(name, reason),
      signal: (name, signal) => void this.signal(name, signal),
      runner: (name) => this.tasks.get(name),
    };
    const now = nowNs(deps.env.clock);
    this.tasks = new Map(
      (groupOf(initial)?.Tasks ?? []).map((task) => [
        task.Name,
        new TaskRunner(surroundTask(this.#host, task), saved?.tasks[task.Name] ?? newTaskRecord(now)),
      ]),
    );
  }

  get current(): ClientAlloc {
    return this.#current;
  }

  get dir(): AllocDir {
    return allocDirOf(this.#deps.allocsRoot, this.#current.alloc.ID);
  }

  /** Takes up what an earlier agent left, or begins. */
  async start(): Promise<void> {
    if (!this.isTerminal() && !this.#resumed) this.#report();
    // Of what an earlier agent left, too: it may have died before it got so far.
    if (!this.isTerminal()) await buildAllocDir(this.#deps.env.disk, this.dir);
    await this.#network?.recall();
    this.#watchHealth();
    this.#limitRun();
    await Promise.all([...this.tasks.values()].map((runner) => runner.resume()));
    this.#ready = true;
    this.#advance();
    this.#report();
    if (this.isTerminal()) this.#ended();
  }

  update(next: ClientAlloc): void {
    const before = this.#current;
    this.#current = next;
    if (next.alloc.DesiredStatus !== "run") {
      void this.stop();
      return;
    }
    if (before.alloc.DeploymentID !== next.alloc.DeploymentID) {
      this.#health?.close();
      this.#health = undefined;
      this.#verdict = null;
      this.#watchHealth();
    }
    if (before.alloc.JobVersion !== next.alloc.JobVersion) {
      for (const { task, record } of this.#members()) {
        if (record.phase.kind === "running") this.#registerTask(task, record.phase.handle);
      }
      if (this.#groupRegistered) this.#registerGroup();
      this.#limitRun();
    }
    this.#advance();
    // The servers lost sight of it, and this node hears of it: it is in reach again, and says how it fared.
    if (next.alloc.AllocStates?.at(-1)?.Value === "unknown") this.#report();
  }

  serviceStatus(serviceId: string, status: CheckStatus): void {
    this.#services?.status(serviceId, status);
    this.#advance();
  }

  /** Ends all tasks, poststop included. Resolves when nothing runs and the drivers have cleaned up after it. */
  async stop(): Promise<void> {
    await this.#end();
    await this.#cleaned();
  }

  async #cleaned(): Promise<void> {
    await Promise.all([...this.tasks.values()].map((runner) => runner.cleaned()));
    if (!this.isTerminal()) return;
    await this.#network?.release();
    await this.#deps.secrets.release(this.dir.root);
  }

  async #end(): Promise<void> {
    const { alloc } = this.#current;
    if (!this.#stopping) {
      this.#stopping = true;
      this.#health?.close();
      await this.#deregister("");
      const delayMs = alloc.DesiredTransition.NoShutdownDelay ? 0 : (groupOf(this.#current)?.ShutdownDelay ?? 0) / 1e6;
      if (delayMs > 0) await sleep(this.#deps.env.clock, delayMs);
    }
    if (this.isTerminal()) return;
    await new Promise<void>((resolve) => {
      this.#atEnd.push(resolve);
      this.#advance();
    });
  }

  /** It cannot begin: its tasks end with these words. */
  giveUp(why: Happening): void {
    for (const runner of this.tasks.values()) runner.send({ kind: "stop", why });
    if (!this.#ready && this.isTerminal()) this.#ended();
  }

  /** Lets go of everything; the tasks run on. */
  leave(): void {
    for (const end of this.#renewals ?? []) end();
    this.#health?.close();
    this.#limit?.close();
    this.#services?.close();
    for (const runner of this.tasks.values()) runner.leave();
    this.#ready = false;
  }

  /** It is told to end, or was never to run. */
  get stopping(): boolean {
    return this.#stopping;
  }

  /** Its tasks were begun here, or are found again. */
  get isTakenUp(): boolean {
    return this.#ready;
  }

  isTerminal(): boolean {
    return this.#records().every((record) => record.phase.kind === "dead");
  }

  /** Empty name: every running task. What a person asks for does not wait for what the task's policy would. */
  restart(name: string, reason: string, asker: "person" | "agent" = "agent"): Result<void> {
    if (name !== "" && !this.tasks.has(name)) return unknownTask(this.tasks, name);
    const chosen = [...this.tasks].flatMap(([each, runner]) => (name === "" || name === each ? [runner] : []));
    if (chosen.every((runner) => runner.record().phase.kind === "dead"))
      return fail(
        "NOT_RUNNING",
        `${name === "" ? "Allocation" : `Task ${JSON.stringify(name)}`} is not running: it has ended`,
      );
    for (const runner of chosen) runner.send({ kind: "restart", reason, now: asker === "person" });
    return succeed(undefined);
  }

  /** All tasks from the beginning, in their order of life, those that have ended too. */
  restartAll(reason: string): Result<void> {
    if (this.#stopping || this.isTerminal()) return fail("NOT_RUNNING", "Allocation is not running: it has ended");
    const [over, live] = [true, false].map((dead) =>
      [...this.tasks.values()].filter((runner) => (runner.record().phase.kind === "dead") === dead),
    );
    for (const runner of [...(live ?? []), ...(over ?? [])]) runner.send({ kind: "again", reason });
    return succeed(undefined);
  }

  async signal(name: string, signalName: string): Promise<Result<void>> {
    if (name !== "" && !this.tasks.has(name)) return unknownTask(this.tasks, name);
    const chosen = [...this.tasks].flatMap(([each, runner]) => (name === "" || name === each ? [runner] : []));
    const results = await Promise.all(chosen.map((runner) => runner.signal(signalName, "User requested signal")));
    return results.find((result) => !result.ok) ?? succeed(undefined);
  }

  /** Driver ids that are running. */
  attempts(): readonly string[] {
    const own = this.#network?.attempts(this.isTerminal()) ?? [];
    return [...attemptsOf(this.#records(), this.#ready), ...own];
  }

  #records(): TaskRecord[] {
    return [...this.tasks.values()].map((runner) => runner.record());
  }

  #members(): (MemberTask & { readonly task: Task })[] {
    return (groupOf(this.#current)?.Tasks ?? []).flatMap((task) => {
      const runner = this.tasks.get(task.Name);
      return runner === undefined ? [] : [{ task, record: runner.record() }];
    });
  }

  #taskChanged(task: Task, record: TaskRecord, before: TaskRecord): void {
    const { alloc } = this.#current;
    if (record !== before) this.#deps.keepTask(alloc.ID, task.Name, record);
    const ran = before.phase.kind === "running";
    if (record.phase.kind === "running" && (!ran || record === before)) {
      this.#registerTask(task, record.phase.handle);
      this.#deps.rotation.add({ folder: this.dir.logs, task: task.Name, config: task.LogConfig });
    }
    const over = record.phase.kind === "pausing" || record.phase.kind === "dead";
    if (ran && over) void this.#deregister(task.Name);
    if (record.phase.kind === "dead") this.#deps.rotation.remove(this.dir.logs, task.Name);
    this.#advance();
    this.#report();
    if (this.#ready && this.isTerminal()) this.#ended();
  }

  /** Lets the group's order of life decide what begins or ends now. */
  #advance(): void {
    if (!this.#ready) return;
    const members = this.#members();
    const plan = planLifecycle(members, this.#stopping);
    const { ID } = this.#current.alloc;
    for (const name of plan.begin) {
      const task = this.tasks.get(name);
      // Time is up for what comes after, too.
      if (this.#limit?.exceeded === true) task?.send({ kind: "stop", why: undefined });
      else task?.send({ kind: "begin", attempt: newAttemptId(this.#deps, ID, name) });
    }
    for (const { name, why } of plan.stop) this.tasks.get(name)?.send({ kind: "stop", why });
    const mainUp = members.every(({ task, record }) => !isMain(task) || record.phase.kind === "running");
    if (mainUp && !this.#stopping && !this.#groupRegistered) {
      this.#groupRegistered = true;
      this.#registerGroup();
    }
    this.#lookAtHealth(mainUp);
  }

  /** What `${…}` means in what belongs to a task. Undefined: the group no longer has it. */
  taskLookup(task: Task): Lookup | undefined {
    const scope = startScope(this.#host, task);
    if (scope === undefined) return undefined;
    const own = `${this.dir.root}/${task.Name}`;
    const dirs = { allocDir: this.dir.shared, localDir: `${own}/local`, secretsDir: `${own}/secrets` };
    return environmentOf(scope, dirs).lookup;
  }

  #registerTask(task: Task, handle: TaskHandle): void {
    const lookup = task.Services.length === 0 ? undefined : this.taskLookup(task);
    if (lookup === undefined) return;
    this.#register(task.Services, {
      alloc: this.#current.alloc,
      taskName: task.Name,
      lookup,
      nodeAddress: this.#deps.nodeAddress(),
      network: handle.network ?? this.#network?.handle(),
    });
  }

  #registerGroup(): void {
    const { alloc, job } = this.#current;
    const group = groupOf(this.#current);
    if (group === undefined || group.Services.length === 0) return;
    const networks = this.#records().flatMap(({ phase }) =>
      phase.kind === "running" && phase.handle.network !== undefined ? [phase.handle.network] : [],
    );
    this.#register(group.Services, {
      alloc,
      taskName: "",
      lookup: groupLookup({ alloc, job, group, node: this.#deps.node(), region: this.#deps.region }),
      nodeAddress: this.#deps.nodeAddress(),
      network: networks[0] ?? this.#network?.handle(),
    });
  }

  #register(services: readonly Service[], scope: ServiceScope): void {
    const { env, registry } = this.#deps;
    const restart = (name: string, reason: string): void => void this.restart(name, reason);
    const exec: ExecInTask = (name, request) => this.#exec(name, request);
    this.#services ??= createAllocServices({ env, registry, restart, exec });
    this.#services.register(services, scope);
  }

  async #exec(name: string, request: ExecRequest): ReturnType<ExecInTask> {
    const phase = this.tasks.get(name)?.record().phase;
    if (phase?.kind !== "running") return fail("NOT_RUNNING", `task ${JSON.stringify(name)} is not running`);
    const driver = this.#deps.drivers.get(phase.handle.driver);
    return driver === undefined ? unknownTask(this.tasks, name) : driver.exec(phase.handle, request);
  }

  async #deregister(taskName: string): Promise<void> {
    await this.#services?.deregister(taskName);
  }

  #limitRun(): void {
    const { job } = this.#current;
    const limitNs = groupOf(this.#current)?.MaxRunDuration ?? 0;
    if ((job.Type !== "batch" && job.Type !== "sysbatch") || this.isTerminal()) return;
    if (limitNs <= 0 && this.#limit === undefined) return;
    this.#limit ??= createRunLimit(this.#deps.env, () => void this.stop());
    this.#limit.set(
      limitNs,
      this.#records().map(({ state }) => state),
    );
  }

  #watchHealth(): void {
    const { alloc, job } = this.#current;
    if (alloc.DeploymentID === "" && (job.Type !== "service" || alloc.PreviousAllocation === "")) return;
    if (this.#verdict !== null || this.#stopping || this.isTerminal()) return;
    const group = groupOf(this.#current);
    // Outside a deployment it is a drain of the node it came from that waits for it.
    const strategy = alloc.DeploymentID === "" ? (group?.Migrate ?? job.Migrate) : (group?.Update ?? job.Update);
    this.#health = createAllocHealth(this.#deps.env, strategy, (decided, reason) => {
      this.#verdict = decided;
      this.#health = undefined;
      this.#deps.keepHealth(alloc.ID, decided);
      const happening = { Type: "Alloc Unhealthy", DisplayMessage: reason, Message: reason };
      if (reason !== "") for (const runner of this.tasks.values()) runner.send({ kind: "note", happening });
      this.#report();
    });
  }

  #lookAtHealth(tasksUp: boolean): void {
    if (this.#health === undefined) return;
    const states = this.#records().map((record) => record.state);
    const group = groupOf(this.#current);
    const ofTasks = (group?.Tasks ?? []).reduce((sum, task) => sum + task.Services.length, 0);
    const expected = ofTasks + (group?.Services.length ?? 0);
    this.#health.update({
      tasksUp,
      checksPassing: expected === 0 || this.#services?.allPassing(expected) === true,
      failed: states.some((state) => state.State === "dead" && state.Failed),
      lastRestartNs: Math.max(0, ...states.map((state) => state.LastRestart)),
    });
  }

  #report(): void {
    const { alloc } = this.#current;
    const states = Object.fromEntries([...this.tasks].map(([name, runner]) => [name, runner.record().state]));
    const isExpired = this.#limit?.exceeded === true && this.isTerminal();
    const network = this.#network?.status() ?? null;
    const now = nowNs(this.#deps.env.clock);
    this.#deps.report(reportOf(alloc, states, { isExpired, verdict: this.#verdict, network, now }));
  }

  #ended(): void {
    this.#health?.close();
    this.#limit?.close();
    void this.#deregister("");
    for (const done of this.#atEnd.splice(0)) done();
    for (const end of this.#renewals ?? []) end();
    void this.#cleaned();
  }
}
