import { randomUUID } from "node:crypto";
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import type { Server, Socket } from "node:net";
import { tmpdir } from "node:os";
import test from "ava";
import fc from "fast-check";
import type { Env } from "#base/env/env.ts";
import { createEnv } from "#base/platform/create-env.ts";
import { answersPing, startPrivateDockerd } from "#cli/setup/private-dockerd.ts";
import { conformance } from "#drivers/conformance.ts";
import type { DriverSubject } from "#drivers/conformance.ts";
import { createDockerDriver } from "#drivers/docker/docker-driver.ts";
import { createFrameReader } from "#drivers/docker/frames.ts";
import { createEntryReader } from "#drivers/docker/log-entries.ts";
import { imageRef, parseImageName } from "#drivers/docker/images/image-name.ts";
import { readDockerOptions } from "#drivers/docker/plugin-options.ts";
import { createExecDriver } from "#drivers/exec/exec-driver.ts";
import { createLaresDriver } from "#drivers/lares/lares-driver.ts";
import type { Driver, TaskStart } from "#drivers/driver.ts";
import { createMockDriver } from "#drivers/mock/mock-driver.ts";
import { parseProcStat } from "#drivers/process/proc.ts";
import { createRawExecDriver } from "#drivers/raw-exec/raw-exec-driver.ts";
import { freePort } from "#test/free-ports.ts";
import { until } from "#test/scenario/agent.ts";
import { makeTestImage } from "./test-image.ts";
import { ASK_FULL, FULL, ranIn, taskIn } from "./task.ts";

const env = createEnv({ logLevel: "error" });
const root = mkdtempSync(`${tmpdir()}/lares-drivers-`);
// The drivers' own timers do not keep a process alive.
const alive = setInterval(() => {}, 1000);
const IMAGE = `lares-test-${process.pid}:sh`;
let dockerHost = "";
let stopDockerd = () => Promise.resolve();

test.before(async () => {
  const configured = process.env["DOCKER_HOST"] ?? "unix:///var/run/docker.sock";
  if (await answersPing(configured.replace("unix://", ""))) dockerHost = configured;
  else {
    const daemon = await startPrivateDockerd(`${root}/dockerd`);
    dockerHost = daemon.host;
    stopDockerd = daemon.stop;
  }
  makeTestImage(IMAGE, { DOCKER_HOST: dockerHost });
});

test.after.always(async () => {
  execFileSync("docker", ["rmi", "-f", IMAGE], { env: { ...process.env, DOCKER_HOST: dockerHost }, stdio: "ignore" });
  await stopDockerd();
  env.close();
  clearInterval(alive);
  rmSync(root, { recursive: true, force: true });
});

const taskOf = (config: Readonly<Record<string, unknown>>, more: Partial<TaskStart> = {}): TaskStart =>
  taskIn(root, config, more);

const scripts = {
  forever: "trap 'exit 0' TERM INT; while :; do sleep 300 & wait $!; done",
  fails: "exit 7",
  prints: "echo out; echo err >&2",
  stubborn: "trap '' TERM INT; echo ready; while :; do sleep 300; done",
};
const shell = (make: (script: string) => Readonly<Record<string, unknown>>) => ({
  forever: make(scripts.forever),
  fails: make(scripts.fails),
  prints: make(scripts.prints),
  stubborn: make(scripts.stubborn),
});

/** `program role ingress SCRIPT` runs the script. */
const stand = `${root}/program`;
writeFileSync(stand, 'exec /bin/sh -c "$3"\n');
const opened: string[] = [];
const laresDriver = () =>
  createLaresDriver(env, {
    selfCommand: ["/bin/sh", stand],
    roles: ["ingress"],
    taskApi: {
      open: ({ socketPath, token }) => {
        opened.push(`${socketPath} ${token}`);
        return Promise.resolve();
      },
      close: () => Promise.resolve(),
    },
  });

interface Kind {
  name: string;
  make: (env: Env) => Driver;
  tasks: DriverSubject["tasks"];
}

const docker = (plugin: Readonly<Record<string, unknown>> = {}) =>
  createDockerDriver(env, { options: readDockerOptions(plugin), dockerHost });

