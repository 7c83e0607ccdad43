import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { randomUUID } from "node:crypto";
import test from "ava";
import type { ExecutionContext } from "ava";
import { removeFolder } from "#test/remove-folder.ts";
import { defaultAgentConfig } from "#base/language/agent-config/config.ts";
import { createApi } from "#base/http/api.ts";
import { nomadDialect } from "#base/http/dialect.ts";
import type { Exchange } from "#base/http/exchange.ts";
import { createEnv } from "#base/platform/create-env.ts";
import { createSchedulerClient } from "#daemons/scheduler/client/client.ts";
import { clientRoutes } from "#daemons/scheduler/client/http/client-routes.ts";
import { addressesIn, isWithin } from "#daemons/scheduler/client/fingerprint/host-networks.ts";
import { nodeNetworks } from "#daemons/scheduler/client/fingerprint/network.ts";
import { readLog } from "#daemons/scheduler/client/logs/log-reader.ts";
import { rotateLog } from "#daemons/scheduler/client/logs/rotate-log.ts";
import type { AllocReport } from "#base/protocol/alloc.ts";
import type { Driver } from "#drivers/driver.ts";
import { createMockDriver } from "#drivers/mock/mock-driver.ts";
import { createRawExecDriver } from "#drivers/raw-exec/raw-exec-driver.ts";
import { FakeRegistry, FakeServers, jobOf } from "./fake-cluster.ts";

/** The agent's timers do not keep a process alive; a running agent has its listeners for that. */
const alive = setInterval(() => {}, 1000);
test.after.always(() => clearInterval(alive));

interface Place {
  dir: string;
  servers: FakeServers;
  registry: FakeRegistry;
  env: ReturnType<typeof createEnv>;
  start: (onStop?: "leave" | "stop", drivers?: Driver[]) => Promise<ReturnType<typeof createSchedulerClient>>;
}

function place(t: ExecutionContext): Place {
  const dir = fs.mkdtempSync(`${tmpdir()}/lares-client-`);
  const servers = new FakeServers();
  const registry = new FakeRegistry();
  const env = createEnv({ logLevel: "error" });
  t.teardown(() => {
    env.close();
    removeFolder(dir);
  });
  return {
    dir,
    servers,
    registry,
    env,
    async start(onStop = "stop", drivers = [createMockDriver(env), createRawExecDriver(env)]) {
      const client = createSchedulerClient({
        env,
        link: servers,
        drivers,
        registry,
        config: defaultAgentConfig(),
        dataDir: dir,
        httpAddress: "127.0.0.1:4646",
        version: "0.0.0",
        onStop,
      });
      t.teardown(() => client.stop());
      await client.start();
      return client;
    },
  };
}

const mock = (name: string, config: object, more: object = {}) => ({
  Name: name,
  Driver: "mock_driver",
  Config: config,
  ...more,
});
const sh = (name: string, script: string, more: object = {}) => ({
  Name: name,
  Driver: "raw_exec",
  Config: { command: "/bin/sh", args: ["-c", script] },
  ...more,
});
const typesOf = (report: { TaskStates: Record<string, { Events: { Type: string }[] }> }, task: string) =>
  report.TaskStates[task]!.Events.map((event) => event.Type);

test("a client that ends its tasks has ended only when their drivers have cleaned up", async (t) => {
  const { servers, start, env } = place(t);
  const order: string[] = [];
  const driver: Driver = {
    ...createMockDriver(env),
    async destroy() {
      await new Promise((resolve) => setTimeout(resolve, 300));
      order.push("cleaned");
    },
    close: () => void order.push("closed"),
  };
  const client = await start("stop", [driver]);
  const id = randomUUID();
  servers.set(jobOf([mock("web", { run_for: "1h" })]), { ID: id });
  await servers.until(id, (report) => report.ClientStatus === "running");
  await client.stop();
  t.deepEqual(order, ["cleaned", "closed"]);
});

