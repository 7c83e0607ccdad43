import { join, resolve } from "node:path/posix";
import type { Timer } from "#base/env/clock.ts";
import type { Env } from "#base/env/env.ts";
import { assert } from "#base/env/assert.ts";
import { messageOf, type Result } from "#base/env/errors.ts";
import type { AgentConfig } from "#base/language/agent-config/config.ts";
import type { TaskCheck } from "#base/protocol/catalog.ts";
import type { Alloc } from "#base/protocol/alloc.ts";
import type { Node } from "#base/protocol/node.ts";
import type { Driver } from "#drivers/driver.ts";
import type { ClientAlloc, ServerLink } from "../link.ts";
import { watchAllocs } from "./alloc-watch.ts";
import type { AllocWatch } from "./alloc-watch.ts";
import type { AllocRunnerDeps } from "./alloc/alloc-deps.ts";
import { AllocRunner } from "./alloc/alloc-runner.ts";
import { allocOfService, SERVICE_ID_PREFIX } from "./alloc/service-definitions.ts";
import { surplusDirs } from "./alloc-gc.ts";
import { openClientState } from "./client-state.ts";
import type { ClientState } from "./client-state.ts";
import { askDrivers } from "./fingerprint/drivers.ts";
import { fingerprintNode } from "./fingerprint/fingerprint.ts";
import { loadIdentity } from "./fingerprint/node-identity.ts";
import { createLogRotation } from "./logs/log-rotation.ts";
import type { LogRotation } from "./logs/log-rotation.ts";
import { stopWhenLonely, type LonelyStop } from "./lonely-stop.ts";
import { NodeMetadata, type DynamicMeta } from "./node-metadata.ts";
import { keepRegistered } from "./registration.ts";
import type { Registration } from "./registration.ts";
import { createReportOutbox } from "./report-outbox.ts";
import type { ReportOutbox } from "./report-outbox.ts";
import type { ServiceRegistry } from "./service-registry.ts";
import type { TemplateAccess } from "./templates/template-access.ts";

export interface SchedulerClientDeps {
  readonly env: Env;
  readonly link: ServerLink;
  readonly drivers: readonly Driver[];
  readonly registry: ServiceRegistry;
  /** How templates of tasks reach the cluster; undefined: jobs with templates are refused. */
  readonly templates?: TemplateAccess;
  readonly config: AgentConfig;
  /** Holds `client/` (identity, state) and `alloc/` (folders of allocations). Absolute. */
  readonly dataDir: string;
  /** Where other machines reach this agent's HTTP API: `host:port`. */
  readonly httpAddress: string;
  readonly version: string;
  /** What becomes of the tasks when this client stops: `leave` lets them run for the next agent to find. */
  readonly onStop: "leave" | "stop";
}

/** How often drivers are asked whether they are well; a driver that changed is told to the servers. */
const DRIVER_EVERY_MS = 30_000;
/** While one that was there is ill, so that its return is noticed soon. */
const ILL_DRIVER_EVERY_MS = 5_000;
const SWEEP_EVERY_MS = 300_000;

/** Runs on its node what the servers decided. Nothing is lost when the agent dies: `start` takes up what is there. */
export class SchedulerClient {
  readonly #deps: SchedulerClientDeps;
  readonly #allocsRoot: string;
  readonly #runners = new Map<string, AllocRunner>();
  readonly #drivers: ReadonlyMap<string, Driver>;
  readonly #rotation: LogRotation;
  readonly #outbox: ReportOutbox;
  readonly #timers = new Map<string, Timer>();
  #node: Node | undefined;
  #state: ClientState | undefined;
  #metadata: NodeMetadata | undefined;
  #shared: AllocRunnerDeps | undefined;
  #registration: Registration | undefined;
  #lonely: LonelyStop | undefined;
  #watch: AllocWatch | undefined;
  #endStatus: () => void = () => {};
  #stopped = false;

  constructor(deps: SchedulerClientDeps) {
    this.#deps = deps;
    const { allocDir } = deps.config.client;
    this.#allocsRoot = allocDir === "" ? join(deps.dataDir, "alloc") : resolve(allocDir);
    this.#drivers = new Map(deps.drivers.map((driver) => [driver.name, driver]));
    this.#rotation = createLogRotation(deps.env);
    this.#outbox = createReportOutbox(deps.env, deps.link);
  }

