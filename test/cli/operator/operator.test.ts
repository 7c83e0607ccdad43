import { execFileSync } from "node:child_process";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test from "ava";
import fc from "fast-check";
import { processProfiles } from "#cli/agent/profiles.ts";
import { redacted, redactedLine } from "#cli/operator/redact.ts";
import { redactedText } from "#cli/operator/redact-text.ts";
import { tarOf } from "#cli/operator/tar.ts";
import { wordsAs } from "#cli/command/link-name.ts";
import { lares, startCluster } from "../cluster.ts";

test("the scheduler's configuration: what no flag names stays", async (t) => {
  const { environment } = await startCluster(t);
  const say = (...words: string[]) => lares(environment, ["operator", "scheduler", ...words]);
  t.regex((await say("get-config")).out, /Scheduler Algorithm +=/);
  t.like(await say("set-config", "-scheduler-algorithm=spread", "-preempt-service-scheduler=true"), {
    code: 0,
    out: "Scheduler configuration updated!\n",
  });
  t.is((await say("set-config", "-memory-oversubscription=true")).code, 0);
  const { SchedulerConfig: set } = JSON.parse((await say("get-config", "-json")).out);
  t.is(set.SchedulerAlgorithm, "spread");
  t.true(set.MemoryOversubscriptionEnabled);
  t.true(set.PreemptionConfig.ServiceSchedulerEnabled);
  t.like(await say("set-config", "-check-index=1", "-scheduler-algorithm=binpack"), { code: 1 });
  t.like(await say("set-config", "-scheduler-algorithm=best"), { code: 2 });
  t.like(await say("set-config", "-pause-eval-broker=yes"), { code: 2 });
});

test("nodes: eligibility of the one that is asked, its statistics, drains that say why", async (t) => {
  const { environment } = await startCluster(t);
  const say = (...words: string[]) => lares(environment, words);
  t.regex((await say("node", "status", "-verbose", '-filter=Name == "pi"')).out, /Address +Version .*\n[0-9a-f-]{36} /);
  t.regex((await say("node", "status", '-filter=Name == "no"')).out, /No nodes registered/);
  t.regex((await say("node", "status", "-quiet")).out, /^[0-9a-f-]{36}\n$/);
  t.regex((await say("node", "status", "-stats", "pi")).out, /Memory Stats\nTotal +=/);
  t.notRegex((await say("node", "status", "-short", "pi")).out, /Allocated Resources/);
  t.is((await say("node", "eligibility", "-disable", "pi")).code, 0);
  t.regex((await say("node", "status")).out, /ineligible/);
  t.is((await say("node", "eligibility", "-enable", "pi")).code, 0);
  t.like(await say("node", "drain", "-enable", "-meta=nonsense", "pi"), { code: 2 });
  const drained = await say("node", "drain", "-enable", "-message=new disk", "-deadline=1m", "pi");
  t.regex(drained.out, /drain strategy set\nDrain complete/);
});

test("nodes: who the servers say they are, and what lets a new one in", async (t) => {
  const { environment } = await startCluster(t);
  const say = (...words: string[]) => lares(environment, ["node", ...words]);
  let shown = await say("identity", "get", "pi");
  while (shown.code !== 0) shown = await say("identity", "get", "pi");
  t.regex(shown.out, /^Claim Key +Claim Value\naud +nomadproject\.io\nexp +20.*Z\n/);
  t.regex(shown.out, /sub +node:global:default:[0-9a-f-]{36}:default/);
  t.regex((await say("identity", "renew", "pi")).out, /asks for a new identity/);
  t.like(await say("identity", "get"), { code: 2 });
  const made = await say("intro", "create", "-node-name=pi-2", "-node-pool=edge", "-ttl=10m");
  t.regex(made.out, /^Successfully generated client introduction token:\n\n[\w-]+\.[\w-]+\.[\w-]+\n$/);
  t.like(await say("intro", "create", "-ttl=soon"), { code: 1 });
});

