import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { exportSPKI, generateKeyPair, SignJWT } from "jose";
import { testAgent, until } from "#test/scenario/agent.ts";
import { removeAgent } from "#test/scenario/faults/tasks-of.ts";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { chmod, mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import * as v from "valibot";
import { bytesBody } from "#base/http/body.ts";
import { HttpError } from "#base/http/http-error.ts";
import { succeed } from "#base/env/errors.ts";
import { fullAccess, noAccess, type AccessPolicy } from "#base/http/access.ts";
import { type AuditEvent } from "#base/http/audit.ts";
import { route } from "#base/http/route.ts";
import { AgentConfigSchema } from "#base/language/agent-config/config.ts";
import { readAgentConfig } from "#base/language/agent-config/read-config.ts";
import { openAuditLog } from "#cli/agent/audit/audit-log.ts";
import { createEnv } from "#base/platform/create-env.ts";
import { apiOf, makeState, requestOf } from "../../base/http/serve.ts";

const CONFIG = `acl {
  enabled = true
}
audit {
  enabled = true
}`;

const JOB = `job "app" {
  type = "batch"
  group "web" {
    task "main" {
      driver = "raw_exec"
      config {
        command = "sleep"
        args    = ["1000"]
      }
      identity {
        env  = true
        file = true
      }
      resources {
        cpu    = 10
        memory = 10
      }
    }
  }
}`;

test("a whole agent with access control: bootstrap, policies, tokens, roles, logins, keys, a task's own identity", async (t) => {
  const agent = await testAgent({ config: CONFIG });
  t.teardown(() => removeAgent(agent));
  const run = async (token: string, ...words: string[]) => {
    const [first = "", ...rest] = words;
    const flags = token === "" ? [] : [`-token=${token}`];
    return agent.lares(...first.split(" "), ...flags, ...rest);
  };
  t.not((await run("", "job status")).code, 0);
  const made = await run("", "acl bootstrap");
  t.is(made.code, 0, made.stderr);
  const root = /Secret ID += (\S+)/.exec(made.stdout)?.[1] ?? "";
  t.regex(made.stdout, /Policies +=\s+n\/a/);
  t.not((await run("", "acl bootstrap")).code, 0);
  const say = (...words: string[]) => run(root, ...words);
  t.is((await say("job status")).code, 0);

  const rules = join(agent.dir, "read.policy.hcl");
  writeFileSync(rules, 'namespace "default" {\n  policy = "read"\n}\n');
  t.regex(
    (await say("acl policy apply", "-description=Reads", "read", rules)).stdout,
    /Successfully wrote "read" ACL policy!/,
  );
  t.regex((await say("acl policy list")).stdout, /Name +Description\nread +Reads/);
  t.regex((await say("acl policy info", "read")).stdout, /Rules\n\nnamespace "default"/);
  const token = await say("acl token create", "-name=ci", "-policy=read", "-ttl=1h", "-json");
  const { SecretID, AccessorID } = JSON.parse(token.stdout);
  t.is((await run(SecretID, "job status")).code, 0);
  const job = join(agent.dir, "app.hcl");
  writeFileSync(job, JOB);
  const refused = await run(SecretID, "job run", job);
  t.regex(refused.stderr, /Permission denied/);
  t.regex((await run(SecretID, "acl token self")).stdout, new RegExp(`Accessor ID += ${AccessorID}`));
  t.regex((await say("acl token list")).stdout, /ci +client +false/);
  t.regex((await say("acl token update", "-name=cd", AccessorID)).stdout, /Name += cd/);
  const role = JSON.parse((await say("acl role create", "-name=readers", "-policy=read", "-json")).stdout);
  t.regex((await say("acl role list")).stdout, /readers/);
  t.regex((await say("acl role info", "-by-name", "readers")).stdout, new RegExp(role.ID));
  // It waits while its token is deleted; what it waits for happens after.
  const headers = { "x-nomad-token": SecretID };
  const index = (await fetch(`${agent.nomad}/v1/jobs`, { headers })).headers.get("x-nomad-index");
  const waiting = fetch(`${agent.nomad}/v1/jobs?index=${index}&wait=60s`, { headers });
  t.is((await say("acl token delete", AccessorID)).code, 0);
  t.regex((await run(SecretID, "job status")).stderr, /ACL token not found/);
  const idle = join(agent.dir, "idle.hcl");
  writeFileSync(idle, JOB.replace('"app"', '"idle"').replace('"batch"', '"sysbatch"'));
  t.is((await say("job run", "-detach", idle)).code, 0);
  const answered = await waiting;
  t.is(answered.status, 403);
  t.regex(await answered.text(), /ACL token not found/);

  const { privateKey, publicKey } = await generateKeyPair("EdDSA");
  const config = JSON.stringify({
    JWTValidationPubKeys: [await exportSPKI(publicKey)],
    SigningAlgs: ["EdDSA"],
    ClaimMappings: { team: "team" },
  });
  const method = [
    "-name=ci",
    "-type=JWT",
    "-token-locality=local",
    "-max-token-ttl=1h",
    "-default=true",
    `-config=${config}`,
  ];
  t.is((await say("acl auth-method create", ...method)).code, 0);
  t.regex((await run("", "acl auth-method list")).stdout, /ci +JWT +true/);
  const rule = await say(
    "acl binding-rule create",
    "-auth-method=ci",
    "-bind-type=role",
    "-bind-name=readers",
    "-selector=value.team == red",
  );
  t.is(rule.code, 0, rule.stderr);
  t.regex((await say("acl binding-rule list")).stdout, /ci/);
  const jwt = await new SignJWT({ team: "red" })
    .setProtectedHeader({ alg: "EdDSA" })
    .setIssuedAt()
    .setExpirationTime("5m")
    .sign(privateKey);
  const logged = await run("", "login", jwt);
  t.is(logged.code, 0, logged.stderr);
  const session = /Secret ID += (\S+)/.exec(logged.stdout)?.[1] ?? "";
  t.is((await run(session, "job status")).code, 0);

  t.regex(
    (await say("operator root keyring rotate", "-now")).stdout,
    /Key +State +Create Time +Publish Time\n\S{8} +active/,
  );
  t.regex((await say("operator root keyring list")).stdout, /inactive/);

  t.is((await say("job run", "-detach", job)).code, 0);
  const allocs = join(agent.dir, "data/alloc");
  // Two allocations have one each; the folder of one that comes up has none yet.
  const identities = (): string[] =>
    (existsSync(allocs) ? readdirSync(allocs) : []).flatMap((alloc) => {
      try {
        return readFileSync(join(allocs, alloc, "main/secrets/nomad_token"), "utf8") || [];
      } catch {
        return [];
      }
    });
  await until("the tasks have their identities", () => Promise.resolve(identities().length === 2));
  const [identity = "", ...others] = identities();
  const ask = (path: string) => fetch(`${agent.nomad}${path}`, { headers: { "x-nomad-token": identity } });
  t.is((await ask("/v1/services")).status, 200);
  t.is((await ask("/v1/jobs")).status, 403);
  t.is((await fetch(`${agent.consul}/v1/kv/a`, { method: "PUT", body: "v" })).status, 403);
  const written = await fetch(`${agent.consul}/v1/kv/a`, {
    method: "PUT",
    body: "the-value",
    headers: { "x-consul-token": root },
  });
  t.is(written.status, 200);

  const audit = readFileSync(join(agent.dir, "data/audit/audit.log"), "utf8");
  for (const told of ["/v1/acl/bootstrap", "/v1/acl/policy/read", "/v1/kv/a", "job default/app", "Bootstrap Token"])
    t.true(audit.includes(told), told);
  const everything = audit + agent.log();
  for (const secret of [root, SecretID, session, jwt, "the-value", identity, ...others])
    t.false(everything.includes(secret));
});

const who = { accessorId: "acc-1", name: "ci", global: false, createTime: "2030-01-01T00:00:00Z" };
const access: AccessPolicy = (token) =>
  succeed(token === "secret-token" ? { ...fullAccess, requester: who } : noAccess);
const rule = { kind: "capability", resource: "key", capability: "write" } as const;

async function folderOf(t: ExecutionContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "lares-audit-"));
  t.teardown(() => rm(folder, { recursive: true }));
  return folder;
}