test("a client ends while allocations of it still wait for what they replace, and for one that cannot begin", async (t) => {
  const { servers, start, dir } = place(t);
  const client = await start("stop");
  const [first, second, third, broken] = [randomUUID(), randomUUID(), randomUUID(), randomUUID()];
  const job = jobOf([mock("web", { run_for: "1h", kill_after: "1s" })]);
  servers.set(job, { ID: first });
  await servers.until(first, (report) => report.ClientStatus === "running");
  fs.writeFileSync(`${dir}/alloc/${broken}`, "no folder");
  servers.set(job, { ID: broken, PreviousAllocation: first });
  servers.set(job, { ID: second, PreviousAllocation: first });
  servers.set(job, { ID: third, PreviousAllocation: second });
  while (client.runner(third) === undefined) await new Promise((resolve) => setTimeout(resolve, 10));
  await client.stop();
  t.true([...client.runners().values()].every((runner) => runner.isTerminal()));
  t.false(fs.existsSync(`${dir}/alloc/${third}/web`), "it never ran");
});

test("a raw_exec task runs, sees its environment, writes its log, ends by a stop with nothing left", async (t) => {
  const { servers, start, dir } = place(t);
  await start();
  const id = randomUUID();
  servers.set(
    jobOf([
      sh("web", 'echo "$NOMAD_TASK_NAME $NOMAD_META_color ${NOMAD_ALLOC_ID}"; exec sleep 300', {
        Meta: { color: "red" },
      }),
    ]),
    { ID: id },
  );
  const running = await servers.until(id, (report) => report.ClientStatus === "running");
  t.deepEqual(typesOf(running, "web"), ["Received", "Task Setup", "Started"]);
  const log = `${dir}/alloc/${id}/alloc/logs/web.stdout.0`;
  while (!fs.readFileSync(log, "utf8").includes("\n")) await new Promise((resolve) => setTimeout(resolve, 10));
  t.is(fs.readFileSync(log, "utf8"), `web red ${id}\n`);
  servers.set(jobOf([sh("web", "true")]), { ID: id, DesiredStatus: "stop" });
  const done = await servers.until(id, (report) => report.ClientStatus === "complete");
  t.deepEqual(typesOf(done, "web").slice(-3), ["Killing", "Terminated", "Killed"]);
});

test("a failing task is restarted within its policy, then fails its sibling and the allocation", async (t) => {
  const { servers, start } = place(t);
  await start();
  const id = randomUUID();
  const restart = { Attempts: 1, Interval: 60e9, Delay: 1e6, Mode: "fail" };
  const job = jobOf([
    mock("bad", { run_for: "1ms", exit_code: 3 }, { RestartPolicy: restart }),
    mock("good", { run_for: "10m" }),
  ]);
  servers.set(job, { ID: id });
  const report = await servers.until(id, (each) => each.TaskStates["good"]?.State === "dead");
  t.is(report.ClientStatus, "failed");
  t.true(report.TaskStates["bad"]!.Failed);
  t.is(report.TaskStates["bad"]!.Restarts, 1);
  t.deepEqual(typesOf(report, "bad"), [
    "Received",
    "Task Setup",
    "Started",
    "Terminated",
    "Restarting",
    "Started",
    "Terminated",
    "Not Restarting",
  ]);
  t.is(report.TaskStates["bad"]!.Events[3]!.DisplayMessage, "Exit Code: 3");
  t.regex(report.TaskStates["bad"]!.Events[7]!.DisplayMessage, /Exceeded allowed attempts 1 in interval 1m0s/);
  t.true(typesOf(report, "good").includes("Sibling Task Failed"));
});

test("lifecycle: prestart ends before main starts, sidecar ends after it, poststop runs last", async (t) => {
  const { servers, start } = place(t);
  await start();
  const id = randomUUID();
  const hook = (Hook: string, Sidecar = false) => ({ Lifecycle: { Hook, Sidecar } });
  const job = jobOf(
    [
      mock("init", { run_for: "5ms" }, hook("prestart")),
      mock("side", { run_for: "10m" }, hook("prestart", true)),
      mock("main", { run_for: "5ms" }),
      mock("late", { run_for: "1ms" }, hook("poststop")),
    ],
    { type: "batch" },
  );
  servers.set(job, { ID: id });
  const { TaskStates: tasks } = await servers.until(id, (each) => each.ClientStatus === "complete");
  t.true(tasks["init"]!.FinishedAt <= tasks["main"]!.StartedAt);
  t.true(tasks["side"]!.FinishedAt >= tasks["main"]!.FinishedAt);
  t.true(tasks["late"]!.StartedAt >= tasks["side"]!.FinishedAt);
});

