import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import test from "ava";
import fc from "fast-check";
import { createEnv } from "#base/platform/create-env.ts";
import type { TaskStart } from "#drivers/driver.ts";
import { createExecDriver } from "#drivers/exec/exec-driver.ts";
import { checkExecOptions, readExecOptions } from "#drivers/exec/plugin-options.ts";
import { createJavaDriver } from "#drivers/java/java-driver.ts";
import { deniedProblem, readDeniedIds } from "#drivers/process/denied-ids.ts";
import { taskUser } from "#drivers/process/task-user.ts";
import { checkRawExecOptions, createRawExecDriver, readRawExecOptions } from "#drivers/raw-exec/raw-exec-driver.ts";
import { ASK_FULL, FULL, ranIn as ran, taskIn } from "../task.ts";

const env = createEnv({ logLevel: "error" });
const root = mkdtempSync(`${tmpdir()}/lares-exec-`);
// The drivers' own timers do not keep a process alive.
const alive = setInterval(() => {}, 1000);
const nothing = new AbortController().signal;
const taskOf = (config: Readonly<Record<string, unknown>>, more: Partial<TaskStart> = {}): TaskStart =>
  taskIn(root, config, more);

test.after.always(() => {
  env.close();
  clearInterval(alive);
  rmSync(root, { recursive: true, force: true });
});

const exec = (plugin: Readonly<Record<string, unknown>> = {}, root = {}) =>
  createExecDriver(env, readExecOptions(plugin, root));

test("exec: a root, processes, capabilities, a user and limits of its own", async (t) => {
  const script = [
    "id -un; pwd; echo $GREETING $NOMAD_X",
    "ls / | tr '\\n' ' '; echo",
    "ps -e -o pid= | wc -l | tr -d ' '",
    "touch /etc/x /usr/x 2>/dev/null || echo read-only",
    "grep CapBnd /proc/self/status",
    "echo secret >/secrets/s && cat /secrets/s; echo out >/alloc/data-of-mine",
  ].join("; ");
  const task = taskOf({ command: "/bin/sh", args: ["-c", script] }, { env: { GREETING: "hello", NOMAD_X: "$(id)" } });
  chmodSync(task.paths.allocDir, 0o777);
  const out = (await ran(t, exec(), task)).split("\n");
  t.deepEqual(out.slice(0, 3), ["nobody", "/", "hello $(id)"]);
  t.regex(out[3] ?? "", /^alloc bin dev etc lib .*local proc .*secrets .*sys tmp usr/);
  t.notRegex(out[3] ?? "", /home|root|work/);
  t.true(Number(out[4]) < 8, out[4]);
  t.deepEqual(out.slice(5, 8), ["read-only", "CapBnd:\t00000000a80405fb", "secret"]);
  t.is(readFileSync(`${task.paths.allocDir}/data-of-mine`, "utf8"), "out\n");
  t.is(readFileSync(`${task.paths.secretsDir}/s`, "utf8"), "secret\n");
  const asRoot = taskOf(
    { command: "sh", args: ["-c", "id -u; chown 1 /local/f 2>&1; grep CapEff /proc/self/status"], cap_drop: ["all"] },
    { user: "root" },
  );
  writeFileSync(`${asRoot.paths.localDir}/f`, "");
  t.regex(await ran(t, exec(), asRoot), /^0\nchown: .*not permitted\nCapEff:\t0{16}\n$/);
  const all = await exec().start(taskOf({ command: "/bin/true", cap_add: ["sys_admin"] }));
  t.regex(
    all.ok ? "" : `${all.error.message}; ${all.error.hint ?? ""}`,
    /does not allow the capabilities sys_admin; the exec plugin's allow_caps/,
  );
});

