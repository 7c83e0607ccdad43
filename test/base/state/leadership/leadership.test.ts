import test from "ava";
import { openEtcdStore } from "#base/state/etcd/etcd-store.ts";
import { LEADER_KEY, readLeader } from "#base/state/leadership/leader-record.ts";
import { InTouch } from "#base/state/leadership/in-touch.ts";
import { Leadership } from "#base/state/leadership/leadership.ts";
import { MemoryStore } from "#base/state/memory/memory-store.ts";
import { put } from "#base/state/codec.ts";
import { GLOBAL } from "#base/protocol/keys.ts";
import { kv } from "#base/state/tables.ts";
import { followView } from "#base/state/view.ts";
import { flakyClient, WELL } from "#sim/etcd/flaky-client.ts";
import { SimEtcd } from "#sim/etcd/sim-etcd.ts";
import type { Machine, SimNode } from "#sim/machine/node.ts";
import { World } from "#sim/world.ts";

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
/** A lease runs out, and whoever is first takes the lock. */
const WHILE_MS = 10_000;

/** Servers that follow one lock, in simulated time; each begins to lead as often as `times` says. */
class Servers {
  readonly world: World;
  readonly nodes: SimNode[] = [];
  readonly leaderships = new Map<string, Leadership>();
  readonly times = new Map<string, number>();
  /** Whoever took the lock, each time. */
  readonly taken: string[] = [];
  readonly #etcd = new SimEtcd();

