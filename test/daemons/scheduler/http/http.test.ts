import test from "ava";
import fc from "fast-check";
import * as v from "valibot";
import { ServerSchema } from "#base/protocol/server.ts";
import { jobDiff } from "#daemons/scheduler/server/job-diff.ts";
import { timeText } from "#daemons/scheduler/http/answers/time.ts";
import { makeJob, makeNode } from "../server/cluster.ts";
import { Keyring } from "#daemons/discovery/gossip/security/keyring.ts";
import { startSerf } from "../../discovery/serf/live.ts";
import { until } from "../../discovery/serf/real-serf.ts";
import { api, sent, startApi } from "./api.ts";

test("a job from registration to its allocation, as the CLI goes about it", async (t) => {
  const { put, get, cluster } = await api(t);
  const registered = await put("/v1/jobs", { ...sent(), Submission: { Source: 'job "app" {}', Format: "hcl2" } });
  t.is(registered.status, 200);
  t.is(registered.headers["x-nomad-index"], String(registered.json.Index));
  t.is(registered.json.JobModifyIndex, registered.json.EvalCreateIndex);
  await cluster.settled();
  const evaluation = await get(`/v1/evaluation/${registered.json.EvalID}`);
  t.like(evaluation.json, {
    Status: "complete",
    TriggeredBy: "job-register",
    JobModifyIndex: registered.json.JobModifyIndex,
    WaitUntil: "0001-01-01T00:00:00Z",
  });
  const [stub] = (await get(`/v1/evaluation/${registered.json.EvalID}/allocations`)).json;
  t.like(stub, {
    Name: "app.web[0]",
    NodeID: "node-1",
    ClientStatus: "pending",
    DesiredStatus: "run",
    TaskStates: null,
    JobType: "service",
  });
  const [alloc] = cluster.running();
  await cluster.report(alloc!, {
    TaskStates: {
      main: { State: "running", StartedAt: 1_700_000_000_123_456_768, Events: [{ Type: "Started", Time: 1 }] },
    },
  });
  const read = (await get(`/v1/allocation/${stub.ID}`)).json;
  t.is(read.ClientStatus, "running");
  t.is(read.TaskStates.main.StartedAt, "2023-11-14T22:13:20.123456768Z");
  t.is(read.TaskStates.main.FinishedAt, "0001-01-01T00:00:00Z");
  t.false("TaskHandle" in read.TaskStates.main);
  t.like(read.Job, { ID: "app", Version: 0, Status: "running" });
  t.is(read.Metrics.ScoreMetaData[0].NodeID, "node-1");
  const job = (await get("/v1/job/app")).json;
  t.like(job, {
    Status: "running",
    Stop: false,
    Stable: false,
    CreateIndex: registered.json.JobModifyIndex,
    JobModifyIndex: registered.json.JobModifyIndex,
  });
  const [line] = (await get("/v1/jobs?prefix=ap")).json;
  t.deepEqual(line.JobSummary.Summary.web, {
    Queued: 0,
    Complete: 0,
    Failed: 0,
    Running: 1,
    Starting: 0,
    Lost: 0,
    Unknown: 0,
  });
  t.like((await get("/v1/job/app/submission?version=0")).json, { Source: 'job "app" {}', Format: "hcl2" });
  t.is((await get("/v1/job/app/deployment")).json.Status, "running");
  t.is((await get("/v1/job/app/scale")).json.TaskGroups.web.Running, 1);
  t.is((await get("/v1/job/app/summary")).json.JobID, "app");
});

