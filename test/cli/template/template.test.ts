import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execFileSync, spawn } from "node:child_process";
import http, { createServer } from "node:http";
import * as v from "valibot";
import test, { type ExecutionContext } from "ava";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { parseGoFlags } from "#cli/template/config/go-flags.ts";
import { loadToolConfig } from "#cli/template/config/load.ts";
import { TemplateToolSchema } from "#cli/template/config/schema.ts";
import { consulTemplate } from "#cli/template/config/tables.ts";
import { TEMPLATE_FLAGS } from "#cli/template/config/template-flags.ts";
import { lares, startCluster } from "../cluster.ts";

async function folderOf(t: ExecutionContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "lares-template-"));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

async function until(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const end = Date.now() + 60_000;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`did not happen within a minute: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** The tool in a process of its own. */
function tool(t: ExecutionContext, environment: Readonly<Record<string, string>>, words: readonly string[]) {
  const main = new URL("../../../cli/main.ts", import.meta.url).pathname;
  const child = spawn(process.execPath, [main, ...words], { env: { ...process.env, ...environment }, stdio: "pipe" });
  const said = { out: "", err: "" };
  child.stdout.on("data", (data: Buffer) => (said.out += data.toString()));
  child.stderr.on("data", (data: Buffer) => (said.err += data.toString()));
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  t.teardown(async () => {
    child.kill("SIGKILL");
    await ended;
  });
  return { child, said, ended };
}

const read = (path: string): Promise<string> => readFile(path, "utf8").catch(() => "");

test("a template is rendered once, and its command runs only when something changed", async (t) => {
  const folder = await folderOf(t);
  const { environment } = await startCluster(t);
  const [source, out] = [join(folder, "in.ctmpl"), join(folder, "sub", "out")];
  await lares(environment, ["kv", "put", "app/a", "one"]);
  await lares(environment, ["kv", "put", "app/b", "two"]);
  await writeFile(source, '{{ range ls "app" }}{{ .Key }}={{ .Value }} {{ end }}{{ keyOrDefault "no" "-" }}');
  const words = ["template", "-once", "-template", `${source}:${out}:echo ran >> ${folder}/ran`];
  const first = await lares(environment, words);
  t.is(first.code, 0, first.err);
  t.is(await read(out), "a=one b=two -");
  t.is(await read(join(folder, "ran")), "ran\n");
  t.is((await lares(environment, words)).code, 0);
  t.is(await read(join(folder, "ran")), "ran\n", "nothing changed");
  const dry = await lares(environment, ["template", "-once", "-dry", "-template", `${source}:${out}`]);
  t.is(dry.out, `> ${out}\na=one b=two -`);
});

test("programs are told where the servers are, and nothing else when they shall be pristine", async (t) => {
  const folder = await folderOf(t);
  const config = join(folder, "c.hcl");
  await writeFile(
    config,
    `consul {
  address = "127.0.0.1:1"
  token = "t"
  auth { username = "u" password = "p" }
  ssl { verify = false }
}
vault {
  address = "http://127.0.0.1:2"
  renew_token = false
  ssl { verify = false }
}
template {
  contents = "x"
  destination = "${folder}/out"
  exec {
    command = "env -u PWD -u SHLVL -u _ | sort > ${folder}/env"
    env { pristine = true custom = ["PATH=$PATH"] }
  }
}`,
  );
  const said = await lares({ PATH: "/usr/bin:/bin" }, ["template", "-once", "-config", config]);
  t.is(said.code, 0, said.err);
  t.deepEqual((await read(join(folder, "env"))).trimEnd().split("\n"), [
    "CONSUL_HTTP_ADDR=127.0.0.1:1",
    "CONSUL_HTTP_AUTH=u:p",
    "CONSUL_HTTP_SSL=false",
    "CONSUL_HTTP_SSL_VERIFY=false",
    "CONSUL_HTTP_TOKEN=t",
    "PATH=/usr/bin:/bin",
    "VAULT_ADDR=http://127.0.0.1:2",
    "VAULT_SKIP_VERIFY=true",
  ]);
});

test("exit codes and messages of wrong input", async (t) => {
  const folder = await folderOf(t);
  const { environment } = await startCluster(t);
  const file = async (name: string, text: string): Promise<string> => {
    await writeFile(join(folder, name), text);
    return join(folder, name);
  };
  const say = (...words: string[]) => lares(environment, ["template", ...words]);
  t.like(await say("-nope"), { code: 13 });
  const config = await say("-config", await file("a.hcl", 'consul {\n  adress = "x"\n}'));
  t.is(config.code, 15);
  t.regex(config.err, /a\.hcl:2:3: error: unknown attribute "adress"[^]*did you mean "address"/);
  const broken = await say("-once", "-template", `${await file("b.ctmpl", "line\n{{ if }}")}:${folder}/b`);
  t.is(broken.code, 14);
  t.regex(broken.err, /b\.ctmpl:2: missing value for if/);
  const waits = await say("-once", "-config", await file("w.hcl", 'wait = "5s:1s"'));
  t.is(waits.code, 15, waits.err);
  const missing = await say("-once", "-template", `${folder}/nowhere.ctmpl:${folder}/c`);
  t.is(missing.code, 14);
  t.regex(missing.err, /cannot read the template .*nowhere\.ctmpl/);
  const good = await file("d.ctmpl", "text");
  const directory = await say("-once", "-template", `${good}:${folder}`, "-template", `${good}:${folder}/good`);
  t.is(directory.code, 14);
  t.regex(directory.err, /it is a directory/);
  const failing = await say("-once", "-template", `${good}:${folder}/e:exit 3`);
  t.is(failing.code, 14);
  t.regex(failing.err, /the command "exit 3" ended with exit code 3/);
  const hangs = await file(
    "f.hcl",
    `template {\n contents = "x"\n destination = "${folder}/f"\n command = "sleep 600"\n command_timeout = "100ms"\n}`,
  );
  const hung = await say("-once", "-config", hangs);
  t.is(hung.code, 14);
  t.regex(hung.err, /took longer than 0\.1 s and was killed/);
  const strict = await file(
    "g.hcl",
    `template {\n contents = "{{ $m := parseJSON \\"{}\\" }}{{ $m.nope }}"\n destination = "${folder}/g"\n error_on_missing_key = true\n}`,
  );
  const keyless = await say("-once", "-config", strict);
  t.is(keyless.code, 14);
  t.regex(keyless.err, /map has no entry for key "nope"/);
  t.is((await say("-parse-only", "-template", `${good}:${folder}/h`)).code, 0);
  t.is(await read(join(folder, "h")), "", "only parsed");
});

test("it follows changes, tells its program, passes signals on, and ends by its kill signal", async (t) => {
  const folder = await folderOf(t);
  const { environment } = await startCluster(t);
  const put = (key: string, value: string) => lares(environment, ["kv", "put", key, value]);
  await put("color", "red");
  const program = join(folder, "program.sh");
  await writeFile(
    program,
    `trap 'echo reload $(cat ${folder}/out) >> ${folder}/log' HUP
trap 'echo usr1 >> ${folder}/log' USR1
trap 'echo end >> ${folder}/log; exit 7' INT
echo start $(cat ${folder}/out) >> ${folder}/log
while :; do sleep 0.05; done`,
  );
  const config = join(folder, "c.hcl");
  await writeFile(
    config,
    `template {
  contents = "{{ key \\"color\\" }}"
  destination = "${folder}/out"
  perms = 0600
  backup = true
}
exec {
  command = ["sh", "${program}"]
  reload_signal = "SIGHUP"
}`,
  );
  const { child, ended, said } = tool(t, environment, ["template", "-config", config, "-pid-file", `${folder}/pid`]);
  const log = (): Promise<string> => read(join(folder, "log"));
  await until(async () => (await log()) === "start red\n", `the program starts: ${said.err}`);
  t.is(await read(join(folder, "pid")), String(child.pid));
  await put("color", "blue");
  await until(async () => /reload blue\n/.test(await log()), "the program is told");
  t.is(await read(join(folder, "out.bak")), "red");
  child.kill("SIGUSR1");
  await until(async () => /usr1\n/.test(await log()), "a signal is passed on");
  child.kill("SIGINT");
  t.is(await ended, 12, said.err);
  t.regex(await log(), /end\n$/);
  t.is(await read(join(folder, "pid")), "");
});

test("on a full disk the file that was there stays whole, other templates go on, and it is written when there is room", async (t) => {
  const folder = await folderOf(t);
  const { environment } = await startCluster(t);
  const full = join(folder, "full");
  mkdirSync(full);
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", full]);
  t.teardown(() => void execFileSync("umount", [full]));
  writeFileSync(join(full, "out"), "old");
  writeFileSync(join(full, "filler"), Buffer.alloc(40 * 1024));
  await lares(environment, ["kv", "put", "text", "x".repeat(30 * 1024)]);
  const once = ["template", "-once", "-template", `${join(folder, "a.ctmpl")}:${full}/out`];
  await writeFile(join(folder, "a.ctmpl"), '{{ key "text" }}');
  const refused = await lares(environment, once);
  t.is(refused.code, 14);
  t.regex(refused.err, /a\.ctmpl[^]*ENOSPC|ENOSPC[^]*a\.ctmpl/);
  t.is(await read(join(full, "out")), "old");
  const config = join(folder, "c.hcl");
  await writeFile(
    config,
    `template {
  source      = "${folder}/a.ctmpl"
  destination = "${full}/out"
  error_fatal = false
}
template {
  contents    = "{{ key \\"text\\" | len }}"
  destination = "${folder}/length"
}`,
  );
  const { child, said, ended } = tool(t, environment, ["template", "-config", config]);
  await until(
    async () => (await read(join(folder, "length"))) === String(30 * 1024),
    `the other is written: ${said.err}`,
  );
  t.is(await read(join(full, "out")), "old");
  rmSync(join(full, "filler"));
  await lares(environment, ["kv", "put", "text", "new"]);
  await until(async () => (await read(join(full, "out"))) === "new", `there is room again: ${said.err}`);
  child.kill("SIGINT");
  t.is(await ended, 12);
});

/** Passes everything on to a server, and keeps what was asked. */
async function watched(t: ExecutionContext, target: string) {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    const { method, headers } = request;
    const onward = http.request(`${target}${request.url}`, { method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(response);
    });
    onward.on("error", () => response.destroy());
    response.on("close", () => onward.destroy());
    request.pipe(onward);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.teardown(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no address");
  return { url: `http://127.0.0.1:${address.port}`, asked };
}

