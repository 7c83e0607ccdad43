import test from "ava";
import fc from "fast-check";
import { canonicalize } from "#base/language/jobspec/canonicalize.ts";
import { parseJob } from "#base/language/jobspec/parse-job.ts";
import type { Job } from "#base/protocol/job.ts";
import { jobDiff } from "#daemons/scheduler/server/job-diff.ts";
import { api, sent, startApi } from "../api.ts";

const HCL = (more: { job?: string; group?: string; task?: string } = {}) => `job "web" {
  ${more.job ?? ""}
  group "g" {
    ${more.group ?? ""}
    network {
      port "http" { to = 80 }
    }
    task "t" {
      driver = "mock_driver"
      config {
        image = "redis:7"
        ports = ["http"]
        mount { source = "a" }
      }
      ${more.task ?? ""}
    }
  }
}
`;

function job(more: Parameters<typeof HCL>[0] = {}): Job {
  const read = parseJob({ source: HCL(more), fileName: "web.hcl" });
  if (!read.ok) throw new Error(read.diagnostics.map(({ message }) => message).join());
  return canonicalize(read.job);
}

/** `+ Path: value` of every field that is not the same. */
function lines(value: unknown, path = ""): string[] {
  if (Array.isArray(value)) return value.flatMap((each: unknown) => lines(each, path));
  if (typeof value !== "object" || value === null) return [];
  const fields: Record<string, unknown> = { ...value };
  if ("Old" in fields) {
    if (fields["Type"] === "None") return [];
    const notes = Array.isArray(fields["Annotations"]) ? ` (${fields["Annotations"].join()})` : "";
    return [
      `${String(fields["Type"])} ${path}${String(fields["Name"])}: ${String(fields["Old"])} => ${String(fields["New"])}${notes}`,
    ];
  }
  const here = "Name" in fields ? `${path}${String(fields["Name"])}.` : path;
  const own = Array.isArray(fields["Annotations"]) ? [`${here}: ${fields["Annotations"].join()}`] : [];
  return [...own, ...["Fields", "Objects", "TaskGroups", "Tasks"].flatMap((key) => lines(fields[key], here))];
}

const CHANGES: readonly (readonly [
  before: Parameters<typeof HCL>[0],
  after: Parameters<typeof HCL>[0],
  ...expected: string[],
])[] = [
  [{}, { group: "count = 3" }, "Edited g.Count: 1 => 3 (forces create)"],
  [{ group: "count = 3" }, {}, "Edited g.Count: 3 => 1 (forces destroy)"],
  [
    {},
    { task: 'env { A = "b" }' },
    "g.t.: forces create/destroy update",
    "Added g.t.Env[A]: => b".replace(": =>", ":  =>"),
  ],
  [
    {},
    { task: 'kill_timeout = "9s"' },
    "g.t.: forces in-place update",
    "Edited g.t.KillTimeout: 5000000000 => 9000000000",
  ],
  [
    {},
    { job: 'meta { a = "1" }\ndatacenters = ["dc1"]' },
    "Added Meta[a]:  => 1",
    "Deleted Datacenters.Datacenters: * => ",
    "Added Datacenters.Datacenters:  => dc1",
  ],
  [
    { group: 'constraint {\nattribute = "a"\nvalue = "b"\n}' },
    { group: 'constraint {\nattribute = "a"\nvalue = "c"\n}' },
    "Deleted g.Constraint.LTarget: a => ",
    "Deleted g.Constraint.Operand: = => ",
    "Deleted g.Constraint.RTarget: b => ",
    "Added g.Constraint.LTarget:  => a",
    "Added g.Constraint.Operand:  => =",
    "Added g.Constraint.RTarget:  => c",
  ],
  [
    { group: 'service {\nname = "s"\nport = "http"\ntags = ["a", "b"]\n}' },
    { group: 'service {\nname = "s"\nport = "http"\ntags = ["b", "c"]\n}' },
    "Deleted g.Service.Tags.Tags: a => ",
    "Added g.Service.Tags.Tags:  => c",
  ],
  [
    {},
    { task: "resources { cpu = 200 }" },
    "g.t.: forces create/destroy update",
    "Edited g.t.Resources.CPU: 100 => 200",
  ],
];

for (const [before, after, ...expected] of CHANGES) {
  test(`diff: ${expected[0]} (${JSON.stringify(after).slice(0, 60)})`, (t) => {
    t.deepEqual(lines(jobDiff(job(before), job(after))), expected);
  });
}

