import test from "ava";
import { put, remove } from "#base/state/codec.ts";
import { MemoryStore } from "#base/state/memory/memory-store.ts";
import { StoreError, type Store } from "#base/state/store.ts";
import type { View } from "#base/state/table.ts";
import { catalogChecks, catalogNodes, catalogServices, sessions } from "#base/state/tables.ts";
import { followView } from "#base/state/view.ts";
import { createDiscovery, discoveryTables, type Discovery } from "#daemons/discovery/create-discovery.ts";
import type { DiscoveryConfig } from "#daemons/discovery/config.ts";
import { LockDelays } from "#daemons/discovery/kv/lock-delays.ts";
import { Sessions } from "#daemons/discovery/kv/sessions.ts";
import { World } from "#sim/world.ts";
import type { Machine } from "#sim/machine/node.ts";
import { service } from "../node.ts";

const MINUTE = 60_000;

interface Running {
  readonly machine: Machine;
  readonly discovery: Discovery;
  readonly view: View;
}

/** A node in simulated time, over a store that outlives it. */
async function startWorld(options: { config?: Partial<DiscoveryConfig>; store?: Store } = {}) {
  const store = options.store ?? new MemoryStore();
  const world = new World({ seed: 1, turn: () => new Promise((resolve) => setImmediate(resolve)) });
  const lives: Running[] = [];
  const node = world.addNode("node-a", async (machine) => {
    const view = await followView(store, discoveryTables);
    const base = { nodeName: "node-a", nodeId: "id", datacenter: "dc1", advertiseAddr: machine.address, dnsPort: 8600 };
    const config = { ...base, bindAddr: machine.address, dataDir: "/data", ...options.config };
    const discovery = createDiscovery({ env: machine.env, store, view, config });
    lives.push({ machine, discovery, view });
    await discovery.start();
  });
  node.start();
  await world.advance(100);
  const now = (): Running => lives.at(-1)!;
  const status = (id: string) => now().view.table(catalogChecks).get("_", `node-a/${id}`)?.value.Status;
  return { world, node, store, now, status };
}

test("an hour in which nothing happens writes nothing", async (t) => {
  const { world, now, store, status } = await startWorld();
  const { machine } = now();
  const [listener] = await Promise.all([
    machine.env.net.listen({ host: machine.address, port: 80 }, (stream) => stream.end()),
    world.advance(100),
  ]);
  const Check = { TCP: `${now().machine.address}:80`, Interval: "10s" };
  await Promise.all([now().discovery.registry.register(service({ Name: "web", Check })), world.advance(1000)]);
  await world.advance(MINUTE);
  t.is(status("service:web"), "passing");
  const { revision } = store.status();
  await world.advance(60 * MINUTE);
  t.is(store.status().revision, revision);
  await Promise.all([listener.close(), world.advance(MINUTE)]);
  t.is(status("service:web"), "critical");
  t.is(store.status().revision, revision + 1);
});

test("what others do to this node's rows is put right within a minute", async (t) => {
  const { world, now, store } = await startWorld();
  await Promise.all([now().discovery.registry.register(service({ Name: "web", Port: 1 })), world.advance(100)]);
  const rows = now().view.table(catalogServices);
  const web = rows.get("_", "node-a/web")!.value;
  await store.txn({
    then: [
      remove(catalogNodes, "_", "node-a"),
      put(catalogServices, { namespace: "_", id: "node-a/web" }, { ...web, Port: 2 }),
      put(catalogServices, { namespace: "_", id: "node-a/ghost" }, { ...web, ID: "ghost" }),
      put(catalogServices, { namespace: "_", id: "other/web" }, { ...web, Node: "other" }),
    ],
  });
  await world.advance(2 * MINUTE);
  t.is(rows.get("_", "node-a/web")?.value.Port, 1);
  t.is(rows.get("_", "node-a/ghost"), undefined);
  t.is(rows.get("_", "other/web")?.value.Node, "other");
  t.is(now().view.table(catalogNodes).get("_", "node-a")?.value.Address, now().machine.address);
});