/** An API that writes into the log that a configuration asks for. */
async function logged(t: ExecutionContext, audit: object, folder: string) {
  const world = await makeState(t);
  const env = createEnv({ logToStderr: false });
  const opened = await openAuditLog(env, v.parse(AgentConfigSchema, { audit: { enabled: true, ...audit } }), folder);
  t.teardown(() => opened?.close());
  const done: string[] = [];
  const api = apiOf(world, {
    ...(opened === undefined ? {} : { audit: opened.log }),
    access,
    routes: [
      route({
        method: ["PUT", "GET"],
        path: "/v1/kv/*key",
        summary: "",
        access: rule,
        body: bytesBody(),
        target: () => "what it is",
        handle({ params }) {
          if (params.key === "bad") throw new HttpError(400, "bad value of the body");
          done.push(params.key);
          return { kind: "json", value: true };
        },
      }),
    ],
  });
  const call = (method: string, url: string, token = "secret-token") =>
    api(
      requestOf({
        method,
        url,
        headers: { "x-nomad-token": token, "user-agent": "test" },
        text: "the value of the body",
        remote: { host: "10.0.0.9", port: 5 },
      }),
    );
  return { call, done, opened };
}

const events = async (path: string): Promise<AuditEvent[]> =>
  (await readFile(path, "utf8"))
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));

