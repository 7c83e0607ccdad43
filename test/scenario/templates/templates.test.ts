import { mkdtempSync, readdirSync, rmSync, statSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { getgid, getuid } from "node:process";
import test from "ava";
import * as v from "valibot";
import { testAgent, until, type TestAgent } from "../agent.ts";
import { removeAgent } from "../faults/tasks-of.ts";
import {
  allocOf,
  AT_ONCE,
  filesOf,
  jobWith,
  NOTING,
  put,
  submit,
  type TemplateJob,
  type Watched,
} from "./template-jobs.ts";
import { smallVault, type SmallVault } from "./vault.ts";

let agent: TestAgent;
let vault: SmallVault;
test.before(async () => {
  vault = await smallVault();
  agent = await testAgent({
    config: `vault {\n enabled = true\n address = "${vault.address}"\n create_from_role = "app"\n}`,
  });
});
test.after.always(async () => {
  await removeAgent(agent);
  await vault.close();
});

async function start(id: string, job: TemplateJob): Promise<Watched> {
  await submit(agent, "/v1/jobs", jobWith(id, job));
  return placed(id);
}

async function placed(job: string): Promise<Watched> {
  let found: Watched | undefined;
  await until(`${job} is placed`, async () => (found = await allocOf(agent, job)) !== undefined);
  if (found === undefined) throw new Error(`${job} has no allocation`);
  return found;
}

const saysEvent = (alloc: Watched, what: RegExp) =>
  until(`an event says ${what}`, async () => what.test(await alloc.events()));

test.serial(
  "waited for, into files and the environment, told by signal, script and restart; errors touch no task",
  async (t) => {
    t.timeout(180_000);
    await put(agent, "t/color", "red");
    await put(agent, "t/number", "1");
    const alloc = await start("follow", {
      templates: [
        { ...AT_ONCE, EmbeddedTmpl: 'COLOR={{ key "t/color" }}', DestPath: "${NOMAD_SECRETS_DIR}/env", Envvars: true },
        {
          ...AT_ONCE,
          EmbeddedTmpl: '{{ key "t/late" }}',
          DestPath: "local/late",
          ChangeMode: "signal",
          ChangeSignal: "SIGHUP",
          Splay: 5e7,
        },
        {
          ...AT_ONCE,
          EmbeddedTmpl: '{{ key "t/number" | parseInt | add 1 }}',
          DestPath: "local/number",
          ChangeMode: "noop",
        },
        {
          ...AT_ONCE,
          EmbeddedTmpl: '{{ key "t/script" }}',
          DestPath: "local/script",
          ChangeMode: "script",
          ChangeScript: {
            Command: "/bin/sh",
            Args: ["-c", "echo script $(cat local/script) >> local/log"],
            Timeout: 3e10,
          },
        },
      ],
    });
    await saysEvent(alloc, /Template: Missing: kv\.block\(t\/late\), kv\.block\(t\/script\)/);
    t.is(await alloc.status(), "pending");
    t.deepEqual(alloc.lines(), []);
    await put(agent, "t/script", "one");
    await put(agent, "t/late", "one");
    await until("the task starts", () => alloc.lines().length > 0);
    t.deepEqual(alloc.lines(), ["start red"]);
    t.deepEqual(
      [alloc.text("local/late"), alloc.text("local/number"), alloc.text("secrets/env")],
      ["one", "2", "COLOR=red"],
    );
    await put(agent, "t/late", "two");
    await until("the task is signalled", () => alloc.lines().includes("hup red"));
    t.is(alloc.text("local/late"), "two");
    await put(agent, "t/script", "two");
    await until("the script ran", () => alloc.lines().includes("script two"));
    await saysEvent(alloc, /Template ran script \/bin\/sh with arguments \[-c .*\] after change\. Exit code: 0/);
    await put(agent, "t/number", "7");
    await until("the file is written", () => alloc.text("local/number") === "8");
    await put(agent, "t/number", "seven");
    await saysEvent(alloc, /Template failed: local\/number: .*parseInt/);
    t.is(await alloc.status(), "running");
    t.is(alloc.text("local/number"), "8", "the last rendering stands");
    await fetch(`${agent.consul}/v1/kv/t/late`, { method: "DELETE" });
    await put(agent, "t/number", "20");
    await until("the mended template is written", () => alloc.text("local/number") === "21");
    t.is(alloc.text("local/late"), "two", "what is gone leaves what was there");
    t.deepEqual(alloc.lines(), ["start red", "hup red", "script two"]);
    await put(agent, "t/color", "blue");
    await until("the task is restarted", () => alloc.lines().includes("start blue"));
    await saysEvent(alloc, /Restart Signaled: Template with change_mode restart re-rendered/);
    await until("it is reported to run", async () => (await alloc.status()) === "running");
  },
);

test.serial("how a file is: mode, owner, delimiters, a source beside the job, missing keys both ways", async (t) => {
  const [uid, gid] = getuid?.() === 0 ? [1234, 2345] : [getuid?.() ?? 0, getgid?.() ?? 0];
  await submit(
    agent,
    "/v1/jobs",
    jobWith("shapes", {
      templates: [
        {
          EmbeddedTmpl: '<< "a" >>{{ }}',
          LeftDelim: "<<",
          RightDelim: ">>",
          DestPath: "local/deep/er/delims",
          Perms: "600",
          Uid: uid,
          Gid: gid,
        },
        { SourcePath: "local/in.tpl", DestPath: "local/from-source" },
        {
          EmbeddedTmpl: '{{ with $x := parseJSON "{}" }}{{ end }}{{ (parseJSON "{\\"a\\":1}").b }}',
          DestPath: "local/missing",
        },
        { EmbeddedTmpl: '{{ env "NOMAD_TASK_NAME" }} {{ env "NOMAD_META_k" }}', DestPath: "/local/own" },
      ],
      fields: { DispatchPayload: { File: "in.tpl" }, Meta: { k: "v" } },
      job: { Type: "batch", ParameterizedJob: { Payload: "required" } },
    }),
  );
  const Payload = Buffer.from('source {{ "text" | toUpper }}').toString("base64");
  const answer = await submit(agent, "/v1/job/shapes/dispatch", { Payload });
  const { DispatchedJobID } = v.parse(
    v.pipe(v.string(), v.parseJson(), v.object({ DispatchedJobID: v.string() })),
    answer,
  );
  const alloc = await placed(DispatchedJobID);
  await until("it runs", async () => (await alloc.status()) === "running");
  t.is(alloc.text("local/deep/er/delims"), "a{{ }}");
  const stat = statSync(alloc.path("local/deep/er/delims"));
  t.deepEqual([stat.mode & 0o777, stat.uid, stat.gid], [0o600, uid, gid]);
  t.is(alloc.text("local/from-source"), "source TEXT");
  t.is(alloc.text("local/missing"), "<no value>");
  t.is(alloc.text("local/own"), "a v");
});

const refused: readonly (readonly [name: string, template: Record<string, unknown>, event: RegExp])[] = [
  ["absolute", { EmbeddedTmpl: "x", DestPath: "/etc/lares-x" }, /destination "\/etc\/lares-x" escapes/],
  ["variable", { EmbeddedTmpl: "x", DestPath: "${NOMAD_TASK_DIR}/../../../../x" }, /escapes the allocation's folder/],
  ["source", { SourcePath: "/etc/hostname", DestPath: "local/x" }, /source "\/etc\/hostname" escapes/],
  ["no-source", { SourcePath: "local/none", DestPath: "local/x" }, /template source "local\/none" does not exist/],
  ["file", { EmbeddedTmpl: '{{ file "/etc/hostname" }}', DestPath: "local/x" }, /local\/x:1:3: .*outside of sandbox/],
  [
    "missing-key",
    { EmbeddedTmpl: '{{ (parseJSON "{}").b }}', DestPath: "local/x", ErrMissingKey: true },
    /map has no entry for key "b"/,
  ],
  ["syntax", { EmbeddedTmpl: "line\n{{ end }}", DestPath: "local/x" }, /local\/x:2: unexpected \{\{end\}\}/],
  [
    "endless",
    { EmbeddedTmpl: "{{ range loop 900000 }}{{ range loop 900000 }}{{ end }}{{ end }}", DestPath: "local/x" },
    /local\/x:1:\d+: .*(steps|actions|limit)/,
  ],
  [
    "recursion",
    { EmbeddedTmpl: '{{ define "r" }}{{ template "r" }}{{ end }}{{ template "r" }}', DestPath: "local/x" },
    /exceeded maximum template depth/,
  ],
  ["huge", { EmbeddedTmpl: '{{ sprig_repeat 1000000000 "a" }}', DestPath: "local/x" }, /local\/x:1:3: .*sprig_repeat/],
  ["folder", { EmbeddedTmpl: "x", DestPath: "local" }, /it is a directory/],
  [
    "not-env",
    { EmbeddedTmpl: "no variable", DestPath: "local/x", Envvars: true },
    /line 1 is no variable: expected NAME=value/,
  ],
  ["denied", { EmbeddedTmpl: '{{ plugin "ls" }}', DestPath: "local/x" }, /local\/x:1:3: .*function is disabled/],
];

test.serial("what cannot be rendered is said in the task's events, and others go on", async (t) => {
  t.timeout(240_000);
  const sent = submit(
    agent,
    "/v1/jobs",
    jobWith("up", { templates: [{ EmbeddedTmpl: "x", DestPath: "../../../up" }] }),
  );
  await t.throwsAsync(sent, { message: /leads out of the allocation's folder \(write it without \.\.\)/ });
  await put(agent, "r/good", "good");
  const good = await start("good", {
    templates: [{ ...AT_ONCE, EmbeddedTmpl: '{{ key "r/good" }}', DestPath: "local/conf/x", ChangeMode: "noop" }],
  });
  const allocs = await Promise.all(refused.map(([name, template]) => start(`bad-${name}`, { templates: [template] })));
  for (const [at, [name, , event]] of refused.entries()) {
    const alloc = allocs[at];
    if (alloc === undefined) throw new Error(name);
    await until(
      `${name} says ${event}; it says: ${await alloc.events()}`,
      async () => event.test(await alloc.events()),
      60_000,
    );
    t.deepEqual(alloc.lines(), [], `${name}: the task did not start`);
  }
  await put(agent, "r/good", "better");
  await until("the good one is followed", () => good.text("local/conf/x") === "better");
  const outside = mkdtempSync(join(agent.dir, "outside-"));
  rmSync(good.path("local/conf"), { recursive: true });
  symlinkSync(outside, good.path("local/conf"));
  await put(agent, "r/good", "best");
  await saysEvent(good, /Template failed: local\/conf\/x: .*local\/conf is a link, which is not followed here/);
  t.deepEqual(readdirSync(outside), []);
  await until("it goes on", async () => (await good.status()) === "running");
});

test.serial(
  "an agent that was killed follows on: nothing is written, no task touched, and what changed meanwhile is told",
  async (t) => {
    t.timeout(180_000);
    for (const key of ["k/same", "k/away"]) await put(agent, key, "one");
    const alloc = await start("away", {
      templates: [
        { ...AT_ONCE, EmbeddedTmpl: '{{ key "k/same" }}', DestPath: "local/same" },
        { ...AT_ONCE, EmbeddedTmpl: '{{ env "NOMAD_TOKEN" }}', DestPath: "secrets/token" },
        {
          ...AT_ONCE,
          EmbeddedTmpl: '{{ key "k/away" }}',
          DestPath: "local/away",
          ChangeMode: "signal",
          ChangeSignal: "SIGHUP",
        },
      ],
      fields: { Identity: { Name: "default", Env: true } },
    });
    await until("it runs", () => alloc.lines().length === 1);
    t.regex(alloc.text("secrets/token"), /^ey/);
    const marks = ["local/same", "secrets/token"].map((name) => alloc.mark(name));
    await agent.kill();
    t.is(alloc.text("local/away"), "one");
    await agent.start();
    await put(agent, "k/away", "two");
    await until("a later agent follows on", () => alloc.text("local/away") === "two");
    await until("the task is told", () => alloc.lines().length === 2);
    t.deepEqual(
      alloc.lines().map((line) => line.trim()),
      ["start", "hup"],
    );
    t.deepEqual(
      ["local/same", "secrets/token"].map((name) => alloc.mark(name)),
      marks,
      "written once",
    );
    await put(agent, "k/same", "two");
    await until("a change restarts it", () => alloc.lines().length === 3);
    t.deepEqual(
      alloc.lines().map((line) => line.trim()),
      ["start", "hup", "start"],
    );
  },
);

const SECRET = {
  ...AT_ONCE,
  EmbeddedTmpl: '{{ with secret "secret/data/app" }}{{ .Data.data.password }}{{ end }}',
  DestPath: "secrets/db",
};
const VAULT_ID = { Name: "vault_default", Audience: ["vault.io"], TTL: 3.6e12 };

test.serial("secrets: a task logs in to Vault as itself, and a later agent goes on with its token", async (t) => {
  t.timeout(120_000);
  const program = `export COLOR=$VAULT_TOKEN; ${NOTING}`;
  const alloc = await start("secret", {
    templates: [SECRET],
    fields: { Vault: {}, Identities: [VAULT_ID], Config: { command: "/bin/sh", args: ["-c", program] } },
  });
  await until("it runs", () => alloc.lines().length === 1);
  t.deepEqual(alloc.lines(), ["start token-1"]);
  t.deepEqual([alloc.text("secrets/db"), alloc.text("secrets/vault_token")], ["first", "token-1"]);
  t.like(vault.logins[0], { role: "app", claims: { aud: "vault.io", nomad_job_id: "secret", nomad_task: "a" } });
  const mark = alloc.mark("secrets/vault_token");
  await agent.kill();
  vault.readers.clear();
  vault.password = "second";
  await agent.start();
  await until("what changed meanwhile restarts it", () => alloc.lines().length === 2);
  t.is(alloc.text("secrets/db"), "second");
  t.deepEqual([alloc.lines()[1], vault.logins.length, [...vault.readers]], ["start token-1", 1, ["token-1"]]);
  t.is(alloc.mark("secrets/vault_token"), mark);
});

test.serial("secrets that cannot be had say what is missing", async (t) => {
  const [blockless, faceless, roleless] = await Promise.all([
    start("no-block", { templates: [SECRET] }),
    start("no-identity", { templates: [SECRET], fields: { Vault: {} } }),
    start("no-role", { templates: [], fields: { Vault: { Role: "other" }, Identities: [VAULT_ID] } }),
  ]);
  await saysEvent(blockless, /the task has no vault block: add vault { } to it/);
  await saysEvent(faceless, /cannot log in to vault: the task has no identity "vault_default": add identity/);
  await saysEvent(roleless, /cannot log in to vault: .*role "other" could not be found/);
  t.deepEqual(
    [blockless, faceless, roleless].map((alloc) => alloc.lines()),
    [[], [], []],
  );
});

test.serial(
  "with access control a task's templates read what its identity may, and nothing of other jobs",
  async (t) => {
    t.timeout(120_000);
    const guarded = await testAgent({ config: "acl { enabled = true }" });
    t.teardown(() => removeAgent(guarded));
    let secret = "";
    const call = async (method: string, path: string, body?: unknown): Promise<string> => {
      const headers = { "x-nomad-token": secret };
      const response = await fetch(`${guarded.nomad}${path}`, { method, headers, body: JSON.stringify(body) });
      const text = await response.text();
      if (response.status !== 200) throw new Error(`${path}: ${response.status} ${text}`);
      return text;
    };
    const { SecretID } = v.parse(
      v.pipe(v.string(), v.parseJson(), v.object({ SecretID: v.string() })),
      await call("POST", "/v1/acl/bootstrap"),
    );
    secret = SecretID;
    const set = (path: string, value: string) => call("PUT", `/v1/var/${path}`, { Path: path, Items: { value } });
    const place = (job: string): string => `{{ with nomadVar "nomad/jobs/${job}" }}{{ .value }}{{ end }}`;
    const run = async (job: string, of: string): Promise<void> => {
      const templates = [{ ...AT_ONCE, EmbeddedTmpl: place(of), DestPath: "local/x", ChangeMode: "noop" }];
      await call("POST", "/v1/jobs", jobWith(job, { templates }));
    };
    await set("nomad/jobs/mine", "one");
    await run("mine", "mine");
    await run("other", "mine");
    const files = (job: string) => filesOf(guarded, job, (path) => call("GET", path));
    await until("its own variable is read", async () => (await files("mine")).includes("one"));
    await set("nomad/jobs/mine", "two");
    await until("and followed", async () => (await files("mine")).includes("two"));
    await until("the other is refused", () => /nomad answered 403/.test(guarded.log()));
    t.deepEqual(await files("other"), []);
  },
);