  /** Resolves when the tasks of the agent before are taken up; registering goes on until a server answers. */
  async start(): Promise<void> {
    const { env, registry, dataDir, config } = this.#deps;
    const stateDir = config.client.stateDir === "" ? join(dataDir, "client") : config.client.stateDir;
    await env.disk.makeDir(stateDir, { mode: 0o700 });
    await env.disk.makeDir(this.#allocsRoot, { mode: 0o711 });
    const identity = await loadIdentity(env, stateDir);
    const bare = await fingerprintNode(env, { ...this.#deps, identity, allocsRoot: this.#allocsRoot });
    this.#metadata = await NodeMetadata.open(env, join(stateDir, "metadata.json"), config.client.meta);
    const described = { ...bare, Meta: this.#metadata.merged() };
    this.#node = withDrivers(described, await askDrivers(env, this.#deps.drivers, {}));
    this.#state = await openClientState(env, join(stateDir, "state.jsonl"));
    this.#endStatus = registry.onStatus((id, status) =>
      this.#runners.get(allocOfService(id))?.serviceStatus(id, status),
    );
    await this.#takeUp(this.#state);
    this.#lonely = stopWhenLonely(env, () => this.#runners.values());
    this.#registration = keepRegistered(env, this.#deps.link, { node: () => this.node(), contact: this.#lonely });
    this.#watch = watchAllocs(env, this.#deps.link, {
      nodeId: identity.nodeId,
      ready: this.#registration.registered,
      apply: (allocs) => this.#apply(allocs),
    });
    this.#every(
      "drivers",
      () => this.#driverPauseMs(),
      () => this.#askDrivers(),
    );
    this.#every(
      "sweep",
      () => SWEEP_EVERY_MS,
      () => this.#sweep(),
    );
  }

  async stop(): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#watch?.close();
    this.#registration?.close();
    this.#lonely?.close();
    for (const timer of this.#timers.values()) timer.cancel();
    if (this.#deps.onStop === "stop") await Promise.all([...this.#runners.values()].map((runner) => runner.stop()));
    for (const runner of this.#runners.values()) runner.leave();
    this.#endStatus();
    this.#rotation.close();
    await this.#outbox.close();
    await this.#state?.close();
    for (const driver of this.#deps.drivers) await driver.close?.();
  }

  /** What this node last said of itself. Only after `start`. */
  node(): Node {
    if (this.#node === undefined) throw new Error("the scheduler client was asked for its node before it started");
    return this.#node;
  }

  /** What this node says of itself beside what it measures. Only after `start`. */
  metadata(): NodeMetadata {
    assert(this.#metadata !== undefined, "the scheduler client was asked for its metadata before it started");
    return this.#metadata;
  }

  /** Kept over restarts; the servers hear of it at once. */
  async updateMetadata(changes: DynamicMeta): Promise<Result<void>> {
    const done = await this.metadata().update(changes);
    if (!done.ok) return done;
    this.#node = { ...this.node(), Meta: this.metadata().merged() };
    this.#registration?.changed();
    return done;
  }

  runner(allocId: string): AllocRunner | undefined {
    return this.#runners.get(allocId);
  }

  runners(): ReadonlyMap<string, AllocRunner> {
    return this.#runners;
  }

  get allocsRoot(): string {
    return this.#allocsRoot;
  }

  /** Where the checks of an allocation's services stand. */
  checksOf(allocId: string): readonly TaskCheck[] {
    return this.#deps.registry.checks(`${SERVICE_ID_PREFIX}${allocId}-`);
  }

  driver(name: string): Driver | undefined {
    return this.#drivers.get(name);
  }

  /** Removes the folders of ended allocations now, whatever the limits. */
  async collectGarbage(): Promise<void> {
    for (const runner of this.#runners.values()) {
      if (runner.isTerminal()) await this.#deps.env.disk.remove(runner.dir.root);
    }
  }

  async #takeUp(state: ClientState): Promise<void> {
    for (const [id, { current, tasks, health }] of state.saved) {
      this.#runners.set(id, new AllocRunner(this.#runnerDeps(state), current, { tasks, health }));
    }
    // Before anything starts: what runs and is in no record ends here, so that no task runs twice.
    await this.#sweep();
    await Promise.all([...this.#runners.values()].map((runner) => runner.start()));
    for (const id of this.#deps.registry.registered(SERVICE_ID_PREFIX)) {
      if (!this.#runners.has(allocOfService(id))) await this.#deps.registry.deregister(id);
    }
  }

  /** One value for all of them: a node may run a thousand. */
  #runnerDeps(state: ClientState): AllocRunnerDeps {
    const { env, registry, config, link, templates } = this.#deps;
    this.#shared ??= {
      artifacts: config.client.artifact,
      templates: templates === undefined ? undefined : { access: templates, settings: config.client.template },
      env,
      signIdentities: link.signIdentities,
      registry,
      drivers: this.#drivers,
      rotation: this.#rotation,
      allocsRoot: this.#allocsRoot,
      region: config.region,
      maxKillTimeoutMs: config.client.maxKillTimeoutMs,
      node: () => this.node(),
      nodeAddress: () => this.node().Attributes["unique.network.ip-address"] ?? "127.0.0.1",
      report: (report) => this.#outbox.put(report),
      keepTask: (id, task, record) => {
        state.keepTask(id, task, record);
        if (record.phase.kind === "dead") this.#collectSoon();
      },
      keepHealth: (id, health) => state.keepHealth(id, health),
    };
    return this.#shared;
  }

  /** Makes this node run what the list says: no more, no less. */
  #apply(allocs: readonly ClientAlloc[]): void {
    const state = this.#state;
    if (state === undefined || this.#stopped) return;
    const wanted = new Set(allocs.map(({ alloc }) => alloc.ID));
    for (const next of allocs) {
      const runner = this.#runners.get(next.alloc.ID);
      if (runner === undefined) {
        if (next.ended !== true) this.#begin(state, next);
      } else if (next.ended === true && !runner.isTerminal()) void runner.stop();
      else if (runner.current.modifyIndex !== next.modifyIndex) {
        state.keepAlloc(next);
        runner.update(next);
      }
    }
    for (const [id, runner] of this.#runners) if (!wanted.has(id)) void this.#forget(state, id, runner);
  }

  #begin(state: ClientState, next: ClientAlloc): void {
    state.keepAlloc(next);
    const runner = new AllocRunner(this.#runnerDeps(state), next);
    this.#runners.set(next.alloc.ID, runner);
    this.#startAfter(next.alloc, runner).catch((thrown: unknown) => {
      this.#deps.env.log.error("cannot start an allocation", { alloc: next.alloc.ID, error: messageOf(thrown) });
      for (const task of runner.tasks.values()) {
        const message = messageOf(thrown);
        task.send({
          kind: "stop",
          why: { Type: "Setup Failure", DisplayMessage: message, Message: message, FailsTask: true },
        });
      }
    });
  }

  /** What it replaces on this node, or takes the place of, may still hold its ports and memory: that ends first. */
  async #startAfter({ PreviousAllocation, PreemptedAllocations }: Alloc, runner: AllocRunner): Promise<void> {
    const before = [PreviousAllocation, ...(PreemptedAllocations ?? [])].flatMap((id) => this.#runners.get(id) ?? []);
    await Promise.all(before.filter((each) => !each.isTerminal()).map((each) => each.stop()));
    await runner.start();
  }

  /** The servers collected it: nothing of it may stay. */
  async #forget(state: ClientState, id: string, runner: AllocRunner): Promise<void> {
    this.#runners.delete(id);
    await runner.stop();
    runner.leave();
    state.forget(id);
    await this.#deps.env.disk.remove(runner.dir.root).catch((thrown: unknown) => {
      this.#deps.env.log.warn("cannot remove an allocation's folder", { alloc: id, error: messageOf(thrown) });
    });
  }

  async #askDrivers(): Promise<void> {
    const node = this.node();
    const drivers = await askDrivers(this.#deps.env, this.#deps.drivers, node.Drivers);
    if (Object.keys(drivers).every((name) => drivers[name] === node.Drivers[name])) return;
    this.#node = withDrivers(node, drivers);
    this.#registration?.changed();
  }

  async #sweep(): Promise<void> {
    const keep = new Set([...this.#runners.values()].flatMap((runner) => runner.attempts()));
    for (const driver of this.#deps.drivers) {
      try {
        await driver.sweep?.({ allocsRoot: this.#allocsRoot, keep });
      } catch (thrown) {
        this.#deps.env.log.warn("cannot sweep up after earlier tasks", {
          driver: driver.name,
          error: messageOf(thrown),
        });
      }
    }
  }

  #collectSoon(): void {
    if (this.#timers.has("gc") || this.#stopped) return;
    this.#timers.set(
      "gc",
      this.#deps.env.clock.after(this.#deps.config.client.gcIntervalMs, () => void this.#collect()),
    );
  }

  async #collect(): Promise<void> {
    this.#timers.delete("gc");
    const { env, config } = this.#deps;
    const { gcMaxAllocs: maxAllocs, gcDiskUsageThreshold: maxDiskPercent } = config.client;
    try {
      for (const dir of await surplusDirs(env, {
        root: this.#allocsRoot,
        runners: this.#runners,
        maxAllocs,
        maxDiskPercent,
      })) {
        await env.disk.remove(dir);
      }
    } catch (thrown) {
      env.log.warn("cannot remove the folders of ended allocations", { error: messageOf(thrown) });
    }
  }

  #driverPauseMs(): number {
    const ill = Object.values(this.node().Drivers).some(({ Detected, Healthy }) => Detected && !Healthy);
    return ill ? ILL_DRIVER_EVERY_MS : DRIVER_EVERY_MS;
  }

  #every(name: string, pauseMs: () => number, work: () => Promise<void>): void {
    const { env } = this.#deps;
    const again = (): void => {
      if (this.#stopped) return;
      this.#timers.set(name, env.clock.after(pauseMs(), run));
    };
    const run = (): void => {
      void work()
        .catch((thrown: unknown) => env.log.warn(`cannot ask the ${name}`, { error: messageOf(thrown) }))
        .then(again);
    };
    again();
  }
}

export function createSchedulerClient(deps: SchedulerClientDeps): SchedulerClient {
  return new SchedulerClient(deps);
}

/** Drivers' attributes stand among the node's, as constraints read them. */
function withDrivers(node: Node, drivers: Node["Drivers"]): Node {
  const kept = Object.entries(node.Attributes).filter(([name]) => !name.startsWith("driver."));
  const added = Object.values(drivers).flatMap((info) =>
    info.Detected && info.Healthy ? Object.entries(info.Attributes) : [],
  );
  return { ...node, Drivers: drivers, Attributes: Object.fromEntries([...kept, ...added]) };
}
