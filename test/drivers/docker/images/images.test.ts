import { execFileSync, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statfsSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import fc from "fast-check";
import { freePorts } from "#test/free-ports.ts";
import { startPrivateDockerd, type PrivateDockerd } from "#cli/setup/private-dockerd.ts";
import { createEnv } from "#base/platform/create-env.ts";
import { createDockerDriver } from "#drivers/docker/docker-driver.ts";
import { loginFor } from "#drivers/docker/images/credentials.ts";
import { parseImageName, placeOf } from "#drivers/docker/images/image-name.ts";
import { namesOf, readMirrors } from "#drivers/docker/images/mirrors.ts";
import { SharedWork } from "#drivers/docker/images/shared-work.ts";
import { checkDockerOptions, readDockerOptions } from "#drivers/docker/plugin-options.ts";
import type { StartFailure, TaskStart } from "#drivers/driver.ts";
import { dockerForTests, type DockerForTests } from "#scripts/test/docker.ts";
import { until } from "#test/scenario/agent.ts";
import { taskIn } from "../../task.ts";
import { makeTestImage } from "../../test-image.ts";
import { LOGIN, startRealRegistry, type RealRegistry } from "./real-registry.ts";

/**
 * Images as nodes get them: from Debian's docker-registry, by an engine of its own whose disk is small, behind HAProxy
 * as its proxy. They are built and pushed with another engine.
 */
const env = createEnv({ logLevel: "error" });
const root = mkdtempSync(`${tmpdir()}/lares-images-`);
const disk = `${root}/disk`;
// The driver's own timers do not keep a process alive.
const alive = setInterval(() => {}, 1000);
const BUILT = `lares-test-images-${process.pid}:sh`;
const MB = 1024 * 1024;
const DISK_MB = 40;
let builder: DockerForTests;
let open: RealRegistry;
let closed: RealRegistry;
let small: PrivateDockerd;
let proxy: ReturnType<typeof spawn>;
const pushed: string[] = [];

test.before(async (t) => {
  t.timeout(120_000);
  [builder, open, closed] = [
    await dockerForTests(),
    await startRealRegistry(),
    await startRealRegistry({ isClosed: true }),
  ];
  makeTestImage(BUILT, builder.env);
  push(`${open.address}/app:1`);
  mkdirSync(disk);
  execFileSync("mount", ["-t", "tmpfs", "-o", `size=${DISK_MB}m`, "lares-images-test", disk]);
  const [port = 0] = await freePorts(1);
  proxy = await startProxy(port);
  small = await startPrivateDockerd(`${disk}/docker`, {
    env: { HTTP_PROXY: `http://127.0.0.1:${port}`, HTTPS_PROXY: `http://127.0.0.1:${port}`, NO_PROXY: "127.0.0.1" },
    config: { "insecure-registries": ["registry.invalid"] },
  });
});

test.after.always(async () => {
  clearInterval(alive);
  await small.stop();
  execFileSync("umount", ["-l", disk]);
  const left = ["rmi", "-f", BUILT, ...pushed];
  execFileSync("docker", left, { env: { ...process.env, ...builder.env }, stdio: "ignore" });
  proxy.kill("SIGKILL");
  await Promise.all([open.close(), closed.close(), builder.stop()]);
  env.close();
  rmSync(root, { recursive: true, force: true });
});

const build = (...words: readonly string[]): string =>
  execFileSync("docker", words, { env: { ...process.env, ...builder.env }, encoding: "utf8", stdio: "pipe" });

function push(name: string): void {
  build("tag", BUILT, name);
  pushed.push(name);
  build("push", "--quiet", name);
}

/** A proxy that knows one registry, by a name that nobody else can resolve. */
async function startProxy(port: number): Promise<ReturnType<typeof spawn>> {
  const config = `global
  maxconn 50
defaults
  mode http
  timeout connect 5s
  timeout client 30s
  timeout server 30s
listen proxy
  bind 127.0.0.1:${port}
  http-request deny unless { hdr(host) -m beg registry.invalid }
  server registry ${open.address}
`;
  writeFileSync(`${root}/haproxy.cfg`, config);
  const child = spawn("haproxy", ["-db", "-f", `${root}/haproxy.cfg`], { stdio: "ignore" });
  await once(child, "spawn");
  return child;
}

type Config = Readonly<Record<string, unknown>>;

const docker = (plugin: Config = {}) =>
  createDockerDriver(env, { options: readDockerOptions(plugin), dockerHost: small.host });

interface Ran {
  readonly error: StartFailure | undefined;
  readonly events: readonly string[];
}

/** Starts a task, and ends it at once. */
async function started(config: Config, plugin: Config = {}, more: Partial<TaskStart> = {}): Promise<Ran> {
  const driver = docker({ gc: [{ image: false }], ...plugin });
  const events: string[] = [];
  const whole = { command: "/bin/sh", args: ["-c", "echo ran"], ...config };
  const run = await driver.start(taskIn(root, whole, { onEvent: (message) => events.push(message), ...more }));
  if (run.ok) {
    await driver.wait(run.value, new AbortController().signal);
    await driver.destroy(run.value);
  }
  await driver.close?.();
  return { error: run.ok ? undefined : run.error, events };
}

const inEngine = (...words: readonly string[]): string =>
  execFileSync("docker", words, { env: { ...process.env, DOCKER_HOST: small.host }, encoding: "utf8", stdio: "pipe" });
const images = (): string[] =>
  inEngine("images", "--format", "{{.Repository}}:{{.Tag}}")
    .split("\n")
    .filter((line) => line !== "");
function forget(): void {
  const ids = inEngine("images", "-q")
    .split("\n")
    .filter((id) => id !== "");
  if (ids.length > 0) inEngine("rmi", "-f", ...new Set(ids));
}

test.serial(
  "a registry that is down, slow or away half way is named, and is asked again when it is back",
  async (t) => {
    const image = `${open.address}/app:1`;
    open.kill("SIGSTOP");
    const slow = await started({ image }, { pull_activity_timeout: "1s" });
    open.kill("SIGCONT");
    t.regex(slow.error?.message ?? "", /the registry said nothing for 1 s/);
    t.true(slow.error?.recoverable);
    await open.end();
    const down = await started({ image });
    t.regex(down.error?.message ?? "", /cannot pull image .*refused/);
    t.true(down.error?.recoverable);
    await open.restart();
    t.is((await started({ image })).error, undefined);
    const none = await started({ image: `${open.address}/none:1` });
    t.regex(none.error?.message ?? "", /manifest.*(?:unknown|not found)/);
    t.false(none.error?.recoverable);
    forget();
  },
);

test.serial(
  "a registry whose blobs are shorter than it says, or others, is told so; nothing of it stays",
  async (t) => {
    push(`${open.address}/torn:1`);
    const blobs = `${open.folder}/docker/registry/v2/blobs/sha256`;
    const largest = readdirSync(blobs, { recursive: true, encoding: "utf8" })
      .filter((path) => path.endsWith("/data"))
      .map((path) => join(blobs, path))
      .toSorted((a, b) => statSync(b).size - statSync(a).size)[0];
    if (largest === undefined) throw new Error("the registry holds nothing");
    const whole = statSync(largest).size;
    truncateSync(largest, whole - 1000);
    const short = await started({ image: `${open.address}/torn:1` });
    t.regex(short.error?.message ?? "", /EOF|verif|digest|size|checksum/i);
    // As long as it should be, and not what it was.
    truncateSync(largest, whole);
    const other = await started({ image: `${open.address}/torn:1` });
    t.regex(other.error?.message ?? "", /verif|digest|checksum|EOF|invalid|corrupt/i);
    t.deepEqual(images(), []);
    rmSync(open.folder, { recursive: true });
    await open.restart();
    push(`${open.address}/app:1`);
    t.is((await started({ image: `${open.address}/app:1` })).error, undefined);
    forget();
  },
);

test.serial("an engine behind a proxy pulls through it", async (t) => {
  t.is((await started({ image: "registry.invalid/app:1" })).error, undefined);
  const strange = await started({ image: "elsewhere.invalid/app:1" });
  t.regex(strange.error?.message ?? "", /cannot pull image elsewhere\.invalid/);
  forget();
});

test.serial("mirrors are asked first, in their order; what comes from one has its own name, digests too", async (t) => {
  push(`${open.address}/library/hub-only:1`);
  const mirrors = { registry_mirrors: [{ "docker.io": `127.0.0.1:1, ${open.address}` }] };
  const ran = await started({ image: "hub-only:1" }, mirrors);
  t.is(ran.error, undefined);
  t.regex(ran.events.join("\n"), /Mirror did not give the image, asking on: .*127\.0\.0\.1:1\/library\/hub-only:1/);
  t.true(images().includes("hub-only:1"));
  const digest = /sha256:\w{64}/.exec(build("inspect", "--format", "{{.RepoDigests}}", `${open.address}/app:1`))?.[0];
  forget();
  t.is((await started({ image: `hub-only@${digest}` }, mirrors)).error, undefined);
  forget();
});

test.serial("who asks: the task says, else the node's file, else its helper", async (t) => {
  const image = `${closed.address}/app:1`;
  const login = join(root, "docker-login");
  mkdirSync(login);
  const auth = Buffer.from(`${LOGIN.username}:${LOGIN.password}`).toString("base64");
  writeFileSync(join(login, "config.json"), JSON.stringify({ auths: { [`http://${closed.address}/v2/`]: { auth } } }));
  build("tag", BUILT, image);
  pushed.push(image);
  execFileSync("docker", ["--config", login, "push", "--quiet", image], { env: { ...process.env, ...builder.env } });

  const nobody = await started({ image });
  t.is(nobody.error?.code, "AUTH");
  t.regex(nobody.error?.message ?? "", /no basic auth credentials|unauthorized|authentication required/);
  t.false(nobody.error?.recoverable);
  const wrong = await started({ image, auth: [{ ...LOGIN, password: "guessed" }] });
  t.is(wrong.error?.code, "AUTH");
  t.is((await started({ image, auth: [LOGIN] })).error, undefined);
  forget();
  t.is((await started({ image }, { auth: [{ config: join(login, "config.json") }] })).error, undefined);
  forget();
  const helper = join(root, "docker-credential-test");
  writeFileSync(helper, HELPER);
  chmodSync(helper, 0o755);
  const path = process.env["PATH"] ?? "";
  process.env["PATH"] = `${root}:${path}`;
  t.teardown(() => (process.env["PATH"] = path));
  t.is((await started({ image }, { auth: [{ helper: "test" }] })).error, undefined);
  forget();
  const away = await started({ image: `${open.address}/app:1` }, { auth: [{ helper: "none-such" }] });
  t.regex(away.error?.message ?? "", /docker-credential-none-such/);
  const soft = { image: `${open.address}/app:1`, auth_soft_fail: true };
  const anyway = await started(soft, { auth: [{ helper: "none-such" }] });
  t.is(anyway.error, undefined);
  t.regex(anyway.events.join("\n"), /Asking for the image without a login: .*docker-credential-none-such/);
  forget();
});

/** As https://github.com/docker/docker-credential-helpers describes them. */
const HELPER = `#!/bin/sh
read -r host
case "$1 $host" in
  "get 127.0.0.1:"*) printf '{"ServerURL":"%s","Username":"${LOGIN.username}","Secret":"${LOGIN.password}"}' "$host" ;;
  *) echo "credentials not found in native keychain"; exit 1 ;;
esac
`;

const usedMb = (): number => {
  const { blocks, bfree, bsize } = statfsSync(disk);
  return ((blocks - bfree) * bsize) / MB;
};

test.serial(
  "an image larger than the disk fails with words; nothing stays of it, the engine is well, and it comes when there is room",
  async (t) => {
    t.timeout(120_000);
    const folder = join(root, "large");
    mkdirSync(folder);
    writeFileSync(join(folder, "ballast"), randomBytes((DISK_MB + 8) * MB));
    writeFileSync(join(folder, "Dockerfile"), `FROM ${BUILT}\nCOPY ballast /ballast\n`);
    const image = `${open.address}/large:1`;
    execFileSync("docker", ["build", "--quiet", "--tag", image, folder], {
      env: { ...process.env, ...builder.env, DOCKER_BUILDKIT: "0" },
      stdio: "pipe",
    });
    pushed.push(image);
    build("push", "--quiet", image);
    // Another task's image is there, and stays.
    const neighbour = `${open.address}/app:1`;
    t.is((await started({ image: neighbour })).error, undefined);
    const before = usedMb();
    const full = await started({ image });
    t.regex(full.error?.message ?? "", /cannot pull image .*no space left on device/);
    t.regex(full.error?.hint ?? "", /disk of the Docker engine is full/);
    t.true(full.error?.recoverable);
    await until("what came of it is given back", () => usedMb() < before + 2);
    t.deepEqual(images(), [neighbour]);
    t.is(inEngine("ps", "-aq"), "");
    const driver = docker();
    t.true((await driver.fingerprint()).Healthy);
    await driver.close?.();
    t.is((await started({ image: neighbour })).error, undefined, "others run on");
    execFileSync("mount", ["-o", `remount,size=${DISK_MB * 6}m`, disk]);
    t.is((await started({ image })).error, undefined);
    forget();
  },
);

test.serial(
  "an archive of the task is loaded; what is none, lies elsewhere or holds another image is told",
  async (t) => {
    const archive = join(root, "image.tar");
    build("save", "--output", archive, BUILT);
    const withFile = async (make: (local: string) => void, config: Config) => {
      const task = taskIn(root, {});
      make(task.paths.localDir);
      return started(config, {}, { allocId: task.allocId, id: task.id, paths: task.paths });
    };
    const copy = (local: string): void => void execFileSync("cp", [archive, join(local, "image.tar")]);
    const fine = await withFile(copy, { image: BUILT, load: "image.tar" });
    t.is(fine.error, undefined);
    t.true(fine.events.includes("Loading image"));
    forget();
    const other = await withFile(copy, { image: "other:1", load: "image.tar" });
    t.regex(other.error?.message ?? "", /"image.tar" holds no image other:1/);
    const missing = await withFile(() => {}, { image: BUILT, load: "image.tar" });
    t.regex(missing.error?.message ?? "", /there is no such file/);
    const outside = await withFile((local) => symlinkSync(archive, join(local, "link.tar")), {
      image: BUILT,
      load: "link.tar",
    });
    t.regex(outside.error?.message ?? "", /there is no such file/);
    const climbing = await withFile(() => {}, { image: BUILT, load: "../../../../image.tar" });
    t.regex(climbing.error?.message ?? "", /there is no such file/);
    const noise = await withFile((local) => writeFileSync(join(local, "image.tar"), randomBytes(100_000)), {
      image: BUILT,
      load: "image.tar",
    });
    t.regex(noise.error?.message ?? "", /cannot load an image from "image.tar"|holds no image/);
    t.false(noise.error?.recoverable);
    forget();
  },
);

test.serial(
  "an image goes some time after its last task, if it can be had again; what was made here stays",
  async (t) => {
    const archive = join(root, "image.tar");
    build("save", "--output", archive, BUILT);
    inEngine("load", "--quiet", "--input", archive);
    const plugin = { gc: [{ image: true, image_delay: "50ms" }] };
    const run = (image: string) => taskIn(root, { image, command: "/bin/sh", args: ["-c", "exec sleep 1000"] });
    const [one, two] = [docker(plugin), docker(plugin)];
    const image = `${open.address}/app:1`;
    const [first, second] = [await one.start(run(image)), await one.start(run(image))];
    const own = await one.start(run(BUILT));
    if (!first.ok || !second.ok || !own.ok) throw new Error("a task did not start");
    const end = async (driver: typeof one, handle: typeof first.value): Promise<void> => {
      await driver.stop(handle, { killSignal: "SIGKILL", killTimeoutMs: 1000 });
      await driver.destroy(handle);
    };
    await end(one, own.value);
    await end(one, first.value);
    // The next agent knows who uses it, and so does the engine.
    await one.close?.();
    t.true((await two.recover(second.value)).ok);
    t.true(images().includes(image));
    await end(two, second.value);
    await until("the image is gone", () => !images().includes(image));
    t.true(images().includes(BUILT), "nobody could bring it back");
    await two.close?.();
    forget();
  },
);

test("work that several want is done once, and goes on until nobody wants it", async (t) => {
  const work = new SharedWork<string>();
  const [a, b] = [new AbortController(), new AbortController()];
  const heard: string[] = [];
  let runs = 0;
  let signal: AbortSignal | undefined;
  const finish = Promise.withResolvers<string>();
  const join = (who: string, from: AbortController): Promise<string> =>
    work.join("key", { signal: from.signal, onEvent: (message) => heard.push(`${who} ${message}`) }, (all) => {
      runs += 1;
      signal = all.signal;
      all.onEvent("began", {});
      return finish.promise;
    });
  const [one, two] = [join("a", a), join("b", b)];
  await Promise.resolve();
  t.deepEqual([runs, heard], [1, ["a began", "b began"]]);
  a.abort();
  t.false(signal?.aborted);
  b.abort();
  t.true(signal?.aborted);
  finish.resolve("done");
  t.deepEqual([await one, await two], ["done", "done"]);
});

test("names belong to registries; files of logins and options are read whatever they hold", async (t) => {
  t.deepEqual(placeOf("redis"), { registry: "docker.io", path: "library/redis" });
  t.deepEqual(placeOf("grafana/grafana"), { registry: "docker.io", path: "grafana/grafana" });
  t.deepEqual(placeOf("ghcr.io/a/b"), { registry: "ghcr.io", path: "a/b" });
  t.deepEqual(placeOf("localhost/a"), { registry: "localhost", path: "a" });
  const mirrors = readMirrors({ "docker.io": "https://one:5000/, two/hub" });
  t.deepEqual(namesOf(mirrors, parseImageName("redis:7")), [
    "redis:7",
    "one:5000/library/redis:7",
    "two/hub/library/redis:7",
  ]);
  t.regex(checkDockerOptions({ gc: [{ images: true }] })[0]?.hint ?? "", /did you mean image\?/);
  const file = join(root, "logins.json");
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(
        fc.string(),
        fc.json(),
        fc.json().map((auths) => `{"auths":${auths}}`),
      ),
      async (text) => {
        writeFileSync(file, text);
        const login = await loginFor(env, { file, helper: "" }, { block: undefined, name: "redis" });
        return login.ok || login.error.code === "AUTH";
      },
    ),
    { numRuns: 50 },
  );
  const entry = { "https://index.docker.io/v1/": { identitytoken: "abc" } };
  writeFileSync(file, JSON.stringify({ auths: entry }));
  const login = await loginFor(env, { file, helper: "" }, { block: undefined, name: "redis" });
  t.like(login.ok ? login.value : {}, { identitytoken: "abc", serveraddress: "https://index.docker.io/v1/" });
});