test("all tasks begin again in their order, those that ended too; an allocation that is over does not", async (t) => {
  const { servers, start } = place(t);
  const client = await start();
  const id = randomUUID();
  const first = mock("init", { run_for: "5ms" }, { Lifecycle: { Hook: "prestart", Sidecar: false } });
  servers.set(jobOf([first, mock("main", { run_for: "10m" })]), { ID: id });
  const runs = ({ TaskStates: { main } }: AllocReport, times: number) =>
    main?.State === "running" && main.Restarts === times;
  await servers.until(id, (report) => runs(report, 0));
  t.true(client.runner(id)!.restartAll("asked").ok);
  const { TaskStates: tasks } = await servers.until(id, (report) => runs(report, 1));
  t.is(tasks["init"]!.Restarts, 1);
  t.true(tasks["init"]!.FinishedAt <= tasks["main"]!.StartedAt);
  await client.runner(id)!.stop();
  t.like(client.runner(id)!.restartAll("asked"), { ok: false, error: { code: "NOT_RUNNING" } });
});

test("a restart that a person asks for begins at once what waits for its policy; one of what has ended is refused", async (t) => {
  const { servers, start } = place(t);
  const client = await start();
  const id = randomUUID();
  const policy = { Attempts: 1, Interval: 3600e9, Delay: 3600e9, Mode: "fail" };
  servers.set(jobOf([mock("web", { run_for: "1ms", exit_code: 1 }, { RestartPolicy: policy })]), { ID: id });
  await servers.until(id, (each) => typesOf(each, "web").at(-1) === "Restarting");
  t.true(client.runner(id)!.restart("web", "a template changed").ok);
  t.true(client.runner(id)!.restart("", "asked", "person").ok);
  const done = await servers.until(id, (each) => each.ClientStatus === "failed");
  t.deepEqual(typesOf(done, "web").slice(-5), [
    "Restarting",
    "Restart Signaled",
    "Started",
    "Terminated",
    "Not Restarting",
  ]);
  for (const name of ["", "web"])
    t.like(client.runner(id)!.restart(name, "asked", "person"), { ok: false, error: { code: "NOT_RUNNING" } });
});

test("a restarted agent finds its tasks: the same process, never two, and none that it does not know", async (t) => {
  const { servers, start, dir } = place(t);
  const first = await start("leave");
  const id = randomUUID();
  servers.set(jobOf([sh("web", "echo $$; exec sleep 300"), mock("mock", { run_for: "10m" })]), { ID: id });
  await servers.until(
    id,
    (each) => each.TaskStates["web"]?.State === "running" && each.TaskStates["mock"]?.State === "running",
  );
  const log = `${dir}/alloc/${id}/alloc/logs/web.stdout.0`;
  while (!fs.readFileSync(log, "utf8").includes("\n")) await new Promise((resolve) => setTimeout(resolve, 10));
  const pid = Number(fs.readFileSync(log, "utf8"));
  await first.stop();
  t.notThrows(() => process.kill(pid, 0), "the task outlives the agent");
  servers.history.length = 0;
  await start();
  const report = await servers.until(id, () => servers.history.length > 0);
  t.is(report.ClientStatus, "running");
  t.is(Number(fs.readFileSync(log, "utf8")), pid, "it was not started again");
  servers.set(jobOf([sh("web", "x"), mock("mock", {})]), { ID: id, DesiredStatus: "stop" });
  await servers.until(id, (each) => each.ClientStatus === "complete");
  t.throws(() => process.kill(pid, 0), { code: "ESRCH" });
});

test("state: a torn last line costs nothing else; lost state ends what it knew before anything starts again", async (t) => {
  const { servers, start, dir } = place(t);
  const first = await start("leave");
  const id = randomUUID();
  servers.set(jobOf([sh("web", "echo $$; exec sleep 300")]), { ID: id });
  await servers.until(id, (each) => each.ClientStatus === "running");
  const log = `${dir}/alloc/${id}/alloc/logs/web.stdout.0`;
  const pids = async (count: number): Promise<number[]> => {
    for (;;) {
      const lines = fs.readFileSync(log, "utf8").split("\n").slice(0, -1);
      if (lines.length >= count) return lines.map(Number);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  };
  await pids(1);
  await first.stop();
  const state = `${dir}/client/state.jsonl`;
  fs.appendFileSync(state, '{"task":["torn');
  const second = await start("leave");
  t.is(second.runner(id)?.tasks.get("web")?.record().phase.kind, "running");
  t.is((await pids(1)).length, 1);
  await second.stop();
  fs.rmSync(state);
  await start();
  const [old, fresh] = await pids(2);
  t.not(old, fresh);
  const stat = fs.existsSync(`/proc/${old}/stat`) ? fs.readFileSync(`/proc/${old}/stat`, "utf8") : ") Z";
  if (fs.existsSync("/sys/fs/cgroup/freezer") || fs.existsSync("/sys/fs/cgroup/cgroup.controllers"))
    t.regex(stat, /\) [ZX]/, "never two of one task");
});

