import { Agent, request } from "node:http";
import { cpus, hostname, release } from "node:os";
import test, { type ExecutionContext } from "ava";
import fc from "fast-check";
import { call, service, startNode, tempFolder, until } from "../node.ts";
import { succeed } from "#base/env/errors.ts";
import { fullAccess, noAccess, type AccessPolicy } from "#base/http/access.ts";
import { compilePolicies } from "#base/language/acl-policy/compile.ts";
import { parsePolicy } from "#base/language/acl-policy/parse-policy.ts";

test("keys are put, read, listed, compared and deleted", async (t) => {
  const { url } = await startNode(t);
  const put = async (path: string, body = "v") => (await call(`${url}/v1/kv/${path}`, "PUT", body)).json;
  t.is((await call(`${url}/v1/kv/none`)).status, 404);
  t.truthy((await call(`${url}/v1/kv/none`)).headers.get("x-consul-index"));
  t.is(await put("web/a?flags=18446744073709551615", "eins"), true);
  t.is(await put("web/b/c"), true);
  t.is(await put("other"), true);
  const read = await call(`${url}/v1/kv/web/a`);
  t.regex(read.text, /"Flags":18446744073709551615/);
  t.like(read.json[0], { Key: "web/a", Value: Buffer.from("eins").toString("base64"), LockIndex: 0 });
  t.is(read.headers.get("x-consul-index"), String(read.json[0].ModifyIndex));
  const raw = await call(`${url}/v1/kv/web/a?raw`);
  t.is(raw.text, "eins");
  t.is(raw.headers.get("content-security-policy"), "sandbox");
  t.deepEqual((await call(`${url}/v1/kv/?keys`)).json, ["other", "web/a", "web/b/c"]);
  t.deepEqual((await call(`${url}/v1/kv/web/?keys&separator=/`)).json, ["web/a", "web/b/"]);
  t.deepEqual(
    (await call(`${url}/v1/kv/web?recurse`)).json.map((entry: { Key: string }) => entry.Key),
    ["web/a", "web/b/c"],
  );
  t.is(await put("web/a?cas=0"), false);
  t.is(await put(`web/a?cas=${read.json[0].ModifyIndex}`, "zwei"), true);
  t.is(await put(`web/a?cas=${read.json[0].ModifyIndex}`, "drei"), false);
  t.is((await call(`${url}/v1/kv/web/a?cas=1&acquire=x`, "PUT", "v")).status, 400);
  t.is((await call(`${url}/v1/kv/big`, "PUT", "x".repeat(512 * 1024))).json, true);
  t.is((await call(`${url}/v1/kv/big`, "PUT", "x".repeat(512 * 1024 + 1))).status, 413);
  t.is((await call(`${url}/v1/kv/web/?recurse`, "DELETE")).json, true);
  t.is((await call(`${url}/v1/kv/web?recurse`)).status, 404);
  t.deepEqual((await call(`${url}/v1/kv/?keys`)).json, ["big", "other"]);
  t.is((await call(`${url}/v1/kv/other?dc=elsewhere`)).status, 500);
});

test("a blocking read wakes for its own prefix, deletes included, and for nothing else", async (t) => {
  const { url } = await startNode(t);
  await call(`${url}/v1/kv/a/1`, "PUT", "x");
  const first = await call(`${url}/v1/kv/a/?recurse`);
  const index = first.headers.get("x-consul-index");
  const waiting = call(`${url}/v1/kv/a/?recurse&index=${index}&wait=10s`);
  await call(`${url}/v1/kv/b`, "PUT", "y");
  const other = await call(`${url}/v1/kv/a/?recurse`);
  t.is(other.headers.get("x-consul-index"), index);
  await call(`${url}/v1/kv/a/1`, "DELETE");
  const woken = await waiting;
  t.is(woken.status, 404);
  t.true(Number(woken.headers.get("x-consul-index")) > Number(index));
});

