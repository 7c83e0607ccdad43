import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import fc from "fast-check";
import * as v from "valibot";
import { removeFolder } from "#test/remove-folder.ts";
import { defaultAgentConfig } from "#base/language/agent-config/config.ts";
import type { TaskCheck } from "#base/protocol/catalog.ts";
import { ServiceSchema } from "#base/protocol/service.ts";
import { allocDirOf, buildAllocDir, buildTaskDir, inheritDisk } from "#daemons/scheduler/client/alloc/alloc-dir.ts";
import { isHealthyForUpdate } from "#daemons/scheduler/client/alloc/update-health.ts";
import { createEnv } from "#base/platform/create-env.ts";
import { createSchedulerClient } from "#daemons/scheduler/client/client.ts";
import { createMockDriver } from "#drivers/mock/mock-driver.ts";
import { FakeRegistry, FakeServers, jobOf } from "../fake-cluster.ts";
import { until } from "../../server/cluster.ts";
import { tarStream } from "#daemons/scheduler/client/disk/tar-stream.ts";

async function tarOf(root: string, folders: readonly string[]): Promise<Buffer> {
  const env = createEnv({ logLevel: "error" });
  const parts: Uint8Array[] = [];
  for await (const part of tarStream({ disk: env.disk, root, folders })) parts.push(part);
  env.close();
  return Buffer.concat(parts);
}

test("what an allocation keeps travels as an archive that tar reads: any name, any bytes, no links", async (t) => {
  const segment = fc
    .string({ unit: "binary", minLength: 1, maxLength: 60 })
    .filter((name) => !/[/\0\uFFFD]/.test(name) && name !== "." && name !== ".." && name.isWellFormed())
    .filter((name) => Buffer.byteLength(name) <= 200);
  const files = fc.dictionary(segment, fc.uint8Array({ maxLength: 1500 }), { maxKeys: 6 });
  await fc.assert(
    fc.asyncProperty(files, segment, async (content, folder) => {
      const root = mkdtempSync(`${tmpdir()}/lares-tar-`);
      const out = mkdtempSync(`${tmpdir()}/lares-untar-`);
      try {
        mkdirSync(`${root}/alloc/data/${folder}`, { recursive: true });
        symlinkSync("/etc/passwd", `${root}/alloc/data/link`);
        const entries = Object.entries(content);
        for (const [name, data] of entries) writeFileSync(`${root}/alloc/data/${folder}/${name}`, data);
        const input = await tarOf(root, ["alloc/data", "web/local"]);
        execFileSync("tar", ["-x", "-C", out], { input });
        for (const [name, data] of entries) {
          t.deepEqual(new Uint8Array(readFileSync(`${out}/alloc/data/${folder}/${name}`)), data);
        }
        t.throws(() => readFileSync(`${out}/alloc/data/link`), { code: "ENOENT" });
      } finally {
        for (const each of [root, out]) rmSync(each, { recursive: true, force: true });
      }
    }),
    { numRuns: 30 },
  );
});

test("a service's checks let its allocation count as healthy as their on_update says", (t) => {
  const checks = (...rules: string[]) => ({ Checks: rules.map((OnUpdate) => ({ Type: "tcp", OnUpdate })) });
  const is = (rules: readonly string[], statuses: readonly string[]): boolean => {
    const service = v.parse(ServiceSchema, { Name: "s", ...checks(...rules) });
    const stands = statuses.map((Status, at) => ({ CheckID: `id:check-${at}`, Status }) as TaskCheck);
    const worst = (["critical", "warning", "passing"] as const).find((each) => statuses.includes(each));
    return isHealthyForUpdate({ service, serviceId: "id", worst }, { checks: () => stands });
  };
  t.true(is([], []));
  t.true(is(["require_healthy"], ["passing"]));
  t.false(is(["require_healthy"], ["warning"]));
  t.true(is(["ignore_warnings"], ["warning"]));
  t.false(is(["ignore_warnings"], ["critical"]));
  t.true(is(["ignore"], ["critical"]));
  t.true(is(["ignore"], []), "not yet known to anybody");
  t.true(is(["ignore", "ignore_warnings", ""], ["critical", "warning", "passing"]));
  t.false(is(["ignore", "ignore_warnings", ""], ["critical", "warning", "warning"]));
});

