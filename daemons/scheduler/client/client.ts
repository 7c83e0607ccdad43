import type { AllocNetworks } from "./network/alloc-networks.ts";
import { createNetworks } from "./network/create-networks.ts";
import { join, resolve } from "node:path/posix";
import { assert } from "#base/env/assert.ts";
import { messageOf, type Result } from "#base/env/errors.ts";
import type { TaskCheck } from "#base/protocol/catalog.ts";
import type { Node } from "#base/protocol/node.ts";
import type { Driver } from "#drivers/driver.ts";
import type { ClientAlloc } from "../link.ts";
import { watchAllocs } from "./alloc-watch.ts";
import type { AllocWatch } from "./alloc-watch.ts";
import type { AllocRunnerDeps } from "./alloc/alloc-deps.ts";
import { AllocRunner } from "./alloc/alloc-runner.ts";
import { allocOfService, SERVICE_ID_PREFIX } from "./alloc/service-definitions.ts";
import { collectSurplus } from "./alloc-gc.ts";
import { readKeptDisk } from "./disk/kept-disk.ts";
import { isUnbuilt, startAfter, type Predecessors } from "./disk/previous-disk.ts";
import { SecretsMounts } from "./disk/secrets-mounts.ts";
import { openClientState } from "./client-state.ts";
import type { ClientState } from "./client-state.ts";
import { DEVICE_EVERY_MS, DeviceWatch } from "./devices/device-watch.ts";
import type { SchedulerClientDeps } from "./client-deps.ts";
import { askDrivers, sweepDrivers } from "./fingerprint/drivers.ts";
import { withDevices, withDrivers } from "./fingerprint/described-node.ts";
import { fingerprintNode } from "./fingerprint/fingerprint.ts";
import { inventoryPlace } from "./fingerprint/inventory.ts";
import { MachineWatch } from "./fingerprint/machine-watch.ts";
import { loadIdentity } from "./fingerprint/node-identity.ts";
import { createLogRotation } from "./logs/log-rotation.ts";
import type { LogRotation } from "./logs/log-rotation.ts";
import { stopWhenLonely, type LonelyStop } from "./lonely-stop.ts";
import { NodeMetadata, type DynamicMeta } from "./node-metadata.ts";
import { NodeToken } from "./node-token.ts";
import { keepRegistered } from "./registration.ts";
import type { Registration } from "./registration.ts";
import { createReportOutbox } from "./report-outbox.ts";
import type { ReportOutbox } from "./report-outbox.ts";
import { Rounds } from "./rounds.ts";
import type { HostVolumes } from "./volumes/host-volumes.ts";
import { openVolumes, withVolumes } from "./volumes/node-volumes.ts";

/** How often drivers are asked whether they are well; a driver that changed is told to the servers. */
const DRIVER_EVERY_MS = 30_000;
/** While one that was there is ill, so that its return is noticed soon. */
const ILL_DRIVER_EVERY_MS = 5_000;
/** How often the machine's addresses, links, cores and networks are looked at. */
const MACHINE_EVERY_MS = 5_000;
const SWEEP_EVERY_MS = 300_000;

/** Runs on its node what the servers decided. Nothing is lost when the agent dies: `start` takes up what is there. */
export class SchedulerClient {
  readonly #deps: SchedulerClientDeps;
  readonly #allocsRoot: string;
  readonly #runners = new Map<string, AllocRunner>();
  readonly #drivers: ReadonlyMap<string, Driver>;
  readonly #rotation: LogRotation;
  readonly #networks: AllocNetworks;
  readonly #devices: DeviceWatch;
  readonly #outbox: ReportOutbox;
  readonly #rounds: Rounds;
  #node: Node | undefined;
  #state: ClientState | undefined;
  #metadata: NodeMetadata | undefined;
  #token: NodeToken | undefined;
  #volumes: HostVolumes | undefined;
  #machine: MachineWatch | undefined;
  #shared: AllocRunnerDeps | undefined;
  #registration: Registration | undefined;
  #lonely: LonelyStop | undefined;
  #watch: AllocWatch | undefined;
  #secrets: SecretsMounts | undefined;
  readonly #leaving = new AbortController();
  #endStatus: () => void = () => {};
  #stopped = false;

  constructor(deps: SchedulerClientDeps) {
    this.#deps = deps;
    const { allocDir } = deps.config.client;
    this.#allocsRoot = allocDir === "" ? join(deps.dataDir, "alloc") : resolve(allocDir);
    this.#drivers = new Map(deps.drivers.map((driver) => [driver.name, driver]));
    this.#rotation = createLogRotation(deps.env);
    this.#networks = createNetworks(deps.env, deps.config.client, this.#allocsRoot);
    this.#devices = new DeviceWatch(deps.env, deps.devices ?? [], this.#runners);
    this.#rounds = new Rounds(deps.env);
    this.#outbox = createReportOutbox(deps.env, deps.link);
  }

  get devices(): DeviceWatch["inventory"] {
    return this.#devices.inventory;
  }

