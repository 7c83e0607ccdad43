import test from "ava";
import fc from "fast-check";
import { makeJob } from "../cluster.ts";
import { newAllocRecord, newDeploymentRecord } from "../records.ts";
import { decide, MINUTE_NS, transcript, type Line, type Story } from "./transcript.ts";

const update = { MaxParallel: 1, ProgressDeadline: 600e9, HealthCheck: "checks" };
const v0 = (Count: number, group: Record<string, unknown> = {}) =>
  makeJob({ Version: 0, groups: [{ Count, ...group }] });
/** Another environment: only new tasks can follow. */
const v1 = (Count: number, group: Record<string, unknown> = {}) =>
  makeJob({
    Version: 1,
    groups: [
      {
        Count,
        Tasks: [{ Name: "main", Driver: "mock", Env: { A: "2" }, Resources: { CPU: 100, MemoryMB: 300 } }],
        ...group,
      },
    ],
  });
const three: Line[] = [{ name: "web[0]" }, { name: "web[1]" }, { name: "web[2]" }];
const healthy = { DeploymentStatus: { Healthy: true, Timestamp: 1 } };

const stories: Record<string, [Story, string[]]> = {
  "a new job": [{ job: v0(2), allocs: [] }, ["place web[0] new", "place web[1] new"]],
  "a new job with an update block is deployed": [
    { job: v0(1, { Update: update }), allocs: [] },
    ["deployment of web", "place web[0] new"],
  ],
  "all is well": [{ job: v0(3), allocs: three }, []],
  "count up takes the lowest free names": [
    { job: v0(3), allocs: [{ name: "web[1]" }] },
    ["place web[0] new", "place web[2] new"],
  ],
  "count down stops the highest names": [
    { job: v0(1), allocs: three },
    ["stop web[1]: alloc not needed due to job update", "stop web[2]: alloc not needed due to job update"],
  ],
  "a stopped job": [
    { job: makeJob({ Stop: true }), allocs: [{ name: "web[0]" }, { name: "web[1]", status: "complete" }] },
    ["stop web[0]: alloc not needed due to job update"],
  ],
  "a purged job": [
    { job: undefined, allocs: [{ name: "web[0]" }] },
    ["stop web[0]: alloc not needed due to job update"],
  ],
  "a group that was removed": [
    { job: v0(1), allocs: [{ name: "web[0]" }, { name: "old[0]" }] },
    ["stop old[0]: alloc not needed due to job update"],
  ],
  "allocations of an earlier job of that name are stopped and replaced": [
    { job: v0(1), jobCreateIndex: 20, allocs: [{ name: "web[0]" }] },
    ["place web[0] new", "stop web[0]: alloc not needed due to job update"],
  ],
  "a lost node": [
    {
      job: v0(2),
      allocs: [
        { name: "web[0]", node: "n1" },
        { name: "web[1]", node: "n2" },
      ],
      downNodes: ["n2"],
    },
    ["place web[1] lost after web[1]", "stop web[1] lost: alloc is lost since its node is down"],
  ],
  "a lost node, while the count went down": [
    {
      job: v0(1),
      allocs: [
        { name: "web[0]", node: "n1" },
        { name: "web[1]", node: "n2" },
      ],
      downNodes: ["n2"],
    },
    ["stop web[1] lost: alloc is lost since its node is down"],
  ],
  "an allocation that is to move": [
    {
      job: v0(1),
      allocs: [
        {
          name: "web[0]",
          fields: {
            DesiredTransition: { ...newAllocRecord("").DesiredTransition, Migrate: true },
          },
        },
      ],
    },
    ["place web[0] migrate after web[0]", "stop web[0]: alloc is being migrated"],
  ],
  "a service group without update block is replaced at once": [
    { job: v1(3), versions: [v0(3)], allocs: three },
    [0, 1, 2].map((i) => `place web[${i}] update after web[${i}], stopping it`),
  ],
  "a rolling update starts with max_parallel": [
    { job: v1(3, { Update: update }), versions: [v0(3, { Update: update })], allocs: three },
    ["deployment of web", "place web[0] update after web[0], stopping it"],
  ],
  "a rolling update waits while the new one is not known to be healthy": [
    {
      job: v1(3, { Update: update }),
      versions: [v0(3)],
      deployment: newDeploymentRecord(v1(3, { Update: update })),
      allocs: [{ name: "web[0]", version: 1, fields: { DeploymentID: "deployment-1" } }, ...three.slice(1)],
    },
    [],
  ],
  "a rolling update goes on once it is": [
    {
      job: v1(3, { Update: update }),
      versions: [v0(3)],
      deployment: newDeploymentRecord(v1(3, { Update: update })),
      allocs: [
        { name: "web[0]", version: 1, fields: { DeploymentID: "deployment-1" }, report: healthy },
        ...three.slice(1),
      ],
    },
    ["place web[1] update after web[1], stopping it"],
  ],
  "a failed deployment replaces nothing": [
    {
      job: v1(2, { Update: update }),
      versions: [v0(2)],
      deployment: newDeploymentRecord(v1(2, { Update: update }), { Status: "failed" }),
      allocs: three.slice(0, 2),
    },
    [],
  ],
  "a deployment that failed for lack of room goes on when there is some": [
    {
      job: v0(2, { Update: update }),
      deployment: newDeploymentRecord(v0(2, { Update: update }), { Status: "failed" }),
      allocs: [{ name: "web[0]" }],
    },
    ["place web[1] new"],
  ],
  "a paused one neither": [
    {
      job: v1(2, { Update: update }),
      versions: [v0(2)],
      deployment: newDeploymentRecord(v1(2, { Update: update }), { Status: "paused" }),
      allocs: three.slice(0, 2),
    },
    [],
  ],
  "canaries come beside what runs": [
    { job: v1(2, { Update: { ...update, Canary: 1 } }), versions: [v0(2)], allocs: three.slice(0, 2) },
    ["deployment of web", "place web[0] new canary"],
  ],
  "a canary that runs waits for promotion": [
    {
      job: v1(2, { Update: { ...update, Canary: 1 } }),
      versions: [v0(2)],
      deployment: newDeploymentRecord(v1(2, { Update: { ...update, Canary: 1 } })),
      allocs: [
        ...three.slice(0, 2),
        { name: "web[0]", version: 1, fields: { Canary: true, DeploymentID: "deployment-1" }, report: healthy },
      ],
    },
    [],
  ],
  "a promoted canary takes its place, and the rest follows": [
    {
      job: v1(2, { Update: { ...update, Canary: 1 } }),
      versions: [v0(2)],
      deployment: newDeploymentRecord(v1(2, { Update: { ...update, Canary: 1 } }), {
        TaskGroups: {
          web: {
            ...newDeploymentRecord(v1(2, { Update: update })).TaskGroups["web"]!,
            DesiredCanaries: 1,
            Promoted: true,
          },
        },
      }),
      allocs: [
        ...three.slice(0, 2),
        { name: "web[0]", version: 1, fields: { DeploymentID: "deployment-1" }, report: healthy },
      ],
    },
    ["place web[1] update after web[1], stopping it", "stop web[0]: alloc not needed due to job update"],
  ],
  "a canary of a version that is no more": [
    {
      job: makeJob({ Version: 2, groups: [{ Count: 1 }] }),
      versions: [v0(1)],
      allocs: [
        { name: "web[0]" },
        { name: "web[0]", version: 1, fields: { Canary: true, DeploymentID: "deployment-1" } },
      ],
    },
    ["stop web[0]: alloc not needed due to job update", "update web[0]"],
  ],
  "what running tasks need not know is updated in place": [
    {
      job: makeJob({ Version: 1, Priority: 70, groups: [{ Count: 2 }] }),
      versions: [v0(2)],
      allocs: three.slice(0, 2),
    },
    ["update web[0]", "update web[1]"],
  ],
  "a failed allocation is replaced after its delay": [
    { job: v0(1), allocs: [{ name: "web[0]", status: "failed", report: { ModifyTime: 1000 * MINUTE_NS - 10e9 } }] },
    ["later web[0] at 60020 s"],
  ],
  "and when that is over": [
    { job: v0(1), allocs: [{ name: "web[0]", status: "failed", report: { ModifyTime: 999 * MINUTE_NS } }] },
    ["place web[0] reschedule after web[0], stopping it"],
  ],
  "the delay grows with each attempt": [
    {
      job: v0(1),
      allocs: [
        {
          name: "web[0]",
          status: "failed",
          report: { ModifyTime: 1000 * MINUTE_NS },
          fields: {
            RescheduleTracker: {
              Events: [30e9, 60e9, 120e9].map((Delay, at) => ({
                RescheduleTime: at,
                PrevAllocID: "",
                PrevNodeID: "",
                Delay,
              })),
              LastReschedule: "ok",
            },
          },
        },
      ],
    },
    ["later web[0] at 60240 s"],
  ],
  "a policy that gives up keeps the failure": [
    {
      job: v0(1, { ReschedulePolicy: { Attempts: 0, Unlimited: false } }),
      allocs: [{ name: "web[0]", status: "failed" }],
    },
    [],
  ],
  "a new version runs what failed for good": [
    {
      job: v1(1, { ReschedulePolicy: { Attempts: 0, Unlimited: false } }),
      versions: [v0(1)],
      allocs: [{ name: "web[0]", status: "failed" }],
    },
    ["place web[0] new"],
  ],
  "batch work that is done stays done": [
    {
      job: makeJob({ Type: "batch", groups: [{ Count: 2 }] }),
      allocs: [{ name: "web[0]", status: "complete" }, { name: "web[1]" }],
    },
    [],
  ],
  "a service that ended is started again": [
    { job: v0(1), allocs: [{ name: "web[0]", status: "complete" }] },
    ["place web[0] new"],
  ],
  "a system job runs on every feasible node": [
    { job: makeJob({ Type: "system" }), allocs: [{ name: "web[0]", node: "n1" }], feasible: ["n1", "n2"] },
    ["place web[0] new on n2"],
  ],
  "a system job on a node that went away": [
    { job: makeJob({ Type: "system" }), allocs: [{ name: "web[0]", node: "n1" }], downNodes: ["n1"] },
    ["stop web[0] lost: alloc is lost since its node is down"],
  ],
  "sysbatch work is done once per node": [
    {
      job: makeJob({ Type: "sysbatch" }),
      allocs: [{ name: "web[0]", node: "n1", status: "complete" }],
      feasible: ["n1", "n2"],
    },
    ["place web[0] new on n2"],
  ],
};

