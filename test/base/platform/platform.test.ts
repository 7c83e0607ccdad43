import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import anyTest from "ava";
import type { TestFn } from "ava";
import { textOf, utf8 } from "#base/env/bytes.ts";
import { DiskError } from "#base/env/disk.ts";
import { adviceOf } from "#base/env/errors.ts";
import type { LogEntry } from "#base/env/log.ts";
import { createEnv } from "#base/platform/create-env.ts";
import { openLogFile } from "#base/platform/log-file.ts";
import { createLogHub } from "#base/platform/log.ts";
import { landlockVersion } from "#base/platform/landlock.ts";
import { whenEnded } from "#base/platform/program-end.ts";

const test = anyTest as TestFn<{ folder: string }>;
const env = createEnv({ logToStderr: false });

test.beforeEach(async (t) => {
  t.context.folder = await mkdtemp(join(tmpdir(), "lares-platform-"));
});
test.afterEach.always(async (t) => {
  await rm(t.context.folder, { recursive: true, force: true });
});
test.after.always(() => env.close());

// Clock and random

test("a timer fires once, a cancelled one never, an absurd delay is not a short one", async (t) => {
  const fired: string[] = [];
  env.clock.after(1, () => fired.push("near"));
  env.clock.after(1, () => fired.push("cancelled")).cancel();
  const far = env.clock.after(1e15, () => fired.push("far"));
  const began = env.clock.monotonicMs();
  await sleepHere(30);
  t.true(env.clock.monotonicMs() > began);
  t.deepEqual(fired, ["near"]);
  far.cancel();
});

