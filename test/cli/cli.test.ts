import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Validator } from "@seriousme/openapi-schema-validator";
import test from "ava";
import fc from "fast-check";
import * as v from "valibot";
import { AllocMetricSchema, type AllocMetric } from "#base/protocol/alloc.ts";
import { COMMANDS } from "#cli/commands.ts";
import { lastLines } from "#cli/alloc/logs.ts";
import { placementHint, placementReasons } from "#cli/job/placement.ts";
import { columns, properties } from "#cli/print/columns.ts";
import { ago, localTime, span } from "#cli/print/time.ts";
import { attributesOf, parseInventory } from "#daemons/scheduler/client/fingerprint/inventory.ts";
import { withReference } from "#scripts/docs/cli-reference.ts";
import { lares, startCluster } from "./cluster.ts";

const REDIS = `job "redis-cache" {
  group "cache" {
    count = 2
    network {
      port "db" { static = 16379 }
    }
    update {
      min_healthy_time = "0s"
    }
    task "redis" {
      driver = "mock_driver"
      config { run_for = "1h" }
      resources {
        cpu    = 10
        memory = 10
      }
      service {
        name = "fun-redis"
        port = "db"
      }
    }
  }
}
`;

test("a job runs as far as it can, says why it goes no further, and is stopped", async (t) => {
  const { environment, folder } = await startCluster(t);
  const say = (...words: string[]) => lares(environment, words);
  const file = join(folder, "redis.nomad.hcl");
  await writeFile(file, REDIS);
  t.like(await say("job", "validate", file), { code: 0, out: "Job validation successful\n" });
  const planned = await say("job", "plan", file);
  t.is(planned.code, 1, planned.err);
  t.regex(planned.out, /\+ Job: "redis-cache"/);
  t.regex(planned.out, /port db \(16379\) is already taken on the only node: add a node, or use a dynamic port/);
  const ran = await say("job", "run", file);
  t.is(ran.code, 2, ran.out + ran.err);
  t.regex(ran.out, /Allocation "\w{8}" created: node "pi", group "cache"/);
  t.regex(
    ran.out,
    /1 of 2 placed; port db \(16379\) is already taken on the only node: add a node, or use a dynamic port/,
  );
  t.regex(
    (await say("job", "status")).out,
    /ID +Type +Priority +Status +Submit Date\nredis-cache +service +50 +running/,
  );
  const status = await say("job", "status", "redis");
  t.regex(status.out, /Summary\nTask Group +Queued +Starting +Running.*\ncache +1 +0 +1 /);
  t.regex(status.out, /Placement Failure\nTask Group "cache":\n/);
  const id = /\n(\w{8}) +\w{8} +cache +0 +run +running/.exec(status.out)?.[1] ?? "";
  const alloc = await say("alloc", "status", id);
  t.regex(alloc.out, /Name += redis-cache\.cache\[0\]/);
  t.regex(alloc.out, /Task "redis" is "running"/);
  t.regex(alloc.out, /\*db +no +127\.0\.0\.1:16379|\*db +no +\S+:16379/);
  t.regex((await say("node", "status")).out, /^ID +Node Pool +DC +Name .*\n\w{8} +default +dc1 +pi /);
  t.regex((await say("node", "status", "pi")).out, /Drivers += mock_driver/);
  t.deepEqual((await say("catalog", "services")).out.trim().split("\n"), ["consul", "fun-redis"]);
  t.is((await say("catalog", "services", "-node=nobody")).out, "");
  t.is((await say("catalog", "datacenters")).out, "dc1\n");
  t.regex((await say("catalog", "nodes", "-detailed", "-near=_agent", "-service=consul")).out, / lan=127\.0\.0\.1/);
  t.is((await say("catalog", "nodes", "-node-meta=rack=none", "-json")).out.trim(), "[]");
  t.regex((await say("reload")).err, /no configuration to read again/);
  t.regex((await say("catalog", "service", "fun-redis")).out, /fun-redis|:16379 +passing/);
  const well = await say("status");
  t.is(well.code, 0, well.err);
  t.regex(well.out, /redis-cache +running +1 +1\n/);
  t.regex((await say("job", "history", "redis-cache")).out, /Version += 0/);
  const blocked = await say("job", "scale", "redis-cache", "1");
  t.regex(blocked.err, /blocked due to active deployment/);
  const [deployment] = JSON.parse((await say("deployment", "list", "-json")).out);
  t.is((await say("deployment", "fail", "-detach", deployment.ID)).code, 0);
  const explained = await say("job", "explain", "redis-cache");
  t.is(explained.code, 0, explained.err);
  t.regex(explained.out, /Task Group "cache": 1 of 2 placed\n\nredis-cache\.cache\[0\] \(\w{8}\) is running on pi\n/);
  t.regex(explained.out, /pi +full +network: reserved port collision db=16379/);
  t.regex(explained.out, /1 without a place: it would fit on pi if nobody had port 16379 there/);
  const moved = await say("job", "plan", "-without", "pi", "-with", "amd64,4GB,driver=mock_driver", file);
  t.is(moved.code, 1, moved.err);
  t.regex(moved.out, /^Supposing the cluster\n- without pi\n- with imagined-1: amd64, \d+ MHz, 4096 MB of memory/);
  t.regex(moved.out, /redis-cache\.cache\[0\] +cache +imagined-1 +pi\n/);
  t.regex(moved.out, /1 would be placed, 0 would stop, 0 stay\.\n1 of group "cache" would have no place: it would fit/);
  const asJson = JSON.parse((await say("job", "plan", "-what-if", "-json", file)).out);
  t.like(asJson.WhatIf, { Without: [], With: [], Placements: [], Staying: 1 });
  const misspelt = await say("job", "plan", "-with", "colour=red", file);
  t.is(misspelt.code, 2);
  t.regex(misspelt.err, /"colour" is no property of a node; expected amd64 or arm64/);
  const scaled = await say("job", "scale", "redis-cache", "1");
  t.is(scaled.code, 0, scaled.out + scaled.err);
  const [version] = JSON.parse((await say("job", "history", "-json", "redis-cache")).out);
  t.is(version.TaskGroups[0].Count, 1);
  await writeFile(file, REDIS.replace("count = 2", "count = 1"));
  const unchanged = await say("job", "plan", file);
  t.is(unchanged.code, 0, unchanged.out);
  t.is((await say("job", "stop", "redis-cache")).code, 0);
  t.regex((await say("job", "status")).out, /redis-cache .*dead \(stopped\)/);
  t.is((await say("eval", "status")).code, 0);
  t.is((await say("deployment", "status")).code, 0);
});