  /** Resolves when the tasks of the agent before are taken up; registering goes on until a server answers. */
  async start(): Promise<void> {
    const { env, registry, dataDir, config } = this.#deps;
    const stateDir = config.client.stateDir === "" ? join(dataDir, "client") : config.client.stateDir;
    await env.disk.makeDir(stateDir, { mode: 0o700 });
    await env.disk.makeDir(this.#allocsRoot, { mode: 0o711 });
    const identity = await loadIdentity(env, stateDir);
    const inventory = inventoryPlace(this.#deps, stateDir);
    const inputs = { ...this.#deps, identity, allocsRoot: this.#allocsRoot, inventory };
    // Most of it is waiting: for programs, engines and disks.
    const [bare, drivers, found, state] = await Promise.all([
      fingerprintNode(env, inputs),
      askDrivers(env, this.#deps.drivers, {}),
      this.#devices.look(),
      openClientState(env, join(stateDir, "state.jsonl")),
    ]);
    this.#state = state;
    this.#machine = await MachineWatch.open(env, inputs, bare);
    this.#metadata = await NodeMetadata.open(env, join(stateDir, "metadata.json"), config.client.meta);
    this.#volumes = await openVolumes(this.#deps, stateDir, () => this.#volumesChanged());
    const described = withDevices({ ...bare, Meta: this.#metadata.merged() }, found);
    this.#node = withVolumes(withDrivers(described, drivers), config.client, this.#volumes);
    this.#secrets = await SecretsMounts.open(env, this.#allocsRoot);
    this.#endStatus = registry.onStatus((id, status) =>
      this.#runners.get(allocOfService(id))?.serviceStatus(id, status),
    );
    await this.#takeUp(state);
    this.#lonely = stopWhenLonely(env, () => this.#runners.values());
    this.#token = await NodeToken.open(env, stateDir, this.#deps.introduction ?? "");
    this.#registration = keepRegistered(env, this.#deps.link, {
      node: () => this.node(),
      token: this.#token,
      contact: this.#lonely,
    });
    this.#watch = watchAllocs(env, this.#deps.link, {
      nodeId: identity.nodeId,
      ready: this.#registration.registered,
      apply: ({ allocs, volumes }) => {
        if (volumes !== undefined) this.#volumes?.apply(volumes);
        this.#apply(allocs);
      },
    });
    this.#beginRounds();
  }

  #beginRounds(): void {
    const looks: readonly [string, () => number, () => Promise<void>][] = [
      ["drivers", () => this.#driverPauseMs(), () => this.#askDrivers()],
      ["devices", () => DEVICE_EVERY_MS, () => this.#lookAtDevices()],
      ["machine", () => MACHINE_EVERY_MS, () => this.#lookAtMachine()],
      ["sweep", () => SWEEP_EVERY_MS, () => this.#sweep()],
    ];
    for (const [name, pauseMs, look] of looks) this.#rounds.every(name, pauseMs, look);
  }

  async stop(): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#watch?.close();
    this.#registration?.close();
    await this.#token?.close();
    this.#lonely?.close();
    this.#rounds.close();
    const { onStop } = this.#deps;
    // Told before they are let go on: one that waits for what it replaces has to know that it only ends.
    const ended = onStop === "stop" ? [...this.#runners.values()].map((runner) => runner.stop()) : [];
    this.#leaving.abort();
    await Promise.all(ended);
    for (const runner of this.#runners.values()) runner.leave();
    this.#endStatus();
    this.#volumes?.close();
    this.#rotation.close();
    await this.#outbox.close();
    await this.#state?.close();
    for (const driver of this.#deps.drivers) await driver.close?.();
  }

  /** Whether it knows what this node is. */
  get isStarted(): boolean {
    return this.#node !== undefined;
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

  /** Who the servers say that this node is. Only after `start`. */
  token(): NodeToken {
    assert(this.#token !== undefined, "the scheduler client was asked for its identity before it started");
    return this.#token;
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
      if (runner.isTerminal()) await this.removeFolder(runner);
    }
  }

  async removeFolder({ dir }: Pick<AllocRunner, "dir">): Promise<void> {
    await this.#secrets?.remove(dir.root);
  }

  /** What an allocation that has ended hands on, as a tar archive; undefined: there is none of that name. */
  keptDisk(allocId: string): AsyncIterable<Uint8Array> | undefined {
    const runner = this.#runners.get(allocId);
    return runner?.isTerminal() === true ? readKeptDisk(this.#deps.env.disk, runner) : undefined;
  }

  #volumesChanged(): void {
    if (this.#node === undefined || this.#volumes === undefined) return;
    this.#node = withVolumes(this.#node, this.#deps.config.client, this.#volumes);
    this.#registration?.changed();
  }

  async #takeUp(state: ClientState): Promise<void> {
    for (const [id, { current, tasks, health }] of state.saved) {
      this.#runners.set(id, new AllocRunner(this.#runnerDeps(state), current, { tasks, health }));
    }
    // Before anything starts: what runs and is in no record ends here, so that no task runs twice.
    await this.#sweep();
    await Promise.all([...this.#runners.values()].map((runner) => this.#resume(runner)));
    for (const id of this.#deps.registry.registered(SERVICE_ID_PREFIX)) {
      if (!this.#runners.has(allocOfService(id))) await this.#deps.registry.deregister(id);
    }
  }

  /** One value for all of them: a node may run a thousand. */
  #runnerDeps(state: ClientState): AllocRunnerDeps {
    const { env, registry, config, link, templates } = this.#deps;
    assert(this.#secrets !== undefined, "no allocation runs before the client started");
    this.#shared ??= {
      secrets: this.#secrets,
      artifacts: config.client.artifact,
      templates: templates === undefined ? undefined : { access: templates, settings: config.client.template },
      env,
      signIdentities: link.signIdentities,
      registry,
      drivers: this.#drivers,
      rotation: this.#rotation,
      networks: this.#networks,
      devices: this.#devices.inventory,
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
    void this.#launch(runner);
  }

  /** Never rejects: what went wrong ends its tasks, with words. */
  async #launch(runner: AllocRunner): Promise<void> {
    try {
      await startAfter(this.#predecessors(), runner);
    } catch (thrown) {
      const message = messageOf(thrown);
      this.#deps.env.log.error("cannot start an allocation", { alloc: runner.current.alloc.ID, error: message });
      const why = { Type: "Setup Failure", DisplayMessage: message, Message: message, FailsTask: true };
      runner.giveUp(why);
    }
  }

  /** What an earlier agent left. Where that had not yet built anything, its predecessor may still be in the way. */
  async #resume(runner: AllocRunner): Promise<void> {
    const { PreviousAllocation, PreemptedAllocations } = runner.current.alloc;
    const followsAny = PreviousAllocation !== "" || (PreemptedAllocations ?? []).length > 0;
    if (followsAny && (await isUnbuilt(this.#deps.env, runner))) void this.#launch(runner);
    else await runner.start();
  }

  #predecessors(): Predecessors {
    const { env, link } = this.#deps;
    return { env, link, runners: this.#runners, nodeId: () => this.node().ID, signal: this.#leaving.signal };
  }

  /** The servers collected it: nothing of it may stay. */
  async #forget(state: ClientState, id: string, runner: AllocRunner): Promise<void> {
    this.#runners.delete(id);
    await runner.stop();
    runner.leave();
    state.forget(id);
    await this.removeFolder(runner).catch((thrown: unknown) => {
      this.#deps.env.log.warn("cannot remove an allocation's folder", { alloc: id, error: messageOf(thrown) });
    });
  }

  async #askDrivers(): Promise<void> {
    if ((await this.#volumes?.refreshPlugins()) === true) this.#volumesChanged();
    const node = this.node();
    const drivers = await askDrivers(this.#deps.env, this.#deps.drivers, node.Drivers);
    if (Object.keys(drivers).every((name) => drivers[name] === node.Drivers[name])) return;
    this.#node = withDrivers(node, drivers);
    this.#registration?.changed();
  }

  async #lookAtDevices(): Promise<void> {
    const found = await this.#devices.look();
    if (found === undefined) return;
    this.#node = withDevices(this.node(), found);
    this.#registration?.changed();
  }

  async #lookAtMachine(): Promise<void> {
    const change = await this.#machine?.look();
    if (change === undefined) return;
    this.#node = change(this.node());
    this.#registration?.changed();
  }

  async #sweep(): Promise<void> {
    const living = [...this.#runners].filter(([, runner]) => !runner.isTerminal()).map(([id]) => id);
    await this.#networks.sweep(new Set(living));
    await this.#secrets?.sweep(new Set(living));
    const keep = new Set([...this.#runners.values()].flatMap((runner) => runner.attempts()));
    await sweepDrivers(this.#deps.env, this.#deps.drivers, { allocsRoot: this.#allocsRoot, keep });
  }

  #collectSoon(): void {
    this.#rounds.soon("gc", this.#deps.config.client.gcIntervalMs, () => this.#collect());
  }

  async #collect(): Promise<void> {
    const { env, config } = this.#deps;
    const { gcMaxAllocs: maxAllocs, gcDiskUsageThreshold: maxDiskPercent } = config.client;
    const remove = (runner: AllocRunner): Promise<void> => this.removeFolder(runner);
    await collectSurplus(env, { root: this.#allocsRoot, runners: this.#runners, maxAllocs, maxDiskPercent, remove });
  }

  #driverPauseMs(): number {
    const ill = Object.values(this.node().Drivers).some(({ Detected, Healthy }) => Detected && !Healthy);
    return ill ? ILL_DRIVER_EVERY_MS : DRIVER_EVERY_MS;
  }
}

export function createSchedulerClient(deps: SchedulerClientDeps): SchedulerClient {
  return new SchedulerClient(deps);
}
