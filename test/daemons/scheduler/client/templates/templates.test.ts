import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import fc from "fast-check";
import * as v from "valibot";
import type { Dependency } from "#base/client/templates/dependencies/dependency.ts";
import { WatchPool } from "#base/client/templates/engine/watch-pool.ts";
import type { GoValue } from "#base/language/go-template/value.ts";
import { TaskTemplates } from "#daemons/scheduler/client/templates/task-templates.ts";
import { writeDestination } from "#base/client/templates/output/destination.ts";
import { createEnv } from "#base/platform/create-env.ts";
import { createSystemDisk } from "#base/platform/disk.ts";
import { createSystemRandom } from "#base/platform/random.ts";
import { TemplateSchema } from "#base/protocol/task.ts";
import { planChange } from "#daemons/scheduler/client/templates/change.ts";
import { parseDotenv } from "#daemons/scheduler/client/templates/dotenv.ts";

const block = (fields: object) => v.parse(TemplateSchema, { DestPath: "local/x", ...fields });

test("variables as shells write them", (t) => {
  const read = parseDotenv(
    `# comment\n\nA=1\nexport B = two words # not this\nC="a\\n\\"b\\" # this"\nD='$A \\n'\nE=\nF=a#b\r\nA=last\n`,
  );
  t.deepEqual(read, {
    ok: true,
    value: { A: "last", B: "two words", C: 'a\n"b" # this', D: "$A \\n", E: "", F: "a#b" },
  });
  t.like(parseDotenv("A=1\nnothing"), {
    ok: false,
    error: { message: 'line 2 is no variable: expected NAME=value, found "nothing"' },
  });
  t.like(parseDotenv('A="open'), { ok: false, error: { message: "line 1: the quotes of A are not closed" } });
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      parseDotenv(text);
    }),
  );
  fc.assert(
    fc.property(fc.string(), (value) => {
      const written = JSON.stringify(value);
      if (!/\\[^"\\nrt]/.test(written)) t.deepEqual(parseDotenv(`A=${written}`), { ok: true, value: { A: value } });
    }),
  );
});

test("what changes do to a task", (t) => {
  const signal = block({ ChangeMode: "signal", ChangeSignal: "SIGHUP", Splay: 2e9 });
  const script = block({ ChangeMode: "script", ChangeScript: { Command: "/x" }, Splay: 0 });
  const noop = block({ ChangeMode: "noop", Splay: 9e9 });
  t.deepEqual(planChange([noop]), { restart: false, signals: [], scripts: [], splayMs: 0 });
  t.like(planChange([signal, signal, script]), { restart: false, signals: ["SIGHUP"], splayMs: 2000 });
  t.is(planChange([signal, script]).scripts.length, 1);
  t.deepEqual(planChange([signal, script, block({})]), { restart: true, signals: [], scripts: [], splayMs: 5000 });
});

const root = mkdtempSync(join(tmpdir(), "lares-task-templates-"));
test.after.always(() => rmSync(root, { recursive: true, force: true }));

const to = (path: string, within: string) => ({
  path,
  within,
  perms: 0o644,
  uid: undefined,
  gid: undefined,
  backup: false,
  createDirs: true,
});

test("a link that a task makes afterwards leads no rendering out of its folder", async (t) => {
  const disk = createSystemDisk(createSystemRandom());
  const alloc = join(root, "alloc");
  const outside = join(root, "outside");
  mkdirSync(join(alloc, "task/local"), { recursive: true });
  mkdirSync(outside);
  const path = join(alloc, "task/local/conf/out");
  t.like(await writeDestination(disk, to(path, alloc), "one"), { ok: true });
  rmSync(join(alloc, "task/local/conf"), { recursive: true });
  symlinkSync(outside, join(alloc, "task/local/conf"));
  const refused = await writeDestination(disk, to(path, alloc), "two");
  t.false(refused.ok);
  t.regex(refused.ok ? "" : refused.error.message, /task\/local\/conf is a link, which is not followed here/);
  t.deepEqual(readdirSync(outside), []);
  const secret = join(outside, "secret");
  writeFileSync(secret, "kept");
  symlinkSync(secret, join(alloc, "task/local/last"));
  t.like(await writeDestination(disk, to(join(alloc, "task/local/last"), alloc), "three"), { ok: true });
  t.is(readFileSync(secret, "utf8"), "kept");
  t.is(readFileSync(join(alloc, "task/local/last"), "utf8"), "three");
});

test("what changed while the agent was away is told to a task that runs; what is as it was is not", async (t) => {
  const env = createEnv({ logLevel: "error" });
  t.teardown(() => env.close());
  const pool = new WatchPool<Dependency, GoValue>({ source: { follow: () => Promise.resolve() }, log: env.log });
  const path = join(root, "resumed");
  const start = async (text: string, resumed: boolean): Promise<number> => {
    let told = 0;
    const templates = new TaskTemplates({
      env,
      pool,
      blocks: [
        {
          template: block({}),
          compiled: {
            render: () => ({ text, asked: new Map(), pending: [] }),
            failure: () => undefined,
            writes: () => [],
          },
          destination: to(path, root),
        },
      ],
      wait: () => undefined,
      note: () => {},
      resumed,
      onChange: () => void (told += 1),
    });
    t.like(await templates.start(new AbortController().signal), { ok: true });
    for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
    await templates.stop();
    return told;
  };
  t.is(await start("one", false), 0);
  t.is(await start("one", true), 0);
  t.is(await start("two", true), 1);
  t.is(await start("three", false), 0);
});