test("a pool's example file makes the pool, and a configuration is checked before it is used", async (t) => {
  const { environment, folder } = await startCluster(t);
  const say = (...words: string[]) => lares(environment, words);
  const [hcl, json] = [join(folder, "pool.hcl"), join(folder, "pool.json")];
  t.is((await say("node", "pool", "init", hcl)).code, 0);
  t.is((await say("node", "pool", "init", "-json", json)).code, 0);
  t.is((await say("node", "pool", "init", hcl)).code, 1, "nothing is written over");
  for (const file of [hcl, json]) {
    const applied = await say("node", "pool", "apply", file);
    t.is(applied.code, 0, applied.err);
    const [pool] = JSON.parse((await say("operator", "api", "/v1/node/pools?prefix=example")).out);
    t.like(pool, { Name: "example", NodeIdentityTTL: 24 * 3600e9, Meta: { room: "cellar" } });
  }
  const config = join(folder, "agent.hcl");
  await writeFile(config, "server { enabled = true }\n");
  t.like(await say("config", "validate", config), { code: 0, out: "Configuration is valid!\n" });
  await writeFile(config, "server { enabeld = true }\n");
  const refused = await say("config", "validate", config);
  t.is(refused.code, 1);
  t.regex(refused.err, /agent\.hcl:1:10[^]*did you mean "enabled"/);
  t.is((await say("config", "validate")).code, 2);
});

test("files that describe things are read with their mistakes in place", async (t) => {
  const { environment, folder } = await startCluster(t);
  const file = join(folder, "team.hcl");
  await writeFile(file, 'name = "team"\ndescripton = "typo"\n');
  const said = await lares(environment, ["namespace", "apply", file]);
  t.is(said.code, 1);
  t.regex(said.err, /team\.hcl:2:1: error: unknown attribute "descripton" in a namespace/);
  t.regex(said.err, /did you mean "description"/);
  t.like(await lares(environment, ["var", "put", "path"]), { code: 2 });
  t.like(await lares(environment, ["var", "put", "path", "=x"]), { code: 2 });
});

test("the API as it is, metrics, the agent's own words", async (t) => {
  const { environment } = await startCluster(t);
  const say = (...words: string[]) => lares(environment, words);
  t.is(JSON.parse((await say("operator", "api", "/v1/nodes")).out).length, 1);
  t.is(JSON.parse((await say("operator", "api", '-filter=Name == "no"', "v1/nodes")).out).length, 0);
  t.like(await say("operator", "api", "/v1/nothing"), { code: 1 });
  t.like(await say("operator", "api", "-X=TRACE", "/v1/nodes"), { code: 2 });
  t.is((await say("system", "gc")).code, 0);
  t.regex((await say("ui", "web")).out, /^URL: http:\/\/127\.0\.0\.1:\d+\/ui\/jobs\/web@default\n$/);
  t.is((await say("agent-info")).code, 0);
  t.regex((await say("service", "list")).out, /No service registrations found/);
});

test("namespaces and node pools are made by flags or from files, shown, and deleted", async (t) => {
  const { environment, folder } = await startCluster(t);
  const say = (...words: string[]) => lares(environment, words);
  t.regex(
    (await say("namespace", "apply", "-description=the shop", "-meta=owner=ann", "shop")).out,
    /Successfully applied namespace "shop"!/,
  );
  t.is((await say("namespace", "apply", "-description=a shop", "shop")).code, 0);
  const shown = await say("namespace", "status", "shop");
  t.regex(shown.out, /Description += a shop/);
  t.regex(shown.out, /Metadata\nowner = ann/);
  const file = join(folder, "lab.hcl");
  await writeFile(file, 'name = "lab"\ncapabilities {\n  disabled_task_drivers = ["raw_exec"]\n}\n');
  t.is((await say("namespace", "apply", file)).code, 0);
  t.regex((await say("namespace", "status", "lab")).out, /DisabledDrivers += raw_exec/);
  t.regex((await say("namespace", "list")).out, /default +.*\nlab\nshop +a shop\n/);
  t.is((await say("namespace", "delete", "lab")).code, 0);
  t.is((await say("namespace", "delete", "default")).code, 1);
  const pools = join(folder, "pools.hcl");
  await writeFile(
    pools,
    'node_pool "edge" {\n  description = "on the roof"\n  scheduler_config {\n    scheduler_algorithm = "spread"\n  }\n}\n',
  );
  t.regex((await say("node", "pool", "apply", pools)).out, /Successfully applied node pool "edge"!/);
  t.regex((await say("node", "pool", "info", "edge")).out, /Scheduler Algorithm = spread/);
  t.regex((await say("node", "pool", "list")).out, /edge +on the roof/);
  t.regex((await say("node", "pool", "nodes", "all")).out, / pi /);
  t.regex((await say("node", "pool", "jobs", "edge")).out, /No jobs/);
  t.is((await say("node", "pool", "delete", "edge")).code, 0);
  await writeFile(pools, "");
  t.regex((await say("node", "pool", "apply", pools)).err, /holds no node_pool/);
});

