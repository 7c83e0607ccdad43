import test from "ava";
import fc from "fast-check";
import * as v from "valibot";
import { globSync, readFileSync } from "node:fs";
import { JobSchema } from "#base/protocol/job.ts";
import { canonicalize } from "#base/language/jobspec/canonicalize.ts";
import { parseJobJson } from "#base/language/jobspec/parse-job-json.ts";
import { renderDiagnostics } from "#base/language/hcl/diagnostic.ts";
import { readJobFile } from "#base/language/jobspec/read-job-file.ts";
import { validateJob } from "#base/language/jobspec/validate/validate-job.ts";
import { BIG, job, REDIS } from "../jobs.ts";

const verdict = (text: string) => validateJob(canonicalize(job(text)));
const errors = (text: string) => verdict(text).errors.map((each) => each.message);

/** A valid job with additions at its three levels. */
function made({ job = "", group = "", task = "" }: { job?: string; group?: string; task?: string }): string {
  return `job "j" {\n${job}\ngroup "g" {\nnetwork {\nport "http" {}\n}\n${group}\ntask "t" {\ndriver = "mock"\n${task}\n}\n}\n}\n`;
}

test("good jobs pass", (t) => {
  for (const text of [REDIS, BIG, made({})]) t.deepEqual(verdict(text).errors, []);
});

test("the jobs of all packs pass", (t) => {
  const files = globSync("packs/**/*.nomad.hcl");
  t.true(files.length > 0);
  for (const file of files) t.deepEqual(verdict(readFileSync(file, "utf8")).errors, [], file);
});

