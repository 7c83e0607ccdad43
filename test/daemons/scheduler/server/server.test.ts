import test from "ava";
import { makeJob, makeNode, startCluster } from "./cluster.ts";

const redis = () =>
  makeJob({
    ID: "redis-cache",
    Name: "redis-cache",
    groups: [
      {
        Name: "cache",
        Count: 2,
        Networks: [{ ReservedPorts: [{ Label: "db", Value: 6379 }] }],
        Tasks: [{ Name: "redis", Driver: "docker", Config: { image: "redis:latest", ports: ["db"] } }],
      },
    ],
  });

test("a static port fills one node; the second allocation waits, says why, and comes with the second node", async (t) => {
  const cluster = await startCluster();
  t.teardown(() => cluster.stop());
  await cluster.server.link.register(makeNode("node-1"));
  const evaluation = await cluster.run(redis());
  t.is(evaluation?.Status, "complete");
  t.deepEqual(evaluation?.QueuedAllocations, { cache: 1 });
  t.deepEqual(evaluation?.FailedTGAllocs["cache"]?.DimensionExhausted, {
    "network: reserved port collision db=6379": 1,
  });
  const first = cluster.running("redis-cache");
  t.deepEqual(
    first.map(({ Name }) => Name),
    ["redis-cache.cache[0]"],
  );
  t.deepEqual(first[0]?.AllocatedResources.Shared.Ports, [{ Label: "db", Value: 6379, To: 0, HostIP: "10.0.0.1" }]);
  const blocked = cluster.state.evaluation("default", evaluation?.BlockedEval ?? "");
  t.is(blocked?.value.Status, "blocked");

  await cluster.server.link.register(makeNode("node-2"));
  await cluster.settled();
  const names = cluster.running("redis-cache").map(({ Name, NodeID }) => `${Name} ${NodeID}`);
  t.deepEqual(names.toSorted(), ["redis-cache.cache[0] node-1", "redis-cache.cache[1] node-2"]);
  t.is(cluster.state.evaluation("default", blocked?.id ?? "")?.value.Status, "complete");
});
