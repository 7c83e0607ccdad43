import test from "ava";
import * as v from "valibot";
import { testAgent, until, type TestAgent } from "#test/scenario/agent.ts";
import { removeAgent } from "#test/scenario/faults/tasks-of.ts";
import { rowsOf, shoot } from "./shoot.ts";

const CONFIG = `enable_debug = true
telemetry {
  prometheus_metrics         = true
  publish_node_metrics       = true
  publish_allocation_metrics = true
}
`;

/** One agent in a process of its own: its real composition, asked over real sockets. */
let agent: TestAgent;
test.before(async () => {
  agent = await testAgent({
    config: CONFIG,
    logLevel: "info",
  });
});
test.after.always(() => removeAgent(agent));

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly json: any;
}

async function ask(method: string, path: string, body?: unknown): Promise<Answer> {
  const init = body === undefined ? { method } : { method, body: JSON.stringify(body) };
  const response = await fetch(`${agent.nomad}${path}`, init);
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    text,
    get json() {
      return JSON.parse(text);
    },
  };
}

const get = (path: string) => ask("GET", path);
const put = (path: string, body?: unknown) => ask("PUT", path, body);

test.serial("what is said of the agent and its process", async (t) => {
  const self = (await get("/v1/agent/self")).json;
  t.is(self.member.Status, "alive");
  t.truthy(self.stats.runtime.version);
  const host = (await get("/v1/agent/host")).json.HostData;
  t.regex(host.OS, /Linux/);
  t.true(host.Network.some((each: any) => each.address === "127.0.0.1"));
  t.true(host.Disk["/"].DiskMB > host.Disk["/"].UsedMB);
  t.false(Object.entries(host.Environment).some(([name, value]) => /TOKEN/.test(name) && value !== "<redacted>"));
  t.is((await get("/v1/agent/host?server_id=leader")).status, 200);
  t.is((await get("/v1/agent/host?server_id=other")).status, 404);
  t.is((await get("/v1/agent/host?node_id=other")).status, 404);
  t.is((await put("/v1/agent/reload")).status, 200);
  const schedulers = (await get("/v1/agent/schedulers")).json;
  t.like(schedulers.schedulers[0], { status: "Started", workload_status: "WaitingToDequeue" });
  t.like((await get("/v1/agent/schedulers/config")).json, { num_schedulers: 1, server_id: schedulers.server_id });
  t.is((await put("/v1/agent/schedulers/config", { num_schedulers: 1 })).status, 200);
  t.regex((await put("/v1/agent/schedulers/config", { num_schedulers: 4 })).text, /one worker schedules/);
});

test.serial("there is one region", async (t) => {
  t.is((await get("/v1/jobs?region=global")).status, 200);
  t.like(await get("/v1/jobs?region=moon"), { status: 500, text: 'No path to region: this is "global", not "moon"' });
});

test.serial("servers come and go by name and address; this one is alone", async (t) => {
  const [own] = (await get("/v1/agent/servers")).json;
  const name = (await get("/v1/agent/members")).json.Members[0].Name;
  t.deepEqual((await put(`/v1/agent/join?address=${own}`)).json, { num_joined: 1, error: "" });
  const other = (await put(`/v1/agent/join?address=10.9.9.9:4648&address=${own}`)).json;
  t.is(other.num_joined, 1);
  t.regex(other.error, /cannot join 10\.9\.9\.9:4648/);
  t.is((await put("/v1/agent/join")).status, 400);
  t.is((await put(`/v1/agent/servers?address=${own}`)).status, 200);
  t.is((await put("/v1/agent/servers?address=10.9.9.9:4647")).status, 400);
  t.regex((await put(`/v1/agent/force-leave?node=${name}`)).text, /is alive/);
  t.is((await put("/v1/agent/force-leave?node=none")).status, 404);
  const raft = (await get("/v1/operator/raft/configuration")).json;
  t.like(raft.Servers[0], { Address: own, Leader: true, Voter: true, RaftProtocol: "3" });
  t.is((await ask("DELETE", "/v1/operator/raft/peer?id=none")).status, 404);
  t.is((await ask("DELETE", `/v1/operator/raft/peer?address=${own}`)).status, 400);
  t.is((await put("/v1/operator/raft/transfer-leadership")).status, 400);
  t.is((await put("/v1/operator/raft/transfer-leadership?address=1.2.3.4:1")).status, 404);
  const health = (await get("/v1/operator/autopilot/health")).json;
  t.like(health, { Healthy: true, FailureTolerance: 0 });
  t.is(health.Servers.length, 1);
});