const CASES: readonly (readonly [text: string, ...messages: string[]])[] = [
  ['job "j" {}', "missing task groups"],
  [
    made({ job: 'multiregion {\nregion "eu" { count = 2 }\n}' }),
    "multiregion: jobs over several regions are not available",
  ],
  [
    made({ task: 'schedule {\ncron {\nstart = "0 9 * * *"\nend = "0 17"\n}\n}' }),
    'group "g": task "t": schedule: tasks that run only at certain times are not available',
  ],
  [
    made({ task: 'resources {\ncores = 2\nnuma { affinity = "require" }\n}' }),
    'group "g": task "t": resources: numa: cores of one memory node cannot be promised',
  ],
  [
    made({ task: 'resources {\nnuma { affinity = "best" }\n}' }),
    'group "g": task "t": resources: numa: the affinity "best" is not known',
    'group "g": task "t": resources: numa: it needs cores of the task\'s own',
  ],
  [
    made({ task: 'identity {\nname = "a b"\nchange_mode = "reload"\nfilepath = "../x"\n}' }),
    'group "g": task "t": identity "a b": the name is not valid',
    'group "g": task "t": identity "a b": the change_mode "reload" is not known',
    'group "g": task "t": identity "a b": the filepath "../x" leads out of the allocation\'s folder',
  ],
  [
    made({ task: 'secret "a-b" {}' }),
    'group "g": task "t": secret "a-b": the name is not valid',
    'group "g": task "t": secret "a-b": the provider is missing',
    'group "g": task "t": secret "a-b": the path is missing',
  ],
  [
    made({ task: 'csi_plugin { type = "x" }' }),
    'group "g": task "t": csi_plugin: the type "x" is not known',
    'group "g": task "t": csi_plugin: the id is missing',
  ],
  [
    made({ task: 'artifact {\nsource = "x"\nmode = "zip"\noptions { checksum = "md5:abc" }\n}' }),
    'group "g": task "t": artifact: the mode "zip" is not known',
    'group "g": task "t": artifact: the checksum is no md5: expected 32 hexadecimal digits, found 3',
  ],
  [
    made({ task: 'action "a" {}\naction "a" { command = "x" }' }),
    'group "g": task "t": the action "a" occurs twice',
    'group "g": task "t": action "a": the command is missing',
  ],
  [
    made({ task: 'vault {\npolicies = ["root"]\nchange_mode = "x"\n}' }),
    'group "g": task "t": vault: the change_mode "x" is not known',
    'group "g": task "t": vault: the policy "root" is not allowed',
  ],
  [
    made({ group: 'service {\nport = "http"\nconnect {}\n}' }),
    'group "g": service "j-g-group": connect: expected one of native, sidecar_service and gateway',
  ],
  [
    made({ task: 'service {\nport = "http"\nconnect {\nsidecar_service {}\n}\n}' }),
    'group "g": task "t": service "j-g-t": connect is for services of the group',
  ],
  [made({ job: 'meta = { "a\\u0007b" = "x" }' }), 'meta: a key holds control characters: "a\\u0007b"'],
  [
    made({ job: 'ui {\nlink {\nlabel = "x"\nurl = "javascript:alert(1)"\n}\n}' }),
    'ui: the link "javascript:alert(1)" is no http or https address',
  ],
  [made({ group: "count = 100000" }), 'group "g": count is 100000, more than the limit of 50000'],
  [
    made({ job: 'group "h" {\ncount = 30000\ntask "t" { driver = "x" }\n}', group: "count = 30000" }),
    "the counts of all groups add up to 60000, more than the limit of 50000",
  ],
  [
    made({ job: 'type = "batch"\nperiodic { crons = ["0 0 30 2 *"] }' }),
    'periodic: the schedule "0 0 30 2 *" never comes',
  ],
  [
    made({ job: 'type = "batch"\nperiodic {\ncron = "0 0 * * *"\ntime_zone = "Mars/Base"\n}' }),
    'periodic: the time zone "Mars/Base" is not known',
  ],
  ['job "a b" {\ngroup "g" {\ntask "t" { driver = "x" }\n}\n}', 'the job ID "a b" holds white space'],
  ['job "j" {\ngroup "g" {}\n}', 'group "g": missing tasks'],
  ['job "j" {\ngroup "g" {\ntask "t" {}\n}\n}', 'group "g": task "t": missing driver'],
  [made({ job: 'type = "servic"' }), 'the job type "servic" is not known'],
  [made({ job: "priority = 101" }), "the priority is 101, expected 1 to 100"],
  [made({ job: 'datacenters = [""]' }), "missing job datacenters"],
  [made({ job: 'namespace = "a b"' }), 'the namespace "a b" is not valid'],
  [made({ job: 'group "g" {\ntask "t" { driver = "x" }\n}' }), 'the group "g" occurs twice'],
  [made({ group: 'task "t" { driver = "x" }' }), 'group "g": the task "t" occurs twice'],
  [
    made({ job: 'constraint {\nattribute = "a"\noperator = "~="\nvalue = "b"\n}' }),
    'constraint: the operator "~=" is not known',
  ],
  [
    made({ group: 'constraint {\nattribute = "a"\nregexp = "("\n}' }),
    'group "g": constraint: bad regular expression "(": error parsing regexp: missing closing ): `(`',
  ],
  [
    made({ task: 'constraint {\nattribute = "a"\nversion = "abc"\n}' }),
    'group "g": task "t": constraint: "abc" is no version constraint',
  ],
  [
    made({ job: 'affinity {\nattribute = "a"\nvalue = "b"\nweight = 0\n}' }),
    "affinity: the weight is 0, expected -100 to 100 without 0",
  ],
  [
    made({ job: 'spread {\nattribute = "a"\ntarget "x" { percent = 60 }\ntarget "y" { percent = 60 }\n}' }),
    "spread: the targets' percentages add up to 120, more than 100",
  ],
  [made({ job: 'type = "batch"\nperiodic { cron = "* * *" }' }), 'periodic: "* * *" is no cron expression'],
  [made({ job: 'periodic { cron = "@daily" }' }), "periodic: a service job cannot be periodic"],
  [
    made({ job: 'type = "batch"\nperiodic {\ncron = "@daily"\ntime_zone = "Mars/X"\n}' }),
    'periodic: the time zone "Mars/X" is not known',
  ],
  [
    made({ job: 'type = "batch"\nparameterized {\npayload = "maybe"\n}' }),
    'parameterized: payload "maybe" is not known',
  ],
  [made({ group: "count = -1" }), 'group "g": count is -1, expected 0 or more'],
  [made({ group: "count = 60000" }), 'group "g": count is 60000, more than the limit of 50000'],
  [made({ job: 'type = "system"', group: "count = 3" }), 'group "g": count is 3: system jobs run once on every node'],
  [
    made({ group: "scaling {\nmin = 2\nmax = 1\n}" }),
    'group "g": scaling: max 1 is less than min 2',
    'group "g": count 2 is not within scaling\'s min 2 and max 1',
  ],
  [
    made({ group: 'restart {\nmode = "retry"\n}' }),
    'group "g": restart: the mode "retry" is not known',
    'group "g": task "t": restart: the mode "retry" is not known',
  ],
  [
    made({ group: 'restart {\nattempts = 10\ndelay = "10m"\n}' }).replace("task", "task"),
    'group "g": restart: 10 attempts with a delay of 10m0s do not fit into the interval 30m0s',
    'group "g": task "t": restart: 10 attempts with a delay of 10m0s do not fit into the interval 30m0s',
  ],
  [made({ group: 'reschedule {\ndelay = "1s"\n}' }), 'group "g": reschedule: the delay 1s is shorter than 5s'],
  [
    made({ job: 'update {\nmin_healthy_time = "6m"\n}' }),
    'group "g": update: min_healthy_time 6m0s must be shorter than healthy_deadline 5m0s',
  ],
  [made({ job: "update {\nauto_promote = true\n}" }), 'group "g": update: auto_promote needs at least one canary'],
  [
    made({ group: "ephemeral_disk { size = 5 }" }),
    'group "g": ephemeral_disk: the size is 5 MB, expected 10 or more',
    'group "g": task "t": logs: 10 files of 10 MB do not fit on the ephemeral disk of 5 MB',
  ],
  [
    made({ group: 'disconnect {\nlost_after = "1h"\nstop_on_client_after = "1m"\n}' }),
    'group "g": disconnect: lost_after and stop_on_client_after are both set',
  ],
  [
    REDIS.replace("static = 6379", "static = 70000"),
    'group "cache": network: port "db": static is 70000, expected 1 to 65535',
  ],
  [
    REDIS.replace('port "db" { static = 6379 }', 'port "db" { static = 1 }\nport "x" { static = 1 }'),
    'group "cache": network: port "x": the static port 1 is taken by port "db" already',
  ],
  [
    REDIS.replace('port = "db"\n', 'port = "dc"\n'),
    'group "cache": task "redis": service "fun-redis": the port "dc" is not among the group\'s ports',
  ],
  [
    REDIS.replace('"10s"', '"10ms"'),
    'group "cache": task "redis": service "fun-redis": check: the interval 10ms is shorter than 1s',
  ],
  [
    REDIS.replace('"tcp"', '"icmp"'),
    'group "cache": task "redis": service "fun-redis": check: the type "icmp" is not known',
  ],
  [
    REDIS.replace('"tcp"', '"http"'),
    'group "cache": task "redis": service "fun-redis": check: an http check needs a path',
  ],
  [
    REDIS.replace('"fun-redis"', '"fun_redis"'),
    'group "cache": task "redis": service "fun_redis": the name is no host name',
  ],
  [
    REDIS.replace('"fun-redis"', '"fun-redis"\nprovider = "etcd"'),
    'group "cache": task "redis": service "fun-redis": the provider "etcd" is not known',
    'group "cache": task "redis": service "fun-redis": check: the type "tcp" is not known',
  ],
  [
    made({ task: 'service {\nname = "a"\nport = "http"\n}\nservice {\nname = "a"\nport = "http"\n}' }),
    'group "g": the service "a on port http" occurs twice',
  ],
  [made({ task: "resources {\nmemory = 1\n}" }), 'group "g": task "t": resources: memory is 1 MB, expected 10 or more'],
  [made({ task: "resources {\ncpu = 5\ncores = 1\n}" }), 'group "g": task "t": resources: cpu and cores are both set'],
  [
    made({ task: "resources {\nmemory_max = 200\n}" }),
    'group "g": task "t": resources: memory_max 200 MB is less than memory 300 MB',
  ],
  [
    made({ task: 'lifecycle { hook = "before" }' }),
    'group "g": all tasks have a lifecycle block',
    'group "g": task "t": lifecycle: the hook "before" is not known',
  ],
  [
    made({ task: "template {}" }),
    'group "g": task "t": template: neither data nor source is set',
    'group "g": task "t": template: the destination is missing',
  ],
  [
    made({ task: 'template {\ndata = "x"\ndestination = "../x"\nchange_mode = "signal"\nperms = "9"\n}' }),
    'group "g": task "t": template: perms "9" is no octal mode',
    'group "g": task "t": template: the destination "../x" leads out of the allocation\'s folder',
  ],
  [
    made({ task: 'volume_mount {\nvolume = "d"\ndestination = "/d"\n}' }),
    'group "g": task "t": volume_mount: the group has no volume "d"',
  ],
  [
    made({ group: 'volume "d" { type = "nfs" }' }),
    'group "g": volume "d": the type "nfs" is not known',
    'group "g": volume "d": the source is missing',
  ],
  [
    made({ task: 'dispatch_payload { file = "x" }' }),
    'group "g": task "t": dispatch_payload is for parameterized jobs',
  ],
  [made({ task: 'kill_timeout = "-1s"' }), 'group "g": task "t": kill_timeout is negative'],
  [made({}).replace('task "t"', 'task "a/b"'), 'group "g": task "a/b": the name holds a slash'],
  [made({}).replace('task "t"', 'task "a\\tb"'), 'group "g": the name "a\\tb" of a task holds control characters'],
];