test("a write is told before and after: who, from where, what, how it ended; no secret of it", async (t) => {
  const folder = await folderOf(t);
  const { call } = await logged(t, {}, folder);
  t.is((await call("PUT", "/v1/kv/app/a?namespace=dev&token=secret-token&cas=3")).status, 200);
  t.is((await call("PUT", "/v1/kv/bad")).status, 400);
  t.is((await call("PUT", "/v1/kv/b", "")).status, 403);
  t.is((await call("GET", "/v1/kv/a")).status, 200, "reads are not told");
  const path = join(folder, "audit/audit.log");
  const told = await events(path);
  t.deepEqual(
    told.map(({ payload }) => [payload.stage, payload.request.endpoint, payload.response?.status_code ?? 0]),
    [
      ["OperationReceived", "/v1/kv/app/a?namespace=dev&cas=3", 0],
      ["OperationComplete", "/v1/kv/app/a?namespace=dev&cas=3", 200],
      ["OperationReceived", "/v1/kv/bad", 0],
      ["OperationComplete", "/v1/kv/bad", 400],
      ["OperationReceived", "/v1/kv/b", 0],
      ["OperationComplete", "/v1/kv/b", 403],
    ],
  );
  const first = told[0]!.payload;
  t.is(first.id, told[1]!.payload.id);
  t.like(first.auth, { accessor_id: "acc-1", name: "ci" });
  t.like(first.request, { operation: "PUT", target: "what it is", api: "nomad", namespace: { id: "dev" } });
  t.deepEqual(first.request.request_meta, { remote_address: "10.0.0.9:5", user_agent: "test" });
  t.is(told[4]!.payload.auth.accessor_id, "anonymous");
  const text = await readFile(path, "utf8");
  for (const secret of ["secret-token", "the value of the body"]) t.false(text.includes(secret));
  t.is((await stat(path)).mode & 0o777, 0o600);
});