test("of several instances one asks, the others read what it shares, and the next takes over", async (t) => {
  const folder = await folderOf(t);
  const { environment } = await startCluster(t);
  const put = (key: string, value: string) => lares(environment, ["kv", "put", key, value]);
  await put("app/color", "red");
  const source = join(folder, "in.ctmpl");
  await writeFile(source, '{{ key "app/color" }} {{ keyOrDefault "app/none" "-" }} {{ file "' + folder + '/own" }}');
  await writeFile(join(folder, "own"), "mine");
  const target = environment["CONSUL_HTTP_ADDR"] ?? "";
  const instance = async (name: string) => {
    const { url, asked } = await watched(t, target);
    const at = join(folder, name);
    const words = ["template", "-dedup", "-consul-addr", url, "-log-level=info", "-template", `${source}:${at}`];
    return { at, asked, ...tool(t, environment, words) };
  };
  const askedItself = (asked: readonly string[]): boolean => asked.some((line) => line.includes("/v1/kv/app/"));
  const one = await instance("one");
  await until(async () => (await read(one.at)) === "red - mine", `the first renders: ${one.said.err}`);
  const two = await instance("two");
  await until(async () => (await read(two.at)) === "red - mine", `the second renders: ${two.said.err}`);
  t.true(askedItself(one.asked));
  t.false(askedItself(two.asked), "it reads what the first shares");
  await put("app/color", "blue");
  await until(async () => (await read(two.at)) === "blue - mine", "a change reaches the second");
  await until(async () => (await read(one.at)) === "blue - mine", "and the first");
  t.false(askedItself(two.asked));
  // Killed, it leaves its session; that ends as if its time were over.
  one.child.kill("SIGKILL");
  await one.ended;
  const sessions = v.parse(
    v.array(v.object({ ID: v.string() })),
    await (await fetch(`${target}/v1/session/list`)).json(),
  );
  for (const { ID } of sessions) await fetch(`${target}/v1/session/destroy/${ID}`, { method: "PUT" });
  await until(() => askedItself(two.asked), `the second takes over: ${two.said.err}`);
  await put("app/color", "green");
  await until(async () => (await read(two.at)) === "green - mine", "it goes on");
  const three = await instance("three");
  await until(async () => (await read(three.at)) === "green - mine", `a third: ${three.said.err}`);
  t.false(askedItself(three.asked));
  two.child.kill("SIGTERM");
  t.is(await two.ended, 12);
  await until(() => askedItself(three.asked), "who leaves gives its lock back at once");
  await put("app/color", "white");
  await until(async () => (await read(three.at)) === "white - mine", "it goes on");
});