test("a changed object is shown whole, lists inside a driver's options by the way to them", (t) => {
  const before = job();
  const after = structuredClone(before);
  const task = after.TaskGroups[0]?.Tasks[0];
  if (task !== undefined) task.Config = { ...task.Config, image: "redis:8", mount: [{ source: "b" }] };
  const diff = jobDiff(before, after).TaskGroups?.[0]?.Tasks?.[0];
  t.is(diff?.Type, "Edited");
  t.deepEqual(diff?.Objects, [
    {
      Type: "Edited",
      Name: "Config",
      Objects: null,
      Fields: [
        { Type: "Edited", Name: "image", Old: "redis:7", New: "redis:8", Annotations: null },
        { Type: "Edited", Name: "mount[0][source]", Old: "a", New: "b", Annotations: null },
        { Type: "None", Name: "ports[0]", Old: "http", New: "http", Annotations: null },
      ],
    },
  ]);
  t.is(diff?.Fields, null);
});

test("a job that is new or gone is so throughout", (t) => {
  const added = jobDiff(undefined, job());
  t.is(added.Type, "Added");
  t.deepEqual(added.TaskGroups?.[0]?.Tasks?.[0]?.Annotations, ["forces create"]);
  const gone = jobDiff(job(), undefined);
  t.like(gone, { Type: "Deleted", ID: "web" });
  t.deepEqual(gone.TaskGroups?.[0]?.Tasks?.[0]?.Annotations, ["forces destroy"]);
  const types = (value: unknown): string[] =>
    [...JSON.stringify(value).matchAll(/"Type":"(\w+)"/g)].map((each) => each[1] ?? "");
  t.deepEqual([...new Set(types(added))].toSorted(), ["Added", "None"]);
  t.deepEqual([...new Set(types(gone))].toSorted(), ["Deleted", "None"]);
});

test("what one diff adds, the reverse deletes", (t) => {
  const config = fc.dictionary(fc.constantFrom("a", "b", "c"), fc.jsonValue({ maxDepth: 2 }), { maxKeys: 3 });
  const swap: Readonly<Record<string, string>> = { Added: "Deleted", Deleted: "Added", Edited: "Edited", None: "None" };
  fc.assert(
    fc.property(config, config, fc.nat(3), (left, right, count) => {
      const make = (Config: Record<string, unknown>, Count: number): Job => {
        const made = job();
        return {
          ...made,
          TaskGroups: made.TaskGroups.map((group) => ({
            ...group,
            Count,
            Tasks: group.Tasks.map((task) => ({ ...task, Config })),
          })),
        };
      };
      const there = jobDiff(make(left, 1), make(right, count)).TaskGroups?.[0]?.Tasks?.[0]?.Objects?.[0];
      const back = jobDiff(make(right, count), make(left, 1)).TaskGroups?.[0]?.Tasks?.[0]?.Objects?.[0];
      const mirrored = there?.Fields?.map((each) => ({ ...each, Type: swap[each.Type], Old: each.New, New: each.Old }));
      return JSON.stringify(mirrored) === JSON.stringify(back?.Fields ?? undefined);
    }),
    { numRuns: 300 },
  );
  t.pass();
});

test("a job is answered as its users know it: nothing is null, tokens are empty", async (t) => {
  const { get, put, cluster } = await api(t);
  await put("/v1/jobs", sent());
  await cluster.settled();
  const read = (await get("/v1/job/app")).json;
  t.like(read, {
    Constraints: null,
    Affinities: null,
    Meta: null,
    Periodic: null,
    VaultToken: "",
    NomadTokenID: "",
    Stop: false,
  });
  const [group] = read.TaskGroups;
  t.like(group, { Constraints: null, Volumes: null, Scaling: null, Disconnect: null });
  t.like(group.Tasks[0], {
    Artifacts: null,
    Templates: null,
    Vault: null,
    Identity: null,
    LogConfig: { MaxFiles: 10 },
  });
  t.is(group.Tasks[0].Resources.Devices, null);
  // What was answered can be sent back, and is the same job.
  const again = await put("/v1/jobs", { Job: read });
  t.is(again.json.JobModifyIndex, read.JobModifyIndex);
});

