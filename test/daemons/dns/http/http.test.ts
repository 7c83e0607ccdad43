import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import { createConsulClient } from "#base/client/consul-client.ts";
import { createEnv } from "#base/platform/create-env.ts";
import { totpCode } from "#daemons/dns/http/totp.ts";
import { freePort } from "#test/free-ports.ts";
import { openKv } from "#test/daemons/dhcp/server/kv-socket.ts";
import { until } from "#test/daemons/dhcp/server/lab.ts";
import { certificate } from "../certificate.ts";
import { addressesOf, ask } from "../world.ts";
import { startApi } from "./api-world.ts";

const like = (value: unknown): Record<string, unknown> => JSON.parse(JSON.stringify(value ?? {}));

test("what was asked is counted, listed and drawn", async (t) => {
  const world = await startApi(t);
  await world.ask("www.example");
  await world.ask("www.example");
  await world.ask("doubleclick.net");
  const summary = like((await world.call("GET", "/api/stats/summary")).json);
  t.like(summary, { queries: { total: 3, forwarded: 1, cached: 1 }, clients: { active: 1 } });
  t.true(typeof summary["took"] === "number");
  const top = (await world.call("GET", "/api/stats/top_domains?count=1")).json;
  t.like(top, { domains: [{ domain: "www.example", count: 2 }], total_queries: 3 });
  const clients = (await world.call("GET", "/api/stats/top_clients")).json;
  t.like(clients, { clients: [{ ip: "127.0.0.1", count: 3 }] });
  const queries = (await world.call("GET", "/api/queries?domain=www*&length=1")).json;
  t.like(queries, {
    queries: [{ domain: "www.example", status: "CACHE", type: "A" }],
    recordsTotal: 3,
    recordsFiltered: 2,
  });
  t.like((await world.call("GET", "/api/history")).json, { history: { length: 144 } });
  t.like((await world.call("GET", "/api/history/clients")).json, { clients: { "127.0.0.1": { total: 3 } } });
  t.like((await world.call("GET", "/api/padd")).json, { queries: { total: 3 }, blocking: "enabled" });
  t.regex(new TextDecoder().decode((await world.call("GET", "/metrics")).bytes), /status="forwarded"} 1\n/);
});

test("every reading route answers an object, and says what it took", async (t) => {
  const world = await startApi(t);
  await world.ask("www.example");
  const endpoints = like((await world.call("GET", "/api/endpoints")).json);
  const rows: unknown = like(endpoints["endpoints"])["get"];
  t.true(Array.isArray(rows) && rows.length > 40);
  const paths = (Array.isArray(rows) ? rows : [])
    .filter(({ parameters, uri }) => parameters === "" && !/metrics$|tail$|teleporter$/.test(String(uri)))
    .map(({ uri }) => `${uri}${String(uri).includes("/database") ? "?from=0&until=4000000000" : ""}`);
  for (const path of paths) {
    const { status, json } = await world.call("GET", path);
    t.is(status, 200, `${path} ${JSON.stringify(json)}`);
    t.true(typeof like(json)["took"] === "number", path);
  }
});

test("blocking is paused for a while, and rules change what is answered", async (t) => {
  const world = await startApi(t);
  t.like((await world.call("GET", "/api/dns/blocking")).json, { blocking: "enabled", timer: null });
  const paused = await world.call("POST", "/api/dns/blocking", { body: { blocking: false, timer: 60 } });
  t.like(paused.json, { blocking: "disabled" });
  t.true(Number(like(paused.json)["timer"]) > 50);
  t.like(await world.saved(), { blocking: { enabled: true } });
  t.like((await world.call("POST", "/api/dns/blocking", { body: { blocking: true } })).json, { blocking: "enabled" });
  const added = await world.call("POST", "/api/domains/deny/exact", {
    body: { domain: ["Bad.example", "not a name"], comment: "x" },
  });
  t.is(added.status, 201);
  t.like(added.json, {
    domains: [{ domain: "bad.example", type: "deny", kind: "exact", comment: "x", groups: [0], enabled: true }],
    processed: { success: [{ item: "Bad.example" }], errors: [{ item: "not a name" }] },
  });
  const again = await world.call("POST", "/api/domains/deny/exact", { body: { domain: "bad.example" } });
  t.like(again.json, { processed: { errors: [{ item: "bad.example" }] } });
  t.like((await world.call("GET", "/api/search/bad.example")).json, { search: { results: { domains: { exact: 1 } } } });
  t.is((await world.call("DELETE", "/api/domains/deny/exact/bad.example")).status, 204);
  t.is((await world.call("DELETE", "/api/domains/deny/exact/bad.example")).status, 404);
  const regex = await world.call("POST", "/api/domains/deny/regex", {
    body: { domain: "(^|\\.)evil[0-9]+\\.example$" },
  });
  t.is(regex.status, 201);
  const path = `/api/domains/deny/regex/${encodeURIComponent("(^|\\.)evil[0-9]+\\.example$")}`;
  t.like((await world.call("PUT", path, { body: { type: "allow", enabled: false } })).json, {
    domains: [{ type: "allow", enabled: false }],
  });
});