test("sessions lock keys, and losing one releases them", async (t) => {
  const { url } = await startNode(t);
  const made = await call(`${url}/v1/session/create`, "PUT", { Name: "s", LockDelay: "0s", TTL: "10s" });
  const { ID: id } = made.json;
  const other = (await call(`${url}/v1/session/create`, "PUT")).json.ID;
  t.is((await call(`${url}/v1/kv/lock?acquire=${id}`, "PUT", "me")).json, true);
  t.is((await call(`${url}/v1/kv/lock?acquire=${other}`, "PUT", "you")).json, false);
  t.like((await call(`${url}/v1/kv/lock`)).json[0], { Session: id, LockIndex: 1 });
  t.is((await call(`${url}/v1/kv/lock?acquire=${id}`, "PUT", "again")).json, true);
  t.like((await call(`${url}/v1/kv/lock`)).json[0], { LockIndex: 1 });
  t.is((await call(`${url}/v1/kv/lock?release=${other}`, "PUT", "")).json, false);
  t.like((await call(`${url}/v1/session/info/${id}`)).json[0], {
    ID: id,
    TTL: "10s",
    Behavior: "release",
    Node: "node-a",
  });
  t.is((await call(`${url}/v1/session/renew/${id}`, "PUT")).json[0].ID, id);
  t.is((await call(`${url}/v1/session/list`)).json.length, 2);
  t.is((await call(`${url}/v1/session/destroy/${id}`, "PUT")).json, true);
  t.is((await call(`${url}/v1/kv/lock`)).json[0].Session, undefined);
  t.is((await call(`${url}/v1/kv/lock?acquire=${other}`, "PUT", "you")).json, true);
  t.like((await call(`${url}/v1/kv/lock`)).json[0], { LockIndex: 2, Session: other });
  await call(`${url}/v1/session/destroy/${other}`, "PUT");
  const third = (await call(`${url}/v1/session/create`, "PUT")).json.ID;
  t.is((await call(`${url}/v1/kv/lock?acquire=${third}`, "PUT", "early")).json, false, "for 15 s nobody may");
  t.is((await call(`${url}/v1/session/renew/${id}`, "PUT")).status, 404);
  t.is((await call(`${url}/v1/session/create`, "PUT", { TTL: "1s" })).status, 400);
  t.is((await call(`${url}/v1/session/create`, "PUT", { Lease: "1s" })).status, 400);
  const lease = (await call(`${url}/v1/session/create`, "PUT", { Lease: "4s" })).json.ID;
  t.is((await call(`${url}/v1/session/info/${lease}`)).json[0].TTL, "4s");
  t.is((await call(`${url}/v1/kv/lock?acquire=nobody`, "PUT", "")).status, 500);
});

test("a session ends with its check, and its keys wait for the lock delay", async (t) => {
  const { url } = await startNode(t);
  await call(`${url}/v1/agent/check/register`, "PUT", { Name: "alive", TTL: "60s", Status: "passing" });
  const body = { Behavior: "delete", LockDelay: "30s", NodeChecks: ["alive"] };
  const { ID: id } = (await call(`${url}/v1/session/create`, "PUT", body)).json;
  t.is((await call(`${url}/v1/kv/held?acquire=${id}`, "PUT", "x")).json, true);
  await call(`${url}/v1/agent/check/fail/alive`, "PUT");
  await until(async () => (await call(`${url}/v1/kv/held`)).status === 404, "the key to go");
  const next = (await call(`${url}/v1/session/create`, "PUT")).json.ID;
  t.is((await call(`${url}/v1/kv/held?acquire=${next}`, "PUT", "x")).json, false);
  t.is((await call(`${url}/v1/session/create`, "PUT", body)).status, 500);
});

