import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import fc from "fast-check";
import { removeFolder } from "#test/remove-folder.ts";
import { defaultAgentConfig } from "#base/language/agent-config/config.ts";
import type { Env } from "#base/env/env.ts";
import { createEnv } from "#base/platform/create-env.ts";
import { createSchedulerClient } from "#daemons/scheduler/client/client.ts";
import { replay, snapshot, type SavedAlloc } from "#daemons/scheduler/client/client-state-lines.ts";
import { fetchDisk } from "#daemons/scheduler/client/disk/fetch-disk.ts";
import { SecretsMounts } from "#daemons/scheduler/client/disk/secrets-mounts.ts";
import { tarStream } from "#daemons/scheduler/client/disk/tar-stream.ts";
import { listMounts } from "#daemons/scheduler/client/volumes/mounted.ts";
import { allocDirOf } from "#daemons/scheduler/client/alloc/alloc-dir.ts";
import type { DiskRequest, PreviousDisk } from "#daemons/scheduler/link.ts";
import { newTaskRecord } from "#daemons/scheduler/client/task/task-machine.ts";
import { createMockDriver } from "#drivers/mock/mock-driver.ts";
import { FakeRegistry, FakeServers, jobOf } from "../fake-cluster.ts";

/** The agent's timers do not keep a process alive. */
const alive = setInterval(() => {}, 1000);
test.after.always(() => clearInterval(alive));

class Servers extends FakeServers {
  answers: PreviousDisk[] = [];
  readonly asked: string[] = [];
  previousDisk({ allocId }: DiskRequest): Promise<PreviousDisk> {
    this.asked.push(allocId);
    const answer = this.answers.shift();
    return answer === undefined ? Promise.reject(new Error("no server can be reached")) : Promise.resolve(answer);
  }
}

function place(t: ExecutionContext) {
  const dir = mkdtempSync(join(tmpdir(), "lares-disk-"));
  const env = createEnv({ logLevel: "error" });
  const servers = new Servers();
  t.teardown(() => {
    env.close();
    removeFolder(dir);
  });
  const start = async (onStop: "leave" | "stop" = "leave") => {
    const client = createSchedulerClient({
      env,
      link: servers,
      drivers: [createMockDriver(env)],
      registry: new FakeRegistry(),
      config: defaultAgentConfig(),
      dataDir: dir,
      httpAddress: "127.0.0.1:4646",
      version: "0.0.0",
      onStop,
    });
    t.teardown(() => client.stop());
    await client.start();
    return client;
  };
  return { dir, env, servers, start, at: (path: string) => join(dir, "alloc", path) };
}

const task = (more: object = {}) => ({ Name: "t", Driver: "mock_driver", Config: { run_for: "1h" }, ...more });
const mountsBelow = async (env: Env, dir: string) =>
  (await listMounts(env.disk)).filter(({ path }) => path.startsWith(`${dir}/`)).map(({ path }) => path);

test.serial("secrets lie in memory: of their size, not to be run, found again, gone with the allocation", async (t) => {
  const { dir, env, servers, start, at } = place(t);
  const first = await start();
  servers.set(jobOf([task({ Resources: { SecretsMB: 2 } })]), { ID: "a" });
  await servers.until("a", ({ ClientStatus }) => ClientStatus === "running");
  const secrets = at("a/t/secrets");
  t.deepEqual(await mountsBelow(env, dir), [secrets]);
  t.is(statSync(secrets).mode & 0o777, 0o700);
  t.throws(() => writeFileSync(join(secrets, "large"), new Uint8Array(3_000_000)), { code: "ENOSPC" });
  writeFileSync(join(secrets, "large"), "#!/bin/sh\n");
  chmodSync(join(secrets, "large"), 0o755);
  t.throws(() => execFileSync(join(secrets, "large")), { code: "EACCES" });
  await first.stop();
  t.deepEqual(await mountsBelow(env, dir), [secrets], "the task runs on without an agent");
  const second = await start("stop");
  servers.set(jobOf([task()]), { ID: "a", DesiredStatus: "stop" });
  await servers.until("a", ({ ClientStatus }) => ClientStatus === "complete");
  while ((await mountsBelow(env, dir)).length > 0) await new Promise((resolve) => setTimeout(resolve, 10));
  t.false(existsSync(join(secrets, "large")));
  await second.collectGarbage();
  t.false(existsSync(at("a")));
});