for (const [text, ...messages] of CASES) {
  test(messages.join(" + ").slice(0, 150), (t) => t.deepEqual(errors(text), messages));
}

test("warnings are no errors", (t) => {
  const found = verdict(
    made({ group: "count = 1\nupdate { max_parallel = 5 }", task: "resources {\nnetwork { mbits = 10 }\n}" }),
  );
  t.deepEqual(found.errors, []);
  t.is(found.warnings.length, 3);
});

test("what is wrong is shown at its block", (t) => {
  const places = (source: string) => {
    const read = readJobFile({ source, fileName: "j.hcl" });
    return (read.ok ? read.warnings : read.diagnostics).map(
      (each) => `${each.severity} ${each.start.line}:${each.start.column}`,
    );
  };
  t.deepEqual(places(REDIS), []);
  t.deepEqual(places(REDIS.replace('port = "db"\n', 'port = "dc"\n')), ["error 13:7"]);
  t.deepEqual(places(REDIS.replace('"10s"', '"1ms"')), ["error 16:9"]);
  t.deepEqual(places('job "j" {\n  task "t" {\n  }\n}\n'), ["error 2:3"]);
  t.deepEqual(
    places(
      'job "j" {\n  type = "x"\n  group "a" {\n  }\n  group "b" {\n    network {\n      port "a b" {}\n    }\n    task "t" { driver = "x" }\n  }\n}',
    ),
    ["error 1:1", "error 3:3", "error 7:7"],
  );
  t.deepEqual(
    places(
      'job "j" {\n  group "a" {\n    task "t" {\n      driver = "x"\n      resources {\n        network { mbits = 1 }\n      }\n    }\n  }\n}',
    ),
    ["warning 2:3", "warning 5:7"],
  );
  const read = readJobFile({ source: 'job "j" {\n  group "a" {\n  }\n}\n', fileName: "j.hcl" });
  t.is(
    read.ok ? "" : renderDiagnostics(read.diagnostics),
    'j.hcl:2:3: error: group "a": missing tasks\n  2 |   group "a" {\n    |   ^^^^^^^^^^\n  hint: a group has at least one: task "name" { driver = … }',
  );
});