const kinds: Kind[] = [
  {
    name: "mock",
    make: createMockDriver,
    tasks: {
      forever: { run_for: "10m" },
      fails: { run_for: "1ms", exit_code: 7 },
      prints: { stdout_string: "out\n", stderr_string: "err\n" },
      stubborn: { run_for: "10m", kill_after: "5m", stdout_string: "ready\n" },
      impossible: { start_error: "no" },
      misspelled: { config: { run_fro: "1s" }, meant: "run_for" },
    },
  },
  {
    name: "raw_exec",
    make: createRawExecDriver,
    tasks: {
      ...shell((script) => ({ command: "/bin/sh", args: ["-c", script] })),
      impossible: { command: "/no/such/program" },
      misspelled: { config: { comand: "x" }, meant: "command" },
    },
  },
  {
    name: "exec",
    make: (each) => createExecDriver(each),
    tasks: {
      ...shell((script) => ({ command: "/bin/sh", args: ["-c", script] })),
      impossible: { command: "/no/such/program" },
      misspelled: { config: { comand: "x" }, meant: "command" },
    },
  },
  {
    name: "lares",
    // The roles of a stand-in program: the shell, called with the script as the role's argument.
    make: () => laresDriver(),
    tasks: {
      ...shell((script) => ({ role: "ingress", args: [script] })),
      impossible: { role: "ingress" },
      misspelled: { config: { role: "ingres" }, meant: "ingress" },
    },
  },
  {
    name: "docker",
    make: () => docker(),
    tasks: {
      ...shell((script) => ({ image: IMAGE, command: "/bin/sh", args: ["-c", script] })),
      impossible: { image: IMAGE, command: "/no/such/program" },
      misspelled: { config: { image: "x", privilged: true }, meant: "privileged" },
    },
  },
];

for (const { name, make, tasks } of kinds) {
  for (const each of conformance) {
    // A role that cannot start is one this driver refuses before it starts anything.
    if (name === "lares" && each.name.startsWith("says why a start failed")) continue;
    test(`${name}: ${each.name}`, async (t) => {
      const drivers: Driver[] = [];
      const fresh = () => {
        const driver = make(env);
        drivers.push(driver);
        return driver;
      };
      // Sweeping looks at everything under one root, so each case has one of its own.
      const own = `${root}/${name}-${randomUUID()}`;
      const prepare = (config: Readonly<Record<string, unknown>>) => Promise.resolve(inRoot(taskOf(config), own));
      await each.run({ env, fresh, tasks, prepare });
      for (const driver of drivers) await driver.close?.();
      t.pass();
    });
  }
}

function inRoot(task: TaskStart, own: string): TaskStart {
  const move = (path: string) => path.replace(`${root}/allocs`, own);
  const paths = Object.fromEntries(
    Object.entries(task.paths).map(([key, path]) => [key, move(path)]),
  ) as unknown as TaskStart["paths"];
  for (const folder of [`${paths.allocDir}/logs`, paths.localDir, paths.secretsDir])
    mkdirSync(folder, { recursive: true });
  return { ...task, paths };
}

const nothing = new AbortController().signal;
const ran = ranIn;

test("raw_exec: what a task leaves behind dies with it, and arguments arrive untouched", async (t) => {
  const driver = createRawExecDriver(env);
  const odd = ["a b", "$HOME", "'; exit 9 #", "*", ""];
  const task = taskOf({
    command: "/bin/sh",
    args: ["-c", 'printf "%s|" "$@"; setsid sleep 300 & echo $! >local/pid; exit 0', "x", ...odd],
  });
  t.is(await ran(t, driver, task), odd.map((arg) => `${arg}|`).join(""));
  const pid = Number(readFileSync(`${task.paths.localDir}/pid`, "utf8"));
  if (existsSync("/sys/fs/cgroup/cgroup.controllers") || existsSync("/sys/fs/cgroup/freezer")) {
    // Whoever inherited it may not have reaped it yet.
    const isOver = (): boolean => {
      const stat = parseProcStat(readSoft(`/proc/${pid}/stat`));
      return stat === undefined || stat.state === "Z";
    };
    await until("what was left behind has ended", isOver);
  } else process.kill(pid, "SIGKILL");
});