test.serial("autopilot's configuration is checked and set", async (t) => {
  const before = (await get("/v1/operator/autopilot/configuration")).json;
  t.like(before, { CleanupDeadServers: true, LastContactThreshold: "200ms", MaxTrailingLogs: 250 });
  const changed = await put(`/v1/operator/autopilot/configuration?cas=${before.ModifyIndex}`, { MaxTrailingLogs: 9 });
  t.is(changed.json, true);
  t.is((await put("/v1/operator/autopilot/configuration?cas=1", { MaxTrailingLogs: 8 })).json, false);
  t.is((await get("/v1/operator/autopilot/configuration")).json.MaxTrailingLogs, 9);
  t.is((await put("/v1/operator/autopilot/configuration", { LastContactThreshold: "soon" })).status, 400);
});

test.serial("large job files, and slow functions, are read apart: the same job, the same mistakes", async (t) => {
  const file = (padding: string, hash: string) =>
    `job "large" {\n meta {\n  padding = "${padding}"\n  hash = ${hash}\n }\n group "g" {\n  task "t" {\n   driver = "mock"\n  }\n }\n}`;
  const parse = (JobHCL: string) => put("/v1/jobs/parse", { JobHCL, Canonicalize: true });
  const padding = "x".repeat(100_000);
  const small = (await parse(file("", '"a"'))).json;
  const large = (await parse(file(padding, '"a"'))).json;
  t.deepEqual({ ...large, Meta: null }, { ...small, Meta: null });
  t.is(large.Meta.padding, padding);
  t.regex((await parse(file("", 'bcrypt("secret", 4)'))).json.Meta.hash, /^\$2[aby]\$/);
  const wrong = await parse(file(padding, "nothing("));
  t.is(wrong.status, 400);
  t.regex(wrong.text, /job\.hcl:5/);
});

test.serial("the log is followed, as frames and as plain text", async (t) => {
  const abort = new AbortController();
  const response = await fetch(`${agent.nomad}/v1/agent/monitor?log_level=debug&plain=true`, { signal: abort.signal });
  const reader = response.body?.getReader();
  const first = reader?.read();
  await get("/v1/status/leader");
  let heard = new TextDecoder().decode((await first)?.value);
  // What the agent does by itself may be told before it.
  while (!heard.includes("[DEBUG]")) heard += new TextDecoder().decode((await reader?.read())?.value);
  t.regex(heard, /\[DEBUG\]/);
  abort.abort();
  await reader?.cancel().catch(() => undefined);
  const frame = /^\{"Offset":\d+,"Data":"([^"]+)","FileEvent":"log"\}$/.exec(
    (await get("/v1/agent/monitor/export")).text,
  );
  t.regex(Buffer.from(frame?.[1] ?? "", "base64").toString(), /\[(?:INFO|WARN)\]/);
  t.is((await get("/v1/agent/monitor/export?log_level=loud")).status, 400);
});

test.serial("the process is profiled where debugging is on", async (t) => {
  t.regex((await get("/v1/agent/pprof/cmdline")).text, /agent/);
  t.regex((await get("/v1/agent/pprof/goroutine?debug=1")).text, /TCP|Timeout/);
  t.true(JSON.parse((await get("/v1/agent/pprof/profile?seconds=0")).text).nodes.length > 0);
  t.truthy(JSON.parse((await get("/v1/agent/pprof/heap?seconds=0")).text).head);
  t.is((await get("/v1/agent/pprof/none")).status, 404);
  t.is((await get("/v1/agent/pprof/profile?seconds=9999")).status, 400);
});

test.serial("a node's metadata is set, hidden, given to the servers and kept", async (t) => {
  await until("the node is known", async () => (await get("/v1/nodes")).json.length === 1);
  const [node] = (await get("/v1/nodes")).json;
  t.deepEqual((await get("/v1/client/metadata")).json, { Meta: {}, Dynamic: {}, Static: {} });
  const set = await put(`/v1/client/metadata?node_id=${node.ID}`, { Meta: { "rack.row": "4", gone: null } });
  t.deepEqual(set.json, { Meta: { "rack.row": "4" }, Dynamic: { "rack.row": "4", gone: null }, Static: {} });
  await until("the servers know", async () => (await get(`/v1/node/${node.ID}`)).json.Meta["rack.row"] === "4");
  t.is((await put("/v1/client/metadata", { Meta: { "a/b": "x" } })).status, 400);
  t.is((await put("/v1/client/metadata", { NodeID: "other", Meta: { a: "x" } })).status, 404);
  t.is((await get("/v1/client/stats?node_id=other")).status, 404);
  t.true((await get(`/v1/client/stats?node_id=${node.ID}`)).json.Memory.Total > 0);
  await agent.stop();
  await agent.start();
  // The API answers before the client has found out what it runs on.
  await until("the client answers", async () => (await get("/v1/client/metadata")).status === 200);
  t.deepEqual((await get("/v1/client/metadata")).json.Meta, { "rack.row": "4" });
});