test("jobs/parse: variables, defaults when asked for, and mistakes with their line", async (t) => {
  const { put } = await api(t);
  const JobHCL =
    'variable "n" { type = number }\nvariable "m" { default = "d" }\njob "x" {\n  meta = { m = var.m }\n  group "g" {\n    count = var.n\n    task "t" { driver = "docker" }\n  }\n}\n';
  const parse = (body: object) => put("/v1/jobs/parse", { JobHCL, ...body });
  const plain = (await parse({ Variables: "n = 2", VariableFlags: { m: "flag" } })).json;
  t.like(plain, { ID: "x", Name: "x", Priority: null, Meta: { m: "flag" }, JobModifyIndex: 0 });
  t.is(plain.TaskGroups[0].Count, 2);
  t.like((await parse({ Variables: '{"n": 3}', Canonicalize: true })).json, {
    Priority: 50,
    Namespace: "default",
    Type: "service",
  });
  const missing = await parse({});
  t.is(missing.status, 400);
  t.regex(missing.text, /^job\.hcl:1:10: error: the variable "n" has no value/);
  t.regex(
    (await put("/v1/jobs/parse", { JobHCL: 'job "x" { meta = { a = file("/etc/passwd") } }' })).text,
    /files cannot be read here/,
  );
  const loops = 'locals { a = [for i in range(1000) : [for j in range(1000) : i * j]] }\njob "x" {}';
  t.regex((await put("/v1/jobs/parse", { JobHCL: loops })).text, /needs more than 100000 evaluation steps/);
  t.regex(
    (await put("/v1/jobs/parse", { JobHCL: 'job "x" { meta = { a = yamldecode("a: 1").a } }' })).text,
    /"Meta":\{"a":"1"\}/,
  );
});

test("plan: what would be done, group by group", async (t) => {
  const { put, cluster } = await api(t);
  await put("/v1/jobs", sent());
  await cluster.settled();
  const { Job: stored } = sent();
  const TaskGroups = stored.TaskGroups.map((group) => ({ ...group, Count: (group.Count ?? 1) + 1 }));
  const plan = (await put("/v1/job/app/plan", { Job: { ...stored, TaskGroups }, Diff: true })).json;
  t.is(plan.Diff.Type, "Edited");
  t.deepEqual(plan.Diff.TaskGroups[0].Updates, { create: 1, "in-place update": 1 });
  t.like(plan.Diff.TaskGroups[0].Fields[0], { Name: "Count", Annotations: ["forces create"] });
  t.is(plan.FailedTGAllocs, null);
  t.is((await put("/v1/job/app/plan", { Job: stored, Diff: false })).json.Diff, null);
  const wrong = await put("/v1/job/app/plan", { Job: { ...stored, Priority: "high" } });
  t.is(wrong.status, 400);
  t.regex(wrong.text, /Job\.Priority: expected number, got "high"/);
});

test("a version has a name: it is kept, found and compared by it", async (t) => {
  const { get, put, delete: remove, cluster } = await api(t);
  const register = async (Priority: number) => {
    await put("/v1/jobs", sent({ Priority }));
    await cluster.settled();
  };
  await register(50);
  const tag = await put("/v1/job/app/versions/golden/tag", { Version: 0, Description: "the one" });
  t.like(tag.json, { Name: "golden", Description: "the one" });
  for (const priority of [51, 52, 53, 54, 55, 56, 57, 58]) await register(priority);
  const { Versions } = (await get("/v1/job/app/versions")).json;
  t.deepEqual(
    Versions.map(({ Version }: { Version: number }) => Version),
    [8, 7, 6, 5, 4, 3, 0],
  );
  t.like(Versions.at(-1).VersionTag, { Name: "golden", Description: "the one" });
  t.is((await get("/v1/job/app")).json.VersionTag, null);
  const { Diffs } = (await get("/v1/job/app/versions?diffs=true&diff_tag=golden")).json;
  t.is(Diffs.length, 6);
  t.like(Diffs[0].Fields[0], { Name: "Priority", Old: "50", New: "58" });
  t.is((await get("/v1/job/app/versions?diffs=true&diff_version=99")).status, 404);
  t.regex((await put("/v1/job/app/versions/golden/tag", { Version: 8 })).text, /already exists on a different version/);
  t.is((await put("/v1/job/app/versions/7/tag", {})).status, 400);
  t.is((await put("/v1/job/app/versions/old/tag", { Version: 1 })).status, 404);
  t.is((await remove("/v1/job/app/versions/golden/tag")).status, 200);
  t.is((await remove("/v1/job/app/versions/golden/tag")).status, 404);
});