test("raw_exec: a task runs as its user, in its folder", async (t) => {
  const task = taskOf(
    { command: "/bin/sh", args: ["-c", "id -un; pwd; echo $GREETING; chmod 700 secrets && echo mine"] },
    { user: "nobody" },
  );
  t.is(await ran(t, createRawExecDriver(env), task), `nobody\n${task.paths.taskDir}\nhello\nmine\n`);
  const events: string[] = [];
  const mounts = [{ hostPath: "/srv/pg", taskPath: "/var/lib/pg", readOnly: false }];
  const onEvent = (message: string) => void events.push(message);
  await ran(t, createRawExecDriver(env), taskOf({ command: "/bin/true" }, { mounts, onEvent }));
  t.deepEqual(events, ["raw_exec sees the node's own files: the volume is at /srv/pg, not at /var/lib/pg"]);
});

test("lares: a role runs without the agent's rights, with the cluster's API and its token, found again after a restart", async (t) => {
  const script =
    'echo $NOMAD_TOKEN; cat "$NOMAD_SECRETS_DIR/nomad_token"; echo; grep -E "^Cap(Prm|Bnd|Amb)|^NoNewPrivs|^Uid" /proc/self/status; exec sleep 300';
  const task = taskOf({ role: "ingress", args: [script] });
  const first = laresDriver();
  const started = await first.start({ ...task, env: { NOMAD_SECRETS_DIR: task.paths.secretsDir } });
  if (!started.ok) throw new Error(started.error.message);
  const lines = () => readFileSync(task.paths.stdoutPath, "utf8").trim().split("\n");
  while (lines().length < 7) await new Promise((resolve) => setTimeout(resolve, 10));
  const [token, fromFile, ...status] = lines();
  t.is(token, fromFile);
  const socket = `${task.paths.secretsDir}/api.sock ${token}`;
  t.true(opened.includes(socket));
  if (process.getuid?.() === 0) {
    const field = (name: string) => status.find((line) => line.startsWith(name))?.split(/\s+/)[1];
    // CAP_NET_BIND_SERVICE is number 10.
    t.is(field("CapBnd:"), "0000000000000400");
    t.is(field("NoNewPrivs:"), "1");
  }
  await first.close?.();
  opened.length = 0;
  const second = laresDriver();
  t.true((await second.recover(started.value)).ok);
  t.true(opened.includes(socket), "the socket is opened again with the token the task has");
  await second.stop(started.value, { killSignal: "SIGTERM", killTimeoutMs: 5000 });
  await second.destroy(started.value);
  await second.close?.();
});

test("docker: folders, environment, working directory, limits and names as users know them", async (t) => {
  const driver = docker();
  const script =
    "echo $GREETING; pwd; cat /local/in; echo made > /alloc/out; cat /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null || cat /sys/fs/cgroup/memory.max";
  const task = taskOf({
    image: IMAGE,
    command: "/bin/sh",
    args: ["-c", script],
    work_dir: "/tmp",
    memory_hard_limit: 64,
    labels: [{ a: "b" }],
  });
  execFileSync("sh", ["-c", `echo given > ${task.paths.localDir}/in`]);
  t.deepEqual((await ran(t, driver, task)).trim().split("\n"), ["hello", "/tmp", "given", String(64 * 1024 * 1024)]);
  t.is(readFileSync(`${task.paths.allocDir}/out`, "utf8"), "made\n");
});

test("docker: a device that the plan gave to the task is in its root", async (t) => {
  const task = taskOf({ image: IMAGE, command: "/bin/sh", args: ["-c", ASK_FULL] }, { devices: [FULL] });
  t.regex(await ran(t, docker(), task), /(?:No space left|I\/O error).*\nmine\n/);
});

