import { assert } from "#base/env/assert.ts";
import { MemoryStore } from "#base/state/memory/memory-store.ts";
import { openJournal } from "#base/state/memory/journal.ts";
import { allocs, deployments, nodes } from "#base/state/tables.ts";
import { keyOf, ROOT } from "#base/protocol/keys.ts";
import { followView } from "#base/state/view.ts";
import { WrittenCheck } from "#base/state/written-check.ts";
import type { Store } from "#base/state/store.ts";
import { clientStatus, isTerminal } from "#daemons/scheduler/server/alloc-state.ts";
import { createSchedulerServer } from "#daemons/scheduler/server/server.ts";
import type { SchedulerServer } from "#daemons/scheduler/server/server.ts";
import { schedulerTables } from "#daemons/scheduler/server/tables.ts";
import { NodeCapacity } from "../checkers/node-capacity.ts";
import { OneAllocPerName } from "../checkers/one-alloc-per-name.ts";
import { Rollout } from "../checkers/rollout.ts";
import { ViewEqualsStore } from "../checkers/view-equals-store.ts";
import { drawFaults, FaultInjector } from "../faults.ts";
import type { Machine } from "../machine/node.ts";
import type { Scenario } from "../scenario.ts";
import type { World } from "../world.ts";
import { runAgentNode } from "./agent-node.ts";
import { runClientNode } from "./client-node.ts";
import { serveLink } from "./link-exchange.ts";
import { KINDS, simJob } from "./workload.ts";
import type { Wish } from "./workload.ts";

const CLIENTS = ["client-1", "client-2", "client-3"];
const SERVER_PORT = 4647;
const JOBS = ["app-1", "app-2", "app-3"];
const FAULTY_MS = 60_000;
const CONVERGENCE_MS = 900_000;

/** One server, three client nodes, jobs that are registered, changed and stopped all the while. */
export const scheduler: Scenario = {
  name: "scheduler",
  title: "from registered jobs to placed allocations",
  run: (world) => runCluster(world, runClientNode),
};

/** The same with the real client and its mock driver on every node. */
export const controlPath: Scenario = {
  name: "control-path",
  title: "from registered jobs to running tasks",
  run: (world) => runCluster(world, runAgentNode),
};

/** Rolling updates, canaries, nodes that are waited for and nodes that are drained, of jobs that change all the while. */
export const lifecycle: Scenario = {
  name: "lifecycle",
  title: "updates, drains and nodes out of reach come to an end",
  run: (world) => runCluster(world, runClientNode, { eventful: true }),
};

async function runCluster(
  world: World,
  boot: (machine: Machine, server: string) => Promise<void>,
  { eventful }: { readonly eventful: boolean } = { eventful: false },
): Promise<void> {
  const run = new SchedulerRun(world, eventful);
  const server = world.addNode("server", (machine) => run.bootServer(machine));
  const clients = CLIENTS.map((name) =>
    world.addNode(name, (machine) => boot(machine, `http://server:${SERVER_PORT}`)),
  );
  const faults = new FaultInjector(world, drawFaults(world.random.fork(), 8000), [server, ...clients]);
  for (const node of [server, ...clients]) node.start();
  faults.start();
  const random = world.random.fork();
  for (let at = 0; at < FAULTY_MS; at += 3000) {
    const id = random.pick(JOBS) ?? "app-1";
    const count = Math.floor(random.between(0, 6));
    const flaky = random.chance(0.3);
    const more = eventful ? { kind: random.pick(KINDS) ?? "rolling", release: random.chance(0.5) ? at : 0 } : {};
    world.at(at, `user wants ${count} of ${id}${flaky ? ", which fails" : ""}`, () =>
      run.want({ id, count, flaky, ...more }),
    );
    if (!eventful || !random.chance(0.3)) continue;
    const client = random.pick(CLIENTS) ?? "client-1";
    const drains = random.chance(0.6);
    world.at(at + 500, `user ${drains ? "drains" : "undrains"} ${client}`, () => run.drain(client, drains));
  }
  await world.advance(FAULTY_MS);
  faults.heal();
  run.settle();
  const converged = await world.advanceUntil(() => run.converged(), CONVERGENCE_MS);
  assert(converged, `seed ${world.seed}: ${run.describe()} ${CONVERGENCE_MS} ms after the faults ended`);
  await run.compareAtRest(world);
}

interface Running {
  readonly server: SchedulerServer;
  readonly store: Store;
}

class SchedulerRun {
  readonly #capacity = new NodeCapacity();
  readonly #names = new OneAllocPerName();
  readonly #view = new ViewEqualsStore();
  /** What the user asked for last, acknowledged or not: asked again until the server took it. */
  readonly #wanted = new Map<string, Wish>();
  readonly #taken = new Set<Wish>();
  readonly #rollout = new Rollout();
  readonly #eventful: boolean;
  readonly #drains = new Map<string, boolean>();
  #running: Running | undefined;

