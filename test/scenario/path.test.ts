import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import * as v from "valibot";
import { freePorts } from "#test/free-ports.ts";
import { dig, docker, testAgent, until, type TestAgent } from "./agent.ts";
import { environmentOf } from "./faults/tasks-of.ts";

/** One agent and one Docker engine for the whole file; each test brings and removes its own jobs. */
let agent: TestAgent;
const packs = new URL("../../packs/", import.meta.url).pathname;
const work = mkdtempSync(join(tmpdir(), "lares-scenario-"));

const AllocsSchema = v.array(
  v.object({
    ID: v.string(),
    JobID: v.string(),
    ClientStatus: v.string(),
    DesiredStatus: v.string(),
    TaskGroup: v.string(),
  }),
);
const allocs = async (job: string, status = "running") =>
  v
    .parse(AllocsSchema, await agent.get(`/v1/job/${job}/allocations`))
    .filter((alloc) => alloc.DesiredStatus === "run" && alloc.ClientStatus === status);

const HealthSchema = v.array(
  v.object({ Service: v.object({ ID: v.string(), Address: v.string(), Port: v.number() }) }),
);
const passing = async (service: string) =>
  v.parse(HealthSchema, await agent.get(`/consul/v1/health/service/${service}?passing=1`));

function jobFile(name: string, text: string): string {
  const path = join(work, `${name}.nomad.hcl`);
  writeFileSync(path, text);
  return path;
}

/** Another port of the host, so that tests take none in use; inside the container it stays Redis's own. */
function staticPort(port: number): string {
  return `{\n static = ${port}\n to = 6379\n }`;
}

const run = async (path: string, ...flags: string[]) => agent.lares("job", "run", ...flags, path);

async function removeJob(job: string): Promise<void> {
  await agent.lares("job", "stop", "-purge", job);
  await until(`${job} is gone`, async () => (await allocs(job).catch(() => [])).length === 0);
}

test.before(async (t) => {
  t.timeout(240_000, "building the images");
  const main = new URL("../../cli/main.ts", import.meta.url).pathname;
  for (const recipe of ["redis-cache/redis.image.hcl", "hello/hello.image.hcl"]) {
    const built = spawnSync(
      process.execPath,
      [
        main,
        "image",
        "build",
        "-load",
        "-no-compress",
        "-cache",
        join(tmpdir(), "lares-image-cache"),
        "-output",
        join(work, "image.tar"),
        packs + recipe,
      ],
      { encoding: "utf8" },
    );
    if (built.status !== 0) throw new Error(`image ${recipe}: ${built.stderr}${built.stdout}`);
  }
  agent = await testAgent();
});

test.after.always(async () => {
  for (const job of ["redis-cache", "hello", "ingress", "proc", "bad"]) await agent.lares("job", "stop", "-purge", job);
  const left = async (): Promise<unknown[]> =>
    v.parse(AllocsSchema, await agent.get("/v1/allocations")).filter(({ ClientStatus }) => ClientStatus === "running");
  await until("all tasks ended", async () => (await left()).length === 0, 20_000).catch(() => undefined);
  await agent.remove();
  rmSync(work, { recursive: true, force: true });
});