test("docker: ports are published at the allocation's address, and a taken one is said", async (t) => {
  const driver = docker();
  t.teardown(() => driver.close?.());
  const { port, close } = await taken();
  const config = { image: IMAGE, command: "/bin/sh", args: ["-c", scripts.forever], ports: ["http"] };
  const ports = [{ Label: "http", Value: port, To: 80, HostIP: "127.0.0.1" }];
  const refused = await driver.start(taskOf(config, { ports }));
  t.false(refused.ok);
  if (!refused.ok)
    t.regex(`${refused.error.message} ${refused.error.hint}`, /in use|allocated.*another program holds that port/s);
  close();
  const started = await driver.start(taskOf(config, { ports }));
  if (!started.ok) throw new Error(started.error.message);
  const name = (started.value.state["containerId"] as string).slice(0, 12);
  const shown = execFileSync("docker", ["port", name], {
    env: { ...process.env, DOCKER_HOST: dockerHost },
    encoding: "utf8",
  });
  t.true(shown.includes(`80/tcp -> 127.0.0.1:${port}`), shown);
  t.is(started.value.network?.portMap["http"], 80);
  await driver.stop(started.value, { killSignal: "", killTimeoutMs: 5000 });
  await driver.destroy(started.value);
  const missing = await driver.start(taskOf({ ...config, ports: ["htpp"] }, { ports }));
  t.regex(missing.ok ? "" : missing.error.message, /no port "htpp"/);
});

test("docker: an image that is nowhere fails clearly; a pull that fails warns and runs the image that is here", async (t) => {
  const driver = docker();
  t.teardown(() => driver.close?.());
  const config = { image: "127.0.0.1:1/no/such:1", command: "/bin/sh" };
  const refused = await driver.start(taskOf(config));
  t.regex(refused.ok ? "" : refused.error.message, /cannot pull image 127\.0\.0\.1:1\/no\/such:1/);
  const name = `127.0.0.1:1/lares-test-${process.pid}:sh`;
  const dockerEnv = { env: { ...process.env, DOCKER_HOST: dockerHost } };
  execFileSync("docker", ["tag", IMAGE, name], dockerEnv);
  t.teardown(() => void execFileSync("docker", ["rmi", name], { ...dockerEnv, stdio: "ignore" }));
  const events: string[] = [];
  const task = taskOf(
    { image: name, command: "/bin/sh", args: ["-c", "echo ran"], force_pull: true },
    { onEvent: (message) => events.push(message) },
  );
  t.is(await ran(t, driver, task), "ran\n");
  t.is(events[0], "Downloading image");
  t.regex(events[1]!, /Could not refresh .*; running the image on this node/);
});