test("an id is looked for among everything; volumes, plugins, servers; what is not there says so", async (t) => {
  const { environment, folder } = await startCluster(t);
  const say = (...words: string[]) => lares(environment, words);
  const file = join(folder, "sleeper.nomad.hcl");
  await writeFile(
    file,
    'job "sleeper" {\n  type = "batch"\n  group "g" {\n    task "t" {\n      driver = "mock_driver"\n      config { run_for = "1h" }\n    }\n  }\n}\n',
  );
  t.is((await say("job", "run", file)).code, 0);
  const idOf = async (...words: string[]) => JSON.parse((await say(...words, "-json")).out)[0].ID.slice(0, 10);
  t.regex((await say("status", "slee")).out, /^ID += sleeper\n/);
  t.regex((await say("status", await idOf("node", "status"))).out, /Name += pi\n/);
  t.regex((await say("status", "pi")).out, /Name += pi\n/);
  t.regex((await say("status", await idOf("alloc", "status"))).out, /Job ID += sleeper\n/);
  t.regex((await say("status", await idOf("eval", "list"))).out, /TriggeredBy +=/);
  t.regex((await say("status", "all")).out, /^Name += all\n/);
  t.regex((await say("status", "default")).err, /"default" fits several things: /);
  const nothing = await say("status", "zzzz");
  t.is(nothing.code, 1);
  t.regex(nothing.err, /nothing has an id "zzzz"/);
  t.is((await say("volume", "status")).out, "No host volumes\n");
  t.regex((await say("volume", "status", "data")).err, /no volume with id "data"/);
  t.regex((await say("volume", "delete", "data")).err, /no volume with id "data"/);
  t.is((await say("plugin", "status")).out, "No CSI plugins\n");
  t.is((await say("volume", "claim", "list")).out, "No volume claims\n");
  t.is((await say("node", "config", "-servers")).out, "127.0.0.1:4647\n");
  t.like(await say("node", "config"), { code: 2 });
  t.regex((await say("quota", "list")).err, /Enterprise only/);
});

test("a snapshot is read without an agent; what helpers need is one folder without secrets", async (t) => {
  const { environment, folder } = await startCluster(t);
  const file = join(folder, "all.snap");
  t.is((await lares(environment, ["operator", "snapshot", "save", file])).code, 0);
  const told = await lares({}, ["operator", "snapshot", "inspect", file]);
  t.regex(told.out, /^Revision += \d+\nCreated += [\s\S]*\nTable +Count +Size\n[\s\S]*nodes +1 /);
  const held = JSON.parse((await lares({}, ["operator", "snapshot", "state", file])).out);
  const [node] = Object.values<{ SecretID: string }>(held.nodes);
  t.false(/^[0-9a-f]{8}-/.test(node?.SecretID ?? ""));
  // As Consul's users say it, where only its API is known.
  const { CONSUL_HTTP_ADDR = "" } = environment;
  const alone = { CONSUL_HTTP_ADDR, NOMAD_ADDR: "http://127.0.0.1:1" };
  const snapshot = (...words: string[]) => lares(alone, wordsAs(["/usr/bin/consul"], ["snapshot", ...words]));
  const other = join(folder, "other.snap");
  t.like(await snapshot("save", other), { code: 0 });
  t.regex((await snapshot("inspect", other)).out, /^Revision += \d+\n/);
  t.is((await lares(environment, ["kv", "put", "late", "x"])).code, 0);
  t.regex((await snapshot("restore", other)).out, /Snapshot Restored/);
  t.is((await lares(environment, ["kv", "get", "late"])).code, 1);
  t.like(await snapshot("restore", "-force", other), { code: 2 });
  await writeFile(file, "not one");
  t.regex((await lares({}, ["operator", "snapshot", "inspect", file])).err, /this is not a snapshot/);
  const made = await lares(environment, ["operator", "debug", "-duration=0s", `-output=${folder}`]);
  t.is(made.code, 0, made.err);
  const bundle = /bundle: (.*)\n/.exec(made.out)?.[1] ?? "";
  const read = async (name: string) => JSON.parse(await readFile(join(bundle, name), "utf8"));
  t.is((await read("interval/0000/nodes.json"))[0].Name, "pi");
  t.true((await read("operator/scheduler/configuration.json")).SchedulerConfig !== undefined);
  t.like(await lares(environment, ["operator", "debug", "-duration=soon"]), { code: 2 });
  t.like(await lares(environment, ["operator", "debug", "-interval=0s"]), { code: 2 });
  const times = ["operator", "debug", "-duration=200ms", "-interval=100ms", `-output=${join(folder, "more")}`];
  const more = await lares(environment, times);
  const again = /bundle: (.*)\n/.exec(more.out)?.[1] ?? "";
  t.deepEqual((await readdir(join(again, "interval"))).toSorted(), ["0000", "0001", "0002"]);
  t.true((await readdir(again)).includes("eventstream.json"));
});

