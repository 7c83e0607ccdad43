import { globSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import test from "ava";
import fc from "fast-check";
import { parseJsonBody } from "#base/language/hcl/decode/json-body.ts";
import { formatHcl } from "#base/language/hcl/format/format.ts";
import { parseHcl } from "#base/language/hcl/parse.ts";
import { parseJobJson } from "#base/language/jobspec/parse-job-json.ts";
import { jobFile } from "#base/language/jobspec/tables/job.ts";
import { validateJob } from "#base/language/jobspec/validate/validate-job.ts";
import { jobToWire } from "#base/protocol/job-wire.ts";
import { knownKeys, usedKeys } from "./covered.ts";
import { canonicalize } from "#base/language/jobspec/canonicalize.ts";
import type { VariableInput } from "#base/language/hcl/evaluate/variables.ts";
import { readExamples } from "./manual-examples.ts";
import { BIG, complaints, job, read, REDIS } from "./jobs.ts";

const SECOND = 1e9;

test("every example in the manuals is read as it stands", (t) => {
  let examples = 0;
  // What services and checks are in files of discovery's own is another language.
  for (const file of globSync("docs/*.md", { exclude: ["docs/discovery.md"] }))
    for (const { line, problems } of readExamples(file, readFileSync(file, "utf8"))) {
      examples += 1;
      t.deepEqual(problems, [], `${file}:${line}`);
    }
  t.true(examples > 20, "the manuals have examples");
  const planted = readExamples(
    "a.md",
    "```hcl\ntask {\n}\n```\n\n```hcl\nclient { enbled = true }\n```\n```hcl\njob …\n```\n",
  );
  t.deepEqual(
    planted.map(({ line, problems }) => [line, problems.length > 0]),
    [
      [2, true],
      [7, true],
    ],
  );
});

test("the redis job reads exactly", (t) => {
  const found = job(REDIS);
  t.is(found.ID, "redis-cache");
  const group = found.TaskGroups[0];
  t.is(found.TaskGroups.length, 1);
  t.like(group, { Name: "cache", Count: 2 });
  t.deepEqual(group?.Networks[0]?.ReservedPorts, [
    { Label: "db", Value: 6379, To: 0, HostNetwork: "", IgnoreCollision: false },
  ]);
  t.deepEqual(group?.Networks[0]?.DynamicPorts, []);
  const task = group?.Tasks[0];
  t.like(task, { Name: "redis", Driver: "docker", Config: { image: "redis:latest", ports: ["db"] } });
  t.like(task?.Services[0], { Name: "fun-redis", PortLabel: "db", Provider: "consul" });
  t.like(task?.Services[0]?.Checks[0], { Type: "tcp", Interval: 10 * SECOND, Timeout: 2 * SECOND });
});

test("every block lands in its field", (t) => {
  const found = job(BIG);
  t.like(found, {
    ID: "web-1",
    Name: "the-web",
    Datacenters: ["dc*", "eu"],
    Priority: 70,
    Meta: { tier: "gold", n: "1" },
  });
  t.deepEqual(found.Constraints, [
    { LTarget: "${attr.kernel.name}", RTarget: "linux", Operand: "=" },
    { LTarget: "", RTarget: "true", Operand: "distinct_hosts" },
    { LTarget: "${meta.rack}", RTarget: "2", Operand: "distinct_property" },
    { LTarget: "${attr.nomad.version}", RTarget: ">= 1.6", Operand: "version" },
  ]);
  t.is(found.Affinities[0]?.Weight, -20);
  t.deepEqual(found.Spreads[0]?.SpreadTarget, [
    { Value: "eu", Percent: 70 },
    { Value: "us", Percent: 30 },
  ]);
  t.deepEqual(found.UI, { Description: "d", Links: [{ Label: "docs", Url: "https://example.org" }] });
  t.deepEqual(
    found.TaskGroups.map((g) => g.Name),
    ["alone", "g"],
  );
  const [alone, group] = found.TaskGroups;
  t.is(alone?.Tasks[0]?.Driver, "raw_exec");
  t.deepEqual(
    group?.Networks[0]?.DynamicPorts.map((p) => [p.Label, p.To]),
    [
      ["http", 8080],
      ["https", 8443],
    ],
  );
  t.like(group?.Volumes["data"], { Name: "data", Type: "host", Source: "d1" });
  t.is(group?.MaxClientDisconnect, 3600 * SECOND);
  t.like(canonicalize(found).TaskGroups[1]?.Disconnect, { LostAfter: 3600 * SECOND, Replace: true });
  t.like(group?.Scaling, { Min: 2, Max: 5, Policy: { cooldown: "1m" } });
  t.like(group?.Services[0], { PortLabel: "8080", Meta: { k: "v" } });
  t.deepEqual(group?.Services[0]?.Checks[0]?.Header, { Host: ["x", "y"] });
  t.is(group?.Services[0]?.Checks[0]?.CheckRestart?.Grace, 90 * SECOND);
  const task = group?.Tasks[0];
  t.deepEqual(task?.Config, {
    image: "nginx:1.27",
    labels: { a: "b" },
    mount: [{ type: "bind", source: "a" }, { type: "tmpfs" }],
    logging: [{ type: "json", config: [{ max: 3 }] }],
  });
  t.deepEqual(task?.Env, { URL: "http://${NOMAD_ADDR_http}/${literal}", N: "3" });
  t.is(task?.Templates[0]?.EmbeddedTmpl, "{{ range services }}\n  x {{ . }}\n{{ end }}\n");
  t.deepEqual(task?.Templates[0]?.Wait, { Min: 2 * SECOND, Max: 4 * SECOND });
  t.deepEqual(task?.Artifacts[0]?.GetterOptions, { checksum: "md5:0cc175b9c0f1b6a831c399e269772661" });
  t.is(task?.Identity?.Env, true);
  t.deepEqual(
    task?.Identities.map((i) => i.Name),
    ["extra"],
  );
  t.like(task?.Resources, { CPU: 500, MemoryMB: 128 });
  t.like(task?.Resources.Devices[0], { Name: "nvidia/gpu", Count: 2 });
  t.deepEqual(task?.Lifecycle, { Hook: "prestart", Sidecar: true });
  t.like(task?.Vault, { Policies: ["p"], Env: true, ChangeMode: "restart" });
  t.is(task?.Actions[0]?.Name, "hello");
  t.is(task?.KillTimeout, 20 * SECOND);
});

test("variables: flags win over files, files over the environment, all over defaults", (t) => {
  const text =
    'variable "a" {\n default = "d"\n}\nvariable "n" {\n type = list(number)\n default = []\n}\njob "j" {\n meta = { a = var.a, n = jsonencode(var.n) }\n}\n';
  const inputs: VariableInput[] = [
    { kind: "text", from: "environment", name: "a", text: "env" },
    { kind: "text", from: "environment", name: "unrelated", text: "x" },
    { kind: "file", source: { name: "v.hcl", text: 'a = "file"\nn = [1, 2]\n' } },
    { kind: "text", from: "flag", name: "n", text: "[3]" },
  ];
  t.deepEqual(job(text).Meta, { a: "d", n: "[]" });
  t.deepEqual(job(text, { variables: inputs.slice(0, 2) }).Meta, { a: "env", n: "[]" });
  t.deepEqual(job(text, { variables: inputs }).Meta, { a: "file", n: "[3]" });
  const unknown: VariableInput = { kind: "text", from: "flag", name: "b", text: "x" };
  t.deepEqual(complaints(text, { variables: [unknown] }), ['1 the variable "b" is not declared (known here: a, n)']);
  const bad: VariableInput = { kind: "text", from: "flag", name: "n", text: "[1" };
  t.regex(complaints(text, { variables: [bad] })[0] ?? "", /expected "," or "\]"/);
});

test("variable files may be JSON; values of unknown variables pass when asked for", (t) => {
  const text =
    'variable "n" { type = list(number) }\nvariable "o" { default = "d" }\njob "j" {\n meta = { n = jsonencode(var.n), o = var.o }\n}\n';
  const file = (content: string): VariableInput => ({ kind: "file", source: { name: "v.json", text: content } });
  t.deepEqual(job(text, { variables: [file('{"n": [1, 2], "o": "${plain}"}')] }).Meta, { n: "[1,2]", o: "${plain}" });
  const surplus = [file('{"n": [], "x": 1}')];
  t.deepEqual(complaints(text, { variables: surplus }), ['1 the variable "x" is not declared (known here: n, o)']);
  t.deepEqual(job(text, { variables: surplus, strictVariables: false }).Meta, { n: "[]", o: "d" });
  t.deepEqual(complaints(text, { variables: [file('{"n": [1,')] }), [
    "1 expected a value, found the end of the file",
    '1 the variable "n" has no value (give one: -var n=…, a -var-file, NOMAD_VAR_n, or a default)',
  ]);
});

test("types of variables: optional attributes have defaults, null is refused where it must be, secrets stay unsaid", (t) => {
  const typed = (type: string, given: string, more = "") =>
    `variable "v" {\n type = ${type}\n default = ${given}\n ${more}\n}\njob "j" {\n meta = { v = jsonencode(var.v) }\n}\n`;
  const object =
    'object({ a = string, b = optional(number, 5), c = optional(list(string), ["x"]), d = optional(bool) })';
  t.is(job(typed(object, '{ a = 1, z = "dropped" }')).Meta["v"], '{"a":"1","b":5,"c":["x"],"d":null}');
  t.is(job(typed("tuple([number, string])", '["1", 2]')).Meta["v"], '[1,"2"]');
  t.is(job(typed("set(string)", '["b", "a", "b"]')).Meta["v"], '["a","b"]');
  const nothing: VariableInput = { kind: "file", source: { name: "v.hcl", text: "v = null" } };
  t.deepEqual(complaints(typed("string", '"d"', "nullable = false"), { variables: [nothing] }), [
    '1 the variable "v" must not be null',
  ]);
  const secret: VariableInput = { kind: "text", from: "flag", name: "v", text: "hunter2" };
  const told = complaints(typed("number", "1", "sensitive = true"), { variables: [secret] });
  t.deepEqual(told, ['1 the value given for "v" does not fit: its type is another (the value is sensitive)']);
});

test("a job file in JSON reads as the same in HCL", (t) => {
  const json = {
    variable: { image: { type: "string", default: "nginx" }, ports: { type: "map(number)", default: { http: 80 } } },
    locals: { full: "${var.image}:1" },
    job: {
      web: {
        type: "service",
        meta: { a: "b" },
        constraint: [{ attribute: "${attr.kernel.name}", value: "linux" }, { distinct_hosts: true }],
        group: {
          g: {
            count: 2,
            network: {
              mode: "host",
              dynamic: {
                port: { for_each: "${var.ports}", labels: ["${port.key}"], content: { to: "${port.value}" } },
              },
            },
            task: { t: { driver: "docker", config: { image: "${local.full}" }, resources: { cpu: 50 } } },
          },
        },
      },
    },
  };
  const found = job(JSON.stringify(json));
  t.like(found, { ID: "web", Meta: { a: "b" } });
  t.is(found.Constraints.length, 2);
  const [group] = found.TaskGroups;
  t.like(group, { Name: "g", Count: 2 });
  t.deepEqual(
    group?.Networks[0]?.DynamicPorts.map(({ Label, To }) => [Label, To]),
    [["http", 80]],
  );
  t.deepEqual(group?.Tasks[0]?.Config, { image: "nginx:1" });
  t.deepEqual(complaints('{"job": {"web": {"gruop": {}}}}'), [
    '1 unknown attribute "gruop" in job (did you mean "group"?)',
  ]);
});

const MISTAKES: readonly (readonly [source: string, ...expected: string[]])[] = [
  ['job "x" {\n  datacentres = ["a"]\n}', '2 unknown attribute "datacentres" in job (did you mean "datacenters"?)'],
  ['job "x" {\n  gruop "g" {}\n}', '2 unknown block "gruop" in job (did you mean "group"?)'],
  ['job "x" {\n  type = batch\n}', '2 type: the name "batch" is not known (for text write "batch")'],
  ['job "x" {\n  group "g" { count = "many" }\n}', '2 count: expected a whole number, found the string "many"'],
  ['job "x" {\n  group {}\n}', '2 this group block has no name (write: group "name" { … })'],
  ['job "x" {\n  priority = 1\n  priority = 2\n}', "3 priority is given twice; the first is on line 2"],
  ['job "x" {\n  update {}\n  update {}\n}', "3 update is given twice; the first is on line 2"],
  ['job "x" {\n  update = {}\n}', '2 "update" is a block of job, not an attribute (write: update { … })'],
  ['job "x" {\n  datacenters { }\n}', '2 "datacenters" is an attribute of job, not a block (write: datacenters = …)'],
  ['job "x" {\n  update "u" {}\n}', "2 a update block has no label (write: update { … })"],
  [
    'job "x" {\n  meta { a = [1] }\n}',
    '2 meta: "a": expected a string, found a list (use jsonencode(value) to store it as text)',
  ],
  [
    'job "x" {\n  update { stagger = "5" }\n}',
    '2 stagger: "5" is no duration (the unit is missing: did you mean "5s"? a duration is a number with a unit, for example "30s", "5m", "1h30m" or "250ms")',
  ],
  ["", '1 the file holds no job (expected exactly one: job "name" { … })'],
  ['job "a" {}\njob "b" {}', '2 the file holds 2 jobs (expected exactly one: job "name" { … })'],
  [
    'jobb "a" {}',
    '1 unknown block "jobb" in a job file (did you mean "job"?)',
    '1 the file holds no job (expected exactly one: job "name" { … })',
  ],
  [
    'variable "v" {}\njob "x" {}',
    '1 the variable "v" has no value (give one: -var v=…, a -var-file, NOMAD_VAR_v, or a default)',
  ],
  [
    'variable "v" {\n  type = strin\n}\njob "x" {}',
    "2 this is no type; expected string, number, bool, any, list(…), set(…), map(…), tuple([…]) or object({…})",
  ],
  [
    'variable "v" {\n  default = "x"\n  validation {\n    condition = length(var.v) > 2\n    error_message = "too short"\n  }\n}\njob "x" {}',
    '4 the value of "v" is not valid: too short',
  ],
  [
    'locals {\n  a = local.b\n  b = local.a\n}\njob "x" {}',
    '2 the local value "a" depends on itself',
    '3 there is no local value "a"',
  ],
];

for (const [source, ...expected] of MISTAKES) {
  test(`mistake ${JSON.stringify(source.slice(0, 60))}`, (t) => {
    const found = complaints(source);
    t.deepEqual(found.slice(0, expected.length), expected);
  });
}

test("a route block is the tags it stands for, in services of groups and tasks, and of canaries", (t) => {
  const file = (service: string): string =>
    `job "j" {\n group "g" {\n task "t" {\n driver = "mock"\n service {\n tags = ["own"]\n${service}\n}\n}\n}\n}`;
  const services = (service: string) => job(file(service)).TaskGroups[0]?.Tasks[0]?.Services;
  const routes = `route {
      host       = "shop.example.com"
      to_https   = true
      method     = ["GET", "HEAD"]
      set_header = ["X-A: 1, 2", "X-B: 3"]
      timeout    = "30s"
      user       = null
    }
    route "admin" {
      path     = "/admin"
      priority = 10
    }`;
  const tags = [
    "lares.host=shop.example.com",
    "lares.to-https=true",
    "lares.method=GET,HEAD",
    "lares.set-header=X-A: 1, 2",
    "lares.set-header=X-B: 3",
    "lares.timeout=30s",
    "lares.admin.path=/admin",
    "lares.admin.priority=10",
  ];
  t.like(services(routes), [{ Tags: ["own", ...tags], CanaryTags: [] }]);
  t.deepEqual(services(`canary_tags = ["c"]\n ${routes}`)?.[0]?.CanaryTags, ["c", ...tags]);
  t.false("RouteTags" in (services(routes)?.[0] ?? {}));
  const plain = {
    host: "shop.example.com",
    to_https: true,
    method: ["GET", "HEAD"],
    set_header: ["X-A: 1, 2", "X-B: 3"],
  };
  const first = { ...plain, timeout: "${30}s", user: null };
  const admin = { path: "/admin", priority: 10 };
  const inJson = (route: unknown): string => {
    const task = { driver: "mock", service: [{ tags: ["own"], canary_tags: ["c"], route }] };
    return JSON.stringify({ job: { j: { group: { g: { task: { t: task } } } } } });
  };
  for (const route of [
    [first, { admin }],
    [first, { admin: [admin] }],
  ])
    t.like(job(inJson(route)).TaskGroups[0]?.Tasks[0]?.Services, [
      { Tags: ["own", ...tags], CanaryTags: ["c", ...tags] },
    ]);
  t.like(job(inJson({ admin })).TaskGroups[0]?.Tasks[0]?.Services, [{ Tags: ["own", ...tags.slice(-2)] }]);
  t.like(job(inJson(plain)).TaskGroups[0]?.Tasks[0]?.Services, [{ Tags: ["own", ...tags.slice(0, 5)] }]);
  for (const wrong of ['route "a b" {}', 'route "a" "b" {}', "route {\n host = { a = 1 }\n}"])
    t.true(complaints(file(wrong)).length > 0, wrong);
});

test("defaults: a service job", (t) => {
  const found = canonicalize(job(REDIS));
  t.like(found, {
    Name: "redis-cache",
    Region: "global",
    Namespace: "default",
    Type: "service",
    Priority: 50,
    Datacenters: ["*"],
    NodePool: "default",
  });
  const group = found.TaskGroups[0];
  t.deepEqual(group?.RestartPolicy, {
    Attempts: 2,
    Interval: 1800 * SECOND,
    Delay: 15 * SECOND,
    Mode: "fail",
    RenderTemplates: false,
  });
  t.like(group?.ReschedulePolicy, {
    Unlimited: true,
    Delay: 30 * SECOND,
    DelayFunction: "exponential",
    MaxDelay: 3600 * SECOND,
  });
  t.like(group?.Update, {
    MaxParallel: 1,
    MinHealthyTime: 10 * SECOND,
    HealthyDeadline: 300 * SECOND,
    ProgressDeadline: 600 * SECOND,
  });
  t.is(group?.EphemeralDisk?.SizeMB, 300);
  t.is(group?.Networks[0]?.Mode, "host");
  t.is(group?.Networks[0]?.ReservedPorts[0]?.HostNetwork, "default");
  const task = group?.Tasks[0];
  t.like(task?.Resources, { CPU: 100, MemoryMB: 300 });
  t.like(task?.LogConfig, { MaxFiles: 10, MaxFileSizeMB: 10 });
  t.is(task?.KillTimeout, 5 * SECOND);
  t.is(task?.Services[0]?.TaskName, "redis");
  t.like(task?.Services[0]?.Checks[0], { Name: 'service: "fun-redis" check', PortLabel: "db" });
});

test("defaults by type, and what a group says wins over the job", (t) => {
  const text = (type: string) =>
    `job "j" {\n type = "${type}"\n update {\n  canary = 2\n }\n group "g" {\n  update {\n   max_parallel = 5\n  }\n  reschedule {\n   attempts = 3\n   interval = "1h"\n  }\n  service {}\n  task "t" {\n   driver = "mock"\n   service {}\n   resources {\n    cores = 2\n   }\n  }\n }\n}`;
  const service = canonicalize(job(text("service"))).TaskGroups[0];
  t.like(service?.Update, { MaxParallel: 5, Canary: 2, HealthCheck: "checks" });
  t.like(service?.ReschedulePolicy, { Attempts: 3, Unlimited: false });
  t.is(service?.Services[0]?.Name, "j-g-group");
  t.is(service?.Tasks[0]?.Services[0]?.Name, "j-g-t");
  t.is(service?.Tasks[0]?.Resources.CPU, 0);
  const batch = canonicalize(job(text("batch"))).TaskGroups[0];
  t.is(batch?.Update, null);
  t.like(batch?.RestartPolicy, { Attempts: 3, Interval: 86400 * SECOND });
  t.is(canonicalize(job(text("system"))).TaskGroups[0]?.ReschedulePolicy, null);
  const stagger = (kind: string, time: string) => {
    const staggered = job(text(kind).replace("canary = 2", `stagger = "${time}"`));
    return canonicalize(canonicalize(staggered)).TaskGroups[0]?.Update?.MinHealthyTime;
  };
  t.is(stagger("system", "40s"), 40 * SECOND);
  t.is(stagger("system", "10m"), 10 * SECOND, "longer than its deadline");
  t.is(stagger("service", "40s"), 10 * SECOND);
});

test("defaults are filled in once: a second time changes nothing", (t) => {
  for (const text of [REDIS, BIG]) {
    const once = canonicalize(job(text));
    t.deepEqual(canonicalize(once), once);
  }
});

const CORPUS = globSync("test/base/language/jobspec/corpus/*.nomad.{hcl,json}").toSorted();
const WARNINGS: Readonly<Record<string, number>> = { connect: 5, service: 1, shorthand: 4, task: 1 };

for (const file of CORPUS) {
  test(`a whole job: ${basename(file)}`, (t) => {
    const found = canonicalize(job(readFileSync(file, "utf8")));
    const expected: unknown = JSON.parse(readFileSync(file.replace(/\.nomad\.\w+$/, ".expected.json"), "utf8"));
    t.deepEqual(jobToWire(found), expected);
    t.deepEqual(canonicalize(found), found);
    const sent = parseJobJson(JSON.stringify(jobToWire(found)));
    t.deepEqual(sent.ok ? canonicalize(sent.job) : sent.diagnostics, found);
    const { errors, warnings } = validateJob(found);
    t.is(errors.length, file.includes("refused") ? 2 : 0);
    t.is(warnings.length, WARNINGS[basename(file).split(".")[0] ?? ""] ?? 0);
    if (!file.endsWith(".hcl")) return;
    const formatted = formatHcl({ name: file, text: readFileSync(file, "utf8") });
    t.true(formatted.ok && formatHcl({ name: file, text: formatted.text }).ok);
    t.deepEqual(formatted.ok ? canonicalize(job(formatted.text)) : undefined, found);
  });
}

test("the whole jobs use every key there is", (t) => {
  const used = CORPUS.flatMap((file) => {
    const source = { name: file, text: readFileSync(file, "utf8") };
    const { node } = file.endsWith(".json") ? parseJsonBody(source, jobFile) : parseHcl(source);
    return [...usedKeys(node, jobFile)];
  });
  const unused = [...knownKeys(jobFile)].filter((key) => !used.includes(key));
  t.deepEqual(
    unused.filter((key) => !key.startsWith("variable.")),
    [],
  );
});

test("any edit of a job file is read without a throw", (t) => {
  const pieces = [
    "{",
    "}",
    '"',
    "=",
    "[",
    "]",
    "${",
    "\n",
    "null",
    "1",
    "job",
    "count",
    "var.x",
    "dynamic",
    "for_each",
    "network",
    "meta",
    "\0",
  ];
  fc.assert(
    fc.property(
      fc.constantFrom(REDIS, BIG),
      fc.array(fc.tuple(fc.nat(4000), fc.nat(12), fc.constantFrom(...pieces)), { maxLength: 6 }),
      (text, edits) => {
        let changed = text;
        for (const [at, cut, put] of edits)
          changed = changed.slice(0, at % text.length) + put + changed.slice((at % text.length) + cut);
        const result = read(changed);
        if (result.ok) canonicalize(result.job);
        else if (result.diagnostics.length === 0) throw new Error("failed without saying why");
      },
    ),
    { numRuns: 1500 },
  );
  t.pass();
});