test("de-duplication: what only one machine asks for is asked by it, wrong data is refused and survived", async (t) => {
  const folder = await folderOf(t);
  const { environment } = await startCluster(t);
  const put = (key: string, value: string) => lares(environment, ["kv", "put", key, value]);
  await put("by/a", "of a");
  await put("by/b", "of b");
  const source = join(folder, "in.ctmpl");
  await writeFile(source, '{{ key (printf "by/%s" (env "WHO")) }}');
  const instance = (who: string) => {
    const at = join(folder, who);
    return { at, ...tool(t, { ...environment, WHO: who }, ["template", "-dedup", "-template", `${source}:${at}`]) };
  };
  const a = instance("a");
  await until(async () => (await read(a.at)) === "of a", `the leader's: ${a.said.err}`);
  const b = instance("b");
  await until(async () => (await read(b.at)) === "of b", `the other's own: ${b.said.err}`);
  const listed = await fetch(`${environment["CONSUL_HTTP_ADDR"]}/v1/kv/consul-template/dedup/?keys`);
  const data = v.parse(v.array(v.string()), await listed.json()).find((key) => key.endsWith("/data")) ?? "";
  t.regex(data, /^consul-template\/dedup\/lares-[0-9a-f]{32}\/data$/);
  await put(data, "nonsense");
  await until(() => /cannot read what another instance shares/.test(b.said.err), "what is no data is complained of");
  await put("by/b", "newer");
  await until(async () => (await read(b.at)) === "newer", `its own question goes on: ${b.said.err}`);
});

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