test("a transaction is carried out whole or not at all", async (t) => {
  const { url } = await startNode(t);
  const value = Buffer.from("x").toString("base64");
  const txn = (ops: object[]) =>
    call(
      `${url}/v1/txn`,
      "PUT",
      ops.map((KV) => ({ KV })),
    );
  const good = await txn([
    { Verb: "set", Key: "a", Value: value, Flags: 7 },
    { Verb: "get", Key: "a" },
    { Verb: "check-not-exists", Key: "b" },
    { Verb: "cas", Key: "b", Value: value, Index: 0 },
  ]);
  t.is(good.status, 200);
  t.deepEqual(
    good.json.Results.map(({ KV }: any) => [KV.Key, KV.Value, KV.Flags]),
    [
      ["a", null, 7],
      ["a", value, 7],
      ["b", null, 0],
    ],
  );
  const stored = (await call(`${url}/v1/kv/b`)).json[0];
  t.is(good.json.Results[2].KV.ModifyIndex, stored.ModifyIndex);
  const bad = await txn([
    { Verb: "set", Key: "c", Value: value },
    { Verb: "check-index", Key: "a", Index: 1 },
  ]);
  t.is(bad.status, 409);
  t.is(bad.json.Errors[0].OpIndex, 1);
  t.is((await call(`${url}/v1/kv/c`)).status, 404);
  t.is((await txn(Array.from({ length: 129 }, () => ({ Verb: "get", Key: "a" })))).status, 413);
  t.is((await txn([{ Verb: "jump", Key: "a" }])).status, 400);
  await txn([{ Verb: "delete-tree", Key: "" }]);
  t.deepEqual((await call(`${url}/v1/kv/?keys`)).json, []);
});

test("services and checks of the agent, over the API", async (t) => {
  const { url } = await startNode(t);
  const definition = {
    name: "web",
    tags: ["v1", "urlprefix-/"],
    port: 80,
    meta: { some_key: "kept" },
    check: { ttl: "60s", deregister_critical_service_after: "90m", status: "passing" },
  };
  t.is((await call(`${url}/v1/agent/service/register`, "PUT", definition)).status, 200);
  const services = await call(`${url}/v1/agent/services`);
  t.like(services.json.web, { ID: "web", Service: "web", Tags: ["v1", "urlprefix-/"], Meta: { some_key: "kept" } });
  t.truthy(services.headers.get("x-consul-contenthash"));
  const web = await call(`${url}/v1/agent/service/web`);
  t.is(web.json.ContentHash, web.headers.get("x-consul-contenthash"), "watches wait by the one in the body");
  const health = await call(`${url}/v1/health/service/web?passing&tag=v1&tag=urlprefix-/`);
  t.like(health.json[0], { Node: { Node: "node-a", Address: "127.0.0.1" }, Service: { ID: "web", Port: 80 } });
  t.deepEqual(
    health.json[0].Checks.map((check: any) => check.CheckID),
    ["serfHealth", "service:web"],
  );
  t.deepEqual((await call(`${url}/v1/health/service/web?tag=v2`)).json, []);
  t.deepEqual((await call(`${url}/v1/catalog/services`)).json, { consul: [], web: ["v1", "urlprefix-/"] });
  const some = encodeURIComponent('"v1" in ServiceTags and ServicePort != 0');
  t.deepEqual((await call(`${url}/v1/catalog/services?filter=${some}`)).json, { web: ["v1", "urlprefix-/"] });
  t.like((await call(`${url}/v1/catalog/service/web`)).json[0], {
    ServiceName: "web",
    ServicePort: 80,
    Node: "node-a",
  });
  t.is((await call(`${url}/v1/agent/health/service/name/web`)).status, 200);
  t.is((await call(`${url}/v1/agent/check/warn/service:web?note=hm`, "PUT")).status, 200);
  t.is((await call(`${url}/v1/agent/health/service/id/web`)).status, 429);
  t.like((await call(`${url}/v1/health/checks/web`)).json[0], { Status: "warning", Output: "hm" });
  t.deepEqual((await call(`${url}/v1/health/service/web?passing`)).json, []);
  t.is(
    (await call(`${url}/v1/agent/check/update/service:web`, "PUT", { Status: "passing", Output: "ok" })).status,
    200,
  );
  t.is((await call(`${url}/v1/agent/service/maintenance/web?enable=true&reason=disk`, "PUT")).status, 200);
  const [maintained] = (await call(`${url}/v1/health/state/critical`)).json;
  t.like(maintained, { CheckID: "_service_maintenance:web", ServiceID: "web", Notes: "disk", Type: "maintenance" });
  t.is((await call(`${url}/v1/agent/health/service/id/web?format=text`)).text, "maintenance");
  await call(`${url}/v1/agent/service/maintenance/web?enable=false`, "PUT");
  t.is((await call(`${url}/v1/agent/maintenance?enable=true`, "PUT")).status, 200);
  t.deepEqual((await call(`${url}/v1/health/service/web?passing`)).json, []);
  await call(`${url}/v1/agent/maintenance?enable=false`, "PUT");
  t.is((await call(`${url}/v1/health/service/web?passing`)).json.length, 1);
  t.is((await call(`${url}/v1/agent/service/deregister/web`, "PUT")).status, 200);
  t.is((await call(`${url}/v1/agent/service/deregister/web`, "PUT")).status, 404);
  t.deepEqual((await call(`${url}/v1/catalog/service/web`)).json, []);
  t.deepEqual((await call(`${url}/v1/agent/checks`)).json, {});
});

