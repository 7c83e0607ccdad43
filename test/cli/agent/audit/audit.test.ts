import { createSocket } from "node:dgram";
import { once } from "node:events";
import { chmod, mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import * as v from "valibot";
import { bytesBody } from "#base/http/body.ts";
import { HttpError } from "#base/http/http-error.ts";
import { succeed } from "#base/env/errors.ts";
import { fullAccess, noAccess, type AccessPolicy } from "#base/http/access.ts";
import type { AuditEvent } from "#base/http/audit.ts";
import { route } from "#base/http/route.ts";
import { AgentConfigSchema } from "#base/language/agent-config/config.ts";
import { readAgentConfig } from "#base/language/agent-config/read-config.ts";
import { openAuditLog } from "#cli/agent/audit/audit-log.ts";
import { createEnv } from "#base/platform/create-env.ts";
import { apiOf, makeState, requestOf } from "../../../base/http/serve.ts";

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
