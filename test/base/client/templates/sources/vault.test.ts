import { X509Certificate } from "node:crypto";
import test from "ava";
import * as v from "valibot";
import { silentLog } from "#base/env/log.ts";
import type { Disk } from "#base/env/disk.ts";
import { createSystemDisk } from "#base/platform/disk.ts";
import { parseSecret } from "#base/client/templates/dependencies/parse-dependency.ts";
import type { VaultDependency } from "#base/client/templates/dependencies/dependency.ts";
import { DEFAULT_RETRY } from "#base/client/templates/engine/retry.ts";
import { VaultApi } from "#base/client/templates/sources/vault/vault-api.ts";
import { createVaultSource } from "#base/client/templates/sources/vault/vault-source.ts";
import { VaultToken } from "#base/client/templates/sources/vault/vault-token.ts";
import { HandClock, longest, turns } from "../hand-clock.ts";
import { VaultServer } from "./vault-server.ts";

function secretAt(path: string): VaultDependency {
  const parsed = parseSecret(path);
  if (!parsed.ok || parsed.value.kind !== "vault.read") throw new Error("bad path");
  return parsed.value;
}

function setUp(server: VaultServer, { token = "good", unwrap = false } = {}) {
  const clock = new HandClock();
  server.nowMs = clock.nowMs;
  const disk: Disk = createSystemDisk(longest);
  const common = { clock, disk, log: silentLog, retry: DEFAULT_RETRY };
  const held = new VaultToken({ ...common, token, tokenFile: "", unwrap, renew: false, login: undefined });
  const address = { origin: "http://vault.example", socketPath: undefined };
  const api = new VaultApi({
    http: server.http,
    address,
    tls: undefined,
    namespace: "",
    userAgent: "",
    token: () => held.current,
  });
  held.use(api);
  const source = createVaultSource<string>({
    ...common,
    random: { ...longest, float: () => 0 },
    api,
    token: held,
    leases: { defaultLeaseMs: 300_000, threshold: 0.9 },
    resolve: (path) => path,
    secret: (body) => JSON.stringify(v.parse(v.object({ data: v.unknown() }), JSON.parse(body)).data),
    list: (body) => body,
    certificate: ({ cert }) => cert,
  });
  const values: string[] = [];
  const failures: string[] = [];
  const abort = new AbortController();
  const follow = (asked: string | VaultDependency): Promise<void> =>
    source.follow(
      typeof asked === "string" ? secretAt(asked) : asked,
      { value: (value) => void values.push(value), failed: (message) => void failures.push(message) },
      abort.signal,
    );
  const pass = async (seconds: number): Promise<void> => {
    for (let left = seconds; left > 0; left -= 5) {
      clock.advance(Math.min(5, left) * 1000);
      await turns();
    }
  };
  return { clock, values, failures, abort, follow, pass };
}

test("a lease is renewed at two thirds, and replaced before its longest life ends", async (t) => {
  const server = new VaultServer();
  const { values, abort, follow, pass } = setUp(server);
  const done = follow("database/creds/app");
  await turns();
  t.regex(values[0] ?? "", /user-1/);
  await pass(70);
  t.is(server.asked.filter((path) => path === "PUT sys/leases/renew").length, 1);
  t.is(values.length, 1, "a renewal is no change");
  // 100 s at first, 300 s at most: the third renewal is granted nothing.
  await pass(200);
  t.regex(values.at(-1) ?? "", /user-2/, "a new one before the old one's end");
  abort.abort();
  await turns();
  await done;
});

test("the versioned engine's paths are found out; a secret without a lease is read again, and told only when it changed", async (t) => {
  const server = new VaultServer();
  server.kv.set("secret/data/app", { data: { a: "1" }, metadata: { version: 1 } });
  const { values, failures, abort, follow, pass } = setUp(server);
  const done = follow("secret/app");
  await turns();
  t.deepEqual(values, ['{"data":{"a":"1"},"metadata":{"version":1}}']);
  await pass(280);
  t.is(values.length, 1);
  server.kv.set("secret/data/app", { data: { a: "2" }, metadata: { version: 2 } });
  await pass(280);
  t.is(values.length, 2);
  server.kv.set("secret/data/app", { data: null, metadata: { version: 2, deletion_time: "now" } });
  await pass(280);
  t.is(values.length, 2, "the last one stands");
  t.regex(failures[0] ?? "", /no secret exists at secret\/app/);
  abort.abort();
  await turns();
  await done;
});