test("groups, clients and lists are made, changed and removed, one by one and together", async (t) => {
  const world = await startApi(t);
  const made = like((await world.call("POST", "/api/groups", { body: { name: ["kids", "guests"] } })).json);
  t.like(made, { groups: [{ name: "kids" }, { name: "guests" }], processed: { errors: [] } });
  t.like((await world.call("GET", "/api/groups")).json, {
    groups: [{ name: "Default", id: 0 }, { name: "kids" }, { name: "guests" }],
  });
  const id = Number(like(like(made["groups"])["0"])["id"]);
  await world.call("POST", "/api/clients", { body: { client: "192.168.1.0/24", groups: [id, 0] } });
  t.like((await world.call("GET", `/api/clients/${encodeURIComponent("192.168.1.0/24")}`)).json, {
    clients: [{ groups: [id, 0] }],
  });
  t.is((await world.call("POST", "/api/groups:batchDelete", { body: [{ item: "kids" }] })).status, 204);
  t.like((await world.call("GET", "/api/clients")).json, { clients: [{ groups: [0] }] });
  t.is((await world.call("DELETE", "/api/groups/Default")).status, 400);
  const url = "https://lists.example/one.txt";
  const list = await world.call("POST", "/api/lists?type=allow", { body: { address: url, enabled: false } });
  t.is(list.status, 201, JSON.stringify(list.json));
  t.like(list.json, { lists: [{ address: url, type: "allow", enabled: false, status: 0 }] });
  t.like((await world.call("GET", `/api/lists/${encodeURIComponent(url)}?type=allow`)).json, {
    lists: [{ address: url }],
  });
  t.is((await world.call("POST", "/api/lists:batchDelete", { body: [{ item: url, type: "allow" }] })).status, 204);
  t.like((await world.call("POST", "/api/lists?type=block", { body: { address: "ftp://x" } })).json, {
    lists: [],
    processed: { errors: [{ item: "ftp://x" }] },
  });
  t.is((await world.call("POST", "/api/lists?type=odd", { body: { address: url } })).status, 400);
});

test("the configuration is a tree under Pi-hole's names", async (t) => {
  const world = await startApi(t);
  t.like((await world.call("GET", "/api/config/dns/blocking")).json, {
    config: { dns: { blocking: { active: true, mode: "NULL" } } },
  });
  t.like((await world.call("GET", "/api/config/dns.blockTTL?detailed=true")).json, {
    config: { dns: { blockTTL: { value: 2, default: 2, modified: false, type: "integer" } } },
  });
  const patch = { config: { dns: { blocking: { mode: "NX" }, cache: { size: 77 } }, misc: { nice: 3 } } };
  t.like((await world.call("PATCH", "/api/config", { body: patch })).json, patch);
  t.like(await world.saved(), {
    blocking: { mode: "nxdomain" },
    cache: { size: 77 },
    api: { kept: { "misc.nice": 3 } },
  });
  const host = encodeURIComponent("192.168.1.5 nas.lan");
  t.is((await world.call("PUT", `/api/config/dns/hosts/${host}`)).status, 201);
  t.is((await world.call("PUT", `/api/config/dns/hosts/${host}`)).status, 400);
  t.like(await world.saved(), { local: { records: [{ name: "nas.lan", type: "A", value: "192.168.1.5" }] } });
  t.is((await world.call("DELETE", `/api/config/dns/hosts/${host}`)).status, 204);
  t.is((await world.call("DELETE", `/api/config/dns/hosts/${host}`)).status, 404);
  for (const [config, about] of [
    [{ dns: { blocking: { modes: "NX" } } }, "dns.blocking.modes"],
    [{ dns: { blocking: { mode: "ODD" } } }, "NXDOMAIN|NX"],
    [{ dns: { cache: { size: "9" } } }, "integer"],
    [{ dns: { hosts: ["nonsense"] } }, "ADDRESS NAME"],
    [{ misc: { nice: "x" } }, "integer"],
    [{ misc: { privacylevel: 9 } }, "privacyLevel"],
  ] as const) {
    const { status, json } = await world.call("PATCH", "/api/config", { body: { config } });
    t.is(status, 400);
    t.regex(JSON.stringify(json), new RegExp(about));
  }
});

