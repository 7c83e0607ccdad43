import * as v from "valibot";
import { followView } from "#base/state/view.ts";
import { WrittenCheck } from "#base/state/written-check.ts";
import { MemoryStore } from "#base/state/memory/memory-store.ts";
import type { Alloc, AllocReport } from "#base/protocol/alloc.ts";
import type { Node } from "#base/protocol/node.ts";
import { AllocReportSchema } from "#base/protocol/alloc.ts";
import { isClientTerminal, unknownSince } from "#daemons/scheduler/server/alloc-state.ts";
import { createSchedulerServer, type SchedulerServer } from "#daemons/scheduler/server/server.ts";
import { schedulerTables } from "#daemons/scheduler/server/tables.ts";
import type { Env } from "#base/env/env.ts";
import { World } from "#sim/world.ts";
import { makeNode } from "../daemons/scheduler/server/cluster.ts";

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
/** Shorter than the shortest time to live of a heartbeat and its grace. */
const BEAT_MS = 8000;
/** Longer than what the servers gather before they look. */
const SETTLE_MS = 100;
const MAX_ROUNDS = 50;

/** A scheduler's servers in a world whose time is the script's, and nodes that do what the script says. */
export class ScriptedCluster {
  readonly world = new World({ seed: 1, turn });
  readonly #store = new MemoryStore();
  readonly #nodes = new Map<string, { silent: boolean; readonly node: Node }>();
  #env: Env | undefined;
  #server: SchedulerServer | undefined;
  /** What nodes said while nobody heard them. */
  readonly #unsent = new Map<string, { alloc: Alloc; fields: Record<string, unknown> }[]>();

  get server(): SchedulerServer {
    if (this.#server === undefined) throw new Error("the cluster has not started");
    return this.#server;
  }

  get env(): Env {
    if (this.#env === undefined) throw new Error("the cluster has not started");
    return this.#env;
  }

  async start(): Promise<void> {
    const boot = async ({ env }: { readonly env: Env }): Promise<void> => {
      this.#env = env;
      await this.#boot();
    };
    this.world.addNode("server", boot).start();
    await this.world.advance(SETTLE_MS);
  }

  /** The servers' process ends and another begins with what was stored. */
  async restartServer(): Promise<void> {
    this.server.stop();
    await this.complete(this.#boot());
    await this.settle();
  }

  addNode(name: string, fields: Record<string, unknown>): Promise<unknown> {
    const node = makeNode(name, fields);
    this.#nodes.set(name, { silent: false, node });
    return this.server.link.register(node);
  }

  silence(name: string, silent: boolean): void {
    const node = this.#nodes.get(name);
    if (node === undefined) throw new Error(`no node ${name}`);
    node.silent = silent;
    if (silent) return;
    this.#beat(node.node);
    for (const { alloc, fields } of this.#unsent.get(name) ?? []) this.report(alloc, fields);
    this.#unsent.delete(name);
  }

  /** What comes of it when time goes on. */
  complete<T>(work: Promise<T>): Promise<T> {
    return this.world.complete(work, 60_000);
  }

  report(alloc: Alloc, fields: Record<string, unknown>): void {
    if (this.#nodes.get(alloc.NodeID)?.silent === true) {
      this.#unsent.set(alloc.NodeID, [...(this.#unsent.get(alloc.NodeID) ?? []), { alloc, fields }]);
      return;
    }
    const nowNs = Math.round(this.env.clock.nowMs() * 1e6);
    const report = v.parse(AllocReportSchema, {
      ClientStatus: "pending",
      ...this.#lastReport(alloc),
      AllocID: alloc.ID,
      DeploymentID: alloc.DeploymentID,
      NodeID: alloc.NodeID,
      ModifyTime: nowNs,
      ...fields,
    });
    void this.server.link.report([report]);
  }

  /** Lets the servers and the nodes do what is to be done now. */
  async settle(): Promise<void> {
    for (let round = 0; round < MAX_ROUNDS; round++) {
      await this.world.advance(SETTLE_MS);
      const { evalsReady, evalsInFlight } = this.server.stats();
      if (!this.#act() && evalsReady + evalsInFlight === 0) return;
    }
    throw new Error("the cluster does not come to rest");
  }

  async wait(ms: number): Promise<void> {
    const untilMs = this.world.timeMs + ms;
    while (this.world.timeMs < untilMs) {
      await this.world.advance(Math.min(BEAT_MS, untilMs - this.world.timeMs));
      for (const { silent, node } of this.#nodes.values()) if (!silent) this.#beat(node);
      await this.settle();
    }
  }

  /** A node that was forgotten says again what it is. */
  #beat(node: Node): void {
    const { link } = this.server;
    void link.heartbeat(node.ID).catch(() => link.register(node));
  }

  async #boot(): Promise<void> {
    const view = await followView(this.#store, schedulerTables, { log: this.env.log, check: new WrittenCheck() });
    this.#server = createSchedulerServer({ env: this.env, store: this.#store, view });
    this.#server.start();
  }

  /** Tasks start and stop at once; whether something was to do. */
  #act(): boolean {
    const { state } = this.server.context;
    let acted = false;
    for (const [name, { silent }] of this.#nodes) {
      if (silent) continue;
      for (const known of state.nodeAllocs(name)) {
        const fields = reaction(known.alloc, known.report, isClientTerminal(known));
        if (fields === undefined) continue;
        acted = true;
        this.report(known.alloc, fields);
      }
    }
    return acted;
  }

  #lastReport(alloc: Alloc): AllocReport | undefined {
    const row = this.server.context.state.alloc(alloc.Namespace, alloc.ID);
    return row === undefined ? undefined : this.server.context.state.known(row).report;
  }
}

/** What a node whose tasks do as they are told says next. */
function reaction(alloc: Alloc, report: AllocReport | undefined, ended: boolean): Record<string, unknown> | undefined {
  if (ended) return undefined;
  if (alloc.DesiredStatus !== "run") return { ClientStatus: "complete" };
  if (report === undefined) return { ClientStatus: "running", TaskStates: running(alloc) };
  // Updated in place: watched anew.
  if (report.DeploymentID !== alloc.DeploymentID) return { DeploymentStatus: null };
  const since = unknownSince(alloc);
  if (since !== undefined && report.UnknownSince !== since) return { ClientStatus: "running" };
  return undefined;
}

function running(alloc: Alloc): Record<string, unknown> {
  return { main: { State: "running", StartedAt: alloc.CreateTime } };
}