test("a restarted agent leaves healthy services in the catalog until their owners had time to come back", async (t) => {
  const { world, node, now, status } = await startWorld();
  for (const Name of ["kept", "lost"]) {
    const registered = now().discovery.registry.register(service({ Name, Check: { TTL: "1h", Status: "passing" } }));
    await Promise.all([registered, world.advance(100)]);
  }
  node.kill();
  node.start();
  await world.advance(10_000);
  t.deepEqual([status("service:kept"), status("service:lost")], ["passing", "passing"]);
  t.deepEqual(now().discovery.registry.registered(""), ["consul", "kept", "lost"]);
  await Promise.all([
    now().discovery.registry.register(service({ Name: "kept", Check: { TTL: "1h" } })),
    world.advance(100),
  ]);
  t.is(status("service:kept"), "passing");
  await world.advance(MINUTE);
  t.deepEqual([status("service:kept"), status("service:lost")], ["passing", undefined]);
});

test("a service that stays critical goes when its definition says so", async (t) => {
  const { world, now } = await startWorld();
  const Check = { TTL: "10s", Status: "passing", DeregisterCriticalServiceAfter: "2m" };
  await Promise.all([now().discovery.registry.register(service({ Name: "web", Check })), world.advance(100)]);
  const { services } = now().discovery.agent.state;
  const beat = () => now().discovery.agent.state.checks.get("service:web")?.runner.heartbeat("passing", "");
  await world.advance(MINUTE + 40_000);
  beat();
  await world.advance(2 * MINUTE);
  t.true(services.has("web"), "it was well in between");
  await world.advance(11_000);
  t.false(services.has("web"));
  t.is(now().view.table(catalogServices).get("_", "node-a/web"), undefined);
});

test("while the store refuses writes changes wait, and are written when it takes them again", async (t) => {
  const inner = new MemoryStore();
  let refuse = false;
  const store: Store = new Proxy(inner, {
    get(target, key) {
      if (key === "txn" && refuse) return () => Promise.reject(new StoreError("unavailable", "not now"));
      const value = Reflect.get(target, key);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
  const { world, now } = await startWorld({ store });
  refuse = true;
  await Promise.all([now().discovery.registry.register(service({ Name: "web" })), world.advance(100)]);
  await world.advance(5 * MINUTE);
  t.is(now().view.table(catalogServices).get("_", "node-a/web"), undefined);
  refuse = false;
  await world.advance(MINUTE);
  t.is(now().view.table(catalogServices).get("_", "node-a/web")?.value.Service, "web");
});

test("a session lives twice its TTL, and as long as it is renewed", async (t) => {
  const store = new MemoryStore();
  const base = { TaggedAddresses: {}, Meta: {}, ID: "", Address: "10.0.0.1", Datacenter: "dc1" };
  await store.txn({ then: [put(catalogNodes, { namespace: "_", id: "n" }, { ...base, Node: "n" })] });
  const view = await followView(store, discoveryTables);
  const world = new World({ seed: 1, turn: () => new Promise((resolve) => setImmediate(resolve)) });
  const keepers: Sessions[] = [];
  world
    .addNode("n", ({ env }) => {
      keepers.push(new Sessions({ env, store, view, delays: new LockDelays(env.clock) }));
      keepers[0]!.start();
    })
    .start();
  await world.advance(100);
  const keeper = keepers[0]!;
  const seed = { Name: "", Node: "n", LockDelay: 0, Behavior: "release" as const, TTL: "10s" };
  const { ID } = await keeper.create({ ...seed, NodeChecks: [], ServiceChecks: [] });
  const isThere = () => view.table(sessions).get("_", ID) !== undefined;
  await world.advance(19_000);
  t.true(isThere());
  keeper.renew(ID);
  await world.advance(19_000);
  t.true(isThere());
  await world.advance(2000);
  t.false(isThere());
  keeper.stop();
});
