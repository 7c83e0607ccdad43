import test, { type ExecutionContext } from "ava";
import * as v from "valibot";
import { HostVolumeSchema, type HostVolume } from "#base/protocol/host-volume.ts";
import type { Node } from "#base/protocol/node.ts";
import { hostVolumes, volumeClaims } from "#base/state/tables.ts";
import { stopAlloc } from "#daemons/scheduler/server/alloc-endpoint.ts";
import { makeJob, makeNode, makeReport, startCluster, until } from "../cluster.ts";

/** Dynamic host volumes as the servers see them; nodes that say what a test wants. */
type Cluster = Awaited<ReturnType<typeof startCluster>>;

const asked = (fields: Partial<HostVolume>): HostVolume => v.parse(HostVolumeSchema, { Name: "data", ...fields });
const able = { "kernel.name": "linux", "plugins.host_volume.mkdir.version": "0.0.1" };

interface Running {
  readonly t: ExecutionContext;
  readonly cluster: Cluster;
}

async function started(t: ExecutionContext): Promise<Cluster> {
  const cluster = await startCluster();
  t.teardown(() => cluster.stop());
  return cluster;
}

/** A node that makes every volume that it is asked for; of the names in `refuses` it says that it cannot. */
function willingNode(
  { t, cluster }: Running,
  id: string,
  more: { attributes?: Record<string, string>; refuses?: string[] } = {},
) {
  const { server, view } = cluster;
  let last = "";
  const say = async (): Promise<void> => {
    const own = [...view.table(hostVolumes).by("node", id)].map(({ value }) => value);
    const good = own.filter(({ Name, Deleting }) => !Deleting && more.refuses?.includes(Name) !== true);
    const HostVolumes: Node["HostVolumes"] = Object.fromEntries(
      good.map((each) => [
        each.Name,
        {
          Name: each.Name,
          Path: `/volumes/${each.ID}`,
          ReadOnly: false,
          Dynamic: {
            ID: each.ID,
            Namespace: each.Namespace,
            Revision: each.Revision,
            CapacityBytes: each.RequestedCapacityMinBytes,
            Capabilities: each.RequestedCapabilities,
          },
        },
      ]),
    );
    const HostVolumeNews = Object.fromEntries(
      own
        .filter((each) => !good.includes(each))
        .map(({ ID, Revision, Deleting }) => {
          const State = Deleting ? ("deleted" as const) : ("failed" as const);
          return [ID, { State, Revision, Message: Deleting ? "" : "disk is broken" }];
        }),
    );
    const node = makeNode(id, { Attributes: { ...able, ...more.attributes }, HostVolumes, HostVolumeNews });
    if (JSON.stringify(node) === last) return;
    last = JSON.stringify(node);
    await server.link.register(node);
  };
  let chain = say();
  const unfollow = view.onChange(({ rows }) => {
    if (rows.some(({ table }) => table === hostVolumes.name)) chain = chain.then(say);
  });
  t.teardown(() => {
    unfollow();
    return chain;
  });
  return { settled: () => chain };
}

/** A group that writes the volume `data`. */
const user = (volume: Record<string, unknown>, more: Record<string, unknown> = {}) =>
  makeJob({ groups: [{ Volumes: { v: { Name: "v", Type: "host", Source: "data", ...volume } }, ...more }] });

test("volumes › one is placed on a node that can have it, and ready when that node says so", async (t) => {
  const cluster = await started(t);
  const { volumes } = cluster.server;
  await willingNode({ t, cluster }, "a", { attributes: { "plugins.host_volume.mkdir.version": "" } }).settled();
  await willingNode({ t, cluster }, "b").settled();
  await willingNode({ t, cluster }, "c").settled();
  const first = await volumes.create(asked({}));
  const second = await volumes.create(asked({ RequestedCapacityMinBytes: 10 }));
  if (!first.ok || !second.ok) return void t.fail(JSON.stringify([first, second]));
  t.not(first.value.value.NodeID, second.value.value.NodeID, "one name is on a node once");
  t.like(first.value.value, { PluginID: "mkdir", NodePool: "default", Revision: 1 });
  t.deepEqual(first.value.value.RequestedCapabilities, [
    { AccessMode: "single-node-writer", AttachmentMode: "file-system" },
  ]);
  const grown = await volumes.create(asked({ ID: second.value.id, RequestedCapacityMinBytes: 20 }));
  t.like(grown.ok && grown.value.value, {
    Revision: 2,
    RequestedCapacityMinBytes: 20,
    NodeID: second.value.value.NodeID,
  });
  const elsewhere = await volumes.create(
    asked({ Constraints: [{ LTarget: "${attr.kernel.name}", RTarget: "bsd", Operand: "=" }] }),
  );
  t.regex(elsewhere.ok ? "" : elsewhere.error.message, /no node can have this volume: .*3 × against a constraint/);
});