test("enforced: what cannot be written down is not done; best effort: it is", async (t) => {
  const folder = await folderOf(t);
  const full = (deliveryGuarantee: string) => ({ sinks: [{ name: "full", path: "/dev/full", deliveryGuarantee }] });
  const strict = await logged(t, full("enforced"), folder);
  t.is((await strict.call("PUT", "/v1/kv/a")).status, 500);
  t.deepEqual(strict.done, []);
  const lax = await logged(t, full("best-effort"), folder);
  t.is((await lax.call("PUT", "/v1/kv/a")).status, 200);
  t.deepEqual(lax.done, ["a"]);
});

test("files are rotated, the oldest forgotten; a file that was moved away is begun anew", async (t) => {
  const folder = await folderOf(t);
  const path = join(folder, "log/a.log");
  const { call, opened } = await logged(
    t,
    { sinks: [{ name: "a", path, rotateBytes: 2000, rotateMaxFiles: 2, mode: 0o640 }] },
    folder,
  );
  for (let i = 0; i < 20; i++) await call("PUT", `/v1/kv/${i}`);
  t.is((await readdir(join(folder, "log"))).length, 3);
  t.true((await stat(path)).size <= 2000);
  t.is((await stat(path)).mode & 0o777, 0o640);
  await rm(path);
  opened?.reopen();
  await call("PUT", "/v1/kv/last");
  t.is((await events(path)).length, 2);
  await chmod(path, 0o600);
});

test("filters take events out", async (t) => {
  const folder = await folderOf(t);
  const filters = [
    { name: "a", endpoints: ["/v1/kv/quiet/*"], stages: ["*"], operations: ["*"] },
    { name: "b", endpoints: ["*"], stages: ["OperationReceived"], operations: ["PUT"] },
  ];
  const { call } = await logged(t, { filters }, folder);
  await call("PUT", "/v1/kv/quiet/a?cas=1");
  await call("PUT", "/v1/kv/b");
  const told = await events(join(folder, "audit/audit.log"));
  t.deepEqual(
    told.map(({ payload }) => payload.stage),
    ["OperationComplete"],
  );
});

test("syslog gets them over UDP, in the form of RFC 5424", async (t) => {
  const server = createSocket("udp4");
  t.teardown(() => new Promise<void>((resolve) => server.close(() => resolve())));
  server.bind(0, "127.0.0.1");
  await once(server, "listening");
  const heard = once(server, "message");
  const sinks = [{ name: "s", type: "syslog", address: `127.0.0.1:${server.address().port}`, facility: "LOCAL3" }];
  const { call } = await logged(t, { sinks }, "/nowhere");
  await call("PUT", "/v1/kv/a");
  const [message] = await heard;
  const [, head = "", json = ""] = /^(<157>1 \S+ \S+ lares - audit -) (\{.*\})$/.exec(String(message)) ?? [];
  t.not(head, "");
  t.is(JSON.parse(json).payload.request.endpoint, "/v1/kv/a");
});

test("the configuration has Nomad's words for it", async (t) => {
  const text = `client {
  enabled = true
}
audit {
  enabled = true
  sink "audit" {
    type               = "file"
    delivery_guarantee = "enforced"
    format             = "json"
    path               = "/var/log/audit.log"
    rotate_bytes       = 100
    rotate_duration    = "24h"
    rotate_max_files   = 10
    mode               = "0600"
  }
  filter "metrics" {
    type       = "HTTPEvent"
    endpoints  = ["/v1/metrics"]
    stages     = ["*"]
    operations = ["*"]
  }
}`;
  const read = readAgentConfig({ files: [{ name: "a.hcl", text }] });
  t.true(read.ok);
  if (!read.ok) return;
  t.like(read.config.audit.sinks[0], { mode: 0o600, rotateBytes: 100, rotateMaxFiles: 10, path: "/var/log/audit.log" });
  t.is(read.config.audit.filters[0]?.name, "metrics");
  const env = createEnv({ logToStderr: false });
  const wrong = v.parse(AgentConfigSchema, {
    audit: { enabled: true, sinks: [{ name: "s", type: "syslog", facility: "X" }] },
  });
  await t.throwsAsync(openAuditLog(env, wrong, "/nowhere"), { message: /facility "X" is not known/ });
});