test("template test: data from a file, a difference line by line, mistakes with a caret", async (t) => {
  const folder = await folderOf(t);
  const file = async (name: string, text: string): Promise<string> => {
    await writeFile(join(folder, name), text);
    return join(folder, name);
  };
  const template = await file(
    "t.ctmpl",
    '{{ range service "web" }}{{ .Address }}:{{ .Port }}\n{{ end }}{{ key "a" }} {{ with secret "secret/x" }}{{ .Data.pw }}{{ end }} {{ with nomadVar "v" }}{{ .user }}{{ end }}\n',
  );
  const data = await file(
    "d.hcl",
    'keys { a = "1" }\nservices { web = [{ Address = "10.0.0.1", Port = 80 }] }\nsecrets { "secret/x" { pw = "p" } }\nvariables { v { user = "u" } }\n',
  );
  const say = (...words: string[]) => lares({}, ["template", "test", ...words]);
  t.like(await say(template, "-data", data), { code: 0, out: "10.0.0.1:80\n1 p u\n" });
  t.is((await say(template, "-data", data, "-expect", await file("e", "10.0.0.1:80\n1 p u\n"))).code, 0);
  const other = await say(template, "-data", data, "-expect", await file("f", "10.0.0.1:80\n2 p u\n"));
  t.is(other.code, 1);
  t.regex(other.out, /\n- 2 p u\n\+ 1 p u\n/);
  const bare = await say(template);
  t.is(bare.code, 1);
  t.regex(bare.err, /the data has no answer for kv\.block\(a\)[^]*add it to the file of -data/);
  const broken = await say(await file("b.ctmpl", 'ok\n  {{ index (parseJSON "[]") 3 }}\n'));
  t.is(broken.code, 1);
  t.regex(broken.err, /b\.ctmpl:2:6: error: .*index out of range: 3\n[^\n]*\n +\| +\^/);
  const wrong = await say(template, "-data", await file("w.hcl", "keyz {}"));
  t.regex(wrong.err, /w\.hcl: keyz/);
});
