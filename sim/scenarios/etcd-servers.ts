import { sleep } from "#base/env/clock.ts";
import type { Random } from "#base/env/random.ts";
import { assert } from "#base/env/assert.ts";
import { openEtcdStore } from "#base/state/etcd/etcd-store.ts";
import { fencedStore } from "#base/state/leadership/fenced-store.ts";
import { Leadership } from "#base/state/leadership/leadership.ts";
import { StoreError, type Store } from "#base/state/store.ts";
import { InTouch } from "#base/state/leadership/in-touch.ts";
import { StaleReadsBounded } from "../checkers/stale-reads.ts";
import { OneLeader } from "../checkers/one-leader.ts";
import { ToldAsItWas } from "../checkers/told-as-it-was.ts";
import { Violation } from "../checker.ts";
import { flakyClient, WELL, type Flakiness } from "../etcd/flaky-client.ts";
import { SimEtcd } from "../etcd/sim-etcd.ts";
import { drawFaults, FaultInjector } from "../faults.ts";
import type { Machine, SimNode } from "../machine/node.ts";
import type { Prng } from "../prng.ts";
import type { Scenario } from "../scenario.ts";
import type { World } from "../world.ts";
import { Callers, settle } from "./etcd-callers.ts";
import { differs, Replica, tellWhatHappens } from "./etcd-replica.ts";

const SERVERS = 3;
const CALLERS = 2;
const FAULTY_MS = 5000;
const CONVERGENCE_MS = 30_000;
const LED = "led/";

/** How a test shows that the checkers find what is planted; as it is, nothing is between server and store. */
export interface Planted {
  readonly store?: (store: Store) => Store;
  /** Leaders write without their fence. */
  readonly unfenced?: boolean;
  /** Servers take themselves for in touch before their views are. */
  readonly hasty?: boolean;
}

/** Servers on one etcd that lose their connections, power and time, with callers that write and read through all of them. */
export const etcdServers: Scenario = etcdServersWith({});

export function etcdServersWith(planted: Planted): Scenario {
  return {
    name: "etcd-servers",
    title: "what servers on one etcd answer has one order, one of them leads, and no watch has a gap",
    run: (world) => new Run(world, planted).run(),
  };
}

class Run {
  readonly #world: World;
  readonly #planted: Planted;
  readonly #etcd = new SimEtcd();
  readonly #leader = new OneLeader();
  readonly #told = new ToldAsItWas();
  readonly #stale = new StaleReadsBounded();
  readonly #callers = new Callers();
  readonly #replicas = new Map<string, Replica>();
  readonly #leads = new Map<string, boolean>();
  readonly #random: Prng;
  #flakiness: Flakiness;
  #isOver = false;

  constructor(world: World, planted: Planted) {
    this.#world = world;
    this.#planted = planted;
    this.#random = world.random.fork();
    this.#flakiness = drawFlakiness(this.#random);
    world.addCheckers(this.#leader, this.#told, this.#stale, this.#callers.whole);
    this.#watchLeaders();
    tellWhatHappens(this.#etcd, {
      wrote: (revision, changes) => {
        this.#told.wrote(revision, changes);
        this.#stale.wrote(revision, world.timeMs);
      },
    });
  }