test.serial(
  "a job file becomes a running Redis that DNS and a real client find; the second instance waits, and says why",
  async (t) => {
    t.timeout(120_000);
    const [port = 0] = await freePorts(1);
    const source = readFileSync(`${packs}redis-cache/redis-cache.nomad.hcl`, "utf8");
    t.true(source.includes("static = 6379"));
    const file = jobFile("redis-cache", source.replace("{ static = 6379 }", staticPort(port)));
    const ran = await run(file, "-detach");
    t.is(ran.code, 0, ran.stderr);
    await until("Redis is healthy", async () => (await passing("fun-redis")).length === 1);
    const a = dig(agent.dnsPort, "fun-redis.service.consul", "A");
    t.deepEqual(a, ["127.0.0.1"]);
    const [srv = ""] = dig(agent.dnsPort, "fun-redis.service.consul", "SRV");
    t.is(srv.split(" ")[2], String(port));
    // Docker's proxy accepts connections a moment before Redis does.
    const ping = (): string =>
      spawnSync("redis-cli", ["-h", a[0] ?? "", "-p", String(port), "ping"], { encoding: "utf8" }).stdout.trim();
    await until("Redis answers", () => ping() === "PONG");
    await until("one is reported to run", async () => (await allocs("redis-cache")).length === 1);
    const status = await agent.lares("job", "status", "redis-cache");
    t.is(status.code, 0, status.stderr);
    t.regex(status.stdout, new RegExp(`port.*${port}|${port}.*port`, "i"), "the status says which port is in the way");
    t.regex(status.stdout, /Placement Failure/i);
    const [alloc] = await allocs("redis-cache");
    // The engine hands on what a container writes in its own time.
    const logs = async () => (await agent.lares("alloc", "logs", alloc?.ID.slice(0, 8) ?? "")).stdout;
    await until("its log is there", async () => /Ready to accept connections/.test(await logs()));
    await removeJob("redis-cache");
    await until("the name is gone", () => dig(agent.dnsPort, "fun-redis.service.consul", "A").length === 0);
    await until(
      "no container is left",
      () => docker("ps", "-aq", "--filter", `label=com.hashicorp.nomad.alloc_id=${alloc?.ID ?? ""}`) === "",
    );
  },
);

test.serial("a tag becomes a line in HAProxy; scaling and updating under load lose no request", async (t) => {
  t.timeout(180_000);
  const [ingress = 0] = await freePorts(1);
  t.is((await run(`${packs}ingress/ingress.nomad.hcl`, "-detach", "-var", `port=${ingress}`)).code, 0);
  t.is((await run(`${packs}hello/hello.nomad.hcl`, "-detach")).code, 0);
  const ask = async (): Promise<number> => {
    const response = await fetch(`http://127.0.0.1:${ingress}/hello/`, { headers: { connection: "close" } }).catch(
      () => undefined,
    );
    if (response?.status === 200) t.regex(await response.text(), /Hello from Lares/);
    return response?.status ?? 0;
  };
  await until("the site is served", async () => (await ask()) === 200);
  await until("both instances are healthy", async () => (await passing("hello")).length === 2);
  const seen = new Map<number, number>();
  let stop = false;
  t.teardown(() => void (stop = true));
  const load = (async () => {
    while (!stop) {
      const status = await ask();
      seen.set(status, (seen.get(status) ?? 0) + 1);
    }
  })();
  const scaled = async () => (await agent.lares("job", "scale", "hello", "web", "3")).code === 0;
  await until("its deployment is over and it can be scaled", scaled);
  await until("the third is healthy", async () => (await passing("hello")).length === 3);
  stop = true;
  await load;
  t.deepEqual([...seen.keys()], [200], JSON.stringify([...seen]));
  await removeJob("hello");
  await until("the route is gone", async () => (await ask()) === 404);
  await removeJob("ingress");
  // The job is over when its task is; what the task left behind is ended right after.
  const left = (): boolean => spawnSync("pgrep", ["-f", `${agent.dir}.*haproxy.cfg`]).status !== 1;
  await until("no HAProxy is left", () => !left());
});

const PROCESS_JOB = `job "proc" {
  group "g" {
    task "sleeper" {
      driver = "raw_exec"
      config {
        command = "/bin/sh"
        args    = ["-c", "echo started as $$; exec sleep 1000"]
      }
      resources {
        cpu    = 10
        memory = 16
      }
    }
  }
}
`;