test("a purged job leaves nothing behind that a new one of its name would show or overwrite", async (t) => {
  const { get, put, delete: remove, cluster } = await api(t);
  await put("/v1/jobs", { ...sent({ Priority: 60 }), Submission: { Source: "old", Format: "hcl2" } });
  await cluster.settled();
  const [old] = cluster.running();
  await remove("/v1/job/app?purge=true");
  t.is((await get("/v1/job/app/versions")).status, 404);
  t.is((await get("/v1/job/app/submission?version=0")).status, 404);
  await put("/v1/jobs", sent({ Priority: 70 }));
  await cluster.settled();
  const { Versions } = (await get("/v1/job/app/versions")).json;
  t.deepEqual(
    Versions.map(({ Priority }: { Priority: number }) => Priority),
    [70],
  );
  // The allocation of the old job still knows what it was made from.
  t.is((await get(`/v1/allocation/${old!.ID}`)).json.Job.Priority, 60);
  const revert = await put("/v1/job/app/revert", { JobID: "app", JobVersion: 0 });
  t.is(revert.status, 404);
});

test("the source a job was submitted as", async (t) => {
  const { get, put } = await api(t);
  const Submission = { Source: "job {}", Format: "hcl2", VariableFlags: { a: "b" }, Variables: "x = 1" };
  await put("/v1/jobs", { ...sent(), Submission });
  t.like((await get("/v1/job/app/submission?version=0")).json, {
    ...Submission,
    JobID: "app",
    Namespace: "default",
    Version: 0,
  });
  const long = await put("/v1/jobs", {
    ...sent({ Priority: 60 }),
    Submission: { ...Submission, Source: "x".repeat(1_100_000) },
  });
  t.regex(long.json.Warnings, /more than the 1000000 that are kept/);
  t.is((await get("/v1/job/app/submission?version=1")).status, 404);
  await put("/v1/jobs", { ...sent({ Priority: 61, Meta: { nomad_discard_job_source: "true" } }), Submission });
  t.is((await get("/v1/job/app/submission")).status, 404);
});

test("jobs that are too large or too deep are refused by every route that takes one", async (t) => {
  const { put } = await api(t);
  const TaskGroups = Array.from({ length: 2000 }, (_, at) => ({
    Name: `g${at}`,
    Tasks: [{ Name: "t", Driver: "mock" }],
  }));
  const deep = JSON.stringify(sent()).replace('"1h"', "[".repeat(20_000) + "]".repeat(20_000));
  const huge = sent({}, { Count: 100_000 });
  for (const path of ["/v1/jobs", "/v1/job/app", "/v1/job/app/plan"]) {
    const many = await put(path, sent({ TaskGroups }));
    t.is(many.status, 400);
    t.regex(many.text, /Job\.TaskGroups: at most 500 groups are possible/);
    t.regex((await put(path, deep)).text, /nested more than 64 deep/);
    t.regex((await put(path, huge)).text, /count is 100000, more than the limit of 50000/);
  }
  const checked = (await put("/v1/validate/job", deep)).json;
  t.regex(checked.Error, /nested more than 64 deep/);
});

test("a plan where every node is gone says so", async (t) => {
  const { put, cluster } = await api(t, ["node-1", "node-2"]);
  await put("/v1/jobs", sent());
  await cluster.settled();
  for (const id of ["node-1", "node-2"]) await put(`/v1/node/${id}/purge`, {});
  const plan = await put("/v1/job/app/plan", { ...sent({}, { Count: 3 }), Diff: true });
  t.is(plan.status, 200);
  t.is(plan.json.FailedTGAllocs.web.NodesEvaluated, 0);
});

test("warnings are counted and listed; a plan that finds no room shows the evaluation that would wait", async (t) => {
  const { put } = await api(t);
  const Update = { MaxParallel: 5, Canary: 4 };
  const { Warnings } = (await put("/v1/validate/job", sent({}, { Update }))).json;
  t.regex(
    Warnings,
    /^2 warnings:\n\n\* group "web": update: canary 4 is more than the count 1.*\n\* group "web": update: max_parallel 5/,
  );
  t.regex((await put("/v1/jobs", sent({}, { Update, MaxClientDisconnect: 1 }))).json.Warnings, /^3 warnings:/);
  const plan = (await put("/v1/job/app/plan", sent({}, { Count: 40_000 }))).json;
  t.like(plan.CreatedEvals[0], { JobID: "app", Status: "blocked", CreateIndex: 0 });
});