test.serial(
  "mounts of allocations that nobody knows are swept at the start; no mount keeps a folder from going",
  async (t) => {
    const { dir, env, start, at } = place(t);
    const left = await SecretsMounts.open(env, join(dir, "alloc"));
    for (const id of ["x", "y"]) {
      mkdirSync(at(`${id}/t/secrets`), { recursive: true });
      await left.mount(at(`${id}/t/secrets`));
      await left.mount(at(`${id}/t/secrets`));
    }
    t.is((await mountsBelow(env, dir)).length, 2);
    await left.remove(at("y"));
    t.false(existsSync(at("y")));
    await start("stop");
    t.deepEqual(await mountsBelow(env, dir), []);
  },
);

test("where mounting is not allowed secrets stay in a folder of their owner's, and that is said once", async (t) => {
  const { dir, env } = place(t);
  const said: string[] = [];
  const exec = {
    ...env.exec,
    run: () =>
      Promise.resolve({
        code: 32,
        signal: 0,
        stdout: "",
        stderr: "must be superuser",
        timedOut: false,
        truncated: false,
      }),
  };
  const log = { ...env.log, warn: (message: string) => void said.push(message) };
  const mounts = await SecretsMounts.open({ ...env, exec, log }, dir);
  for (const id of ["a", "b"]) {
    mkdirSync(join(dir, id, "secrets"), { recursive: true, mode: 0o700 });
    await mounts.mount(join(dir, id, "secrets"));
  }
  t.is(said.length, 1);
  t.regex(said[0] ?? "", /secrets of tasks lie on disk/);
  await mounts.remove(join(dir, "a"));
  t.false(existsSync(join(dir, "a")));
});

const disk = (more: object) => ({ group: { EphemeralDisk: { SizeMB: 1, ...more } } });

test("a sticky disk is taken over even where the agent died between knowing of the replacement and moving the data", async (t) => {
  const { servers, start, at, env } = place(t);
  const client = await start();
  const job = jobOf([task()], disk({ Sticky: true }));
  servers.set(job, { ID: "old" });
  await servers.until("old", ({ ClientStatus }) => ClientStatus === "running");
  writeFileSync(at("old/alloc/data/kept"), "of the first");
  writeFileSync(at("old/t/local/own"), "of its task");
  await client.stop();
  // What the agent had written down when it died: the replacement, and nothing built of it.
  const path = join(at(".."), "client/state.jsonl");
  const lines = readFileSync(path, "utf8");
  const alloc = lines.split("\n").find((line) => line.startsWith('{"alloc":"old"')) ?? "";
  const next = alloc.replaceAll('"old"', '"new"').replace('"PreviousAllocation":""', '"PreviousAllocation":"old"');
  t.not(next, alloc);
  await env.disk.replace(path, `${lines}${next}\n`, { mode: 0o600 });
  servers.set(job, { ID: "old", DesiredStatus: "stop" });
  servers.set(job, { ID: "new", PreviousAllocation: "old" });
  await start("stop");
  await servers.until("new", ({ ClientStatus }) => ClientStatus === "running");
  t.is(servers.reports.get("old")?.ClientStatus, "complete", "what it replaces has ended first");
  t.is(readFileSync(at("new/alloc/data/kept"), "utf8"), "of the first");
  t.is(readFileSync(at("new/t/local/own"), "utf8"), "of its task");
});

const bodyOf = (env: Env, root: string) => tarStream({ disk: env.disk, root, folders: ["alloc/data", "t/local"] });
const said = (servers: FakeServers, id: string) =>
  servers.reports
    .get(id)
    ?.TaskStates["t"]?.Events.map(({ DisplayMessage }) => DisplayMessage)
    .join("\n") ?? "";

test("a disk migrates from another node once the allocation there has ended; owners stay", async (t) => {
  const { dir, env, servers, start, at } = place(t);
  const client = await start("stop");
  const far = join(dir, "far");
  mkdirSync(join(far, "alloc/data/deep"), { recursive: true });
  mkdirSync(join(far, "t/local"), { recursive: true });
  writeFileSync(join(far, "alloc/data/deep/file"), "data", { mode: 0o640 });
  writeFileSync(join(far, "t/local/own"), "own");
  execFileSync("chown", ["1234:2345", join(far, "alloc/data/deep/file")]);
  servers.answers = [{ kind: "running" }, { kind: "disk", body: bodyOf(env, far) }];
  servers.set(jobOf([task()], disk({ Migrate: true })), { ID: "moved", PreviousAllocation: "elsewhere" });
  await servers.until("moved", ({ ClientStatus }) => ClientStatus === "running");
  t.deepEqual(servers.asked, ["moved", "moved"]);
  t.is(readFileSync(at("moved/alloc/data/deep/file"), "utf8"), "data");
  const { uid, gid, mode } = statSync(at("moved/alloc/data/deep/file"));
  t.deepEqual([uid, gid, mode & 0o777], [1234, 2345, 0o640]);
  t.is(readFileSync(at("moved/t/local/own"), "utf8"), "own");
  t.regex(said(servers, "moved"), /Waiting for allocation elsewher.*\nTook over the disk/s);
  t.false(existsSync(at("moved/.incoming")));
  await client.stop();
});

