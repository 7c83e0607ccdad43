import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, statfsSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { setTimeout as wait } from "node:timers/promises";
import test from "ava";
import fc from "fast-check";
import { createEnv } from "#base/platform/create-env.ts";
import { createDockerDriver } from "#drivers/docker/docker-driver.ts";
import { outputOf } from "#drivers/docker/log-file.ts";
import { readDockerOptions } from "#drivers/docker/plugin-options.ts";
import { createRemovals } from "#drivers/docker/removals.ts";
import type { TaskStart } from "#drivers/driver.ts";
import { dockerForTests, type DockerForTests } from "#scripts/test/docker.ts";
import { Certificates } from "../../base/platform/etcd/certificates.ts";
import { ranIn, taskIn } from "../task.ts";
import { makeTestImage } from "../test-image.ts";
import { proxyTo } from "./engine-proxy.ts";
import { startRegistry, type Fault, type Registry } from "./registry.ts";

const env = createEnv({ logLevel: "error" });
const root = mkdtempSync(`${tmpdir()}/lares-docker-`);
// The driver's own timers do not keep a process alive.
const alive = setInterval(() => {}, 1000);
const nothing = new AbortController().signal;
const IMAGE = `lares-test-faults-${process.pid}:sh`;
const NONE = "sha256:0000000000000000000000000000000000000000000000000000000000000000";
let engine: DockerForTests;
let dockerHost = "";
let registry: Registry;

test.before(async () => {
  engine = await dockerForTests();
  dockerHost = engine.env["DOCKER_HOST"] ?? process.env["DOCKER_HOST"] ?? "unix:///var/run/docker.sock";
  makeTestImage(IMAGE, { DOCKER_HOST: dockerHost }, ["/usr/bin/head", "/usr/bin/tr", "/usr/bin/yes"]);
  registry = await startRegistry();
});

test.after.always(async () => {
  const given = { ...process.env, DOCKER_HOST: dockerHost };
  const left = ["rmi", "-f", IMAGE, `${registry.image("wrong-size")}:1`];
  execFileSync("docker", left, { env: given, stdio: "ignore" });
  await registry.close();
  await engine.stop();
  env.close();
  clearInterval(alive);
  rmSync(root, { recursive: true, force: true });
});

const docker = (plugin: Readonly<Record<string, unknown>> = {}) =>
  createDockerDriver(env, { options: readDockerOptions(plugin), dockerHost });
const taskOf = (config: Readonly<Record<string, unknown>>, more: Partial<TaskStart> = {}): TaskStart =>
  taskIn(root, config, more);

/** Why a task with this image did not start. */
async function refusal(image: string, plugin: Readonly<Record<string, unknown>> = {}) {
  const driver = docker(plugin);
  const started = await driver.start(taskOf({ image }));
  await driver.close?.();
  if (started.ok) throw new Error(`${image} started`);
  return started.error;
}

test("docker: a registry that fails is named with what it did, and whether another try may help", async (t) => {
  const named = (fault: Fault, tag = ":1") => `${registry.image(fault)}${tag}`;
  const down = await refusal("127.0.0.1:1/app:1");
  t.regex(down.message, /cannot pull image 127\.0\.0\.1:1\/app:1: .*(?:refused|unreachable)/);
  t.true(down.recoverable);
  const silent = await refusal(named("silent"), { pull_activity_timeout: "1s" });
  t.regex(silent.message, /the registry said nothing for 1 s/);
  t.true(silent.recoverable);
  const slow = await refusal(named("silent", ":2"), { image_pull_timeout: "1s" });
  t.regex(slow.message, /it took longer than 1 s \(image_pull_timeout\)/);
  const busy = await refusal(named("refuses"));
  t.true(busy.recoverable, busy.message);
  const digest = await refusal(named("other-digest", `@${NONE}`));
  t.regex(digest.message, /cannot pull image .*@sha256:0{64}: .*(?:verif|digest|mismatch)/i);
  const short = await refusal(named("short-layer"));
  t.regex(short.message, /EOF|verif|size|digest/i);
  for (const fault of ["long-layer", "wrong-size"] as const) {
    const lie = await refusal(named(fault)).catch((thrown: unknown) => ({ message: String(thrown) }));
    // Engines that read to the announced end take it for what it says it is: its digest is right.
    t.regex(lie.message, /verif|size|digest|EOF|started|no such file|not found/i);
  }
  const gone = docker();
  t.true((await gone.fingerprint()).Healthy, "the engine is none the worse");
  await gone.close?.();
});

