import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import fc from "fast-check";
import { UsageError, type Command } from "#cli/command/command.ts";
import { completions, completionScript } from "#cli/command/completion.ts";
import { findCommand } from "#cli/command/find.ts";
import { parseFlags } from "#cli/command/flags.ts";
import { wordsAs } from "#cli/command/link-name.ts";
import { COMMANDS } from "#cli/commands.ts";
import { LiveLine } from "#cli/print/live-line.ts";

const root = new URL("../../..", import.meta.url).pathname;
const main = `${root}/cli/main.ts`;
const lares = (...args: string[]) => spawnSync(process.execPath, [main, ...args], { encoding: "utf8" });

const row = (name: string): Command => ({
  name,
  summary: name,
  operands: "X",
  flags: { json: { kind: "switch", summary: "" }, "log-level": { kind: "value", summary: "", value: "LEVEL" } },
  load: () => Promise.resolve(() => Promise.resolve(0)),
});
const rows = ["job run", "job status", "kv get", "status"].map(row);

test("a line of progress fits the terminal and keeps its end", (t) => {
  const written: string[] = [];
  const output = {
    terminal: true,
    line: () => {},
    error: () => {},
    writeError: () => {},
    write: (data: string | Uint8Array) => void written.push(String(data)),
  };
  new LiveLine({ ...output, columns: 20 }).show("0123456789abcdefghij", " (3s)");
  new LiveLine({ ...output, columns: 20 }).show("0123", " (3s)");
  new LiveLine(output).show("x".repeat(100), " (3s)");
  t.deepEqual(written, ["0123456789abc… (3s)", "0123 (3s)", `${"x".repeat(73)}… (3s)`]);
});

test("flags take one dash or two, values behind a space or an equals sign, and may stand anywhere", (t) => {
  const known = {
    json: { kind: "switch", summary: "" },
    n: { kind: "value", summary: "" },
    var: { kind: "values", summary: "" },
  } as const;
  const { operands, flags } = parseFlags(
    ["-json", "a", "--n=3", "-var", "x=1", "--var=y=2", "-", "-5", "--", "-json"],
    known,
  );
  t.deepEqual(operands, ["a", "-", "-5", "-json"]);
  t.true(flags.on("json"));
  t.is(flags.value("n"), "3");
  t.deepEqual(flags.values("var"), ["x=1", "y=2"]);
  t.false(parseFlags(["-json=false"], known).flags.on("json"));
  t.throws(() => parseFlags(["-jsno"], known), {
    instanceOf: UsageError,
    message: "unknown flag -jsno; did you mean -json?",
  });
  t.throws(() => parseFlags(["-n"], known), { message: "flag -n needs a value (VALUE)" });
  t.throws(() => parseFlags(["-json=maybe"], known), { message: /on or off/ });
  t.throws(() => parseFlags(["--constructor"], known), { instanceOf: UsageError });
});

test("no arguments, however odd, do more than be read or refused", (t) => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.string(), fc.constantFrom("-", "--", "-json", "--log-level", "=", "-=", "__proto__"))),
      (args) => {
        try {
          parseFlags(args, rows[0]?.flags ?? {});
        } catch (error) {
          if (!(error instanceof UsageError)) throw error;
        }
      },
    ),
  );
  t.pass();
});

test("a command is found by its words; a near miss names the one that was meant", (t) => {
  t.is(findCommand(rows, ["job", "run", "x.hcl"]).command.name, "job run");
  t.deepEqual(findCommand(rows, ["status", "x"]).rest, ["x"]);
  t.throws(() => findCommand(rows, ["job", "rnu"]), {
    message: 'there is no command "job rnu"; did you mean "lares job run"?',
  });
  t.throws(() => findCommand(rows, ["stats"]), { message: /did you mean "lares status"/ });
});

test("completion offers nouns, then verbs, then flags", (t) => {
  t.deepEqual(completions(rows, [""]), ["job", "kv", "status"]);
  t.deepEqual(completions(rows, ["j"]), ["job"]);
  t.deepEqual(completions(rows, ["job", ""]), ["run", "status"]);
  t.deepEqual(completions(rows, ["job", "run", "--l"]), ["-log-level"]);
});

test("the scripts complete in real shells", (t) => {
  const dir = mkdtempSync(join(tmpdir(), "lares-completion-"));
  try {
    writeFileSync(join(dir, "lares"), `#!/bin/sh\nexec '${process.execPath}' '${main}' "$@"\n`, { mode: 0o755 });
    writeFileSync(join(dir, "lares.bash"), completionScript("bash"));
    const script = `PATH=${dir}:$PATH; . ${dir}/lares.bash; COMP_WORDS=(lares vers); COMP_CWORD=1; _lares; echo "\${COMPREPLY[@]}"`;
    t.is(spawnSync("bash", ["-c", script], { encoding: "utf8" }).stdout.trim(), "version");
    t.is(lares("completion", "zsh").status, 0);
    t.regex(lares("completion", "fish").stdout, /^complete -c lares/);
  } finally {
    rmSync(dir, { recursive: true });
  }
});

test("the program says what it is, and what was wrong", (t) => {
  t.regex(lares("version").stdout, /^Lares v\d+\.\d+\.\d+\n$/);
  t.is(lares("version").stdout, lares("--version").stdout);
  t.is(lares("-help").status, 0);
  const wrong = lares("versoin");
  t.is(wrong.status, 2);
  t.regex(wrong.stderr, /did you mean "lares version"/);
  t.is(lares("version", "extra").status, 2);
  t.regex(lares("completion", "-help").stdout, /Usage: lares completion SHELL/);
  t.is(lares("role", "no-such").status, 1);
});

test("every row has what help prints, and can be loaded", async (t) => {
  t.is(new Set(COMMANDS.map((command) => command.name)).size, COMMANDS.length);
  for (const command of COMMANDS) {
    t.regex(command.summary, /^[A-Z].*[^.]$/, command.name);
    t.is(typeof (await command.load()), "function", command.name);
  }
});

test("doctor reports what is there and what is missing, with a remedy for each", (t) => {
  const report = lares("doctor", "-json");
  const findings: unknown = JSON.parse(report.stdout);
  t.true(Array.isArray(findings) && findings.length > 5);
  const bare = spawnSync(process.execPath, [main, "setup", "-dry-run"], { encoding: "utf8" });
  t.is(bare.status, report.status, "setup -dry-run and doctor agree");
});

test("through a link of another tool's name the program takes that tool's command line", (t) => {
  t.deepEqual(wordsAs(["/usr/bin/nomad"], ["run", "-detach", "x"]), ["job", "run", "-detach", "x"]);
  t.deepEqual(wordsAs([undefined, "node", "/opt/nomad"], ["node", "status"]), ["node", "status"]);
  t.deepEqual(wordsAs(["nomad"], []), []);
  t.deepEqual(wordsAs(["consul-template"], ["-once"]), ["template", "-once"]);
  t.deepEqual(wordsAs(["/usr/bin/lares", "lares", "constructor"], ["run"]), ["run"]);
  const folder = mkdtempSync(join(tmpdir(), "lares-link-"));
  t.teardown(() => rmSync(folder, { recursive: true }));
  symlinkSync(`${root}/bin/lares`, `${folder}/nomad`);
  const example = `${folder}/example.nomad.hcl`;
  t.regex(execFileSync(`${folder}/nomad`, ["init", "-short", example], { encoding: "utf8" }), /Example job file/);
  t.regex(readFileSync(example, "utf8"), /^job "example"/);
});