  async run(): Promise<void> {
    const nodes = Array.from({ length: SERVERS }, (_, i) => this.#addServer(i));
    const faults = new FaultInjector(this.#world, drawFaults(this.#random, 1500), nodes);
    for (const node of nodes) node.start();
    faults.start();
    this.#expireLeases();
    await this.#world.advance(FAULTY_MS);
    faults.heal();
    this.#flakiness = WELL;
    const before = this.#leader.writes;
    const isWell = (): boolean =>
      [...this.#leads.values()].filter((leads) => leads).length === 1 && this.#leader.writes > before;
    const converged = await this.#world.advanceUntil(isWell, CONVERGENCE_MS);
    assert(converged, `seed ${this.#world.seed}: nobody leads within ${CONVERGENCE_MS} ms after the faults ended`);
    this.#isOver = true;
    this.#callers.end();
    await this.#world.advance(1000);
    this.#callers.judge();
    // Whatever befell them, reads of any age at any server are of now, once nothing is in the way.
    this.#etcd.txn({ compare: [], success: [{ op: "put", key: "last", value: "1" }], failure: [] });
    const lagging = (): string[] =>
      [...this.#replicas].flatMap(([name, replica]) => {
        const how = differs(replica, this.#etcd);
        return how === undefined ? [] : [`${name}: ${how}`];
      });
    const isEqual = await this.#world.advanceUntil(() => lagging().length === 0, CONVERGENCE_MS);
    if (!isEqual) throw new Violation("views equal the store", lagging().join("; "));
  }

  #addServer(i: number): SimNode {
    const name = `server-${i}`;
    return this.#world.addNode(name, (machine) => this.#boot(machine, name));
  }

  async #boot(machine: Machine, name: string): Promise<void> {
    this.#leads.set(name, false);
    const { env } = machine;
    const api = flakyClient({ world: this.#world, etcd: this.#etcd, env, flakiness: () => this.#flakiness });
    const store = await this.#open(machine, { name, api });
    const wrapped = this.#planted.store?.(store) ?? store;
    const replica = new Replica({ world: this.#world, machine, store: wrapped, told: this.#told });
    this.#replicas.set(name, replica);
    void replica.follow();
    void this.#readStale(machine, { name, store: wrapped, replica });
    this.#lead(machine, name, { api, store });
    for (let i = 0; i < CALLERS; i++) void this.#callers.run(machine, wrapped);
    void this.#compact(machine, store);
  }

  async #open(
    { env, life }: Machine,
    { name, api }: { readonly name: string; readonly api: ReturnType<typeof flakyClient> },
  ): Promise<Store> {
    for (;;) {
      try {
        return await openEtcdStore({ api, clock: env.clock, writer: name, session: `${life}` });
      } catch (thrown) {
        if (!(thrown instanceof StoreError)) throw thrown;
        await sleep(env.clock, 100);
      }
    }
  }

  #lead(
    { env }: Machine,
    name: string,
    { api, store }: { readonly api: ReturnType<typeof flakyClient>; readonly store: Store },
  ): void {
    const { clock, random, log } = env;
    const self = { schema: 1 as const, id: name, name, http: "", consul: "", rpc: "" };
    let term = 0;
    const work = async (): Promise<void> => {
      const fence = leadership.fence();
      const [lock] = fence;
      term = lock?.target === "mod" ? lock.operand : 0;
      const mine = term;
      const led = this.#planted.unfenced === true ? store : fencedStore(store, () => fence);
      while (leadership.isLeader && term === mine) {
        try {
          await led.txn({ then: [{ op: "put", key: `${LED}${name}`, value: String(mine) }] });
        } catch (thrown) {
          if (!(thrown instanceof StoreError)) throw thrown;
        }
        await sleep(clock, random.float() * 100);
      }
    };
    const leadership = new Leadership({
      api,
      store,
      clock,
      random,
      log,
      self,
      onLead: () => {
        this.#leads.set(name, true);
        void work();
      },
      onFollow: () => void this.#leads.set(name, false),
    });
    const start = (): void => {
      leadership.start().catch(() => clock.after(100, start));
    };
    start();
    const suspect = (): void => {
      clock.after(500 + random.float() * 3000, () => {
        // Groundless as often as not: it may cost a change of leader, and nothing else.
        if (!this.#isOver && this.#flakiness !== WELL) {
          if (leadership.isLeader) void settle(async () => void (await leadership.resign(this.#anybody(random))));
          else leadership.suspect(leadership.leader?.id ?? "");
        }
        suspect();
      });
    };
    suspect();
  }

  /** A server that may be dead, or the one that asks; undefined: whoever is first. */
  #anybody(random: Random): string | undefined {
    const at = Math.floor(random.float() * (SERVERS + 1));
    return at < SERVERS ? `server-${at}` : undefined;
  }

  /** The history of etcd itself, in its order. */
  #watchLeaders(): void {
    let next = 2;
    this.#etcd.follow(() => {
      for (; ; next++) {
        const events = this.#etcd.events(next, { prefix: LED });
        if (events === undefined) return;
        for (const event of events) if (event.kind === "put") this.#leader.wrote(next, Number(event.record.value));
      }
    });
  }

  /** Reads what the server knows without asking anybody, as old as it says that may be. */
  async #readStale(
    { env: { clock, random } }: Machine,
    { name, store, replica }: { readonly name: string; readonly store: Store; readonly replica: Replica },
  ): Promise<void> {
    const view = this.#planted.hasty === true ? { reached: () => Promise.resolve() } : replica;
    const touch = new InTouch({ store, view, clock });
    touch.start();
    while (!this.#isOver) {
      await sleep(clock, random.float() * 200);
      const { revision } = replica;
      // Before it has read anything at all a server serves nobody.
      if (revision > 0) this.#stale.read({ by: name, revision, ageMs: touch.ageMs, atMs: this.#world.timeMs });
    }
    touch.stop();
  }

  async #compact({ env }: Machine, store: Store): Promise<void> {
    while (!this.#isOver) {
      await sleep(env.clock, 1000 + env.random.float() * 2000);
      await settle(() => store.compact(Math.max(1, store.status().revision - 200)));
    }
  }

  #expireLeases(): void {
    this.#world.at(100, "etcd leases", () => {
      this.#etcd.expire(this.#world.timeMs);
      this.#expireLeases();
    });
  }
}

function drawFlakiness(random: Prng): Flakiness {
  const some = (most: number): number => (random.chance(0.6) ? random.between(0, most) : 0);
  return { loseRequest: some(0.2), loseAnswer: some(0.2), delayRequest: some(0.1), cutWatch: some(0.2) };
}