test("bad registrations say what is wrong", async (t) => {
  const { url } = await startNode(t);
  const register = (body: object) => call(`${url}/v1/agent/service/register`, "PUT", body);
  for (const [body, says] of [
    [{}, /Missing service name/],
    [{ Name: "x", Port: 70_000 }, /70000/],
    [{ Name: "x", Check: { TCP: "1.2.3.4:80" } }, /Interval/],
    [{ Name: "x", Check: { TCP: "nowhere", Interval: "1s" } }, /HOST:PORT/],
    [{ Name: "x", Check: { HTTP: "ftp://x", Interval: "1s" } }, /http/],
    [{ Name: "x", Check: { TTL: "soon" } }, /soon/],
    [{ Name: "x", Check: { ScriptArgs: ["true"], Interval: "1s" } }, /Scripts are disabled on this agent/],
    [{ Name: "x", Check: { GRPC: "x", Interval: "1s" } }, /GRPC/],
    [{ Name: "x", Check: { TTL: "1s", TCP: "a:1" } }, /TTL, TCP/],
  ] as const) {
    const answer = await register(body);
    t.is(answer.status, 400, JSON.stringify(body));
    t.regex(answer.text, says);
  }
  t.is((await call(`${url}/v1/agent/check/register`, "PUT", { Name: "c", TTL: "1s", ServiceID: "none" })).status, 400);
});

test("the catalog takes nodes without an agent, and blocking queries are woken by their own service", async (t) => {
  const { url } = await startNode(t);
  const node = { Node: "printer", Address: "10.0.0.9", NodeMeta: { room: "2" } };
  const web = { Service: { Service: "ipp", Port: 631 }, Check: { Name: "ink", Status: "passing", ServiceID: "ipp" } };
  t.is((await call(`${url}/v1/catalog/register`, "PUT", { ...node, ...web })).json, true);
  t.like((await call(`${url}/v1/catalog/node/printer`)).json, {
    Node: { Address: "10.0.0.9" },
    Services: { ipp: { Port: 631 } },
  });
  t.is((await call(`${url}/v1/catalog/node/none`)).json, null);
  t.is((await call(`${url}/v1/catalog/node-services/printer`)).json.Services.length, 1);
  t.deepEqual(
    (await call(`${url}/v1/catalog/nodes?node-meta=room:2`)).json.map((one: any) => one.Node),
    ["printer"],
  );
  t.deepEqual(
    (await call(`${url}/v1/catalog/nodes?near=printer`)).json.map((one: any) => one.Node),
    ["printer", "node-a"],
  );
  const index = (await call(`${url}/v1/health/service/ipp`)).headers.get("x-consul-index");
  const waiting = call(`${url}/v1/health/service/ipp?index=${index}&wait=10s`);
  await call(`${url}/v1/agent/service/register`, "PUT", { Name: "unrelated" });
  t.is((await call(`${url}/v1/health/service/ipp`)).headers.get("x-consul-index"), index);
  await call(`${url}/v1/catalog/deregister`, "PUT", { Node: "printer", ServiceID: "ipp" });
  t.deepEqual((await waiting).json, []);
  await call(`${url}/v1/catalog/deregister`, "PUT", { Node: "printer" });
  t.is((await call(`${url}/v1/catalog/node/printer`)).json, null);
  t.is((await call(`${url}/v1/catalog/register`, "PUT", { Node: "x" })).status, 400);
});