  constructor(seed: number, names: readonly string[]) {
    this.world = new World({ seed, turn });
    for (const name of names) this.nodes.push(this.world.addNode(name, (machine) => this.#boot(machine, name)));
    for (const node of this.nodes) node.start();
    this.#expire();
    this.#etcd.follow(() => {
      for (const event of this.#etcd.events(this.#etcd.revision, { key: LEADER_KEY }) ?? [])
        if (event.kind === "put") this.taken.push(readLeader(event.record.value)?.id ?? "");
    });
  }

  async #boot({ env, life }: Machine, name: string): Promise<void> {
    const api = flakyClient({ world: this.world, etcd: this.#etcd, env, flakiness: () => WELL });
    const store = await openEtcdStore({ api, clock: env.clock, writer: name, session: `${life}` });
    const leadership = new Leadership({
      api,
      store,
      ...env,
      self: { schema: 1, id: name, name, http: "", consul: "", rpc: "" },
      onLead: () => void this.times.set(name, (this.times.get(name) ?? 0) + 1),
      onFollow: () => {},
    });
    this.leaderships.set(name, leadership);
    await leadership.start();
  }

  #expire(): void {
    this.world.at(100, "leases", () => {
      this.#etcd.expire(this.world.timeMs);
      this.#expire();
    });
  }

  get leading(): readonly string[] {
    return [...this.leaderships].filter(([, each]) => each.isLeader).map(([name]) => name);
  }

  of(name: string): Leadership {
    const found = this.leaderships.get(name);
    if (found === undefined) throw new Error(`no ${name}`);
    return found;
  }

  /** Resolves with the one that leads, once all know it. */
  async agreed(): Promise<string> {
    const isAgreed = (): boolean => {
      const [only] = this.leading;
      const told = [...this.leaderships.values()].map(({ leader }) => leader?.id);
      return this.leading.length === 1 && told.length > 0 && told.every((each) => each === only);
    };
    if (!(await this.world.advanceUntil(isAgreed, WHILE_MS))) throw new Error("they do not agree");
    return this.leading.join();
  }

  others(than: string): readonly string[] {
    return [...this.leaderships.keys()].filter((name) => name !== than);
  }
}

async function serversOf(seed: number, names: readonly string[]): Promise<Servers> {
  const servers = new Servers(seed, names);
  await servers.world.advanceUntil(() => servers.leaderships.size === names.length, WHILE_MS);
  return servers;
}

const threeServers = (seed: number): Promise<Servers> => serversOf(seed, ["a", "b", "c"]);

const SEEDS = Array.from({ length: 10 }, (_, seed) => seed + 1);

test("a hand-over stays with whom it was meant for, whoever believes that the leader died", async (t) => {
  for (const seed of SEEDS) {
    const servers = await threeServers(seed);
    const before = await servers.agreed();
    const [meant = "", other = ""] = servers.others(before);
    servers.times.clear();
    t.true(await servers.world.complete(servers.of(before).resign(meant), 1000));
    // Its connections end: the others take that for its death.
    for (let i = 0; i < 5; i++) servers.world.at(i * 3, "suspicion", () => servers.of(other).suspect(before));
    t.is(await servers.agreed(), meant, `seed ${seed}`);
    const fence = JSON.stringify(servers.of(meant).fence());
    await servers.world.advance(WHILE_MS);
    t.deepEqual([...servers.times], [[meant, 1]], "it is not taken for the one before it, either");
    t.is(JSON.stringify(servers.of(meant).fence()), fence);
  }
});

test("a successor that is gone is waited for, and not for ever", async (t) => {
  const servers = await threeServers(1);
  const before = await servers.agreed();
  const [meant = "", other = ""] = servers.others(before);
  servers.nodes.find(({ name }) => name === meant)?.crash();
  servers.leaderships.delete(meant);
  t.true(await servers.world.complete(servers.of(before).resign(meant), 1000));
  const began = servers.world.timeMs;
  t.true([before, other].includes(await servers.agreed()));
  t.true(servers.world.timeMs - began < 4000);
});

test("of two that take the place of one that seems dead, one does, and the other follows it", async (t) => {
  for (const seed of SEEDS) {
    const servers = await threeServers(seed);
    const before = await servers.agreed();
    servers.times.clear();
    for (const name of servers.others(before)) servers.of(name).suspect(before);
    await servers.world.advance(WHILE_MS);
    const after = await servers.agreed();
    t.not(after, before);
    t.deepEqual([...servers.times], [[after, 1]], `seed ${seed}`);
  }
});

test("a leader that is shut down leaves the lock at once; suspecting one that leads no more changes nothing", async (t) => {
  const servers = await threeServers(2);
  const before = await servers.agreed();
  const [one = ""] = servers.others(before);
  await servers.world.complete(servers.of(before).stop(), 1000);
  servers.leaderships.delete(before);
  const began = servers.world.timeMs;
  const after = await servers.agreed();
  t.true(servers.world.timeMs - began < 500);
  servers.times.clear();
  servers.of(one).suspect(before);
  await servers.world.advance(WHILE_MS);
  t.is(await servers.agreed(), after);
  t.is(servers.times.size, 0);
});

test("a lock that is left while it is being taken over does not stay free", async (t) => {
  for (let seed = 1; seed <= 400; seed++) {
    const afterMs = seed % 20;
    const servers = await serversOf(seed, ["a", "b"]);
    const before = await servers.agreed();
    const [other = ""] = servers.others(before);
    // Its connections end before the lock is free.
    servers.world.at(afterMs, "suspicion", () => servers.of(other).suspect(before));
    await servers.world.complete(servers.of(before).stop(), 1000);
    servers.leaderships.delete(before);
    t.is(await servers.agreed().catch(() => "nobody"), other, `seed ${seed}, suspected after ${afterMs} ms`);
    t.deepEqual(servers.taken, [before, other], `seed ${seed}: who leaves the lock does not take it once more`);
  }
});

test("nothing is as fresh as now before the others were asked, nor before the view has what they said", async (t) => {
  let nowMs = 7000;
  const clock = { nowMs: () => nowMs, monotonicMs: () => nowMs, after: () => ({ cancel() {} }), soon: () => {} };
  const store = new MemoryStore();
  const view = await followView(store, [kv]);
  t.teardown(() => view.close());
  const touch = new InTouch({ store, view, clock });
  t.is(touch.ageMs, 7000);
  await touch.refresh();
  t.is(touch.ageMs, 0);
  nowMs += 300;
  t.is(touch.ageMs, 300);
  const release = view.hold();
  const value = { Value: "eA==", Flags: "0", Session: "", LockIndex: 0 };
  await store.txn({ then: [put(kv, { namespace: GLOBAL, id: "a" }, value)] });
  const asked = touch.refresh();
  await turn();
  nowMs += 200;
  t.is(touch.ageMs, 500, "what was written is not seen yet");
  release();
  await asked;
  t.is(touch.ageMs, 200, "as old as the question");
});