test("volumes › what its node cannot make is not kept; mistakes are told before anybody is asked", async (t) => {
  const cluster = await started(t);
  const { volumes } = cluster.server;
  await willingNode({ t, cluster }, "a", { refuses: ["bad"] }).settled();
  const message = async (fields: Partial<HostVolume>, verb: "create" | "register" = "create"): Promise<string> => {
    const done = await volumes[verb](asked(fields));
    return done.ok ? "" : done.error.message;
  };
  t.is(await message({ Name: "bad" }), "could not make the volume: disk is broken");
  await until(() => cluster.view.table(hostVolumes).size === 0);
  t.regex(await message({ Name: "a/b" }), /name "a\/b": expected/);
  t.regex(await message({ Namespace: "nowhere" }), /namespace "nowhere" does not exist/);
  t.regex(await message({ RequestedCapabilities: [{ AccessMode: "all", AttachmentMode: "" }] }), /access_mode "all"/);
  t.regex(await message({ RequestedCapacityMinBytes: 2, RequestedCapacityMaxBytes: 1 }), /capacity_max \(1\) is less/);
  t.regex(await message({ PluginID: "lvm" }), /1 × without the plugin lvm/);
  t.regex(await message({ ID: "x" }), /there is no volume x to change/);
  t.regex(await message({ NodeID: "a" }, "register"), /host_path is missing/);
  t.regex(
    await message({ NodeID: "z", HostPath: "/srv" }, "register"),
    /node z cannot have this volume: there is none such/,
  );
  t.is(await message({ NodeID: "a", HostPath: "/srv" }, "register"), "");
});

test("volumes › jobs are placed where their volume is, one writer at a time where it says so, and keep it from being deleted", async (t) => {
  const cluster = await started(t);
  const { volumes } = cluster.server;
  await willingNode({ t, cluster }, "a").settled();
  const b = willingNode({ t, cluster }, "b");
  await b.settled();
  await cluster.run(user({}));
  t.is(cluster.running().length, 0);
  const made = await volumes.create(
    asked({
      NodeID: "b",
      RequestedCapabilities: [{ AccessMode: "single-node-single-writer", AttachmentMode: "file-system" }],
    }),
  );
  if (!made.ok) return void t.fail(made.error.message);
  await until(() => cluster.running().length === 1);
  const [first] = cluster.running();
  t.is(first?.NodeID, "b", "what waited for a volume goes on when there is one");
  t.deepEqual(first?.AllocatedResources.Shared.SoleVolumes, ["data"]);
  const other = { ...user({}), ID: "other", Name: "other" };
  const evaluation = await cluster.run(other);
  t.deepEqual(evaluation?.FailedTGAllocs?.["web"]?.DimensionExhausted, { "volume data has its one writer": 1 });
  const reader = { ...user({ ReadOnly: true }), ID: "reader", Name: "reader" };
  await cluster.run(reader);
  t.is(cluster.running("reader")[0]?.NodeID, "b");
  const wrong = { ...user({ AccessMode: "single-node-multi-writer" }), ID: "wrong", Name: "wrong" };
  await cluster.run(wrong);
  t.is(cluster.running("wrong").length, 0, "a mode that the volume has not is no match");
  const refused = await volumes.remove(made.value, { force: false });
  t.regex(refused.ok ? "" : refused.error.message, /is in use by allocations/);
  for (const id of ["app", "reader", "other"]) await cluster.server.jobs.deregister("default", id, { purge: false });
  await cluster.settled();
  const all = ["app", "reader", "other"].flatMap((id) => cluster.allocs(id));
  await cluster.server.link.report(all.map(({ alloc }) => makeReport(alloc, { ClientStatus: "complete" })));
  await cluster.settled();
  const over = cluster.allocs("other").map(({ alloc }) => makeReport(alloc, { ClientStatus: "complete" }));
  await cluster.server.link.report(over);
  const row = volumes.findById(made.value.id);
  if (row === undefined) return void t.fail("the volume is gone");
  t.true((await volumes.remove(row, { force: false })).ok);
  t.is(cluster.view.table(hostVolumes).size, 0);
});

test("volumes › an instance keeps to its volume for as long as job and volume stand, and to no other namespace's", async (t) => {
  const cluster = await started(t);
  const { volumes } = cluster.server;
  for (const id of ["a", "b", "c"]) await willingNode({ t, cluster }, id).settled();
  for (const NodeID of ["a", "b", "c"]) t.true((await volumes.create(asked({ NodeID }))).ok);
  const Constraints = [{ LTarget: "", RTarget: "", Operand: "distinct_hosts" }];
  const job = user({ Sticky: true }, { Count: 2, Constraints });
  await cluster.run(job);
  const where = () => new Map(cluster.running().map(({ Name, NodeID }) => [Name, NodeID]));
  const before = where();
  t.is(before.size, 2);
  t.is(cluster.view.table(volumeClaims).size, 2);
  for (let round = 0; round < 3; round++) {
    for (const alloc of cluster.running())
      await stopAlloc(cluster.server.context, alloc.ID, { noShutdownDelay: false });
    await cluster.settled();
    t.deepEqual(where(), before);
  }
  const claim = [...cluster.view.table(volumeClaims).list()][0];
  t.true(
    cluster.running().some(({ ID }) => ID === claim?.value.AllocID),
    "a claim names who has it now",
  );
  const [kept = ""] = [...before.values()];
  await cluster.server.nodes.setEligibility(kept, "ineligible");
  for (const alloc of cluster.running()) await stopAlloc(cluster.server.context, alloc.ID, { noShutdownDelay: false });
  await cluster.settled();
  t.is(cluster.running().length, 1, "it waits for its volume rather than go to another");
  const other = { ...job, ID: "other", Name: "other" };
  await cluster.server.namespaces.upsert({
    Name: "apart",
    Description: "",
    Quota: "",
    Meta: {},
    Capabilities: null,
    NodePoolConfiguration: null,
    VaultConfiguration: null,
    ConsulConfiguration: null,
  });
  await cluster.run({ ...other, Namespace: "apart" });
  t.is(cluster.state.jobAllocs("apart", "other").length, 0);
  await cluster.server.jobs.deregister("default", "app", { purge: true });
  await cluster.settled();
  await cluster.server.collector.run();
  await until(() => cluster.view.table(volumeClaims).size === 0);
  t.pass();
});