test("docker: what the node's operator did not allow is refused with the setting that allows it", (t) => {
  const refusals = (plugin: object, config: object) =>
    docker(plugin as Record<string, unknown>)
      .validate({ image: "x", ...config })
      .map((each) => `${each.message}: ${each.hint}`)
      .join("\n");
  t.regex(refusals({}, { privileged: true }), /privileged.*allow_privileged = true/);
  t.is(refusals({ allow_privileged: true }, { privileged: true }), "");
  t.regex(refusals({}, { cap_add: ["net_admin"] }), /net_admin.*allow_caps/);
  t.is(refusals({ allow_caps: ["NET_ADMIN"] }, { cap_add: ["CAP_NET_ADMIN"] }), "");
  t.regex(refusals({}, { volumes: ["/etc:/x"] }), /volumes are not enabled.*"\/etc/);
  t.regex(refusals({}, { volumes: ["local/../../../x:/x"] }), /volumes are not enabled/);
  t.regex(refusals({}, { mount: [{ type: "bind", source: "/", target: "/x" }] }), /volumes are not enabled/);
  t.is(refusals({}, { volumes: ["local/a:/x"] }), "");
  t.is(refusals({ volumes: [{ enabled: true }] }, { volumes: ["/etc:/x", "data:/y"] }), "");
});

test("docker: an engine that is away is unhealthy and says where it was looked for", async (t) => {
  const driver = createDockerDriver(env, { options: readDockerOptions({}), dockerHost: `unix://${root}/nothing.sock` });
  t.teardown(() => driver.close?.());
  const info = await driver.fingerprint();
  t.false(info.Healthy || info.Detected);
  t.regex(info.HealthDescription, /nothing\.sock: ENOENT/);
  const refused = await driver.start(taskOf({ image: IMAGE }));
  t.true(!refused.ok && refused.error.recoverable);
});

test("docker: an engine that goes away and comes back costs no task, and an end meanwhile is learnt", async (t) => {
  const gate = await gateTo(dockerHost.replace("unix://", ""), `${root}/gate.sock`);
  const driver = createDockerDriver(env, { options: readDockerOptions({}), dockerHost: `unix://${root}/gate.sock` });
  t.teardown(async () => {
    await driver.close?.();
    await gate.shut();
  });
  const started = await driver.start(
    taskOf({
      image: IMAGE,
      command: "/bin/sh",
      args: ["-c", "while [ ! -e /alloc/go ]; do sleep 0.1; done; echo done; exit 7"],
    }),
  );
  if (!started.ok) throw new Error(started.error.message);
  const ended = driver.wait(started.value, nothing);
  await gate.shut();
  t.false((await driver.fingerprint()).Healthy);
  const restarted = createDockerDriver(env, { options: readDockerOptions({}), dockerHost: `unix://${root}/gate.sock` });
  t.true((await restarted.recover(started.value)).ok, "a task is not given up because the engine is away");
  await restarted.close?.();
  const id = started.value.state["containerId"] as string;
  const inspect = () =>
    execFileSync("docker", ["inspect", "-f", "{{.State.Running}}", id], {
      env: { ...process.env, DOCKER_HOST: dockerHost },
      encoding: "utf8",
    });
  const stdoutPath = started.value.state["stdoutPath"] as string;
  writeFileSync(`${stdoutPath.replace(/\/logs\/.*/, "")}/go`, "");
  while (inspect().trim() === "true") await new Promise((resolve) => setTimeout(resolve, 50));
  await gate.open();
  const exit = await ended;
  t.is(exit.kind === "exited" ? exit.code : exit.kind, 7);
  t.is(readFileSync(stdoutPath, "utf8"), "done\n");
  t.true((await driver.fingerprint()).Healthy);
  await driver.destroy(started.value);
});

/** A way to the engine's socket that can be shut and opened. */
async function gateTo(target: string, path: string) {
  const sockets = new Set<Socket>();
  let server: Server | undefined;
  const open = () =>
    new Promise<void>((resolve) => {
      server = createServer((client) => {
        const engine = connect(target);
        for (const [from, to] of [
          [client, engine],
          [engine, client],
        ] as const) {
          sockets.add(from);
          from.on("error", () => to.destroy()).on("close", () => sockets.delete(from));
          from.pipe(to);
        }
      }).listen(path, resolve);
    });
  await open();
  return {
    open,
    shut: () =>
      new Promise<void>((resolve) => {
        for (const socket of sockets) socket.destroy();
        if (server?.listening === true) server.close(() => resolve());
        else resolve();
      }),
  };
}

test("image names", (t) => {
  const shown = (name: string) => {
    const parsed = parseImageName(name);
    return [imageRef(parsed), parsed.moving];
  };
  t.deepEqual(shown("redis"), ["redis:latest", true]);
  t.deepEqual(shown("redis:7"), ["redis:7", false]);
  t.deepEqual(shown("host:5000/a/b"), ["host:5000/a/b:latest", true]);
  t.deepEqual(shown("docker://host:5000/a/b:1"), ["host:5000/a/b:1", false]);
  t.deepEqual(shown("a@sha256:00"), ["a@sha256:00", false]);
});

test("docker: of what a task prints in bursts nothing is lost or doubled, however often the agent goes away", async (t) => {
  const lines = 60_000;
  const script = `i=0; while [ $i -lt ${lines} ]; do echo "line $i"; [ $((i % 7)) = 0 ] && echo "err $i" >&2; [ $((i % 4000)) = 0 ] && sleep 0.1; i=$((i+1)); done`;
  const logging = [{ type: "json-file", config: [{ "max-size": "100m", "max-file": "2" }] }];
  const task = taskOf({ image: IMAGE, command: "/bin/sh", args: ["-c", script], logging });
  writeFileSync(task.paths.stdoutPath, "from an attempt before\n");
  let driver = docker();
  const started = await driver.start(task);
  if (!started.ok) return t.fail(started.error.message);
  for (let round = 0; round < 8; round++) {
    await new Promise((resolve) => setTimeout(resolve, 60 + 70 * round));
    await driver.close?.();
    driver = docker();
    t.true((await driver.recover(started.value)).ok);
  }
  await driver.wait(started.value, nothing);
  await driver.destroy(started.value);
  await driver.close?.();
  const numbers = Array.from({ length: lines }, (_, n) => n);
  const stdout = numbers.map((n) => `line ${n}\n`).join("");
  const got = readFileSync(task.paths.stdoutPath, "utf8").split("\n");
  const bad = `from an attempt before\n${stdout}`.split("\n").findIndex((line, at) => line !== got[at]);
  t.is(bad, -1, `standard output differs at ${bad}: ${got.slice(Math.max(0, bad - 2), bad + 3).join(" | ")}`);
  t.is(got.length, lines + 2);
  const stderr = numbers.flatMap((n) => (n % 7 === 0 ? [`err ${n}\n`] : [])).join("");
  t.true(readFileSync(task.paths.stderrPath, "utf8") === stderr, "standard error is whole");
});

test("entries of a log come out with their times, however the bytes are cut", (t) => {
  t.throws(() => createEntryReader()(new Uint8Array(50)), { message: /no time/ });
  const stamp = "2026-11-21T09:45:00.123456789Z";
  const entry = fc.record({ stream: fc.constantFrom(1, 2), data: fc.uint8Array({ maxLength: 40 }) });
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 8 }), fc.array(fc.integer({ min: 1, max: 60 })), (entries, cuts) => {
      const bytes = Buffer.concat(
        entries.map(({ stream, data }) => {
          const body = Buffer.concat([Buffer.from(`${stamp} `), data]);
          const header = Buffer.alloc(8);
          header[0] = stream;
          header.writeUInt32BE(body.length, 4);
          return Buffer.concat([header, body]);
        }),
      );
      const read = createEntryReader();
      const out: string[] = [];
      for (let at = 0, i = 0; at < bytes.length; i++) {
        const size = cuts[i % Math.max(1, cuts.length)] ?? 3;
        for (const each of read(bytes.subarray(at, at + size))) {
          if (each.stamp !== undefined) out.push(`${each.stream} ${each.stamp} `);
          out.push(Buffer.from(each.data).toString("hex"));
        }
        at += size;
      }
      const wanted = entries.map(
        ({ stream, data }) => `${stream === 1 ? "stdout" : "stderr"} ${stamp} ${Buffer.from(data).toString("hex")}`,
      );
      return out.join("") === wanted.join("");
    }),
  );
});

