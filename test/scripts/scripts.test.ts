import { execFile, spawn } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { promisify } from "node:util";
import test from "ava";
import fc from "fast-check";
import { readTap } from "#scripts/test/tap.ts";
import { watchRunner } from "#scripts/test/watch.ts";

const run = promisify(execFile);
const root = new URL("../..", import.meta.url).pathname;
const temp = mkdtempSync(`${tmpdir()}/lares-scripts-test-`);
test.after.always(() => rmSync(temp, { recursive: true, force: true }));

test("scripts/node runs the pinned Node, found through a link too, and passes the exit code through", async (t) => {
  symlinkSync(`${root}scripts/node`, `${temp}/link`);
  const { stdout } = await run(`${temp}/link`, ["-p", "process.version"], { env: { PATH: "/usr/bin:/bin" } });
  t.is(stdout, "v26.10.0\n");
  await t.throwsAsync(run(`${root}scripts/node`, ["-e", "process.exit(7)"]), { code: 7 });
});

test("the system's programs come before those of npm's packages, which npm puts first", async (t) => {
  const env = { PATH: "/some/node_modules/.bin:/usr/bin:/bin:/node_modules/.bin" };
  const { stdout } = await run(`${root}scripts/node`, ["-p", "process.env.PATH"], { env });
  t.regex(stdout, /^[^:]*\/node-linux-\w+\/bin:\/usr\/bin:\/bin\n$/);
});

test("scripts/node passes signals through, because it becomes Node", async (t) => {
  const child = spawn(`${root}scripts/node`, [
    "-e",
    "process.on('SIGTERM', () => process.exit(9)); console.log('up'); setInterval(() => {}, 1000)",
  ]);
  await once(child.stdout, "data");
  child.kill("SIGTERM");
  t.deepEqual(await once(child, "exit"), [9, null]);
});

test("npm packages and Debian packages that are missing are named, with the command, when not root", async (t) => {
  const tree = `${temp}/tree`;
  mkdirSync(`${tree}/scripts`, { recursive: true });
  mkdirSync(`${tree}/cli/setup`, { recursive: true });
  copyFileSync(`${root}scripts/prepare.mjs`, `${tree}/scripts/prepare.mjs`);
  symlinkSync(`${root}node_modules`, `${tree}/node_modules`);
  const entry = (name: string, file: string) => ({ package: name, files: [file], for: "the test" });
  const packages = {
    run: [entry("lares-absent", "/absent/file"), entry("base-files", "/etc/debian_version")],
    other: [],
  };
  writeFileSync(`${tree}/cli/setup/packages.json`, JSON.stringify(packages));
  for (const path of [temp, tree]) chmodSync(path, 0o755);
  // Nobody may not even read the pinned Node in root's home, so root starts it and then steps down.
  const stepDown = "if (process.getuid() === 0) { process.setgid(65534); process.setuid(65534); }";
  const prepare = (...groups: string[]) =>
    run(process.execPath, ["-e", `${stepDown} import("${tree}/scripts/prepare.mjs")`, "prepare", ...groups]);
  const { stderr } = await prepare("run");
  t.regex(stderr, /lares-absent: the test\n.*sudo apt-get install --no-install-recommends lares-absent\n$/s);
  t.false(stderr.includes("base-files"));
  t.is((await prepare("other")).stderr, "");
  await t.throwsAsync(prepare("absent"), { message: /no group 'absent'/ });
});

/** Runs the installer with programs of our own in front of the PATH and a policy file of our own. */
async function install(name: string, apt: string): Promise<{ policy: string; seen: string; ended: Promise<unknown> }> {
  const folder = `${temp}/${name}`;
  const policy = `${folder}/policy-rc.d`;
  mkdirSync(folder, { recursive: true });
  writeFileSync(`${folder}/apt-get`, `#!/bin/sh\n${apt}\n`, { mode: 0o755 });
  const env = {
    PATH: `${folder}:${process.env["PATH"]}`,
    LARES_POLICY_RC_D: policy,
    LARES_INSTALL_LOCKED: "1",
    FOLDER: folder,
  };
  const ended = run("sh", [`${root}cli/setup/install-packages.sh`, "some-daemon"], { env }).catch(
    (error: unknown) => error,
  );
  return { policy, seen: `${folder}/seen`, ended };
}

test("while packages are installed no daemon may start, and the machine's own policy comes back", async (t) => {
  mkdirSync(`${temp}/policy`, { recursive: true });
  writeFileSync(`${temp}/policy/policy-rc.d`, "#!/bin/sh\nexit 104\n", { mode: 0o755 });
  const { policy, seen, ended } = await install("policy", 'sh "$FOLDER/policy-rc.d"; echo "$? $*" >> "$FOLDER/seen"');
  t.false((await ended) instanceof Error);
  t.regex(readFileSync(seen, "utf8"), /^101 .*install.*some-daemon$/m);
  t.is(readFileSync(policy, "utf8"), "#!/bin/sh\nexit 104\n");
});