test("what is near comes first, by the round trips that are known", async (t) => {
  const { url } = await startNode(t);
  for (const [Node, ms] of Object.entries({ here: 0, far: 90, near: 5, between: 40, nowhere: undefined })) {
    const Service = { Service: "web", Port: 80 };
    const Check = { Name: "up", ServiceID: "web", Status: "passing" };
    await call(`${url}/v1/catalog/register`, "PUT", { Node, Address: "10.0.0.1", Service, Check });
    const Coord = { Vec: [(ms ?? 0) / 1000, 0, 0, 0, 0, 0, 0, 0], Error: 0.1, Adjustment: 0, Height: 1e-5 };
    const set = () => call(`${url}/v1/coordinate/update`, "PUT", { Node, Coord });
    if (ms !== undefined) t.is((await set()).status, 200);
  }
  const names = async (path: string): Promise<string[]> =>
    (await call(`${url}/v1/${path}`)).json.map((one: any) => one.Node.Node ?? one.Node);
  const fromHere = ["here", "near", "between", "far", "nowhere"];
  t.deepEqual(await names("health/service/web?near=here"), fromHere);
  t.deepEqual(await names("catalog/service/web?near=here"), fromHere);
  t.deepEqual(await names("health/checks/web?near=far"), ["far", "between", "near", "here", "nowhere"]);
  t.deepEqual(await names("catalog/nodes?near=here"), [...fromHere.slice(0, 4), "node-a", "nowhere"]);
  t.is((await names("health/service/web?near=nowhere"))[0], "nowhere");
  const query = { Name: "web", Service: { Service: "web", Near: "here" } };
  t.is((await call(`${url}/v1/query`, "POST", query)).status, 200);
  const found = (await call(`${url}/v1/query/web/execute?limit=3`)).json.Nodes;
  t.deepEqual(
    found.map((one: any) => one.Node.Node),
    fromHere.slice(0, 3),
  );
});

test("a request that another agent passed on is of that agent's node", async (t) => {
  const { url } = await startNode(t);
  await call(`${url}/v1/catalog/register`, "PUT", { Node: "other", Address: "10.0.0.2" });
  const create = async (): Promise<string> => {
    const headers = { "x-lares-asked-node": "other" };
    const made = await fetch(`${url}/v1/session/create`, { method: "PUT", headers, body: '{"NodeChecks": []}' });
    return ((await made.json()) as { ID: string }).ID;
  };
  t.is((await call(`${url}/v1/session/info/${await create()}`)).json[0].Node, "other");
});

test("any key that can be printed is kept as it is; dots, slashes and percent signs are part of it", async (t) => {
  const { url } = await startNode(t);
  const { port } = new URL(url);
  // As it stands in the request line: programs' own ideas of paths must not matter.
  const raw = (method: string, path: string, body = "") =>
    new Promise<{ status: number; text: string }>((resolve, reject) => {
      const asked = request({ host: "127.0.0.1", port, method, path, agent: keepAlive }, (answer) => {
        let text = "";
        answer.setEncoding("utf8").on("data", (part: string) => (text += part));
        answer.on("end", () => resolve({ status: answer.statusCode ?? 0, text }));
      });
      asked.on("error", reject).end(body);
    });
  const keepAlive = new Agent({ keepAlive: true });
  t.teardown(() => keepAlive.destroy());
  const piece = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.constantFrom(
      "..",
      ".",
      "",
      "%2e%2e",
      "%",
      "?",
      "#",
      "+",
      "a b",
      "\u0000",
      "\n",
      "\u202e",
      "\ufeff",
      "k".repeat(5000),
    ),
  );
  const keys = fc.array(piece, { minLength: 1, maxLength: 4 }).map((pieces) => pieces.join("/"));
  await fc.assert(
    fc.asyncProperty(keys, async (key) => {
      const whole = key.isWellFormed() ? key : key.toWellFormed();
      const path = `/v1/kv/${whole.split("/").map(encodeURIComponent).join("/")}`;
      const put = await raw("PUT", path, whole);
      const isPrintable = !/[\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}/u.test(whole);
      const bytes = Buffer.byteLength(whole);
      if (whole === "" || !isPrintable || bytes > 4000) {
        t.is(put.status, 400, JSON.stringify(whole));
        return;
      }
      t.is(put.text.trim(), "true", JSON.stringify(whole));
      const [entry] = JSON.parse((await raw("GET", path)).text);
      t.deepEqual([entry.Key, Buffer.from(entry.Value, "base64").toString()], [whole, whole]);
      t.true((await raw("GET", "/v1/kv/?keys")).text.includes(JSON.stringify(whole)));
      t.is((await raw("DELETE", path)).status, 200);
    }),
    { numRuns: 200 },
  );
});