test("jobs in JSON: with and without the wrapper, unknown fields dropped, wrong types named", (t) => {
  const full = job(REDIS);
  for (const text of [JSON.stringify(full), JSON.stringify({ Job: full }), JSON.stringify({ ...full, Newer: 1 })]) {
    const read = parseJobJson(text);
    t.deepEqual(read.ok ? read.job : undefined, full);
  }
  const wrong = (text: string): readonly string[] => {
    const read = parseJobJson(text);
    return read.ok ? [] : read.diagnostics.map(({ start, message }) => `${start.line}:${start.column} ${message}`);
  };
  t.deepEqual(wrong('{"Job": {"ID": "x",\n "TaskGroups": [{"Name": "g",\n  "Count": "2"}]}}'), [
    '3:12 TaskGroups.0.Count: expected number, found "2"',
  ]);
  t.deepEqual(wrong('{"ID": 7,\n"Constraints": {}}'), [
    "1:8 ID: expected string, found 7",
    "2:16 Constraints: expected a list, found Object",
  ]);
  t.deepEqual(wrong("[1]"), ["1:1 expected a job as an object"]);
  t.deepEqual(wrong('{"ID":\n'), ["1:7 expected a value, found the end of the line"]);
  t.regex(wrong('{"ID": "x" // no comments\n}').join(), /^1:1 this is no JSON: /);
});