test("what a sticky disk keeps goes to the allocation that follows, and nothing else does", async (t) => {
  const root = mkdtempSync(`${tmpdir()}/lares-sticky-`);
  const env = createEnv({ logLevel: "error" });
  t.teardown(() => {
    env.close();
    rmSync(root, { recursive: true, force: true });
  });
  const [from, to] = [allocDirOf(root, "old"), allocDirOf(root, "new")];
  await buildAllocDir(env.disk, from);
  for (const task of ["web", "gone"]) await buildTaskDir(env.disk, from, task);
  for (const file of ["alloc/data/a", "web/local/b", "web/secrets/c", "gone/local/d"])
    writeFileSync(`${root}/old/${file}`, file);
  const inherit = () => inheritDisk(env.disk, ["web", "fresh"], { from, to });
  await inherit();
  await buildAllocDir(env.disk, to);
  for (const task of ["web", "fresh"]) await buildTaskDir(env.disk, to, task);
  t.is(readFileSync(`${root}/new/alloc/data/a`, "utf8"), "alloc/data/a");
  t.is(readFileSync(`${root}/new/web/local/b`, "utf8"), "web/local/b");
  t.false(existsSync(`${root}/new/web/secrets/c`));
  t.false(existsSync(`${root}/new/gone`));
  await inherit();
  t.true(existsSync(`${root}/new/alloc/data/a`), "once it has begun, nothing is moved");
});

/** Nothing but promises waits here at times, which would end the process. */
const alive = setInterval(() => {}, 1000);
test.after.always(() => clearInterval(alive));

/** Which folders of ended allocations stay on a node: as many as may, and none where the disk is filling up. */
interface Given {
  readonly maxAllocs: number;
  readonly maxDiskPercent: number;
}

async function node(t: ExecutionContext, dir: string, { maxAllocs, maxDiskPercent }: Given) {
  const env = createEnv({ logLevel: "error" });
  const servers = new FakeServers();
  const config = defaultAgentConfig();
  const client = createSchedulerClient({
    env,
    link: servers,
    drivers: [createMockDriver(env)],
    registry: new FakeRegistry(),
    config: {
      ...config,
      client: {
        ...config.client,
        allocDir: join(dir, "alloc"),
        gcIntervalMs: 20,
        gcMaxAllocs: maxAllocs,
        gcDiskUsageThreshold: maxDiskPercent,
      },
    },
    dataDir: join(dir, "data"),
    httpAddress: "127.0.0.1:4646",
    version: "0.0.0",
    onStop: "stop",
  });
  t.teardown(async () => {
    await client.stop();
    env.close();
    removeFolder(dir);
  });
  await client.start();
  const run = async (id: string, runFor: string): Promise<void> => {
    const task = { Name: "t", Driver: "mock_driver", Config: { run_for: runFor } };
    servers.set(jobOf([task], { type: "batch" }), { ID: id });
    const wanted = runFor === "1h" ? "running" : "complete";
    await servers.until(id, ({ ClientStatus }) => ClientStatus === wanted);
  };
  return { client, run, there: () => readdirSync(join(dir, "alloc")).toSorted() };
}

test("gc › of the ended ones the last stay, as many as may, and what runs", async (t) => {
  const dir = mkdtempSync(join(tmpdir(), "lares-gc-"));
  const { run, there, client } = await node(t, dir, { maxAllocs: 2, maxDiskPercent: 101 });
  await run("running", "1h");
  for (const id of ["a", "b", "c", "d"]) await run(id, "1ms");
  await until(() => there().length === 3);
  t.deepEqual(there(), ["c", "d", "running"]);
  await client.collectGarbage();
  t.deepEqual(there(), ["running"], "asked for, all that ended goes");
});

test("gc › where the disk is fuller than it may be, nothing that ended stays; what runs does", async (t) => {
  const dir = mkdtempSync(join(tmpdir(), "lares-gc-"));
  const disk = join(dir, "alloc");
  mkdirSync(disk);
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=4m", "lares-gc-test", disk]);
  const { run, there } = await node(t, dir, { maxAllocs: 50, maxDiskPercent: 80 });
  t.teardown(() => execFileSync("umount", ["-l", disk]));
  await run("running", "1h");
  await run("a", "1ms");
  t.deepEqual(there(), ["a", "running"], "there is room");
  writeFileSync(join(disk, "running/alloc/data/large"), new Uint8Array(3_800_000));
  await run("b", "1ms");
  await until(() => !existsSync(join(disk, "a")) && !existsSync(join(disk, "b")));
  t.deepEqual(there(), ["running"]);
});
