import { Resolver } from "node:dns/promises";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import * as v from "valibot";
import type { InterfaceAddress } from "#base/env/net.ts";
import { defaultAgentConfig } from "#base/language/agent-config/config.ts";
import { succeed } from "#base/env/errors.ts";
import { silentLog } from "#base/env/log.ts";
import { createEnv } from "#base/platform/create-env.ts";
import { AutopilotConfigurationSchema } from "#base/protocol/autopilot.ts";
import { GLOBAL } from "#base/protocol/keys.ts";
import { MemoryStore } from "#base/state/memory/memory-store.ts";
import { autopilotConfigurations } from "#base/state/tables.ts";
import { put } from "#base/state/codec.ts";
import { followView } from "#base/state/view.ts";
import { addressesOf, internalAddress } from "#cli/agent/addresses.ts";
import { isPlacing, stabilizationMs } from "#cli/agent/internal/calm.ts";
import { StandBys } from "#cli/agent/internal/stand-bys.ts";
import { ownAddresses } from "#cli/os/own-addresses.ts";
import { testAgent, until } from "#test/scenario/agent.ts";
import { HandClock, turns } from "#test/base/client/templates/hand-clock.ts";
import { makeJob, makeNode, startCluster } from "#test/daemons/scheduler/server/cluster.ts";
import { follow, KEY, pair, reader, SERVICES, sharedTemplates } from "./shared-templates.ts";

const root = mkdtempSync(join(tmpdir(), "lares-agent-config-"));
test.after.always(() => rmSync(root, { recursive: true, force: true }));

const Configuration = v.object({ SchedulerConfig: v.record(v.string(), v.unknown()) });
const Ids = v.array(v.object({ ID: v.string() }));

/** A second configuration file: blocks of one file may not come twice. */
function beside(name: string, text: string): { readonly flags: readonly string[] } {
  writeFileSync(join(root, name), text);
  return { flags: ["-config", join(root, name)] };
}

test("service TTLs reach DNS, and a node has one id wherever its notes are kept", async (t) => {
  const config = `client {
  state_dir = "${root}/notes"
}
discovery {
  dns {
    service_ttl = { "web*" = "30s" }
  }
}`;
  const agent = await testAgent(beside("ttl.hcl", config));
  t.teardown(() => agent.remove());
  for (const Name of ["web-1", "db"]) {
    const body = JSON.stringify({ Name, Port: 80 });
    t.is((await fetch(`${agent.consul}/v1/agent/service/register`, { method: "PUT", body })).status, 200);
    await until(`${Name} is in the catalog`, async () => {
      const found = await fetch(`${agent.consul}/v1/catalog/service/${Name}`);
      return (await found.text()).includes(`"ServiceName":"${Name}"`);
    });
  }
  const resolver = new Resolver();
  resolver.setServers([`127.0.0.1:${agent.dnsPort}`]);
  const ttlOf = async (name: string): Promise<number | undefined> =>
    (await resolver.resolve4(`${name}.service.consul`, { ttl: true }))[0]?.ttl;
  t.deepEqual([await ttlOf("web-1"), await ttlOf("db")], [30, 0]);
  const idsAt = async (url: string): Promise<string[]> =>
    v.parse(Ids, await (await fetch(url)).json()).map(({ ID }) => ID);
  await until("the node is registered", async () => (await idsAt(`${agent.nomad}/v1/nodes`)).length === 1);
  t.deepEqual(await idsAt(`${agent.nomad}/v1/nodes`), await idsAt(`${agent.consul}/v1/catalog/nodes`));
});