test("what is known from the servers is kept: a node without them takes up its tasks", async (t) => {
  const { servers, start } = place(t);
  const first = await start("leave");
  const id = randomUUID();
  servers.set(jobOf([mock("a", { run_for: "10m" })]), { ID: id });
  await servers.until(id, (each) => each.ClientStatus === "running");
  await first.stop();
  servers.away = true;
  const second = await start();
  t.is(second.runner(id)?.tasks.get("a")?.record().phase.kind, "running");
  servers.away = false;
});

test("broken configuration, an unknown driver and blocks nobody serves fail with words", async (t) => {
  const { servers, start } = place(t);
  await start();
  const failing = async (task: Record<string, unknown>): Promise<string> => {
    const id = randomUUID();
    servers.set(jobOf([task]), { ID: id });
    const { TaskStates } = await servers.until(id, (each) => each.ClientStatus === "failed");
    return Object.values(TaskStates)[0]!
      .Events.map((event) => event.DisplayMessage)
      .join("\n");
  };
  t.regex(
    await failing({ Name: "a", Driver: "raw_exec", Config: { comand: "x" } }),
    /no key "comand".*did you mean command\?.*needs command/s,
  );
  t.regex(await failing({ Name: "a", Driver: "raw_exce", Config: {} }), /no driver "raw_exce".*did you mean raw_exec/);
  t.regex(
    await failing({ Name: "a", Driver: "raw_exec", Config: { command: "/no/such" } }),
    /cannot run "\/no\/such": not found/,
  );
  t.regex(
    await failing(sh("a", "true", { Artifacts: [{ GetterSource: "hg::http://x" }] })),
    /failed to download artifact "hg::http:\/\/x": cannot fetch with "hg"/,
  );
});

test("services: registered when the task runs, healthy when checks pass, gone before the stop", async (t) => {
  const { servers, start, registry } = place(t);
  await start();
  const id = randomUUID();
  const service = { Name: "redis", PortLabel: "db", Checks: [{ Type: "tcp", Interval: 10e9, Timeout: 2e9 }] };
  const update = { MinHealthyTime: 1e6, HealthyDeadline: 60e9, HealthCheck: "checks" };
  const job = jobOf([mock("db", { run_for: "10m" }, { Services: [service] })], { group: { Update: update } });
  const ports = [{ Label: "db", Value: 6379, To: 0, HostIP: "127.0.0.1" }];
  const AllocatedResources = { Tasks: {}, TaskLifecycles: {}, Shared: { DiskMB: 0, Networks: [], Ports: ports } };
  servers.set(job, { ID: id, DeploymentID: randomUUID(), AllocatedResources });
  const running = await servers.until(id, (each) => each.ClientStatus === "running");
  t.is(running.DeploymentStatus, null);
  const [definition] = [...registry.services.values()];
  t.is(definition?.ID, `_nomad-task-${id}-db-redis-db`);
  t.is(definition?.Port, 6379);
  t.is(definition?.Checks[0]?.TCP, "127.0.0.1:6379");
  t.is(definition?.Checks[0]?.Interval, "10s");
  registry.say(definition!.ID, "passing");
  const healthy = await servers.until(id, (each) => each.DeploymentStatus !== null);
  t.true(healthy.DeploymentStatus!.Healthy);
  servers.set(job, { ID: id, DesiredStatus: "stop" });
  await servers.until(id, (each) => each.ClientStatus === "complete");
  t.deepEqual(registry.log, ["+redis", "-redis"]);
});