test("the agent says who it is", async (t) => {
  const { url } = await startNode(t);
  t.like((await call(`${url}/v1/agent/self`)).json, {
    Config: { Datacenter: "dc1", NodeName: "node-a" },
    Member: { Status: 1 },
  });
  const stats = async (at: string) => (await call(`${at}/v1/agent/self`)).json.Stats.consul;
  t.deepEqual(await stats(url), { acl: "disabled", known_servers: "1", server: "true", leader: "true" });
  const client = await startNode(t, { server: false });
  t.like(await stats(client.url), { server: "false", leader: "false" });
  t.is((await call(`${url}/v1/agent/members`)).json.length, 1);
  t.is((await call(`${url}/v1/status/leader`)).json, "127.0.0.1:8300");
  t.deepEqual((await call(`${url}/v1/catalog/datacenters`)).json, ["dc1"]);
  t.is((await call(`${url}/v1/acl/tokens`)).status, 401);
  t.is((await call(`${url}/v1/coordinate/node/none`)).status, 404);
  t.deepEqual((await call(`${url}/v1/health/connect/web?passing=1`)).json, []);
  t.true(Array.isArray((await call(`${url}/v1/agent/metrics`)).json.Gauges));
  const host = (await call(`${url}/v1/agent/host`)).json;
  t.true(host.Memory.total > host.Memory.used && host.Memory.used > 0);
  t.is(host.CPU.length, cpus().length);
  t.deepEqual([host.Host.hostname, host.Host.kernelVersion, host.Disk.path], [hostname(), release(), "/"]);
});

test("registrations over the API survive a restart, and a restart makes nothing vanish", async (t) => {
  const dataDir = await tempFolder(t);
  const first = await startNode(t, { dataDir });
  await call(`${first.url}/v1/agent/service/register`, "PUT", { Name: "db", Port: 5432, Check: { TTL: "60s" } });
  await call(`${first.url}/v1/agent/check/pass/service:db`, "PUT");
  await first.discovery.registry.register(service({ ID: "_task", Name: "task" }));
  const before = first.store.status().revision;
  await first.stop();
  const second = await startNode(t, { dataDir }, { store: first.store });
  t.is(second.store.status().revision, before);
  t.like((await call(`${second.url}/v1/agent/services`)).json, { db: { Port: 5432 } });
  t.is((await call(`${second.url}/v1/health/service/db?passing`)).json.length, 1);
  t.deepEqual(second.discovery.registry.registered("_"), ["_task"]);
  await second.discovery.registry.deregister("_task");
  t.deepEqual((await call(`${second.url}/v1/catalog/services`)).json, { consul: [], db: [] });
});

/** A token is the policy it stands for; `root` may do everything, none nothing. */
const access: AccessPolicy = (token) => {
  if (token === "root") return succeed(fullAccess);
  if (token === "") return succeed(noAccess);
  const rules = parsePolicy(Buffer.from(token, "base64url").toString());
  if (!rules.ok) throw new Error(rules.error.message);
  return succeed({ ...noAccess, isAnonymous: false, ...compilePolicies([rules.value]) });
};