test("an agent that is to wait for files serves nothing until they are there", async (t) => {
  const [first, second, said] = [join(root, "network"), join(root, "member"), join(root, "said")];
  const main = new URL("../../../cli/main.ts", import.meta.url).pathname;
  let serves = false;
  const starting = testAgent({
    flags: ["-await", first, "-await", second],
    command: ["sh", "-c", 'exec "$0" "$@" >"$SAID" 2>&1', process.execPath, main],
    env: { SAID: said },
  }).then((agent) => {
    serves = true;
    return agent;
  });
  // Heard where it is awaited.
  starting.catch(() => {});
  for (const file of [first, second]) {
    await until("it waits", async () => existsSync(said) && readFileSync(said, "utf8").includes(`there is ${file}`));
    t.false(serves);
    writeFileSync(file, "");
  }
  const agent = await starting;
  t.teardown(() => agent.remove());
  t.true(serves);
});

for (const [name, config, says] of [
  ["plugin", 'plugin "raw_exce" {\n  config { enabled = true }\n}', /no plugin "raw_exce"[^]*did you mean "raw_exec"/],
  ["option", 'plugin "raw_exec" {\n  config { enable = true }\n}', /no key "enable"[^]*did you mean enabled/],
] as const) {
  test(`an agent does not start with a misspelt ${name}`, async (t) => {
    const error = await t.throwsAsync(testAgent(beside(`${name}.hcl`, config)));
    t.regex(error.message, says);
  });
}

test("the scheduler starts as the file says, and stays as it was set afterwards", async (t) => {
  const config = `server {
  default_scheduler_config {
    scheduler_algorithm             = "spread"
    memory_oversubscription_enabled = true
    preemption_config {
      service_scheduler_enabled = true
    }
  }
}`;
  const agent = await testAgent(beside("scheduler.hcl", config));
  t.teardown(() => agent.remove());
  const read = async () =>
    v.parse(Configuration, await agent.get("/v1/operator/scheduler/configuration")).SchedulerConfig;
  const first = await read();
  t.like(first, { SchedulerAlgorithm: "spread", MemoryOversubscriptionEnabled: true });
  t.like(first["PreemptionConfig"], { ServiceSchedulerEnabled: true, SystemSchedulerEnabled: true });
  t.is((await agent.lares("operator", "scheduler", "set-config", "-scheduler-algorithm=binpack")).code, 0);
  await agent.stop();
  await agent.start();
  t.is((await read())["SchedulerAlgorithm"], "binpack");
});

test("all templates of a node ask once for the same; what nobody asks for any more is followed no more", async (t) => {
  const { templates, asked, close } = sharedTemplates({ acl: false });
  t.teardown(close);
  const [one, two] = [reader("1"), reader("2", { namespace: "other", jobId: "api" })];
  const [here, there] = [templates.join(one), templates.join(two)];
  const follows = [here, there].flatMap((shared) => [follow(shared, KEY), follow(shared, SERVICES)]);
  await turns();
  const ofKey = asked.filter(({ url }) => url.includes("/v1/kv/a") && !url.includes("index="));
  t.is(ofKey.length, 1, "one request for two namespaces");
  const ofServices = asked.filter(({ url }) => url.includes("/v1/services"));
  const namespaces = ofServices.map(({ url }) => /namespace=(\w+)/.exec(url)?.[1] ?? "");
  t.deepEqual(new Set(namespaces), new Set(["default", "other"]));
  t.is(ofServices.length, 2);
  t.deepEqual([follows[0]?.told, follows[2]?.told], [['"first"'], ['"first"']]);
  const late = follow(templates.join(reader("3", { namespace: "third" })), KEY);
  await turns();
  t.deepEqual(late.told, ['"first"'], "what is known is told to a newcomer");
  t.is(asked.filter(({ url }) => url.includes("/v1/kv/a") && !url.includes("index=")).length, 1);
  for (const each of [...follows, late]) each.stop();
  here.leave();
  there.leave();
  there.leave();
  await turns();
  t.deepEqual(templates.size, { groups: 1, watches: 0 });
});

