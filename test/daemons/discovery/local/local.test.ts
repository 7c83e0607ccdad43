import { writeFile } from "node:fs/promises";
import test from "ava";
import fc from "fast-check";
import { CodedError } from "#base/env/errors.ts";
import { readDefinitions } from "#daemons/discovery/local/definition-text.ts";
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
import { call, service, startNode, tempFolder } from "../node.ts";

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

test("a session lives twice its TTL, a lease as long as it says, and both as long as they are renewed", async (t) => {
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

  const lease = await keeper.create({ ...seed, TTL: "4s", NodeChecks: [], ServiceChecks: [] }, { isLease: true });
  const isHeld = () => view.table(sessions).get("_", lease.ID) !== undefined;
  await world.advance(3900);
  t.true(isHeld());
  keeper.renew(lease.ID);
  await world.advance(3900);
  t.true(isHeld());
  await world.advance(200);
  t.false(isHeld(), "a lease is taken at its word");
  for (const TTL of ["1s", "10s", "", "x"])
    await t.throwsAsync(keeper.create({ ...seed, TTL, NodeChecks: [], ServiceChecks: [] }, { isLease: true }), {
      message: /must be at least 2s and below 10s/,
    });
  keeper.stop();
});

test("files define services and checks, and are read again", async (t) => {
  const folder = await tempFolder(t);
  await writeFile(
    `${folder}/web.hcl`,
    `service {
  name = "web"
  port = 8080
  enable_tag_override = true
  weights { passing = 5 warning = 1 }
  check { args = ["true"] interval = "10s" status = "passing" }
  check { id = "beat" ttl = "1h" status = "passing" }
}
check { id = "node-ttl" name = "node" ttl = "1h" status = "passing" }
`,
  );
  await writeFile(`${folder}/more.json`, JSON.stringify({ services: [{ id: "db-1", name: "db" }] }));
  await writeFile(`${folder}/readme.txt`, "not read");
  const { discovery, url } = await startNode(t, { definitions: folder, enableLocalScriptChecks: true });
  const ids = async (path: string) => Object.keys((await call(`${url}/v1/agent/${path}`)).json).toSorted();
  t.deepEqual(await ids("services"), ["db-1", "web"]);
  t.deepEqual(await ids("checks"), ["beat", "node-ttl", "service:web:1"]);
  t.like((await call(`${url}/v1/catalog/service/web`)).json[0], { ServicePort: 8080, ServiceWeights: { Passing: 5 } });
  const tagged = { Node: "node-a", SkipNodeUpdate: true };
  const Service = { ID: "web", Service: "web", Port: 8080, Tags: ["from-outside"], EnableTagOverride: true };
  await call(`${url}/v1/catalog/register`, "PUT", { ...tagged, Service });
  await discovery.agent.reload();
  t.deepEqual((await call(`${url}/v1/catalog/service/web`)).json[0].ServiceTags, ["from-outside"]);
  const script = { Name: "x", Args: ["true"], Interval: "10s" };
  t.is((await call(`${url}/v1/agent/check/register`, "PUT", script)).status, 400, "only files may run programs");
  await writeFile(`${folder}/more.json`, "{ services: }");
  await t.throwsAsync(discovery.agent.reload(), { message: /more\.json/ });
  t.deepEqual(await ids("services"), ["db-1", "web"]);
  await writeFile(`${folder}/more.json`, JSON.stringify({ service: { name: "cache" } }));
  await discovery.agent.reload();
  t.deepEqual(await ids("services"), ["cache", "web"]);
});

test("any text of definitions is read or refused", (t) => {
  const word = fc.constantFrom(
    "service",
    "check",
    "{",
    "}",
    "=",
    "[",
    "]",
    '"a"',
    "1",
    "true",
    "\n",
    "name",
    "ttl",
    ",",
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.array(word).map((words) => words.join(" ")),
      ),
      (text) => {
        try {
          t.true(Array.isArray(readDefinitions({ name: "x.hcl", text }).services));
        } catch (thrown) {
          t.true(thrown instanceof CodedError);
        }
      },
    ),
  );
});