test("shutdown_delay: the services are gone while the task still runs, for as long as it says", async (t) => {
  const { servers, start, registry } = place(t);
  await start();
  const id = randomUUID();
  const job = jobOf([sh("web", "exec sleep 300", { ShutdownDelay: 300e6, Services: [{ Name: "web" }] })]);
  servers.set(job, { ID: id });
  await servers.until(id, () => registry.services.size === 1);
  servers.set(job, { ID: id, DesiredStatus: "stop" });
  const waiting = await servers.until(id, (each) => typesOf(each, "web").at(-1) === "Waiting for shutdown delay");
  t.is(waiting.TaskStates["web"]?.State, "running");
  t.deepEqual(registry.log, ["+web", "-web"]);
  const done = await servers.until(id, (each) => each.ClientStatus === "complete");
  const [killing, delay, terminated] = done.TaskStates["web"]?.Events.slice(-4) ?? [];
  t.deepEqual([killing?.Type, delay?.Type, terminated?.Type], ["Killing", "Waiting for shutdown delay", "Terminated"]);
  t.is(delay?.DisplayMessage, "Waiting for shutdown_delay of 300ms before killing the task.");
  t.true((terminated?.Time ?? 0) - (delay?.Time ?? 0) >= 290e6);
});

for (const bond of ["PreviousAllocation", "PreemptedAllocations"] as const)
  test(`what comes after an allocation (${bond}) on its node starts when that has ended: they may share a port`, async (t) => {
    const { servers, start } = place(t);
    await start();
    const [old, next] = [randomUUID(), randomUUID()];
    // Takes its time to go.
    const job = jobOf([sh("a", "trap 'sleep 0.2; exit 0' TERM; while :; do sleep 0.05; done")]);
    servers.set(job, { ID: old });
    await servers.until(old, (each) => each.ClientStatus === "running");
    servers.set(job, { ID: next, [bond]: bond === "PreviousAllocation" ? old : [old] });
    servers.set(job, { ID: old, DesiredStatus: "stop", NextAllocation: next });
    await servers.until(next, (each) => each.ClientStatus === "running");
    const order = servers.history.map(
      ({ AllocID, ClientStatus }) => `${AllocID === old ? "old" : "next"} ${ClientStatus}`,
    );
    t.true(order.indexOf("old complete") >= 0 && order.indexOf("old complete") < order.indexOf("next running"));
  });

test("servers that are away lose nothing: reports wait, the folder goes when they forget the allocation", async (t) => {
  const { servers, start, dir } = place(t);
  const client = await start();
  const id = randomUUID();
  servers.set(jobOf([mock("a", { run_for: "50ms" })], { type: "batch" }), { ID: id });
  while (client.runner(id) === undefined) await new Promise((resolve) => setTimeout(resolve, 5));
  servers.away = true;
  while (client.runner(id)?.isTerminal() !== true) await new Promise((resolve) => setTimeout(resolve, 5));
  servers.away = false;
  await servers.until(id, (each) => each.ClientStatus === "complete");
  servers.remove(id);
  while (client.runner(id) !== undefined || fs.existsSync(`${dir}/alloc/${id}`))
    await new Promise((resolve) => setTimeout(resolve, 10));
  t.pass();
});

test("batch work that takes longer than it may is complete, and nothing is run after it", async (t) => {
  const { servers, start } = place(t);
  const client = await start("stop");
  t.teardown(() => client.stop());
  const late = mock("late", { run_for: "1ms" }, { Lifecycle: { Hook: "poststop" } });
  servers.set(jobOf([mock("main", { run_for: "1h" }), late], { type: "batch", group: { MaxRunDuration: 300e6 } }), {
    ID: "long",
  });
  // Time may be up before it runs: it ends all the same, and no report says so sooner.
  const slow = [mock("main", { run_for: "1h", start_block_for: "1h" }), late];
  servers.set(jobOf(slow, { type: "batch", group: { MaxRunDuration: 1e6 } }), { ID: "slow" });
  for (const id of ["long", "slow"]) {
    const over = await servers.until(id, ({ ClientStatus }) => ClientStatus === "complete");
    t.is(over.ClientDescription, "allocation exceeded max_run_duration");
    t.is(over.TaskStates["main"]?.State, "dead");
    t.is(over.TaskStates["late"]?.StartedAt, 0);
  }
});

