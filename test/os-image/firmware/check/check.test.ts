import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import test from "ava";
import fc from "fast-check";
import { createEnv } from "#base/platform/create-env.ts";
import { readChecks, type Checks } from "#os-image/firmware/check/check-tables.ts";
import { evaluate, type Outcome } from "#os-image/firmware/check/evaluate.ts";
import { liveSubject } from "#os-image/firmware/check/live.ts";
import { treeSubject } from "#os-image/firmware/check/tree.ts";

const env = createEnv({ logToStderr: false });
const root = mkdtempSync(join(tmpdir(), "lares-checks-"));
test.after.always(() => {
  env.close();
  rmSync(root, { recursive: true });
});

function checks(body: string): Checks {
  const found = readChecks("/x.checks.hcl", () => `checks "x" {\n${body}\n}\n`);
  if (!found.ok) throw new Error(found.error.message);
  return found.value;
}

function lines(outcomes: readonly Outcome[]): readonly string[] {
  return outcomes.map(
    ({ resource, result, problem }) => `${result} ${resource}${problem === "" ? "" : `: ${problem}`}`,
  );
}

function put(path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}

test("a tree is as it has to be, or it is told what is not; what it cannot tell is passed over", async (t) => {
  put("usr/bin/tool", "#!/bin/sh\n");
  chmodSync(join(root, "usr/bin/tool"), 0o755);
  symlinkSync("usr/bin", join(root, "bin"));
  symlinkSync("/usr/bin/tool", join(root, "usr/bin/alias"));
  put("etc/passwd", "root:x:0:0:root:/root:/bin/sh\n");
  put("usr/lib/lares/packages", "rauc 1.13-1\nsystemd 257\n");
  put("usr/lib/systemd/system/a.service", "");
  mkdirSync(join(root, "etc/systemd/system/multi-user.target.wants"), { recursive: true });
  symlinkSync("/usr/lib/systemd/system/a.service", join(root, "etc/systemd/system/multi-user.target.wants/a.service"));
  symlinkSync("/dev/null", join(root, "etc/systemd/system/b.service"));
  const wanted = checks(`
    file "/bin/tool" { mode = "755" }
    file "/usr/bin/tool" { contains = "^#!/bin/bash" }
    file "/bin/alias" { target = "/usr/bin/tool" }
    file "/etc/shadow" { exists = false }
    file "/nothing" {}
    package "rauc" { version = "1.13-1" }
    package "apt" { installed = false }
    package "systemd" { installed = false }
    user "root" { uid = 0 }
    user "nobody" {}
    service "a.service" { enabled = true }
    service "b.service" { masked = true }
    service "a.service" { masked = true }
    port "tcp:22" {}
    mount "/" {}
    kernel "kernel.panic" { value = "10" }
    command "true" {}
    interface "e*" {}`);
  t.deepEqual(lines(await evaluate(wanted, treeSubject(root))), [
    "passed file /bin/tool",
    "failed file /usr/bin/tool: /^#!/bin/bash/ was not found",
    "passed file /bin/alias",
    "passed file /etc/shadow",
    "failed file /nothing: exists is false, expected true",
    "passed package rauc",
    "passed package apt",
    "failed package systemd: installed is true, expected false",
    "passed service a.service",
    "passed service b.service",
    "failed service a.service: masked is false, expected true",
    "passed user root",
    "failed user nobody: there is no such user",
    "skipped port tcp:22",
    "skipped mount /",
    "skipped command true",
    "skipped kernel kernel.panic",
    "skipped interface e*",
  ]);
});

test("a running machine is asked for the rest", async (t) => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  const address = server.address();
  const port = address !== null && typeof address !== "string" ? address.port : 0;
  const type = /^\S+ \/proc (\S+)/m.exec(readFileSync("/proc/mounts", "utf8"))?.[1] ?? "";
  const pid = readFileSync("/proc/sys/kernel/pid_max", "utf8").trim();
  const wanted = checks(`
    port "tcp:${port}" {}
    mount "/proc" { type = "${type}" }
    mount "/no/such" {}
    command "echo hello; exit 3" {
      exit   = 3
      prints = "^hell"
    }
    kernel "kernel.pid_max" { value = "${pid}" }
    kernel "kernel.no_such" { value = "1" }
    interface "lo" { address = true }
    interface "nosuch*" {}`);
  const outcomes = lines(await evaluate(wanted, liveSubject(env.exec, env.net)));
  await new Promise<void>((resolve) => server.close(() => resolve()));
  t.deepEqual(outcomes, [
    `passed port tcp:${port}`,
    "passed mount /proc",
    "failed mount /no/such: nothing is mounted there",
    "passed command echo hello; exit 3",
    "passed kernel kernel.pid_max",
    "failed kernel kernel.no_such: value is undefined, expected 1",
    "passed interface lo",
    "failed interface nosuch*: there is none that is up",
  ]);
});

test("the firmware's own files of checks are read; any text is, or is refused with a reason", (t) => {
  const folder = new URL("../../../../os-image/firmware/checks/", import.meta.url).pathname;
  const files = readdirSync(folder);
  t.deepEqual(
    files.filter((file) => !file.endsWith(".checks.hcl")),
    [],
    "what has another name is asked by nobody",
  );
  for (const file of files) {
    const found = readChecks(folder + file, (path) => readFileSync(path, "utf8"));
    if (!found.ok) throw new Error(found.error.message);
    const { name, ...resources } = found.value;
    t.is(`${name}.checks.hcl`, file, "by which name its check is told");
    t.true(Object.values(resources).flat().length > 0, file);
  }
  for (const kind of ["file", "package", "service", "port", "user", "mount", "command", "kernel", "interface"])
    t.regex(
      JSON.stringify(checks(`${kind} "x" {\n${kind === "kernel" ? `value = "1"` : ""}\n}`)),
      new RegExp(`"${kind}":\\[\\{"name":"x"`),
    );
  const unknown = readChecks("/x.checks.hcl", () => 'checks "x" {\n  packag "rauc" {}\n}\n');
  t.regex(unknown.ok ? "" : unknown.error.message, /x\.checks\.hcl:2[\s\S]*"packag"[\s\S]*package/);
  const wrong = readChecks("/x.checks.hcl", () => 'checks "x" {\n  file "/a" {\n    mod = "1"\n  }\n}\n');
  t.regex(wrong.ok ? "" : wrong.error.message, /x\.checks\.hcl:3[\s\S]*mode/);
  const piece = fc.constantFrom("checks", '"x"', "{", "}", "=", "file", "mode", "1", "\n", "${", "port");
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 25 }), (pieces) => {
      const found = readChecks("/x", () => pieces.join(" "));
      if (!found.ok && found.error.message === "") throw new Error("refused without a word");
    }),
  );
});