test("docker: a task that ran out of memory is told so; a fork bomb stays within its limit", async (t) => {
  const driver = docker();
  t.teardown(() => driver.close?.());
  const hog = "x=$(head -c 100000000 /dev/zero | tr '\\0' x); echo $?";
  const task = taskOf({ image: IMAGE, command: "/bin/sh", args: ["-c", hog] });
  // An engine on cgroup v1 can miss the kernel's notice itself, where the group is gone before it looks.
  const told: boolean[] = [];
  while (told.length < 6 && told.at(-1) !== true) {
    const hogging = await driver.start(task);
    if (!hogging.ok) return t.fail(hogging.error.message);
    const exit = await driver.wait(hogging.value, nothing);
    const id = String(hogging.value.state["containerId"]);
    const known = execFileSync("docker", ["inspect", "-f", "{{.State.OOMKilled}}", id], {
      env: { ...process.env, DOCKER_HOST: dockerHost },
      encoding: "utf8",
    });
    t.like(exit, { kind: "exited", code: 137, oomKilled: known.trim() === "true" });
    told.push(known.trim() === "true");
    await driver.destroy(hogging.value);
  }
  t.true(told.at(-1), "the engine never said that memory ran out");
  const fork = "n=0; while [ $n -lt 60 ]; do sleep 5 & n=$((n+1)); done; echo all";
  const bomb = taskOf({ image: IMAGE, command: "/bin/sh", args: ["-c", fork], pids_limit: 20 });
  const bombing = await driver.start(bomb);
  if (!bombing.ok) return t.fail(bombing.error.message);
  await driver.wait(bombing.value, nothing);
  await driver.destroy(bombing.value);
  t.false(existsSync(bomb.paths.stdoutPath) && readFileSync(bomb.paths.stdoutPath, "utf8").includes("all"));
  t.regex(readFileSync(bomb.paths.stderrPath, "utf8"), /Cannot fork|Resource temporarily unavailable/);
});

/** Numbered lines, some of them to stderr; as many bytes as no pipe between here and there holds. */
const COUNTING = `yes ${"x".repeat(60)} | head -n 60000 | cat -n; echo to stderr >&2`;

for (const tty of [false, true]) {
  test(`docker: not a byte of a burst is lost or doubled over restarts of the agent (${tty ? "a terminal" : "plain"})`, async (t) => {
    const task = taskOf({ image: IMAGE, command: "/bin/sh", args: ["-c", COUNTING], tty });
    const first = docker();
    const started = await first.start(task);
    if (!started.ok) throw new Error(started.error.message);
    const size = () => (existsSync(task.paths.stdoutPath) ? statSync(task.paths.stdoutPath).size : 0);
    // The agents go in the middle, each further than the one before it, and leave the container running.
    for (const [at, agent] of [first, docker(), docker()].entries()) {
      if (at > 0) t.true((await agent.recover(started.value)).ok);
      while (size() <= at * 500_000) await wait(5);
      await agent.close?.();
    }
    const last = docker();
    t.true((await last.recover(started.value)).ok);
    const exit = await last.wait(started.value, nothing);
    t.is(exit.kind === "exited" ? exit.code : -1, 0);
    const lines = readFileSync(task.paths.stdoutPath, "utf8").split(tty ? "\r\n" : "\n");
    const wrong = lines.slice(0, 60_000).findIndex((line, index) => Number.parseInt(line, 10) !== index + 1);
    t.is(wrong, -1, `line ${wrong + 1} is ${lines[wrong]}`);
    t.deepEqual(lines.slice(60_000), tty ? ["to stderr", ""] : [""]);
    if (!tty) t.is(readFileSync(task.paths.stderrPath, "utf8"), "to stderr\n");
    await last.destroy(started.value);
    await last.close?.();
  });
}