test("without servers for stop_on_client_after the allocation ends, and no other", async (t) => {
  const { servers, start } = place(t);
  servers.ttlMs = 200;
  const client = await start("stop");
  t.teardown(() => client.stop());
  servers.set(jobOf([mock("main", { run_for: "1h" })], { group: { Disconnect: { StopOnClientAfter: 100e6 } } }), {
    ID: "shy",
  });
  servers.set(jobOf([mock("main", { run_for: "1h" })]), { ID: "bold" });
  for (const id of ["shy", "bold"]) await servers.until(id, ({ ClientStatus }) => ClientStatus === "running");
  servers.away = true;
  while (client.runner("shy")?.isTerminal() !== true) await new Promise((resolve) => setTimeout(resolve, 20));
  t.false(client.runner("bold")?.isTerminal());
  servers.away = false;
  t.is((await servers.until("shy", ({ ClientStatus }) => ClientStatus === "complete")).ClientStatus, "complete");
});

test("a log that grows is cut into files of its limit while the task goes on writing; readers see one stream", async (t) => {
  const { dir, env } = place(t);
  const name = { folder: dir, task: "web", stream: "stdout" as const };
  const limits = { maxFiles: 3, maxBytes: 1000 };
  // The task's own descriptor: it never opens the file again.
  const task = await env.disk.openAppend(`${dir}/web.stdout.0`);
  let written = "";
  const write = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i++) {
      const line = `line ${written.length}\n`;
      written += line;
      await task.append(Buffer.from(line));
    }
    await rotateLog(env, name, limits);
  };
  await write(150);
  await write(400);
  await task.close();
  const live = Math.floor(written.length / 1000);
  t.deepEqual(
    (await env.disk.list(dir)).toSorted(),
    [live - 2, live - 1, live].map((index) => `web.stdout.${index}`).toSorted(),
  );
  t.is(fs.readFileSync(`${dir}/web.stdout.${live - 1}`, "utf8"), written.slice((live - 1) * 1000, live * 1000));
  t.true(fs.statSync(`${dir}/web.stdout.${live}`).blocks * 512 < 20_000, "what was copied is given back");
  const read = async (origin: "start" | "end", offset: number): Promise<string> => {
    const pieces = readLog(env, {
      name,
      limits,
      origin,
      offset,
      follow: false,
      isOver: () => true,
      signal: new AbortController().signal,
    });
    const parts: Uint8Array[] = [];
    for await (const { data } of pieces) parts.push(data);
    return Buffer.concat(parts).toString();
  };
  t.is(await read("start", 0), written.slice((live - 2) * 1000));
  t.is(await read("start", 10), written.slice((live - 2) * 1000 + 10));
  t.is(await read("end", 1500), written.slice(-1500));
});

async function ask(
  exchange: Exchange,
  url: string,
  method: "GET" | "PUT" = "GET",
  body = "",
): Promise<[number, string]> {
  const answer = await exchange({
    method,
    url,
    headers: {},
    remote: { host: "127.0.0.1", port: 1 },
    signal: new AbortController().signal,
    body: (async function* () {
      await Promise.resolve();
      yield Buffer.from(body);
    })(),
  });
  const parts: Uint8Array[] = [];
  if (typeof answer.body === "string" || answer.body instanceof Uint8Array) parts.push(Buffer.from(answer.body));
  else if (answer.body !== undefined) for await (const part of answer.body) parts.push(part);
  return [answer.status, Buffer.concat(parts).toString()];
}