test("a bundle is a tar archive; names that are secret lose their values", async (t) => {
  const { folder } = await startCluster(t);
  const file = join(folder, "a.tar");
  await writeFile(
    file,
    tarOf(
      new Map([
        ["x/one.json", "1"],
        ["x/two.json", "z".repeat(1000)],
      ]),
      1_700_000_000,
    ),
  );
  t.is(execFileSync("tar", ["-tf", file], { encoding: "utf8" }), "x/one.json\nx/two.json\n");
  t.is(execFileSync("tar", ["-xOf", file, "x/two.json"], { encoding: "utf8" }), "z".repeat(1000));
  const given = {
    ReplicationToken: "a",
    Token: "",
    acl: { SecretID: "b", Enabled: true },
    list: [{ key: "c", Name: "d" }],
  };
  t.deepEqual(redacted(given), {
    ReplicationToken: "<redacted>",
    Token: "",
    acl: { SecretID: "<redacted>", Enabled: true },
    list: [{ key: "<redacted>", Name: "d" }],
  });
});

const withSecrets = (round: number): string => `job "teller" {
  type = "batch"
  meta { round = "${round}" }
  group "g" {
    task "t" {
      driver = "mock_driver"
      env {
        PASSWORD = "hunter2-env"
        PLAIN    = "hunter2-plain"
      }
      template {
        data        = "x = hunter2-template"
        destination = "local/x"
      }
      config { run_for = "1h" }
    }
  }
  group "elsewhere" {
    task "t" {
      driver = "docker"
      config {
        image = "nothing"
        args  = ["--login", "hunter2-args"]
        labels {
          "proxy.users" = "hunter2-label"
        }
        auth {
          username = "ann"
          password = "hunter2-auth"
        }
      }
    }
  }
}
`;

test("a bundle holds no secret of a job that changes while it is recorded", async (t) => {
  const { environment, folder } = await startCluster(t);
  const file = join(folder, "teller.nomad.hcl");
  const register = async (round: number) => {
    await writeFile(file, withSecrets(round));
    const said = await lares(environment, ["job", "run", "-detach", file]);
    t.is(said.code, 0, said.err);
  };
  await register(0);
  const words = ["operator", "debug", "-duration=2s", "-interval=1s", `-output=${join(folder, "bundle")}`];
  const recording = lares(environment, words);
  for (const round of [1, 2, 3]) await register(round);
  const made = await recording;
  t.is(made.code, 0, made.err);
  const bundle = /bundle: (.*)\n/.exec(made.out)?.[1] ?? "";
  const found = await readdir(bundle, { recursive: true, withFileTypes: true });
  for (const each of found.filter((one) => one.isFile())) {
    const text = await readFile(join(each.parentPath, each.name), "utf8");
    t.deepEqual(text.match(/hunter2-\w+/g), null, each.name);
  }
  const stream = (await readFile(join(bundle, "eventstream.json"), "utf8")).split("\n").filter((line) => line !== "");
  const events = stream.flatMap((line) => JSON.parse(line).Events ?? []);
  const job = events.find(({ Topic, Key }) => Topic === "Job" && Key === "teller")?.Payload.Job;
  t.is(job?.Name, "teller");
  const [task] = job.TaskGroups[0].Tasks;
  t.deepEqual(task.Env, { PASSWORD: "<redacted>", PLAIN: "<redacted>" });
  t.is(task.Templates[0].EmbeddedTmpl, "<redacted>");
  t.is(task.Templates[0].DestPath, "local/x");
  t.is(job.TaskGroups[1].Tasks[0].Config.image, "nothing");
  t.true(found.some(({ name }) => name === "monitor.log"));
  t.false(
    found.some(({ name }) => name === "firmware"),
    "this node does not run the firmware",
  );
});

