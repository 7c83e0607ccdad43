import test from "ava";
import fc from "fast-check";
import { matchGlob } from "#base/language/glob.ts";
import { GLOBAL } from "#base/protocol/keys.ts";
import { put as storedPut } from "#base/state/codec.ts";
import { namespaces } from "#base/state/tables.ts";
import { poolConfiguration } from "#daemons/scheduler/server/tenancy/node-pool.ts";
import { api, sent } from "../../http/api.ts";
import { makeNode } from "../cluster.ts";

test("namespaces are made, read, listed, changed and deleted", async (t) => {
  const { get, put, delete: remove } = await api(t);
  const made = await put("/v1/namespace", { Name: "web", Description: "The shop", Meta: { team: "a" } });
  t.is(made.status, 200);
  t.regex(String(made.headers["x-nomad-index"]), /^\d+$/);
  const read = await get("/v1/namespace/web");
  t.like(read.json, { Name: "web", Description: "The shop", Meta: { team: "a" }, Capabilities: null, Quota: "" });
  t.is(read.json.CreateIndex, read.json.ModifyIndex);
  t.false("Deleting" in read.json);
  t.is(read.headers["x-nomad-index"], String(read.json.ModifyIndex));
  t.is((await put("/v1/namespace/web", { Description: "Closed" })).status, 200);
  const changed = (await get("/v1/namespace/web")).json;
  t.true(changed.ModifyIndex > changed.CreateIndex);
  const names = async (url: string) => (await get(url)).json.map((each: any) => each.Name);
  t.deepEqual(await names("/v1/namespaces"), ["default", "web"]);
  t.deepEqual(await names("/v1/namespaces?prefix=w"), ["web"]);
  t.deepEqual(await names("/v1/namespaces?per_page=1"), ["default"]);
  t.deepEqual(await names(`/v1/namespaces?filter=${encodeURIComponent('Name == "web"')}`), ["web"]);
  t.is((await remove("/v1/namespace/web")).status, 200);
  t.like(await get("/v1/namespace/web"), { status: 404, text: "Namespace not found" });
  t.is((await remove("/v1/namespace/web")).status, 404);
  t.is((await remove("/v1/namespace/default")).status, 400);
  t.is((await put("/v1/namespace/default", { Description: "Ours" })).status, 200);
  t.is((await get("/v1/namespace/default")).json.Description, "Ours");
  for (const body of [{ Name: "a b" }, { Name: "" }, { Name: "a", Description: "x".repeat(257) }]) {
    t.is((await put("/v1/namespace", body)).status, 400);
  }
  t.is((await put("/v1/namespace/a", { Name: "b" })).status, 400);
});

test("a list of namespaces blocks until one changes", async (t) => {
  const { get, put } = await api(t);
  await put("/v1/namespace", { Name: "a" });
  const index = (await get("/v1/namespaces")).headers["x-nomad-index"];
  const waiting = get(`/v1/namespaces?index=${index}&wait=60s`);
  await put("/v1/namespace", { Name: "b" });
  t.is((await waiting).json.length, 3);
});

test("jobs go where their namespace lets them", async (t) => {
  const { get, put, delete: remove, cluster } = await api(t);
  t.like(await put("/v1/jobs?namespace=web", sent()), {
    status: 400,
    text: 'job "app" is in nonexistent namespace "web"',
  });
  await put("/v1/node/pool/edge", {});
  await put("/v1/namespace", {
    Name: "web",
    Capabilities: { EnabledTaskDrivers: ["docker"], DisabledNetworkModes: ["host"] },
    NodePoolConfiguration: { Default: "edge", Denied: ["def*"] },
  });
  t.regex((await put("/v1/jobs?namespace=web", sent())).text, /task drivers \["mock"\] are not allowed/);
  t.regex((await put("/v1/job/app/plan?namespace=web", sent())).text, /task drivers \["mock"\] are not allowed/);
  const Tasks = [{ Name: "main", Driver: "docker", Config: { image: "x" } }];
  t.regex(
    (await put("/v1/jobs?namespace=web", sent({}, { Tasks, Networks: [{ Mode: "host" }] }))).text,
    /network modes \["host"\] are not allowed/,
  );
  t.regex(
    (await put("/v1/jobs?namespace=web", sent({ NodePool: "default" }, { Tasks }))).text,
    /node pool "default" is not allowed in namespace "web"/,
  );
  t.regex(
    (await put("/v1/jobs?namespace=web", sent({ NodePool: "none" }, { Tasks }))).text,
    /in nonexistent node pool "none"/,
  );
  const taken = await put("/v1/jobs?namespace=web", sent({}, { Tasks }));
  t.is(taken.status, 200, taken.text);
  t.is((await get("/v1/job/app?namespace=web")).json.NodePool, "edge");
  const refused = await remove("/v1/namespace/web");
  t.is(refused.status, 409);
  t.regex(refused.text, /has jobs that are not dead, such as "app"/);
  t.is((await put("/v1/jobs?namespace=web", sent({ ID: "b", Name: "b" }, { Tasks }))).status, 200);
  await remove("/v1/job/app?namespace=web");
  await remove("/v1/job/b?namespace=web");
  await cluster.settled();
  t.is((await remove("/v1/namespace/web")).status, 200);
});