test("docker: a log that the job wants small is whole in the task's logs; a log the engine must be asked for says its limit", async (t) => {
  const small = { type: "json-file", config: [{ "max-size": "50k", "max-file": "3", compress: "true", tag: "x" }] };
  const events: string[] = [];
  const onEvent = (message: string) => events.push(message);
  const task = taskOf({ image: IMAGE, command: "/bin/sh", args: ["-c", COUNTING], logging: [small] }, { onEvent });
  const first = docker();
  const started = await first.start(task);
  if (!started.ok) throw new Error(started.error.message);
  // Nobody copies anything until all is printed.
  await first.close?.();
  const name = `${started.value.state["containerId"] as string}`;
  execFileSync("docker", ["wait", name], { env: { ...process.env, DOCKER_HOST: dockerHost }, stdio: "ignore" });
  const second = docker();
  t.true((await second.recover(started.value)).ok);
  await second.wait(started.value, nothing);
  await second.destroy(started.value);
  const lines = readFileSync(task.paths.stdoutPath, "utf8").split("\n");
  t.is(lines.length, 60_001);
  t.is(
    lines.slice(0, 60_000).findIndex((line, index) => Number.parseInt(line, 10) !== index + 1),
    -1,
  );
  t.deepEqual(events, []);
  const other = taskOf(
    { image: IMAGE, command: "/bin/sh", args: ["-c", "echo said"], logging: [{ type: "local" }] },
    { onEvent },
  );
  const asked = await second.start(other);
  if (!asked.ok) throw new Error(asked.error.message);
  t.regex(events.join("\n"), /Output is asked of the engine \(log driver "local"\): what a burst brings beyond/);
  await second.wait(asked.value, nothing);
  t.is(readFileSync(other.paths.stdoutPath, "utf8"), "said\n");
  await second.destroy(asked.value);
  await second.close?.();
});

test("docker: where the disk of the logs is full the task goes on, and all it printed is there when there is room", async (t) => {
  const disk = mkdtempSync(`${root}/full-`);
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m", "lares-full-test", disk]);
  t.teardown(() => execFileSync("umount", ["-l", disk]));
  const driver = docker();
  const script = `yes ${"x".repeat(60)} | head -n 40000 | cat -n; echo done >&2; exec sleep 1000`;
  const task = taskIn(disk, { image: IMAGE, command: "/bin/sh", args: ["-c", script] });
  const started = await driver.start(task);
  if (!started.ok) throw new Error(started.error.message);
  while (statfsSync(disk).bavail > 0) await wait(20);
  execFileSync("mount", ["-o", "remount,size=20m", disk]);
  const read = (path: string) => (existsSync(path) ? readFileSync(path, "utf8") : "");
  // The engine hears both streams by themselves: either may be there first.
  const isWhole = () => /^ *40000\t.*\n/m.test(read(task.paths.stdoutPath)) && read(task.paths.stderrPath) === "done\n";
  while (!isWhole()) await wait(20);
  const lines = read(task.paths.stdoutPath).split("\n");
  t.is(lines.length, 40_001);
  t.is(
    lines.slice(0, 40_000).findIndex((line, index) => Number.parseInt(line, 10) !== index + 1),
    -1,
  );
  await driver.stop(started.value, { killSignal: "SIGKILL", killTimeoutMs: 1000 });
  await driver.wait(started.value, nothing);
  await driver.destroy(started.value);
  await driver.close?.();
});

test("docker: addresses, labels, health checks and runtimes are as task and node say", async (t) => {
  const given = { ...process.env, DOCKER_HOST: dockerHost };
  const network = `lares-test-${process.pid}`;
  // Of the range that providers share among themselves (RFC 6598): other tests have other ranges.
  const subnet = `100.${64 + ((process.pid >> 8) % 32)}.${process.pid % 256}`;
  execFileSync("docker", ["network", "create", "--subnet", `${subnet}.0/24`, network], { env: given });
  t.teardown(() => execFileSync("docker", ["network", "rm", network], { env: given }));
  const driver = docker({ extra_labels: ["node_*"], oom_score_adj: 7 });
  const config = {
    image: IMAGE,
    command: "/bin/sh",
    args: ["-c", "exec sleep 1000"],
    network_mode: network,
    ipv4_address: `${subnet}.77`,
    healthchecks: [{ disable: true }],
  };
  t.deepEqual(driver.validate(config), []);
  t.regex(driver.validate({ ...config, runtime: "kata" })[0]?.hint ?? "", /allow_runtimes/);
  t.deepEqual(docker({ allow_runtimes: ["kata"] }).validate({ ...config, runtime: "kata" }), []);
  const started = await driver.start(
    taskOf(config, { node: { id: "n1", name: "pi" }, env: { NOMAD_JOB_NAME: "web" } }),
  );
  if (!started.ok) throw new Error(started.error.message);
  t.is(started.value.network?.ip, `${subnet}.77`);
  const shape = "{{json .Config.Labels}}{{json .Config.Healthcheck.Test}}{{.HostConfig.OomScoreAdj}}";
  const id = `${started.value.state["containerId"] as string}`;
  // A node may leave containers alone that nobody knows.
  for (const setting of [{ enabled: false }, { dry_run: true }]) {
    const careful = docker({ gc: [{ dangling_containers: [setting] }] });
    await careful.sweep?.({ allocsRoot: `${root}/allocs`, keep: new Set() });
    await careful.close?.();
  }
  const shown = execFileSync("docker", ["inspect", "--format", shape, id], { env: given, encoding: "utf8" });
  t.regex(shown, /"com.hashicorp.nomad.node_id":"n1","com.hashicorp.nomad.node_name":"pi"/);
  t.notRegex(shown, /job_name/);
  t.regex(shown, /\["NONE"\]7$/m);
  await driver.stop(started.value, { killSignal: "SIGKILL", killTimeoutMs: 1000 });
  await driver.destroy(started.value);
  await driver.close?.();
});