test("random numbers fill [0, 1) evenly, uuids are version 4", (t) => {
  const buckets = Array.from({ length: 10 }, () => 0);
  for (let i = 0; i < 20_000; i++) {
    const drawn = env.random.float();
    t.true(drawn >= 0 && drawn < 1);
    buckets[Math.floor(drawn * 10)]! += 1;
  }
  // 2,000 expected, standard deviation 42: ten of them is no chance.
  for (const count of buckets) t.true(Math.abs(count - 2000) < 420, `${buckets}`);
  t.regex(env.random.uuid(), /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  t.is(env.random.bytes(7).length, 7);
});

// Disk

test("replace leaves the new content, the mode, and no neighbour", async (t) => {
  const path = join(t.context.folder, "a");
  await env.disk.replace(path, "one");
  await env.disk.replace(path, utf8("two"), { mode: 0o600 });
  t.is(textOf((await env.disk.read(path))!), "two");
  t.is((await env.disk.stat(path))!.mode, 0o600);
  t.deepEqual(await env.disk.list(t.context.folder), ["a"]);
});

test("a failed replace names action, path and code, and leaves nothing", async (t) => {
  const path = join(t.context.folder, "folder");
  mkdirSync(join(path, "inner"), { recursive: true });
  const error = await t.throwsAsync(env.disk.replace(path, "x"), { instanceOf: DiskError });
  t.is(error.message, `cannot write ${path}: EISDIR`);
  t.deepEqual(await env.disk.list(t.context.folder), ["folder"]);
  const missing = await t.throwsAsync(env.disk.replace(join(t.context.folder, "no/such"), "x"), {
    instanceOf: DiskError,
  });
  t.is(missing.code, "ENOENT");
});

test("a confined disk writes through no link and reads nothing outside, not even while links are swapped in", async (t) => {
  const root = join(t.context.folder, "root");
  const outside = join(t.context.folder, "outside");
  for (const folder of [join(root, "a/b"), outside]) mkdirSync(folder, { recursive: true });
  writeFileSync(join(outside, "secret"), "secret");
  const disk = env.disk.confine(root);
  await disk.makeDir(join(root, "a/b/c/d"), { mode: 0o750 });
  t.is((await disk.stat(join(root, "a/b/c/d")))?.mode, 0o750);
  await disk.replace(join(root, "a/b/file"), "one", { mode: 0o640 });
  symlinkSync("file", join(root, "a/b/inner"));
  t.is(textOf((await disk.read(join(root, "a/b/inner")))!), "one", "a link that stays inside");
  symlinkSync(outside, join(root, "a/out"));
  symlinkSync(join(outside, "secret"), join(root, "a/b/sly"));
  const refused = async (work: Promise<unknown>): Promise<string> => {
    const error = await t.throwsAsync(work, { instanceOf: DiskError });
    return `${error.code} ${error.path.slice(root.length)}`;
  };
  t.is(await refused(disk.replace(join(root, "a/out/x"), "x")), "ELOOP /a/out");
  t.is(await refused(disk.makeDir(join(root, "a/out/new"))), "ELOOP /a/out");
  t.is(await refused(disk.read(join(root, "a/b/sly"))), "EXDEV /a/b/sly");
  t.is(await refused(disk.stat(join(root, "a/out/secret"))), "EXDEV /a/out/secret");
  t.is(await refused(disk.replace(join(outside, "x"), "x")), "EXDEV " + join(outside, "x").slice(root.length));
  t.is((await disk.stat(join(root, "a/b/sly")))?.kind, "symlink");
  t.is(await disk.read(join(root, "a/none")), undefined);
  await disk.replace(join(root, "a/b/sly"), "mine");
  t.is(readFileSync(join(outside, "secret"), "utf8"), "secret");
  // A folder that turns into a link and back as fast as it goes.
  const [real, hidden, link] = [join(root, "a/b"), join(root, "a/hidden"), join(root, "a/link")];
  symlinkSync(outside, link);
  let swaps = 0;
  const swapping = async (): Promise<void> => {
    for (; swaps < 300; swaps++) {
      renameSync(real, hidden);
      renameSync(link, real);
      await new Promise((resolve) => setImmediate(resolve));
      renameSync(real, link);
      renameSync(hidden, real);
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  const swapped = swapping();
  while (swaps < 300) {
    await disk.replace(join(real, "file"), "two").catch(() => {});
    const read = await disk.read(join(real, "secret")).catch(() => undefined);
    t.is(read, undefined);
  }
  await swapped;
  t.deepEqual(readdirSync(outside), ["secret"]);
});

test("appends land in the order of the calls and count", async (t) => {
  const path = join(t.context.folder, "log");
  const file = await env.disk.openAppend(path, { mode: 0o640 });
  const parts = Array.from({ length: 50 }, (_, i) => `${i};`);
  await Promise.all(parts.map((part) => file.append(utf8(part))));
  await file.sync();
  t.is(file.size, parts.join("").length);
  await file.close();
  t.is(readFileSync(path, "utf8"), parts.join(""));
  const again = await env.disk.openAppend(path);
  t.is(again.size, parts.join("").length);
  await again.append(utf8("end"));
  await again.close();
  t.is(textOf((await env.disk.readAt(path, 4, 4))!), "2;3;");
  t.is(textOf((await env.disk.readAt(path, again.size - 3, 100))!), "end");
  await env.disk.truncate(path, 4);
  t.is(readFileSync(path, "utf8"), "0;1;");
  t.is((await env.disk.stat(path))!.mode, 0o640);
});

test("what is missing is an answer; what is in the way is an error", async (t) => {
  const { folder } = t.context;
  t.is(await env.disk.read(join(folder, "no")), undefined);
  t.is(await env.disk.readAt(join(folder, "no"), 0, 1), undefined);
  t.is(await env.disk.stat(join(folder, "no")), undefined);
  t.deepEqual(await env.disk.list(join(folder, "no")), []);
  await env.disk.remove(join(folder, "no"));
  t.is((await t.throwsAsync(env.disk.read(folder), { instanceOf: DiskError })).code, "EISDIR");
  writeFileSync(join(folder, "file"), "");
  t.is((await t.throwsAsync(env.disk.list(join(folder, "file")), { instanceOf: DiskError })).code, "ENOTDIR");
  t.is((await t.throwsAsync(env.disk.makeDir(join(folder, "file")), { instanceOf: DiskError })).code, "EEXIST");
});

test("folders, links, renames, modes", async (t) => {
  const { folder } = t.context;
  const deep = join(folder, "a/b/c");
  await env.disk.makeDir(deep, { mode: 0o700 });
  await env.disk.makeDir(deep);
  t.is((await env.disk.stat(deep))!.mode, 0o700);
  await env.disk.replace(join(deep, "x"), "x");
  await env.disk.rename(join(deep, "x"), join(folder, "y"));
  await env.disk.symlink("y", join(folder, "link"));
  t.is((await env.disk.stat(join(folder, "link")))!.kind, "symlink");
  t.is(await env.disk.readLink(join(folder, "link")), "y");
  await t.throwsAsync(env.disk.readLink(join(folder, "y")), { name: "DiskError", message: /read the link/ });
  await env.disk.setMode(join(folder, "y"), 0o600);
  t.is((await env.disk.stat(join(folder, "y")))!.mode, 0o600);
  await env.disk.remove(join(folder, "link"));
  t.is(textOf((await env.disk.read(join(folder, "y")))!), "x");
  await env.disk.remove(join(folder, "a"));
  t.deepEqual(await env.disk.list(folder), ["y"]);
  const space = await env.disk.space(folder);
  t.true(space.freeBytes > 0 && space.freeBytes <= space.totalBytes);
});

test("a full disk: the append fails with ENOSPC and what was written before stays", async (t) => {
  const file = await env.disk.openAppend("/dev/full").catch(() => undefined);
  if (file === undefined) {
    t.pass("no /dev/full here");
    return;
  }
  const error = await t.throwsAsync(file.append(utf8("x")), { instanceOf: DiskError });
  t.is(error.message, "cannot append to /dev/full: ENOSPC");
  await file.close();
});

// Exec

test("run: output, input, exit codes, signals", async (t) => {
  const echoed = await env.exec.run(["cat"], { input: "through" });
  t.like(echoed, { code: 0, signal: 0, stdout: "through", stderr: "", timedOut: false, truncated: false });
  t.like(await env.exec.run(["sh", "-c", "echo no >&2; exit 3"]), { code: 3, stderr: "no\n" });
  t.like(await env.exec.run(["sh", "-c", "kill -9 $$"]), { code: 0, signal: 9 });
  t.like(
    await env.exec.run(["sh", "-c", 'echo "$1 $X"', "sh", "a;b$(c)"], { env: { X: "y", PATH: "/usr/bin:/bin" } }),
    {
      stdout: "a;b$(c) y\n",
    },
  );
});

test("run: a missing program is 127, a file that is none 126, a missing folder says so", async (t) => {
  t.like(await env.exec.run(["lares-no-such-program"]), {
    code: 127,
    stderr: "lares-no-such-program: no such program in PATH",
  });
  const plain = join(t.context.folder, "plain");
  writeFileSync(plain, "text");
  t.like(await env.exec.run([plain]), { code: 126, stderr: `cannot start ${plain}: EACCES` });
  const moved = await env.exec.run(["true"], { cwd: join(t.context.folder, "gone") });
  t.is(moved.code, 126);
  t.regex(moved.stderr, /working folder .*gone does not exist/);
});

test("run: a timeout and a cancellation end the whole group, output is capped", async (t) => {
  const marker = join(t.context.folder, "late");
  const slow = await env.exec.run(["sh", "-c", `echo early; (sleep 9; touch ${marker}) & wait`], { timeoutMs: 3000 });
  t.like(slow, { signal: 9, stdout: "early\n", timedOut: true });
  const abort = new AbortController();
  setTimeout(() => abort.abort(), 50);
  t.like(await env.exec.run(["sleep", "10"], { signal: abort.signal }), { signal: 9, timedOut: false });
  t.like(await env.exec.run(["true"], { signal: abort.signal }), { code: 126 });
  const loud = await env.exec.run(["sh", "-c", "yes | head -c 100000"], { maxOutputBytes: 1000 });
  t.true(loud.truncated);
  t.is(loud.stdout.length, 1000);
  t.false(existsSync(marker));
});

test("run: what came while this process stood still is read, however long that was", async (t) => {
  const child = spawn("sh", ["-c", "(sleep 0.2; echo late) & exit 0"], { stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  child.stdout.on("data", (bytes: Buffer) => (said += bytes.toString()));
  const ended = whenEnded(child, 500);
  child.once("exit", () => {
    // Longer than the grace: its timer is over before anybody has looked at the pipe.
    const until = performance.now() + 900;
    while (performance.now() < until);
  });
  t.deepEqual(await ended, { code: 0, signal: 0 });
  t.is(said, "late\n");
});

test("run: a grandchild that keeps the pipe open does not hold the result", async (t) => {
  const result = await env.exec.run(["sh", "-c", "sleep 20 & echo $!"]);
  t.is(result.code, 0);
  t.true(env.exec.kill(Number(result.stdout), 9));
});

test("spawn: output straight into files, input, exit", async (t) => {
  const out = join(t.context.folder, "out");
  writeFileSync(out, "before\n");
  const child = await env.exec.spawn(["sh", "-c", "cat; echo done; exit 4"], {
    env: { PATH: process.env["PATH"]! },
    stdout: { appendTo: out },
    stderr: "ignore",
    detached: false,
  });
  await child.write(utf8("typed\n"));
  child.endInput();
  t.deepEqual(await child.exited, { code: 4, signal: 0 });
  t.is(readFileSync(out, "utf8"), "before\ntyped\ndone\n");
});

test("spawn: a detached program leads a group of its own and can be ended as one", async (t) => {
  let text = "";
  const child = await env.exec.spawn(["sh", "-c", "sleep 30 & echo $!; wait"], {
    env: { PATH: process.env["PATH"]! },
    stdout: "pipe",
    stderr: "pipe",
    onOutput: (_stream, data) => void (text += textOf(data)),
    detached: true,
  });
  while (!text.endsWith("\n")) await sleepHere(5);
  const inner = Number(text);
  t.true(env.exec.kill(inner, 0));
  t.true(env.exec.kill(-child.pid, 15));
  t.deepEqual(await child.exited, { code: 0, signal: 15 });
  const isOver = (): boolean => {
    try {
      return readFileSync(`/proc/${inner}/stat`, "utf8").split(" ")[2] === "Z";
    } catch {
      return true;
    }
  };
  while (env.exec.kill(inner, 0) && !isOver()) await sleepHere(5);
  t.false(env.exec.kill(-child.pid, 0) && !isOver());
});

test("spawn: a program that cannot be started rejects with its code; find sees PATH", async (t) => {
  const options = { env: {}, stdout: "ignore", stderr: "ignore", detached: false } as const;
  const error = await t.throwsAsync(env.exec.spawn(["/no/such/program"], options));
  t.is(error.message, "cannot start /no/such/program: ENOENT");
  t.regex((await env.exec.find("sh"))!, /^\/.*\/sh$/);
  t.is(await env.exec.find("lares-no-such-program"), undefined);
  t.is(await env.exec.find(t.context.folder), undefined);
  t.throws(() => env.exec.kill(-1, 0), { message: /not to -1/ });
  t.throws(() => env.exec.kill(0, 9), { message: /not to 0/ });
});

// Streams and datagrams

test("streams carry bytes both ways; a taken port says who to look for; connecting to nobody fails", async (t) => {
  const listener = await env.net.listen({ host: "127.0.0.1", port: 0 }, (stream) => {
    stream.onData((data) => void stream.write(utf8(textOf(data).toUpperCase())));
  });
  const stream = await env.net.connect(listener.address);
  const answer = new Promise<string>((resolve) => stream.onData((data) => resolve(textOf(data))));
  await stream.write(utf8("hello"));
  t.is(await answer, "HELLO");
  t.is(stream.remote.port, listener.address.port);
  const taken = await t.throwsAsync(env.net.listen(listener.address, () => {}));
  t.is(taken.message, `cannot listen on 127.0.0.1:${listener.address.port}: EADDRINUSE`);
  const closed = new Promise<Error | undefined>((resolve) => stream.onClose(resolve));
  await listener.close();
  await closed;
  const refused = await t.throwsAsync(env.net.connect(listener.address));
  t.is(refused.message, `cannot connect to 127.0.0.1:${listener.address.port}: ECONNREFUSED`);
  const abort = AbortSignal.abort();
  await t.throwsAsync(env.net.connect({ ...listener.address, signal: abort }), { message: /cancelled/ });
});

test("a taken port of datagrams says so, of both families", async (t) => {
  for (const host of ["127.0.0.1", "::1"]) {
    const first = await env.net.serve({ host, port: 0 }, () => 0);
    t.teardown(() => first.close());
    const taken = await t.throwsAsync(env.net.serve(first.address, () => 0));
    const { port } = first.address;
    t.is(
      adviceOf(taken),
      `cannot listen on ${host}:${port}: EADDRINUSE; another program has port ${port}; \`ss -lntup\` shows which`,
    );
  }
});

test("datagrams are answered where the runtime cannot call the system's library", async (t) => {
  const script = `
    const { systemNet } = await import(${JSON.stringify(new URL("../../../base/platform/net.ts", import.meta.url).href)});
    for (const host of ["127.0.0.1", "::1"]) {
      const answered = Promise.withResolvers();
      const server = await systemNet.serve({ host, port: 0 }, (data, from, out) => (out.set(data), data.length));
      const asking = await systemNet.bind({ host, port: 0 }, (data) => answered.resolve(Buffer.from(data).toString()));
      asking.send(Buffer.from(host), server.address);
      console.log(await answered.promise);
      await Promise.all([server.close(), asking.close()]);
    }`;
  const argv = [process.execPath, "--no-experimental-ffi", "--input-type=module", "-e", script];
  const { stdout, stderr } = await env.exec.run(argv);
  t.is(stdout, "127.0.0.1\n::1\n", stderr);
});

test("datagrams arrive whole with their sender; interfaces hold loopback", async (t) => {
  const arrived = new Promise<[string, number]>((resolve) => {
    void env.net
      .bind({ host: "127.0.0.1", port: 0 }, (data, from) => resolve([textOf(data), from.port]))
      .then(async (receiver) => {
        const sender = await env.net.bind({ host: "127.0.0.1", port: 0 }, () => {});
        t.teardown(async () => void (await Promise.all([receiver.close(), sender.close(), sender.close()])));
        sender.send(utf8("datagram"), receiver.address);
        sent = sender.address.port;
      });
  });
  let sent = 0;
  const [text, port] = await arrived;
  t.is(text, "datagram");
  t.is(port, sent);
  t.true(env.net.interfaces().some((each) => each.internal && each.address === "127.0.0.1" && each.family === 4));
  t.true(env.net.hostname().length > 0);
});

// Log

test("log: levels, names, fields, listeners below the level, ring", (t) => {
  const lines: string[] = [];
  const heard: LogEntry[] = [];
  const clock = { ...env.clock, nowMs: () => 0 };
  const hub = createLogHub({ clock, level: "info", format: "text", sinks: [(line) => lines.push(line)] });
  const log = hub.log.child("scheduler", { node: "n1" }).child("plan");
  log.debug("unseen");
  log.info("applied", { allocs: 2, text: "with space", gone: undefined });
  t.deepEqual(lines, [
    '1970-01-01T00:00:00.000Z [INFO]  scheduler.plan: applied: node=n1 allocs=2 text="with space"\n',
  ]);
  const stop = hub.subscribe("debug", (entry) => heard.push(entry));
  t.true(log.enabled("debug"));
  log.debug("heard");
  stop();
  t.false(log.enabled("debug"));
  log.debug("unheard");
  t.deepEqual(
    heard.map((each) => each.message),
    ["heard"],
  );
  t.is(lines.length, 1);
  for (let i = 0; i < 600; i++) hub.log.warn(`w${i}`);
  t.is(hub.recent().length, 512);
  t.is(hub.recent().at(-1)!.message, "w599");
  t.is(hub.recent()[0]!.message, "w88");
});

test("log: JSON lines parse, a message cannot forge a line, a huge line is cut", (t) => {
  const lines: string[] = [];
  const sinks = [(line: string): void => void lines.push(line)];
  createLogHub({ clock: env.clock, level: "trace", format: "json", sinks }).log.error("a\nb", { n: 1 });
  t.like(JSON.parse(lines[0]!), { "@level": "error", "@message": "a\nb", n: 1 });
  t.is(lines[0]!.indexOf("\n"), lines[0]!.length - 1);
  const text = createLogHub({ clock: env.clock, level: "trace", format: "text", sinks }).log;
  text.error("a\n2026 [ERROR] forged \u001b[31m");
  t.is(lines[1]!.indexOf("\n"), lines[1]!.length - 1);
  t.false(lines[1]!.includes("\u001b"));
  text.info("x".repeat(100_000));
  t.true(lines[2]!.length < 17_000);
});

test("log file: rotates by size, keeps so many, opens anew", (t) => {
  const path = join(t.context.folder, "logs/agent.log");
  let now = 1_700_000_000_000;
  const clock = { ...env.clock, nowMs: () => (now += 1000) };
  const file = openLogFile({ clock, path, rotateBytes: 100, maxFiles: 2 });
  for (let i = 0; i < 50; i++) file.write(`${String(i).padStart(19, "0")}\n`);
  file.reopen();
  file.write("last\n");
  file.close();
  file.write("lost\n");
  t.is(file.lost(), 1);
  t.true(readFileSync(path, "utf8").endsWith("last\n"));
  return env.disk.list(join(t.context.folder, "logs")).then((names) => {
    t.is(names.length, 3);
    t.regex(names[0]!, /^agent-\d{19}\.log$/);
  });
});

test("landlock: the kernel's version, whichever it is, and nothing where there is none", async (t) => {
  const version = await landlockVersion();
  t.true(version !== undefined && Number.isInteger(version) && version >= 0);
  const names = await env.disk.read("/sys/kernel/security/lsm").catch(() => undefined);
  if (names !== undefined) t.is(Buffer.from(names).toString().includes("landlock"), (version ?? 0) > 0);
});

function sleepHere(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