test("a sealed server is asked again until it answers; a standby's word is followed", async (t) => {
  const server = new VaultServer();
  server.sealed = true;
  server.kv.set("kv1/app", { a: "1" });
  const { values, failures, abort, follow, pass } = setUp(server);
  const done = follow("kv1/app");
  await turns();
  t.regex(failures[0] ?? "", /vault is sealed/);
  server.sealed = false;
  server.standby = true;
  await pass(5);
  t.deepEqual(values, ['{"a":"1"}']);
  abort.abort();
  await turns();
  await done;
});

test("a wrapped token is unwrapped before anything is asked", async (t) => {
  const server = new VaultServer();
  server.kv.set("kv1/app", { a: "1" });
  const { values, abort, follow } = setUp(server, { token: "wrapped", unwrap: true });
  const done = follow("kv1/app");
  await turns();
  t.is(values.length, 1);
  t.is(server.asked[0], "PUT sys/wrapping/unwrap");
  abort.abort();
  await turns();
  await done;
});

test("a lease that cannot be renewed is replaced before it ends; one that was revoked, when that is noticed", async (t) => {
  const server = new VaultServer();
  const { values, failures, abort, follow, pass } = setUp(server);
  const done = follow("aws/creds/app");
  await turns();
  await pass(85);
  t.is(values.length, 1);
  await pass(10);
  t.is(values.length, 2, "a new one at nine tenths of the old one's time");
  t.false(server.asked.includes("PUT sys/leases/renew"));
  abort.abort();
  await turns();
  await done;
  const other = setUp(server);
  const following = other.follow("database/creds/app");
  await turns();
  server.revokeAll();
  await other.pass(75);
  t.is(other.values.length, 2);
  t.regex(other.failures[0] ?? "", /cannot be renewed.*lease not found/);
  t.deepEqual(failures, []);
  other.abort.abort();
  await turns();
  await following;
});

test("standbys that do not send on are asked again until the active one answers", async (t) => {
  for (const status of [429, 472, 473]) {
    const server = new VaultServer();
    server.kv.set("kv1/app", { a: "1" });
    server.status = status;
    const { values, failures, abort, follow, pass } = setUp(server);
    const done = follow("kv1/app");
    await turns();
    t.regex(failures[0] ?? "", new RegExp(`with ${status}`));
    server.status = 0;
    await pass(5);
    t.deepEqual(values, ['{"a":"1"}']);
    abort.abort();
    await turns();
    await done;
  }
});

test("lists and writes, in both key-value engines", async (t) => {
  const server = new VaultServer();
  const { values, abort, follow } = setUp(server);
  const data = new Map([["a", "1"]]);
  const all = [
    follow({ kind: "vault.write", path: "kv1/new", data, hash: "x" }),
    follow({ kind: "vault.write", path: "secret/new", data, hash: "x" }),
  ];
  await turns();
  t.deepEqual(server.kv.get("kv1/new"), { a: "1" });
  t.deepEqual(
    server.kv.get("secret/data/new"),
    { data: { a: "1" } },
    "the versioned engine wants its data one level deeper",
  );
  server.kv.set("secret/metadata/one", {});
  all.push(follow({ kind: "vault.list", path: "secret" }), follow({ kind: "vault.list", path: "kv1" }));
  await turns();
  t.true(values.some((value) => value.includes('"keys":["one"]')));
  t.true(values.some((value) => value.includes('"keys":["new"]')));
  abort.abort();
  await turns();
  await Promise.all(all);
});

test("a certificate that was really signed is replaced before it ends", async (t) => {
  const server = new VaultServer();
  const { values, abort, follow, pass } = setUp(server);
  const data = new Map([["common_name", "a.example"]]);
  const done = follow({ kind: "vault.pki", path: "pki/issue/web", data, hash: "x", destination: "" });
  await turns();
  const [first] = values.map((pem) => new X509Certificate(pem));
  t.is(first?.subject, "CN=a.example");
  t.is(first?.issuer, "CN=root");
  t.is(first?.subjectAltName, "DNS:a.example");
  await pass(860);
  t.is(values.length, 1);
  await pass(20);
  t.is(values.length, 2, "at 87 of 100 of its life, where chance is least");
  abort.abort();
  await turns();
  await done;
});