test("texts lose what they call secret, and nothing else", (t) => {
  const join1 = `lares1.abcd.${"s3".repeat(16)}.${"p".repeat(43)}`;
  const cases: readonly (readonly [given: string, cleaned: string])[] = [
    ["2026 [INFO]  raft: took over: index=7 name=pi", "2026 [INFO]  raft: took over: index=7 name=pi"],
    ["x: asked: token=abc,d name=pi", "x: asked: token=<redacted> name=pi"],
    ['x: asked: db_password="a b\\" c" name=pi', 'x: asked: db_password="<redacted>" name=pi'],
    [String.raw`body="{\"api_key\":\"a b\",\"n\":1}"`, String.raw`body="{\"api_key\":\"<redacted>\",\"n\":1}"`],
    ["Authorization: Basic YWJj0 next", "Authorization: <redacted> next"],
    ["X-Nomad-Token: 5e0f-1 next", "X-Nomad-Token: <redacted> next"],
    ["sent Bearer abc.def", "sent Bearer <redacted>"],
    [`lares join ${join1} now`, "lares join lares1.abcd.<redacted> now"],
    ["GET http://ann:pw@host/a?access-key=k", "GET http://<redacted>@host/a?access-key=<redacted>"],
    ["secret='unclosed is all", "secret='<redacted>'"],
    ["-----BEGIN PRIVATE KEY-----\\nMII\\n-----END PRIVATE KEY----- x", "<redacted> x"],
    ["ran: tool --db-password hunter2 -n 3", "ran: tool --db-password <redacted> -n 3"],
    ['"-token","a b","-n","3"', '"-token","<redacted>","-n","3"'],
    [String.raw`body="[\"--api-key\", \"k\"]"`, String.raw`body="[\"--api-key\", \"<redacted>\"]"`],
    ["lacks -token -n", "lacks -token -n"],
    ["cannot read the token: no such file", "cannot read the token: no such file"],
    ["at join-token.ts:27:5", "at join-token.ts:27:5"],
  ];
  for (const [given, cleaned] of cases) t.is(redactedText(given), cleaned);
  const cmd = ["x", "--password", "a", "-n", "b", "-token", "-v"];
  t.deepEqual(redacted({ cmd, labels: [{ a: "b" }], Labels: { host: "pi" } }), {
    cmd: cmd.with(2, "<redacted>"),
    labels: [{ a: "<redacted>" }],
    Labels: { host: "pi" },
  });
});

test("profiles tell of functions, and of nothing that the process holds", async (t) => {
  const held: string[] = [];
  const timer = setInterval(() => {
    for (let at = 0; at < 10_000; at++) held.push(`hunter2-${at}-${held.length}`);
  }, 5);
  const profiles = processProfiles();
  const { signal } = new AbortController();
  const texts = [await profiles.cpu(0.3, signal), await profiles.heap(0.3, signal), profiles.handles()];
  clearInterval(timer);
  t.true(held.length > 0);
  t.true(texts[1]?.includes("operator.test"), "what asked for that memory");
  for (const text of texts) t.notRegex(text, /hunter2/);
});

test("whatever JSON is given keeps its names and its shape", (t) => {
  const shape = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(shape);
    if (typeof value !== "object" || value === null) return "";
    return Object.entries(value).map(([name, item]) => [name, shape(item)]);
  };
  const names = ["Env", "Args", "Password", "Key", "Topic", "FilterKeys", "Payload", "EmbeddedTmpl", "Name", "Events"];
  const { tree } = fc.letrec((tie) => ({
    leaf: fc.oneof(fc.string(), fc.double({ noNaN: true }), fc.boolean(), fc.constant(null)),
    tree: fc.oneof(
      { maxDepth: 5 },
      tie("leaf"),
      fc.array(tie("tree")),
      fc.dictionary(fc.oneof(fc.string(), fc.constantFrom(...names)), tie("tree")),
    ),
  }));
  fc.assert(fc.property(tree, (given) => void t.deepEqual(shape(redacted(given)), shape(given))));
  fc.assert(fc.property(fc.json(), (line) => t.notThrows(() => JSON.parse(redactedLine(line)))));
  fc.assert(fc.property(fc.string(), (line) => t.notThrows(() => redactedLine(line))));
  const pieces = fc.constantFrom("token", "=", ":", " ", '"', "\\", "'", "Bearer ", "://", "@", "key", "-----", "1");
  const text = fc.array(fc.oneof(pieces, fc.string({ maxLength: 3 }))).map((parts) => parts.join(""));
  fc.assert(fc.property(text, (given) => t.notThrows(() => redactedText(given))));
  const word = fc.stringMatching(/^[a-z]{12}[0-9]{4}$/);
  fc.assert(
    fc.property(
      word,
      fc.constantFrom("token=", "my_password: ", '"secret":"', "x_key=", "Bearer ", "--token "),
      (value, before) => t.false(redactedText(`a ${before}${value}`).includes(value)),
    ),
  );
  t.is(redactedLine('{"Events":[{"Payl'), '{"LeftOut":"a line that is not whole"}');
  t.is(redactedLine(""), "");
});
