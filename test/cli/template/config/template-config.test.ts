import test from "ava";
import { mkdtempSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseGoFlags } from "#cli/template/config/go-flags.ts";
import { loadToolConfig } from "#cli/template/config/load.ts";
import { TemplateToolSchema } from "#cli/template/config/schema.ts";
import { consulTemplate } from "#cli/template/config/tables.ts";
import { TEMPLATE_FLAGS } from "#cli/template/config/template-flags.ts";

function load(files: Readonly<Record<string, string>>, words: readonly string[] = []) {
  const folder = mkdtempSync(join(tmpdir(), "lares-template-config-"));
  try {
    mkdirSync(join(folder, "sub"));
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
    symlinkSync("/nowhere", join(folder, "z-link.hcl"));
    const { fields } = parseGoFlags(words, TEMPLATE_FLAGS);
    return loadToolConfig({ table: consulTemplate, schema: TemplateToolSchema, paths: [folder], flags: fields });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test("without a word everything has its documented default", (t) => {
  const config = load({});
  t.is(config.maxStaleMs, 2000);
  t.is(config.blockQueryWaitMs, 60_000);
  t.is(config.logLevel, "warn");
  t.deepEqual(config.consul.retry, { enabled: true, attempts: 12, backoffMs: 250, maxBackoffMs: 60_000 });
  t.is(config.vault.defaultLeaseMs, 300_000);
  t.is(config.vault.leaseRenewalThreshold, 0.9);
  t.deepEqual([config.killSignal, config.reloadSignal, config.dumpSignal], ["SIGINT", "SIGHUP", "SIGQUIT"]);
  t.deepEqual([config.exec.killSignal, config.exec.killTimeoutMs, config.exec.reloadSignal], ["SIGINT", 30_000, ""]);
  t.deepEqual(config.templates, []);
});

test("a folder is read in the order of names, HCL and JSON; templates add up, flags win", (t) => {
  const config = load(
    {
      "10.hcl": `
consul { address = "one:8500"  token = "a" }
wait = "5s"
template {
  contents    = <<EOF
{{ key "a" }}
EOF
  destination = "/tmp/out"
  perms = 0600
  command = ["nginx", "-s", "reload"]
  wait { min = "2s" max = "10s" }
  exec { timeout = "10s" env { custom = ["PATH=$PATH:/x"] } }
}`,
      "20.json": JSON.stringify({ consul: { address: "two:8500" }, template: [{ source: "/x.ctmpl", perms: "0640" }] }),
      "sub/30.hcl": 'deduplicate { enabled = true }\nexec = { command = "app -x", reload_signal = "SIGUSR1" }',
    },
    ["-log-level", "debug", "--template=in:out:echo a:b", "-once", "-consul-retry-attempts=3", "-wait=1s:7s"],
  );
  t.is(config.consul.address, "two:8500");
  t.is(config.consul.token, "a");
  t.is(config.consul.retry.attempts, 3);
  t.deepEqual([config.wait.minMs, config.wait.maxMs], [1000, 7000]);
  const [first, second, third] = config.templates;
  t.is(first?.contents, '{{ key "a" }}\n');
  t.is(first?.perms, 0o600);
  t.is(second?.perms, 0o640);
  t.deepEqual(first?.command, ["nginx", "-s", "reload"]);
  t.deepEqual([first?.wait.minMs, first?.wait.maxMs, first?.exec.timeoutMs], [2000, 10_000, 10_000]);
  t.deepEqual(first?.exec.env.custom, ["PATH=$PATH:/x"]);
  t.deepEqual([third?.source, third?.destination, third?.exec.command], ["in", "out", ["echo a:b"]]);
  t.true(config.deduplicate.enabled);
  t.true(config.once);
  t.deepEqual([config.exec.command, config.exec.reloadSignal], [["app -x"], "SIGUSR1"]);
  t.is(config.logLevel, "debug");
});

test("old spellings are understood", (t) => {
  const config = load({ "a.hcl": 'consul = "old:8500"\ntemplate { function_blacklist = ["env"] }' }, [
    "-token=t",
    "-retry=5s",
    "-ssl",
    "-auth=user:pass:word",
  ]);
  t.is(config.consul.address, "old:8500");
  t.deepEqual(config.templates[0]?.functionDenylist, ["env"]);
  t.is(config.consul.token, "t");
  t.is(config.vault.retry.backoffMs, 5000);
  t.true(config.consul.ssl.enabled);
  t.deepEqual(config.consul.auth, { enabled: true, username: "user", password: "pass:word" });
});

const wrong: readonly (readonly [string, RegExp])[] = [
  ['consul {\n  adress = "x"\n}', /2:3: error: unknown attribute "adress" in consul[^]*did you mean "address"/],
  ["templates { }", /did you mean "template"/],
  ['wait = "soon"', /wait: "soon" is no duration/],
  ['template { perms = "rw" }', /is no octal mode/],
  ['kill_signal = "SIGNOPE"', /there is no signal "SIGNOPE"/],
  ["log_level = loud", /found the word loud/],
  ['log_level = "loud"', /there is no log level/],
  ['{"consul": {"retry": {"attempts": "many"}}}', /attempts: expected a whole number/],
  ['vault = "here"', /"vault" is a block of the configuration, not an attribute/],
];
for (const [text, message] of wrong) {
  test(`refused with its place: ${text.replaceAll("\n", " ")}`, (t) => {
    t.throws(() => load({ "a.hcl": text }), { message });
  });
}

test("flags are read as Go reads them", (t) => {
  const read = (...words: string[]) => parseGoFlags(words, TEMPLATE_FLAGS);
  t.deepEqual(read("-once", "-dry=false", "rest", "-once").rest, ["rest", "-once"]);
  t.true(read("-h").help);
  t.throws(() => read("-consul-adr=x"), { message: /unknown flag -consul-adr=x; did you mean "-consul-addr"/ });
  t.throws(() => read("-wait"), { message: /needs a value/ });
  t.throws(() => read("-consul-retry-attempts=x"), { message: /flag -consul-retry-attempts: expected a whole number/ });
  t.throws(() => read("-template="), { message: /names no template/ });
});