test("whatever has the shape of a job gets a verdict", (t) => {
  const text = fc.oneof(
    fc.constantFrom("", "a", "db", "${x}", "consul", "http", "é\n", "../x"),
    fc.string({ maxLength: 5 }),
  );
  const number = fc.oneof(fc.constant(null), fc.integer(), fc.constantFrom(0, -1, 1e9));
  const shape = fc.record({
    ID: text,
    Type: fc.constantFrom("", "service", "batch", "system", "x"),
    Priority: number,
    Periodic: fc.option(fc.record({ Spec: text, TimeZone: text })),
    Constraints: fc.array(
      fc.record({
        LTarget: text,
        RTarget: text,
        Operand: fc.constantFrom("=", "regexp", "version", "distinct_property", "x"),
      }),
      { maxLength: 2 },
    ),
    TaskGroups: fc.array(
      fc.record({
        Name: text,
        Count: number,
        RestartPolicy: fc.option(fc.record({ Attempts: number, Interval: number, Delay: number, Mode: text })),
        Networks: fc.array(
          fc.record({
            Mode: text,
            ReservedPorts: fc.array(fc.record({ Label: text, Value: fc.integer() }), { maxLength: 2 }),
          }),
          { maxLength: 2 },
        ),
        Tasks: fc.array(
          fc.record({
            Name: text,
            Driver: text,
            Services: fc.array(
              fc.record({
                Name: text,
                PortLabel: text,
                Provider: text,
                Checks: fc.array(fc.record({ Type: text }), { maxLength: 1 }),
              }),
              { maxLength: 1 },
            ),
          }),
          { maxLength: 2 },
        ),
      }),
      { maxLength: 2 },
    ),
  });
  fc.assert(
    fc.property(shape, (json) => {
      const once = canonicalize(v.parse(JobSchema, json));
      validateJob(once);
      if (JSON.stringify(canonicalize(once)) !== JSON.stringify(once))
        throw new Error("canonicalize is not idempotent");
    }),
    { numRuns: 500 },
  );
  t.pass();
});

test("a job in JSON with anything wrong in it gets its place named, or a verdict", (t) => {
  const base = JSON.stringify({ Job: canonicalize(job(BIG)) }, null, 1);
  const lines = base.split("\n");
  const anything = fc.constantFrom(
    '"x"',
    "-1",
    "1e300",
    "null",
    "true",
    "[]",
    "{}",
    "[[1]]",
    '{"__proto__": 1}',
    '"\\u0000"',
    "9007199254740993",
    "{",
    "",
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(lines.length - 1), anything), { minLength: 1, maxLength: 3 }), (edits) => {
      const changed = [...lines];
      for (const [at, put] of edits)
        changed[at] = (changed[at] ?? "").replace(/: (?:"(?:[^"\\]|\\.)*"|[\w.[\]{}-]+)/, () => `: ${put}`);
      const text = changed.join("\n");
      const read = parseJobJson(text);
      if (read.ok) return void validateJob(canonicalize(read.job));
      if (read.diagnostics.length === 0) throw new Error("failed without saying why");
      for (const each of read.diagnostics) if (each.start.line < 1) throw new Error("without a place");
    }),
    { numRuns: 600 },
  );
  t.pass();
});

test("too much of anything is refused before it is looked at", (t) => {
  const base = canonicalize(job(made({})));
  const [group] = base.TaskGroups;
  const verdicts = (changed: Partial<typeof base>) =>
    validateJob({ ...base, ...changed }).errors.map(({ message }) => message);
  const many = Array.from({ length: 501 }, (_, at) => ({ ...group!, Name: `g${at}` }));
  const text = JSON.stringify({ ...base, TaskGroups: many });
  const read = parseJobJson(text);
  t.deepEqual(read.ok ? [] : read.diagnostics.map(({ message }) => message), [
    "TaskGroups: at most 500 groups are possible",
  ]);
  const hcl = Array.from({ length: 501 }, (_, at) => `group "g${at}" {\ntask "t" { driver = "x" }\n}\n`).join("");
  t.throws(() => job(`job "x" {\n${hcl}}`), { message: /TaskGroups: at most 500 groups are possible/ });
  const tasks = Array.from({ length: 3 }, (_, at) => ({
    ...group!,
    Name: `g${at}`,
    Tasks: Array.from({ length: 400 }, () => group!.Tasks[0]!),
  }));
  t.deepEqual(verdicts({ TaskGroups: tasks }), ["the job has 1200 tasks; at most 1000 are possible"]);
  let deep: unknown = 1;
  for (let depth = 0; depth < 50_000; depth++) deep = [deep];
  const nested = { ...group!, Tasks: group!.Tasks.map((task) => ({ ...task, Config: { deep } })) };
  t.deepEqual(verdicts({ TaskGroups: [nested] }), ["lists and objects are nested more than 64 deep"]);
  t.regex(
    verdicts({ Meta: { a: "x".repeat(1_400_000) } })[0] ?? "",
    /^the job has \d+ characters as JSON; at most 1300000 can be kept$/,
  );
});