test("scale, versions, revert, stop and purge", async (t) => {
  const { put, get, delete: remove, cluster } = await api(t);
  await put("/v1/jobs", sent({}, { Update: { MaxParallel: 0 } }));
  const scaled = await put("/v1/job/app/scale", { Count: 3, Target: { Group: "web" } });
  t.is(scaled.status, 200);
  await cluster.settled();
  t.is(cluster.running().length, 3);
  t.is((await put("/v1/job/app/scale", { Count: -1, Target: { Group: "web" } })).status, 400);
  t.regex(
    (await put("/v1/job/app/scale", { Count: 1, Target: { Group: "db" } })).text,
    /task group "db" does not exist/,
  );
  const versions = (await get("/v1/job/app/versions?diffs=true")).json;
  t.deepEqual(
    versions.Versions.map((each: any) => each.Version),
    [1, 0],
  );
  t.like(versions.Diffs[0].TaskGroups[0].Fields[0], { Name: "Count", Old: "1", New: "3", Type: "Edited" });
  t.is((await put("/v1/job/app/revert", { JobID: "app", JobVersion: 0 })).status, 200);
  t.regex((await put("/v1/job/app/revert", { JobID: "app", JobVersion: 2 })).text, /can't revert to current version/);
  t.is((await put("/v1/job/app/stable", { JobID: "app", JobVersion: 0, Stable: true })).status, 200);
  t.true((await get("/v1/job/app/versions")).json.Versions[2].Stable);
  const stopped = await remove("/v1/job/app");
  t.truthy(stopped.json.EvalID);
  await cluster.settled();
  t.true((await get("/v1/job/app")).json.Stop);
  t.is(cluster.running().length, 0);
  await remove("/v1/job/app?purge=true");
  t.like(await get("/v1/job/app"), { status: 404, text: "job not found" });
  await put("/v1/system/gc");
  t.is((await get("/v1/jobs")).text.trim(), "[]");
});

test("plan says what would happen, and changes nothing", async (t) => {
  const { put, get, cluster } = await api(t);
  const plan = await put("/v1/job/app/plan", {
    ...sent({}, { Count: 2, Networks: [{ ReservedPorts: [{ Label: "db", Value: 6379 }] }] }),
    Diff: true,
  });
  t.is(plan.status, 200, plan.text);
  t.like(plan.json.Annotations.DesiredTGUpdates.web, { Place: 2, Stop: 0 });
  t.deepEqual(plan.json.FailedTGAllocs.web.DimensionExhausted, { "network: reserved port collision db=6379": 1 });
  t.like(plan.json.Diff, { Type: "Added", ID: "app" });
  t.like(plan.json.Diff.TaskGroups[0].Updates, { create: 2 });
  t.is(plan.json.JobModifyIndex, 0);
  t.is((await get("/v1/jobs")).text.trim(), "[]");
  await put("/v1/jobs", sent());
  await cluster.settled();
  const update = await put("/v1/job/app/plan", {
    ...sent({}, { Tasks: [{ Name: "main", Driver: "mock", Env: { A: "1" } }] }),
    Diff: true,
  });
  t.like(update.json.Annotations.DesiredTGUpdates.web, { DestructiveUpdate: 1 });
  t.is(update.json.Diff.Type, "Edited");
  t.is(cluster.server.table.cpuUsed[0], 100);
});

test("what clients get wrong is answered with what was expected", async (t) => {
  const { put, get, delete: remove } = await api(t);
  t.like(await put("/v1/jobs", {}), { status: 400, text: "Job must be specified" });
  t.is((await put("/v1/jobs", "{")).status, 400);
  t.like(await put("/v1/job/other", sent()), { status: 400, text: "Job ID does not match name" });
  t.regex((await put("/v1/jobs", sent({ TaskGroups: [] }))).text, /missing task groups/);
  t.regex(
    (await put("/v1/jobs", { ...sent(), EnforceIndex: true, JobModifyIndex: 77 })).text,
    /Enforcing job modify index 77/,
  );
  for (const [url, text] of [
    ["/v1/job/none", "job not found"],
    ["/v1/job/none/summary", "job not found"],
    ["/v1/allocation/none", "alloc not found"],
    ["/v1/evaluation/none", "eval not found"],
    ["/v1/node/none", "node not found"],
    ["/v1/deployment/none", "deployment not found"],
  ] as const) {
    t.like(await get(url), { status: 404, text });
  }
  t.is((await put("/v1/allocation/none/stop", {})).status, 404);
  t.is((await put("/v1/deployment/fail/none", {})).status, 404);
  t.is((await put("/v1/node/none/eligibility", { Eligibility: "eligible" })).status, 404);
  t.is((await put("/v1/node/node-1/eligibility", { Eligibility: "maybe" })).status, 400);
  t.is((await put("/v1/search", { Prefix: "a", Context: "planets" })).status, 400);
  t.is((await remove("/v1/job/none")).status, 200);
  const checked = (await put("/v1/validate/job", sent({ Type: "services" }))).json;
  t.true(checked.ValidationErrors.length > 0);
  t.regex(checked.Error, /service/);
});

test("job files are parsed", async (t) => {
  const { put } = await api(t);
  const JobHCL = 'job "x" {\n group "g" {\n task "t" {\n driver = "mock"\n}\n}\n}\n';
  const parsed = (await put("/v1/jobs/parse", { JobHCL, Canonicalize: true })).json;
  t.like(parsed, { ID: "x", Type: "service", Priority: 50 });
  const broken = await put("/v1/jobs/parse", { JobHCL: 'job "x" {\n grup "g" {}\n}\n' });
  t.is(broken.status, 400);
  t.regex(broken.text, /group/);
});

test("nodes: read without their secret, drained, made ineligible, purged", async (t) => {
  const { get, put, cluster } = await api(t, ["node-1", "node-2"]);
  const node = (await get("/v1/node/node-1")).json;
  t.like(node, { SecretID: "", Status: "ready", SchedulingEligibility: "eligible", Drain: false });
  t.regex(node.ComputedClass, /^v1:/);
  t.deepEqual(
    (await get("/v1/nodes")).json.map((each: any) => each.ID),
    ["node-1", "node-2"],
  );
  t.is((await put("/v1/node/node-1/eligibility", { Eligibility: "ineligible" })).status, 200);
  t.is((await get("/v1/node/node-1")).json.SchedulingEligibility, "ineligible");
  t.is((await put("/v1/node/node-2/drain", { DrainSpec: { Deadline: 3600e9 } })).status, 200);
  t.is((await get("/v1/nodes?prefix=node-2")).json[0].LastDrain.Status, "draining");
  t.is((await put("/v1/node/node-2/drain", { DrainSpec: null, MarkEligible: true })).status, 200);
  t.like((await get("/v1/node/node-2")).json, { Drain: false, SchedulingEligibility: "eligible" });
  const sick = { Detected: true, Healthy: false, HealthDescription: "cannot reach the Docker engine" };
  const made = makeNode("node-2");
  await cluster.server.link.register({
    ...made,
    Drivers: { ...made.Drivers, docker: { ...made.Drivers["docker"]!, ...sick } },
  });
  await cluster.server.link.register(made);
  const events = (await get("/v1/node/node-2")).json.Events.slice(-2);
  t.like(events[0], { Subsystem: "Driver", Message: sick.HealthDescription, Details: { driver: "docker" } });
  t.like(events[1], { Subsystem: "Driver", Message: "Healthy", Details: { driver: "docker" } });
  t.is((await put("/v1/node/node-1/purge")).status, 200);
  t.is((await get("/v1/node/node-1")).status, 404);
});

test("short ids are found, lists are filtered and paged, other namespaces are apart", async (t) => {
  const { get, put, cluster } = await api(t);
  for (const ID of ["a1", "a2", "b1"]) await put("/v1/jobs", sent({ ID, Name: ID }));
  t.is((await put("/v1/namespace", { Name: "prod" })).status, 200);
  await put("/v1/jobs?namespace=prod", sent({ ID: "p1", Name: "p1" }));
  await cluster.settled();
  t.deepEqual((await put("/v1/search", { Prefix: "a", Context: "jobs" })).json.Matches, { jobs: ["a1", "a2"] });
  const [evaluation] = (await get("/v1/evaluations")).json;
  const found = (await put("/v1/search", { Prefix: evaluation.ID.slice(0, 8), Context: "all" })).json;
  t.deepEqual(found.Matches.evals, [evaluation.ID]);
  const page = await get("/v1/jobs?per_page=2");
  t.deepEqual(
    page.json.map((each: any) => each.ID),
    ["a1", "a2"],
  );
  const next = await get(`/v1/jobs?per_page=2&next_token=${page.headers["x-nomad-nexttoken"]}`);
  t.deepEqual(
    next.json.map((each: any) => each.ID),
    ["b1"],
  );
  t.deepEqual((await get(`/v1/jobs?filter=${encodeURIComponent('ID == "b1"')}`)).json.length, 1);
  t.deepEqual(
    (await get("/v1/jobs?namespace=*")).json.map((each: any) => each.ID),
    ["a1", "a2", "b1", "p1"],
  );
  t.is((await get("/v1/job/p1")).status, 404);
  t.is((await get("/v1/job/p1?namespace=prod")).status, 200);
  t.is((await get("/v1/allocations")).json.length, 3);
});

test("a read blocks until what it reads changed", async (t) => {
  const { get, put, cluster } = await api(t);
  await put("/v1/jobs", sent());
  await cluster.settled();
  const [alloc] = cluster.running();
  const before = await get(`/v1/allocation/${alloc!.ID}`);
  const waiting = get(`/v1/allocation/${alloc!.ID}?index=${before.headers["x-nomad-index"]}&wait=60s`);
  await cluster.report(alloc!);
  t.is((await waiting).json.ClientStatus, "running");
});

test("the event stream begins with a heartbeat and gives what its topics ask for", async (t) => {
  const { send, put, cluster } = await api(t);
  const abort = new AbortController();
  const { body } = await send("GET", "/v1/event/stream?topic=Job:app&topic=Allocation", undefined, {
    signal: abort.signal,
  });
  const lines = (body as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]();
  const next = async () => JSON.parse(Buffer.from((await lines.next()).value as Uint8Array).toString());
  t.deepEqual(await next(), {});
  await put("/v1/jobs", sent({ ID: "other", Name: "other" }));
  await put("/v1/jobs", sent());
  await cluster.settled();
  const seen: string[] = [];
  while (!seen.includes("Job app JobRegistered")) {
    for (const event of (await next()).Events)
      seen.push(`${event.Topic} ${event.Topic === "Job" ? event.Key : "-"} ${event.Type}`);
  }
  t.false(seen.some((each) => each.startsWith("Job other") || each.startsWith("Evaluation")));
  abort.abort();
  while (!(await lines.next()).done);
});

test("the event stream starts in the past and knows namespaces", async (t) => {
  const { send, put, cluster } = await api(t);
  await put("/v1/jobs", sent());
  await cluster.settled();
  for (const alloc of cluster.running()) await cluster.report(alloc);
  const { createIndex } = cluster.state.job("default", "app")!;
  const events = async (query: string, until: string) => {
    const abort = new AbortController();
    const { body } = await send("GET", `/v1/event/stream${query}`, undefined, { signal: abort.signal });
    const seen: { Index: number; name: string }[] = [];
    for await (const line of body as AsyncIterable<Uint8Array>) {
      const { Events = [] } = JSON.parse(Buffer.from(line).toString());
      for (const event of Events) seen.push({ Index: event.Index, name: `${event.Topic} ${event.Type}` });
      if (seen.some(({ name }) => name === until)) abort.abort();
    }
    return seen;
  };
  const all = await events("", "Allocation AllocationUpdated");
  for (const name of [
    "Node NodeRegistration",
    "Job JobRegistered",
    "Evaluation EvaluationUpdated",
    "Allocation PlanResult",
  ]) {
    t.true(
      all.some((each) => each.name === name),
      name,
    );
  }
  t.deepEqual(
    all.map(({ Index }) => Index),
    all.map(({ Index }) => Index).toSorted((a, b) => a - b),
  );
  const later = await events(
    `?index=${createIndex}&topic=Job:app&topic=Allocation:app`,
    "Allocation AllocationUpdated",
  );
  t.is(later[0]?.name, "Job JobRegistered");
  t.true(later.every(({ Index }) => Index >= createIndex));
  t.is((await send("GET", "/v1/event/stream?topic=:x")).status, 400);
  // Nothing of another namespace; a node belongs to none.
  await cluster.server.nodes.setEligibility("node-1", "ineligible");
  const foreign = await events("?namespace=other", "Node NodeEligibility");
  t.true(foreign.every(({ name }) => name.startsWith("Node")));
});

test("agent, status, operator and metrics", async (t) => {
  const { get, put } = await api(t);
  await put("/v1/jobs", sent());
  t.is((await get("/v1/status/leader")).json, "127.0.0.1:4647");
  t.deepEqual((await get("/v1/status/peers")).json, ["127.0.0.1:4647"]);
  t.deepEqual((await get("/v1/regions")).json, ["global"]);
  t.is((await get("/v1/agent/self")).json.member.Name, "node-1.global");
  t.is((await get("/v1/agent/members")).json.Members.length, 1);
  t.true((await get("/v1/agent/health")).json.server.ok);
  t.is((await get("/v1/operator/scheduler/configuration")).json.SchedulerConfig.SchedulerAlgorithm, "binpack");
  t.true((await put("/v1/operator/scheduler/configuration", { SchedulerAlgorithm: "spread" })).json.Updated);
  t.false((await put("/v1/operator/scheduler/configuration?cas=1", { SchedulerAlgorithm: "spread" })).json.Updated);
  t.is((await get("/v1/operator/scheduler/configuration")).json.SchedulerConfig.SchedulerAlgorithm, "spread");
  await put("/v1/operator/scheduler/configuration", { NodeLimitForFeasibilityChecks: 50 });
  const { SchedulerConfig } = (await get("/v1/operator/scheduler/configuration")).json;
  t.is(SchedulerConfig.NodeLimitForFeasibilityChecks, 50, "read back as it was written, and without effect");
  t.regex(
    (await get("/v1/metrics?format=prometheus")).text,
    /nomad_nomad_job_summary_starting\{.*exported_job="app".*\} \d/,
  );
  t.true((await get("/v1/metrics")).json.Gauges.length > 5);
  t.is((await get("/v1/namespaces")).json[0].Name, "default");
});

test("deployments are paused, resumed and failed by hand", async (t) => {
  const { get, put, cluster } = await api(t);
  await put("/v1/jobs", sent());
  await cluster.settled();
  const [{ ID }] = (await get("/v1/deployments")).json;
  t.like((await get(`/v1/deployment/${ID}`)).json.TaskGroups.web, {
    DesiredTotal: 1,
    PlacedAllocs: 1,
    HealthyAllocs: 0,
  });
  t.is((await get(`/v1/deployment/allocations/${ID}`)).json.length, 1);
  t.is((await put(`/v1/deployment/pause/${ID}`, { DeploymentID: ID, Pause: true })).status, 200);
  t.is((await get(`/v1/deployment/${ID}`)).json.Status, "paused");
  t.is((await put(`/v1/deployment/pause/${ID}`, { DeploymentID: ID, Pause: false })).status, 200);
  t.regex((await put(`/v1/deployment/promote/${ID}`, { DeploymentID: ID, All: true })).text, /no canaries to promote/);
  t.is((await put(`/v1/deployment/fail/${ID}`, {})).status, 200);
  t.is((await get(`/v1/deployment/${ID}`)).json.Status, "failed");
  t.is((await put(`/v1/deployment/fail/${ID}`, {})).status, 400);
});

test("services with the built-in provider are where their allocations run", async (t) => {
  const { get, put, cluster } = await api(t);
  const Services = [
    {
      Name: "web",
      PortLabel: "http",
      Provider: "nomad",
      Tags: ["traefik.enable=true", "i-${NOMAD_ALLOC_INDEX}", "${node.datacenter}"],
    },
    { Name: "elsewhere", PortLabel: "http", Provider: "consul" },
  ];
  const Networks = [{ ReservedPorts: [{ Label: "http", Value: 8081 }] }];
  await put("/v1/jobs", sent({}, { Services, Networks }));
  await cluster.settled();
  t.deepEqual((await get("/v1/services")).json, []);
  const [alloc] = cluster.running();
  await cluster.report(alloc!);
  const Tags = ["dc1", "i-0", "traefik.enable=true"];
  t.deepEqual((await get("/v1/services")).json, [{ Namespace: "default", Services: [{ ServiceName: "web", Tags }] }]);
  const filter = encodeURIComponent('Tags contains "traefik.enable=true"');
  const [instance] = (await get(`/v1/service/web?filter=${filter}`)).json;
  t.like(instance, { Address: "10.0.0.1", Port: 8081, AllocID: alloc!.ID, NodeID: "node-1", JobID: "app" });
  await cluster.report(alloc!, { ClientStatus: "failed" });
  t.deepEqual((await get("/v1/service/web")).json, []);
});

test("resources are told the older way, too: flat, and ports that were chosen apart from static ones", async (t) => {
  const { put, get, cluster } = await api(t);
  const Networks = [{ ReservedPorts: [{ Label: "admin", Value: 9000 }], DynamicPorts: [{ Label: "http", To: 80 }] }];
  await put("/v1/jobs", sent({}, { Networks }));
  await cluster.settled();
  const [alloc] = cluster.running();
  const read = (await get(`/v1/allocation/${alloc!.ID}`)).json;
  const [network] = read.AllocatedResources.Shared.Networks;
  t.like(network.ReservedPorts, [{ Label: "admin", Value: 9000 }]);
  t.like(network.DynamicPorts, [{ Label: "http", To: 80 }]);
  t.deepEqual([network.ReservedPorts.length, network.DynamicPorts.length], [1, 1]);
  t.like(read.Resources, { CPU: 100, MemoryMB: 300, DiskMB: 300, Networks: [network] });
  t.like(read.TaskResources.main, { CPU: 100, MemoryMB: 300, DiskMB: 0, Networks: null });
  t.is(read.SharedResources.DiskMB, 300);
  const node = (await get("/v1/node/node-1")).json;
  t.is(node.Resources.MemoryMB, node.NodeResources.Memory.MemoryMB);
  t.is(node.Reserved.CPU, node.ReservedResources.Cpu.CpuShares);
});

test("filters see the metadata of jobs and nodes, which lists do not send", async (t) => {
  const { put, get } = await api(t);
  await put("/v1/jobs", sent({ ID: "mine", Name: "mine", Meta: { owner: "ann" } }));
  await put("/v1/jobs", sent());
  const found = (await get(`/v1/jobs?filter=${encodeURIComponent('Meta.owner == "ann"')}`)).json;
  t.deepEqual(
    found.map(({ ID, Meta }: { ID: string; Meta?: unknown }) => [ID, Meta]),
    [["mine", undefined]],
  );
  const nodes = async (filter: string) => (await get(`/v1/nodes?filter=${encodeURIComponent(filter)}`)).json;
  const [node] = await nodes('Attributes["kernel.name"] == "linux"');
  t.is(node.ID, "node-1");
  t.is(node.Attributes, undefined);
  t.deepEqual(await nodes('Attributes["kernel.name"] == "plan9"'), []);
});

test("a system job runs until it is stopped, also while no node is there for it", async (t) => {
  const { put, get, delete: remove, cluster } = await api(t, []);
  const status = async (id: string) => (await get(`/v1/job/${id}`)).json.Status;
  await put("/v1/jobs", sent({ ID: "all", Name: "all", Type: "system" }));
  await put("/v1/jobs", sent());
  await cluster.settled();
  t.deepEqual([await status("all"), await status("app")], ["running", "pending"]);
  await remove("/v1/job/all");
  await cluster.settled();
  t.is(await status("all"), "dead");
});

test("services: of a job, of an allocation, chosen by key, taken out; others wake nobody", async (t) => {
  const { get, put, delete: remove, cluster } = await api(t);
  const Services = [{ Name: "web", PortLabel: "http", Provider: "nomad" }];
  const Networks = [{ DynamicPorts: [{ Label: "http" }] }];
  await put("/v1/jobs", sent({}, { Count: 5, Services, Networks }));
  await put(
    "/v1/jobs",
    sent({ ID: "other", Name: "other" }, { Services: [{ ...Services[0], Name: "api" }], Networks }),
  );
  await cluster.settled();
  for (const alloc of cluster.running()) await cluster.report(alloc);
  const all = (await get("/v1/service/web")).json;
  t.is(all.length, 5);
  t.deepEqual((await get("/v1/job/app/services")).json, all);
  t.deepEqual((await get(`/v1/allocation/${all[0].AllocID}/services`)).json, [all[0]]);
  t.is((await get("/v1/allocation/none/services")).status, 404);
  const chosen = async (choice: string) =>
    (await get(`/v1/service/web?choose=${encodeURIComponent(choice)}`)).json.map((each: any) => each.ID);
  const two = await chosen("2|host-a");
  t.is(two.length, 2);
  t.deepEqual(await chosen("2|host-a"), two);
  t.deepEqual((await chosen("3|host-a")).slice(0, 2), two);
  t.is((await get("/v1/service/web?choose=x")).status, 400);
  t.is((await get("/v1/service/web?choose=0|a")).status, 400);
  const index = (await get("/v1/service/web")).headers["x-nomad-index"];
  const waiting = get(`/v1/service/web?index=${index}&wait=60s`);
  for (const alloc of cluster.running("other")) await cluster.report(alloc);
  t.is((await get("/v1/service/web")).headers["x-nomad-index"], index);
  t.is((await remove(`/v1/service/web/${two[1]}`)).status, 200);
  t.is((await waiting).json.length, 4);
  t.deepEqual((await chosen("2|host-a"))[0], two[0]);
  t.is((await remove(`/v1/service/web/${two[1]}`)).status, 404);
  t.deepEqual(
    (await get("/v1/services")).json[0].Services.map((each: any) => each.ServiceName),
    ["api", "web"],
  );
});

test("the actions of a job's tasks are listed", async (t) => {
  const { get, put } = await api(t);
  const Actions = [{ Name: "say", Command: "/bin/echo", Args: ["hello"] }];
  await put("/v1/jobs", sent({}, { Tasks: [{ Name: "main", Driver: "mock", Actions }] }));
  t.deepEqual((await get("/v1/job/app/actions")).json, [{ ...Actions[0], TaskName: "main", TaskGroupName: "web" }]);
  t.is((await get("/v1/job/none/actions")).status, 404);
});

test("a job that holds slashes in its name", async (t) => {
  const { get, put, cluster } = await api(t);
  const ID = "team/app";
  t.is((await put("/v1/jobs", sent({ ID, Name: ID }))).status, 200);
  await cluster.settled();
  t.is((await get("/v1/job/team%2Fapp")).json.ID, ID);
  t.is((await get("/v1/job/team/app/allocations")).json.length, 1);
});

test("times", (t) => {
  t.is(timeText(0), "0001-01-01T00:00:00Z");
  t.is(timeText(1e9), "1970-01-01T00:00:01Z");
  t.is(timeText(1_500_000_000), "1970-01-01T00:00:01.5Z");
});

test("a diff against itself is none, whatever the job", (t) => {
  const property = fc.property(fc.jsonValue(), fc.integer({ min: 0, max: 9 }), (Config, Count) => {
    const job = makeJob({ groups: [{ Count, Tasks: [{ Name: "a", Driver: "mock", Config: { value: Config } }] }] });
    const other = makeJob({
      groups: [{ Count: Count + 1, Tasks: [{ Name: "a", Driver: "mock", Config: { value: Config } }] }],
    });
    return (
      jobDiff(job, job).Type === "None" &&
      jobDiff(job, other).Type === "Edited" &&
      jobDiff(undefined, job).Type === "Added"
    );
  });
  fc.assert(property);
  t.pass();
});

function ringOf(key: string): Keyring {
  const made = Keyring.create(Buffer.from(key, "base64"));
  if (!made.ok) throw new Error(made.error.message);
  return made.value;
}

test("a server that follows says who leads", async (t) => {
  const server = (ID: string, RPC: string) => ({ ID, Name: ID, RPC, Address: "10.0.0.1", Version: "0.1.0" });
  const list = [server("node-1", "10.0.0.1:4647"), server("node-2", "10.0.0.2:4647")].map((each) =>
    v.parse(ServerSchema, each),
  );
  const never = () => Promise.reject(new Error("nobody asks"));
  const shared = { list: () => list, isAlive: () => true, transferLeadership: never, remove: never };
  const stats = async (leaderId: string | undefined) => {
    const started = await startApi({}, { servers: { ...shared, selfId: "node-1", leaderId } });
    t.teardown(() => started.stop());
    return (await started.get("/v1/agent/self")).json.stats.nomad;
  };
  t.like(await stats("node-1"), { leader: "true", leader_addr: "10.0.0.1:4647" });
  t.like(await stats("node-2"), { leader: "false", leader_addr: "10.0.0.2:4647" });
  t.like(await stats(undefined), { leader: "false", leader_addr: "" });
});

test("members come and go, and gossip's keys change, by the scheduler's API", async (t) => {
  const key = Buffer.alloc(32, 7).toString("base64");
  const next = Buffer.alloc(32, 9).toString("base64");
  const ours = await startSerf(t, "node-1", { tags: { role: "consul", dc: "dc1" }, keyring: ringOf(key) });
  const tags = { role: "consul", dc: "dc1", port: "14647", lares: "0.2.0" };
  const other = await startSerf(t, "node-2", { tags, keyring: ringOf(key) });
  const started = await startApi({}, { pool: ours.serf });
  const { get, put } = started;
  t.teardown(() => started.stop());
  const join = await put(`/v1/agent/join?address=${other.place}&address=127.0.0.1:1`);
  t.is(join.json.num_joined, 1);
  t.regex(join.json.error, /127\.0\.0\.1:1/);
  const members = async () => (await get("/v1/agent/members")).json.Members;
  t.like((await members())[0], { Name: "node-1.global", Status: "alive", Tags: { role: "nomad", port: "4647" } });
  t.like((await members())[1], { Name: "node-2.global", Tags: { build: "0.2.0", port: "14647", dc: "dc1" } });

  t.deepEqual((await get("/v1/agent/keyring/list")).json, { Messages: {}, Keys: { [key]: 2 }, NumNodes: 2 });
  t.is((await put("/v1/agent/keyring/install", { Key: "short" })).status, 400);
  t.is((await put("/v1/agent/keyring/forget", { Key: next })).status, 404);
  for (const verb of ["install", "use"]) t.is((await put(`/v1/agent/keyring/${verb}`, { Key: next })).status, 200);
  t.is((await put("/v1/agent/keyring/remove", { Key: key })).status, 200);
  t.deepEqual((await get("/v1/agent/keyring/list")).json.Keys, { [next]: 2 });

  t.is((await put("/v1/agent/force-leave?node=node-2.global")).status, 400);
  await other.stop();
  await until(() => ours.statusOf("node-2") === "failed", "the other failed");
  t.is((await put("/v1/agent/force-leave?node=node-2.global")).status, 200);
  t.is((await members())[1].Status, "left");
  const alone = await startApi();
  t.teardown(() => alone.stop());
  t.is((await alone.get("/v1/agent/keyring/list")).status, 501);
});