test("a disk that is too large, or of nobody, leaves an empty one, and the task says why", async (t) => {
  const { dir, env, servers, start, at } = place(t);
  const client = await start("stop");
  mkdirSync(join(dir, "far/alloc/data"), { recursive: true });
  writeFileSync(join(dir, "far/alloc/data/large"), new Uint8Array(2_000_000));
  servers.answers = [{ kind: "disk", body: bodyOf(env, join(dir, "far")) }];
  servers.set(jobOf([task()], disk({ Migrate: true })), { ID: "large", PreviousAllocation: "elsewhere" });
  await servers.until("large", ({ ClientStatus }) => ClientStatus === "running");
  t.regex(said(servers, "large"), /larger than the 1\S* ?MiB.*beginning with an empty one/);
  t.false(existsSync(at("large/alloc/data/large")));
  servers.answers = [{ kind: "gone", why: "node 1234 is down" }];
  servers.set(jobOf([task()], disk({ Migrate: true })), { ID: "lost", PreviousAllocation: "elsewhere" });
  await servers.until("lost", ({ ClientStatus }) => ClientStatus === "running");
  t.regex(said(servers, "lost"), /could not be taken over: node 1234 is down/);
  await client.stop();
});

test("an archive that breaks off or leads out of its folder changes nothing", async (t) => {
  const { dir, env } = place(t);
  mkdirSync(join(dir, "far/alloc/data"), { recursive: true });
  writeFileSync(join(dir, "far/alloc/data/file"), new Uint8Array(100_000));
  const to = allocDirOf(dir, "to");
  const take = (body: AsyncIterable<Uint8Array>) =>
    fetchDisk(env, { body, dir: to, tasks: ["t"], maxBytes: 0, signal: new AbortController().signal });
  async function* broken() {
    yield* [(await Array.fromAsync(bodyOf(env, join(dir, "far"))))[1] ?? new Uint8Array()];
    throw new Error("connection reset");
  }
  const broke = await take(broken());
  t.regex(broke.ok ? "" : broke.error.message, /broke off: connection reset/);
  async function* half() {
    yield Buffer.concat(await Array.fromAsync(bodyOf(env, join(dir, "far")))).subarray(0, 50_000);
  }
  const cut = await take(half());
  t.regex(cut.ok ? "" : cut.error.message, /cannot unpack it/);
  const evil = execFileSync("tar", [
    "-cP",
    "--transform=s,^.*/file,../../../escaped,",
    join(dir, "far/alloc/data/file"),
  ]);
  async function* leading() {
    yield evil;
  }
  await take(leading());
  t.false(existsSync(join(dir, "escaped")) || existsSync(join(dir, "../escaped")));
  t.false(existsSync(join(to.root, "alloc/data")));
});

test("a node's notes: what still holds is read out of any history; what does not fit is counted and left out", (t) => {
  const servers = new FakeServers();
  const job = jobOf([{ Name: "a", Driver: "mock_driver", Config: {} }]);
  const [first, second] = ["one", "two"].map((ID) => servers.set(job, { ID }));
  const record = (restarts: number) => {
    const fresh = newTaskRecord(1);
    return { ...fresh, state: { ...fresh.state, Restarts: restarts } };
  };
  const saved = (current: typeof first, restarts: number): SavedAlloc => ({
    current: current!,
    tasks: { a: record(restarts) },
    health: { Healthy: true, Timestamp: restarts },
  });
  const live = new Map([
    ["one", saved(first, 3)],
    ["two", saved(second, 0)],
  ]);
  const old = new Map([["one", saved(first, 1)]]);
  const whole = snapshot(live);
  t.deepEqual(replay(snapshot(old) + whole), { live, damaged: 0 });
  const gone = replay(`${whole}{"gone":"one"}\n`);
  t.deepEqual([[...gone.live.keys()], gone.damaged], [["two"], 0]);
  const noise = fc.string({ unit: "grapheme" }).filter((text) => !/[\n{]/.test(text) && text !== "");
  fc.assert(
    fc.property(
      fc.array(
        fc.oneof(
          noise,
          fc.json().map((text) => `{"task":["one","a"],"vlaue":${text}`),
        ),
      ),
      (lines) => {
        const read = replay(`${lines.join("\n")}\n${whole}`);
        t.deepEqual(read.live, live);
        return read.damaged >= lines.length;
      },
    ),
  );
  for (let cut = 0; cut < whole.length; cut += 7) t.true(replay(whole.slice(0, cut)).damaged <= 1);
});