test("with access control those share whose rights are equal, with the token of one who lives, renewed in time", async (t) => {
  const { templates, asked, clock, over, close } = sharedTemplates({ acl: true, ttlMs: 3_600_000 });
  t.teardown(close);
  const [first, second, other] = [reader("1"), reader("2"), reader("3", { taskName: "sidecar" })];
  const shared = [first, second, other].map((each) => templates.join(each));
  const told = shared.map((each) => follow(each, KEY).told);
  const turn = async (): Promise<void> => {
    await turns();
    clock.advance(200);
    await turns();
  };
  await turn();
  t.deepEqual(told, [['"first"'], ['"first"'], ['"first"']]);
  const firstAsked = asked.filter(({ url }) => !url.includes("index="));
  t.deepEqual(
    firstAsked.map(({ token }) => token),
    ["1#1", "3#2"],
    "another task asks for itself",
  );
  const waiting = () => asked.filter(({ token, url }) => url.includes("index=") && !token.startsWith("3"));
  t.is(waiting().length, 1);
  clock.advance(1_900_000);
  waiting().at(-1)?.answer(pair("second"));
  await turn();
  t.is(waiting().at(-1)?.token, "1#3", "half of its life is over");
  t.deepEqual(told[1], ['"first"', '"second"']);
  over.add("1");
  shared[0]?.leave();
  waiting().at(-1)?.answer(pair("third"));
  await turn();
  t.is(waiting().at(-1)?.token, "2#4", "the one who asked before is gone");
  t.deepEqual(told[1]?.at(-1), '"third"');
  shared[1]?.leave();
  await turns();
  t.true(waiting().at(-1)?.isOver);
  t.is(templates.size.groups, 1);
});

const VIRTUALBOX = "08:00:27:00:00:01";
const card = (name: string, cidr: string, mac = "dc:a6:32:00:00:01"): InterfaceAddress => {
  const [address = ""] = cidr.split("/");
  return { name, address, family: cidr.includes(":") ? 6 : 4, cidr, mac, internal: name === "lo" };
};

test("an agent is known by an address that others reach, not by the one all machines have behind an emulator's NAT", (t) => {
  const env = createEnv({ logToStderr: false });
  t.teardown(() => env.close());
  const lo = card("lo", "127.0.0.1/8");
  const nat = card("enp0s3", "10.0.2.15/24", VIRTUALBOX);
  const lan = card("enp0s8", "192.168.56.4/24", VIRTUALBOX);
  const bridge = card("docker0", "172.17.0.1/16", "02:42:00:00:00:01");
  const rows: readonly (readonly [string, readonly InterfaceAddress[], string])[] = [
    ["VirtualBox's NAT first", [lo, nat, lan], "192.168.56.4"],
    ["and last", [lo, lan, nat], "192.168.56.4"],
    ["QEMU's", [lo, { ...nat, mac: "52:54:00:12:34:56" }, lan], "192.168.56.4"],
    [
      "two NATs",
      [lo, nat, card("enp0s8", "10.0.3.15/24", VIRTUALBOX), card("enp0s9", "192.168.56.4/24")],
      "192.168.56.4",
    ],
    ["containers are nobody's neighbours", [lo, nat, bridge], "10.0.2.15"],
    ["no other", [lo, nat], "10.0.2.15"],
    ["the other has none yet", [lo, nat, card("enp0s8", "fe80::1/64", VIRTUALBOX)], "10.0.2.15"],
    ["a house with that range", [lo, card("eth0", "10.0.2.15/24"), lan], "10.0.2.15"],
    ["another machine of it", [lo, card("eth0", "10.0.2.16/24", VIRTUALBOX), lan], "10.0.2.16"],
    ["a larger network", [lo, card("eth0", "10.0.2.15/16", VIRTUALBOX), lan], "10.0.2.15"],
    ["none at all", [lo], "127.0.0.1"],
  ];
  const config = { ...defaultAgentConfig(), bindAddress: "0.0.0.0" };
  for (const [what, interfaces, wanted] of rows) {
    const addresses = addressesOf(config, { ...env.net, interfaces: () => interfaces });
    t.is(addresses.advertise, wanted, what);
    t.is(internalAddress({ config, addresses }), `${wanted}:4647`, what);
  }
  const given = { ...config, advertise: { ...config.advertise, http: "10.0.2.15" } };
  t.is(addressesOf(given, { ...env.net, interfaces: () => [lo, nat, lan] }).advertise, "10.0.2.15", "whoever says so");
  t.deepEqual(ownAddresses({ interfaces: () => [lo, nat, lan] }), ["192.168.56.4", "10.0.2.15"]);
});