test("a password shuts the door, sessions and a second factor open it", async (t) => {
  const world = await startApi(t);
  const set = { config: { webserver: { api: { password: "secret" } } } };
  t.is((await world.call("PATCH", "/api/config", { body: set })).status, 200);
  const closed = await world.call("GET", "/api/stats/summary");
  t.is(closed.status, 401);
  t.like(closed.json, { error: { key: "unauthorized", message: "Unauthorized" } });
  const wrong = await world.call("POST", "/api/auth", { body: { password: "wrong" } });
  t.is(wrong.status, 401);
  t.like(wrong.json, { session: { valid: false, sid: null } });
  const login = await world.call("POST", "/api/auth", { body: { password: "secret" } });
  const session = like(like(login.json)["session"]);
  t.like(session, { valid: true, totp: false, validity: 1800, message: "password correct" });
  const [sid, csrf] = [String(session["sid"]), String(session["csrf"])];
  for (const headers of [{ "X-FTL-SID": sid }, { sid }, { Cookie: `sid=${sid}`, "X-FTL-CSRF": csrf }])
    t.is((await world.call("GET", "/api/stats/summary", { headers })).status, 200);
  t.is((await world.call("GET", `/api/stats/summary?sid=${encodeURIComponent(sid)}`)).status, 200);
  t.is((await world.call("GET", "/api/stats/summary", { headers: { Cookie: `sid=${sid}` } })).status, 401);
  const headers = { "X-FTL-SID": sid };
  const config = await world.call("GET", "/api/config", { headers });
  t.false(new TextDecoder().decode(config.bytes).includes("scrypt"));
  const app = like(like((await world.call("GET", "/api/auth/app", { headers })).json)["app"]);
  const totp = like(like((await world.call("GET", "/api/auth/totp", { headers })).json)["totp"]);
  const secrets = { app_pwhash: app["hash"], totp_secret: totp["secret"] };
  await world.call("PATCH", "/api/config", { headers, body: { config: { webserver: { api: secrets } } } });
  t.is((await world.call("POST", "/api/auth", { body: { password: "secret" } })).status, 400);
  const code = Number(totpCode(String(totp["secret"]), Date.now()));
  t.is((await world.call("POST", "/api/auth", { body: { password: "secret", totp: code } })).status, 200);
  const sessions = await world.call("GET", "/api/auth/sessions", { headers });
  t.like(sessions.json, {
    sessions: [{ current_session: true, remote_addr: "127.0.0.1" }, { current_session: false }],
  });
  t.false(new TextDecoder().decode(sessions.bytes).includes(sid));
  t.is((await world.call("DELETE", "/api/auth", { headers })).status, 204);
  t.is((await world.call("GET", "/api/stats/summary", { headers })).status, 401);
});

test("bad requests get an error that says what was expected", async (t) => {
  const world = await startApi(t);
  const expected: readonly (readonly [string, string, unknown, number])[] = [
    ["GET", "/api/nothing", undefined, 404],
    ["PATCH", "/api/queries", undefined, 405],
    ["POST", "/api/dns/blocking", "{", 400],
    ["POST", "/api/dns/blocking", { blocking: "yes" }, 400],
    ["GET", "/api/queries?type=NONSENSE", undefined, 400],
    ["GET", "/api/queries?length=x", undefined, 400],
    ["GET", "/api/search/x?N=0", undefined, 400],
    ["GET", "/api/domains/odd/exact", undefined, 400],
    ["GET", "/api/stats/database/summary", undefined, 400],
    ["GET", "/api/domains/%ff", undefined, 400],
    ["DELETE", "/api/auth/session/99", undefined, 404],
  ];
  for (const [method, path, body, status] of expected) {
    const answer = await world.call(method, path, { body });
    t.is(answer.status, status, `${method} ${path} ${JSON.stringify(answer.json)}`);
    const error = like(like(answer.json)["error"]);
    t.true(typeof error["key"] === "string" && typeof error["message"] === "string" && "hint" in error);
  }
  const foreign = { Origin: "https://evil.example" };
  t.is((await world.call("POST", "/api/dns/blocking", { headers: foreign, body: { blocking: false } })).status, 403);
});