test("the node's API: logs, files but no secrets and no way out, statistics, restart, signal", async (t) => {
  const { servers, start, dir, env } = place(t);
  const client = await start();
  const exchange = createApi({
    env,
    dialect: nomadDialect,
    routes: clientRoutes({ env, client }),
  } as unknown as Parameters<typeof createApi>[0]);
  const id = randomUUID();
  const script = "trap 'echo hup' HUP; echo ready; while :; do sleep 300 & wait $!; done";
  servers.set(jobOf([sh("web", script)]), { ID: id });
  await servers.until(id, (each) => each.ClientStatus === "running");
  const logs = `/v1/client/fs/logs/${id}?task=web&plain=true`;
  const logsUntil = async (text: string): Promise<void> => {
    while ((await ask(exchange, logs))[1] !== text) await new Promise((resolve) => setTimeout(resolve, 10));
  };
  await logsUntil("ready\n");
  t.deepEqual(JSON.parse((await ask(exchange, `/v1/client/fs/logs/${id}?task=web`))[1]), {
    Offset: 0,
    Data: Buffer.from("ready\n").toString("base64"),
    File: "alloc/logs/web.stdout.0",
  });
  t.regex((await ask(exchange, `/v1/client/fs/logs/${id}?task=wbe`)).join(" "), /404 .*did you mean web/);
  t.is((await ask(exchange, `/v1/client/allocation/${id}/signal`, "PUT", '{"Signal":"SIGHUP"}'))[0], 200);
  await logsUntil("ready\nhup\n");
  t.regex(
    (await ask(exchange, `/v1/client/allocation/${id}/signal`, "PUT", '{"Signal":"SIGNO"}')).join(" "),
    /400 there is no signal "SIGNO"/,
  );
  const names = JSON.parse((await ask(exchange, `/v1/client/fs/ls/${id}?path=web`))[1]).map(
    (each: { Name: string }) => each.Name,
  );
  t.true(names.includes("local") && names.includes("secrets"));
  fs.symlinkSync("/etc", `${dir}/alloc/${id}/web/local/etc`);
  fs.mkdirSync(`${dir}/alloc/${id}/web/local/a`);
  for (const path of ["web/secrets/x", "web/local/etc/passwd", "alloc/../web/secrets"]) {
    t.is((await ask(exchange, `/v1/client/fs/cat/${id}?path=${path}`))[0], 403, path);
  }
  t.is((await ask(exchange, `/v1/client/fs/cat/${id}?path=../../client/identity.json`))[0], 404);
  t.is((await ask(exchange, `/v1/client/fs/readat/${id}?path=alloc/logs/web.stdout.0&offset=2&limit=3`))[1], "ady");
  t.regex((await ask(exchange, `/v1/client/allocation/${id}/snapshot`))[1], /^alloc\/data\/\0.*web\/local\/a\/\0/s);
  const stats = JSON.parse((await ask(exchange, `/v1/client/allocation/${id}/stats`))[1]);
  t.true(stats.Tasks.web.ResourceUsage.MemoryStats.RSS > 0);
  t.true(JSON.parse((await ask(exchange, "/v1/client/stats"))[1]).Memory.Total > 0);
  t.is((await ask(exchange, `/v1/client/allocation/${id}/restart`, "PUT", "{}"))[0], 200);
  const again = await servers.until(
    id,
    (each) => each.TaskStates["web"]!.Restarts === 1 && each.ClientStatus === "running",
  );
  t.true(typesOf(again, "web").includes("Restart Signaled"));
  t.is((await ask(exchange, `/v1/client/fs/ls/${randomUUID()}`))[0], 404);
});

test("a host network is an interface, an address range, or both; the node tells its addresses by the network's name", (t) => {
  const { env } = place(t);
  const all = env.net.interfaces();
  const main = all.find(({ address }) => address === "127.0.0.1");
  const loop = { name: "loop", cidr: "127.0.0.0/8", interface: "" };
  const { NodeNetworks } = nodeNetworks(env, { main, speeds: new Map() }, [
    loop,
    { name: "none", cidr: "", interface: "" },
  ]);
  const aliases = NodeNetworks.flatMap(({ Addresses }) => Addresses.map(({ Alias, Address }) => `${Alias} ${Address}`));
  t.true(aliases.includes("loop 127.0.0.1"));
  t.true(aliases.includes("default 127.0.0.1"));
  t.false(aliases.some((each) => each.startsWith("none")));
  const of = (network: object) => addressesIn({ name: "x", cidr: "", interface: "", ...network }, all);
  t.deepEqual(of({ interface: "nothing" }), []);
  t.true(of({ interface: main!.name, cidr: "127.0.0.1/32" }).length > 0);
  t.true(isWithin("192.168.7.9", "192.168.7.0/24"));
  t.false(isWithin("192.168.8.9", "192.168.7.0/24"));
  t.true(isWithin("fd00::1", "fd00::/8"));
  t.false(isWithin("fd00::1", "0.0.0.0/0"));
  for (const bad of ["", "10.0.0.0", "10.0.0.0/33", "10.0.0.0/x", "x/8"]) t.false(isWithin("10.0.0.1", bad), bad);
});