test.serial("the checks of an allocation's services, as they stand on its node", async (t) => {
  const Checks = [{ Name: "up", Type: "tcp", Interval: 1e9, Timeout: 1e9, OnUpdate: "ignore" }];
  const Job = {
    ID: "checked",
    Type: "service",
    TaskGroups: [
      {
        Name: "g",
        Networks: [{ DynamicPorts: [{ Label: "http" }] }],
        Services: [{ Name: "web", PortLabel: "http", Provider: "nomad", Checks }],
        Tasks: [
          {
            Name: "t",
            Driver: "raw_exec",
            Config: { command: "sleep", args: ["1000"] },
            Resources: { CPU: 10, MemoryMB: 16 },
          },
        ],
      },
    ],
  };
  t.is((await put("/v1/jobs", { Job })).status, 200);
  const allocs = async () => (await get("/v1/job/checked/allocations")).json;
  await until("it runs", async () => (await allocs())[0]?.ClientStatus === "running");
  const [{ ID }] = await allocs();
  const checks = async () => Object.values((await get(`/v1/allocation/${ID}/checks`)).json);
  await until("the check failed", async () => ((await checks())[0] as any)?.Status === "failure");
  t.like((await checks())[0], { Check: "up", Service: "web", Mode: "readiness", Group: "checked.g[0]" });
  t.is((await get(`/v1/client/allocation/${ID}/checks`)).status, 200);
  t.is((await get("/v1/client/allocation/none/checks")).status, 404);
  let metrics = "";
  await until("it is measured", async () => {
    metrics = (await get("/v1/metrics?format=prometheus")).text;
    return /nomad_client_allocs_memory_rss\{.*job="checked".*\} [1-9]/.test(metrics);
  });
  t.regex(
    metrics,
    /nomad_client_allocs_memory_rss\{.*job="checked",namespace="default",task_group="g".*task="t"\} [1-9]/,
  );
  t.regex(metrics, /nomad_client_allocations_running\{node_id="[^"]+".*\} 1\n/);
  t.regex(metrics, /nomad_client_allocated_memory\{.*\} 16\n/);
  t.is((await get(`/v1/client/allocation/${ID}/gc`)).status, 400);
  t.is((await ask("DELETE", "/v1/job/checked?purge=true")).status, 200);
});

test.serial("measurements have the names dashboards look for", async (t) => {
  const names = new Set((await get("/v1/metrics")).json.Gauges.map((each: any) => each.Name));
  for (const name of [
    "nomad.client.host.cpu.total_percent",
    "nomad.client.host.memory.available",
    "nomad.client.host.disk.used_percent",
    "nomad.client.unallocated.cpu",
    "nomad.client.uptime",
    "nomad.nomad.broker.total_ready",
    "nomad.nomad.broker.service_ready",
    "nomad.nomad.blocked_evals.total_blocked",
    "nomad.nomad.job_status.running",
    "nomad.nomad.heartbeat.active",
    "nomad.raft.appliedIndex",
    "nomad.runtime.alloc_bytes",
  ]) {
    t.true(names.has(name), name);
  }
  const text = await get("/v1/metrics?format=prometheus");
  t.regex(text.headers.get("content-type") ?? "", /^text\/plain; version=0\.0\.4/);
  for (const line of text.text.trimEnd().split("\n")) {
    t.regex(line, /^(?:# (?:HELP|TYPE) \w+ .+|\w+\{(?:\w+="[^"]*",?)*\} -?[\d.e+-]+)$/);
  }
  t.is((await get("/v1/metrics?format=statsd")).status, 400);
});

test.serial("what does not exist here says so as its users know it", async (t) => {
  for (const path of [
    "/v1/quotas",
    "/v1/quota/a",
    "/v1/sentinel/policies",
    "/v1/recommendations",
    "/v1/operator/license",
  ]) {
    t.like(await get(path), { status: 501, text: "Nomad Enterprise only endpoint" });
  }
  t.is((await put("/v1/recommendations/apply", {})).status, 501);
  t.is((await put("/v1/operator/utilization")).status, 501);
  t.deepEqual((await get("/v1/volumes?type=csi")).json, []);
  t.deepEqual((await get("/v1/volumes?type=host")).json, []);
  t.deepEqual((await get("/v1/plugins?type=csi")).json, []);
  t.is((await get("/v1/volume/csi/a")).status, 404);
  t.regex((await put("/v1/volume/csi/a", {})).text, /CSI volumes are not served/);
  t.is((await put("/v1/volume/csi/a/create", {})).status, 501);
  t.is((await put("/v1/volume/host/create", {})).status, 400);
  t.regex(
    (await put("/v1/volume/host/create", { Volume: { Name: "data", PluginID: "none" } })).text,
    /without the plugin none/,
  );
  t.is((await get("/v1/volume/host/a")).status, 404);
  t.is((await get("/v1/plugin/csi/a")).status, 404);
  t.is((await put("/v1/system/reconcile/summaries")).status, 200);
  t.like((await get("/v1/operator/upgrade-check/vault-workload-identity")).json, { JobsWithoutVaultIdentity: [] });
});

test.serial("the whole state is saved and put back; what is no snapshot changes nothing", async (t) => {
  await put("/v1/var/kept", { Items: { a: "1" } });
  await put("/v1/namespace", { Name: "kept" });
  const saved = await fetch(`${agent.nomad}/v1/operator/snapshot`);
  t.is(saved.headers.get("content-type"), "application/x-gzip");
  const file = Buffer.from(await saved.arrayBuffer());
  await put("/v1/var/kept", { Items: { a: "2" } });
  await put("/v1/var/new", { Items: { a: "3" } });
  await ask("DELETE", "/v1/namespace/kept");
  const restore = async (body: Buffer<ArrayBuffer>) =>
    fetch(`${agent.nomad}/v1/operator/snapshot`, { method: "PUT", body });
  for (const bad of [Buffer.from("junk"), file.subarray(0, file.length - 40), Buffer.alloc(0)]) {
    const refused = await restore(bad);
    t.is(refused.status, 400);
    t.regex(await refused.text(), /^nothing was restored: /);
  }
  t.is((await get("/v1/var/new")).status, 200);
  const before = Number((await get("/v1/vars")).headers.get("x-nomad-index"));
  t.is((await restore(file)).status, 200);
  t.deepEqual((await get("/v1/var/kept")).json.Items, { a: "1" });
  t.is((await get("/v1/var/new")).status, 404);
  t.is((await get("/v1/namespace/kept")).status, 200);
  t.true(Number((await get("/v1/vars")).headers.get("x-nomad-index")) > before);
  t.is((await get("/v1/nodes")).json[0].Status, "ready");
  const other = await fetch(`${agent.consul}/v1/snapshot`);
  t.is((await restore(Buffer.from(await other.arrayBuffer()))).status, 200);
  t.is((await fetch(`${agent.consul}/v1/snapshot`, { method: "PUT", body: file })).status, 200);
  t.is((await fetch(`${agent.consul}/v1/snapshot`, { method: "PUT", body: "junk" })).status, 400);
});

test.serial("every route that reads answers over a socket, and says how fresh it is", async (t) => {
  const rows = rowsOf((await get("/v1/openapi.json")).json);
  t.true(rows.length > 120, `${rows.length} routes`);
  for (const { path } of rows.filter((row) => row.method === "get")) {
    if (/stream|monitor|pprof|snapshot/.test(path)) continue;
    const answer = await get(path.replaceAll(/\{\w+\}/g, "x"));
    t.true(answer.status < 500 || answer.status === 501, `${path}: ${answer.status} ${answer.text}`);
    const index = answer.headers.get("x-nomad-index");
    if (answer.headers.has("x-nomad-knownleader")) t.regex(index ?? "", /^[1-9]\d*$/, path);
  }
});

test.serial("whatever is asked, the agent lives and answers no 500", async (t) => {
  const pid = agent.pid();
  const rows = rowsOf((await get("/v1/openapi.json")).json);
  const seen = await shoot(agent.nomad, rows, { requests: 2500, seed: 20_260_601 });
  t.deepEqual(seen.failures, []);
  t.true(seen.answered > 2400, JSON.stringify(seen));
  t.is(agent.pid(), pid);
  t.is((await get("/v1/agent/health")).status, 200);
  t.is(v.parse(v.object({ ok: v.boolean() }), (await get("/v1/agent/health")).json.server).ok, true);
});