  constructor(world: World, eventful: boolean) {
    this.#eventful = eventful;
    world.addCheckers(this.#capacity, this.#names, this.#view, this.#rollout);
  }

  async bootServer(machine: Machine): Promise<void> {
    this.#running = undefined;
    const { env } = machine;
    await env.disk.makeDir("/data");
    const store = new MemoryStore(await openJournal(env.disk, "/data/journal"));
    const view = await followView(store, schedulerTables, {
      log: env.log,
      soon: (run) => env.clock.soon(run),
      check: new WrittenCheck(),
    });
    const server = createSchedulerServer({ env, store, view });
    server.start();
    view.onChange(({ rows }) => {
      if (rows.some(({ table }) => table === allocs.name)) this.#check(server);
    });
    this.#running = { server, store };
    machine.listenHttp(SERVER_PORT, serveLink(server.link));
    this.#pursue(machine, server);
  }

  want(wish: Wish): void {
    this.#wanted.set(wish.id, wish);
  }

  /** Asked again until the server took it. */
  drain(client: string, drains: boolean): void {
    this.#drains.set(client, drains);
  }

  /** From now on every job is of the kind that stays up, and every node takes allocations. */
  settle(): void {
    if (this.#eventful) for (const client of CLIENTS) this.drain(client, false);
    for (const wish of this.#wanted.values()) this.want({ ...wish, flaky: false, release: (wish.release ?? 0) + 1 });
  }

  converged(): boolean {
    const { server } = this.#running ?? {};
    if (server === undefined || this.#drains.size > 0) return false;
    return [...this.#wanted].every(([id, { count }]) => this.#runningOf(server, id) === count);
  }

  describe(): string {
    const { server } = this.#running ?? {};
    if (server === undefined) return "no server";
    return [...this.#wanted]
      .map(([id, { count }]) => `${this.#runningOf(server, id)} of ${count} ${id} run`)
      .join(", ");
  }

  async compareAtRest(world: World): Promise<void> {
    assert(this.#running !== undefined, "a healed world has a server");
    const { server, store } = this.#running;
    const { view } = server.context.state;
    // Both are read in one turn: a revision that comes between would be no difference.
    const atOnce = store.range({ prefix: `${ROOT}${allocs.name}/` }).then(({ records }) => ({
      records,
      rows: Array.from(view.table(allocs).list(), (row) => ({
        key: keyOf(allocs.name, row.namespace, row.id),
        modRevision: row.modifyIndex,
      })),
    }));
    const { records, rows } = await world.complete(atOnce, 1000);
    this.#view.compare(rows, records);
    const violation = this.#view.check();
    assert(violation === undefined, violation ?? "");
  }

  /** The user's client: asks again until it got an answer. */
  #pursue(machine: Machine, server: SchedulerServer): void {
    const { env } = machine;
    for (const wish of this.#wanted.values()) {
      if (!this.#taken.has(wish)) void this.#register(machine, server, wish);
    }
    for (const [client, drains] of this.#drains) void this.#setDrain(machine, server, { client, drains });
    env.clock.after(1000, () => this.#pursue(machine, server));
  }

  async #setDrain(
    { env }: Machine,
    server: SchedulerServer,
    { client, drains }: { readonly client: string; readonly drains: boolean },
  ): Promise<void> {
    const nowMs = env.clock.nowMs();
    const strategy = {
      Deadline: 20e9,
      IgnoreSystemJobs: false,
      StartedAt: new Date(nowMs).toISOString(),
      ForceDeadline: new Date(nowMs + 20_000).toISOString(),
    };
    try {
      const options = { markEligible: true, meta: {} };
      const done = await server.nodes.setDrain(client, drains ? strategy : null, options);
      // A node that never came has nothing to be drained.
      const over = done.ok || (done.error.code === "not_found" && drains);
      if (over && this.#drains.get(client) === drains) this.#drains.delete(client);
    } catch (thrown) {
      env.log.warn("drain failed", { error: String(thrown) });
    }
  }

  async #register({ env }: Machine, server: SchedulerServer, wish: Wish): Promise<void> {
    try {
      const answer = await server.jobs.register(simJob(wish));
      if (answer.ok) this.#taken.add(wish);
      else env.log.warn("register refused", { error: answer.error.message });
    } catch (thrown) {
      env.log.warn("register failed", { error: String(thrown) });
    }
  }

  #runningOf(server: SchedulerServer, id: string): number {
    return server.context.state
      .jobAllocs("default", id)
      .filter((known) => known.alloc.DesiredStatus === "run" && clientStatus(known) === "running").length;
  }

  #check(server: SchedulerServer): void {
    const { state } = server.context;
    const known = JOBS.flatMap((id) => state.jobAllocs("default", id));
    const wanted = known.filter((each) => !isTerminal(each));
    const live = wanted.map(({ alloc }) => alloc);
    // Beside canaries, and beside what nobody can see, another of the name may run.
    const seen = wanted.filter((each) => !each.alloc.Canary && clientStatus(each) !== "unknown");
    for (const same of Map.groupBy(seen, ({ alloc }) => alloc.JobVersion).values()) {
      this.#names.compare(same.map(({ alloc }) => alloc));
    }
    for (const row of state.view.table(deployments).list()) {
      this.#rollout.compare(row, state.deploymentAllocs(row.id), known);
    }
    for (const { value: node } of state.view.table(nodes).list()) {
      this.#capacity.compare(
        node,
        live.filter((alloc) => alloc.NodeID === node.ID),
      );
    }
  }
}