for (const [title, [story, lines]] of Object.entries(stories)) {
  test(`reconcile › ${title}`, (t) => {
    t.deepEqual(transcript(decide(story)), lines.toSorted());
  });
}

test("reconcile › whatever runs, afterwards exactly count have a place, under names of their own", (t) => {
  const line = fc.record({
    index: fc.integer({ min: 0, max: 6 }),
    version: fc.integer({ min: 0, max: 1 }),
    status: fc.constantFrom("pending", "running", "complete", "failed", "lost" as const),
    node: fc.constantFrom("n1", "n2"),
  });
  const property = fc.property(
    fc.uniqueArray(line, { selector: ({ index }) => index, maxLength: 7 }),
    fc.integer({ min: 0, max: 6 }),
    fc.constantFrom([], ["n1"]),
    (found, count, downNodes) => {
      const allocs = found.map(({ index, ...rest }): Line => ({
        ...rest,
        name: `web[${index}]`,
        report: { ModifyTime: 1 },
      }));
      const decision = decide({ job: v1(count), versions: [v0(count)], allocs, downNodes });
      const stopped = new Set(decision.stops.map(({ known }) => known.alloc.ID));
      const replaced = new Set(
        decision.placements.flatMap(({ previous, stopPrevious }) =>
          stopPrevious === undefined ? [] : (previous?.alloc.ID ?? []),
        ),
      );
      const stay = allocs.filter((each, at) => {
        const live = each.status === "running" || each.status === "pending";
        return live && !stopped.has(`alloc-${at}`) && !replaced.has(`alloc-${at}`);
      });
      const names = [...stay.map(({ name }) => `app.${name}`), ...decision.placements.map(({ name }) => name)];
      return (
        names.length === count &&
        new Set(names).size === count &&
        stay.every(({ node }) => !downNodes.some((down) => down === node))
      );
    },
  );
  fc.assert(property, { numRuns: 500 });
  t.pass();
});