test("a version that only stops, scales or goes back keeps the text it was submitted as", async (t) => {
  const { get, put, delete: remove, cluster } = await api(t);
  const source = async () => (await get("/v1/job/app/submission")).json.Source;
  const submit = (Priority: number) =>
    put("/v1/jobs", { ...sent({ Priority, Type: "batch" }), Submission: { Source: `${Priority}`, Format: "hcl2" } });
  await submit(50);
  await submit(60);
  await cluster.settled();
  await put("/v1/job/app/scale", { Count: 2, Target: { Group: "web" } });
  t.is(await source(), "60");
  await put("/v1/job/app/revert", { JobID: "app", JobVersion: 0 });
  t.is(await source(), "50");
  await remove("/v1/job/app");
  t.is(await source(), "50");
});

test("a job stays what it is until it is purged", async (t) => {
  const { put, delete: remove } = await api(t);
  await put("/v1/jobs", sent({ Type: "batch" }));
  const cases = [
    [sent({ Type: "service" }), /cannot update job from type "batch" to "service"/],
    [sent({ Type: "batch", Periodic: { Spec: "@daily" } }), /cannot update non-periodic job to being periodic/],
    [sent({ Type: "batch", ParameterizedJob: {} }), /cannot update non-parameterized job to being parameterized/],
  ] as const;
  for (const [body, text] of cases) {
    for (const path of ["/v1/jobs", "/v1/job/app/plan"]) {
      const refused = await put(path, body);
      t.is(refused.status, 400);
      t.regex(refused.text, text);
    }
  }
  await remove("/v1/job/app?purge=true");
  t.is((await put("/v1/jobs", sent({ Type: "service" }))).status, 200);
});

test("a job keeps counts and resources when asked to; a scale may ask for the index it saw", async (t) => {
  const { get, put } = await api(t);
  const task = (CPU: number) => ({ Name: "main", Driver: "mock", Config: { run_for: "1h" }, Resources: { CPU } });
  await put("/v1/jobs", sent({}, { Count: 2, Tasks: [task(120)] }));
  const changed = sent({}, { Count: 3, Tasks: [task(240), { ...task(60), Name: "more" }] });
  await put("/v1/jobs", { ...changed, PreserveResources: true });
  const [group] = (await get("/v1/job/app")).json.TaskGroups;
  t.is(group.Count, 3);
  t.deepEqual(
    group.Tasks.map((each: any) => each.Resources.CPU),
    [120, 60],
  );
  const { JobModifyIndex } = (await put("/v1/jobs", { ...changed, PreserveCounts: true })).json;
  const scale = (index: number) =>
    put("/v1/job/app/scale", {
      Count: 1,
      Target: { Group: "web" },
      Message: "less",
      EnforceIndex: true,
      JobModifyIndex: index,
    });
  t.regex((await scale(1)).text, /Enforcing job modify index 1/);
  t.not((await scale(JobModifyIndex)).text.includes("Enforcing"), true);
});

test("a job goes back to a version by its tag", async (t) => {
  const { get, put } = await api(t);
  await put("/v1/jobs", sent({ Meta: { is: "first" } }));
  await put("/v1/job/app/versions/golden/tag", { Version: 0 });
  await put("/v1/jobs", sent({ Meta: { is: "second" } }));
  t.is((await put("/v1/job/app/revert", { JobVersion: 1, TaggedVersion: "golden" })).status, 400);
  t.is((await put("/v1/job/app/revert", { TaggedVersion: "silver" })).status, 404);
  t.is((await put("/v1/job/app/revert", { TaggedVersion: "golden" })).status, 200);
  t.like((await get("/v1/job/app")).json, { Version: 2, Meta: { is: "first" } });
});

test("priorities, counts and sources keep to what the cluster says", async (t) => {
  const jobs = { defaultPriority: 30, maxPriority: 200, maxCount: 5, maxSourceBytes: 10 };
  const started = await startApi({}, { jobs });
  t.teardown(() => started.stop());
  const { get, put } = started;
  const Submission = { Source: "job of eleven bytes", Format: "hcl2" };
  const done = await put("/v1/jobs", { ...sent(), Submission });
  t.regex(done.json.Warnings, /more than the 10 that are kept/);
  t.is((await get("/v1/job/app")).json.Priority, 30);
  t.is((await get("/v1/job/app/submission?version=0")).status, 404);
  t.is((await put("/v1/jobs", sent({ Priority: 200 }))).status, 200);
  t.regex((await put("/v1/jobs", sent({ Priority: 201 }))).text, /expected 1 to 200/);
  t.regex((await put("/v1/jobs", sent({}, { Count: 6 }))).text, /limit of 5/);
  const scale = (Count: number) => put("/v1/job/app/scale", { Count, Target: { Group: "web" } });
  t.regex((await scale(6)).text, /would have 6 instances, more than the limit of 5/);
  t.is((await scale(5)).status, 200);
});