test("a failed installation is a failure, and leaves no policy behind", async (t) => {
  const { policy, ended } = await install("failing", "exit 100");
  t.like(await ended, { code: 100 });
  t.false(existsSync(policy));
});

test("a policy that a killed run left behind is taken away by the next", async (t) => {
  mkdirSync(`${temp}/left`, { recursive: true });
  writeFileSync(`${temp}/left/policy-rc.d`, "#!/bin/sh\n# by lares install-packages.sh\nexit 101\n");
  writeFileSync(`${temp}/left/policy-rc.d.before-lares`, "the machine's own");
  const { policy, ended } = await install("left", "exit 0");
  t.false((await ended) instanceof Error);
  t.is(readFileSync(policy, "utf8"), "the machine's own");
  t.false(existsSync(`${policy}.before-lares`));
});

test("a TAP stream is counted so that nothing looks better than it is", (t) => {
  const tap = readTap();
  const shown = [
    "TAP version 13",
    "ok 1 - fine",
    "not ok 2 - broken",
    "  ---",
    "    name: AssertionError",
    "  ...",
    "ok 3 - later # SKIP",
    "ok 4 - unfinished # TODO",
    "    # a log line",
    "ok 5 - with # in its name",
    "not ok 6 - crash.test.ts exited with a non-zero exit code: 3",
    "",
    "1..6",
    "# tests 6",
  ].map((line) => tap.line(line));
  t.deepEqual(tap.tally(), { passed: 2, failed: 4 });
  t.true(tap.complete());
  const cut = readTap();
  cut.line("ok 1 - fine");
  t.false(cut.complete(), "a runner that died has no plan");
  t.deepEqual(
    shown.filter((line) => line !== undefined),
    [
      "FAIL broken",
      "  ---",
      "    name: AssertionError",
      "  ...",
      "FAIL later (skipped: nothing may be skipped)",
      "FAIL unfinished (skipped: nothing may be skipped)",
      "    # a log line",
      "FAIL crash.test.ts exited with a non-zero exit code: 3",
    ],
  );
});

test("any stream is survived, and only results are counted", (t) => {
  fc.assert(
    fc.property(fc.array(fc.string()), (lines) => {
      const tap = readTap();
      for (const line of lines) tap.line(`  ${line}`);
      t.deepEqual(tap.tally(), { passed: 0, failed: 0 });
    }),
  );
});

test("a silent runner's files are killed and it goes on; one that does not end is killed itself", async (t) => {
  const limits = { silenceMs: 400, wholeMs: 60_000, endMs: 60_000 };
  const watched = async (script: string, more: Partial<typeof limits>, isOver = false) => {
    const runner = spawn("bash", ["-c", script], { stdio: ["ignore", "pipe", "ignore"] });
    const watch = watchRunner(runner, { ...limits, ...more });
    let said = "";
    runner.stdout.on("data", (data: Buffer) => (said += data.toString()));
    if (isOver) watch.over();
    const [code, signal] = await once(runner, "close");
    watch.stop();
    return { said, code, signal, reason: watch.reason() };
  };
  t.deepEqual(await watched("sleep 600; echo one $?; sleep 600; echo two $?", {}), {
    said: "one 137\ntwo 137\n",
    code: 0,
    signal: null,
    reason: undefined,
  });
  const never = "while :; do sleep 600; done";
  const long = await watched(never, { wholeMs: 600 });
  t.deepEqual([long.signal, long.reason], ["SIGKILL", "the tests took longer than 0 minutes"]);
  const held = await watched(never, { silenceMs: 60_000, endMs: 300 }, true);
  t.is(held.signal, "SIGKILL");
  t.regex(held.reason ?? "", /did not end within .* after its last result/);
});

test("a file whose tests are over and whose process goes on fails, and says what holds it", async (t) => {
  const project = `${temp}/leaks`;
  mkdirSync(project);
  symlinkSync(`${root}node_modules`, `${project}/node_modules`);
  writeFileSync(`${project}/package.json`, '{ "type": "module" }');
  writeFileSync(`${project}/ava.config.js`, `export default { require: ["${root}scripts/test/worker-end.ts"] };`);
  const body = 'import test from "ava";\ntest("passes", (t) => t.pass());\n';
  writeFileSync(`${project}/clean.test.js`, body);
  writeFileSync(
    `${project}/leaks.test.js`,
    `${body}test("leaks", (t) => { t.timeout(600_000); setInterval(() => {}, 50); t.pass(); });`,
  );
  const ava = [`${root}node_modules/ava/entrypoints/cli.js`, "--tap"];
  const failed = await t.throwsAsync<Error & { stdout: string; stderr: string }>(
    run(process.execPath, ava, { cwd: project, env: { PATH: process.env["PATH"] } }),
  );
  t.regex(failed?.stderr ?? "", /this holds their process: .*Timeout/);
  t.regex(failed?.stdout ?? "", /^not ok \d+ - leaks\.test\.js exited with a non-zero exit code: 1$/m);
  t.regex(failed?.stdout ?? "", /^ok \d+ - clean/m);
});
