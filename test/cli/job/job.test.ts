import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test from "ava";
import { wordsAs } from "#cli/command/link-name.ts";
import { lares, startCluster } from "../cluster.ts";

const HCL = (more = "", count = 1) => `variable "image" {
  default = "a"
}
variable "pin" {
  default   = "1"
  sensitive = true
}

job "web" {
  type = "batch"
  meta { image = var.image }
  ${more}
  group "g" {
    count = ${count}
    task "t" {
      driver = "mock_driver"
      config { run_for = "1h" }
      resources {
        cpu    = 10
        memory = 10
      }
    }
  }
}
`;

test("versions have names, are compared, inspected and gone back to", async (t) => {
  const { environment, folder } = await startCluster(t);
  const say = (...words: string[]) => lares(environment, words);
  const file = join(folder, "web.nomad.hcl");
  await writeFile(file, HCL());
  t.is((await say("job", "run", "-detach", "-var", "image=b", "-var", "pin=4711", file)).code, 0);
  await writeFile(file, HCL("", 2));
  const plan = await say("job", "plan", file);
  t.is(plan.code, 1);
  t.regex(plan.out, /^\+\/- Job: "web"\n\+\/- Meta\[image\]: "b" => "a"\n\+\/- Task Group: "g" \(1 create/);
  t.regex(plan.out, /\n {2}\+\/- Count: "1" => "2" \(forces create\)\n {6}Task: "t"\n/);
  t.false((await say("job", "plan", "-diff=false", file)).out.includes("Count"));
  t.is((await say("job", "run", "-detach", "-eval-priority", "70", file)).code, 0);
  t.regex(
    (await say("job", "tag", "apply", "-name", "golden", "-version", "0", "-description", "d", "web")).out,
    /tagged "golden"/,
  );
  const history = (await say("job", "history", "-p", "web")).out;
  t.regex(
    history,
    /Version += 1\n[\s\S]*Diff +=\n\+\/- Job: "web"[\s\S]*Version += 0\n[\s\S]*Tag Name += golden\nTag Description = d\n/,
  );
  t.regex((await say("job", "history", "-diff-tag", "golden", "web")).out, /Version += 1\n[\s\S]*Diff/);
  t.is(JSON.parse((await say("job", "history", "-json", "-version", "golden", "web")).out).length, 1);
  t.is(JSON.parse((await say("job", "inspect", "web")).out).Job.Constraints, null);
  t.is(JSON.parse((await say("job", "inspect", "-version", "golden", "web")).out).Job.TaskGroups[0].Count, 1);
  const template = "{{ .ID }}:{{ range .TaskGroups }}{{ .Name }}*{{ .Count }}{{ end }}";
  t.is((await say("job", "inspect", "-t", template, "web")).out, "web:g*2\n");
  t.is((await say("job", "history", "-t", "{{ range . }}v{{ .Version }} {{ end }}", "web")).out, "v1 v0 \n");
  t.like(await say("job", "inspect", "-t", "{{ .ID", "web"), { code: 2 });
  t.is((await say("job", "status", "-t", "{{ range . }}{{ .ID }} {{ .Type }}{{ end }}")).out, "web batch\n");
  t.regex((await say("job", "allocs", "-t", "{{ range . }}{{ .JobID }};{{ end }}", "web")).out, /^(web;)*\n$/);
  t.regex((await say("alloc", "status", "-t", "{{ range . }}{{ .JobID }};{{ end }}")).out, /^(web;)*\n$/);
  t.is((await say("node", "status", "-t", "{{ range . }}{{ .Name }}{{ end }}")).out, "pi\n");
  t.is((await say("catalog", "nodes", "-t", "{{ range . }}{{ .Node }}{{ end }}")).out, "pi\n");
  t.like(await say("node", "status", "-t", "{{ nope }}"), { code: 2, out: "" });
  t.is((await say("job", "inspect", "-hcl", "web")).out, HCL("", 2));
  const source = (await say("job", "inspect", "-hcl", "-with-vars", "-version", "0", "web")).out;
  t.regex(source, /# Variables\nimage = "b"\n/);
  t.false(source.includes("4711"));
  t.is((await say("job", "revert", "-detach", "web", "golden")).code, 0);
  t.is(JSON.parse((await say("job", "inspect", "web")).out).Job.Version, 2);
  t.regex(
    (await say("job", "revert", "web", "nothing")).err,
    /no version with the tag nothing \(Kept are: 2, 1, 0 \(golden\)\)|Kept are: 2, 1, 0 \(golden\)/,
  );
  t.is((await say("job", "tag", "unset", "-name", "golden", "web")).code, 0);
  t.is((await say("job", "tag", "unset", "-name", "golden", "web")).code, 1);
  const stale = await say("job", "run", "-check-index", "1", file);
  t.is(stale.code, 1);
  t.regex(stale.err, /job exists with conflicting job modify index/);
});

test("jobs are dispatched with a payload, and launched before their time", async (t) => {
  const { environment, folder } = await startCluster(t);
  const say = (...words: string[]) => lares(environment, words);
  const file = join(folder, "job.nomad.hcl");
  await writeFile(file, HCL('parameterized {\nmeta_required = ["who"]\n}'));
  t.regex((await say("job", "run", file)).out, /registration successful/);
  const payload = join(folder, "payload");
  await writeFile(payload, "hi");
  const words = ["job", "dispatch", "-detach", "-meta", "who=you", "-idempotency-token", "one"];
  const done = await say(...words, "-id-prefix-template", "nightly", "web", payload);
  t.regex(done.out, /^Dispatched Job ID = web\/dispatch-nightly-\d+-\w{8}\nEvaluation ID += \w{8}\n$/);
  t.regex((await say(...words, "web")).out, /already dispatched with idempotency token "one"/);
  t.regex((await say("job", "dispatch", "-detach", "web")).err, /required meta keys: who/);
  await writeFile(payload, "x".repeat(16_385));
  t.regex((await say("job", "dispatch", "web", payload)).err, /the payload has 16385 bytes; at most 16384/);
  t.is((await say("job", "dispatch", "-meta", "who", "web")).code, 2);
  await writeFile(file, HCL('periodic {\ncrons = ["0 3 * * *"]\n}').replace('"web"', '"nightly"'));
  t.is((await say("job", "run", file)).code, 0);
  t.regex(
    (await say("job", "periodic", "force", "-detach", "nightly")).out,
    /^Force periodic successful\nEvaluation ID: /,
  );
  t.regex((await say("job", "periodic", "force", "web")).err, /non-periodic/);
});

test("job files in the API's JSON and in HCL's JSON; mistakes in either are shown in their line", async (t) => {
  const { environment, folder } = await startCluster(t);
  const say = (...words: string[]) => lares(environment, words);
  const file = join(folder, "job.json");
  const job = { web: { group: { g: { task: { t: { driver: "mock_driver", env: { A: "${var.a}" } } } } } } };
  await writeFile(file, JSON.stringify({ variable: { a: { default: "x" } }, job }));
  const printed = await say("job", "run", "-output", "-var", "a=y", file);
  t.is(JSON.parse(printed.out).Job.TaskGroups[0].Tasks[0].Env.A, "y", printed.err);
  await writeFile(file, printed.out);
  t.like(await say("job", "validate", file), { code: 0, out: "Job validation successful\n" });
  await writeFile(file, '{"Job": {"ID": "x",\n  "TaskGroups": [{"Count": "two"}]}}');
  const wrong = await say("job", "run", file);
  t.is(wrong.code, 1);
  t.regex(wrong.err, /job\.json:2:28: error: TaskGroups\.0\.Count: expected number, found "two"/);
  t.deepEqual(wordsAs(["/usr/bin/nomad"], ["run", "-json", "a.json"]), ["job", "run", "a.json"]);
});

test("functions over files see what lies beside the job file", async (t) => {
  const { environment, folder } = await startCluster(t);
  await mkdir(join(folder, "conf"));
  await writeFile(join(folder, "conf", "a.yaml"), "greeting: hi\n");
  const file = join(folder, "job.nomad.hcl");
  const meta =
    'meta {\nfiles = join(",", fileset("conf", "*.yaml"))\nhi = yamldecode(file("conf/a.yaml")).greeting\nhash = substr(bcrypt("x", 4), 0, 7)\n}';
  await writeFile(file, HCL().replace("meta { image = var.image }", meta));
  const { out, err } = await lares(environment, ["job", "run", "-output", file]);
  t.deepEqual(JSON.parse(out || "{}").Job?.Meta, { files: "a.yaml", hi: "hi", hash: "$2a$04$" }, err);
});

test("fmt lays files out, keeps comments, and says what it would do", async (t) => {
  const { environment, folder } = await startCluster(t);
  const say = (...words: string[]) => lares(environment, words);
  const inner = join(folder, "files", "inner");
  await mkdir(inner, { recursive: true });
  const messy = join(folder, "files", "a.hcl");
  const deep = join(inner, "b.nomad");
  const text = '# why\njob "x" {\ntype="batch" // kind\n    priority = 5\n}\n';
  const tidy = '# why\njob "x" {\n  type     = "batch" // kind\n  priority = 5\n}\n';
  await writeFile(messy, text);
  await writeFile(deep, text);
  await writeFile(join(folder, "files", "notes.txt"), text);
  t.like(await say("fmt", "-check", join(folder, "files")), { code: 1, out: `${messy}\n` });
  t.is(await readFile(messy, "utf8"), text);
  t.like(await say("fmt", join(folder, "files")), { code: 0, out: `${messy}\n` });
  t.is(await readFile(messy, "utf8"), tidy);
  t.is(await readFile(deep, "utf8"), text);
  t.like(await say("fmt", "-recursive", "-list=false", join(folder, "files")), { code: 0, out: "" });
  t.is(await readFile(deep, "utf8"), tidy);
  t.like(await say("fmt", "-check", "-recursive", join(folder, "files")), { code: 0, out: "" });
  await writeFile(messy, "job {");
  const broken = await say("fmt", messy);
  t.is(broken.code, 1);
  t.regex(broken.err, /a\.hcl:1:\d+: error: /);
});

const SITE = (name: string) => `job "${name}" {
  group "g" {
    count = 3
    update { min_healthy_time = "0s" }
    task "t" {
      driver = "mock_driver"
      config { run_for = "1h" }
      resources {
        cpu    = 10
        memory = 10
      }
    }
    task "side" {
      driver = "mock_driver"
      config { run_for = "1h" }
      resources {
        cpu    = 10
        memory = 10
      }
    }
  }
}
`;

test("jobs are restarted batch by batch, replaced, and stopped together", async (t) => {
  const { environment, folder } = await startCluster(t);
  const say = (...words: string[]) => lares(environment, words);
  for (const name of ["site", "other"]) {
    const file = join(folder, `${name}.nomad.hcl`);
    await writeFile(file, SITE(name));
    t.is((await say("job", "run", file)).code, 0);
  }
  const restarts = async () => {
    const allocs: { ID: string; ClientStatus: string; TaskStates: Record<string, { Restarts: number }> }[] = JSON.parse(
      (await say("job", "allocs", "-json", "site")).out,
    );
    return allocs
      .filter(({ ClientStatus }) => ClientStatus === "running")
      .map(({ ID, TaskStates }) => ({ ID, t: TaskStates["t"]?.Restarts, side: TaskStates["side"]?.Restarts }));
  };
  const before = await restarts();
  const some = await say("job", "restart", "-batch-size=50%", "-batch-wait=1ms", "-task=side", "-group=g", "site");
  t.is(some.code, 0, some.err);
  t.regex(some.out, /(Allocation "\w{8}" restarted\n){3}3 of 3 allocations restarted\n/);
  t.deepEqual(
    (await restarts()).map(({ t: main, side }) => [main, side]),
    [0, 1, 2].map(() => [0, 1]),
  );
  t.is((await say("job", "restart", "-json", "-yes", "site")).code, 0);
  t.deepEqual(
    (await restarts()).map(({ t: main, side }) => [main, side]),
    [0, 1, 2].map(() => [1, 2]),
  );
  const replaced = await say("job", "restart", "-reschedule", "-batch-size=2", "-no-shutdown-delay", "site");
  t.is(replaced.code, 0, replaced.err);
  t.regex(replaced.out, /3 of 3 allocations rescheduled\n$/);
  const after = new Set((await restarts()).map(({ ID }) => ID));
  t.false(before.some(({ ID }) => after.has(ID)));
  for (const wrong of ["-batch-size=0", "-batch-size=101%", "-batch-wait=soon", "-on-error=wait"])
    t.like(await say("job", "restart", wrong, "site"), { code: 2 });
  t.like(await say("job", "restart", "-reschedule", "-task=t", "site"), { code: 2 });
  t.regex((await say("job", "restart", "-task=nobody", "site")).err, /has a task "nobody"[\s\S]*side, t/);
  const asked = await say("job", "restart", "-batch-wait=ask", "site");
  t.is(asked.code, 1);
  t.regex(asked.err, /nobody to ask/);
  t.like(await say("job", "stop", "-eval-priority=101", "site"), { code: 2 });
  t.is((await say("job", "stop", "site", "nothing")).code, 1);
  t.regex((await say("job", "status", "-namespace", "*")).out, /site +.*running/);
  const stopped = await say(
    "job",
    "stop",
    "-no-shutdown-delay",
    "-global",
    "-yes",
    "-eval-priority=70",
    "site",
    "other",
  );
  t.is(stopped.code, 0, stopped.err);
  t.is(stopped.out.match(/==> Evaluation "\w{8}" finished/g)?.length, 2);
});