test("leases of the house's DHCP servers are told and taken back, and their names go with them", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "lares-dns-leases-"));
  const cluster = await openKv(folder, "api.sock");
  const env = createEnv({ logToStderr: false });
  t.teardown(async () => {
    env.close();
    await cluster.close();
    await rm(folder, { recursive: true });
  });
  const address = { origin: "http://localhost", socketPath: cluster.socketPath };
  const { kv } = createConsulClient({ http: env.http, address, token: "" });
  const common = { subnet: "192.168.1.0/24", start: Date.now() };
  const mac = "aa:bb:cc:00:00:02";
  const end = Date.now() + 3_600_000;
  const phone = { ...common, ip: "192.168.1.50", client: "hw:01aabbcc000002", mac, name: "phone", end };
  await kv.put("lares/dhcp/leases/192.168.1.50", JSON.stringify(phone));
  const endless = { ...common, ip: "192.168.1.51", client: "id:00ff01", mac: "aa:bb:cc:00:00:03" };
  await kv.put("lares/dhcp/leases/192.168.1.51", JSON.stringify(endless));
  await kv.put("lares/dhcp/leases/192.168.1.52", JSON.stringify({ ...phone, ip: "192.168.1.52", end: 1 }));
  await kv.put("lares/dhcp/leases/192.168.1.53", "nonsense");
  await kv.put("lares/dhcp6/leases/fd00::9", JSON.stringify({ ...phone, ip: "fd00::9", client: "duid:0003:00000001" }));
  await kv.put("lares/dhcp/names/192.168.1.50", JSON.stringify({ name: "phone", address: "192.168.1.50", mac }));
  const world = await startApi(t, {}, { NOMAD_SECRETS_DIR: folder });
  const asked = async () => addressesOf(await ask(world.port, "phone.lan"));
  await until("the lease has a name", async () => (await asked())[0] === "192.168.1.50");

  const leases = async () => like((await world.call("GET", "/api/dhcp/leases")).json)["leases"];
  const told = { expires: Math.floor(end / 1000), name: "phone", hwaddr: mac, clientid: "*" };
  const second = { expires: 0, name: "*", hwaddr: endless.mac, ip: endless.ip, clientid: "00:ff:01" };
  const six = { ...told, ip: "fd00::9", clientid: "00:03" };
  t.deepEqual(await leases(), [{ ...told, ip: "192.168.1.50" }, second, six]);
  const end6 = (await world.call("DELETE", "/api/dhcp/leases/fd00:0::9")).status;
  t.is(end6, 204, "however it is written");
  t.is((await world.call("DELETE", "/api/dhcp/leases/192.168.1.50")).status, 204);
  await until("the name is gone", async () => (await asked()).length === 0);
  t.is((await world.call("DELETE", "/api/dhcp/leases/192.168.1.50")).status, 404);
  t.is((await world.call("DELETE", "/api/dhcp/leases/192.168.1.52")).status, 404, "it is over");
  t.is((await world.call("DELETE", "/api/dhcp/leases/phone")).status, 400);
  t.is((await world.call("DELETE", "/api/dhcp/leases/192.168.1.51")).status, 204);
  t.like(JSON.parse(cluster.value("lares/dhcp/leases/192.168.1.51") ?? ""), { state: "released" });
  t.deepEqual(await leases(), []);
});

test("over HTTPS with the server's certificate; without one, the rest goes on", async (t) => {
  const { certFile, keyFile } = await certificate(t);
  const api = { addresses: ["127.0.0.1:0"], https: ["127.0.0.1:0"] };
  const world = await startApi(t, { listen: { addresses: [`127.0.0.1:${await freePort()}`], certFile, keyFile }, api });
  const ca = await readFile(certFile);
  const at = { host: "127.0.0.1", port: world.apiPorts[1] ?? 0, path: "/api/info/version", ca };
  const [answer] = await once(request(at).end(), "response");
  t.is(answer.statusCode, 200);
  answer.resume();
  t.is((await startApi(t, { api })).apiPorts.length, 1);
});