test("exec, java, raw_exec: who a task may not run as is the node's to say, by number and by group", async (t) => {
  const [uid, gid] = ["-u", "-g"].map((of) => execFileSync("id", [of, "nobody"], { encoding: "utf8" }).trim());
  const drivers = (plugin: Readonly<Record<string, unknown>>) => [
    [exec(plugin), { command: "/bin/true" }] as const,
    [createJavaDriver(env, readExecOptions(plugin)), { class: "X" }] as const,
    [createRawExecDriver(env, readRawExecOptions({ enabled: true, ...plugin })), { command: "/bin/true" }] as const,
  ];
  const said = async ([driver, config]: ReturnType<typeof drivers>[number], user: string) => {
    const started = await driver.start(taskOf(config, { user }));
    if (!started.ok) return started.error.message;
    await driver.wait(started.value, nothing);
    await driver.destroy(started.value);
    return "ran";
  };
  for (const each of drivers({ denied_host_uids: `3-5, ${uid}` })) {
    t.regex(await said(each, "nobody"), /as the user "nobody": its number \d+ is among denied_host_uids/, each[0].name);
  }
  for (const each of drivers({ denied_host_gids: gid })) {
    t.regex(await said(each, "nobody"), /as the user "nobody": its group \d+ is among denied_host_gids/, each[0].name);
  }
  const [isolated, , raw] = drivers({ denied_host_uids: "0-99" });
  if (isolated === undefined || raw === undefined) return t.fail();
  // Without a user the one runs as nobody, the other as the agent.
  t.is(await said(isolated, ""), "ran");
  t.regex(await said(isolated, "root"), /its number 0 is among/);
  t.regex(await said(raw, ""), /as the agent's own user: its number 0 is among/);
  t.is(await said(raw, "nobody"), "ran");
  for (const check of [checkExecOptions("exec"), checkRawExecOptions])
    t.regex(
      check({ denied_host_uids: "1-", denied_host_gids: "9-3" })
        .map(({ message }) => message)
        .join("; "),
      /denied_host_uids must be .*got "1-"; .*denied_host_gids must be .*got "9-3"/,
    );
  fc.assert(fc.property(fc.string(), (text) => readDeniedIds({ denied_host_uids: text }).gids.length === 0));
});

test("a user of whom nothing is said is nobody that a task may run as, least of all root", async (t) => {
  const said = { code: 0, signal: 0, stdout: "", stderr: "", timedOut: false, truncated: false };
  const mute = { ...env, exec: { ...env.exec, run: () => Promise.resolve(said) } };
  const denied = { uids: [[3, 5]], gids: [] } as const;
  t.like(await deniedProblem(mute, "nobody", denied), { code: "FORBIDDEN" });
  t.like(await deniedProblem(mute, "", denied), { code: "FORBIDDEN" });
  t.like(await taskUser(mute, "not-in-passwd"), { ok: false, error: { code: "NO_USER" } });
  t.like(await taskUser(mute, "nobody"), { ok: true });
});

test("exec: memory and processes have ends, and a task that met one is told so", async (t) => {
  const hog = taskOf({ command: "/bin/sh", args: ["-c", "x=$(head -c 100000000 /dev/zero | tr '\\0' x); echo $?"] });
  const driver = exec({ pids_limit: 20 });
  t.teardown(() => driver.close?.());
  const started = await driver.start(hog);
  if (!started.ok) return t.fail(started.error.message);
  const exit = await driver.wait(started.value, nothing);
  t.like(exit, { kind: "exited", oomKilled: true, signal: 9 });
  await driver.destroy(started.value);
  const bomb = taskOf({
    command: "/bin/sh",
    args: ["-c", "n=0; while [ $n -lt 60 ]; do sleep 5 & n=$((n+1)); done; echo all; kill 0"],
  });
  const bombed = await driver.start(bomb);
  if (!bombed.ok) return t.fail(bombed.error.message);
  await driver.wait(bombed.value, nothing);
  await driver.destroy(bombed.value);
  t.notRegex(readFileSync(bomb.paths.stdoutPath, "utf8"), /all/);
  t.regex(readFileSync(bomb.paths.stderrPath, "utf8"), /Cannot fork|Resource temporarily unavailable/);
});

test("exec: a network of its own, mounts, and a root that the node chose", async (t) => {
  mkdirSync(`${root}/volume`, { recursive: true });
  writeFileSync(`${root}/volume/here`, "volume");
  const mounts = [{ hostPath: `${root}/volume`, taskPath: "/data", readOnly: true }];
  const script = "cat /data/here; touch /data/x 2>/dev/null || echo ' read-only'; ls /sys/class/net; ls /opt/v";
  const task = taskOf({ command: "/bin/sh", args: ["-c", script] }, { networkMode: "none", mounts });
  const chosen = { "/bin": "/bin", "/lib": "/lib", "/lib64": "/lib64", "/usr": "/usr", [`${root}/volume`]: "/opt/v" };
  const out = await ran(t, exec({}, chosen), task);
  t.regex(out, /^volume read-only\n/);
  t.regex(out, /here\n$/);
});

test("exec: a device that the plan gave to the task is in its root, for its user alone", async (t) => {
  const devices = [FULL, { ...FULL, nodes: [{ ...FULL.nodes[0]!, hostPath: "/dev/gone", taskPath: "/dev/gone" }] }];
  const out = await ran(t, exec(), taskOf({ command: "/bin/sh", args: ["-c", ASK_FULL] }, { devices }));
  t.regex(out, /(?:No space left|I\/O error).*\nmine\n/);
});

test("java: a class and a jar run with the options of the machine, under the same limits", async (t) => {
  const driver = createJavaDriver(env);
  const found = await driver.fingerprint();
  t.true(found.Detected, found.HealthDescription);
  t.regex(found.Attributes["driver.java.version"] ?? "", /^\d+/);
  t.deepEqual(
    driver.validate({ class_path: "x" }).map(({ message }) => message),
    ["java config needs jar_path or class"],
  );
  const source =
    'public class Hello { public static void main(String[] a) { System.out.println(a[0] + System.getProperty("x")); } }';
  const memory = { MemoryMB: 256, MemoryMaxMB: 0 };
  const base = taskOf({});
  const task = taskOf(
    { class: "Hello", class_path: "/local", jvm_options: ["-Dx=y z", "-Xmx64m"], args: ["hi "] },
    { resources: { ...base.resources, Memory: memory } },
  );
  writeFileSync(`${task.paths.localDir}/Hello.java`, source);
  execFileSync("javac", ["-d", task.paths.localDir, `${task.paths.localDir}/Hello.java`]);
  t.is(await ran(t, driver, task), "hi y z\n");
  const jar = taskOf({ jar_path: "local/h.jar", args: ["jar "] }, { resources: { ...base.resources, Memory: memory } });
  execFileSync("jar", [
    "-c",
    "-f",
    `${jar.paths.localDir}/h.jar`,
    "-e",
    "Hello",
    "-C",
    task.paths.localDir,
    "Hello.class",
  ]);
  t.is(await ran(t, driver, jar), "jar null\n");
});