test("frames come out whole, however the bytes are cut", (t) => {
  const frame = fc.record({
    stream: fc.constantFrom("stdout" as const, "stderr" as const),
    data: fc.uint8Array({ maxLength: 40 }),
  });
  fc.assert(
    fc.property(fc.array(frame, { maxLength: 8 }), fc.array(fc.integer({ min: 1, max: 20 })), (frames, cuts) => {
      const bytes = Buffer.concat(
        frames.map(({ stream, data }) => {
          const header = Buffer.alloc(8);
          header[0] = stream === "stderr" ? 2 : 1;
          header.writeUInt32BE(data.length, 4);
          return Buffer.concat([header, data]);
        }),
      );
      const read = createFrameReader();
      const out = { stdout: "", stderr: "" };
      for (let at = 0, i = 0; at < bytes.length; i++) {
        const size = cuts[i % Math.max(1, cuts.length)] ?? 3;
        for (const each of read(bytes.subarray(at, at + size)))
          out[each.stream] += Buffer.from(each.data).toString("hex");
        at += size;
      }
      const whole = (stream: string) =>
        frames
          .filter((each) => each.stream === stream)
          .map((each) => Buffer.from(each.data).toString("hex"))
          .join("");
      return out.stdout === whole("stdout") && out.stderr === whole("stderr");
    }),
  );
  t.notThrows(() => fc.assert(fc.property(fc.uint8Array(), (bytes) => void createFrameReader()(bytes))));
});

test("/proc/<pid>/stat is read whatever the program is called", (t) => {
  const tail = `S 1 1 1 0 -1 0 0 0 0 0 11 22 0 0 20 0 1 0 777 1000 5 0`;
  for (const name of ["sh", "a b", ") S 9", "(x)"]) {
    t.deepEqual(parseProcStat(`12 (${name}) ${tail}`), { state: "S", cpuTicks: 33, startTicks: 777, rssPages: 5 });
  }
  t.notThrows(() => fc.assert(fc.property(fc.string(), (text) => void parseProcStat(text))));
});

function readSoft(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

async function taken(): Promise<{ port: number; close: () => void }> {
  const listener = await env.net.listen({ host: "127.0.0.1", port: await freePort() }, (stream) => stream.destroy());
  return { port: listener.address.port, close: () => void listener.close() };
}