/** Two servers ask every second, as they do, until so many seconds are over. */
function standingBy(isBusy: () => boolean) {
  const clock = new HandClock();
  const moved: number[] = [];
  const standBys = new StandBys({
    env: { clock, log: silentLog },
    where: () => undefined,
    stableMs: () => 10_000,
    isPlacing: isBusy,
    move: () => {
      moved.push(clock.nowMs() / 1000);
      return Promise.resolve(succeed(undefined));
    },
  });
  const ask = (seconds: number, ...ids: readonly string[]): readonly number[] => {
    for (const end = clock.nowMs() + seconds * 1000; clock.nowMs() < end; clock.advance(1000))
      for (const id of ids) standBys.hear(id);
    return moved;
  };
  return { ask, wanted: (id: string) => standBys.hear(id) };
}

test("the state moves once two servers have stayed, and not while tasks are on their way, but for so long only", (t) => {
  const calm = standingBy(() => false);
  t.deepEqual(calm.wanted("one"), { engine: "sqlite", wanted: 1 });
  t.deepEqual(calm.ask(30, "one"), [], "one is not enough");
  t.deepEqual(calm.ask(10, "one", "two"), [], "the second has to stay");
  t.deepEqual(calm.wanted("two"), { engine: "sqlite", wanted: 0 });
  t.deepEqual(calm.ask(5, "one", "two"), [40]);

  const shaky = standingBy(() => false);
  shaky.ask(8, "one", "two");
  shaky.ask(7, "one");
  t.deepEqual(shaky.ask(9, "one", "two"), [], "one that was gone begins anew");
  t.deepEqual(shaky.ask(3, "one", "two"), [25]);

  let isBusy = true;
  const busy = standingBy(() => isBusy);
  t.deepEqual(busy.ask(60, "one", "two"), []);
  isBusy = false;
  t.deepEqual(busy.ask(2, "one", "two"), [60]);

  t.deepEqual(standingBy(() => true).ask(200, "one", "two"), [191], "a job that never runs does not hold it for ever");
});

test("something is being placed from when a job is there until its tasks run", async (t) => {
  const cluster = await startCluster({ quiet: true });
  t.teardown(() => cluster.stop());
  t.false(isPlacing(cluster.view));
  await cluster.server.link.register(makeNode("n1"));
  await cluster.run(makeJob());
  const [alloc] = cluster.running();
  if (alloc === undefined) throw new Error("nothing was placed");
  t.true(isPlacing(cluster.view), "its node was not heard of it");
  await cluster.report(alloc, { ClientStatus: "pending" });
  t.true(isPlacing(cluster.view));
  await cluster.report(alloc, { ClientStatus: "running" });
  t.false(isPlacing(cluster.view));
  await cluster.run(
    makeJob({
      ID: "huge",
      groups: [{ Count: 1, Tasks: [{ Name: "a", Driver: "mock", Resources: { CPU: 90_000, MemoryMB: 10 } }] }],
    }),
  );
  t.false(isPlacing(cluster.view), "what there is no room for is not on its way");
});

test("a server has to stay for half a minute, or for autopilot's setting", async (t) => {
  const store = new MemoryStore();
  const view = await followView(store, [autopilotConfigurations]);
  t.is(stabilizationMs(view), 30_000);
  const set = v.parse(AutopilotConfigurationSchema, { ServerStabilizationTime: "1m30s" });
  const { revision } = await store.txn({
    then: [put(autopilotConfigurations, { namespace: GLOBAL, id: "current" }, set)],
  });
  await view.reached(revision);
  t.is(stabilizationMs(view), 90_000);
  view.close();
  await store.close();
});