async function secured(t: ExecutionContext) {
  const { url, routes } = await startNode(t, {}, { access });
  const as = (policy: string) => async (method: string, path: string, body?: unknown) => {
    const token = policy === "root" ? policy : Buffer.from(policy).toString("base64url");
    const answer = await fetch(`${url}${path}`, {
      method,
      headers: { "x-consul-token": token },
      ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
    const text = await answer.text();
    return { status: answer.status, text, json: () => JSON.parse(text) };
  };
  return { as, routes, root: as("root") };
}

const PUBLIC: readonly string[] = [
  "/v1/agent/version",
  "/v1/catalog/datacenters",
  "/v1/coordinate/datacenters",
  "/v1/status/leader",
  "/v1/status/peers",
  "/v1/acl/bootstrap",
  "/v1/acl/replication",
  "/v1/acl/token/self",
  "/v1/acl/login",
  "/v1/acl/logout",
];

test("operator: one server, its settings, and what is counted", async (t) => {
  const { url } = await startNode(t);
  const pilot = `${url}/v1/operator/autopilot/configuration`;
  const before = (await call(pilot)).json;
  t.like(before, { CleanupDeadServers: true, MaxTrailingLogs: 250, RedundancyZoneTag: "", ModifyIndex: 1 });
  t.is((await call(`${pilot}?cas=1`, "PUT", { ...before, MinQuorum: 3 })).json, true);
  t.is((await call(`${pilot}?cas=1`, "PUT", before)).json, false);
  t.is((await call(pilot, "PUT", { LastContactThreshold: "soon" })).status, 400);
  t.is((await call(pilot)).json.MinQuorum, 3);
  const [only] = (await call(`${url}/v1/operator/raft/configuration`)).json.Servers;
  t.like(only, { Node: "node-a", Leader: true, Voter: true });
  t.is((await call(`${url}/v1/operator/autopilot/state`)).json.Leader, only.ID);
  const counted = { Services: 1, ServiceInstances: 1, BillableServiceInstances: 0 };
  t.like((await call(`${url}/v1/operator/usage`)).json.Usage.dc1, counted, "consul itself");
});

test("what user interfaces ask for", async (t) => {
  const { url } = await startNode(t);
  await call(`${url}/v1/agent/service/register`, "PUT", { Name: "web", Tags: ["a"], Check: { TTL: "1h" } });
  const get = async (path: string) => (await call(`${url}/v1/${path}`)).json;
  const services = await get("internal/ui/services");
  t.like(services[1], { Name: "web", Tags: ["a"], Nodes: ["node-a"], ChecksCritical: 1, ChecksPassing: 1 });
  t.is((await get("internal/ui/nodes"))[0].Services.length, 2);
  t.is((await get("internal/ui/node/node-a")).Checks.length, 2);
  t.is((await call(`${url}/v1/internal/ui/node/none`)).status, 404);
});

test("every route but a few is closed without a token", async (t) => {
  const { as, routes } = await secured(t);
  const nobody = as("");
  for (const { path, method, access: rule } of routes) {
    t.is(rule.kind === "public", PUBLIC.includes(path), path);
    if (rule.kind === "public") continue;
    for (const verb of [method].flat()) {
      const url = path.replaceAll(/[:+*][a-z]+/g, "x");
      const body =
        verb === "GET" ? undefined : path === "/v1/txn" ? [{ KV: { Verb: "set", Key: "a" } }] : { Name: "x" };
      const { status } = await nobody(verb, url, body);
      t.is(status, 403, `${verb} ${path}`);
    }
  }
});

test("keys: by name and prefix, in lists, trees and transactions", async (t) => {
  const { as, root } = await secured(t);
  for (const key of ["app/a", "app/secret/b", "other"]) t.is((await root("PUT", `/v1/kv/${key}`, "v")).status, 200);
  const app = as('key_prefix "app/" {\n policy = "write"\n}\nkey_prefix "app/secret/" {\n policy = "deny"\n}');
  t.is((await app("GET", "/v1/kv/app/a?raw")).text, "v");
  t.is((await app("GET", "/v1/kv/app/secret/b")).status, 403);
  t.is((await app("GET", "/v1/kv/other")).status, 403);
  t.is((await app("GET", "/v1/kv/other?recurse=false")).status, 403);
  t.deepEqual((await app("GET", "/v1/kv/?keys")).json(), ["app/a"]);
  t.deepEqual(
    (await app("GET", "/v1/kv/?recurse")).json().map(({ Key }: { Key: string }) => Key),
    ["app/a"],
  );
  t.is((await app("PUT", "/v1/kv/app/c", "v")).status, 200);
  t.is((await app("PUT", "/v1/kv/other", "v")).status, 403);
  t.is((await app("DELETE", "/v1/kv/other")).status, 403);
  t.is((await app("DELETE", "/v1/kv/app/?recurse")).status, 403, "what it may not see is under it");
  const txn = (Verb: string, Key: string) => app("PUT", "/v1/txn", [{ KV: { Verb, Key, Value: "dg==" } }]);
  t.is((await txn("set", "app/d")).status, 200);
  t.is((await txn("get", "other")).status, 403);
  t.is((await txn("set", "other")).status, 403);
  t.is((await txn("delete-tree", "app/")).status, 403);
  t.is((await txn("get-tree", "app/")).status, 403);
  t.is((await root("DELETE", "/v1/kv/app/secret/?recurse")).status, 200);
  t.is((await app("DELETE", "/v1/kv/app/?recurse")).status, 200);
});

test("services, checks, nodes and sessions: by name", async (t) => {
  const { as, root } = await secured(t);
  for (const Name of ["web", "db"])
    t.is((await root("PUT", "/v1/agent/service/register", { Name, Port: 1 })).status, 200);
  const web = as('service_prefix "web" {\n policy = "write"\n}');
  const names = await web("GET", "/v1/catalog/services");
  t.deepEqual(Object.keys(names.json()), ["web"]);
  t.deepEqual(Object.keys((await web("GET", "/v1/agent/services")).json()), ["web"]);
  t.is((await web("GET", "/v1/health/service/web")).status, 200);
  t.is((await web("GET", "/v1/health/service/db")).status, 403);
  t.is((await web("PUT", "/v1/agent/service/register", { Name: "web-2", Port: 2 })).status, 200);
  t.is((await web("PUT", "/v1/agent/service/register", { Name: "db", Port: 2 })).status, 403);
  t.is(
    (await web("PUT", "/v1/agent/service/register", { ID: "db", Name: "web", Port: 2 })).status,
    403,
    "another's id",
  );
  t.is((await web("PUT", "/v1/agent/service/deregister/db")).status, 403);
  const check = (ServiceID: string) =>
    web("PUT", "/v1/agent/check/register", { Name: `c-${ServiceID}`, ServiceID, TTL: "1h" });
  t.is((await check("web")).status, 200);
  t.is((await check("db")).status, 403);
  t.is((await check("")).status, 403, "the node's own");
  t.is((await web("PUT", "/v1/agent/check/pass/c-web")).status, 200);
  t.is((await web("PUT", "/v1/agent/service/deregister/web")).status, 200);
  t.is((await web("GET", "/v1/catalog/nodes")).status, 403);
  const node = as('node_prefix "node-" {\n policy = "write"\n}\nsession_prefix "node-" {\n policy = "write"\n}');
  t.is((await node("GET", "/v1/catalog/nodes")).json().length, 1);
  t.deepEqual((await node("GET", "/v1/catalog/node/node-a")).json().Services, {}, "its services take their own leave");
  t.is((await node("PUT", "/v1/catalog/register", { Node: "node-b", Address: "10.0.0.1" })).status, 200);
  t.is((await node("PUT", "/v1/catalog/register", { Node: "x", Address: "10.0.0.1" })).status, 403);
  const service = { Node: "node-b", Address: "10.0.0.1", Service: { Service: "db" } };
  t.is((await node("PUT", "/v1/catalog/register", service)).status, 403);
  const session = await node("PUT", "/v1/session/create", { NodeChecks: [] });
  t.is(session.status, 200);
  t.is((await node("GET", "/v1/session/list")).json().length, 1);
  t.is((await web("GET", "/v1/session/list")).status, 403);
  t.is((await web("PUT", `/v1/session/destroy/${session.json().ID}`)).status, 403);
  t.is((await node("PUT", `/v1/session/destroy/${session.json().ID}`)).status, 200);
});