test.serial("a killed agent finds its containers and processes again, and starts nothing twice", async (t) => {
  t.timeout(120_000);
  const [port = 0] = await freePorts(1);
  const source = readFileSync(`${packs}redis-cache/redis-cache.nomad.hcl`, "utf8").replace(
    "{ static = 6379 }",
    staticPort(port),
  );
  t.is((await run(jobFile("redis-cache", source.replace("count = 2", "count = 1")), "-detach")).code, 0);
  t.is((await run(jobFile("proc", PROCESS_JOB), "-detach")).code, 0);
  await until(
    "both run",
    async () => (await allocs("redis-cache")).length === 1 && (await allocs("proc")).length === 1,
  );
  await until("healthy", async () => (await passing("fun-redis")).length === 1);
  const before = [...(await allocs("redis-cache")), ...(await allocs("proc"))].map((alloc) => alloc.ID);
  const [redis = "", proc = ""] = before;
  const containers = (): string => docker("ps", "-q", "--filter", `label=com.hashicorp.nomad.alloc_id=${redis}`);
  const container = containers();
  const startedAt = docker("inspect", "-f", "{{.State.StartedAt}}", container);
  const sleepers = (): string[] =>
    spawnSync("pgrep", ["-f", "^sleep 1000"], { encoding: "utf8" })
      .stdout.split("\n")
      .filter((pid) => pid !== "" && environmentOf(Number(pid)).includes(proc));
  await until("the process runs", () => sleepers().length === 1);
  const [sleeper] = sleepers();

  await agent.kill();
  t.is(containers(), container, "the container outlives the agent");
  t.deepEqual(sleepers(), [sleeper], "so does the process");
  await agent.start();
  await until("the service is healthy again", async () => (await passing("fun-redis")).length === 1);
  await until(
    "reported again",
    async () => (await allocs("redis-cache")).length === 1 && (await allocs("proc")).length === 1,
  );
  t.deepEqual(
    [...(await allocs("redis-cache")), ...(await allocs("proc"))].map((alloc) => alloc.ID),
    before,
  );
  t.is(containers(), container);
  t.is(docker("inspect", "-f", "{{.State.StartedAt}}", container), startedAt, "it was not restarted");
  t.deepEqual(sleepers(), [sleeper]);

  await removeJob("proc");
  await until("the process is gone", () => sleepers().length === 0);
  await removeJob("redis-cache");
});

test.serial("what is wrong is said where it is wrong", async (t) => {
  t.timeout(120_000);
  const broken = await run(jobFile("broken", 'job "x" {\n  group "g" {\n    tsk "t" {}\n  }\n}\n'));
  t.not(broken.code, 0);
  t.regex(broken.stderr, /:3[:,]/, "the line");
  t.regex(broken.stderr, /task/, "the nearest known word");

  const huge = await run(
    jobFile("bad", PROCESS_JOB.replace('"proc"', '"bad"').replace("memory = 16", "memory = 99999999")),
    "-detach",
  );
  t.is(huge.code, 0, huge.stderr);
  await until("the evaluation ended", async () => /memory/i.test((await agent.lares("job", "status", "bad")).stdout));
  await removeJob("bad");

  const [taken = 0] = await freePorts(1);
  const squatter = createServer();
  await new Promise<void>((resolve) => squatter.listen(taken, "127.0.0.1", resolve));
  const source = readFileSync(`${packs}redis-cache/redis-cache.nomad.hcl`, "utf8")
    .replace("{ static = 6379 }", staticPort(taken))
    .replace('"redis-cache"', '"bad"')
    .replace("count = 2", "count = 1");
  t.is((await run(jobFile("taken", source), "-detach")).code, 0);
  const events = async (): Promise<string> => JSON.stringify(await agent.get("/v1/job/bad/allocations"));
  await until("the port in use is reported", async () =>
    /already (in use|allocated)|address already/i.test(await events()),
  );
  await removeJob("bad");
  await new Promise((resolve) => squatter.close(resolve));

  const missing = source.replace("redis:latest", "no-such-image-anywhere:1");
  t.is((await run(jobFile("missing", missing), "-detach")).code, 0);
  await until("the missing image is reported", async () => /no-such-image-anywhere/.test(await events()));
  await removeJob("bad");
});

test.serial("a second agent on the same folder is refused, and says who holds it", async (t) => {
  const second = spawn(
    process.execPath,
    [
      "--disable-warning=ExperimentalWarning",
      new URL("../../cli/main.ts", import.meta.url).pathname,
      "agent",
      "-config",
      `${agent.dir}/agent.hcl`,
    ],
    {
      stdio: ["ignore", "pipe", "pipe"],
    },
  );
  let said = "";
  second.stderr.on("data", (data: Buffer) => (said += data.toString()));
  second.stdout.on("data", (data: Buffer) => (said += data.toString()));
  const code = await new Promise<number | null>((resolve) => second.on("close", resolve));
  t.not(code, 0);
  t.regex(said, new RegExp(`${agent.pid()}|in use|another agent`, "i"));
  t.regex(JSON.stringify(await agent.get("/v1/agent/health")), /ok/i, "the first goes on");
});