test("docker: an engine over TCP is spoken to in TLS, and who shows no certificate is not let in", async (t) => {
  const certificates = new Certificates();
  t.teardown(() => certificates.remove());
  const proxy = await proxyTo(dockerHost, { tls: certificates.tls() });
  t.teardown(() => proxy.close());
  const { endpoint } = proxy;
  const { folder } = certificates;
  const files = { ca: `${folder}/ca.crt`, cert: `${folder}/node.crt`, key: `${folder}/node.key` };
  const driver = docker({ endpoint, tls: [files] });
  const healthy = await driver.fingerprint();
  t.true(healthy.Healthy, healthy.HealthDescription);
  const printed = await ranIn(t, driver, taskOf({ image: IMAGE, command: "/bin/sh", args: ["-c", "echo by TLS"] }));
  t.is(printed, "by TLS\n");
  for (const tls of [[], [{ ca: files.ca }], [{ ...files, ca: files.cert }], [{ ...files, key: `${folder}/none` }]]) {
    const refused = docker({ endpoint, tls });
    t.like(await refused.fingerprint(), { Healthy: false, Detected: false }, JSON.stringify(tls));
    await refused.close?.();
  }
});

test("docker: folders are labelled for SELinux where the node says how", async (t) => {
  // Whether a label has an effect is up to the kernel; an engine without SELinux takes the word and leaves it.
  const proxy = await proxyTo(dockerHost);
  t.teardown(() => proxy.close());
  const task = taskOf({
    image: IMAGE,
    command: "/bin/sh",
    args: ["-c", "echo mine >/local/mine; read -r word </local/mine; echo $word"],
  });
  const driver = docker({ endpoint: proxy.endpoint, volumes: [{ selinuxlabel: "z" }] });
  t.is(await ranIn(t, driver, task), "mine\n");
  const created = proxy.seen.find(({ line }) => line.includes("/containers/create"))?.body ?? "";
  for (const folder of ["/alloc", "/local", "/secrets"]) t.true(created.includes(`:${folder}:z"`), folder);
});

test("docker: that memory ran out is told though the engine says so later than that the container ended", async (t) => {
  // Which of the two comes first is the engine's affair: here its first two words are always without it.
  let looks = 0;
  const proxy = await proxyTo(dockerHost, {
    change(line, answer) {
      const isDead = /^GET \/v[\d.]+\/containers\/\w+\/json$/.test(line) && answer.includes('"ExitCode":137');
      if (isDead) looks += 1;
      return isDead ? answer.replace(/"OOMKilled":\w+/, `"OOMKilled":${String(looks > 2)}`) : answer;
    },
  });
  t.teardown(() => proxy.close());
  const driver = docker({ endpoint: proxy.endpoint });
  t.teardown(() => driver.close?.());
  await driver.fingerprint();
  const started = await driver.start(taskOf({ image: IMAGE, command: "/bin/sh", args: ["-c", "exit 137"] }));
  if (!started.ok) throw new Error(started.error.message);
  t.like(await driver.wait(started.value, nothing), { kind: "exited", code: 137, oomKilled: true });
  t.true(looks > 2);
  await driver.destroy(started.value);
});