test("node pools: the built-in ones stay as they are, others come and go", async (t) => {
  const { get, put, delete: remove, cluster } = await api(t);
  const names = async (url: string) => (await get(url)).json.map((each: any) => each.Name ?? each.ID);
  t.deepEqual(await names("/v1/node/pools"), ["all", "default"]);
  const SchedulerConfiguration = { SchedulerAlgorithm: "spread", MemoryOversubscriptionEnabled: true };
  t.is((await put("/v1/node/pools", { Name: "gpu", Meta: { a: "1" }, SchedulerConfiguration })).status, 200);
  t.like((await get("/v1/node/pool/gpu")).json, { Name: "gpu", Meta: { a: "1" }, SchedulerConfiguration });
  t.is(poolConfiguration(cluster.view, "gpu").SchedulerAlgorithm, "spread");
  t.is(poolConfiguration(cluster.view, "default").SchedulerAlgorithm, "binpack");
  t.deepEqual(await names("/v1/node/pools?prefix=g"), ["gpu"]);
  await cluster.server.link.register(makeNode("node-9", { NodePool: "attic" }));
  t.deepEqual(await names("/v1/node/pools"), ["all", "attic", "default", "gpu"]);
  t.deepEqual(await names("/v1/node/pool/attic/nodes"), ["node-9"]);
  t.deepEqual(await names("/v1/node/pool/all/nodes"), ["node-1", "node-9"]);
  await put("/v1/jobs", sent({ NodePool: "attic" }));
  await cluster.settled();
  t.deepEqual(await names("/v1/node/pool/attic/jobs"), ["app"]);
  t.deepEqual(await names("/v1/node/pool/default/jobs"), []);
  t.is(cluster.running()[0]?.NodeID, "node-9");
  t.regex((await remove("/v1/node/pool/attic")).text, /has nodes, such as node-9/);
  t.is((await remove("/v1/node/pool/gpu")).status, 200);
  t.like(await get("/v1/node/pool/gpu"), { status: 404, text: "node pool not found" });
  t.is((await get("/v1/node/pool/gpu/jobs")).status, 404);
  t.is((await get("/v1/node/pool/gpu/nodes")).status, 404);
  for (const name of ["all", "default"]) {
    t.is((await put(`/v1/node/pool/${name}`, { Description: "x" })).status, 400);
    t.is((await remove(`/v1/node/pool/${name}`)).status, 400);
  }
  t.is((await put("/v1/node/pools", { Name: "a b" })).status, 400);
  t.is(
    (await put("/v1/node/pools", { Name: "a", SchedulerConfiguration: { SchedulerAlgorithm: "worst" } })).status,
    400,
  );
  await t.throwsAsync(cluster.server.link.register(makeNode("node-7", { NodePool: "all" })));
});

test("a job that is registered while its namespace is deleted is refused, or keeps it", async (t) => {
  const { get, put, delete: remove } = await api(t);
  for (let round = 0; round < 10; round++) {
    await put("/v1/namespace", { Name: "web" });
    const [job, gone] = await Promise.all([put("/v1/jobs?namespace=web", sent()), remove("/v1/namespace/web")]);
    t.false(job.status === 200 && gone.status === 200);
    if (job.status === 200) {
      t.is((await get("/v1/namespace/web")).status, 200);
      await remove("/v1/job/app?namespace=web&purge=true");
    }
  }
});

test("a namespace whose deletion a crash cut off is open again", async (t) => {
  const { get, put, cluster } = await api(t);
  await put("/v1/namespace", { Name: "web" });
  const row = cluster.view.table(namespaces).get(GLOBAL, "web");
  const { revision } = await cluster.store.txn({
    then: [storedPut(namespaces, row!, { ...row!.value, Deleting: true })],
  });
  await cluster.view.reached(revision);
  t.is((await put("/v1/jobs?namespace=web", sent())).status, 400);
  await cluster.server.namespaces.reopen();
  t.is((await put("/v1/jobs?namespace=web", sent())).status, 200);
  t.is((await get("/v1/namespace/web")).status, 200);
});

test("a glob fits as its regular expression does", (t) => {
  const word = fc.string({ unit: fc.constantFrom("a", "b", "*"), maxLength: 8 });
  fc.assert(
    fc.property(word, fc.string({ unit: fc.constantFrom("a", "b"), maxLength: 8 }), (pattern, text) => {
      const regex = new RegExp(`^${pattern.replaceAll(/\*+/g, ".*")}$`);
      return matchGlob(pattern, text) === regex.test(text);
    }),
  );
  t.pass();
});
