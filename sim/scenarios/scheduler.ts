import { assert } from "#base/env/assert.ts";
import { MemoryStore } from "#base/state/memory/memory-store.ts";
import { openJournal } from "#base/state/memory/journal.ts";
import { allocs, nodes } from "#base/state/tables.ts";
import { isTerminalClientStatus } from "#base/protocol/alloc.ts";
import { keyOf, ROOT } from "#base/protocol/keys.ts";
import { followView } from "#base/state/view.ts";
import type { Store } from "#base/state/store.ts";
import { createSchedulerServer } from "#daemons/scheduler/server/server.ts";
import type { SchedulerServer } from "#daemons/scheduler/server/server.ts";
import { schedulerTables } from "#daemons/scheduler/server/tables.ts";
import { NodeCapacity } from "../checkers/node-capacity.ts";
import { OneAllocPerName } from "../checkers/one-alloc-per-name.ts";
import { ViewEqualsStore } from "../checkers/view-equals-store.ts";
import { drawFaults, FaultInjector } from "../faults.ts";
import type { Machine } from "../machine/node.ts";
import type { Scenario } from "../scenario.ts";
import type { World } from "../world.ts";
import { runAgentNode } from "./agent-node.ts";
import { runClientNode } from "./client-node.ts";
import { serveLink } from "./link-exchange.ts";
import { simJob } from "./workload.ts";
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

async function runCluster(world: World, boot: (machine: Machine, server: string) => Promise<void>): Promise<void> {
  const run = new SchedulerRun(world);
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
    world.at(at, `user wants ${count} of ${id}${flaky ? ", which fails" : ""}`, () => run.want({ id, count, flaky }));
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
  #running: Running | undefined;

  constructor(world: World) {
    world.addCheckers(this.#capacity, this.#names, this.#view);
  }

  async bootServer(machine: Machine): Promise<void> {
    this.#running = undefined;
    const { env } = machine;
    await env.disk.makeDir("/data");
    const store = new MemoryStore(await openJournal(env.disk, "/data/journal"));
    const view = await followView(store, schedulerTables, { log: env.log, soon: (run) => env.clock.soon(run) });
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

  /** From now on every job is of the kind that stays up. */
  settle(): void {
    for (const wish of this.#wanted.values()) this.want({ ...wish, flaky: false });
  }

  converged(): boolean {
    const { server } = this.#running ?? {};
    return server !== undefined && [...this.#wanted].every(([id, { count }]) => this.#runningOf(server, id) === count);
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
    env.clock.after(1000, () => this.#pursue(machine, server));
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
      .filter(({ alloc, report }) => alloc.DesiredStatus === "run" && report?.ClientStatus === "running").length;
  }

  #check(server: SchedulerServer): void {
    const { state } = server.context;
    const known = JOBS.flatMap((id) => state.jobAllocs("default", id));
    const live = known
      .filter(({ alloc, report }) => {
        const ended = report !== undefined && isTerminalClientStatus(report.ClientStatus);
        return alloc.DesiredStatus === "run" && !alloc.Lost && !ended;
      })
      .map(({ alloc }) => alloc);
    this.#names.compare(live);
    for (const { value: node } of state.view.table(nodes).list()) {
      this.#capacity.compare(
        node,
        live.filter((alloc) => alloc.NodeID === node.ID),
      );
    }
  }
}