test("keys are written, read and deleted, with their conditions", async (t) => {
  const { environment, folder } = await startCluster(t);
  const say = (...words: string[]) => lares(environment, words);
  t.like(await say("kv", "put", "web/a", "one"), { code: 0, out: "Success! Data written to: web/a\n" });
  t.like(await say("kv", "put", "-flags=18446744073709551615", "/web/b", "two"), { code: 0 });
  t.like(await say("kv", "get", "web/a"), { code: 0, out: "one" });
  t.like(await lares(environment, ["kv", "get", "web/a"], true), { code: 0, out: "one\n" });
  t.regex((await say("kv", "get", "-detailed", "web/b")).out, /Flags += 18446744073709551615/);
  t.is((await say("kv", "get", "-recurse", "web/")).out, "web/a:one\nweb/b:two\n");
  t.is((await say("kv", "get", "-keys", "web/")).out, "web/a\nweb/b\n");
  t.like(await say("kv", "get", "nothing"), { code: 1, err: 'lares: there is no key "nothing"\n' });
  t.like(await say("kv", "put", "-cas", "web/a", "three"), { code: 1 });
  const [{ ModifyIndex }] = JSON.parse((await say("kv", "get", "-json", "web/a")).out);
  t.like(await say("kv", "put", "-cas", `-modify-index=${ModifyIndex}`, "web/a", "three"), { code: 0 });
  await writeFile(join(folder, "value"), Buffer.of(0, 255, 10));
  t.is((await say("kv", "put", "bin", `@${join(folder, "value")}`)).code, 0);
  t.is((await say("kv", "get", "-base64", "bin")).out, "AP8K\n");
  t.is((await say("kv", "delete", "-recurse", "web/")).code, 0);
  t.is((await say("kv", "get", "-keys", "web/")).out, "");
  t.like(await say("kv", "put", "-flags=-1", "x", "y"), { code: 2 });
  t.like(await say("kv", "delete"), { code: 2 });
});