test("docker: an end is noticed that comes between an engine's promise to tell of it and its listening", async (t) => {
  const ended = Promise.withResolvers<void>();
  const proxy = await proxyTo(dockerHost, { holdEvents: () => ended.promise });
  t.teardown(() => proxy.close());
  const driver = docker({ endpoint: proxy.endpoint });
  t.teardown(() => driver.close?.());
  const started = await driver.start(taskOf({ image: IMAGE, command: "/bin/sh", args: ["-c", "exec sleep 1000"] }));
  if (!started.ok) throw new Error(started.error.message);
  const exit = driver.wait(started.value, nothing);
  // The look at all that wait comes with the promise, and finds it running.
  while (!proxy.seen.some(({ line }) => line.includes("/containers/json"))) await wait(10);
  const id = started.value.state["containerId"] as string;
  execFileSync("docker", ["kill", id], { env: { ...process.env, DOCKER_HOST: dockerHost }, stdio: "ignore" });
  execFileSync("docker", ["wait", id], { env: { ...process.env, DOCKER_HOST: dockerHost }, stdio: "ignore" });
  ended.resolve();
  t.like(await exit, { kind: "exited", code: 137 });
  await driver.destroy(started.value);
});

test("docker: addresses of IPv6, which services may be told by", async (t) => {
  const given = { ...process.env, DOCKER_HOST: dockerHost };
  const network = `lares-test-six-${process.pid}`;
  const six = `fd00:1a:${(process.pid % 0xffff).toString(16)}`;
  const subnets = [
    "--subnet",
    `100.${96 + ((process.pid >> 8) % 32)}.${process.pid % 256}.0/24`,
    "--ipv6",
    "--subnet",
    `${six}::/64`,
  ];
  execFileSync("docker", ["network", "create", ...subnets, network], { env: given });
  t.teardown(() => execFileSync("docker", ["network", "rm", network], { env: given }));
  const driver = docker();
  t.teardown(() => driver.close?.());
  const config = { image: IMAGE, command: "/bin/sh", args: ["-c", "exec sleep 1000"], network_mode: network };
  const started = await driver.start(taskOf({ ...config, ipv6_address: `${six}::77`, advertise_ipv6_address: true }));
  if (!started.ok) throw new Error(started.error.message);
  t.is(started.value.network?.ip, `${six}::77`);
  await driver.destroy(started.value);
});

test("docker: the image of the container that holds a network is not waited for longer than the node says", async (t) => {
  const driver = docker({ infra_image: `${registry.image("silent")}:3`, infra_image_pull_timeout: "1s" });
  t.teardown(() => driver.close?.());
  const { allocId } = taskOf({});
  const made = await driver.sandbox?.create({ allocId, allocsRoot: `${root}/allocs`, hostname: "h", dns: null });
  t.regex(made?.ok === false ? made.error.message : "made", /it took longer than 1 s/);
});

test("docker: containers are removed in their order, after those that are being stopped, but not for ever after", async (t) => {
  const fired: (() => void)[] = [];
  let nowMs = 0;
  const removals = createRemovals({
    ...env.clock,
    monotonicMs: () => nowMs,
    after: (_, fire) => {
      fired.push(fire);
      return { cancel: () => {} };
    },
  });
  const removed: number[] = [];
  const [stop, slow] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const remove = (at: number) =>
    removals.remove(async () => {
      removed.push(at);
      await Promise.resolve();
    });
  const stopping = removals.stopping(() => stop.promise);
  const first = [1, 2, 3, 4, 5, 6].map(remove);
  await new Promise((resolve) => setImmediate(resolve));
  t.deepEqual(removed, []);
  stop.resolve();
  await Promise.all([stopping, ...first]);
  t.deepEqual(removed, [1, 2, 3, 4, 5, 6]);
  const stuck = removals.stopping(() => slow.promise);
  const late = remove(7);
  nowMs = 10_000;
  for (const fire of fired) fire();
  await late;
  t.is(removed.at(-1), 7);
  slow.resolve();
  await stuck;
});

test("docker: an engine's log is read whatever a crash left in it", (t) => {
  const entry = (log: string, stream = "stdout"): string =>
    JSON.stringify({ log, stream, time: "2026-11-21T10:00:00Z" });
  t.deepEqual(outputOf(`${entry("a\n")}\n${entry("b", "stderr")}\n`), { stdout: "a\n", stderr: "b" });
  t.deepEqual(outputOf(`${entry("lost").slice(0, 14)}${entry("kept\n")}\n`), { stdout: "kept\n", stderr: "" });
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), fc.string({ unit: "binary" }), (noise, log) => {
      const { stdout } = outputOf(`${noise}\n${entry(log)}\n`);
      return stdout.endsWith(log);
    }),
  );
});