test("progress is one line on a terminal, plain lines in a pipe", async (t) => {
  const { environment, folder } = await startCluster(t);
  const file = join(folder, "job.nomad.hcl");
  await writeFile(file, REDIS.replace("count = 2", "count = 1"));
  const shown = await lares(environment, ["job", "run", file], true);
  t.is(shown.code, 0, shown.out + shown.err);
  t.true(shown.out.includes("\r\u001b[K"));
  for (const part of shown.out.split(/\n|\r\u001b\[K/)) t.true(part.length <= 120);
  const piped = await lares(environment, ["job", "run", "-detach", file]);
  t.regex(piped.out, /^Job registration successful\nEvaluation ID: [0-9a-f-]{36}\n$/);
  const again = await lares(environment, ["job", "eval", "redis-cache"]);
  t.is(again.code, 0);
  t.false(again.out.includes("\r"));
  const printed = await lares(environment, ["job", "run", "-output", file]);
  t.is(JSON.parse(printed.out).Job.TaskGroups[0].Count, 1);
});

test("an agent that is away for a moment is waited for", async (t) => {
  let refusals = 1;
  const { environment, folder } = await startCluster(t, (exchange) => async (request) => {
    if (!request.url.startsWith("/v1/evaluation/") || refusals-- <= 0) return exchange(request);
    return { status: 503, headers: {}, body: "restarting" };
  });
  const file = join(folder, "job.nomad.hcl");
  await writeFile(file, REDIS.replace("count = 2", "count = 1"));
  const ran = await lares(environment, ["job", "run", file]);
  t.is(ran.code, 0, ran.out + ran.err);
  t.regex(ran.out, /Contact lost \(restarting\); trying again/);
});

test("what a task wrote is printed: all of it, its end, or what comes", async (t) => {
  const { environment, folder } = await startCluster(t);
  const file = join(folder, "job.nomad.hcl");
  const chatty = `config {
        run_for       = "1h"
        stdout_string = "line\\n"
        stdout_repeat = 99
        stderr_string = "oops\\n"
      }`;
  await writeFile(file, REDIS.replace("count = 2", "count = 1").replace('config { run_for = "1h" }', chatty));
  const say = (...words: string[]) => lares(environment, words);
  t.is((await say("job", "run", file)).code, 0);
  const [{ ID: id }] = JSON.parse((await say("alloc", "status", "-json")).out);
  t.like(await say("alloc", "logs", id), { code: 0, out: "line\n".repeat(100) });
  t.like(await say("alloc", "logs", "-stderr", id, "redis"), { code: 0, out: "oops\n" });
  t.like(await say("alloc", "logs", "-tail", id.slice(0, 6)), { code: 0, out: "line\n".repeat(10) });
  t.like(await say("alloc", "logs", "-n", "3", "-job", "redis-cache"), { code: 0, out: "line\n".repeat(3) });
  t.like(await say("alloc", "logs", "-c", "7", id), { code: 0, out: "e\nline\n" });
  t.deepEqual(JSON.parse((await say("alloc", "logs", "-json", "-stdout", "-stderr", "-n", "1", id)).out), {
    stdout: "line\n",
    stderr: "oops\n",
  });
  t.like(await say("alloc", "logs", id, "other"), { code: 2 });
  const following = say("alloc", "logs", "-f", "-n", "1", id);
  t.is((await say("alloc", "restart", id)).code, 0);
  await say("job", "stop", "redis-cache");
  const followed = await following;
  t.is(followed.code, 0, followed.err);
  t.true(followed.out.startsWith("line\n"));
  t.true(followed.err.startsWith("oops\n"), "of what is followed both streams are shown");
});

test("a node is emptied, closed and opened again", async (t) => {
  const { environment, folder } = await startCluster(t);
  const say = (...words: string[]) => lares(environment, words);
  const file = join(folder, "job.nomad.hcl");
  await writeFile(file, REDIS.replace("count = 2", "count = 1"));
  t.is((await say("job", "run", file)).code, 0);
  t.is((await say("node", "eligibility", "pi")).code, 2);
  const drained = await say("node", "drain", "-enable", "-force", "pi");
  t.is(drained.code, 0, drained.err);
  t.regex(drained.out, /Drain complete for node "\w{8}"/);
  t.regex((await say("node", "status")).out, / pi .* false +ineligible +ready/);
  const waits = await say("job", "status", "redis-cache");
  t.regex(waits.out, /Placement Failure/);
  t.is((await say("node", "eligibility", "-enable", "pi")).code, 0);
  t.regex((await say("node", "status")).out, / pi .* false +eligible +ready/);
});

test("mistakes say what, where and what to do", async (t) => {
  const { environment, folder } = await startCluster(t);
  const say = (...words: string[]) => lares(environment, words);
  const nobody = await lares({ NOMAD_ADDR: "http://127.0.0.1:9" }, ["job", "status"]);
  t.is(nobody.code, 1);
  t.regex(nobody.err, /cannot reach an agent at http:\/\/127\.0\.0\.1:9/);
  t.regex(nobody.err, /lares agent -dev/);
  const file = join(folder, "bad.nomad.hcl");
  await writeFile(file, 'job "x" {\n  group "g" {\n    cuont = 2\n  }\n}\n');
  const bad = await say("job", "run", file);
  t.is(bad.code, 1);
  t.regex(bad.err, /bad\.nomad\.hcl:3:5: error: .*cuont/);
  t.regex(bad.err, /count/);
  t.is((await say("job", "plan", file)).code, 255);
  t.like(await say("job", "run"), { code: 2 });
  t.like(await say("job", "run", "/nowhere.hcl"), { code: 1 });
  t.like(await say("job", "status", "nothing"), {
    code: 1,
    err: 'lares: no job with id "nothing"\n"lares job status" lists what there is.\n',
  });
  t.like(await say("alloc", "status", "ffff"), { code: 1 });
  t.like(await say("job", "status", "-address=::bad::"), { code: 2 });
  t.like(await say("catalog", "service", "nothing"), { code: 1 });
  await writeFile(file, REDIS.replace('"mock_driver"', '"docker"').replace("redis-cache", "no-driver"));
  const unplaced = await say("job", "run", file);
  t.is(unplaced.code, 2, unplaced.out + unplaced.err);
  t.regex(unplaced.out, /the task's driver is missing on the only node: "lares doctor" says what to install/);
});

test("a deployment that fails is exit code 1, and says which task failed and where to look", async (t) => {
  const { environment, folder } = await startCluster(t);
  const file = join(folder, "job.nomad.hcl");
  const failing = `job "broken" {
  group "g" {
    update {
      progress_deadline = "0s"
      healthy_deadline  = "5s"
      min_healthy_time  = "1s"
    }
    restart {
      attempts = 0
      mode     = "fail"
    }
    reschedule {
      attempts  = 0
      unlimited = false
    }
    task "main" {
      driver = "mock_driver"
      config {
        run_for   = "10ms"
        exit_code = 3
      }
    }
  }
}
`;
  await writeFile(file, failing);
  const ran = await lares(environment, ["job", "run", file]);
  t.is(ran.code, 1, ran.out + ran.err);
  t.regex(ran.out, /Deployment "\w{8}" failed/);
  t.regex(ran.out, /task "main": Terminated: Exit Code: 3/);
  t.regex(ran.out, /lares alloc logs -stderr \w{8}/);
  t.regex(ran.err, /lares job status broken/);
});

const metric = v.parse(AllocMetricSchema, { NodesEvaluated: 1, NodesInPool: 1 });
const HINTS: readonly (readonly [string, Partial<AllocMetric>, RegExp])[] = [
  [
    "port",
    { DimensionExhausted: { "network: reserved port collision db=6379": 1 } },
    /^port db \(6379\) is already taken on the only node: add/,
  ],
  [
    "memory",
    { NodesEvaluated: 3, DimensionExhausted: { memory: 3 } },
    /^not enough memory is free on all 3 nodes: ask for less/,
  ],
  ["most frequent", { NodesEvaluated: 3, DimensionExhausted: { cpu: 1, disk: 2 } }, /^not enough disk/],
  [
    "dynamic ports",
    { DimensionExhausted: { "network: dynamic port selection failed": 1 } },
    /^no dynamic port is free/,
  ],
  [
    "driver",
    { NodesFiltered: 1, ConstraintFiltered: { "missing drivers": 1 } },
    /^the task's driver is missing on the only node/,
  ],
  [
    "constraint",
    { NodesFiltered: 2, ConstraintFiltered: { "${attr.cpu.arch} = arm64": 2 } },
    /^the constraint \$\{attr\.cpu\.arch\} = arm64 does not hold on all 2 nodes/,
  ],
  ["pool", { NodesEvaluated: 0, NodesInPool: 0 }, /^no node is in the job's node pool/],
  ["datacenter", { NodesEvaluated: 0 }, /^no ready node is in the job's datacenters/],
];
for (const [name, seen, expected] of HINTS) {
  test(`a placement that fails by ${name} says what would help`, (t) => {
    const failed = { ...metric, ...seen };
    t.regex(placementHint(failed), expected);
    t.true(placementReasons({ ...failed, NodesExhausted: 1 }).length > 0);
  });
}

test("this machine is looked through by its own tools, for people and for its agent", async (t) => {
  const printed = await lares({}, ["node", "inventory", "-json"]);
  t.is(printed.code, 0, printed.err);
  const found = attributesOf(parseInventory(printed.out));
  t.true(Number(found["cpu.numcores.physical"]) > 0);
  t.regex((await lares({}, ["node", "inventory"])).out, /^Attribute +Value\n[^]*cpu\.numcores\.physical +\d+/);
});

test("the manual's reference is what the commands' rows say", (t) => {
  const manual = readFileSync(new URL("../../docs/cli.md", import.meta.url), "utf8");
  t.is(withReference(manual, COMMANDS), manual, "run npm run docs");
});

test("times, spans and columns read as people expect", (t) => {
  t.is(span(0), "0s");
  t.is(span(59.9), "59s");
  t.is(span(3600), "1h");
  t.is(span(90_061), "1d1h");
  t.is(ago(1e18, 1e12 + 65_000), "1m5s ago");
  t.is(ago(2e18, 1e12), "0s ago");
  t.is(ago(0, 1e12), "<none>");
  t.is(Date.parse(localTime(1_795_231_737e9)), 1_795_231_737_000);
  t.deepEqual(
    columns(
      ["A", "Bé"],
      [
        ["long", "x"],
        ["", ""],
      ],
    ),
    ["A     Bé", "long  x", ""],
  );
  t.deepEqual(
    properties([
      ["A", "1"],
      ["Long", ""],
    ]),
    ["A    = 1", "Long = "],
  );
});

test("the last lines of a log, for any bytes", (t) => {
  const last = (text: string, lines: number): string => Buffer.from(lastLines(Buffer.from(text), lines)).toString();
  t.is(last("a\nb\nc\n", 2), "b\nc\n");
  t.is(last("a\nb\nc", 1), "c");
  t.is(last("a\n", 5), "a\n");
  fc.assert(
    fc.property(fc.array(fc.constantFrom("a", "bc", "")), fc.nat(6), (parts, lines) => {
      const text = parts.map((part) => `${part}\n`).join("");
      return (
        last(text, lines) ===
        parts
          .slice(Math.max(0, parts.length - lines))
          .map((part) => `${part}\n`)
          .join("")
      );
    }),
  );
});

test("both APIs print their documents, and every list prints as JSON", async (t) => {
  const { environment } = await startCluster(t);
  for (const api of ["scheduler", "discovery"]) {
    const printed = await lares(environment, ["api", "openapi", api]);
    t.is(printed.code, 0, printed.err);
    const checked = await new Validator().validate(JSON.parse(printed.out));
    t.deepEqual([checked.valid, checked.errors ?? []], [true, []]);
  }
  for (const words of [
    "job status",
    "alloc status",
    "node status",
    "eval status",
    "deployment status",
    "catalog services",
    "catalog nodes",
    "catalog datacenters",
    "status",
    "server members",
  ]) {
    const { code, out, err } = await lares(environment, [...words.split(" "), "-json"]);
    t.is(code, 0, err);
    t.notThrows(() => JSON.parse(out), words);
  }
});

test("keys are exported, imported and have a history", async (t) => {
  const { environment, folder } = await startCluster(t);
  const say = (...words: string[]) => lares(environment, words);
  await say("kv", "put", "-flags=18446744073709551615", "app/one", "eins");
  await say("kv", "put", "app/one", "uno");
  await say("kv", "put", "app/two", "zwei");
  const exported = await say("kv", "export", "app/");
  t.is(exported.code, 0, exported.err);
  t.is(JSON.parse(exported.out).length, 2);
  const file = join(folder, "keys.json");
  await writeFile(file, exported.out.replace('"flags": 0', '"flags": 18446744073709551615'));
  t.like(await say("kv", "import", "-prefix=copy", `@${file}`), { code: 0 });
  t.is((await say("kv", "get", "copy/app/two")).out, "zwei");
  t.regex((await say("kv", "get", "-detailed", "copy/app/one")).out, /18446744073709551615/);
  t.is((await say("kv", "import", "{")).code, 1);
  const known = await say("kv", "log", "app/one");
  t.regex(known.out, /uno[^]*eins/);
  t.regex(known.out, /20\d\d-\d\d-\d\dT/);
  t.is((await say("kv", "log", "nothing")).code, 1);
});

test("a lock is held while a program runs, by one or by as many as there are slots", async (t) => {
  const { environment, folder } = await startCluster(t);
  const say = (...words: string[]) => lares(environment, words);
  const file = join(folder, "order");
  const script = (name: string): string =>
    `echo "in ${name} $LARES_LOCK_TOKEN" >> ${file}; sleep 0.1; echo out >> ${file}`;
  const both = await Promise.all(["a", "b"].map((name) => say("lock", "jobs/nightly", script(name))));
  t.deepEqual(
    both.map(({ code, err }) => `${code}${err}`),
    ["0", "0"],
  );
  const lines = readFileSync(file, "utf8").trim().split("\n");
  t.deepEqual(
    lines.map((line) => line.slice(0, 2)),
    ["in", "ou", "in", "ou"],
  );
  t.is((await say("kv", "get", "-keys", "jobs/nightly")).out, "", "nothing is left behind");
  t.is((await say("lock", "-child-exit-code", "jobs/nightly", "exit 7")).code, 2);
  t.is((await say("lock", "jobs/nightly", "exit 7")).code, 0);
  const slots = await Promise.all([1, 2].map(() => say("lock", "-n=2", "jobs/slots", "true")));
  t.deepEqual(
    slots.map(({ code, err }) => `${code}${err}`),
    ["0", "0"],
  );
  await say("kv", "put", "other/.lock", "mine");
  t.regex((await say("lock", "other", "true")).err, /is no lock of this kind/);
  const session = v.parse(
    v.object({ ID: v.string() }),
    await (await fetch(`${environment["CONSUL_HTTP_ADDR"]}/v1/session/create`, { method: "PUT" })).json(),
  );
  const held = `${environment["CONSUL_HTTP_ADDR"]}/v1/kv/taken/.lock?flags=${0x2ddccbc058a50c18n}&acquire=${session.ID}`;
  await fetch(held, { method: "PUT" });
  t.regex((await say("lock", "-try=300ms", "taken", "true")).err, /was not to be had in time/);
});

test("watches print, services are registered and taken out of service", async (t) => {
  const { environment, folder } = await startCluster(t);
  const say = (...words: string[]) => lares(environment, words);
  const file = join(folder, "web.hcl");
  await writeFile(file, 'service {\n  name = "web"\n  port = 80\n}\n');
  t.is((await say("services", "register", file)).out, "Registered service: web\n");
  t.like(await say("services", "register", "-name=db", "-port=5432", "-tag=a", "-meta=k=v"), { code: 0 });
  const seen = JSON.parse((await say("watch", "-type=service", "-service=db")).out);
  t.like(seen[0].Service, { Port: 5432, Tags: ["a"] });
  t.deepEqual(Object.keys(JSON.parse((await say("watch", "-type=services")).out)).toSorted(), ["consul", "db", "web"]);
  t.is((await say("watch", "-type=key", "-key=none")).out, "null\n");
  t.is((await say("watch", "-type=weather")).code, 2);
  t.like(await say("maint", "-enable", "-service=web", "-reason=new disks"), { code: 0 });
  t.regex((await say("maint")).out, /web[^]*new disks/);
  t.is((await say("catalog", "service", "-passing", "web")).code, 1);
  t.like(await say("maint", "-disable", "-service=web"), { code: 0 });
  t.is((await say("catalog", "service", "-passing", "web")).code, 0);
  t.is((await say("services", "deregister", file)).code, 0);
  t.is((await say("catalog", "service", "web")).code, 1);
});

test("a resolver is set up for the cluster's names, and set back", async (t) => {
  const { folder } = await startCluster(t);
  const say = (...words: string[]) => lares({}, ["setup", "dns", `-etc=${folder}`, ...words]);
  t.regex((await say("-dry-run")).out, /Domains=~consul[^]*would write/);
  t.is((await say("resolved")).code, 0);
  const file = join(folder, "systemd/resolved.conf.d/lares.conf");
  t.is(readFileSync(file, "utf8"), "[Resolve]\nDNS=127.0.0.1:8600\nDomains=~consul\n");
  t.is((await say("dnsmasq", "-domain=home.arpa", "-port=53")).code, 0);
  t.is(readFileSync(join(folder, "dnsmasq.d/lares.conf"), "utf8"), "server=/home.arpa/127.0.0.1#53\n");
  t.is((await say("-undo", "resolved")).code, 0);
  t.throws(() => readFileSync(file, "utf8"));
  t.is((await say("bind")).code, 2);
});
